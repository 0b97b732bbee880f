"""The plan: what should be true at a platform held against what it last confirmed, set by set.

Nothing is sent and nothing is written here. The comparison is SQL over the models of schema
`activation` and the rows of the ledger; only what differs leaves DuckDB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.warehouse import one

ACTIONS = ("add", "change", "remove", "unchanged", "waiting", "parked")
PROFILE = "profile"
HOLDOUT = "holdout-"
OPTED_OUT_THERE = "opted out at the platform"
STOPPED_SINCE = "may have said stop since the night"
UNSURE_THERE = "may not be texted there"
ERASED = "erased"

# Reasons for which somebody comes off a list whatever else holds a push back.
CONSENT_REASONS = (
    ERASED,
    OPTED_OUT_THERE,
    STOPPED_SINCE,
    UNSURE_THERE,
    "opted_out",
    "no_consent",
    "consent_unreadable",
    "suppressed",
)

# A row that the platform refused this often is left alone until its data change.
_MAX_ATTEMPTS = 5
_ON_LIST = "on"
_GONE = "off"
_UNKNOWN = "?"
_NOT_PROPERTIES = ("as_of_date", "customer_id", "contact_id", "phone", "email")
# Numbers of which 0 is one like any other: they leave as text, empty where nothing is known.
_TOLD_AS_TEXT = ("preferred_hour",)
_HASH_LENGTH = 32
_MEMORY = 1_000_000_000  # bytes; a plan of a million spills a little and stays below 2 GiB
_BLOCK = 64

# Who is in an audience tonight and has not said stop at a platform since.
_AUDIENCE = """
create temp table audience as
select *, {properties} as properties
from coded_audience
where
    contact_id not in (select contact_id from stops)
    and not list_contains(getvariable('erased'), contact_id)
    and not list_contains(getvariable('erased'), customer_id)
"""

# A stop told by a platform holds until a later yes has reached the warehouse.
_STOPS = f"""
create temp table stops as
select opt_outs.contact_id, '{OPTED_OUT_THERE}' as reason
from opt_outs
left join (
    select contact_id, max(changed_at) as changed_at
    from vip_sms.marts.customer_consent
    where purpose = 'marketing' and is_opted_in
    group by contact_id
) as yes on opt_outs.contact_id = yes.contact_id
group by opt_outs.contact_id
having coalesce(max(opt_outs.occurred_at) >= any_value(yes.changed_at), true)
"""

# A night counts what came before its date. What landed of the hours since is no part of it, but
# whoever said stop in them, by any means, is sent nothing: any reply may be one.
_STOPS_SINCE = f"""
insert into stops

with

people as (

    select audience.contact_id, customers.customer_id, audience.phone
    from coded_audience as audience
    inner join raw.customers as customers on audience.phone = customers.phone_e164
    union
    select contact_id, customer_id, phone
    from coded_audience

),

tickets as (

    select
        customer_id,
        ' ' || upper(regexp_replace(category, '[^A-Za-z0-9]+', ' ', 'g')) || ' ' as words,
    from raw.support_tickets
    where opened_at >= $night

),

events as (

    select customer_id, message_id
    from raw.sms_events
    where event_type in ('opt_out', 'complaint', 'reply') and occurred_at >= $night

),

since as (

    select customer_id, phone_e164 as phone
    from raw.consent_events
    where action = 'opt_out' and occurred_at >= $night

    union all

    select customer_id, phone_e164
    from raw.suppressions
    where from_at >= $night

    union all

    select customer_id, null
    from events

    union all

    select messages.customer_id, null
    from events
    inner join raw.sms_messages as messages using (message_id)

    union all

    select tickets.customer_id, null
    from tickets
    inner join reference.stop_ticket_categories as categories
        on contains(tickets.words, ' ' || categories.ticket_category || ' ')

)

select distinct contact_id, '{STOPPED_SINCE}'
from people
where
    contact_id not in (select contact_id from stops)
    and (
        customer_id in (select customer_id from since where customer_id is not null)
        or phone in (select phone from since where phone is not null)
    )
"""

_HELD = f"""
create temp table held as
select
    * exclude (accepted_hash),
    case
        when list_contains(getvariable('gone'), audience) then '{_GONE}'
        -- What was sent and never answered may be there: a removal must not pass it over.
        else coalesce(accepted_hash, '{_UNKNOWN}')
    end as held_hash,
