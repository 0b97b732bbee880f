"""The ledger: what platforms were asked and confirmed, draws, messages, and who was erased.

One SQLite file outside the warehouse, because it must survive a rebuild. It holds ids and hashes,
never a phone, an e-mail address or a name. What should be sent is decided in `sync`.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

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
    # A contact takes the place of a customer; hashes that bore no key are forgotten, so that each
    # profile is sent once more and hashed with one.
    """
    alter table sync_rows rename to old_rows;

    -- One row per thing that a platform holds about a contact: the profile, or a place on a list.
    create table sync_rows (
        destination text not null,
        audience text not null,
        contact_id text not null,
        customer_id text not null,
        tier text,
        desired_hash text not null,
        accepted_hash text,
        state text not null check (state in ('processing', 'complete', 'retry', 'rejected')),
        attempts integer not null default 0,
        next_try text,
        job_id text,
        vendor_id text,
        error_code text,
        error text,
        sync_run_id integer not null references sync_runs,
        primary key (destination, audience, contact_id)
    ) strict, without rowid;

    insert into sync_rows
    select
        destination, object, customer_id, customer_id, tier,
        iif(object = 'profile', '?', desired_hash),
        iif(object = 'profile' and accepted_hash is not null, '?', accepted_hash),
        iif(state = 'failed', 'retry', state),
        attempts, next_try, job_id, vendor_id, null, last_error, sync_run_id
    from old_rows;

    drop table old_rows;
    create index open_jobs on sync_rows (destination, job_id) where job_id is not null;

    alter table sync_runs add column outcome text;
    alter table sync_runs add column why text;
    alter table sync_runs add column pending integer;
    update sync_runs set outcome = 'done' where finished_at is not null;

    -- What an adapter has to remember: the vendor's ids of lists above all.
    create table platform_memory (
        destination text not null,
        name text not null,
        value text not null,
        primary key (destination, name)
    ) strict, without rowid;

    -- Who said stop at a platform. Kept for good: they land as consent events every night.
    create table opt_outs (
        destination text not null,
        contact_id text not null,
        occurred_at text not null,
        how text not null,
        read_at text not null,
        primary key (destination, contact_id, occurred_at)
    ) strict, without rowid;

    create table opt_out_readings (
        destination text primary key,
        read_at text not null,
        newest text
    ) strict, without rowid;
    """,
    """
    -- One row per audience, contact and night that decided on a message: cool-downs and caps of
    -- later nights count it before any platform reports it.
    create table messages (
        is_sample integer not null,
        audience_id text not null,
        contact_id text not null,
        customer_id text not null,
        subject_id text not null,
        message_class text not null,
        send_at text not null,
        ends_at text,
        as_of_date text not null,
        primary key (is_sample, as_of_date, audience_id, contact_id)
    ) strict, without rowid;
    """,
    """
    -- Who is never to be loaded again: keyed hashes and nothing beside them that says who it was.
    -- The one of kind `key` is that of the key itself, by which another key is noticed.
    create table erased_identifiers (
        digest text primary key,
        kind text not null check (kind in ('customer_id', 'phone', 'email', 'key'))
    ) strict, without rowid;

    -- One row per erasure, by the hash of what it was asked for by.
    create table erasures (
        erasure text primary key,
        asked_at text not null,
        finished_at text
    ) strict, without rowid;

    create table erased_rows (
        erasure text not null references erasures,
        place text not null,
        rows integer not null,
        primary key (erasure, place)
    ) strict, without rowid;

    -- How many of each arm are no longer named: what a readout has to know of them.
    create table erased_assignments (
        is_sample integer not null,
        experiment_id text not null,
        arm text not null,
        contacts integer not null,
        primary key (is_sample, experiment_id, arm)
    ) strict, without rowid;
    """,
    """
    -- The key comes first: where it does not, integrity_check of SQLite 3.40 sees nulls that are
    -- not there.
    alter table messages rename to old_messages;

    create table messages (
        is_sample integer not null,
        as_of_date text not null,
        audience_id text not null,
        contact_id text not null,
        customer_id text not null,
        subject_id text not null,
        message_class text not null,
        send_at text not null,
        ends_at text,
        primary key (is_sample, as_of_date, audience_id, contact_id)
    ) strict, without rowid;

    insert into messages
    select
        is_sample, as_of_date, audience_id, contact_id, customer_id, subject_id, message_class,
        send_at, ends_at
    from old_messages;

    drop table old_messages;
    """,
    """
    -- Whether a contact comes off a list for want of consent, whatever is the reason by now.
    alter table sync_rows add column is_consent integer not null default 0;

    -- Whom a platform knew of no consent for when it was last asked about everybody.
    create table unsure_contacts (
        destination text not null,
        contact_id text not null,
        primary key (destination, contact_id)
    ) strict, without rowid;

    -- Files in which nobody erased was found, as they were and by the list as it was.
    create table searched_files (
        file text primary key,
        stamp text not null,
        list_hash text not null
    ) strict, without rowid;
    """,
    """
    -- What each push set out to do, counted; whoever held it back.
    create table sync_plans (
        sync_run_id integer not null references sync_runs,
        audience text not null,
        action text not null,
        tier text,
        reason text not null,
        contacts integer not null
    ) strict;
    create index plans_of_runs on sync_plans (sync_run_id);
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
_MESSAGE_LOG = pa.schema(
    [
        ("as_of_date", pa.string()),
        ("audience_id", pa.string()),
        ("contact_id", pa.string()),
        ("customer_id", pa.string()),
        ("subject_id", pa.string()),
        ("message_class", pa.string()),
        ("send_at", pa.string()),
        ("ends_at", pa.string()),
    ]
)
_SYNC_ROWS = pa.schema(
    [
        ("audience", pa.string()),
        ("contact_id", pa.string()),
        ("customer_id", pa.string()),
        ("tier", pa.string()),
        ("desired_hash", pa.string()),
        ("accepted_hash", pa.string()),
        ("state", pa.string()),
        ("attempts", pa.int64()),
        ("is_consent", pa.int64()),
        ("job_id", pa.string()),
        ("vendor_id", pa.string()),
    ]
)
_OPT_OUTS = pa.schema(
    [
        ("destination", pa.string()),
        ("contact_id", pa.string()),
        ("occurred_at", pa.string()),
        ("how", pa.string()),
    ]
)
_RUNS = pa.schema(
    [("sync_run_id", pa.string()), ("destination", pa.string()), ("night_date", pa.string())]
    + [(name, pa.string()) for name in ("started_at", "finished_at", "outcome", "why")]
    + [(name, pa.int64()) for name in ("added", "changed", "removed", "pending", "failed")]
)
_PLANS = pa.schema(
    [("sync_run_id", pa.string()), ("destination", pa.string()), ("night_date", pa.string())]
    + [(name, pa.string()) for name in ("audience", "action", "tier", "reason")]
    + [("contacts", pa.int64())]
)
_FAILURES = pa.schema(
    [
        (name, pa.string())
        for name in ("destination", "audience", "contact_id", "customer_id", "state")
    ]
    + [("attempts", pa.int64()), ("next_try_at", pa.string()), ("error_code", pa.string())]
)

