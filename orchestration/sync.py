"""Delivery, the same for every platform: what should be true there, what is, and the difference.

The difference is taken between the models of schema `activation` and what the platform last
confirmed (the ledger), set by set in DuckDB. How a vendor is spoken to belongs to `platforms`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.errors import UserError
from orchestration.ledger import Entry, Ledger, open_ledger
from orchestration.night import require_night
from orchestration.platforms import Ack, Member, Profile, SmsPlatform, open_platform
from orchestration.settings import Settings
from orchestration.warehouse import connect

ACTIONS = ("add", "change", "remove", "unchanged", "parked")
PROFILE = "profile"

# A row that failed this often is left alone until its data change.
_MAX_ATTEMPTS = 5
_ON_LIST = "on"
_GONE = "off"
_LEFT = json.dumps({"audience_ids": "", "tier": "none", "tier_rank": 0})
_NOT_PROPERTIES = ("as_of_date", "customer_id", "contact_id", "phone", "email")

# An object is what a platform holds about a customer: `profile`, or a list it stands on.
_PLAN = f"""
with

desired as (

    select
        '{PROFILE}' as object,
        customer_id,
        tier,
        md5(concat_ws('|', phone, coalesce(email, ''), properties)) as desired_hash,
    from audience

    union all

    select
        unnest(string_split(audience_ids, ',')) as object,
        customer_id,
        tier,
        '{_ON_LIST}' as desired_hash,
    from audience

    union all

    select
        'holdout-' || experiment_id as object,
        customer_id,
        null as tier,
        '{_ON_LIST}' as desired_hash,
    from activation.sync_vip_holdout
    where arm = 'holdout'

),

compared as (

    select
        coalesce(desired.object, ledger.object) as object,
        coalesce(desired.customer_id, ledger.customer_id) as customer_id,
        coalesce(desired.tier, ledger.tier) as tier,
        ledger.tier as tier_before,
        ledger.vendor_id,
        ledger.state,
        -- What was sent and never answered may be there: a removal must not pass it over.
        coalesce(ledger.accepted_hash, if(ledger.object is null, '{_GONE}', '?')) as held_hash,
        desired.desired_hash is not null as is_wanted,
        case
            when desired.desired_hash is not null then desired.desired_hash
            when ledger.object = '{PROFILE}' then md5('{_LEFT}')
            else '{_GONE}'
        end as desired_hash,
        ledger.state = 'failed'
        and ledger.attempts >= {_MAX_ATTEMPTS}
        and ledger.desired_hash = desired.desired_hash as is_parked,
    from desired
    full join ledger
        on desired.object = ledger.object and desired.customer_id = ledger.customer_id

),

judged as (

    select
        *,
        desired_hash = held_hash and state is distinct from 'processing' as is_settled,
    from compared

)

select
    judged.object,
    judged.customer_id,
    case
        when judged.is_settled then 'unchanged'
        when judged.is_parked then 'parked'
        when judged.is_wanted and judged.held_hash in ('{_GONE}', '?') then 'add'
        when judged.is_wanted or judged.object = '{PROFILE}' then 'change'
        else 'remove'
    end as action,
    judged.tier,
    case
        when judged.is_settled then 'as it was'
        when judged.is_parked then 'failed before, data unchanged'
        when not judged.is_wanted
            then coalesce(platform_opt_outs.reason, decisions.reason_code, 'no longer qualifies')
        when judged.state in ('processing', 'failed') then 'not confirmed before'
        when judged.held_hash = '{_GONE}' and judged.state is not null then 'back again'
        when judged.held_hash = '{_GONE}' then 'new'
        when judged.tier is distinct from judged.tier_before then 'tier changed'
        else 'details changed'
    end as reason,
    judged.desired_hash,
    judged.vendor_id,
from judged
left join decisions
    on
        judged.customer_id = decisions.customer_id
        and decisions.audience_id = if(judged.object = '{PROFILE}', 'vip', judged.object)
