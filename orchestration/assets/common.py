"""What every stage needs: its night, errors told in one line, tables it writes as assets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg

from orchestration.contract import Table
from orchestration.errors import UserError
from orchestration.night import LANDED, require_night
from orchestration.partitions import night_of
from orchestration.settings import Settings
from orchestration.warehouse import connect

# What reads and writes files may meet a busy disk or network: a second try may help. A rule broken
# or a bad input stays what it is.
RETRY = dg.RetryPolicy(
    max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Fail a step with the one line of a `UserError`, and without a retry that could not help."""
    try:
        yield
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def landed_night(context: dg.AssetExecutionContext, settings: Settings) -> date:
    """The as-of date of this step, which must be the one that the raw tables were loaded for.

    Raises `UserError` when they are of another night.
    """
    as_of_date = night_of(context.partition_key)
    with connect(settings, read_only=True) as connection:
        require_night(connection, as_of_date, LANDED)
    return as_of_date


def table_spec(schema: str, table: Table, deps: Iterable[dg.AssetKey] = ()) -> dg.AssetSpec:
    """A declared table as an asset, with the key of dbt's source of that name."""
    return dg.AssetSpec(
        dg.AssetKey([schema, table.name]),
        deps=deps,
        description=table.description,
        group_name=schema,
        owners=["team:data"],
        kinds={"duckdb", "table"},
        metadata={
            "dagster/column_schema": dg.TableSchema(
                [
                    dg.TableColumn(column.name, column.data_type, column.description)
                    for column in table.columns
                ]
            ),
            "required": table.required,
        },
    )