_TOLD_OF_SETTLED = ("contact_id", "customer_id", "tier", "accepted_hash", "vendor_id")
_BATCH = 10_000
_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True)
class Erasure:
    """An erasure as it stands: when it was asked for and ended, and rows by place."""

    asked_at: str
    finished_at: str | None
    rows: dict[str, int]


@dataclass(frozen=True)
class StopSaid:
    """An opt-out that a platform told of: who, when by the platform's clock, and how it told."""

    contact_id: str
    occurred_at: datetime
    how: str


class Ledger:
    """An open ledger, from `open_ledger`. Each method that writes commits before it returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take over an open connection to a ledger of the current schema."""
        self._connection = connection

    def rows(self, destination: str) -> pa.Table:
        """What is known of `destination`: one row per audience and contact.

        A million rows pass through Python here, so what is the same for most is not read from each:
        `desired_hash`, `attempts` and `is_consent` are null for rows that are complete.
        """
        self._connection.execute("begin")  # one moment for all, though a push is writing
        try:
            audiences = self.audiences(destination)
            parts = [self._rows_of(destination, audience) for audience in audiences]
        finally:
            self._connection.rollback()
        return pa.concat_tables([_SYNC_ROWS.empty_table(), *parts])

    def audiences(self, destination: str) -> list[str]:
        """The lists, and `profile`, of which anything is known at `destination`."""
        found = self._connection.execute(
            "select distinct audience from sync_rows where destination = ? order by audience",
            (destination,),
        )
        return [audience for (audience,) in found]

    def _rows_of(self, destination: str, audience: str) -> pa.Table:
        """The rows of one audience: of those that are settled only what differs is read."""
        settled = self._table(
            "select contact_id, nullif(customer_id, contact_id), tier, accepted_hash, vendor_id "
            "from sync_rows where destination = ? and audience = ? "
            "and state = 'complete' and job_id is null",
            (destination, audience),
            pa.schema([_SYNC_ROWS.field(name) for name in _TOLD_OF_SETTLED]),
        )
        others = self._table(
            "select contact_id, nullif(customer_id, contact_id), tier, "
            "iif(state = 'complete', null, desired_hash), accepted_hash, state, "
            "iif(state = 'complete', null, attempts), "
            "state <> 'complete' and is_consent, job_id, vendor_id "
            "from sync_rows where destination = ? and audience = ? "
            "and not (state = 'complete' and job_id is null)",
            (destination, audience),
            pa.schema(list(_SYNC_ROWS)[1:]),
        )
        settled = settled.append_column("state", _constant("complete", settled.num_rows))
        rows = pa.concat_tables([others, settled], promote_options="default")
        named = pc.coalesce(rows["customer_id"], rows["contact_id"])
        rows = rows.set_column(rows.column_names.index("customer_id"), "customer_id", named)
        return rows.add_column(0, _SYNC_ROWS.field("audience"), _constant(audience, rows.num_rows))

    def last_as_of(self, destination: str, *, is_sample: bool) -> date | None:
        """The newest night that was pushed to `destination` to the end; None before the first."""
        (newest,) = self._connection.execute(
            "select max(as_of_date) from sync_runs "
            "where destination = ? and is_sample = ? and outcome = 'done'",
            (destination, is_sample),
        ).fetchone()
        return date.fromisoformat(newest) if newest else None

    def open_jobs(self, destination: str) -> list[str]:
        """Jobs that a platform had taken but not finished when we last heard of them."""
        found = self._connection.execute(
            "select distinct job_id from sync_rows "
            "where destination = ? and job_id is not null order by job_id",
            (destination,),
        )
        return [job_id for (job_id,) in found]

    def due(self, destination: str, now: datetime, *, consent_alone: bool = False) -> int:
        """Rows that wait for another try whose time has come, and rows of open jobs.

        What was refused outright waits for other data, but not a removal for want of consent.
        `consent_alone`: of those who come off a list for want of consent.
        """
        (found,) = self._connection.execute(
            "select count(*) from sync_rows where destination = ? and is_consent >= ? and "
            "(state = 'processing' or (state = 'retry' or (state = 'rejected' and is_consent)) "
            "and coalesce(next_try, '') <= ?)",
            (destination, consent_alone, now.isoformat(timespec="seconds")),
        ).fetchone()
        return int(found)

    def last_outcome(self, destination: str) -> str | None:
        """How the last push ended; None where it was killed, or there was none."""
        found = self._connection.execute(
            "select outcome from sync_runs where destination = ? order by sync_run_id desc limit 1",
            (destination,),
        ).fetchone()
        return found[0] if found else None

    def start(self, destination: str, as_of_date: date, *, is_sample: bool) -> int:
        """Open a sync run and return its number."""
        with self._connection:
            cursor = self._connection.execute(
                "insert into sync_runs (destination, as_of_date, is_sample, started_at) "
                "values (?, ?, ?, ?)",
                (destination, as_of_date.isoformat(), is_sample, _now()),
            )
        return cursor.lastrowid or 0

    def note_plan(self, sync_run_id: int, groups: Iterable[Mapping[str, object]]) -> None:
        """Note what a push sets out to do: audience, action, tier, reason and customers of each."""
        names = ("audience", "action", "tier", "reason", "customers")
        with self._connection:
            self._connection.executemany(
                "insert into sync_plans values (?, ?, ?, ?, ?, ?)",
                ((sync_run_id, *(group[name] for name in names)) for group in groups),
            )

    def intend(
        self,
        sync_run_id: int,
        destination: str,
        rows: Iterable[tuple[str, str, str, str | None, str, bool]],
    ) -> None:
        """Note audience, contact, customer, tier, desired_hash and is_consent before they are sent.

        `is_consent`: whether the contact comes off the list for want of consent.
        """
        names = "audience, contact_id, customer_id, tier, desired_hash, is_consent"
        with self._connection:
            self._stage(names, rows)
            self._connection.execute(
                f"insert into sync_rows (destination, state, attempts, sync_run_id, {names}) "
                f"select ?, 'processing', 1, ?, {names} from staged where true "
                "on conflict do update set tier = excluded.tier, "
                "customer_id = excluded.customer_id, attempts = "
                "case when desired_hash = excluded.desired_hash and state <> 'complete' "
                "then attempts + 1 else 1 end, desired_hash = excluded.desired_hash, "
                "state = 'processing', job_id = null, error_code = null, error = null, "
                "next_try = null, sync_run_id = excluded.sync_run_id, "
                "is_consent = excluded.is_consent",
                (destination, sync_run_id),
            )

    def record(
        self,
        destination: str,
        audience: str,
        contact_ids: Collection[str],
        state: str,
        *,
        vendor_ids: Mapping[str, str] | None = None,
        job_id: str | None = None,
        code: str | None = None,
        error: str | None = None,
    ) -> None:
        """Note what the platform said of rows; who is to be tried again waits longer now.

        `accepted_hash` moves only when it has confirmed them. A removal for want of consent is
        tried again though it was refused outright. `vendor_ids`: what it calls whom, where told.
        """
        now = datetime.now(UTC)
        waits = {
            attempts: (now + min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempts - 1))).isoformat(
                timespec="seconds"
            )
            for attempts in range(1, 9)
        }
        self._connection.create_function(
            "next_try", 1, lambda attempts: waits[max(1, min(attempts, 8))]
        )
        with self._connection:
            self._stage("contact_id", zip(contact_ids))
            self._connection.execute(
                "update sync_rows set state = ?1, job_id = ?2, error_code = ?3, error = ?4, "
                "next_try = iif(?1 = 'retry' or (?1 = 'rejected' and is_consent), "
                "next_try(attempts), null), "
                "accepted_hash = iif(?1 = 'complete', desired_hash, accepted_hash) "
                "where destination = ?5 and audience = ?6 "
                "and contact_id in (select contact_id from staged)",
                (state, job_id, code, error, destination, audience),
            )
            # Whoever takes a contact off a list needs the id under which the platform knows them.
            self._connection.executemany(
                "update sync_rows set vendor_id = ? where destination = ? "
                "and audience in ('profile', ?) and contact_id = ?",
                (
                    (vendor_id, destination, audience, contact_id)
                    for contact_id, vendor_id in (vendor_ids or {}).items()
                ),
            )

    def rows_of_job(self, destination: str, job_id: str) -> dict[str, list[str]]:
        """The contacts of a job, in order, by the audience that they were sent for."""
        found = self._connection.execute(
            "select audience, contact_id from sync_rows where destination = ? and job_id = ? "
            "order by audience, contact_id",
            (destination, job_id),
        )
        rows: dict[str, list[str]] = {}
        for audience, contact_id in found:
            rows.setdefault(audience, []).append(contact_id)
        return rows

    def reopen(self, destination: str, audience: str) -> None:
        """Note that a list is gone at the platform: nobody is known to stand on it any more."""
        with self._connection:
            self._connection.execute(
                "update sync_rows set accepted_hash = 'off', state = 'complete', job_id = null "
                "where destination = ? and audience = ?",
                (destination, audience),
            )

    def finish(
        self,
        sync_run_id: int,
        outcome: Literal["done", "refused", "stopped"],
        counts: Mapping[str, int],
        why: str | None = None,
    ) -> None:
        """Close a sync run with its rows: added, changed, removed, pending, failed.

        `done`: it went through. `refused`: a brake held it. `stopped`: it broke off half-way.
        """
        names = ("added", "changed", "removed", "pending", "failed")
        with self._connection:
            self._connection.execute(
                f"update sync_runs set finished_at = ?, outcome = ?, why = ?, "
                f"{', '.join(f'{name} = ?' for name in names)} where sync_run_id = ?",
                (_now(), outcome, why, *(counts.get(name, 0) for name in names), sync_run_id),
            )

    def remembered(self, destination: str) -> dict[str, str]:
        """What the adapter of a destination noted for later."""
        return dict(
            self._connection.execute(
                "select name, value from platform_memory where destination = ?", (destination,)
            ).fetchall()
        )

    def recall(self, destination: str, name: str) -> str | None:
        """One thing that the adapter of a destination noted; None where it did not."""
        found = self._connection.execute(
            "select value from platform_memory where destination = ? and name = ?",
            (destination, name),
        ).fetchone()
        return found[0] if found else None

    def remember(self, destination: str, name: str, value: str | None) -> None:
        """Note something for an adapter; None forgets it."""
        with self._connection:
            if value is None:
                self._connection.execute(
                    "delete from platform_memory where destination = ? and name = ?",
                    (destination, name),
                )
            else:
                self._connection.execute(
                    "insert or replace into platform_memory values (?, ?, ?)",
                    (destination, name, value),
                )

    def opt_outs(self, destination: str | None = None) -> pa.Table:
        """Every opt-out that a platform told of: destination, contact_id, occurred_at, how."""
        return self._table(
            f"select {', '.join(_OPT_OUTS.names)} from opt_outs "
            "where ?1 is null or destination = ?1 order by destination, contact_id, occurred_at",
            (destination,),
            _OPT_OUTS,
        )

    def opt_outs_read(self, destination: str) -> tuple[datetime | None, datetime | None]:
        """When the opt-outs of a platform were last read, and how far by its own clock."""
        found = self._connection.execute(
            "select read_at, newest from opt_out_readings where destination = ?", (destination,)
        ).fetchone()
        read_at, newest = found or (None, None)
        return (
            datetime.fromisoformat(read_at) if read_at else None,
            datetime.fromisoformat(newest) if newest else None,
        )

    def note_opt_outs(
        self,
        destination: str,
        stops: Iterable[StopSaid],
        newest: datetime | None = None,
        unsure: Iterable[str] = (),
    ) -> None:
        """Add opt-outs that a platform told of; with `newest`, note that all up to it were read.

        `unsure`: whom it knows of no consent for by that reading.
        """
        with self._connection:
            self._connection.executemany(
                "insert into opt_outs values (?, ?, ?, ?, ?) on conflict do nothing",
                (
                    (destination, stop.contact_id, stop.occurred_at.isoformat(), stop.how, _now())
                    for stop in stops
                ),
            )
            if newest:
                self._connection.execute(
                    "insert into opt_out_readings values (?1, ?2, ?3) on conflict do update set "
                    "read_at = excluded.read_at, newest = max(newest, excluded.newest)",
                    (destination, _now(), newest.isoformat()),
                )
                self._connection.execute(
                    "delete from unsure_contacts where destination = ?", (destination,)
                )
                self._connection.executemany(
                    "insert into unsure_contacts values (?, ?)",
                    ((destination, contact_id) for contact_id in unsure),
                )

    def unsure(self, destination: str) -> set[str]:
        """Whom a platform knew of no consent for when it was last asked about everybody."""
        found = self._connection.execute(
            "select contact_id from unsure_contacts where destination = ?", (destination,)
        )
        return {contact_id for (contact_id,) in found}

    def note_sure(self, destination: str, contact_ids: Iterable[str]) -> None:
        """Note that a platform has said of these since that they may be texted."""
        with self._connection:
            self._stage("contact_id", zip(contact_ids))
            self._connection.execute(
                "delete from unsure_contacts where destination = ? "
                "and contact_id in (select contact_id from staged)",
                (destination,),
            )

    def searched(self, list_hash: str) -> dict[str, str]:
        """Files found clean of everybody on a list of erased people, with what told them apart."""
        found = self._connection.execute(
            "select file, stamp from searched_files where list_hash = ?", (list_hash,)
        )
        return dict(found.fetchall())

    def note_searched(self, list_hash: str, stamps: Mapping[str, str]) -> None:
        """Note which files are clean, in place of all that was noted before."""
        with self._connection:
            self._connection.execute("delete from searched_files")
            self._connection.executemany(
                "insert into searched_files values (?, ?, ?)",
                ((file, stamp, list_hash) for file, stamp in stamps.items()),
            )

    def holdout_log(self, as_of_date: date, *, is_sample: bool) -> pa.Table:
        """Every assignment made up to `as_of_date`, as `raw.holdout_log` has it; dates as text."""
        columns = ", ".join(_HOLDOUT_LOG.names)
        return self._table(
            f"select {columns} from holdout_assignments where is_sample = ? and assigned_on <= ?",
            (is_sample, as_of_date.isoformat()),
            _HOLDOUT_LOG,
        )

    def history(self, as_of_date: date, *, is_sample: bool) -> dict[str, pa.Table]:
        """Opt-outs, and pushes, plans and failures of the nights before, as schema raw has them.

        Texts of a platform are left out: they may quote personal data.
        """
        day = as_of_date.isoformat()
        opt_outs = self._table(
            "select destination, contact_id, occurred_at, how from opt_outs where not ?",
            (is_sample,),
            _OPT_OUTS,
        )
        runs = self._table(
            "select cast(sync_run_id as text), destination, as_of_date, started_at, finished_at, "
            "outcome, why, added, changed, removed, pending, failed from sync_runs "
            "where is_sample = ? and as_of_date < ?",
            (is_sample, day),
            _RUNS,
        )
        plans = self._table(
            "select cast(sync_run_id as text), destination, as_of_date, audience, action, tier, "
            "reason, contacts from sync_plans inner join sync_runs using (sync_run_id) "
            "where is_sample = ? and as_of_date < ?",
            (is_sample, day),
            _PLANS,
        )
        failures = self._table(
            "select destination, audience, contact_id, customer_id, state, attempts, next_try, "
            "error_code from sync_rows inner join sync_runs using (destination, sync_run_id) "
            "where state <> 'complete' and is_sample = ? and as_of_date < ?",
            (is_sample, day),
            _FAILURES,
        )
        return {
            "platform_opt_outs": _in_utc(opt_outs, "occurred_at"),
            "sync_runs": _in_utc(runs, "started_at", "finished_at"),
            "sync_plans": plans,
            "sync_failures": _in_utc(failures, "next_try_at"),
        }

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

    def message_log(self, as_of_date: date, *, is_sample: bool) -> pa.Table:
        """Every message that nights before `as_of_date` decided on, as `raw.message_log` has it.

        Dates and times are text (UTC).
        """
        columns = ", ".join(_MESSAGE_LOG.names)
        return self._table(
            f"select {columns} from messages where is_sample = ? and as_of_date < ?",
            (is_sample, as_of_date.isoformat()),
            _MESSAGE_LOG,
        )

    def log_messages(self, rows: Iterable[Sequence[object]], *, is_sample: bool) -> int:
        """Add messages that are not there yet, columns as in `message_log`; return how many.

        Never taken back: whoever built the night twice may have sent what the first build said.
        """
        before = self._connection.total_changes
        with self._connection:
            self._connection.executemany(
                f"insert into messages (is_sample, {', '.join(_MESSAGE_LOG.names)}) "
                "values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
                ((is_sample, *row) for row in rows),
            )
        return self._connection.total_changes - before

    def erased_digests(self) -> frozenset[str]:
        """The keyed hashes of everything that is never to be loaded again."""
        found = self._connection.execute("select digest from erased_identifiers")
        return frozenset(digest for (digest,) in found)

    def begin_erasure(self, erasure: str, digests: Mapping[str, str]) -> None:
        """Put hashes (kind by digest) on the list, and note the erasure they belong to."""
        with self._connection:
            self._connection.execute(
                "insert into erasures values (?, ?, null) "
                "on conflict do update set finished_at = null",
                (erasure, _now()),
            )
            self._connection.executemany(
                "insert into erased_identifiers values (?, ?) on conflict do nothing",
                digests.items(),
            )

    def note_erased(self, erasure: str, place: str, rows: int) -> None:
        """Note how many rows go away at a place, before they do: a second try finds fewer."""
        with self._connection:
            self._connection.execute(
                "insert into erased_rows values (?, ?, ?) "
                "on conflict do update set rows = max(rows, excluded.rows)",
                (erasure, place, rows),
            )

    def finish_erasure(self, erasure: str) -> None:
        """Note that an erasure went through."""
        with self._connection:
            self._connection.execute(
                "update erasures set finished_at = ? where erasure = ?", (_now(), erasure)
            )

    def erasure(self, erasure: str) -> Erasure | None:
        """An erasure by the hash of what it was asked for by; None where there is none."""
        found = self._connection.execute(
            "select asked_at, finished_at from erasures where erasure = ?", (erasure,)
        ).fetchone()
        if found is None:
            return None
        rows = self._connection.execute(
            "select place, rows from erased_rows where erasure = ? order by place", (erasure,)
        )
        return Erasure(*found, dict(rows.fetchall()))

    def named(self, holds: Callable[[str, str], bool]) -> dict[tuple[str, str], set[str]]:
        """What `holds` knows (text, column) by table and column; the list of hashes left out."""
        found = {}
        for table, column in self._text_columns():
            texts = self._connection.execute(
                f'select distinct "{column}" from "{table}" where "{column}" is not null'
            )
            hits = {text for (text,) in texts if holds(text, column)}
            if hits:
                found[table, column] = hits
        return found

    def erase(self, erasure: str, holds: Callable[[str, str], bool], asked: Collection[str]) -> int:
        """Take out every row about somebody whom `holds` knows; return and note how many.

        What was sent to the destinations `asked` stays until `drop_settled`: they have to be told.
        Where the contact is somebody else's, their own id takes the place of the one erased.
        """
        named = self.named(holds)
        hits = sorted(set().union(*named.values(), ()))
        subjects = sorted(named.get(("messages", "subject_id"), ()))
        kept = ", ".join("?" for _ in asked)
        with self._connection:
            self._connection.execute("create temp table gone (name text primary key)")
            self._connection.executemany("insert into gone values (?)", ((hit,) for hit in hits))
            self._connection.execute(
                "insert into erased_assignments "
                "select is_sample, experiment_id, arm, count(*) from holdout_assignments "
                "where contact_id in gone group by is_sample, experiment_id, arm "
                "on conflict do update set contacts = contacts + excluded.contacts"
            )
            before = self._connection.total_changes
            self._connection.execute(
                f"delete from sync_rows where contact_id in gone and destination not in ({kept})",
                tuple(asked),
            )
            for table in ("holdout_assignments", "messages", "opt_outs", "unsure_contacts"):
                self._connection.execute(f"delete from {table} where contact_id in gone")
            rows = self._connection.total_changes - before
            self._connection.execute(
                "update sync_rows set customer_id = contact_id, accepted_hash = iif("
                "audience = 'profile', '?', accepted_hash) "
                "where customer_id in gone and contact_id not in gone"
            )
            for table in ("holdout_assignments", "messages"):
                self._connection.execute(
                    f"update {table} set customer_id = contact_id where customer_id in gone"
                )
            self._connection.executemany(
                "update messages set subject_id = 'erased' where subject_id = ?",
                ((subject,) for subject in subjects),
            )
            self._connection.execute(
                "insert into erased_rows values (?, 'ledger', ?) "
                "on conflict do update set rows = rows + excluded.rows",
                (erasure, rows),
            )
            self._connection.execute("drop table gone")
        return rows

    def drop_settled(self, destination: str, contact_ids: Iterable[str]) -> int:
        """Forget contacts of whom nothing is open at a destination any more; return how many."""
        dropped = 0
        with self._connection:
            for contact_id in contact_ids:
                cursor = self._connection.execute(
                    "delete from sync_rows where destination = ?1 and contact_id = ?2 "
                    "and not exists (select 1 from sync_rows as open where open.destination = ?1 "
                    "and open.contact_id = ?2 and open.state <> 'complete' "
                    "and not (open.state = 'rejected' and open.accepted_hash is null "
                    "and open.desired_hash <> 'off'))",
                    (destination, contact_id),
                )
                dropped += cursor.rowcount > 0
        return dropped

    def contacts(self, destination: str) -> set[str]:
        """Every contact of whom anything is known at a destination."""
        found = self._connection.execute(
            "select distinct contact_id from sync_rows where destination = ?", (destination,)
        )
        return {contact_id for (contact_id,) in found}

    def destinations(self) -> list[str]:
        """Every destination of which anything is known."""
        found = self._connection.execute("select distinct destination from sync_rows order by 1")
        return [destination for (destination,) in found]

    def compact(self) -> None:
        """Write the file anew, without what was deleted from it."""
        self._connection.execute("vacuum")

    def _text_columns(self) -> list[tuple[str, str]]:
        """Every column of text, but for hashes."""
        found = self._connection.execute(
            "select tables.name, columns.name from sqlite_master as tables, "
            "pragma_table_info(tables.name) as columns where tables.type = 'table' "
            "and columns.type = 'TEXT' and columns.name not like '%hash' "
            "and columns.name not in ('digest', 'erasure') order by 1, 2"
        )
        return found.fetchall()

    def _stage(self, columns: str, rows: Iterable[Sequence[object]]) -> None:
        """Rows as temp table `staged`: from there a whole set goes where it belongs in one step."""
        places = ", ".join("?" for _ in columns.split(","))
        self._connection.execute("drop table if exists temp.staged")
        self._connection.execute(f"create temp table staged ({columns})")
        self._connection.executemany(f"insert into staged values ({places})", rows)

    def _table(self, query: str, values: tuple[object, ...], schema: pa.Schema) -> pa.Table:
        cursor = self._connection.execute(query, values)
        batches = []
        with _no_garbage_collection():
            while rows := cursor.fetchmany(_BATCH):
                columns = zip(*rows, strict=True)
                batches.append(
                    pa.RecordBatch.from_arrays(
                        [
                            pa.array(each, kind)
                            for each, kind in zip(columns, schema.types, strict=True)
                        ],
                        schema=schema,
                    )
                )
        return pa.Table.from_batches(batches, schema)


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
            connection.execute("pragma temp_store = memory")
            connection.execute("pragma secure_delete = on")  # who is erased leaves no bytes behind
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
    return _replace(
        connection,
        "holdout_log",
        log,
        "select * replace (cast(assigned_on as date) as assigned_on) from log "
        "order by experiment_id, contact_id",
    )


