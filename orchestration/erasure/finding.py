"""Where erased people still stand: asked each night before anything leaves the house."""

from __future__ import annotations

import hashlib
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
    found += _in_files(settings, connection, search, erased)
    found += _in_ledger(settings, erased)
    return found + _in_pages(settings, erased)


def _in_files(
    settings: Settings, connection: duckdb.DuckDBPyConnection, search: Search, erased: Erased
) -> list[Row]:
    """Look through exports and outbox, but for files that were clean and are as they were.

    Once somebody is put on the list every file is looked through again.
    """
    paths = settings.paths
    list_hash = hashlib.sha256("\n".join(sorted(erased.digests)).encode()).hexdigest()
    found: list[Row] = []
    with open_ledger(settings) as ledger:
        known = ledger.searched(list_hash)
        clean: dict[str, str] = {}
        for place, root in (("exports", paths.exports), ("outbox", paths.outbox)):
            stamps = {
                path: f"{status.st_size} {status.st_mtime_ns}"
                for path in sorted(root.rglob("*"))
                if path.suffix in (".csv", ".parquet")
                for status in [path.stat()]
            }
            names = {path: path.relative_to(paths.home).as_posix() for path in stamps}
            fresh = [path for path in stamps if known.get(names[path]) != stamps[path]]
            hits = _in_files_of(connection, search, place, fresh)
            found += hits
            clean |= {names[path]: stamps[path] for path in stamps if not hits or path not in fresh}
        ledger.note_searched(list_hash, clean)
    return found


def _in_files_of(
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


def _in_pages(settings: Settings, erased: Erased) -> list[Row]:
    judge = Judge(erased)
    return [
        ("quality", path.name, "", rows)
        for path in sorted(settings.paths.quality.glob("????-??-??.json"))
        if (rows := rewrite(path, lambda text: json_without(text, judge, ""), dry=True))
    ]
