"""Where erased people still stand: asked each night before anything leaves the house."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import duckdb

from orchestration.erasure.identifiers import Erased, read
from orchestration.erasure.tables import Search
from orchestration.erasure.texts import CSV, IDENTIFYING, Judge, json_without, rewrite
from orchestration.ledger import open_ledger
from orchestration.settings import Settings
from orchestration.warehouse import sql_path

Row = tuple[str, str, str, int]


def find(settings: Settings, connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Every place, table and column that names somebody erased, and how many rows; none is good.

    `connection` has the warehouse open, the marts attached. A platform that has yet to be told is
    no finding: the ledger has to know them until it was. Raises `UserError` for another key than
    that of the list.
    """
    erased = read(settings, read_only=True)
    if not erased:
        return []
    search = Search(connection, erased)
    found: list[Row] = []
    attached = ["warehouse", "vip_sms"]
    if settings.paths.published.exists():
        path = sql_path(settings.paths.published)
        connection.execute(f"attach if not exists {path} as published (read_only)")
        attached.append("published")
    for catalogue in attached:
        place = {"vip_sms": "marts", "published": "published marts"}.get(catalogue, catalogue)
        found += [(place, each.table, each.column, each.rows) for each in search.through(catalogue)]
    if "published" in attached:
        connection.execute("detach published")
    clean = _Clean(settings, erased)
    for place, root in (("exports", settings.paths.exports), ("outbox", settings.paths.outbox)):
        files = clean.pick(path for path in root.rglob("*") if path.suffix in (".csv", ".parquet"))
        hits = _in_files(connection, search, place, files)
        clean.note([] if hits else files)
        found += hits
    found += _in_ledger(settings, erased)
    found += _in_pages(settings, erased, clean)
    clean.keep()
    return found


class _Clean:
    """Files in which nobody was found, as they were: a year of nights is not read each night.

    Once somebody is put on the list every file is looked through again.
    """

    def __init__(self, settings: Settings, erased: Erased) -> None:
        self._settings = settings
        self._list = hashlib.sha256("\n".join(sorted(erased.digests)).encode()).hexdigest()
        self._stamps: dict[str, str] = {}
        self._clean: set[str] = set()
        with open_ledger(settings, read_only=True) as ledger:
            self._known = ledger.searched(self._list)

    def pick(self, paths: Iterable[Path]) -> list[Path]:
        """Those that were never found clean, or have changed since."""
        fresh = []
        for path in sorted(paths):
            status, name = path.stat(), self._name(path)
            self._stamps[name] = f"{status.st_size} {status.st_mtime_ns}"
            if self._known.get(name) == self._stamps[name]:
                self._clean.add(name)
            else:
                fresh.append(path)
        return fresh

    def note(self, paths: Iterable[Path]) -> None:
        """Nobody was found in these."""
        self._clean.update(map(self._name, paths))

    def keep(self) -> None:
        """Remember it in the ledger; files that are gone are forgotten."""
        with open_ledger(self._settings) as ledger:
            clean = {name: self._stamps[name] for name in sorted(self._clean)}
            ledger.note_searched(self._list, clean)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._settings.paths.home).as_posix()


def _in_files(
    connection: duckdb.DuckDBPyConnection, search: Search, place: str, files: list[Path]
) -> list[Row]:
    """Files of one header are read as one: a year of nights in a few queries."""
    found: list[Row] = []
    for suffix, reader in ((".csv", "read_csv"), (".parquet", "read_parquet")):
        options = f", {CSV}" if suffix == ".csv" else ""
        alike: dict[tuple[tuple[str, str], ...], list[Path]] = {}
        for path in files:
            if path.suffix != suffix:
                continue
            described = connection.execute(f"describe from {reader}({sql_path(path)}{options})")
            columns = tuple(
                (name, kind)
                for name, kind, *_ in described.fetchall()
                if kind == "VARCHAR" and IDENTIFYING.search(name)
            )
            alike.setdefault(columns, []).append(path)
        for columns, paths in alike.items():
            names = ", ".join(map(sql_path, paths))
            relation = f"{reader}([{names}], union_by_name = true{options})"
            found += [
                (place, f"files of {suffix[1:]}", each.column, each.rows)
                for each in search.in_relation(relation, place, columns)
            ]
    return found


def _in_ledger(settings: Settings, erased: Erased) -> list[Row]:
    with open_ledger(settings, read_only=True) as ledger:
        asked = {contact for name in ledger.destinations() for contact in ledger.contacts(name)}
        return [
            ("ledger", table, column, len(texts))
            for (table, column), texts in ledger.named(erased.holds).items()
            # What a platform was asked is known until it has answered.
            if table != "platform_memory" and (table != "sync_rows" or texts - asked)
        ]


def _in_pages(settings: Settings, erased: Erased, clean: _Clean) -> list[Row]:
    judge = Judge(erased)
    found: list[Row] = []
    for path in clean.pick(settings.paths.quality.glob("????-??-??.json")):
        rows = rewrite(path, lambda text: json_without(text, judge, ""), dry=True)
        if rows:
            found.append(("quality", path.name, "", rows))
        else:
            clean.note([path])
    return found
