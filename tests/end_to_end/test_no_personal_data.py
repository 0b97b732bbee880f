"""Nothing that is made to be read by many, or kept for long, says who a person is."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from spoiling import SECRET_DIGITS, SECRET_EMAIL, SECRET_NAME, slip_in
from vip_process import start

from orchestration.errors import mask

# Where personal data belong: closed to others, or never leaving the house.
PRIVATE = ("exports", "outbox", "warehouse.duckdb")
HOST = re.compile(rb"@[\w-]+(?:\.[\w-]+)+")
MAILBOX = re.compile(rb"[\w.+-]+\Z")
DIGITS = re.compile(rb"\d(?:[ ().-]{0,3}\d){8,}")
LAST = 9  # digits that tell a number, whatever stands before them


class People:
    """Phones and e-mail addresses of a brand, and the search for them."""

    def __init__(self, raw: Path) -> None:
        rows = duckdb.execute(
            "select phone, email from read_parquet($1) union all "
            "select phone, null from read_parquet($2)",
            [f"{raw}/customers/*.parquet", f"{raw}/consent_events/*.parquet"],
        ).fetchall()
        phones = {re.sub(r"\D", "", phone or "") for phone, _ in rows} | {SECRET_DIGITS}
        usable = [phone for phone in phones if len(phone) >= LAST and len(set(phone)) > 2]
        self.phones = {phone[-LAST:].encode() for phone in usable}
        self.emails = {email.lower().encode() for _, email in rows if email}
        self.emails.add(SECRET_EMAIL.encode())
        known = len(self.phones), len(self.emails)
        assert min(known) > 300

    def found_in(self, text: bytes) -> set[bytes]:
        found = self.emails & set(addresses(text.lower()))
        for run in DIGITS.findall(text):
            digits = re.sub(rb"\D", b"", run)
            places = range(len(digits) - LAST + 1)
            found |= {digits[n : n + LAST] for n in places} & self.phones
        return found | {name for name in (SECRET_NAME.encode(),) if name in text}


def addresses(text: bytes) -> Iterator[bytes]:
    """Everything like an address; looked for from the @, of which there are few."""
    for host in HOST.finditer(text):
        mailbox = MAILBOX.search(text[max(0, host.start() - 64) : host.start()])
        if mailbox:
            yield mailbox.group() + host.group()


@pytest.fixture(scope="module")
def people(night) -> People:
    return People(night.raw)


def written(home: Path) -> Iterator[tuple[str, bytes]]:
    """All files of a home that are not private, DuckDB files as text as well."""
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if not path.is_file() or name.startswith(PRIVATE):
            continue
        yield name, path.read_bytes()
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                tables = connection.execute(
                    "select schema_name || '.' || table_name from duckdb_tables()"
                ).fetchall()
                for (table,) in tables:
                    rows = connection.execute(f"from {table}").fetchall()
                    yield f"{name}: {table}", repr(rows).encode()


def test_masking_knows_a_number_in_company_and_a_long_field_takes_no_time() -> None:
    assert mask("2026-07-01 12025550143") == "2026-07-01 ***43"
    assert mask("on 2026-07-01: +1 (202) 555-0143, ann.o'hara+x@ex-a.co.uk") == (
        "on 2026-07-01: ***43, ***@***"
    )
    assert mask("2026-07-01 10:00:00") == "2026-07-01 10:00:00"
    for field in ("x" * 1_000_000, "a.b@c" * 200_000, "1" * 1_000_000 + "-"):
        began = time.process_time()
        mask(field)
        assert time.process_time() - began < 5


@pytest.mark.slow
def test_the_search_finds_what_it_looks_for(night, people: People) -> None:
    audience = night.home / "exports" / night.day / "vip_audience.csv"
    in_files = len(people.found_in(audience.read_bytes()))
    assert people.found_in(b"call 1 (202) 555-0187 now") == {SECRET_DIGITS[-LAST:].encode()}
    with duckdb.connect(str(night.home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute("from marts_private.customer_contacts").fetchall()
    in_tables = len(people.found_in(repr(rows).encode()))
    assert in_files > 80 and in_tables > 1000


@pytest.mark.slow
def test_a_night_that_went_well_shows_nobody(night, people: People) -> None:
    found = {name: people.found_in(text) for name, text in written(night.home)}
    names = " ".join(found)
    for part in ("logs/", "dagster/history", "quality/", "published/", "ledger", "dbt/", "build/"):
        assert part in names
    assert shown(found) == {}
    assert people.found_in(night.printed.encode()) == set()


@pytest.mark.slow
def test_a_night_that_failed_shows_nobody(failed, people: People) -> None:
    """Rows about somebody did not fit, and the run broke off later on."""
    with duckdb.connect(str(failed.home / "warehouse.duckdb"), read_only=True) as connection:
        rejects = repr(connection.execute("select row_data from raw.rejects").fetchall())
    assert SECRET_NAME in rejects and SECRET_EMAIL in rejects and SECRET_DIGITS in rejects
    found = {name: people.found_in(text) for name, text in written(failed.home)}
    assert shown(found) == {}
    assert people.found_in((failed.ended.out + failed.ended.err).encode()) == set()


@pytest.mark.slow
def test_a_gate_that_stays_shut_shows_nobody(night, home: Path, people: People, tmp_path) -> None:
    """The page of the night shows the rows that must not leave, and whose they are by id alone."""
    customer = night.truth["suppressed"][0]
    slip_in(home, customer)
    said = start(tmp_path, "push", home=home).wait()
    assert "the gate is shut" in said.complaint
    page = (home / "quality" / f"{night.day}.html").read_text(encoding="utf-8")
    assert customer in page
    found = {name: people.found_in(text) for name, text in written(home)}
    assert shown(found) == {}
    assert people.found_in((said.out + said.err).encode()) == set()


@pytest.mark.slow
@pytest.mark.parametrize("how", [(), ("--json",)])
def test_a_check_shows_nobody(night, people: People, tmp_path: Path, how: tuple[str, ...]) -> None:
    said = start(tmp_path, "check", *how, raw_dir=night.changed_raw, home=tmp_path / "var").wait()
    assert said.code == 0, said.err
    assert "duplicate_key" in said.out and "consent_events" in said.out
    assert people.found_in((said.out + said.err).encode()) == set()


def shown(found: dict[str, set[bytes]]) -> dict[str, int]:
    """How many people each file shows: a failing test must not show them once more."""
    return {name: len(hits) for name, hits in found.items() if hits}
