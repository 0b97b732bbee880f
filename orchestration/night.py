"""Which night the warehouse holds, and the refusal of every other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Literal

import duckdb

from orchestration.errors import UserError
from orchestration.warehouse import records

LANDED = "raw.run_context"
BUILT = "vip_sms.marts.run_context"


def read_night(
    connection: duckdb.DuckDBPyConnection,
    stage: Literal["raw.run_context", "vip_sms.marts.run_context"],
) -> dict[str, Any]:
    """Return the one row of a run context: of the raw tables (`LANDED`) or of the marts (`BUILT`).

    Raises `UserError` when that stage was never reached.
    """
    try:
        contexts = records(connection, f"select * from {stage}")
    except duckdb.CatalogException:
        raise UserError("no night has been built here yet: run `vip nightly`") from None
    if not contexts:
        raise UserError("the last night broke off: run `vip nightly`")
    return contexts[0]


def require_night(
    connection: duckdb.DuckDBPyConnection,
    as_of_date: date,
    stage: Literal["raw.run_context", "vip_sms.marts.run_context"] = BUILT,
) -> dict[str, Any]:
    """Return the run context of `as_of_date`.

    Raises `UserError` for any other night, and for marts whose raw tables were replaced since: who
    said stop in the new ones would be missing.
    """
    context = read_night(connection, stage)
    remedy = f"run `vip nightly --as-of {as_of_date}`"
    if context["as_of_date"] != as_of_date:
        raise UserError(f"the warehouse holds {context['as_of_date']}, not {as_of_date}: {remedy}")
    if context["run_id"] != read_night(connection, LANDED)["run_id"]:
        raise UserError(f"newer raw data have landed than the marts are built from: {remedy}")
    return context


@contextmanager
def of_this_program() -> Iterator[None]:
    """Say so, as a `UserError`, where a table or column is not there that this program builds."""
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise UserError(
            "the last night was built by another version of the program: run `vip nightly`"
        ) from error
