"""Whose turn it is to write, seen from those who wait."""

from __future__ import annotations

import shutil
import time

import duckdb

from orchestration.errors import BusyError
from orchestration.settings import Settings
from orchestration.warehouse import connect, writer_lock

# A killed run's dbt takes a moment to let go of the warehouse.
_PATIENCE_SECONDS = 10.0


def is_locked(settings: Settings) -> bool:
    """Whether a run holds the right to write just now."""
    try:
        with writer_lock(settings):
            return False
    except BusyError:
        return True


def wait_for_warehouse(settings: Settings, patience: float = _PATIENCE_SECONDS) -> None:
    """Return when the warehouse can be written to, swept clean; call it with the lock held.

    Raises `BusyError` when something that is no run, like a DuckDB shell, keeps it open.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connect(settings).close()
            # Nobody else is at work: what lies here was spilled by a run that was killed.
            shutil.rmtree(settings.paths.tmp, ignore_errors=True)
            return
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise
            if time.monotonic() > deadline:
                raise BusyError(
                    f"another program has {settings.paths.warehouse} open: close it and run again"
                ) from None
        time.sleep(0.2)