from ledger
"""

_DESIRED_LISTS = f"""
create temp table desired_lists as

select
    unnest(string_split(audience_ids, ',')) as audience,
    contact_id,
    customer_id,
    tier,
from audience

union all

select
    '{HOLDOUT}' || experiment_id as audience,
    contact_id,
    customer_id,
    null as tier,
from activation.sync_vip_holdout
where arm = 'holdout' and not list_contains(getvariable('erased'), contact_id)
"""

# Whose profile is there or should be: in an audience, held out, or known from before.
_PROFILES = f"""
create temp table profiles as

with

held_out as (

    select
        contact_id,
        min(customer_id) as customer_id,
        min(phone) as phone,
        min(email) as email,
    from activation.sync_vip_holdout
    where arm = 'holdout' and not list_contains(getvariable('erased'), contact_id)
    group by contact_id

),

-- An arm that is over is written as a value too: a property is never cleared.
arms as (

    select
        contact_id,
        'exp_' || substr(coalesce(desired.audience, held.audience), {len(HOLDOUT) + 1}) as name,
        if(desired.audience is null, 'none', 'holdout') as arm,
    from (from desired_lists where starts_with(audience, '{HOLDOUT}')) as desired
    full join (from held where starts_with(audience, '{HOLDOUT}')) as held
        using (audience, contact_id)

),

arms_of_contacts as (

    select
        contact_id,
        cast(to_json(map_from_entries(list((name, arm) order by name))) as varchar) as properties,
    from arms
    group by contact_id

),

everyone as (

    select
        contact_id,
        coalesce(audience.customer_id, held_out.customer_id, known.customer_id) as customer_id,
        audience.tier,
        coalesce(audience.phone, held_out.phone) as phone,
        coalesce(audience.email, held_out.email) as email,
        coalesce(audience.properties, getvariable('nothing')) as properties,
        audience.contact_id is not null or held_out.contact_id is not null as is_wanted,
    from audience
    full join held_out using (contact_id)
    full join (from held where audience = '{PROFILE}') as known using (contact_id)

),

shared_addresses as (

    select lower(coalesce(audience.email, held_out.email)) as address
    from audience
    full join held_out using (contact_id)
    group by all
    having count(*) > 1

),

complete as (

    select
        everyone.* exclude (email, properties),
        -- A platform takes profiles of the same address for one: a shared one names nobody.
        case when shared_addresses.address is null then everyone.email end as email,
        case
            when arms_of_contacts.properties is null then everyone.properties
            else cast(
                json_merge_patch(everyone.properties, arms_of_contacts.properties) as varchar
            )
        end as properties,
    from everyone
    left join arms_of_contacts using (contact_id)
    left join shared_addresses on lower(everyone.email) = shared_addresses.address

)

select
    *,
    keyed(concat_ws('|', coalesce(phone, ''), coalesce(email, ''), properties)) as desired_hash,
from complete
"""

_COMPARED = f"""
create temp table compared as

with

desired as (

    select audience, contact_id, customer_id, tier, '{_ON_LIST}' as desired_hash, true as is_wanted,
    from desired_lists

    union all

    select '{PROFILE}', contact_id, customer_id, tier, desired_hash, is_wanted,
    from profiles

),

joined as (

    select
        audience,
        contact_id,
        coalesce(desired.customer_id, held.customer_id) as customer_id,
        coalesce(desired.tier, held.tier) as tier,
        held.tier as tier_before,
        held.state,
        held.job_id is not null as is_in_a_job,
        coalesce(held.held_hash, '{_GONE}') as held_hash,
        coalesce(desired.is_wanted, false) as is_wanted,
        coalesce(desired.desired_hash, '{_GONE}') as desired_hash,
        held.desired_hash as asked_hash,
        held.state = 'rejected'
        and held.attempts >= {_MAX_ATTEMPTS}
        and held.desired_hash = desired.desired_hash as is_refused,
    from desired
    full join held using (audience, contact_id)

)

select
    *,
    desired_hash = held_hash and (state is null or state = 'complete')
    -- What the platform refused, and nobody wants any more, never came to be. Not so where what it
    -- refused is the very thing wanted: who was to come off may stand there by an answer lost.
    or coalesce(state, '') = 'rejected'
    and asked_hash is distinct from desired_hash
    and (desired_hash = held_hash or not is_wanted and held_hash = '{_UNKNOWN}') as is_settled,
