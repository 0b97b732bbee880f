"""What a fit is, and how one reads and writes the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

import duckdb
import pyarrow as pa

from orchestration.contract import Table, load_contract
from orchestration.errors import UserError
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warehouse import connect

FITTED_FILE = PROJECT_DIR / "models" / "staging" / "_fitted.yml"
SCHEMA = "fitted"

Tables = Mapping[str, pa.Table]


@dataclass(frozen=True)
class Fit:
    """A fit; `name` is that of its step.

    `compute` takes the tables `reads` (schema.name) by name, rows in a fixed order, and returns the
    tables `writes` by name, with the columns that the source declares but for `as_of_date`.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    compute: Callable[[Tables], Tables]


@cache
def declared() -> dict[str, Table]:
    """Every table of the source `fitted` by name."""
    return load_contract(FITTED_FILE)


def run(settings: Settings, fit: Fit, as_of_date: date) -> dict[str, int]:
    """Compute a fit and put its tables in place of those of the last night, all or none.

    Returns the rows of each.
    """
    with connect(settings) as connection:
        return run_on(connection, fit, as_of_date)


def run_on(connection: duckdb.DuckDBPyConnection, fit: Fit, as_of_date: date) -> dict[str, int]:
    """The same in whatever database the connection is in."""
    inputs = {
        table.split(".")[1]: connection.sql(f"select * from {table} order by all").to_arrow_table()
        for table in fit.reads
    }
    outputs = fit.compute(inputs)
    connection.execute("begin")
    empty_tables(connection, fit.writes)
    for name in fit.writes:
        _fill(connection, name, outputs[name], as_of_date)
    connection.execute("commit")
    return {name: outputs[name].num_rows for name in fit.writes}


def empty_tables(connection: duckdb.DuckDBPyConnection, names: Iterable[str] | None = None) -> None:
    """Create these tables of schema `fitted`, all of them by default, typed and empty."""
    connection.execute(f"create schema if not exists {SCHEMA}")
    for name in declared() if names is None else names:
        columns = ", ".join(f"{each.name} {each.data_type}" for each in declared()[name].columns)
        connection.execute(f"create or replace table {SCHEMA}.{name} ({columns})")


def _fill(
    connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table, as_of_date: date
) -> None:
    if not rows.num_rows:
        return
    connection.register("fitted_rows", rows)
    connection.execute(
        f"insert into {SCHEMA}.{name} by name select ? as as_of_date, * from fitted_rows",
        [as_of_date],
    )
    connection.unregister("fitted_rows")


def parameters(inputs: Tables, *names: str) -> dict[str, float]:
    """These rows of the seed policy_parameters. Raises `UserError` where one is missing."""
    rows = inputs["policy_parameters"].select(["parameter", "value"]).to_pylist()
    values = {row["parameter"]: row["value"] for row in rows if row["value"] is not None}
    for name in names:
        if name not in values:
            raise UserError(f"seeds/policy/policy_parameters.csv: no value for {name}: add its row")
    return {name: float(values[name]) for name in names}
