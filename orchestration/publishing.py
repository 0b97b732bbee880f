"""Publishing: the marts file becomes what BI reads, in one step.

Readers that are open keep the old file; new ones get the new one. What may be published is checked
on the very copy that is about to appear. How the marts come to be belongs to dbt.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.errors import UserError
from orchestration.files import flush, remove, saving
from orchestration.settings import Settings
from orchestration.warehouse import connect, one, quiet, sql_path

_READ_ONLY = 0o444

# Names of columns that would say who a person is or how to reach them.
_PERSONAL = re.compile(
    r"(^|_)(phone|email|e_mail|mobile|msisdn|address|birth_date|birthday|"
    r"(first|last|full|middle|given|family|sur|customer|person|contact)_?name)(_|$)"
)
# `has_phone` and `customers_per_phone` say nothing about anybody.
_COUNTS = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "DOUBLE")
# What a phone or an e-mail address looks like wherever it stands. DuckDB's own regular expressions.
_PERSONAL_VALUE = r"^\+[1-9][0-9]{6,14}$|^[^@\s]+@[^@\s]+\.[^@\s]+$"


@dataclass(frozen=True)
class Published:
    """What stands published: the file, its size in bytes and the rows of each mart."""

    path: Path
    bytes: int
    rows: dict[str, int]


def publish(settings: Settings, as_of_date: date) -> Published:
    """Copy the marts of `as_of_date` to where BI reads, after a smoke test of the copy.

    Raises `UserError` when the build is of another date, holds personal data or nobody, or the disk
    is full; what was published before then stays as it is.
    """
    build, target = settings.paths.build, settings.paths.published
    if not build.exists():
        raise UserError(f"no marts to publish in {build.parent}: run `vip nightly`")
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f".{target.name}.*"):
        remove(leftover)
    connection = connect(settings)
    connection.execute("checkpoint vip_sms")
    connection.close()

    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with saving(target.parent):
            shutil.copyfile(build, temporary)
            flush(temporary)
        rows = smoke_test(temporary, as_of_date)
        temporary.chmod(_READ_ONLY)
        temporary.replace(target)
        flush(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return Published(target, target.stat().st_size, rows)


def smoke_test(path: Path, as_of_date: date) -> dict[str, int]:
    """Open a marts file as a reader would and return the rows of each table of schema `marts`.

    Raises `UserError` when it cannot be read, is of another date, has no customers, or shows a
    phone, an e-mail address or a name in any column.
    """
    with quiet(duckdb.connect()) as connection:
        try:
            connection.execute(f"attach {sql_path(path)} as vip_sms (read_only)")
            found = connection.execute(
                "select as_of_date from vip_sms.marts.run_context"
            ).fetchall()
            columns = connection.execute(
                "select schema_name, table_name, column_name, data_type from duckdb_columns() "
                "where database_name = 'vip_sms' and not internal order by all"
            ).fetchall()
            tables = sorted({(schema, table) for schema, table, _, _ in columns})
            rows = {
                f"{schema}.{table}": one(
                    connection, f'select count(*) from vip_sms."{schema}"."{table}"'
                )[0]
                for schema, table in tables
            }
            personal = _personal_columns(connection, columns)
        except duckdb.Error as error:
            raise UserError(
                f"the marts cannot be read back and are not published: {error}"
            ) from error
    if found != [(as_of_date,)]:
        dates = ", ".join(str(day) for (day,) in found) or "no date"
        raise UserError(
            f"the marts are of {dates}, not of {as_of_date}: run `vip nightly --as-of {as_of_date}`"
        )
    if personal:
        raise UserError(
            f"personal data in the marts, nothing is published: {', '.join(personal)}; "
            "take it out of the model or move the model to marts_private"
        )
    if not rows.get("marts.customer_tiers"):
        raise UserError("the marts hold no customers and are not published: look at the raw data")
    return {name.removeprefix("marts."): count for name, count in rows.items()}


def _personal_columns(
    connection: duckdb.DuckDBPyConnection, columns: list[tuple[str, str, str, str]]
) -> list[str]:
    found = [
        f"{table}.{column}"
        for _, table, column, data_type in columns
        if _PERSONAL.search(column.lower()) and not data_type.startswith(_COUNTS)
    ]
    texts: dict[tuple[str, str], list[str]] = {}
    for schema, table, column, data_type in columns:
        if data_type == "VARCHAR":
            texts.setdefault((schema, table), []).append(column)
    for (schema, table), names in texts.items():
        # A phone holds a plus, an address an @: the cheap test spares most rows the dear one.
        hits = ", ".join(
            f"bool_or(case when contains(\"{name}\", '+') or contains(\"{name}\", '@') "
            f"then regexp_matches(\"{name}\", '{_PERSONAL_VALUE}') end)"
            for name in names
        )
        seen = one(connection, f'select {hits} from vip_sms."{schema}"."{table}"')
        found += [f"{table}.{name}" for name, hit in zip(names, seen or (), strict=True) if hit]
    return sorted(set(found))