from joined
"""

_PLAN = f"""
create temp table plan as

with

profile_states as (

    select
        contact_id,
        coalesce(is_refused, false) and not is_settled as is_refused,
        is_in_a_job and is_wanted as is_in_a_job,
    from compared
    where audience = '{PROFILE}'

),

-- Who left and is confirmed gone has nothing more to do with the plan.
of_interest as (

    select
        compared.*,
        compared.audience <> '{PROFILE}'
        and compared.is_wanted
        and coalesce(profile_states.is_refused, false) as is_barred,
        compared.is_wanted
        and (compared.is_in_a_job or coalesce(profile_states.is_in_a_job, false)) as is_asked,
    from compared
    left join profile_states using (contact_id)
    where compared.is_wanted or not compared.is_settled

)

select
    of_interest.audience,
    of_interest.contact_id,
    of_interest.customer_id,
    case
        when of_interest.is_settled then 'unchanged'
        when of_interest.is_asked then 'waiting'
        when of_interest.is_refused or of_interest.is_barred then 'parked'
        when of_interest.is_wanted and of_interest.held_hash in ('{_GONE}', '{_UNKNOWN}')
            and of_interest.audience <> '{PROFILE}' then 'add'
        when of_interest.is_wanted and of_interest.held_hash = '{_GONE}' then 'add'
        when of_interest.is_wanted and of_interest.state <> 'complete'
            and of_interest.held_hash = '{_UNKNOWN}' then 'add'
        when of_interest.is_wanted or of_interest.audience = '{PROFILE}' then 'change'
        else 'remove'
    end as action,
    of_interest.tier,
    case
        when of_interest.is_settled then 'as it was'
        when of_interest.is_asked then 'asked before, not answered yet'
        when of_interest.is_refused then 'refused before, data unchanged'
        when of_interest.is_barred then 'profile refused'
        when list_contains(getvariable('erased'), of_interest.contact_id) then '{ERASED}'
        when not of_interest.is_wanted and stops.contact_id is not null then stops.reason
        when not of_interest.is_wanted then coalesce(decisions.reason_code, 'no longer qualifies')
        when list_contains(getvariable('gone'), of_interest.audience) then 'the list was gone'
        when of_interest.state in ('processing', 'retry', 'rejected') then 'not confirmed before'
        when of_interest.held_hash = '{_GONE}' and of_interest.state is not null then 'back again'
        when of_interest.held_hash = '{_GONE}' then 'new'
        when of_interest.tier is distinct from of_interest.tier_before then 'tier changed'
        else 'details changed'
    end as reason,
    of_interest.desired_hash,
from of_interest
left join decisions
    on
        of_interest.customer_id = decisions.customer_id
        and decisions.audience_id
        = if(of_interest.audience = '{PROFILE}', 'vip', of_interest.audience)
left join stops on of_interest.contact_id = stops.contact_id
"""

_ROWS = f"""
select
    plan.audience,
    plan.contact_id,
    plan.customer_id,
    plan.action,
    plan.tier,
    plan.reason,
    plan.desired_hash,
    held.vendor_id,
    plan.action = 'remove'
    -- Asked for once it stays asked for, though by now another reason comes first.
    and (list_contains({list(CONSENT_REASONS)}, plan.reason) or coalesce(place.is_consent, 0) = 1)
        as is_consent,
from plan
left join held on held.audience = '{PROFILE}' and plan.contact_id = held.contact_id
left join held as place on plan.audience = place.audience and plan.contact_id = place.contact_id
where plan.action <> 'unchanged'
order by plan.audience, plan.contact_id
"""

# Profiles whose answer must have come before their contact is added to a list.
_PROFILES_TO_SEND = f"""
select
    profiles.contact_id,
    profiles.customer_id,
    plan.action,
    profiles.phone,
    profiles.email,
    profiles.properties,
    profiles.desired_hash,
    profiles.tier,
    held.vendor_id,
    coalesce(held_out.contact_id is not null, false) as is_held_out,
    false as is_consent,
from plan
inner join profiles on plan.contact_id = profiles.contact_id
left join held on held.audience = '{PROFILE}' and plan.contact_id = held.contact_id
left join (select distinct contact_id from desired_lists where starts_with(audience, '{HOLDOUT}'))
    as held_out on plan.contact_id = held_out.contact_id
