"""Erased people in DuckDB files: where they stand, and the same file without them.

Which tables and columns can name somebody is read from the catalogue: every column of text, but for
the keys of other things (orders, articles, texts), whose rows go with those of their customer. An
id of a customer counts in columns of customers alone, a phone or an e-mail address in all.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.contract import raw_tables
from orchestration.erasure.identifiers import CUSTOMER, Erased, names_customers
from orchestration.files import flush, saving
from orchestration.landing.sifting import BLANK
from orchestration.settings import Settings
from orchestration.warehouse import one, options, quiet, sql_path

_CONTACT = "contact_id"


@dataclass(frozen=True)
class Found:
    """Rows of a table that name somebody erased in a column."""

    table: str
    column: str
    kind: str
    rows: int

    @property
    def condition(self) -> str:
        """SQL that is true of those rows."""
        return names_erased(self.column, self.kind)


class Search:
    """The search for erased people through one connection; each text is judged once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, erased: Erased) -> None:
        """Two temporary tables keep what was judged, and what of it is on the list."""
        self._connection, self._erased = connection, erased
        self._has_hits = False
        for name in ("judged_texts", "erased_texts"):
            connection.execute(
                f"create temp table if not exists {name} (value varchar, is_customer boolean)"
            )

    def through(self, catalogue: str) -> list[Found]:
        """Look through every table of an attached database."""
        tables: dict[str, list[tuple[str, str]]] = {}
        for schema, table, column, kind in self._connection.execute(
            "select columns.schema_name, columns.table_name, columns.column_name, "
            "columns.data_type from duckdb_columns() as columns "
            "inner join duckdb_tables() as tables using (database_name, schema_name, table_name) "
            "where columns.database_name = $1 and not columns.internal and not tables.temporary "
            "order by all",
            [catalogue],
        ).fetchall():
            if kind in ("VARCHAR", "VARCHAR[]", "JSON") and column not in other_keys():
                tables.setdefault(f'"{schema}"."{table}"', []).append((column, kind))
        return [
            found
            for table, columns in tables.items()
            for found in self.in_relation(f'"{catalogue}".{table}', table.replace('"', ""), columns)
        ]

    def in_relation(
        self, relation: str, name: str, columns: Collection[tuple[str, str]]
    ) -> Iterator[Found]:
        """Look through some columns (name, type) of a table, view or function of a file."""
        for column, kind in columns:
            value = f'unnest("{column}")' if kind.endswith("[]") else f'"{column}"'
            self.judge(f"select distinct {value} as value from {relation}", column)
            if not self._has_hits:
                continue
            (rows,) = one(
                self._connection,
                f"select count(*) from {relation} where {names_erased(column, kind)}",
            )
            if rows:
                yield Found(name, column, kind, rows)

    def judge(self, values: str, column: str) -> None:
        """Keep in `erased_texts` those of a query of a column (value) that are on the list."""
        is_customer = names_customers(column)
        fresh = self._connection.sql(
            f"select value from ({values}) "
            f"anti join (from judged_texts where is_customer = {is_customer}) using (value) "
            "where value is not null"
        ).to_arrow_table()
        hits = [text for text in fresh["value"].to_pylist() if self._erased.holds(text, column)]
        self._has_hits = self._has_hits or bool(hits)
        for table, texts in (
            ("judged_texts", fresh),
            ("erased_texts", pa.table({"value": pa.array(hits, pa.string())})),
        ):
            self._connection.register("fresh_texts", texts)
            self._connection.execute(
                f"insert into {table} select value, {is_customer} from fresh_texts"
            )
            self._connection.unregister("fresh_texts")


def names_erased(column: str, kind: str = "VARCHAR") -> str:
    """SQL: whether a column names somebody whom a `Search` has found."""
    erased = f"from erased_texts where is_customer = {names_customers(column)}"
    if kind.endswith("[]"):
        return f'list_has_any("{column}", (select list(value) {erased}))'
    return f'"{column}" in (select value {erased})'


def other_keys() -> set[str]:
    """Columns that are keys of something else than a customer."""
    return {table.key[0] for table in raw_tables() if len(table.key) == 1} - {CUSTOMER}


def connection_for(settings: Settings) -> duckdb.DuckDBPyConnection:
    """A connection to no file of its own, which spills under the home."""
    settings.paths.tmp.mkdir(parents=True, exist_ok=True)
    return quiet(duckdb.connect(config=options(settings)))


