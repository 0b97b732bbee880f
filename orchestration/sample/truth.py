"""What is true of a sample, worked out from the rows written and from the written policy alone.

None of this looks at a dbt model: it is what the models are tested against. Tiers are held day by
day, as design and policy say it in words; everything else is plain SQL over the generator's own
tables.
"""

from __future__ import annotations

import csv
import json
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.sample.brand import WEAR
from orchestration.warehouse import one

REASONS = Path(__file__).parent / "sql" / "reasons.sql"
MICROS = 1_000_000
"""Money here is whole millionths of the reporting currency: cents times a rate of four digits."""


_CADENCES = ("daily", "weekly", "monthly", "quarterly")


@dataclass(frozen=True)
class Policy:
    """One version of the written policy, as far as tiers go."""

    effective_from: date
    grace_months: int
    cadence: str  # daily, weekly, monthly, quarterly
    mode: str  # soft_landing, drop
    tiers: tuple[tuple[str, int], ...]  # name and lowest net spend in millionths, rank 1 first

    def demotes_on(self, day: date) -> bool:
        """Whether the cadence lets a demotion fall on this day."""
        return {
            "daily": True,
            "weekly": day.isoweekday() == 1,
            "monthly": day.day == 1,
            "quarterly": day.day == 1 and day.month in (1, 4, 7, 10),
        }[self.cadence]


DEFAULT_POLICY = Policy(
    date.min,
    3,
    "monthly",
    "soft_landing",
    (("silver", 2_000 * MICROS), ("gold", 5_000 * MICROS), ("platinum", 10_000 * MICROS)),
)


def read_policies(folder: Path) -> list[Policy]:
    """The versions in `folder` (policy_versions.csv, tier_rules.csv), oldest first.

    The default policy alone when there is none, or when a version asks for more than fixed amounts
    of net spend over twelve months, excludes anybody, or demotes on other dates than these: the
    truth file then says so by naming the policy it used.
    """
    versions, rules = folder / "policy_versions.csv", folder / "tier_rules.csv"
    if not (versions.exists() and rules.exists()):
        return [DEFAULT_POLICY]
    tier_rows = _rows(rules)
    exclusions = folder / "tier_exclusions.csv"
    excluding = (
        {row["policy_version"] for row in _rows(exclusions)} if exclusions.exists() else set()
    )
    policies = []
    for row in _rows(versions):
        own = [rule for rule in tier_rows if rule["policy_version"] == row["policy_version"]]
        own.sort(key=lambda rule: int(rule["tier_rank"]))
        plain = (
            row["qualifying_spend_basis"] == "net_of_discounts_and_returns"
            and row["qualification_period"] == "rolling_12_months"
            and row["demotion_cadence"] in _CADENCES
            and row["policy_version"] not in excluding
            and all(r["metric"] == "qualifying_spend" and r["rule"] == "at_least" for r in own)
            and [int(rule["tier_rank"]) for rule in own] == list(range(1, len(own) + 1))
        )
        if not own or not plain:
            return [DEFAULT_POLICY]
        policies.append(
            Policy(
                date.fromisoformat(row["effective_from"]),
                int(row["grace_months"]),
                row["demotion_cadence"],
                row["demotion_mode"],
                tuple((rule["tier"], int(Decimal(rule["threshold"]) * MICROS)) for rule in own),
            )
        )
    return sorted(policies, key=lambda policy: policy.effective_from)


def policy_on(day: date, policies: list[Policy]) -> Policy:
    """The version in force on a day; before the first one, the first."""
    return next(
        (policy for policy in reversed(policies) if policy.effective_from <= day), policies[0]
    )