where plan.audience = '{PROFILE}' and plan.action in ('add', 'change')
order by profiles.contact_id
"""


@dataclass(frozen=True)
class Plan:
    """What a push would do.

    `rows`: one per audience and contact that is not unchanged, with customer_id, action, tier,
    reason, desired_hash, vendor_id, is_consent. `profiles`: what is behind the profile rows among
    them, with phone, email and properties (JSON). `groups`: all rows counted by audience, action,
    tier and reason. `held`: contacts on each list by the last word of the platform.
    """

    destination: str
    as_of_date: date
    is_sample: bool
    run_id: str
    rows: pa.Table
    profiles: pa.Table
    groups: list[dict[str, object]]
    held: dict[str, int]
    wanted: dict[str, int]
    gone: frozenset[str] = field(default_factory=frozenset)

    def part(self, name: str, *actions: str) -> pa.Table:
        """The rows of one audience with one of these actions."""
        rows = self.rows
        return rows.filter(
            pc.and_(pc.equal(rows["audience"], name), one_of(rows["action"], actions))
        )

    def counts(self) -> dict[str, int]:
        """Rows by action, each action named."""
        counts = dict.fromkeys(ACTIONS, 0)
        for group in self.groups:
            counts[str(group["action"])] += int(str(group["customers"]))
        return counts

    def consent_removals(self) -> int:
        """Contacts who come off a list for want of consent."""
        return int(pc.sum(self.rows["is_consent"]).as_py() or 0)

    def summary(self) -> list[dict[str, object]]:
        """Rows by audience, action, tier and reason: those four and customers."""
        return self.groups


def compare(
    connection: duckdb.DuckDBPyConnection,
    context: dict[str, object],
    destination: str,
    ledger: pa.Table,
    opt_outs: pa.Table,
    key: bytes,
    gone: Collection[str],
    ask: Callable[[Sequence[str]], Collection[str]],
    erased: Collection[str] = (),
) -> Plan:
    """Compare the warehouse behind `connection` with what `ledger` says of a destination.

    `connection`: with tonight's codes attached, see `attach_codes`.
    `opt_outs`: every stop that a platform told of (contact_id, occurred_at). `key`: what profiles
    are hashed with. `gone`: lists that are no longer there. `ask`: which of these contacts, about
    to be added to a list, the platform knows to have said stop. `erased`: contacts known there who
    asked to be forgotten.
    """
    _prepare(connection, key, gone, erased)
    connection.register("ledger", ledger)
    connection.register("all_opt_outs", opt_outs)
    connection.execute(
        "create temp view opt_outs as select contact_id, "
        "cast(cast(occurred_at as timestamptz) as timestamp) as occurred_at from all_opt_outs"
    )
    connection.execute(_HELD)
    connection.unregister("ledger")  # a million rows, now in `held`
    del ledger
    connection.execute(_STOPS)
    connection.execute(_STOPS_SINCE, {"night": context["as_of_date"]})
    connection.execute(_AUDIENCE.format(properties=merge_fields(connection)))
    connection.execute(f"set variable nothing = {_fields_of_who_left(connection)}")
    connection.execute(
        # An audience may decide on a customer more than once, for one subject each.
        "create temp view decisions as select audience_id, customer_id, coalesce("
        f"min(reason_code) filter (list_contains({list(CONSENT_REASONS)}, reason_code)), "
        "min(reason_code)) as reason_code "
        "from vip_sms.marts.audience_decisions where decision <> 'member' group by all"
    )
    _leave_out(connection, ask(_newcomers(connection)))
    for step in (_DESIRED_LISTS, _PROFILES, _COMPARED, _PLAN):
        connection.execute(step)
    rows = connection.sql(_ROWS).to_arrow_table()
    profiles = connection.sql(_PROFILES_TO_SEND).to_arrow_table()
    groups = connection.sql(
        "select audience, action, tier, reason, count(*) as customers from plan "
        "group by all order by audience, action, tier, reason"
    ).to_arrow_table()
    held = connection.execute(
        f"select audience, count(*) from held "
        f"where held_hash = '{_ON_LIST}' and audience <> '{PROFILE}' group by all"
    ).fetchall()
    wanted = connection.execute(
        "select audience, count(*) from desired_lists group by all"
    ).fetchall()
    return Plan(
        destination,
        context["as_of_date"],
        bool(context["is_sample"]),
        str(context["run_id"]),
        rows,
        profiles,
        groups.to_pylist(),
        dict(held),
        dict(wanted),
        frozenset(gone),
    )


def one_of(column: pa.ChunkedArray, values: Sequence[str]) -> pa.ChunkedArray:
    """Which values of a column are among these."""
    return pc.is_in(column, value_set=pa.array(values, pa.string()))


def _prepare(
    connection: duckdb.DuckDBPyConnection,
    key: bytes,
    gone: Collection[str],
    erased: Collection[str] = (),
) -> None:
    """Give the connection HMAC-SHA256 (RFC 2104), cut to 128 bits, and who and what is gone."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    padded = key.ljust(_BLOCK, b"\0")
    (memory,) = one(
        connection,
        f"select least(parse_formatted_bytes(current_setting('memory_limit')), {_MEMORY})",
    )
    connection.execute(f"set memory_limit = '{memory}B'")
    connection.execute("set variable inner_pad = $1", [bytes(byte ^ 0x36 for byte in padded)])
    connection.execute("set variable outer_pad = $1", [bytes(byte ^ 0x5C for byte in padded)])
    connection.execute("set variable gone = $1::varchar[]", [sorted(gone)])
    connection.execute("set variable erased = $1::varchar[]", [sorted(erased)])
    connection.execute(
        "create temp macro keyed(text) as substr(sha256(getvariable('outer_pad') || unhex("
        f"sha256(getvariable('inner_pad') || encode(text)))), 1, {_HASH_LENGTH})"
    )