class Cleared:
    """A DuckDB file written anew without erased people, not yet in place of the old one.

    Written anew, because a deleted row leaves its bytes in the file.
    """

    def __init__(self, settings: Settings, path: Path, erased: Erased, source: Path) -> None:
        """Write it under `tmp`; `source` is the warehouse, which knows whose orders are whose.

        `rows`: how many are gone.
        """
        self._path = path
        self._new = settings.paths.tmp / f"{path.parent.name}-{path.name}.new"
        copy = settings.paths.tmp / f"{path.parent.name}-{path.name}.copy"
        settings.paths.tmp.mkdir(parents=True, exist_ok=True)
        for each in (copy, self._new):
            each.unlink(missing_ok=True)
        with saving(settings.paths.home):
            shutil.copyfile(path, copy)
            copy.chmod(0o600)
            with closing(connection_for(settings)) as connection:
                connection.execute(f"attach {sql_path(copy)} as cleared")
                if source != path:
                    connection.execute(f"attach {sql_path(source)} as source (read_only)")
                search = Search(connection, erased)
                keys = _keys_of_erased(
                    connection, search, "cleared" if source == path else "source"
                )
                self.rows = _delete(connection, search.through("cleared"), keys)
                connection.execute(f"attach {sql_path(self._new)} as anew")
                connection.execute("copy from database cleared to anew")
                connection.execute("detach cleared; detach anew")
            flush(self._new)
        copy.unlink()

    def put_in_place(self) -> None:
        """Put it in place of the old file, in one step."""
        self._new.chmod(self._path.stat().st_mode & 0o777)
        self._new.replace(self._path)
        flush(self._path.parent)


def _delete(connection: duckdb.DuckDBPyConnection, found: list[Found], keys: set[str]) -> int:
    """Take out of database `cleared` the rows that were found, and those of their orders and texts.

    Where the row is somebody else's, only the name of the erased is taken out of it.
    """
    deleted = 0
    columns: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() "
        "inner join duckdb_tables() using (database_name, schema_name, table_name) "
        "where database_name = 'cleared' and not duckdb_tables.internal order by all"
    ).fetchall():
        columns.setdefault(table, set()).add(column)
    hits: dict[str, list[Found]] = {}
    for each in found:
        hits.setdefault(each.table, []).append(each)
    for table, names in columns.items():
        relation = "cleared." + ".".join(f'"{part}"' for part in table.split(".", 1))
        owner = CUSTOMER if CUSTOMER in names else _CONTACT if _CONTACT in names else None
        others = [
            hit
            for hit in hits.get(table, [])
            if owner and hit.column != owner
            if hit.column == _CONTACT or hit.column.endswith(f"_{CUSTOMER}")
        ]
        theirs = [hit.condition for hit in hits.get(table, []) if hit not in others] + [
            f'"{key}" in (select value from keys_of_{key})' for key in keys & names
        ]
        if theirs:
            (rows,) = one(connection, f"delete from {relation} where {' or '.join(theirs)}")
            deleted += rows
        for hit in others:
            instead = f'"{owner}"' if hit.column == _CONTACT else f"'{BLANK}'"
            connection.execute(
                f'update {relation} set "{hit.column}" = {instead} where {hit.condition}'
            )
    return deleted


def _keys_of_erased(connection: duckdb.DuckDBPyConnection, search: Search, source: str) -> set[str]:
    """The keys of the orders, texts and the like of erased people, a temporary table each."""
    there = {
        name
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = $1 "
            "and schema_name = 'raw'",
            [source],
        ).fetchall()
    }
    made: set[str] = set()
    for table in raw_tables():
        key, names = table.key[0], {column.name for column in table.file_columns}
        if table.name not in there or len(table.key) > 1 or key == CUSTOMER:
            continue
        theirs = [f"{parent} in (select value from keys_of_{parent})" for parent in made & names]
        if CUSTOMER in names:
            search.judge(
                f"select distinct {CUSTOMER} as value from {source}.raw.{table.name}", CUSTOMER
            )
            theirs.append(names_erased(CUSTOMER))
        if theirs:
            connection.execute(
                f"create temp table keys_of_{key} as select {key} as value "
                f"from {source}.raw.{table.name} where {' or '.join(theirs)}"
            )
            made.add(key)
    return made