def read_parameter(folder: Path, name: str, default: float) -> float:
    """A number of policy_parameters.csv, whole where `default` is, which stands in for none."""
    path = folder / "policy_parameters.csv"
    rows = _rows(path) if path.exists() else []
    kind = type(default)
    return next((kind(row["value"]) for row in rows if row["parameter"] == name), default)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_months(day: date, months: int) -> date:
    """The same day `months` later, or the last day of a shorter month."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def first_day_without(day: date) -> date:
    """The first date D whose window [D - 12 months, D) no longer holds what happened on `day`."""
    later = add_months(day + timedelta(days=1), 12)
    while add_months(later, -12) <= day:  # only for the end of a February
        later += timedelta(days=1)
    return later


def held_tiers(
    people: np.ndarray, days: np.ndarray, amounts: np.ndarray, as_of: date, policies: list[Policy]
) -> dict[str, np.ndarray]:
    """Hold tiers day by day up to `as_of`.

    In: for each flow of money a person (0, 1, ...), the day it happened (`date.toordinal`) and its
    amount in millionths, negative for a refund. Out, a value per person: `rank` held on `as_of`,
    the `highest` ever held, the `spend` of the window, and the `grace_end` (ordinal; 0 = no
    shortfall).
    """
    count = int(people.max(initial=-1)) + 1
    distinct, position = np.unique(days, return_inverse=True)
    leaving = np.array(
        [first_day_without(date.fromordinal(int(day))).toordinal() for day in distinct], dtype=int
    )
    change_day = np.concatenate([days + 1, leaving[position]] if len(days) else [days])
    change_of = np.concatenate([people, people] if len(days) else [people])
    change_by = np.concatenate([amounts, -amounts] if len(days) else [amounts])
    order = np.argsort(change_day, kind="stable")
    change_day, change_of, change_by = change_day[order], change_of[order], change_by[order]

    spend = np.zeros(count, dtype=np.int64)
    held, highest = np.zeros(count, dtype=np.int8), np.zeros(count, dtype=np.int8)
    grace_end = np.zeros(count, dtype=np.int32)  # 0 = no shortfall
    if not len(change_day):
        return {"rank": held, "highest": highest, "spend": spend, "grace_end": grace_end}
    for ordinal in range(int(change_day[0]), as_of.toordinal() + 1):
        day = date.fromordinal(ordinal)
        today = slice(*np.searchsorted(change_day, [ordinal, ordinal + 1]))
        np.add.at(spend, change_of[today], change_by[today])
        policy = policy_on(day, policies)
        qualified = np.searchsorted([least for _, least in policy.tiers], spend, side="right")
        qualified = qualified.astype(np.int8)

        held = np.maximum(held, qualified)
        short = qualified < held
        grace_end[~short] = 0
        grace_end[short & (grace_end == 0)] = add_months(day, policy.grace_months).toordinal()
        if policy.demotes_on(day):
            due = short & (grace_end <= ordinal)
            steps = 1 if policy.mode == "soft_landing" else len(policy.tiers)
            held = np.where(due, np.maximum(held - steps, qualified), held)
            again = due & (qualified < held)
            grace_end[due] = 0
            grace_end[again] = add_months(day, policy.grace_months).toordinal()
        highest = np.maximum(highest, held)
    return {"rank": held, "highest": highest, "spend": spend, "grace_end": grace_end}


DEFINITIONS = {
    "tiers": "tier held on the as-of date by every customer who ever held one",
    "vips": "customers with a tier on that date: the tier, spend of the window, end of a grace "
    "period that runs, and 'eligible' or the first reason why not, before any holdout",
    "opted_out": "the last readable marketing word of the contact before the as-of date is a stop",
    "never_consented": "the contact has no readable marketing word before the as-of date",
    "suppressed": "a suppression of the contact is in force on the as-of date",
    "no_phone": "the phone is missing or no valid number",
    "not_textable": "the phone is a landline, as its number tells",
    "shared_phone": "the phone stands on more accounts than the policy allows",
    "consent_unreadable": "a row about the contact's consent or suppression cannot be read",
    "rising_stars": "spent more in each of the last six whole months than in the one before",
    "trend_leaders": "buys what has just come out, most of the time",
    "sale_shoppers": "buys marked down, most of the time",
    "click_wear": "what each offer of the 30 days before leaves of a text's chance to be clicked",
    "in_quiet": "on a phone where something is not put right, or was in the last days, or where an "
    "angry ticket or a very bad mark is young; complaints to the carrier left out",
    "dirty_rows": "rows that do not fit the contract; of two with one key the second. Accounts "
    "named Z... come of such pairs: they did nothing and stand in no list here",
    "exact_duplicates": "rows repeated to the letter in the same file",
    "totals": "before the as-of date, in the reporting currency; refunds of everybody and nobody",
    "campaigns": "early access with a holdout of its own. planted_chance: that a delivered text "
    "causes an order; effect_per_customer: net revenue before returns of the orders it did cause, "
    "over all who were not held out",
}


def write_truth(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    facts: dict[str, Any],
    as_of: date,
    policies: list[Policy],
) -> dict[str, Any]:
    """Work out the truths of the sample in `connection`, write them to `path` and return them.

    `facts` (as_of_date, seed, counts) come first in the file. Needs the tables who, flow, said,
    all_suppressions, unreadable, arm and caused_value, and the macros of the generator.
    """
    tiers = _hold(connection, as_of, policies)
    connection.execute(REASONS.read_text(encoding="utf-8"))
    truth = {
        **facts,
        "definitions": DEFINITIONS,
        "policy": _policy_in_force(policies, as_of),
        "vip_share": _vip_share(connection, as_of),
        "totals": _totals(connection),
        "campaigns": _campaigns(connection),
        "click_wear": WEAR,
        "in_quiet": _in_quiet(connection),
        **_special_ids(connection),
        "tiers": {
            customer: tiers[rank]
            for customer, rank in connection.execute(
                "select customer_id, rank from judged where highest > 0 order by customer_id"
            ).fetchall()
        },
        "vips": {
            customer: {
                "tier": tiers[rank],
                "qualifying_spend": _amount(spend),
                "grace_until": grace_until and grace_until.isoformat(),
                "reason": reason,
            }
            for customer, rank, spend, grace_until, reason in connection.execute(
                """
                select customer_id, rank, spend, grace_until, reason from judged
                where rank > 0
                order by customer_id
                """
            ).fetchall()
        },
    }
    # A key a line: short enough to read the beginning of, and to compare two of.
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in truth.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return truth


def _hold(
    connection: duckdb.DuckDBPyConnection, as_of: date, policies: list[Policy]
) -> tuple[str, ...]:
    """Create `held`, what each person held on `as_of`; return the tier names by rank."""
    # Whoever never spent the lowest threshold in all never held a tier.
    least = min(threshold for policy in policies for _, threshold in policy.tiers)
    flows = connection.execute(
        """
        with daily as (
            select n, day, sum(amount)::bigint as amount
            from flow
            where n is not null
            group by n, day
        )
        select n, day, amount
        from daily
        where n in (select n from daily group by n having sum(greatest(amount, 0)) >= ?)
        order by n, day
        """,
        [least],
    ).fetchnumpy()
    numbers, people = np.unique(flows["n"], return_inverse=True)
    days = flows["day"].astype("datetime64[D]").astype(np.int64) + date(1970, 1, 1).toordinal()
    held = held_tiers(people, days, flows["amount"], as_of, policies)
    connection.register("arriving", pa.table({"n": numbers, **held}))
    connection.execute(
        """
        create table held as
        select
            * exclude (grace_end),
            case when grace_end > 0 then date '0001-01-01' + (grace_end - 1) end as grace_until
        from arriving
        """
    )
    return ("none", *(name for name, _ in policies[-1].tiers))


def _policy_in_force(policies: list[Policy], as_of: date) -> dict[str, Any]:
    policy = policy_on(as_of, policies)
    return {
        "grace_months": policy.grace_months,
        "demotion_cadence": policy.cadence,
        "demotion_mode": policy.mode,
        "thresholds": {name: _amount(least) for name, least in policy.tiers},
    }


def _vip_share(connection: duckdb.DuckDBPyConnection, as_of: date) -> dict[str, Any]:
    vips, active = one(
        connection,
        """
        select count(*) filter (where judged.rank > 0), count(*)
        from judged
        where
            not judged.is_test
            and judged.n in (select n from flow where amount > 0 and day >= ?)
        """,
        [add_months(as_of, -12)],
    )
    return {"active_customers": active, "vips": vips, "share": round(vips / max(active, 1), 4)}


def _totals(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = connection.execute(
        """
        select
            case when n is null then 'unattributed' else 'customer' end
            || case when is_refund then '_refunds' else '_net_revenue_before_refunds' end as name,
            sum(case when is_refund then -amount else amount end)
        from flow
        group by name
        order by name
        """
    ).fetchall()
    return {name: _amount(amount) for name, amount in rows}


def _campaigns(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Arms and true effect of every campaign that has a holdout of its own."""
    rows = connection.execute(
        """
        with caused as (
            select campaign_id, count(*) as orders, sum(amount) as amount
            from caused_value
            group by campaign_id
        )
        select
            arm.campaign_id,
            count(*) filter (where not is_holdout) as treated,
            coalesce(any_value(caused.orders), 0),
            coalesce(any_value(caused.amount), 0),
            any_value(campaign.uplift),
            list(name_of('C', arm.n) order by arm.n) filter (where is_holdout)
        from arm
        inner join campaign using (campaign_id)
        left join caused using (campaign_id)
        group by arm.campaign_id
        order by arm.campaign_id
        """
    ).fetchall()
    return {
        campaign: {
            "invited": treated + len(holdout or []),
            "treated": treated,
            "holdout": len(holdout or []),
            "planted_chance": chance,
            "caused_orders": orders,
            "caused_net_revenue": _amount(amount),
            "effect_per_customer": _amount(int(amount) // max(treated, 1)),
            "holdout_customer_ids": holdout or [],
        }
        for campaign, treated, orders, amount, chance, holdout in rows
    }


def _in_quiet(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Customers of the contacts to whom no promotion goes for a while."""
    rows = connection.execute(
        """
        with troubles as (
            select customer_id, coalesce(resolved_at, getvariable('as_of'))::date
                + getvariable('quiet_days_after_incident') as quiet_until
            from (
                select
                    customer_id, opened_at,
                    case when resolved_at < getvariable('as_of') then resolved_at end as resolved_at
                from all_service_incidents
                where opened_at < getvariable('as_of')
            )
            where
                resolved_at is not null
                or opened_at
                >= getvariable('as_of') - to_days(getvariable('incident_open_days'))
            union all
            select customer_id, opened_at::date + getvariable('quiet_days_after_complaint')
            from all_support_tickets
            where
                opened_at < getvariable('as_of')
                and (
                    csat <= getvariable('very_dissatisfied_csat')
                    or sentiment <= getvariable('very_dissatisfied_sentiment')
                )
            union all
            select customer_id, answered_at::date + getvariable('quiet_days_after_complaint')
            from all_surveys
            where
                answered_at < getvariable('as_of')
                and score <= getvariable('very_dissatisfied_score')
        ),
        quiet as (
            select distinct coalesce(contact.e164, customer_id) as phone
            from troubles inner join contact using (customer_id)
            where troubles.quiet_until > getvariable('as_of')
        )
        select customer_id from contact
        where coalesce(e164, customer_id) in (select phone from quiet)
        order by customer_id
        """
    ).fetchall()
    return [customer for (customer,) in rows]


def _special_ids(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    conditions = {
        "opted_out": "action = 'opt_out'",
        "never_consented": "action is null",
        "suppressed": "is_suppressed",
        "test": "is_test",
        "no_phone": "e164 is null",
        "not_textable": "is_landline",
        "shared_phone": "is_shared_too_widely",
        "consent_unreadable": "is_unreadable",
        # Less than eight months of data do not hold their seven orders.
        "rising_stars": "getvariable('days') > 245 "
        "and n in (select n from who where name = 'rising_star')",
        "trend_leaders": "n in (select n from who where name = 'trend_leader')",
        "sale_shoppers": "n in (select n from who where name = 'sale_shopper')",
    }
    return {
        name: [
            row[0]
            for row in connection.execute(
                f"select customer_id from judged where {condition} order by customer_id"
            ).fetchall()
        ]
        for name, condition in conditions.items()
    }


def _amount(micros: int) -> str:
    """Millionths as a decimal text with all six places, so that nothing is rounded away."""
    return f"{Decimal(int(micros)) / MICROS:.6f}"
