"""Opt-outs that somebody handed over as files: exports of platforms that nobody can ask.

They land as any table does, once the brand's own have; what does not fit is kept in the rejects,
and whoever it names is in doubt. That they count as a platform's word is the business of `sync`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.contract import load_contract
from orchestration.errors import UserError
from orchestration.landing import files, loading
from orchestration.landing.loading import Defaults, FileReport
from orchestration.landing.sifting import Sieve
from orchestration.settings import Settings

TABLE = "handed_opt_outs"
_SOURCE = "hand-over"


def handed_files(settings: Settings) -> list[Path]:
    """The files of the folder that `VIP_OPT_OUT_DIR` names, by name; none where it names none.

    Raises `UserError` when there is no such folder: stops would go unheard.
    """
    folder = settings.opt_out_dir
    if folder is None:
        return []
    if not folder.is_dir():
        raise UserError(f"no folder {folder} of opt-outs: make it, or take VIP_OPT_OUT_DIR away")
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in files.KINDS and not path.name.startswith((".", "_"))
    )


def handed_over_at(settings: Settings) -> datetime | None:
    """When the newest file was written (UTC); None where there is none."""
    times = [path.stat().st_mtime for path in handed_files(settings)]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def open_handed(connection: duckdb.DuckDBPyConnection, settings: Settings) -> files.TableInput:
    """Check the files and make them readable.

    Raises `UserError` for one that cannot be used, or that names nobody at all.
    """
    paths = handed_files(settings)
    folder = settings.opt_out_dir or Path()
    given = files.open_table(connection, folder, load_contract()[TABLE], paths)
    for file in given.files:
        if not {"phone", "customer_id"} & file.columns.keys():
            raise UserError(f"{file.name} has neither a column phone nor customer_id: name one so")
    return given


def load_handed(
    connection: duckdb.DuckDBPyConnection,
    given: files.TableInput,
    defaults: Defaults,
    sieve: Sieve,
) -> list[FileReport]:
    """Load raw.handed_opt_outs and return a report for each file."""
    reports = loading.load(connection, given, defaults, sieve)
    connection.execute(f"update raw.{TABLE} set source = coalesce(source, $1)", [_SOURCE])
    return reports
