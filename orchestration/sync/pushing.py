"""A push from beginning to end: open jobs, opt-outs, plan, brakes, application, verification."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from orchestration import quality
from orchestration.codes import attach_codes
from orchestration.erasure.identifiers import read as read_erased
from orchestration.errors import UserError
from orchestration.keys import code_key, ledger_key
from orchestration.landing.handed import handed_over_at
from orchestration.ledger import Ledger, open_ledger
from orchestration.night import BUILT, LANDED, read_night, require_night
from orchestration.platforms import (
    DESTINATIONS,
    PlatformError,
    SmsPlatform,
    Stops,
    StopSaid,
    may_push,
    open_platform,
)
from orchestration.quality.suites import policy_parameters
from orchestration.settings import Settings
from orchestration.sync import brakes
from orchestration.sync.applying import Applying, note
from orchestration.sync.planning import PROFILE, Plan, compare, one_of
from orchestration.warehouse import connect


@dataclass(frozen=True)
class Pushed:
    """What became of a push: its plan, its number in the ledger, and rows by outcome.

    `drift`: per list, what stands there beyond what was decided, and what was decided but has left
    there; only lists whose platform tells.
    """

    plan: Plan
    sync_run_id: int
    accepted: int
    pending: int
    failed: int
    opted_out: int = 0
    drift: dict[str, dict[str, int]] = field(default_factory=dict)


# Whoever has the number, and the customer named. A stop without a time that is known already is no
# new one, unless somebody may have said yes since: then it was said again.
_HANDED_OVER = """
with

handed as (

    select handed.source, customers.customer_id, customers.phone_e164, handed.opted_out_at,
    from raw.handed_opt_outs as handed
    inner join raw.customers as customers on handed.customer_id = customers.customer_id
    union
    select handed.source, customers.customer_id, customers.phone_e164, handed.opted_out_at,
    from raw.handed_opt_outs as handed
    inner join raw.customers as customers on handed.phone_e164 = customers.phone_e164

),

yes as (

    select
        coalesce(events.phone_e164, customers.phone_e164) as phone_e164,
        events.customer_id,
        max(events.occurred_at) as said_at,
    from raw.consent_events as events
    left join raw.customers as customers on events.customer_id = customers.customer_id
    where events.action = 'opt_in'
    group by all

),

known as (

    select
        destination as source,
        contact_id as customer_id,
        max(cast(cast(occurred_at as timestamptz) as timestamp)) as said_at,
    from opt_outs
    group by all

)

select distinct
    handed.source,
    handed.customer_id,
    coalesce(handed.opted_out_at, cast($1 as timestamp)) as said_at,
from handed
left join known using (source, customer_id)
where
    handed.opted_out_at is not null
    or known.said_at is null
    or known.said_at < (
        select max(said_at) from yes
        where yes.customer_id = handed.customer_id or yes.phone_e164 = handed.phone_e164
    )
order by all
"""


_ON_THE_PHONE = """
select distinct said.contact_id, others.customer_id
from said
inner join raw.customers as theirs on said.contact_id = theirs.customer_id
inner join raw.customers as others
    on theirs.phone_e164 = others.phone_e164 and theirs.customer_id <> others.customer_id
