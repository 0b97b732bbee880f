"""Great Expectations inside DuckDB: the dialect it needs, and one question answered.

Importing this module costs seconds: import it only where a suite runs. What is asked belongs to
`suites`, what to make of the answer to `boundaries`.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import duckdb
import duckdb_engine
from sqlalchemy.dialects import registry
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy
from sqlalchemy.pool import StaticPool

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.expectations.expectation_configuration import (
    ExpectationConfiguration,
)

from orchestration.quality.suites import QUERY

_connection: ContextVar[duckdb.DuckDBPyConnection] = ContextVar("connection")


@atexit.register
def _end_quietly() -> None:
    """What these imports hold keeps DuckDB beyond its end: it would list every piece of that."""
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stderr__.fileno())


class _BufferedContext(duckdb_engine.Dialect.execution_ctx_cls):
    """Takes the rows at once: Great Expectations reads them after the connection is closed."""

    def post_exec(self) -> None:
        super().post_exec()
        if self.cursor.description:
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                self.cursor, self.cursor.description, self.cursor.fetchall()
            )


class _KeptConnection(duckdb_engine.ConnectionWrapper):
    """A connection that outlives the engine which borrowed it."""

    def close(self) -> None:
        self.closed = True


class BufferedDialect(duckdb_engine.Dialect):
    """`duckdb+gx`: the very connection of `judging`, so that its temporary tables are seen."""

    execution_ctx_cls = _BufferedContext
    supports_statement_cache = False

    def connect(self, *_: Any, **__: Any) -> duckdb_engine.ConnectionWrapper:  # noqa: D102
        return _KeptConnection(_connection.get())

    @classmethod
    def get_pool_class(cls, _: Any) -> type[StaticPool]:  # noqa: D102
        return StaticPool


registry.register("duckdb.gx", __name__, "BufferedDialect")


def _config() -> DataContextConfig:
    """Everything in memory: no folders, no documents, no progress bars, nothing sent to anybody."""
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


class Judge:
    """Answers expectations about what the connection of `judging` sees."""

    def __init__(self, parameters: dict[str, float]) -> None:
        """`parameters` are what `{"$PARAMETER": name}` may name."""
        self._parameters = parameters
        context = gx.get_context(mode="ephemeral", project_config=_config())
        self._source = context.data_sources.add_sql(
            "warehouse", connection_string="duckdb+gx:///warehouse"
        )
        self._batches: dict[str, Any] = {}

    def __call__(
        self, relation: str, type: str, kwargs: dict[str, Any], columns: list[str]
    ) -> dict[str, Any]:
        """Return Great Expectations' result as a dictionary: success, result, exception_info.

        `relation` is a temporary table or view; `columns` are those to tell of an offending row.
        At most 200 rows of a query come back, 20 of a column expectation.
        """
        if relation not in self._batches:
            asset = self._source.add_table_asset(relation)
            self._batches[relation] = asset.add_batch_definition_whole_table("all").get_batch()
        # COMPLETE hands over every offending value of a column, but only the first rows of a query.
        wanted: dict[str, Any] = {"result_format": "COMPLETE" if type == QUERY else "SUMMARY"}
        if columns:
            wanted["unexpected_index_column_names"] = columns
        result = self._batches[relation].validate(
            ExpectationConfiguration(type=type, kwargs=kwargs).to_domain_obj(),
            result_format=wanted,
            expectation_parameters=self._parameters,
        )
        return result.to_json_dict()


@contextmanager
def judging(connection: duckdb.DuckDBPyConnection, parameters: dict[str, float]) -> Iterator[Judge]:
    """A judge of what `connection` sees, with Great Expectations kept quiet meanwhile."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    token = _connection.set(connection)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield Judge(parameters)
    finally:
        _connection.reset(token)
        logger.setLevel(level)
