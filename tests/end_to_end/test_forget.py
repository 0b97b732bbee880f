"""A person erased as a user would do it: the command, a kill half-way, and the night's own gate."""

from __future__ import annotations

import json
import sqlite3
from datetime import date
from pathlib import Path

import duckdb
import pytest
from vip_process import content, csv_rows, start, wait_until

from orchestration.erasure.finding import find
from orchestration.landing import land
from orchestration.settings import Settings
from orchestration.warehouse import connect

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("end_to_end")]


def somebody(night) -> dict[str, str]:
    """A member of the audience whose phone and e-mail address are nobody else's."""
    with duckdb.connect(str(night.home / "warehouse.duckdb"), read_only=True) as connection:
        alone = {
            customer
            for (customer,) in connection.execute(
                "select any_value(customer_id) from raw.customers group by phone_e164 "
                "having count(*) = 1"
            ).fetchall()
        }
    audience = csv_rows(night.home / "exports" / night.day / "vip_audience.csv")
    return next(row for row in audience if row["customer_id"] in alone and row["email"])


def shown(home: Path, who: dict[str, str]) -> set[str]:
    """Files, and tables of databases, that name the person; the receipt is to name them."""
    wanted = [who["customer_id"].encode(), who["phone"].encode(), who["email"].encode()]
    texts: dict[str, bytes] = {}
    for name, data in content(home).items():
        if name.startswith("erasures/"):
            continue
        texts[name] = data
        path = home / name
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                for (table,) in connection.execute(
                    "select schema_name || '.' || table_name from duckdb_tables()"
                ).fetchall():
                    rows = connection.execute(f"from {table}").fetchall()
                    texts[f"{name} {table}"] = repr(rows).encode()
        elif path.suffix in (".sqlite", ".db"):
            with sqlite3.connect(path) as connection:
                texts[f"{name} rows"] = "\n".join(connection.iterdump()).encode()
    return {name for name, text in texts.items() if any(each in text for each in wanted)}


def test_a_person_is_erased_by_one_command_though_killed_at_first(
    night, home: Path, tmp_path: Path
) -> None:
    who = somebody(night)
    places = shown(home, who)
    for part in ("warehouse.duckdb raw.customers", "published/", "exports/", "outbox/", "ledger"):
        assert any(name.startswith(part) for name in places), part

    running = start(tmp_path, "forget", who["customer_id"], "--yes", home=home)
    wait_until(lambda: any((home / "tmp").glob("*.new")) or not running.is_alive)
    running.kill(group=True)
    assert running.wait().code < 0, "killed before it was done"

    said = start(tmp_path, "forget", who["customer_id"], "--yes", "--json", home=home).wait()
    assert said.code == 0, said.err
    assert said.json["rows_erased"]["published marts and warehouse"] > 20
    assert said.json["identifiers"] == {"customer_id": 1, "phone": 1, "email": 1}
    assert who["phone"] not in said.out + said.err and who["email"] not in said.out + said.err
    assert shown(home, who) == set()
    (receipt,) = (home / "erasures").iterdir()
    assert json.loads(receipt.read_text()) == said.json

    settings = Settings(home=home, raw_dir=night.raw, _env_file=None)
    with connect(settings, read_only=True) as connection:
        assert find(settings, connection) == [], "what the gate of the next night asks"
    # The raw files are the brand's: the person is in them still, and is not loaded again.
    report = land(settings, night.raw, date.fromisoformat(night.day), "again")
    assert report.rows_erased > 3
    assert not {name for name in shown(home, who) if name.startswith("warehouse")}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nobody-of-that-name", "--yes"), "nothing is known here of a customer"),
        (("--phone", "+12025550143", "--yes"), "stays in the shell's history"),
        (("c1", "--phone", "-", "--yes"), "name a customer, or pass `--phone -`"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(
    night, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    before = content(night.home)["warehouse.duckdb"]
    assert complaint in start(tmp_path, "forget", *arguments, home=night.home).wait().complaint
    assert content(night.home)["warehouse.duckdb"] == before