def _newcomers(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Contacts of the audience who are not yet known to stand on each of their lists."""
    found = connection.execute(
        "select distinct wanted.contact_id "
        "from (select contact_id, unnest(string_split(audience_ids, ',')) as audience "
        "from audience) as wanted "
        "left join held on wanted.audience = held.audience "
        "and wanted.contact_id = held.contact_id "
        f"and held.held_hash = '{_ON_LIST}' and held.state = 'complete' "
        "where held.contact_id is null order by all"
    ).fetchall()
    return [contact_id for (contact_id,) in found]


def _leave_out(connection: duckdb.DuckDBPyConnection, contact_ids: Collection[str]) -> None:
    connection.register(
        "asked", pa.table({"contact_id": pa.array(sorted(contact_ids), pa.string())})
    )
    connection.execute(
        f"insert into stops select contact_id, '{UNSURE_THERE}' from asked "
        "where contact_id not in (select contact_id from stops)"
    )
    connection.execute("delete from audience where contact_id in (select contact_id from asked)")


def merge_fields(connection: duckdb.DuckDBPyConnection) -> str:
    """SQL for the merge fields of a contact as JSON: no nulls, dates as text, money in cents."""
    return _as_json({"vip": "true"} | {name: told for name, told, _ in _properties(connection)})


def _fields_of_who_left(connection: duckdb.DuckDBPyConnection) -> str:
    """SQL for the same fields of somebody in no audience: each has a value that tells nothing."""
    nothing = {name: nothing for name, _, nothing in _properties(connection)}
    return _as_json({"vip": "false"} | nothing | {"tier": "'none'"})


def _properties(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str, str]]:
    """Each merge field: its name, the SQL of its value, and that of nothing in its type."""
    for name, kind, *_ in connection.execute("describe coded_audience").fetchall():
        if name in _NOT_PROPERTIES:
            continue
        if kind == "TIMESTAMP":
            value, nothing = f"strftime(\"{name}\", '%Y-%m-%dT%H:%M:%SZ')", "''"
        elif name in _TOLD_AS_TEXT or kind in ("VARCHAR", "DATE"):
            value, nothing = f'cast("{name}" as varchar)', "''"
        elif kind.startswith("DECIMAL"):
            value, nothing = f'cast("{name}" as decimal(18, 2))', "cast(0 as decimal(18, 2))"
        elif kind in ("DOUBLE", "FLOAT"):
            value, nothing = f'round("{name}", 6)', "cast(0 as double)"
        elif kind == "BOOLEAN":
            value, nothing = f'"{name}"', "false"
        else:
            value, nothing = f'"{name}"', "0"
        yield name, f"coalesce({value}, {nothing})", nothing


def _as_json(fields: dict[str, str]) -> str:
    packed = ", ".join(f'"{name}" := {value}' for name, value in fields.items())
    return f"cast(to_json(struct_pack({packed})) as varchar)"
