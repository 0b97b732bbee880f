"""dbt on a warehouse of a test's own: raw tables without a loader, any policy, any night."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import date
from functools import cache

import duckdb

from orchestration import dbt_client
from orchestration.contract import load_contract
from orchestration.dbt_client import ADDRESS_VARIABLE, PARENT_VARIABLE
from orchestration.dbt_runner import prepare_manifest
from orchestration.fits import empty_tables
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warm_dbt import warm_dbt


def create_source_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every source table, of schema `raw` and of `fitted`, typed and empty."""
    connection.execute("create schema if not exists raw")
    for table in load_contract().values():
        columns = ", ".join(f"{column.name} {column.data_type}" for column in table.columns)
        connection.execute(f"create or replace table raw.{table.name} ({columns})")
    empty_tables(connection)


def run_dbt(settings: Settings, *arguments: str, as_of: date = date(2026, 7, 1)) -> str:
    """Run dbt under `settings.home` as of a date; return what it printed, or fail with that."""
    # What was read for one target names the databases of that one.
    address = "" if "--target" in arguments else _warm()
    process = ask_dbt(settings, address, *arguments, as_of=as_of)
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    return printed


def ask_dbt(
    settings: Settings, address: str, *arguments: str, as_of: date = date(2026, 7, 1)
) -> subprocess.Popen[str]:
    """Start a client of the dbt that waits at an address, under `settings.home` as of a date."""
    settings.paths.build.parent.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-S", dbt_client.__file__, *arguments],
        cwd=PROJECT_DIR,
        env={
            **os.environ,
            **settings.environment(),
            "VIP_AS_OF_DATE": as_of.isoformat(),
            "DBT_PROFILES_DIR": str(PROJECT_DIR),
            "DBT_TARGET_PATH": str(settings.paths.dbt_target),
            "DBT_LOG_PATH": str(settings.paths.dbt_target),
            "DBT_VERSION_CHECK": "false",
            ADDRESS_VARIABLE: address,
            PARENT_VARIABLE: str(os.getpid()),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@cache
def _warm() -> str:
    """Where a dbt waits that has read the project, for as long as this process lives."""
    prepare_manifest()
    kept = ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(warm_dbt())
