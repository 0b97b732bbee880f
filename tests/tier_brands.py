"""Random brands under random policies, as the tier models read them, and what must come of them.

A brand is a `World` of the reference. Everything that a policy may say is drawn: rules, combiners,
windows, cadences, exclusions, versions. `fill` writes a brand into tables, `hold` compares what was
made of it with the reference.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from tier_reference import (
    DATED,
    EVER,
    METRICS,
    NOTHING,
    UNIT,
    Customer,
    Movement,
    Rule,
    Tier,
    Version,
    World,
    add_months,
)

FIRST_DAY, LAST_DAY = date(2023, 6, 1), date(2025, 6, 30)
LONG_AGO = date(2000, 1, 1)
GIVEN = {
    "int_customer_days": "customer_id varchar, activity_date date, orders hugeint, "
    "gross_revenue decimal(18,4), order_revenue decimal(18,4), refund_amount decimal(18,4)",
    "int_customer_margin_days": "customer_id varchar, ordered_on date, booked_on date, "
    "orders hugeint, margin decimal(18,4)",
    "int_customer_earnings": "customer_id varchar, booked_on date, cm1 decimal(18,4), "
    "cm3 decimal(18,4), cost_to_serve decimal(18,4)",
    "int_customer_categories": "customer_id varchar, category varchar, first_bought_at timestamp",
    "stg_site_events": "customer_id varchar, event_type varchar, occurred_at timestamp",
    "stg_customers": "customer_id varchar, is_test boolean, phone_e164 varchar",
    "stg_suppressions": "customer_id varchar, phone_e164 varchar, reason varchar, "
    "from_at timestamp, until_at timestamp",
    "stg_dated_values": "customer_id varchar, metric varchar, asked_on date, "
    "metric_value decimal(18,4)",
    "stg_orders": "order_id varchar, due_at timestamp, paid_at timestamp",
    "int_orders_costed": "order_id varchar, customer_id varchar, net_revenue decimal(18,4)",
    "customer_value": "customer_id varchar, qualifying_spend decimal(18,4), orders_12m bigint, "
    "orders_6m bigint, orders_3m bigint, orders_90d bigint, orders_lifetime bigint, "
    "gross_revenue_12m decimal(18,4), net_revenue_12m decimal(18,4), "
    "net_revenue_6m decimal(18,4), net_revenue_3m decimal(18,4), "
    "net_revenue_lifetime decimal(18,4), discount_amount_12m decimal(18,4), "
    "refund_amount_12m decimal(18,4), average_order_value_12m decimal(18,4), "
    "average_order_value_6m decimal(18,4), average_order_value_3m decimal(18,4), "
    "cm1_12m decimal(18,4), cm2_12m decimal(18,4), cm3_12m decimal(18,4), "
    "cm1_lifetime decimal(18,4), cm2_lifetime decimal(18,4), cm3_lifetime decimal(18,4), "
    "cost_to_serve_12m decimal(18,4), return_rate_12m double, discount_share_12m double",
}
REGISTRIES = ("tier_metrics", "policy_parameters")
"""Seeds that are taken as they are written."""
SEEDS = ("policy_versions", "tier_rules", "tier_exclusions", *REGISTRIES)
TARGETS = ("tier_history", "customer_tiers")


# ---- random brands


@cache
def awkward_days() -> list[date]:
    every = [FIRST_DAY + timedelta(n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]
    return [
        day
        for day in every
        if (day + timedelta(1)).day == 1
        or (day.month, day.day) in {(1, 1), (2, 28), (2, 29), (3, 1), (12, 30), (12, 31)}
    ]


def some_day(rng: random.Random) -> date:
    if rng.random() < 0.4:
        return rng.choice(awkward_days())
    return FIRST_DAY + timedelta(rng.randint(0, (LAST_DAY - FIRST_DAY).days))


def some_customer(rng: random.Random) -> Customer:
    customer = Customer([], is_test=rng.random() < 0.1)
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 8, 12])):
        day = some_day(rng)
        gross = rng.choice([100, 500, 999, 1000, 2000, rng.randint(1, 1500)]) * UNIT
        revenue = gross - rng.choice([0, 0, gross // 10, gross // 3])
        customer.movements.append(Movement(day, gross, revenue))
        if rng.random() < 0.25:
            later = min(day + timedelta(rng.choice([0, 5, 40, 366])), LAST_DAY)
            refund = rng.choice([revenue, revenue // 2, revenue // 3 + 1])
            back = Movement(later, refund=refund, orders=0, ordered=day)
            customer.movements.append(back)
        if rng.random() < 0.2:
            due = day + timedelta(rng.choice([0, 14, 30]))
            paid = rng.choice([EVER, due + timedelta(rng.choice([1, 20, 200]))])
            customer.states.append(("overdue_amount", due, paid, revenue))
    if rng.random() < 0.15:
        begins = some_day(rng)
        until = rng.choice([EVER, begins + timedelta(rng.choice([1, 60, 400]))])
        customer.states.append(("fraud_suppressions", begins, until, UNIT))
    customer.movements.sort(key=lambda movement: movement.day)
    return customer


FIXED = {
    "qualifying_spend": [500, 1000, 2000, 4000],
    "orders_12m": [1, 2, 4],
    "orders_6m": [1, 2, 3],
    "orders_3m": [1, 2],
    "orders_90d": [1, 2, 3],
    "orders_lifetime": [1, 3, 6],
    "gross_revenue_12m": [800, 2000],
    "net_revenue_12m": [500, 1500],
    "net_revenue_6m": [500, 1500],
    "net_revenue_3m": [500, 1500],
    "net_revenue_lifetime": [1000, 3000],
    "average_order_value_12m": [300, 900],
    "average_order_value_6m": [300, 900],
    "average_order_value_3m": [300, 900],
    "discount_amount_12m": [100, 300],
    "cm2_12m": [200, 900],
    "cm1_12m": [200, 900],
    "cm3_12m": [100, 700],
    "cm1_lifetime": [400, 1500],
    "cm2_lifetime": [300, 1200],
    "cm3_lifetime": [300, 1200],
    "cost_to_serve_12m": [40, 100],
    "frequency_acceleration": [0.5, 4],
    "tenure_days": [90, 300],
    "discount_share_12m": [0.05, 0.2],
    "return_rate_12m": [0.1, 0.5],
    "refund_amount_12m": [100, 500],
    "projected_margin_12m": [200, 900],
}
SHARES = [Decimal("0.05"), Decimal("0.1"), Decimal("0.15"), Decimal("0.34"), Decimal("0.5")]
CADENCES = ["weekly", "monthly", "quarterly", "yearly", "every_10_months", "every_2_months"]


def some_tiers(rng: random.Random) -> tuple[Tier, ...]:
    return tuple(
        some_tier(rng, name) for name in ("bronze", "silver", "gold")[: rng.choice([1, 2, 3])]
    )


def some_tier(rng: random.Random, name: str) -> Tier:
    combiner = rng.choice(["all", "all", "any", "rank_blend"])
    if combiner == "rank_blend":
        share = rng.choice(SHARES)
        metrics = rng.sample(
            ["qualifying_spend", "orders_12m", "average_order_value_12m", "frequency_acceleration"],
            2,
        )
        rules = [Rule(metric, share=share, weight=rng.choice([1, 1, 2])) for metric in metrics]
        return Tier(name, tuple(rules), combiner)
    rules = []
    metrics = rng.sample(sorted(FIXED), rng.choice([1, 1, 2, 3]))
    if "qualifying_spend" not in metrics and rng.random() < 0.2:
        metrics[0] = "qualifying_spend"  # of the many metrics the usual one
    for metric in metrics:
        amount = Rule(metric, round(rng.choice(FIXED[metric]) * UNIT))
        share = Rule(metric, share=rng.choice(SHARES))
        rules += rng.choice([[amount], [amount], [amount], [share], [share], [amount, share]])
    return Tier(name, tuple(rules), combiner)


def some_exclusions(rng: random.Random) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    every = [
        ("fraud", (Rule("fraud_suppressions", UNIT),)),
        ("returns", (Rule("return_rate_12m", UNIT // 2), Rule("orders_12m", 2 * UNIT))),
        ("unpaid", (Rule("overdue_amount", 300 * UNIT),)),
        ("old", (Rule("tenure_days", 500 * UNIT), Rule("orders_lifetime", 3 * UNIT))),
    ]
    return tuple(rng.sample(every, rng.choice([0, 0, 1, 2, 3])))


def some_policy(rng: random.Random, changes: int | None = None) -> list[Version]:
    changes = rng.choice([0, 0, 1, 2]) if changes is None else changes
    borders = sorted({some_day(rng) for _ in range(changes)})
    if rng.random() < 0.15:
        borders.append(date(2025, 9, 1))  # a version to come
    versions = []
    for begins, ends in zip([LONG_AGO, *borders], [*borders, None], strict=True):
        versions.append(
            Version(
                begins,
                ends,
                rng.choice([0, 0, 1, 3, 6]),
                rng.choice(["daily", *CADENCES]),
                rng.choice(["soft_landing", "drop"]),
                rng.choice(["rolling_12_months", "rolling_12_months", "calendar_year"]),
                rng.choice(["gross", "net_of_discounts", "net_of_discounts_and_returns"]),
                some_tiers(rng),
                rng.choice(CADENCES),
                some_exclusions(rng),
            )
        )
    return versions


ANY_MODEL = {
    "ltv_repeat_customers_least": 5,
    "ltv_total_error": 2,
    "ltv_without_margin_share": 1,
    "ltv_margin_frequency_correlation": 1,
}
"""So that a model may win a backtest on sixty customers."""


def a_regular(rng: random.Random) -> Customer:
    """Who buys at a steady rate, and after some order no more."""
    rate, leaves = rng.gammavariate(1.5, 1 / 20), rng.betavariate(1, 3)
    price = rng.randint(50, 400)
    customer, day = Customer([]), FIRST_DAY + timedelta(rng.randint(0, 300))
    while day <= LAST_DAY:
        gross = round(price * rng.uniform(0.8, 1.2) * UNIT)
        customer.movements.append(Movement(day, gross, gross))
        if rng.random() < leaves:
            break
        day += timedelta(1 + round(rng.expovariate(rate)))
    return customer


def some_foreseen_tiers(rng: random.Random) -> tuple[Tier, ...]:
    """By projections in each way that a rule may look at them."""
    ahead = "projected_ltv_12m"
    lower = [
        Tier("silver", (Rule(ahead, share=Decimal("0.34")),)),
        Tier("silver", (Rule(ahead, 300 * UNIT), Rule("orders_12m", UNIT))),
        Tier("silver", (Rule(ahead, 600 * UNIT), Rule("qualifying_spend", 2000 * UNIT)), "any"),
    ]
    share = Decimal("0.1")
    blend = (Rule(ahead, share=share, weight=2), Rule("orders_12m", share=share))
    upper = [Tier("gold", (Rule(ahead, share=share),)), Tier("gold", blend, "rank_blend")]
    return (rng.choice(lower), rng.choice(upper))


# ---- one brand, written


def fill(connection: duckdb.DuckDBPyConnection, world: World) -> None:
    """Write a brand and its policy as the models read them."""

    def load(table: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            connection.register("rows", pa.Table.from_pylist(rows))
            connection.execute(f"insert into {table} by name select * from rows")
            connection.unregister("rows")

    schema = "memory.policy"
    load(f"{schema}.policy_versions", [version.row for version in world.versions])
    load(
        f"{schema}.tier_rules",
        [
            {
                "policy_version": version.name,
                "tier": tier.name,
                "tier_rank": rank,
                "combiner": tier.combiner,
                "metric": rule.metric,
                "rule": "at_least" if rule.share is None else "top_share",
                "threshold": amount(rule.threshold)
                if rule.share is None
                else rule.share.quantize(Decimal("0.0001")),
                "weight": Decimal(rule.weight) if rule.weight != 1 else None,
            }
            for version in world.versions
            for rank, tier in enumerate(version.tiers, 1)
            for rule in tier.rules
        ],
    )
    load(
        f"{schema}.tier_exclusions",
        [
            {
                "policy_version": version.name,
                "exclusion_id": name,
                "metric": rule.metric,
                "rule": "at_least",
                "threshold": amount(rule.threshold),
            }
            for version in world.versions
            for name, conditions in version.exclusions
            for rule in conditions
        ],
    )
    days, margins, customers, orders, costed, suppressions = [], [], [], [], [], []
    earnings: list[dict[str, Any]] = []
    for who, customer in world.customers.items():
        customers.append({"customer_id": who, "is_test": customer.is_test, "phone_e164": None})
        of_day: dict[date, Counter[str]] = {}
        earned: dict[tuple[date, date], Counter[str]] = {}
        for movement in customer.movements:
            if movement.day < world.as_of:
                parts = {name: movement.part(name, "") for name in ("cm1", "cm3", "cost_to_serve")}
                row = {name: amount(units) for name, units in parts.items()}
                earnings.append({"customer_id": who, "booked_on": movement.day, **row})
                key = (movement.ordered or movement.day, movement.day)
                earned.setdefault(key, Counter()).update(
                    orders=movement.orders, margin=movement.part("margin", "")
                )
                of_day.setdefault(movement.day, Counter()).update(
                    orders=movement.orders,
                    gross_revenue=movement.gross,
                    order_revenue=movement.revenue,
                    refund_amount=movement.refund,
                )
        for (ordered, booked), sums in earned.items():
            row = {"customer_id": who, "ordered_on": ordered, "booked_on": booked}
            row |= {"orders": sums["orders"], "margin": amount(sums["margin"])}
            margins.append(row)
        for day, sums in of_day.items():
            parts = {name: amount(value) for name, value in sums.items()}
            parts["orders"] = sums["orders"]
            days.append({"customer_id": who, "activity_date": day, **parts})
        for number, (metric, begins, until, units) in enumerate(customer.states):
            # A state holds from the midnight after it began: half a day before its first night.
            began = datetime.combine(begins, time()) - timedelta(hours=12)
            ended = None if until == EVER else datetime.combine(until, time())
            if began >= datetime.combine(world.as_of, time()):
                continue
            if metric == "fraud_suppressions":
                row = {"customer_id": who, "reason": "fraud", "from_at": began, "until_at": ended}
                suppressions.append(row)
            else:
                order = f"{who}-{number}"
                paid = ended and ended - timedelta(hours=12)
                orders.append({"order_id": order, "due_at": began, "paid_at": paid})
                costed.append({"order_id": order, "customer_id": who, "net_revenue": amount(units)})
    for name, value in world.projected.limits.items():
        connection.execute(
            f"update {schema}.policy_parameters set value = ? where parameter = ?", [value, name]
        )
    load("memory.intermediate.int_customer_days", days)
    load("memory.intermediate.int_customer_margin_days", margins)
    load("memory.intermediate.int_customer_earnings", earnings)
    load("memory.staging.stg_customers", customers)
    load("memory.staging.stg_orders", orders)
    load("memory.staging.stg_dated_values", dated_values(world))
    load("memory.staging.stg_suppressions", suppressions)
    load("memory.intermediate.int_orders_costed", costed)
    load("vip_sms.marts.customer_value", [value_of_night(world, who) for who in world.customers])


def dated_values(world: World) -> list[dict[str, Any]]:
    """What customer_value says on the dates that the policy asks of it."""
    asked = {
        (rule.metric, day)
        for version in world.versions
        for rule in (
            *(rule for tier in version.tiers for rule in tier.rules),
            *(rule for _, conditions in version.exclusions for rule in conditions),
        )
        if rule.metric in DATED
        for day in world.asked(version)
    }
    return [
        {"customer_id": who, "metric": metric, "asked_on": day, "metric_value": amount(value)}
        for metric, day in sorted(asked)
        for who in world.customers
        if (value := world.dated(who, metric, day)) != NOTHING
    ]


def amount(units: int) -> Decimal:
    """Whole ten-thousandths as the warehouse keeps them."""
    return Decimal(units).scaleb(-4)


def value_of_night(world: World, who: str) -> dict[str, Any]:
    """The row of customer_value, as far as the tiers read it."""
    version = world.ruling[world.index(world.as_of)]
    row: dict[str, Any] = {"customer_id": who}
    for metric in METRICS:
        if metric in ("orders_in_period", "projected_margin_12m", "projected_ltv_12m", *DATED):
            continue
        units = world.value(who, metric, version, world.as_of)
        if units == NOTHING:
            row[metric] = None
        elif metric.startswith("orders"):
            row[metric] = units // UNIT
        elif metric.endswith(("rate_12m", "share_12m")):
            row[metric] = units / UNIT
        else:
            row[metric] = Decimal(units).scaleb(-4)
    return row


# ---- one brand, held against the reference


MONEY = {"qualifying_spend", "spend_to_next_tier", "spend_to_keep_tier", "spend_to_earn_back"}
HISTORY = (
    "select customer_id, tier_rank, tier, tier_rank_before, valid_from, valid_to, change_reason, "
    "exclusion_id, policy_version from {place} order by customer_id, valid_from"
)


def some_world(
    rng: random.Random,
    size: int,
    versions: Sequence[Version] | None = None,
    regulars: int = 0,
    night: date | None = None,
) -> World:
    """Random customers, `regulars` among them who buy as models suppose, on a random night.

    Night and policy are random ones where none is given.
    """
    customers = {f"c{number:02d}": some_customer(rng) for number in range(size)}
    customers |= {f"r{number:02d}": a_regular(rng) for number in range(regulars)}
    as_of = rng.choice([some_day(rng), date(2025, 7, 1), date(2025, 1, 1), date(2024, 2, 29)])
    as_of = night or as_of
    versions = versions or some_policy(rng)
    return World(customers, versions, as_of, FIRST_DAY, add_months(LAST_DAY, 40))


def hold(
    world: World, histories: Sequence[tuple], standings: Sequence[Mapping[str, Any]], seed: int
) -> Counter[str]:
    """Fail at the first customer who differs; tell what was met.

    `histories`: rows of `HISTORY`; `standings`: those of customer_tiers.
    """
    spans: dict[str, list[tuple]] = {}
    for who, *span in histories:
        spans.setdefault(who, []).append(tuple(span))
    rows = {row["customer_id"]: row for row in standings}
    assert len(standings) == len(rows), f"customers of seed {seed} have more than one row"
    met: Counter[str] = Counter()
    # A search ends a hair elsewhere when what it learns from is added up in another order.
    near = 1e-6 if any(looks_ahead(version) for version in world.versions) else 1e-9
    for who, customer in world.customers.items():
        steps = world.walk(who)
        history, standing = world.history(steps), world.standing(who, steps)
        shown = f"{who} of seed {seed}, night {world.as_of}: {customer} under {world.versions}"
        assert spans.get(who, []) == history, shown
        row = rows[who]
        built = {
            name: int(row[name] * UNIT) if name in MONEY and row[name] is not None else row[name]
            for name in standing
        }
        built["progress_to_next_tier"] = pytest.approx(built["progress_to_next_tier"], abs=near)
        assert standing == built, shown
        met.update(span[5] for span in history)
        met["projected"] += standing["projected_demotion_on"] is not None
        met["to keep"] += bool(standing["spend_to_keep_tier"])
        met["customers"] += 1
    return met + world.projected.methods


def looks_ahead(version: Version) -> bool:
    return any(rule.metric == "projected_ltv_12m" for tier in version.tiers for rule in tier.rules)