order by all
"""

# What hand-overs are noted as: when the newest file was written that a night has read.
_HANDS = "handed over"


class OlderNightError(UserError):
    """A newer night has been delivered already."""


def make_plan(settings: Settings, destination: str, as_of_date: date) -> Plan:
    """Say what a push would do. Touches nothing here, and only reads there.

    Raises `UserError` when the warehouse holds another date than asked.
    """
    with open_ledger(settings, read_only=True) as ledger:
        platform = open_platform(destination, settings, ledger.remembered(destination))
        stops = _stops_since(settings, ledger, platform)
        return _plan(settings, platform, ledger, as_of_date, stops)


def push(
    settings: Settings, destination: str, as_of_date: date, *, approve: int | None = None
) -> Pushed:
    """Make the platform hold what the warehouse says, and note every answer in the ledger.

    Raises `UserError` for a destination that this environment may not push to; `OlderNightError`
    when a newer night of the same brand has been delivered; `RefusedError` when a brake holds: the
    gate is shut, opt-outs were not read, the plan is old or larger than usual or than `approve`.
    Removals for want of consent are sent even then, and nothing else. `PlatformError`, once all was
    tried, where the platform refuses rows of all sorts alike.
    """
    context = _admit(settings, destination, as_of_date)
    with open_ledger(settings) as ledger:
        platform = open_platform(destination, settings, _Memory(ledger, destination))
        is_sample = bool(context["is_sample"])
        delivered = ledger.last_as_of(destination, is_sample=is_sample)
        if delivered and delivered > as_of_date:
            raise OlderNightError(
                f"{destination} already holds the night of {delivered}: "
                f"{as_of_date} is older and is not sent"
            )
        ledger_key(settings, create=True)
        code_key(settings, create=True)
        sync_run_id = ledger.start(destination, as_of_date, is_sample=is_sample)
        with _noted(ledger, sync_run_id) as told:
            _settle(ledger, destination, platform)
            held_by = _read_opt_outs(settings, ledger, platform)
            plan = _plan(settings, platform, ledger, as_of_date, held_by=held_by)
            # What stays as it was, or waits for an answer, is most of a plan and nothing to do.
            idle = ("unchanged", "waiting")
            todo = [group for group in plan.summary() if group["action"] not in idle]
            ledger.note_plan(sync_run_id, todo)
            for name in sorted(plan.gone):
                ledger.reopen(destination, name)
            try:
                held_by += _judge(settings, ledger, plan, approve)
            except UserError as error:
                held_by.append(f"nobody can judge the plan, nothing is sent: {error}")
            applying = told.applying = Applying(platform, ledger, plan, sync_run_id)
            if held_by:
                if plan.consent_removals():
                    platform.begin(as_of_date, sync_run_id)
                    applying.consent_removals()
                    sent, sure = applying.done["removed"], applying.outcome["accepted"]
                    told = f"{sent:,} removals for want of consent were sent all the same"
                    held_by.append(told if sure == sent else f"{told}, {sure:,} are confirmed")
                raise brakes.RefusedError("; ".join(held_by))
            platform.begin(as_of_date, sync_run_id)
            applying.everything()
            drift = applying.verify(policy_parameters())
            outcome = applying.outcome
            ledger.drop_settled(destination, _erased_contacts(settings, ledger, destination))
            if applying.troubles:
                raise PlatformError("; ".join(sorted(applying.troubles)))
    return Pushed(
        plan,
        sync_run_id,
        outcome["accepted"],
        outcome["pending"],
        outcome["rejected"] + outcome["retry"],
        outcome["opted_out"],
        drift,
    )


def withdraw(settings: Settings, ledger: Ledger, destination: str) -> int:
    """Take people who asked to be forgotten off a platform at once, and nothing else.

    The removals and properties of the next plan that are about them, without its brakes. Returns
    how many are left for the next push; who is gone there is gone from the ledger too.
    Raises `UserError` when no night stands built, or the platform cannot be worked with.
    """
    if not settings.paths.warehouse.exists():
        raise UserError("no night has been built here yet: run `vip nightly`")
    platform = open_platform(destination, settings, _Memory(ledger, destination))
    with connect(settings, read_only=True) as connection:
        as_of_date = read_night(connection, BUILT)["as_of_date"]
    context = _admit(settings, destination, as_of_date)
    _settle(ledger, destination, platform)
    plan = _plan(settings, platform, ledger, as_of_date)
    erased = _erased_contacts(settings, ledger, destination)
    theirs = replace(
        plan,
        rows=plan.rows.filter(one_of(plan.rows["contact_id"], erased)),
        profiles=plan.profiles.filter(one_of(plan.profiles["contact_id"], erased)),
    )
    sync_run_id = ledger.start(destination, as_of_date, is_sample=bool(context["is_sample"]))
    with _noted(ledger, sync_run_id) as told:
        told.applying = Applying(platform, ledger, theirs, sync_run_id)
        platform.begin(as_of_date, sync_run_id)
        told.applying.everything()
    ledger.drop_settled(destination, erased)
    return len(_erased_contacts(settings, ledger, destination))


def _erased_contacts(settings: Settings, ledger: Ledger, destination: str) -> list[str]:
    """Contacts that a destination still knows and that asked to be forgotten."""
    erased = read_erased(settings, read_only=True)
    if not erased:
        return []
    return sorted(each for each in ledger.contacts(destination) if erased.holds(each))


def hear_opt_outs(settings: Settings, destination: str) -> int:
    """Bring home who said stop at a platform; return how many were told of, news or not.

    Nothing is asked of a destination that this environment may not push to.
    Raises `PlatformError` when it cannot be asked.
    """
    if destination not in DESTINATIONS:
        raise UserError(f"no destination {destination!r}: choose one of {', '.join(DESTINATIONS)}")
    if not may_push(destination, settings):
        return 0
    with open_ledger(settings) as ledger:
        platform = open_platform(destination, settings, ledger.remembered(destination))
        stops = _stops_since(settings, ledger, platform)
        if stops is None:
            return 0
        ledger.note_opt_outs(destination, stops.said, stops.newest, stops.unsure)
        return len(stops.said)


def hear_handed_over(settings: Settings) -> int:
    """Bring home the opt-outs that landed from handed-over files; return how many there are.

    They are a platform's word from then on: kept for good, undone by no import. One without a time
    was said when it was handed over; nobody of a sample is heard.
    """
    with open_ledger(settings) as ledger, connect(settings, read_only=True) as connection:
        night = read_night(connection, LANDED)
        handed = handed_over_at(settings)
        said: dict[str, list[StopSaid]] = {}
        if not night["is_sample"]:
            # At the latest before the night, so that it is in force in it.
            last = datetime.combine(night["as_of_date"], time(), UTC) - timedelta(seconds=1)
            connection.register("opt_outs", ledger.opt_outs())
            moment = min(handed or last, last).replace(microsecond=0, tzinfo=None)
            for source, customer_id, when in connection.execute(_HANDED_OVER, [moment]).fetchall():
                stop = StopSaid(customer_id, when.replace(tzinfo=UTC), "handed over")
                said.setdefault(source, []).append(stop)
            for source, stops in said.items():
                ledger.note_opt_outs(source, stops)
            ledger.note_opt_outs(_HANDS, [], handed)
    return sum(len(stops) for stops in said.values())


def _opt_outs_known_to(ledger: Ledger, destination: str) -> datetime | None:
    """How old what we know of a platform's opt-outs is: by its own word, or by a hand-over.

    Of a hand-over counts what a night has read: a file that came since says nothing yet.
    """
    read_at, _ = ledger.opt_outs_read(destination)
    _, handed = ledger.opt_outs_read(_HANDS)
    if handed is None or DESTINATIONS[destination].tells_opt_outs:
        return read_at
    return max(filter(None, (read_at, min(handed, _now()))))


def _is_unread_hand_over(settings: Settings, ledger: Ledger) -> bool:
    handed = handed_over_at(settings)
    _, heard = ledger.opt_outs_read(_HANDS)
    return handed is not None and (heard is None or handed > heard)


class _Memory(MutableMapping[str, str]):
    """What an adapter remembers of its destination, kept in the ledger as it is set."""

    def __init__(self, ledger: Ledger, destination: str) -> None:
        self._ledger, self._destination = ledger, destination

    def __getitem__(self, name: str) -> str:
        value = self._ledger.recall(self._destination, name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        self._ledger.remember(self._destination, name, value)

    def __delitem__(self, name: str) -> None:
        self[name]  # raises where there is none
        self._ledger.remember(self._destination, name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ledger.remembered(self._destination))

    def __len__(self) -> int:
        return len(self._ledger.remembered(self._destination))


@dataclass
class _Told:
    applying: Applying | None = None


@contextmanager
def _noted(ledger: Ledger, sync_run_id: int) -> Iterator[_Told]:
    """Close a sync run in the ledger, however it ends."""
    told = _Told()

    def counts() -> dict[str, int]:
        if told.applying is None:
            return {}
        outcome = told.applying.outcome
        return {
            **told.applying.done,
            "pending": outcome["pending"],
            "failed": outcome["rejected"] + outcome["retry"],
        }

    try:
        yield told
    except brakes.RefusedError as error:
        ledger.finish(sync_run_id, "refused", counts(), str(error))
        raise
    except UserError as error:
        ledger.finish(sync_run_id, "stopped", counts(), str(error))
        raise
    except Exception as error:
        ledger.finish(sync_run_id, "stopped", counts(), type(error).__name__)
        raise
    ledger.finish(sync_run_id, "done", counts())


def _admit(settings: Settings, destination: str, as_of_date: date) -> dict[str, object]:
    """The night, when it may go to this destination from here."""
    context = _night(settings, as_of_date)
    row = DESTINATIONS.get(destination)
    if row and row.is_live and context["is_sample"]:
        raise UserError(f"nobody in the sample brand is real: it is never sent to {destination}")
    if row and not may_push(destination, settings):
        raise UserError(
            f"{destination} reaches real people: declare VIP_ENV=production on the one machine "
            "that may push there"
        )
    return context


def _night(settings: Settings, as_of_date: date) -> dict[str, object]:
    if not settings.paths.warehouse.exists():
        raise UserError("no night has been built here yet: run `vip nightly`")
    with connect(settings, read_only=True) as connection:
        return require_night(connection, as_of_date)


def _settle(ledger: Ledger, destination: str, platform: SmsPlatform) -> None:
    """Hear what became of everything that an earlier push left open, before anything is planned."""
    for job_id in ledger.open_jobs(destination):
        for audience, contact_ids in ledger.rows_of_job(destination, job_id).items():
            for ack in platform.poll(job_id, contact_ids):
                note(ledger, destination, audience, ack)


def _read_opt_outs(settings: Settings, ledger: Ledger, platform: SmsPlatform) -> list[str]:
    """Bring the opt-outs home; what holds the push back when they cannot be read."""
    try:
        stops = _stops_since(settings, ledger, platform)
    except PlatformError as error:
        return [f"the opt-outs of {platform.name} cannot be read, nothing is sent: {error}"]
    if stops:
        ledger.note_opt_outs(platform.name, stops.said, stops.newest, stops.unsure)
    return []


def _stops_since(settings: Settings, ledger: Ledger, platform: SmsPlatform) -> Stops | None:
    """What a platform tells of stops since it was last read, for everybody who has the phone.

    It tells of one profile a phone, named by the oldest account. That one may move to another
    phone, and the stop must not leave with it.
    """
    _, newest = ledger.opt_outs_read(platform.name)
    stops = platform.stops_since(newest)
    if stops is None or not stops.said:
        return stops
    with connect(settings, read_only=True) as connection:
        said = pa.table({"contact_id": [stop.contact_id for stop in stops.said]})
        connection.register("said", said)
        shared: dict[str, list[str]] = {}
        for contact_id, customer_id in connection.execute(_ON_THE_PHONE).fetchall():
            shared.setdefault(contact_id, []).append(customer_id)
    others = [
        replace(stop, contact_id=customer_id)
        for stop in stops.said
        for customer_id in shared.get(stop.contact_id, ())
    ]
    return replace(stops, said=stops.said + others)


def _plan(
    settings: Settings,
    platform: SmsPlatform,
    ledger: Ledger,
    as_of_date: date,
    fresh: Stops | None = None,
    held_by: list[str] | None = None,
) -> Plan:
    """Plan on what the ledger knows, and on opt-outs that it does not hold yet.

    Where newcomers cannot be asked after, none of them is added and `held_by` gets the reason;
    without it, `PlatformError` is raised.
    """

    def who_may_not(newcomers: Sequence[str]) -> set[str]:
        unsure = set(fresh.unsure) if fresh else ledger.unsure(platform.name)
        unsure -= set(newcomers)
        try:
            return unsure | {stop.contact_id for stop in platform.opted_out(newcomers)}
        except PlatformError as error:
            if held_by is None:
                raise
            held_by.append(f"newcomers cannot be asked after, nothing is sent: {error}")
            return unsure | set(newcomers)

    context = _night(settings, as_of_date)
    opt_outs = ledger.opt_outs().select(["contact_id", "occurred_at"])
    if fresh:
        rows = [
            {"contact_id": stop.contact_id, "occurred_at": stop.occurred_at.isoformat()}
            for stop in fresh.said
        ]
        opt_outs = pa.concat_tables([opt_outs, pa.Table.from_pylist(rows, opt_outs.schema)])
    lists = [name for name in ledger.audiences(platform.name) if name != PROFILE]
    with connect(settings, read_only=True) as connection:
        attach_codes(connection, code_key(settings, create=False))
        return compare(
            connection,
            context,
            platform.name,
            ledger.rows(platform.name),
            opt_outs,
            ledger_key(settings, create=False),
            platform.gone(lists),
            who_may_not,
            _erased_contacts(settings, ledger, platform.name),
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _judge(settings: Settings, ledger: Ledger, plan: Plan, approve: int | None) -> list[str]:
    """Everything that holds this plan back."""
    limits = policy_parameters()
    now = _now()
    found = []
    row = DESTINATIONS.get(plan.destination)
    if row is None or row.is_live or approve is not None:
        found += brakes.check_volume(plan, limits, approve)
    if row is None or row.is_live:
        found += brakes.check_age(plan, limits, now.date())
        read_at = {
            name: _opt_outs_known_to(ledger, name)
            for name in {*settings.destinations, plan.destination} & set(DESTINATIONS)
            if DESTINATIONS[name].is_live
            and (name != plan.destination or not DESTINATIONS[name].tells_opt_outs)
        }
        found += brakes.check_opt_outs(read_at, limits, now)
        if _is_unread_hand_over(settings, ledger):
            found.append(
                "a file of opt-outs came after the night, nothing is sent: run `vip nightly` first"
            )
    with connect(settings, read_only=True) as connection:
        landed = read_night(connection, LANDED)
        if landed["run_id"] != plan.run_id:
            found.append("newer raw data have landed than the plan is made from: nothing is sent")
        audience = connection.sql(
            "select * from activation.sync_vip_audience order by customer_id"
        ).to_arrow_table()
    results = quality.gate_rows(audience, settings, plan.as_of_date)
    stops = sorted(result.spec.name for result in results if result.stops)
    if stops:
        found.append(f"the gate is shut, nothing is sent: {', '.join(stops)}")
    return found