def copy_to_warehouse(
    ledger: Ledger, connection: duckdb.DuckDBPyConnection, as_of_date: date, *, is_sample: bool
) -> None:
    """Replace the logs of schema raw by what the ledger says of nights up to this one.

    Opt-outs are those of real people: a sample brand hears of none.
    """
    copy_holdout_log(ledger, connection, as_of_date, is_sample=is_sample)
    copy_message_log(ledger, connection, as_of_date, is_sample=is_sample)
    for name, table in ledger.history(as_of_date, is_sample=is_sample).items():
        connection.register("copied", table)
        connection.execute(f"delete from raw.{name}")
        connection.execute(f"insert into raw.{name} by name select * from copied")
        connection.unregister("copied")


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


def copy_message_log(
    ledger: Ledger, connection: duckdb.DuckDBPyConnection, as_of_date: date, *, is_sample: bool
) -> int:
    """Replace `raw.message_log` by the messages of the nights before; return their number."""
    log = ledger.message_log(as_of_date, is_sample=is_sample)
    return _replace(
        connection,
        "message_log",
        log,
        "select * replace (cast(send_at as timestamp) as send_at, "
        "cast(ends_at as timestamp) as ends_at, cast(as_of_date as date) as as_of_date) "
        "from log order by as_of_date, audience_id, contact_id",
    )


