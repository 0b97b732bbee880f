"""Nothing gets lost: the books of a landing, against a plain reading of the same files."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from brand import AS_OF, Brand
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.contract import load_contract, raw_tables
from orchestration.landing import land, resolve_as_of
from orchestration.settings import Settings

KEYS = st.sampled_from(["o1", "o2", "o3", " o1", "", " ", 'ö,\n"4'])
CELLS = {
    "order_id": KEYS,
    "customer_id": st.sampled_from(["", "c1", "c2 ", "c9"]),
    "ordered_at": st.sampled_from(["2026-01-01", "2026-01-01 00:00:00", "2026-13-01", "", "x"]),
    "status": st.sampled_from(["", "paid", "PAID", "gone"]),
    "payment_fee": st.sampled_from(["", "1", "1.0", "-1", "1,0", "NaN"]),
    "Note": st.sampled_from(["", "n"]),
}


@st.composite
def parts(draw: st.DrawFn) -> list[tuple[list[str], list[list[str]], str]]:
    """Up to three files: a header of some columns in some order, records, and a line end."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        optional = draw(st.sets(st.sampled_from(sorted(CELLS.keys() - {"order_id", "ordered_at"}))))
        header = draw(st.permutations(["order_id", "ordered_at", *sorted(optional)]))
        records = []
        for _ in range(draw(st.integers(0, 8))):
            record = [draw(CELLS[name]) for name in header]
            match draw(st.integers(0, 9)):
                case 0:
                    record.append("more")
                case 1 if len(record) > 2:
                    record.pop()
            records.append(record)
        found.append((header, records, draw(st.sampled_from(["\n", "\r\n"]))))
    return found


def expected(files: list[tuple[list[str], list[list[str]], str]]) -> tuple[dict, list[str], int]:
    """Read the files in the plainest way: rows by key, reasons in order, exact duplicates."""
    loaded: dict[str, tuple] = {}
    reasons: list[str] = []
    same = 0
    for header, records, _ in files:
        for record in records:
            if len(record) != len(header):
                reasons.append("malformed_record")
                continue
            row = {name: value.strip(" ") for name, value in zip(header, record, strict=True)}
            order_id, ordered_at = row["order_id"], row["ordered_at"]
            customer_id, status = row.get("customer_id", ""), row.get("status", "").lower()
            try:
                moment = datetime.fromisoformat(ordered_at)
            except ValueError:
                moment = None
            fee = row.get("payment_fee", "")
            try:
                amount = Decimal(fee) if fee else None
                is_amount = amount is None or amount.is_finite()
            except InvalidOperation:
                is_amount = False
            content = (moment, customer_id, status, amount if is_amount else None)
            if not order_id or not ordered_at:
                reasons.append("missing")
            elif moment is None or not is_amount:
                reasons.append("unparsable")
            elif status not in ("", "paid"):
                reasons.append("not_allowed")
            elif amount is not None and amount < 0:
                reasons.append("out_of_range")
            elif customer_id not in ("", "c1", "c2"):
                reasons.append("orphan")
            elif order_id not in loaded:
                loaded[order_id] = content
            elif loaded[order_id] == content:
                same += 1
            else:
                reasons.append("duplicate_key")
    return loaded, reasons, same


def books(root: Path, files: list[tuple[list[str], list[list[str]], str]]) -> None:
    brand = Brand(Settings(home=root / "var", raw_dir=root / "raw", _env_file=None))
    (brand.raw / "orders.csv").unlink()
    brand.put("customers.csv", "customer_id\nc1\nc2\n")
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\n")
    for number, (header, records, line_end) in enumerate(files):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator=line_end)
        writer.writerows([header, *records])
        brand.put(f"orders/{number}.csv", text.getvalue())
    report = brand.land()
    loaded, reasons, same = expected(files)
    rows = brand.rows(
        "select order_id, ordered_at, coalesce(customer_id, ''), coalesce(status, ''), payment_fee "
        "from raw.orders"
    )
    assert {row[0]: row[1:] for row in rows} == loaded
    assert len(rows) == len(loaded)
    rejects = brand.rows(
        "select reason from raw.rejects where table_name = 'orders' order by file_name, row_number"
    )
    assert [reason for (reason,) in rejects] == reasons
    reports = [file for file in report.files if file.table_name == "orders"]
    assert sum(file.exact_duplicates for file in reports) == same
    for file, (_, records, _) in zip(reports, files, strict=True):
        assert file.rows_read == len(records)
        parts = file.rows_loaded + file.rows_rejected + file.exact_duplicates
        assert parts == file.rows_read


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(files=parts())
def test_any_mess_of_files_lands_like_a_plain_reading_of_them(files):
    with TemporaryDirectory() as root:
        books(Path(root), files)


