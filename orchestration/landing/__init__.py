"""Landing: a brand's raw files become the typed tables of schema `raw`, all of them or none.

`files` finds and opens what a folder holds, `sifting` takes out who was erased, `rows` composes the
SQL, `loading` takes one table through it. Here the tables come together in one transaction.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import closing, suppress
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.contract import load_contract, raw_tables
from orchestration.erasure.identifiers import Erased
from orchestration.erasure.identifiers import read as read_erased
from orchestration.errors import UserError
from orchestration.landing import files, handed, loading
from orchestration.landing.loading import Defaults, FileReport
from orchestration.landing.sifting import Sieve
from orchestration.settings import Settings
from orchestration.warehouse import connect

__all__ = ["LOGS", "FileReport", "LandingReport", "land", "resolve_as_of"]


# The ledger's, copied before dbt runs: a landing leaves them as they are.
LOGS = (
    "holdout_log",
    "message_log",
    "platform_opt_outs",
    "sync_runs",
    "sync_plans",
    "sync_failures",
)


@dataclass(frozen=True)
class LandingReport:
    """What one landing did; `rejects` counts rows by table, column and reason."""

    run_id: str
    as_of_date: date
    reporting_currency: str
    is_sample: bool
    raw_fingerprint: str
    files: tuple[FileReport, ...]
    rejects: tuple[tuple[str, str | None, str, int], ...]
    unused_files: tuple[str, ...]
    seconds: float

    @property
    def rows_read(self) -> int:
        """Records in all files."""
        return sum(report.rows_read for report in self.files)

    @property
    def rows_loaded(self) -> int:
        """Records now in the raw tables."""
        return sum(report.rows_loaded for report in self.files)

    @property
    def rows_rejected(self) -> int:
        """Records now in raw.rejects."""
        return sum(report.rows_rejected for report in self.files)

    @property
    def exact_duplicates(self) -> int:
        """Records left out because another one is the same in every column."""
        return sum(report.exact_duplicates for report in self.files)

    @property
    def rows_erased(self) -> int:
        """Records left out because they are about people who were erased."""
        return sum(report.rows_erased for report in self.files)


def land(
    settings: Settings,
    raw_dir: Path,
    as_of_date: date,
    run_id: str,
    erased: Erased | None = None,
) -> LandingReport:
    """Load every table of the contract from `raw_dir` into schema raw of the warehouse.

    Writes raw.<table> for all of them, raw.rejects, raw.load_report, raw.contract_tables and
    raw.run_context, and leaves `LOGS` as they are. One transaction: after any failure the
    tables are those of the last landing. Rows that do not fit are rejected, not raised. Nobody on
    the list of the home's ledger, or on `erased`, is loaded.

    Raises `UserError` for a file that cannot be used as a whole, and for a missing required table.
    """
    started = time.monotonic()
    tables = raw_tables()
    paths, unused = files.find(raw_dir, tables)
    erased = read_erased(settings) if erased is None else erased
    with closing(connect(settings)) as connection:
        inputs = {
            table.name: files.open_table(connection, raw_dir, table, paths.get(table.name, []))
            for table in tables
        }
        told = handed.open_handed(connection, settings)
        fingerprint = files.fingerprint(raw_dir, paths)
        connection.execute("begin")
        try:
            connection.execute("create schema if not exists raw")
            for table in load_contract().values():
                if table.system:
                    loading.create_table(connection, table, keep=table.name in LOGS)
            sieve = Sieve(connection, erased, tables)
            currency, reports = _load_all(connection, inputs, settings, sieve)
            defaults = Defaults(currency, settings.default_country.upper())
            reports += handed.load_handed(connection, told, defaults, sieve)
            is_sample = (raw_dir / files.TRUTH_FILE).exists()
            _insert(
                connection, "run_context", [(run_id, as_of_date, currency, is_sample, fingerprint)]
            )
            _insert(connection, "load_report", [astuple(report) for report in reports])
            _insert(
                connection,
                "contract_tables",
                [(table.name, table.required, bool(paths.get(table.name))) for table in tables]
                + [(handed.TABLE, False, bool(told.files))],
            )
            rejects = connection.execute(
                "select table_name, column_name, reason, count(*) from raw.rejects group by all "
                "order by all"
            ).fetchall()
            connection.execute("commit")
        except BaseException as error:
            with suppress(duckdb.Error):  # a database without disk space may refuse even that
                connection.execute("rollback")
            if isinstance(error, duckdb.Error):
                files.blame(connection, [*inputs.values(), told])
            if isinstance(error, duckdb.IOException):
                raise UserError(
                    f"the warehouse cannot be written: {str(error).splitlines()[0]}"
                ) from error
            raise
    return LandingReport(
        run_id,
        as_of_date,
        currency,
        is_sample,
        fingerprint,
        tuple(reports),
        tuple(rejects),
        tuple(unused),
        time.monotonic() - started,
    )


def _load_all(
    connection: duckdb.DuckDBPyConnection,
    inputs: dict[str, files.TableInput],
    settings: Settings,
    sieve: Sieve,
) -> tuple[str, list[FileReport]]:
    """Load the tables, rates first; return the reporting currency and the reports."""
    country = settings.default_country.upper()
    rates = loading.load(connection, inputs["fx_rates"], Defaults("", country), sieve)
    has_rates = any(report.rows_loaded for report in rates)
    currency = settings.reporting_currency or loading.find_currency(
        connection, inputs["orders"], has_rates
    )
    currency = currency.strip().upper()
    if not re.fullmatch("[A-Z]{3}", currency):
        raise UserError(
            f"{currency} is no currency: set VIP_REPORTING_CURRENCY to three letters such as EUR"
        )
    loading.find_rates(connection, inputs["orders"], currency)
    reports = []
    for name, given in inputs.items():
        defaults = Defaults(currency, country)
        if name == "fx_rates":
            reports += rates
        else:
            reports += loading.load(connection, given, defaults, sieve)
    return currency, reports


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple]) -> None:
    marks = ", ".join("?" for _ in rows[0])
    connection.executemany(f"insert into raw.{table} values ({marks})", rows)


def resolve_as_of(raw_dir: Path, today: date) -> date:
    """The date of a run that names none: `today`, but for a sample the night it was made for.

    A sample is a folder with truth.json, which names that night: the day after the brand's newest
    order. A few later orders are planted there to show that they do not count.
    Raises `UserError` when the file names no date.
    """
    truth = raw_dir / files.TRUTH_FILE
    if not truth.exists():
        return today
    try:
        return date.fromisoformat(json.loads(truth.read_text(encoding="utf-8"))["as_of_date"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{truth.name}: no as_of_date can be read; make the sample again or pass --as-of"
        ) from None
