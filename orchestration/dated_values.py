"""What customer_value says on other dates, for tier rules that look at its columns on evaluations.

The models of customer_value run as SQL for each of these dates, in a database that is thrown away
afterwards; of the night nothing is written but the table `dated_values`. A date that is past knows
what was known before it, one to come no more than the night does. Which dates and columns are asked
belongs to the model int_tier_metric_dates.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.compiling import AS_OF, KNOWN_BEFORE, compile_models, compiled_sql
from orchestration.fits.fit import SCHEMA, empty_tables
from orchestration.settings import Settings
from orchestration.warehouse import connect, sql_path

NAME = "dated_values"
READS = ("intermediate.int_tier_metric_dates", "marts.customer_value")
"""What must be built before: the dates that are asked, and with customer_value its seeds."""
_VALUE = "customer_value"
_PLACE = "dated"
_SCHEMAS = ("staging", "intermediate", "marts")
_ANY_DATE, _ANY_KNOWN = "1111-11-11", "1111-11-12"
ANY_NIGHT = {AS_OF: _ANY_DATE, KNOWN_BEFORE: _ANY_KNOWN}
"""For SQL of any night: dates that no policy and no order has, of which `at` makes those asked."""

Models = Sequence[tuple[str, str, str]]
"""The models of customer_value in the order to build them: place, kind and SQL of each."""
Listener = Callable[[str], None]


def run(settings: Settings, as_of_date: date, address: str = "") -> int:
    """Put the values that the policy of a night asks for in place of those of the last night.

    Returns their number. `address` is where a warm dbt waits.
    """
    with connect(settings) as connection:
        asks = _asks(connection)
        empty_tables(connection, [NAME])
    if not asks:
        return 0
    with tempfile.TemporaryDirectory(prefix="vip-dated-") as folder:
        trial = type(settings)(home=Path(folder), threads=settings.threads)
        models = value_models(trial, compile_models(trial, [_VALUE], ANY_NIGHT, address))
    with connect(settings) as connection:
        return fill(connection, models, as_of_date, settings.paths.tmp)


def value_models(trial: Settings, nodes: Mapping[str, dict[str, Any]]) -> Models:
    """What customer_value is made of, out of the nodes that were compiled under `trial`."""
    (value,) = (key for key, node in nodes.items() if node["name"] == _VALUE)
    needed, parents = [value], {}
    while needed:
        key = needed.pop()
        if key not in parents and nodes[key]["resource_type"] == "model":
            parents[key] = [each for each in nodes[key]["depends_on"]["nodes"] if each in nodes]
            needed += parents[key]
    models = []
    for node in (nodes[key] for key in TopologicalSorter(parents).static_order() if key in parents):
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        place = f"{_PLACE}.{node['schema']}.{node['alias']}"
        models.append((place, kind, _moved(compiled_sql(trial, node))))
    return models


def at(sql: str, as_of_date: date, known_before: date) -> str:
    """SQL that was compiled for any night, of a night and what it knows."""
    return sql.replace(_ANY_DATE, as_of_date.isoformat()).replace(
        _ANY_KNOWN, known_before.isoformat()
    )


def _moved(sql: str) -> str:
    """SQL that reads the models of the database of other dates; seeds and raw tables stay."""
    for schema in _SCHEMAS:
        for catalog in ("warehouse", "vip_sms"):
            sql = sql.replace(f'"{catalog}"."{schema}".', f'"{_PLACE}"."{schema}".')
    return sql


@contextmanager
def _scratch(connection: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[None]:
    """Attach an empty database for the models of other dates, and leave nothing of it."""
    path = folder / f"{NAME}.duckdb"

    def remove() -> None:
        for file in (path, path.with_name(f"{path.name}.wal")):
            file.unlink(missing_ok=True)

    remove()  # what a killed run left
    connection.execute(f"attach {sql_path(path)} as {_PLACE}")
    try:
        yield
    finally:
        connection.execute(f"detach {_PLACE}")
        remove()


def fill(
    connection: duckdb.DuckDBPyConnection,
    models: Models,
    as_of_date: date,
    folder: Path,
    catalog: str = "warehouse",
    listener: Listener = lambda _: None,
) -> int:
    """Build customer_value for each date that is asked and keep the columns that rules look at.

    `catalog` is the one with the raw tables and seeds of the night, `folder` a place for a file
    that does not stay. Returns the number of values kept; what a killed run leaves half is begun
    anew.
    """
    empty_tables(connection, [NAME])
    rows = 0
    with _scratch(connection, folder):
        for schema in _SCHEMAS:
            connection.execute(f"create schema {_PLACE}.{schema}")
        for asked_on, metrics in _asks(connection).items():
            listener(asked_on.isoformat())
            values = _values_on(connection, models, asked_on, as_of_date, metrics, catalog)
            connection.register("dated_rows", values)
            connection.execute(f"insert into {SCHEMA}.{NAME} by name from dated_rows")
            connection.unregister("dated_rows")
            rows += values.num_rows
    return rows


def _values_on(
    connection: duckdb.DuckDBPyConnection,
    models: Models,
    asked_on: date,
    as_of_date: date,
    metrics: Sequence[str],
    catalog: str,
) -> pa.Table:
    """The values of one date. The tables are never committed: that takes as long as they do."""
    told = ", ".join(f"try_cast({metric} as decimal(18, 4)) as {metric}" for metric in metrics)
    connection.execute("begin")
    try:
        for place, kind, sql in models:
            sql = at(sql, asked_on, min(asked_on, as_of_date))
            sql = sql.replace('"warehouse".', f"{catalog}.")
            connection.execute(f"create {kind} {place} as {sql}")
        return connection.sql(
            f"unpivot (select '{as_of_date}'::date as as_of_date, '{asked_on}'::date as asked_on, "
            f"customer_id, {told} from {_PLACE}.marts.{_VALUE}) "
            f"on {', '.join(metrics)} into name metric value metric_value"
        ).to_arrow_table()
    finally:
        connection.execute("rollback")


def _asks(connection: duckdb.DuckDBPyConnection) -> dict[date, list[str]]:
    """The columns that are asked for, by date."""
    asked: dict[date, list[str]] = {}
    for day, metric in connection.execute(
        "select distinct asked_on, metric from intermediate.int_tier_metric_dates "
        "where kind = 'evaluated' order by all"
    ).fetchall():
        asked.setdefault(day, []).append(metric)
    return asked