left join platform_opt_outs on judged.customer_id = platform_opt_outs.customer_id
-- Whoever left and is confirmed gone has nothing more to do with the plan.
where judged.is_wanted or not judged.is_settled
order by judged.object, judged.customer_id
"""


@dataclass(frozen=True)
class Plan:
    """What a push would do.

    `rows`: one per object and customer with action, tier, reason and desired_hash. `audience`: the
    rows of `activation.sync_vip_audience` behind it, the very ones that would be sent.
    """

    destination: str
    as_of_date: date
    is_sample: bool
    rows: pa.Table
    audience: pa.Table

    def part(self, name: str, *actions: str) -> pa.Table:
        """The rows of one object with one of these actions."""
        rows = self.rows
        return rows.filter(
            pc.and_(pc.equal(rows["object"], name), _one_of(rows["action"], actions))
        )

    def counts(self) -> dict[str, int]:
        """Rows by action, each action named."""
        found = self.rows["action"].value_counts().to_pylist() if self.rows.num_rows else []
        return dict.fromkeys(ACTIONS, 0) | {each["values"]: each["counts"] for each in found}

    def summary(self) -> list[dict[str, object]]:
        """Rows by object, action, tier and reason: object, action, tier, reason, customers."""
        rows = self.rows
        with duckdb.connect() as connection:
            connection.register("rows", rows)
            found = connection.execute(
                "select object, action, tier, reason, count(*) as customers from rows "
                "group by all order by object, action, tier, reason"
            ).to_arrow_table()
        return found.to_pylist()


@dataclass(frozen=True)
class Pushed:
    """What became of a push: its plan, its number in the ledger, and rows by outcome."""

    plan: Plan
    sync_run_id: int
    accepted: int
    pending: int
    failed: int


class OlderNightError(UserError):
    """A newer night has been delivered already."""


def make_plan(settings: Settings, destination: str, as_of_date: date) -> Plan:
    """Say what a push would do. Touches nothing.

    Raises `UserError` when the warehouse holds another date than asked.
    """
    platform = open_platform(destination, settings)
    with open_ledger(settings, read_only=True) as ledger:
        return _plan(settings, platform, ledger, as_of_date)


def push(
    settings: Settings, destination: str, as_of_date: date, *, approve: int | None = None
) -> Pushed:
    """Make the platform hold what the warehouse says, and note every answer in the ledger.

    The gate is run on the rows about to be sent. Raises `UserError`, with nothing sent, when it
    stays shut, when the warehouse holds another date, or when the plan has more than `approve`
    changes; raises `OlderNightError` when a newer night of the same brand has been delivered.
    """
    platform = open_platform(destination, settings)
    with open_ledger(settings) as ledger:
        for job_id in ledger.open_jobs(destination):
            _settle(ledger, destination, job_id, platform)
        plan = _plan(settings, platform, ledger, as_of_date)
        _refuse(settings, ledger, plan, approve)

        sync_run_id = ledger.start(destination, as_of_date, is_sample=plan.is_sample)
        platform.begin(as_of_date, sync_run_id)
        outcome = _apply(platform, ledger, plan, sync_run_id)
        counts = plan.counts()
        ledger.finish(
            sync_run_id,
            {
                "added": counts["add"],
                "changed": counts["change"],
                "removed": counts["remove"],
                "failed": outcome["rejected"] + outcome["retry"],
            },
        )
    return Pushed(
        plan,
        sync_run_id,
        outcome["accepted"],
        outcome["pending"],
        outcome["rejected"] + outcome["retry"],
    )


def _plan(settings: Settings, platform: SmsPlatform, ledger: Ledger, as_of_date: date) -> Plan:
    if not settings.paths.warehouse.exists():
        raise UserError("no night has been built here yet: run `vip nightly`")
    with connect(settings, read_only=True) as connection:
        context = require_night(connection, as_of_date)
        asked = connection.execute(
            "select customer_id from activation.sync_vip_audience order by customer_id"
        ).fetchall()
        opted_out = sorted(platform.opted_out([customer_id for (customer_id,) in asked]))
        connection.register(
            "platform_opt_outs",
            pa.table(
                {
                    "customer_id": pa.array(opted_out, pa.string()),
                    "reason": pa.array(["opted out at the platform"] * len(opted_out), pa.string()),
                }
            ),
        )
        connection.register("ledger", ledger.rows(platform.name))
        connection.execute(
            f"create temp table audience as select *, {_properties(connection)} as properties "
            "from activation.sync_vip_audience anti join platform_opt_outs using (customer_id)"
        )
        connection.execute(
            "create temp view decisions as select audience_id, customer_id, reason_code "
            "from vip_sms.marts.audience_decisions where decision <> 'member'"
        )
        rows = connection.execute(_PLAN).to_arrow_table()
        audience = connection.execute(
            "select * from audience order by customer_id"
        ).to_arrow_table()
    return Plan(platform.name, as_of_date, context["is_sample"], rows, audience)


def _properties(connection: duckdb.DuckDBPyConnection) -> str:
    """SQL for the merge fields of a customer as JSON: no nulls, dates as text, money in cents."""
    fields = []
    for name, kind, *_ in connection.execute("describe activation.sync_vip_audience").fetchall():
        if name in _NOT_PROPERTIES:
            continue
        if kind.startswith("DECIMAL"):
            value = f'cast(coalesce("{name}", 0) as decimal(18, 2))'
        elif kind in ("DOUBLE", "FLOAT"):
            value = f'round(coalesce("{name}", 0), 6)'
        elif kind in ("VARCHAR", "DATE", "TIMESTAMP"):
            value = f"coalesce(cast(\"{name}\" as varchar), '')"
        else:
            value = f'coalesce("{name}", 0)'
        fields.append(f'"{name}" := {value}')
    return f"cast(to_json(struct_pack({', '.join(fields)})) as varchar)"


def _refuse(settings: Settings, ledger: Ledger, plan: Plan, approve: int | None) -> None:
    delivered = ledger.last_as_of(plan.destination, is_sample=plan.is_sample)
    if delivered and delivered > plan.as_of_date:
        raise OlderNightError(
            f"{plan.destination} already holds the night of {delivered}: "
            f"{plan.as_of_date} is older and is not sent"
        )
    counts = plan.counts()
    changes = counts["add"] + counts["change"] + counts["remove"]
    if approve is not None and changes > approve:
        raise UserError(
            f"the plan has {changes:,} changes and {approve:,} are approved: nothing is sent; "
            f"look at `vip plan --destination {plan.destination}`"
        )
    from orchestration import quality

    audience = plan.audience.drop_columns(["properties"])
    results = quality.gate_rows(audience, settings, plan.as_of_date)
    stops = sorted(result.spec.name for result in results if result.stops)
    if stops:
        raise UserError(f"the gate is shut, nothing is sent: {', '.join(stops)}")


def _apply(platform: SmsPlatform, ledger: Ledger, plan: Plan, sync_run_id: int) -> dict[str, int]:
    """Send a plan in the order in which a stop half-way leaves too few messaged, never too many."""
    lists = sorted(set(plan.rows["object"].unique().to_pylist()) - {PROFILE})
    holdouts = [name for name in lists if name.startswith("holdout-")]
    audiences = [name for name in lists if name not in holdouts]
    outcome = dict.fromkeys(("accepted", "pending", "rejected", "retry"), 0)
    unknown_there: list[str] = []

    def send(name: str, rows: pa.Table, call: Callable[[pa.Table], Iterator[list[Ack]]]) -> None:
        if not rows.num_rows:
            return
        sent = [rows[column].to_pylist() for column in ("customer_id", "tier", "desired_hash")]
        ledger.intend(
            sync_run_id, plan.destination, ((name, *row) for row in zip(*sent, strict=True))
        )
        for acks in call(rows):
            ledger.record(plan.destination, [_entry(name, ack) for ack in acks])
            for ack in acks:
                outcome[ack.state] += 1
                if name == PROFILE and ack.state in ("rejected", "retry"):
                    unknown_there.append(ack.customer_id)

    def add(names: Sequence[str]) -> None:
        for name in names:
            rows = plan.part(name, "add")
            rows = rows.filter(pc.invert(_one_of(rows["customer_id"], unknown_there)))
            send(name, rows, lambda rows, name=name: platform.add_members(name, _members(rows)))

    def remove(names: Sequence[str]) -> None:
        for name in names:
            rows = plan.part(name, "remove")
            send(name, rows, lambda rows, name=name: platform.remove_members(name, _members(rows)))

    add(holdouts)
    remove(audiences)
    send(
        PROFILE,
        plan.part(PROFILE, "add", "change"),
        lambda rows: platform.upsert_profiles(_profiles(rows, plan.audience)),
    )
    add(audiences)
    remove(holdouts)
    return outcome


def _one_of(column: pa.ChunkedArray, values: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(values, pa.string()))


def _members(rows: pa.Table) -> list[Member]:
    columns = (rows["customer_id"].to_pylist(), rows["vendor_id"].to_pylist())
    return [Member(*row) for row in zip(*columns, strict=True)]


def _profiles(rows: pa.Table, audience: pa.Table) -> list[Profile]:
    """The profiles of a plan's rows: what the audience says of those in it, `_LEFT` of the rest."""
    wanted = audience.filter(_one_of(audience["customer_id"], rows["customer_id"].to_pylist()))
    names = ("customer_id", "phone", "email", "properties")
    told = {
        customer_id: more
        for customer_id, *more in zip(*(wanted[name].to_pylist() for name in names), strict=True)
    }
    profiles = []
    for member in _members(rows):
        phone, email, properties = told.get(member.customer_id, (None, None, _LEFT))
        profiles.append(
            Profile(member.customer_id, phone, email, json.loads(properties), member.vendor_id)
        )
    return profiles


def _settle(ledger: Ledger, destination: str, job_id: str, platform: SmsPlatform) -> None:
    objects = ledger.objects_of_job(destination, job_id)
    for acks in platform.poll(job_id):
        ledger.record(destination, [_entry(objects[ack.customer_id], ack) for ack in acks])


def _entry(name: str, ack: Ack) -> Entry:
    states = {"accepted": "complete", "pending": "processing"}
    return Entry(
        name,
        ack.customer_id,
        states.get(ack.state, "failed"),
        ack.vendor_id,
        ack.job_id if ack.state == "pending" else None,
        ack.error,
    )
