"""`vip forget`: one person erased, place after place, so that a kill half-way costs nothing.

The list of hashes comes first: from then on nobody on it is loaded or sent again, and every place
is searched by it. Then the platforms, while a phone is known to those that go by nothing else. Of
the files the warehouse comes last, because it alone knows which orders were whose.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from orchestration import quality
from orchestration.erasure.identifiers import (
    CUSTOMER,
    EMAIL,
    KEY,
    PHONE,
    Erased,
    names_customers,
    read,
)
from orchestration.erasure.tables import Cleared, connection_for
from orchestration.erasure.texts import (
    CSV,
    Judge,
    clear_sqlite,
    csv_without,
    json_without,
    parquet_without,
    rewrite,
    text_without,
)
from orchestration.errors import UserError
from orchestration.exporting import MANIFEST, read_manifest
from orchestration.files import private_folder, put_folder, recover_folders, remove, write_private
from orchestration.keys import ledger_key
from orchestration.ledger import Ledger, open_ledger
from orchestration.platforms import DESTINATIONS, may_push
from orchestration.quality import nights
from orchestration.quality.suites import policy_parameters
from orchestration.second_engine import spark_folder
from orchestration.settings import Settings
from orchestration.warehouse import sql_path

_REMAINS = (
    "keyed hashes on the list of erased people; how many of each arm of an experiment were erased; "
    "this receipt"
)


@dataclass
class Person:
    """Whom an erasure is about: every identifier of theirs that is known here, by kind."""

    customer_ids: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)

    @property
    def by_kind(self) -> dict[str, set[str]]:
        """The identifiers as the list names their kinds."""
        return {CUSTOMER: self.customer_ids, PHONE: self.phones, EMAIL: self.emails}


@dataclass(frozen=True)
class Receipt:
    """What an erasure did: rows by place over all of its tries, and what each platform said."""

    asked_by: str
    asked_at: str
    finished_at: str | None
    identifiers: dict[str, int]
    erased: dict[str, int]
    platforms: dict[str, str]
    path: Path

    def as_dict(self) -> dict[str, Any]:
        """The receipt as it is kept: no identifier but the customer id asked for."""
        return {
            "customer": self.asked_by,
            "asked_at": self.asked_at,
            "finished_at": self.finished_at,
            "identifiers": self.identifiers,
            "rows_erased": self.erased,
            "platforms": self.platforms,
            "what_remains": _REMAINS,
        }


def find_person(settings: Settings, customer: str | None, phone: str | None) -> Person:
    """Gather what is known of a customer, or of whoever has a phone (E.164), wherever it lies.

    Other accounts with the same phone or e-mail address are theirs too, unless so many have it that
    it is nobody's (policy parameter max_customers_per_phone). Raises `UserError` where the phone
    asked for is such a one.
    """
    person = Person({customer} if customer else set(), {phone} if phone else set())
    limit = int(policy_parameters()["max_customers_per_phone"])
    numbers, addresses = set(person.phones), set()
    if customer:
        for where in (_in_warehouse, _in_files):
            for found_phone, found_email in where(settings, customer):
                numbers |= {found_phone} - {None, ""}
                addresses |= {found_email.strip().lower()} if found_email else set()
    for kind, values in ((PHONE, numbers), (EMAIL, addresses)):
        for value in sorted(values):
            others = _bearers(settings, kind, value)
            if value == phone and len(others) > limit:
                raise UserError(
                    f"the phone given stands on {len(others)} accounts: name the customer"
                )
            if value not in person.phones and len(others | person.customer_ids) > limit:
                continue
            if customer and others and customer not in others:
                continue  # they had it once; somebody else has it now
            person.by_kind[kind].add(value)
            person.customer_ids.update(others if len(others) <= limit else ())
    return person


def is_known(settings: Settings, person: Person) -> bool:
    """Whether anything at all is known of a person, or they are on the list already."""
    if person.phones or person.emails:
        return True
    wanted = person.customer_ids
    if any(_bearers(settings, CUSTOMER, each) for each in wanted):
        return True
    if not settings.paths.ledger.exists():
        return False
    with open_ledger(settings, read_only=True) as ledger:
        if ledger.named(lambda text, column: names_customers(column) and text in wanted):
            return True
    erased = read(settings, read_only=True)
    return bool(erased) and bool(erased.has(CUSTOMER, wanted))


def forget(
    settings: Settings,
    customer: str | None,
    phone: str | None,
    progress: Callable[[str], None] = lambda _: None,
) -> Receipt:
    """Erase a customer, or whoever has a phone; repeat it after a kill and it goes on.

    Hold the writer lock. `progress` is told each place. Raises `UserError` for somebody of whom
    nothing is known, a phone of too many, and when the key of the ledger is not that of the list.
    """
    with open_ledger(settings):
        pass  # one of an older program is brought up to date
    _remove_leftovers(settings)
    person = find_person(settings, customer, phone)
    if not is_known(settings, person):
        raise UserError(
            f"nothing is known here of a customer {customer}: nobody was erased; look at the id"
        )
    asked_by = customer or phone or ""
    erased = _put_on_list(settings, person, CUSTOMER if customer else PHONE, asked_by)
    erasure = erased.digest(CUSTOMER if customer else PHONE, asked_by)
    with open_ledger(settings) as ledger:
        progress("platforms")
        live = [name for name in ledger.destinations() if _is_live(name)]
        told = {name: withdraw_from(settings, ledger, erased, name) for name in live}
        judge = Judge(erased, person.customer_ids)
        for place, clear in _PLACES.items():
            progress(place)
            clear(settings, judge, partial(ledger.note_erased, erasure, place))
        progress("ledger")
        ledger.erase(erasure, erased.holds, live)
        ledger.compact()
        ledger.finish_erasure(erasure)
        kept = ledger.erasure(erasure)
    receipt = Receipt(
        customer or "whoever has the phone given",
        kept.asked_at if kept else "",
        kept.finished_at if kept else None,
        {kind: len(values) for kind, values in person.by_kind.items()},
        kept.rows if kept else {},
        {name: what for name, what in told.items() if what},
        settings.paths.erasures / f"{erasure[:16]}.json",
    )
    private_folder(settings.paths.erasures)
    write_private(receipt.path, (json.dumps(receipt.as_dict(), indent=2) + "\n").encode())
    return receipt


def _remove_leftovers(settings: Settings) -> None:
    """Remove what killed nights left half written: the lock says that nobody is writing."""
    paths = settings.paths
    for root in (paths.exports, paths.published.parent, paths.outbox, paths.quality):
        for path in sorted(root.rglob(".*.tmp")):
            remove(path)


def _put_on_list(settings: Settings, person: Person, kind: str, asked_by: str) -> Erased:
    read(settings)  # raises for another key than that of the list
    erased = Erased(
        ledger_key(settings, create=True), country=settings.default_country.strip().upper()
    )
    digests = {
        erased.digest(kind, value): kind
        for kind, values in person.by_kind.items()
        for value in values
    }
    with open_ledger(settings) as ledger:
        ledger.begin_erasure(
            erased.digest(kind, asked_by), {**digests, erased.digest(KEY, ""): KEY}
        )
    return read(settings)


# What is known of a customer.


def _attached(settings: Settings) -> duckdb.DuckDBPyConnection:
    connection = connection_for(settings)
    if settings.paths.warehouse.exists():
        connection.execute(f"attach {sql_path(settings.paths.warehouse)} as warehouse (read_only)")
    return connection


def _raw_tables_with(connection: duckdb.DuckDBPyConnection, column: str) -> list[str]:
    found = connection.execute(
        "select schema_name || '.' || table_name from duckdb_columns() "
        "where database_name = 'warehouse' and schema_name = 'raw' and column_name = $1 "
        "order by all",
        [column],
    ).fetchall()
    return [f"warehouse.{name}" for (name,) in found]


def _in_warehouse(settings: Settings, customer: str) -> Iterator[tuple[str | None, str | None]]:
    with closing(_attached(settings)) as connection:
        with_customer = set(_raw_tables_with(connection, CUSTOMER))
        for column, name in (("phone_e164", PHONE), ("email", EMAIL)):
            for table in with_customer & set(_raw_tables_with(connection, column)):
                for (value,) in connection.execute(
                    f"select distinct {column} from {table} where {CUSTOMER} = $1", [customer]
                ).fetchall():
                    yield (value, None) if name == PHONE else (None, value)


def _in_files(settings: Settings, customer: str) -> Iterator[tuple[str | None, str | None]]:
    """Phones and addresses that files of earlier nights give for a customer."""
    paths = settings.paths
    files = [*paths.exports.glob("*/vip_audience.csv"), *paths.outbox.glob("*/*-profiles.csv")]
    if files:
        names = ", ".join(sql_path(path) for path in sorted(files))
        with closing(connection_for(settings)) as connection:
            yield from connection.execute(
                f"select distinct phone, email from read_csv([{names}], {CSV}, "
                f"union_by_name = true) where {CUSTOMER} = $1",
                [customer],
            ).fetchall()


def _bearers(settings: Settings, kind: str, value: str) -> set[str]:
    """The customers who have an identifier now."""
    column = {PHONE: "phone_e164", EMAIL: "lower(trim(email))", CUSTOMER: CUSTOMER}[kind]
    with closing(_attached(settings)) as connection:
        tables = _raw_tables_with(connection, CUSTOMER)
        if kind != CUSTOMER:
            tables = [table for table in tables if table.endswith(".customers")]
        return {
            customer
            for table in tables
            for (customer,) in connection.execute(
                f"select distinct {CUSTOMER} from {table} where {column} = $1", [value]
            ).fetchall()
        }


# The places, in their order. Each says how many rows are going before they do.


def _clear_exports(settings: Settings, judge: Judge, note: Callable[[int], None]) -> None:
    root = settings.paths.exports
    if not root.exists():
        return
    recover_folders(root)
    cleared, gone = [], 0
    for folder in _folders(root):
        work = root / f".{folder.name}.erasing.tmp"
        remove(work)
        rows = _clear_export(settings, folder, work, judge)
        if rows:
            cleared.append((work, folder))
        gone += rows
    note(gone)
    for work, folder in cleared:
        put_folder(work, folder)


def _folders(root: Path) -> list[Path]:
    return sorted(
        each
        for each in root.iterdir()
        if each.is_dir() and not each.is_symlink() and not each.name.startswith(".")
    )


def _clear_export(settings: Settings, folder: Path, work: Path, judge: Judge) -> int:
    """Write an export folder anew into `work` where rows are gone from it; return how many."""
    changed: dict[str, tuple[bytes, int]] = {}
    for path in sorted(folder.rglob("*")):
        without = None
        if path.suffix == ".csv":
            without = csv_without(path, judge)
        elif path.suffix == ".parquet":
            without = parquet_without(path, judge.erased, settings)
        if without:
            changed[path.relative_to(folder).as_posix()] = without
    if not changed:
        return 0
    shutil.copytree(folder, work)
    manifest = read_manifest(folder) or {"files": []}
    for entry in manifest["files"]:
        if entry["file"] in changed:
            content, rows = changed[entry["file"]]
            entry["rows"] -= rows
            entry["sha256"] = hashlib.sha256(content).hexdigest()
    changed[MANIFEST] = ((json.dumps(manifest, indent=2) + "\n").encode(), 0)
    for name, (content, _) in changed.items():
        write_private(work / name, content)
    return sum(rows for _, rows in changed.values())


def _clear_outbox(settings: Settings, judge: Judge, note: Callable[[int], None]) -> None:
    files = sorted(settings.paths.outbox.rglob("*.csv"))
    note(sum(found[1] for path in files if (found := csv_without(path, judge))))
    for path in files:
        found = csv_without(path, judge)
        if found:
            write_private(path, found[0])


def _clear_pages(settings: Settings, judge: Judge, note: Callable[[int], None]) -> None:
    """Offending rows that the pages of the nights show, and words of the other texts."""
    kept = sorted(settings.paths.quality.glob("????-??-??.json"))
    texts = [
        *sorted(settings.paths.audits.rglob("*.html")),
        *sorted((settings.paths.home / "logs").rglob("*.log")),
    ]
    databases = sorted(settings.paths.dagster.rglob("*.db"))

    def go(*, dry: bool) -> int:
        gone = sum(rewrite(path, lambda text: json_without(text, judge), dry=dry) for path in kept)
        gone += sum(
            rewrite(path, lambda text: text_without(text, judge), dry=dry) for path in texts
        )
        return gone + sum(clear_sqlite(path, judge, dry=dry) for path in databases)

    note(go(dry=True))
    go(dry=False)
    for day in reversed(nights.dates(settings)):
        quality.write_page(settings, day)


def _clear_databases(settings: Settings, judge: Judge, note: Callable[[int], None]) -> None:
    paths = settings.paths
    files = [path for path in (paths.published, paths.build, paths.warehouse) if path.exists()]
    source = paths.warehouse if paths.warehouse.exists() else None
    cleared = [Cleared(settings, path, judge.erased, source or path) for path in files]
    note(sum(each.rows for each in cleared))
    for each in cleared:
        each.put_in_place()
    remove(paths.tmp)
    remove(spark_folder(settings))  # made anew by each build


_PLACES: dict[str, Callable[[Settings, Judge, Callable[[int], None]], None]] = {
    "export files": _clear_exports,
    "outbox": _clear_outbox,
    "pages and logs": _clear_pages,
    "published marts and warehouse": _clear_databases,
}


# The ledger and the platforms.


def _is_live(destination: str) -> bool:
    return destination not in DESTINATIONS or DESTINATIONS[destination].is_live


def withdraw_from(
    settings: Settings, ledger: Ledger, erased: Erased, destination: str
) -> str | None:
    """Have a platform let go of who is erased; what became of it, None where it knows nobody."""
    from orchestration.sync import withdraw

    known = [each for each in ledger.contacts(destination) if erased.holds(each)]
    if not known:
        return None
    if destination in DESTINATIONS and not may_push(destination, settings):
        return "at the next push from the machine that may push there"
    try:
        left = withdraw(settings, ledger, destination)
    except UserError as error:
        return f"at the next push ({error})"
    return "at the next push" if left else "done"