def test_one_mess_of_files_lands_like_a_plain_reading_of_it(tmp_path: Path):
    files = [
        (
            ["ordered_at", "order_id", "customer_id", "payment_fee"],
            [
                ["2026-01-01", "o1", "c1", "1"],
                ["2026-01-01 00:00:00", " o1", "c1 ", "1.0"],
                ["2026-01-01", "o1", "", "1"],
                ["2026-01-01", "o2", "c9", "1"],
                ["2026-01-01", "o2"],
            ],
            "\r\n",
        ),
        (["order_id", "ordered_at", "Note"], [["o1", "x", "n"], ["o2", "2026-01-01", ""]], "\n"),
    ]
    assert expected(files)[1:] == (
        ["duplicate_key", "orphan", "malformed_record", "unparsable"],
        1,
    )
    books(tmp_path, files)


def test_a_failure_half_way_leaves_the_tables_of_before(brand: Brand, monkeypatch):
    brand.land()
    tables = [name for name, table in load_contract().items() if table.columns]
    before = {name: brand.rows(f"from raw.{name}") for name in tables}
    brand.put("customers.csv", "customer_id\nc7\n")
    brand.put("orders.csv", "order_id,ordered_at\n")

    from orchestration.landing import loading

    load = loading.load

    def fail_late(connection, given, defaults, sieve):
        if given.table.name == raw_tables()[-1].name:
            raise KeyboardInterrupt
        return load(connection, given, defaults, sieve)

    monkeypatch.setattr(loading, "load", fail_late)
    with pytest.raises(KeyboardInterrupt):
        brand.land()
    assert {name: brand.rows(f"from raw.{name}") for name in tables} == before
    monkeypatch.undo()
    brand.land()
    assert brand.rows("select customer_id from raw.customers") == [("c7",)]


def test_the_log_of_assignments_outlives_a_landing(brand: Brand):
    brand.land()
    assert brand.rows("from raw.holdout_log") == []
    with duckdb.connect(str(brand.settings.paths.warehouse)) as connection:
        connection.execute(
            "insert into raw.holdout_log "
            "values ('global', 'k1', 'c1', 'holdout', 0.01, '2026-01-01')"
        )
    brand.land()
    assert brand.rows("select contact_id, arm from raw.holdout_log") == [("k1", "holdout")]


def test_every_table_of_the_contract_is_there_with_its_columns(brand: Brand):
    brand.land()
    for table in load_contract().values():
        described = brand.rows(f"describe raw.{table.name}")
        assert [row[0] for row in described] == [column.name for column in table.columns]
        assert [row[1].lower() for row in described] == [c.data_type for c in table.columns]


def test_the_context_of_a_run(brand: Brand):
    report = brand.land()
    assert brand.rows("from raw.run_context") == [
        ("run-1", AS_OF, "USD", False, report.raw_fingerprint)
    ]
    assert (report.rows_read, report.rows_loaded, report.rows_rejected) == (7, 7, 0)
    assert resolve_as_of(brand.raw, AS_OF) == AS_OF
    brand.put("truth.json", json.dumps({"as_of_date": "2026-06-03"}))
    assert resolve_as_of(brand.raw, AS_OF) == date(2026, 6, 3)
    assert brand.land().is_sample
    assert brand.rows("select is_sample from raw.run_context") == [(True,)]


def test_a_real_shops_year_agrees_with_its_books(shared_dir: Path, tmp_path: Path):
    year = shared_dir / "data" / "online_retail_2010"
    facts = json.loads((year / "facts.json").read_text())
    settings = Settings(home=tmp_path, raw_dir=year, _env_file=None)
    report = land(settings, year, date(2010, 12, 10), "year")
    by_table = {file.table_name: file for file in report.files}
    assert by_table["order_lines"].rows_read == facts["lines"] == 515_255
    assert by_table["order_lines"].rows_rejected == facts["bad_lines"] == 2_124
    assert by_table["returns"].rows_rejected == facts["bad_returns"] == 1
    assert report.rows_rejected == 2_125
    assert report.exact_duplicates == 0
    assert report.reporting_currency == "GBP"
    with duckdb.connect(str(settings.paths.warehouse), read_only=True) as connection:
        gross, known, fx_rate = connection.execute(
            "select sum(quantity * unit_price), "
            "sum(quantity * unit_price) filter (where customer_id is not null), max(fx_rate) "
            "from raw.order_lines inner join raw.orders using (order_id)"
        ).fetchone()
        refunds, nobodys = connection.execute(
            "select sum(refund_amount), count(*) filter (where customer_id is null) "
            "from raw.returns"
        ).fetchone()
    assert fx_rate == 1
    assert gross == Decimal(facts["gross_good"]) == Decimal("10305892.024")
    assert known == Decimal(facts["gross_good_known"]) == Decimal("8832003.274")
    assert refunds == Decimal(facts["refunds"]) == Decimal("630228.940")
    assert nobodys == facts["returns_no_customer"] - facts["bad_returns"]
