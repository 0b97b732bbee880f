"""The ledger: what each platform was asked and confirmed, row by row, and every holdout draw.

One SQLite file outside the warehouse, because it must survive a rebuild. It holds ids and hashes,
never a phone, an e-mail address or a name. What should be sent is decided in `sync`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb
import pyarrow as pa

from orchestration.errors import UserError
from orchestration.settings import Settings

# Append a step to change the schema; a step that has shipped is never edited.
_MIGRATIONS = (
    """
    create table sync_runs (
        sync_run_id integer primary key,
        destination text not null,
        as_of_date text not null,
        is_sample integer not null,
        started_at text not null,
        finished_at text,
        added integer,
        changed integer,
        removed integer,
        failed integer
    ) strict;

    -- One row per thing that a platform holds about a customer: the profile, or a place on a list.
    create table sync_rows (
        destination text not null,
        object text not null,
        customer_id text not null,
        tier text,
        desired_hash text not null,
        accepted_hash text,
        state text not null check (state in ('processing', 'complete', 'failed')),
        attempts integer not null default 0,
        next_try text,
        job_id text,
        vendor_id text,
        last_error text,
        sync_run_id integer not null references sync_runs,
        primary key (destination, object, customer_id)
    ) strict, without rowid;

    create table holdout_assignments (
        is_sample integer not null,
        experiment_id text not null,
        contact_id text not null,
        customer_id text not null,
        arm text not null check (arm in ('treatment', 'holdout')),
        bucket real not null,
        assigned_on text not null,
        primary key (is_sample, experiment_id, contact_id)
    ) strict, without rowid;
    """,
)

_HOLDOUT_LOG = pa.schema(
    [
        ("experiment_id", pa.string()),
        ("contact_id", pa.string()),
        ("customer_id", pa.string()),
        ("arm", pa.string()),
        ("bucket", pa.float64()),
        ("assigned_on", pa.string()),
    ]
)
_SYNC_ROWS = pa.schema(
    [
        ("object", pa.string()),
        ("customer_id", pa.string()),
        ("tier", pa.string()),
        ("desired_hash", pa.string()),
        ("accepted_hash", pa.string()),
        ("state", pa.string()),
        ("attempts", pa.int64()),
        ("vendor_id", pa.string()),
    ]
)


@dataclass(frozen=True)
class Entry:
    """The fate of one row of a push. `accepted_hash` moves only when the platform has confirmed."""

    object: str
    customer_id: str
    state: str
    vendor_id: str | None = None
    job_id: str | None = None
    error: str | None = None


class Ledger:
    """An open ledger, from `open_ledger`. Each method that writes commits before it returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take over an open connection to a ledger of the current schema."""
        self._connection = connection

    def rows(self, destination: str) -> pa.Table:
        """What is known of `destination`: one row per object and customer."""
        columns = ", ".join(_SYNC_ROWS.names)
        return self._table(
            f"select {columns} from sync_rows where destination = ?", (destination,), _SYNC_ROWS
        )

    def last_as_of(self, destination: str, *, is_sample: bool) -> date | None:
        """The newest night that was pushed to `destination` to the end; None before the first."""
        (newest,) = self._connection.execute(
            "select max(as_of_date) from sync_runs "
            "where destination = ? and is_sample = ? and finished_at is not null",
            (destination, is_sample),
        ).fetchone()
        return date.fromisoformat(newest) if newest else None

    def open_jobs(self, destination: str) -> list[str]:
        """Jobs that a platform had taken but not finished when we last heard of them."""
        found = self._connection.execute(
            "select distinct job_id from sync_rows "
            "where destination = ? and state = 'processing' and job_id is not null order by job_id",
            (destination,),
        )
        return [job_id for (job_id,) in found]

    def start(self, destination: str, as_of_date: date, *, is_sample: bool) -> int:
        """Open a sync run and return its number."""
        with self._connection:
            cursor = self._connection.execute(
                "insert into sync_runs (destination, as_of_date, is_sample, started_at) "
                "values (?, ?, ?, ?)",
                (destination, as_of_date.isoformat(), is_sample, _now()),
            )
        return cursor.lastrowid or 0

    def intend(
        self,
        sync_run_id: int,
        destination: str,
        rows: Iterable[tuple[str, str, str | None, str]],
    ) -> None:
        """Note (object, customer_id, tier, desired_hash) before it is sent."""
        with self._connection:
            self._connection.executemany(
                "insert into sync_rows (destination, object, customer_id, tier, desired_hash, "
                "state, attempts, sync_run_id) values (?, ?, ?, ?, ?, 'processing', 1, ?) "
                "on conflict do update set tier = excluded.tier, attempts = "
                "case when desired_hash = excluded.desired_hash and state <> 'complete' "
                "then attempts + 1 else 1 end, desired_hash = excluded.desired_hash, "
                "state = 'processing', job_id = null, last_error = null, next_try = null, "
                "sync_run_id = excluded.sync_run_id",
                ((destination, *row, sync_run_id) for row in rows),
            )

    def record(self, destination: str, entries: Iterable[Entry]) -> None:
        """Note what the platform said of each row."""
        with self._connection:
            self._connection.executemany(
                "update sync_rows set state = ?1, vendor_id = coalesce(?2, vendor_id), "
                "job_id = ?3, last_error = ?4, "
                "accepted_hash = iif(?1 = 'complete', desired_hash, accepted_hash) "
                "where destination = ?5 and object = ?6 and customer_id = ?7",
                (
                    (
                        entry.state,
                        entry.vendor_id,
                        entry.job_id,
                        entry.error,
                        destination,
                        entry.object,
                        entry.customer_id,
                    )
                    for entry in entries
                ),
            )

    def objects_of_job(self, destination: str, job_id: str) -> dict[str, str]:
        """The object each customer of a job was sent for, by customer_id."""
        found = self._connection.execute(
            "select customer_id, object from sync_rows where destination = ? and job_id = ?",
            (destination, job_id),
        )
        return dict(found.fetchall())

    def finish(self, sync_run_id: int, counts: dict[str, int]) -> None:
        """Close a sync run that went through, with its rows: added, changed, removed, failed."""
        with self._connection:
            self._connection.execute(
                "update sync_runs set finished_at = ?, added = ?, changed = ?, removed = ?, "
                "failed = ? where sync_run_id = ?",
                (
                    _now(),
                    *(counts[name] for name in ("added", "changed", "removed", "failed")),
                    sync_run_id,
                ),
            )

    def holdout_log(self, as_of_date: date, *, is_sample: bool) -> pa.Table:
        """Every assignment made up to `as_of_date`, as `raw.holdout_log` has it; dates as text."""
        columns = ", ".join(_HOLDOUT_LOG.names)
        return self._table(
            f"select {columns} from holdout_assignments where is_sample = ? and assigned_on <= ?",
            (is_sample, as_of_date.isoformat()),
            _HOLDOUT_LOG,
        )

    def log_assignments(self, rows: Iterable[Sequence[object]], *, is_sample: bool) -> int:
        """Add assignments that are not there yet, columns as in `holdout_log`; return how many.

        The first assignment of a contact wins for good.
        """
        before = self._connection.total_changes
        with self._connection:
            self._connection.executemany(
                "insert into holdout_assignments values (?, ?, ?, ?, ?, ?, ?) "
                "on conflict do nothing",
                ((is_sample, *row) for row in rows),
            )
        return self._connection.total_changes - before

    def _table(self, query: str, values: tuple[object, ...], schema: pa.Schema) -> pa.Table:
        rows = self._connection.execute(query, values).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * len(schema)
        return pa.Table.from_arrays(
            [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)],
            schema=schema,
        )


@contextmanager
def open_ledger(settings: Settings, *, read_only: bool = False) -> Iterator[Ledger]:
    """Open the ledger, brought up to the schema of this program.

    With `read_only` nothing on disk is touched; where there is no ledger yet, an empty one is seen.
    Raises `UserError` when a newer program wrote it, or it is no ledger at all.
    """
    path = settings.paths.ledger
    if not read_only:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    is_empty = read_only and not path.exists()
    location = ":memory:" if is_empty else str(path)
    connection = sqlite3.connect(location, timeout=30)
    try:
        try:
            # No write-ahead log: one writer at a time, and a backup is the copy of one file.
            if is_empty or not read_only:
                _migrate(connection)
            connection.execute(f"pragma query_only = {read_only}")
            connection.execute(
                "pragma cache_size = -131072"
            )  # 128 MiB: a first push is one big write
            _check_version(connection)
        except sqlite3.DatabaseError as error:
            raise UserError(
                f"{path} cannot be read as the ledger ({error}): restore it from a backup"
            ) from error
        yield Ledger(connection)
    finally:
        connection.close()


def copy_holdout_log(
    ledger: Ledger, connection: duckdb.DuckDBPyConnection, as_of_date: date, *, is_sample: bool
) -> int:
    """Replace `raw.holdout_log` by the assignments known on `as_of_date`; return their number."""
    log = ledger.holdout_log(as_of_date, is_sample=is_sample)
    connection.register("assignments", log)
    connection.execute(
        "create or replace table raw.holdout_log as "
        "select * replace (cast(assigned_on as date) as assigned_on) from assignments "
        "order by experiment_id, contact_id"
    )
    connection.unregister("assignments")
    return log.num_rows


def append_holdout_log(
    ledger: Ledger, connection: duckdb.DuckDBPyConnection, *, is_sample: bool
) -> int:
    """Add the new draws of `marts.holdout_assignments` to the ledger; return how many."""
    drawn = connection.execute(
        "select experiment_id, contact_id, customer_id, arm, bucket, cast(assigned_on as varchar) "
        "from vip_sms.marts.holdout_assignments as drawn "
        "anti join raw.holdout_log as known using (experiment_id, contact_id) order by all"
    ).fetchall()
    return ledger.log_assignments(drawn, is_sample=is_sample)


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("pragma user_version").fetchone()
    for number, step in enumerate(_MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"begin; {step} pragma user_version = {number}; commit;")


def _check_version(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("pragma user_version").fetchone()
    if version != len(_MIGRATIONS):
        raise UserError(
            f"the ledger has schema {version}, this program knows {len(_MIGRATIONS)}: "
            "update the program, or run `vip nightly` once to bring an older ledger up to date"
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