def _replace(connection: duckdb.DuckDBPyConnection, name: str, log: pa.Table, query: str) -> int:
    connection.register("log", log)
    connection.execute(f"create or replace table raw.{name} as {query}")
    connection.unregister("log")
    return log.num_rows


def append_message_log(
    ledger: Ledger, connection: duckdb.DuckDBPyConnection, *, is_sample: bool
) -> int:
    """Add the messages of `marts.audience_decisions` to the ledger; return how many."""
    decided = connection.execute(
        "select cast(as_of_date as varchar), audience_id, contact_id, customer_id, subject_id, "
        "message_class, cast(send_at as varchar), cast(ends_at as varchar) "
        "from vip_sms.marts.audience_decisions where is_message and decision = 'member' "
        "order by all"
    ).fetchall()
    return ledger.log_messages(decided, is_sample=is_sample)


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


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A million tuples are no garbage: looking through them takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _constant(value: str, rows: int) -> pa.Array:
    return pa.array([value]).take(pa.array([0] * rows, pa.int8()))


def _in_utc(table: pa.Table, *names: str) -> pa.Table:
    """Texts with an offset as timestamps in UTC without one."""
    for name in names:
        moments = [
            datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) if text else None
            for text in table[name].to_pylist()
        ]
        column = pa.array(moments, pa.timestamp("us"))
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
