"""Raw files as they come: no traceback, every row accounted for, the last good night untouched."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from small_brand import DAY, ROWS, TABLES, write
from vip_process import content, exported, start

pytestmark = pytest.mark.slow

LONG = "x" * 1_000_000
HEADER, *LINES = TABLES["orders"].splitlines()
WIDE = [",".join([HEADER, *(f"extra_{n}" for n in range(197))])]
WIDE += [",".join([line, *("y" * 197)]) for line in LINES]

# The table, its text, and how many of its rows cannot be used.
ODD = {
    "a byte order mark": ("customers", "\ufeff" + TABLES["customers"], 0),
    "CRLF": ("orders", TABLES["orders"].replace("\n", "\r\n"), 0),
    "line breaks in quotes": (
        "customers",
        TABLES["customers"].replace("Ann", '"Ann,\nthe ""second""\r\n"'),
        0,
    ),
    "200 columns": ("orders", "\n".join(WIDE), 0),
    "a million characters of a name": ("customers", TABLES["customers"].replace("Ann", LONG, 1), 0),
    "a million characters of a phone": (
        "customers",
        TABLES["customers"].replace("(212) 555-0100", "1" * 1_000_000, 1),
        0,
    ),
    "a million characters of a date": (
        "orders",
        TABLES["orders"].replace("2026-06-17", LONG, 1),
        1,
    ),
    "a row too short and one too long": (
        "orders",
        TABLES["orders"] + "o1\no2,c100,2026-06-01,7\n",
        2,
    ),
    "no last line break": ("order_lines", TABLES["order_lines"].rstrip(), 0),
}


@pytest.mark.parametrize("oddity", ODD)
def test_nothing_is_lost(oddity: str, tmp_path: Path) -> None:
    table, text, unusable = ODD[oddity]
    raw = write(tmp_path / "raw", {table: text})
    ended = start(tmp_path, "check", "--json", raw_dir=raw, home=tmp_path / "var").wait()
    assert "Traceback" not in ended.err
    told = ended.json
    rows = {file["table_name"]: file for file in told["files"]}
    for file in rows.values():
        parts = file["rows_loaded"] + file["rows_rejected"] + file["exact_duplicates"]
        assert parts == file["rows_read"]
    extra = text.count("\no1\n") * 2
    assert rows[table]["rows_read"] == ROWS + extra
    # An order that cannot be used takes its line along, to where both can be looked at.
    orphans = {"a million characters of a date": 1}.get(oddity, 0)
    assert told["rows_rejected"] == unusable + orphans
    assert told["rows_loaded"] == 3 * ROWS + extra - unusable - orphans
    assert len(ended.out) < 20_000, "a field of a million characters belongs in no report"
    # Test data end in June: by today's date the feed has stopped, and the gate says so.
    assert (ended.code, ended.err.strip()) == (1, _STALE) or ended.code == 0


_STALE = "vip: a blocking check failed: newest_order_is_recent"


def _latin_1(raw: Path) -> str:
    write(raw, {"customers": TABLES["customers"].replace("Ann", "Zoé").encode("latin-1")})
    return "customers.csv is not UTF-8 text"


def _damaged_page(raw: Path) -> str:
    (raw / "orders.csv").unlink()
    path = raw / "orders.parquet"
    duckdb.execute(
        f"copy (select 'o' || range as order_id, 'c1' as customer_id, now() as ordered_at, "
        f"md5(range::varchar) as note from range(100000)) to '{path}' (compression zstd)"
    )
    damaged = bytearray(path.read_bytes())
    for place in range(1000, len(damaged) - 10_000, 500):
        damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    return "orders.parquet is not a readable Parquet file"


def _broken_link(raw: Path) -> str:
    (raw / "order_lines.csv").unlink()
    (raw / "order_lines.csv").symlink_to("gone.csv")
    return "order_lines.csv"


def _folder_in_place_of_a_file(raw: Path) -> str:
    (raw / "orders.csv").unlink()
    (raw / "orders.csv").mkdir()
    return "orders.csv is a folder"


def _no_parquet_at_all(raw: Path) -> str:
    (raw / "orders.csv").rename(raw / "orders.parquet")
    return "orders.parquet is not a readable Parquet file"


def _missing_table(raw: Path) -> str:
    (raw / "order_lines.csv").unlink()
    return "no order_lines in"


def _missing_column(raw: Path) -> str:
    write(raw, {"orders": TABLES["orders"].replace("ordered_at", "date", 1)})
    return "orders.csv has no column ordered_at"


def _open_quote(raw: Path) -> str:
    write(raw, {"customers": TABLES["customers"].replace("Ann", '"Ann', 1)})
    return "customers.csv ends inside a quoted field"


@pytest.mark.parametrize("spoil", [_latin_1, _damaged_page, _broken_link])
def test_a_file_that_cannot_be_used_stops_the_night(
    spoil, night, untouched: Path, tmp_path: Path
) -> None:
    raw = write(tmp_path / "raw")
    told = spoil(raw)
    published = (untouched / "published" / "vip_sms.duckdb").stat()
    ended = start(tmp_path, "nightly", "--as-of", DAY, raw_dir=raw, home=untouched).wait()
    assert told in ended.complaint
    assert exported(untouched, night.day) == exported(night.home, night.day)
    assert content(untouched / "outbox") == content(night.home / "outbox")
    assert (untouched / "published" / "vip_sms.duckdb").stat() == published
    # What had been landed is still there for whoever looks into it, the delivery included.
    plan = start(tmp_path, "plan", "--json", home=untouched).wait()
    assert plan.code == 0, plan.err


@pytest.mark.parametrize(
    "spoil",
    [_folder_in_place_of_a_file, _no_parquet_at_all, _missing_table, _missing_column, _open_quote],
)
def test_a_check_says_in_one_line_what_is_wrong(spoil, tmp_path: Path) -> None:
    raw = write(tmp_path / "raw")
    told = spoil(raw)
    ended = start(tmp_path, "check", "--json", raw_dir=raw, home=tmp_path / "var").wait()
    assert told in ended.complaint
    assert not (tmp_path / "var").exists()


def test_a_file_without_permission(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw")
    path = raw / "orders.csv"
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        ended = start(tmp_path, "check", raw_dir=raw, home=tmp_path / "var").wait()
        assert "orders.csv cannot be read: Permission denied" in ended.complaint
    else:
        pytest.skip("this user may read every file")


@pytest.fixture(scope="module")
def untouched(night, copy_of) -> Path:
    """A home that no test of this module may change."""
    home = copy_of(night)
    yield home
    shutil.rmtree(home, ignore_errors=True)
