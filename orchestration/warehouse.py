"""Connections to the DuckDB files and the lock that keeps a second writer out."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from orchestration.errors import BusyError
from orchestration.settings import Settings


def options(settings: Settings) -> dict[str, Any]:
    """How DuckDB works here: what it may use, and files that every released client opens."""
    return {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(settings.paths.tmp),
        "preserve_insertion_order": False,
        "storage_compatibility_version": "v1.0.0",
        "disabled_optimizers": settings.disabled_optimizers,
    }


def connect(settings: Settings, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the warehouse, with the marts file attached as `vip_sms` where it exists.

    Close it before dbt runs: DuckDB lets one process write a file. Raises `duckdb.IOException` when
    another process holds it.
    """
    paths = settings.paths
    for folder in (paths.home, paths.tmp, paths.build.parent):
        folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(paths.warehouse), read_only=read_only, config=options(settings))
    quiet(connection).execute("set TimeZone = 'UTC'")
    # It would hash every id to find out that no two are alike.
    connection.execute("set disabled_compression_methods = 'dictionary'")
    if paths.build.exists():
        mode = "(read_only)" if read_only else ""
        connection.execute(f"attach if not exists {sql_path(paths.build)} as vip_sms {mode}")
    return connection


def quiet(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The same connection, drawing no progress on stdout, where figures and JSON belong."""
    return connection.execute("set enable_progress_bar = false")


def records(
    connection: duckdb.DuckDBPyConnection, query: str, *values: object
) -> list[dict[str, Any]]:
    """The rows of a query by the names of its columns; `values` take the place of its `?`."""
    return connection.sql(query, params=values).to_arrow_table().to_pylist()


def one(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] | None = None
) -> tuple[Any, ...]:
    """The only row of a query, () where there is none; `values` take the place of its `?`.

    The result is read to its end: the connection registers nothing while one is open.
    """
    rows = connection.execute(query, values).fetchall()
    return rows[0] if rows else ()


def sql_path(path: Path) -> str:
    """A path as an SQL literal: the name of a folder may hold a quote."""
    return "'" + str(path).replace("'", "''") + "'"


@contextmanager
def writer_lock(settings: Settings) -> Iterator[None]:
    """Hold the one right to write under `VIP_HOME`; the system lets go of it when a process dies.

    Raises `BusyError` at once when another run holds it.
    """
    settings.paths.home.mkdir(parents=True, exist_ok=True)
    with settings.paths.lock.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"another run is writing to {settings.paths.home}: wait for it to end, or choose "
                "another folder with --home"
            ) from None
        yield
