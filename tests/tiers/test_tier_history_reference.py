"""The tier models against the rules of the policy, followed plainly day by day.

Random customers buy and send back, on awkward dates and for awkward amounts; the real models build
`tier_history` and `customer_tiers` from raw tables under each policy; nothing may differ from what
the reference makes of the same movements. Each run plays 400 customers under two policies, `make
test-long` under all eight; what else a policy may say is played by `test_tier_rules_reference`.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from amount import amount
from dbt_runs import create_source_tables, run_dbt
from tier_reference import UNIT, Customer, Movement, Version, World, add_months, days, ladder

from orchestration.settings import Settings
from orchestration.warehouse import connect

pytestmark = pytest.mark.slow

CUSTOMERS = 400
SEED = 20260701
FIRST_DAY, LAST_DAY = date(2021, 6, 1), date(2026, 6, 30)
LONG_AGO = date(2000, 1, 1)
LOWER, HIGHER = ladder(1500, 4000, 8000), ladder(2500, 6000, 12_000)

# Each policy with the night that is looked at; orders after that night are unknown to it. The first
# two are played every time: every demotion there is, changes on a leap day and at month ends.
POLICIES: dict[str, tuple[date, list[Version]]] = {
    "changed_every_year": (
        date(2026, 7, 1),
        [
            Version(LONG_AGO, date(2022, 8, 15), 6, "quarterly", "soft_landing", basis="gross"),
            Version(date(2022, 8, 15), date(2023, 2, 28), 2, "weekly", "drop", tiers=LOWER),
            Version(date(2023, 2, 28), date(2024, 2, 29), 4, "monthly", "soft_landing"),
            Version(
                date(2024, 2, 29),
                date(2025, 1, 1),
                1,
                "weekly",
                "soft_landing",
                period="calendar_year",
                tiers=HIGHER,
            ),
            Version(date(2025, 1, 1), date(2025, 11, 30), 0, "daily", "drop", tiers=LOWER),
            Version(date(2025, 11, 30), None, 5, "monthly", "soft_landing"),
        ],
    ),
    "quarterly_drop_on_a_leap_day": (
        date(2024, 2, 29),
        [Version(LONG_AGO, None, 6, "quarterly", "drop", basis="gross")],
    ),
    "as_written": (date(2026, 7, 1), [Version(LONG_AGO, None, 3, "monthly", "soft_landing")]),
    "no_grace_one_tier_a_day": (
        date(2025, 3, 1),
        [Version(LONG_AGO, None, 0, "daily", "soft_landing", basis="net_of_discounts")],
    ),
    "calendar_year": (
        date(2026, 2, 28),
        [Version(LONG_AGO, None, 2, "monthly", "drop", period="calendar_year")],
    ),
    "calendar_year_to_the_end_of_the_next": (
        date(2026, 1, 1),
        [Version(LONG_AGO, None, 0, "yearly", "soft_landing", period="calendar_year")],
    ),
    "fewer_tiers": (
        date(2025, 8, 1),
        [
            Version(LONG_AGO, date(2024, 2, 29), 3, "monthly", "soft_landing"),
            Version(date(2024, 2, 29), None, 1, "every_10_months", "drop", tiers=LOWER[:2]),
        ],
    ),
    "about_to_change": (
        date(2026, 1, 31),
        [
            Version(LONG_AGO, date(2026, 3, 2), 6, "monthly", "soft_landing"),
            Version(date(2026, 3, 2), date(2026, 9, 1), 1, "weekly", "drop", tiers=HIGHER),
            Version(date(2026, 9, 1), None, 0, "quarterly", "soft_landing", tiers=HIGHER),
        ],
    ),
}


# ---- random customers


@dataclass
class Brand:
    """Raw rows of a brand, and what they come to for each customer."""

    customers: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    order_lines: list[dict[str, Any]]
    returns: list[dict[str, Any]]
    movements: dict[str, list[Movement]]


AWKWARD_DAYS = [
    day
    for day in days(FIRST_DAY, LAST_DAY)
    if (day + timedelta(days=1)).day == 1  # month ends, the last of December and of February
    or (day.month, day.day) in {(1, 1), (2, 27), (2, 28), (3, 1), (3, 2), (12, 30)}
    or (day.day in (1, 2) and day.month in (4, 7, 10))
]
AWKWARD_AMOUNTS = [
    *(tier.rules[0].threshold for tiers in (LOWER, HIGHER) for tier in tiers),
    2000 * UNIT,
    2000 * UNIT - 1,
    3000 * UNIT,
    5000 * UNIT,
    5000 * UNIT - 1,
    10_000 * UNIT,
]


def random_brand(rng: random.Random) -> Brand:
    brand = Brand([], [], [], [], {})
    for number in range(CUSTOMERS):
        customer = f"c{number:03d}"
        brand.customers.append({"customer_id": customer, "created_at": datetime(2021, 1, 1)})
        brand.movements[customer] = []
        bursts = [_day(rng, FIRST_DAY) for _ in range(rng.randint(0, 4))]
        for burst in bursts:
            for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
                _buy(brand, rng, customer, min(burst + timedelta(rng.randint(0, 150)), LAST_DAY))
        if rng.random() < 0.1:
            refund = rng.randint(1, 3000 * UNIT)
            _give_back(brand, rng, None, customer, refund, _day(rng, FIRST_DAY), counts=True)
    for movements in brand.movements.values():
        movements.sort(key=lambda movement: movement.day)
    return brand


def _day(rng: random.Random, earliest: date) -> date:
    if rng.random() < 0.5:
        return rng.choice([day for day in AWKWARD_DAYS if day >= earliest] or [LAST_DAY])
    return earliest + timedelta(rng.randint(0, (LAST_DAY - earliest).days))


def _at(rng: random.Random, day: date) -> datetime:
    seconds = rng.choice([0, 86_399, rng.randint(0, 86_399)])
    return datetime.combine(day, time()) + timedelta(seconds=seconds)


def _buy(brand: Brand, rng: random.Random, customer: str, day: date) -> None:
    order = f"o{len(brand.orders):05d}"
    is_cancelled, is_guest = rng.random() < 0.05, rng.random() < 0.03
    quantity = rng.choice([1, 1, 2])
    price = rng.choice([*AWKWARD_AMOUNTS, rng.randint(1, 4000 * UNIT), rng.randint(1, 900 * UNIT)])
    price //= quantity
    gross = price * quantity
    line_discount = rng.choice([0, 0, gross // 10])
    order_discount = rng.choice([0, 0, gross // 7])
    revenue = gross - line_discount - order_discount
    brand.orders.append(
        {
            "order_id": order,
            "customer_id": None if is_guest else customer,
            "ordered_at": _at(rng, day),
            "status": "cancelled" if is_cancelled else None,
            "order_discount_amount": order_discount,
            "fx_rate": 1,
        }
    )
    brand.order_lines.append(
        {
            "order_line_id": f"{order}-1",
            "order_id": order,
            "quantity": quantity,
            "unit_price": price,
            "line_discount_amount": line_discount,
        }
    )
    counts = not is_cancelled and not is_guest
    if counts:
        brand.movements[customer].append(Movement(day, gross, revenue))
    if rng.random() < 0.2:
        refund = rng.choice([revenue, revenue // 2, revenue // 3 + 1])
        returned_on = min(day + timedelta(rng.choice([0, 5, 30, 200, 366])), LAST_DAY)
        _give_back(brand, rng, order, customer, refund, returned_on, counts=counts)


def _give_back(
    brand: Brand,
    rng: random.Random,
    order: str | None,
    customer: str,
    refund: int,
    day: date,
    *,
    counts: bool,
) -> None:
    brand.returns.append(
        {
            "return_id": f"r{len(brand.returns):05d}",
            "order_id": order,
            "customer_id": None if order else customer,
            "returned_at": _at(rng, day),
            "refund_amount": refund,
        }
    )
    if counts:
        brand.movements[customer].append(Movement(day, refund=refund, orders=0))


# ---- the models


AMOUNTS = {"order_discount_amount", "unit_price", "line_discount_amount", "refund_amount"}


def load(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    """Append rows to a table; amounts of raw tables are in whole ten-thousandths here."""
    rows = [
        {
            name: f"{value // UNIT}.{value % UNIT:04d}" if name in AMOUNTS else value
            for name, value in row.items()
        }
        for row in rows
    ]
    connection.register("rows", pa.Table.from_pylist(rows))
    connection.execute(f"insert into {table} by name select * from rows")
    connection.unregister("rows")


@pytest.fixture(scope="module")
def brand() -> Brand:
    return random_brand(random.Random(SEED))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, brand: Brand) -> Settings:
    """A warehouse that holds the brand's raw tables."""
    home: Path = tmp_path_factory.mktemp("tiers")
    settings = Settings(home=home, raw_dir=home, _env_file=None)
    with connect(settings) as connection:
        create_source_tables(connection)
        for table in ("customers", "orders", "order_lines", "returns"):
            load(connection, f"raw.{table}", getattr(brand, table))
    run_dbt(settings, "seed", "--quiet")
    return settings


def write_policy(connection: duckdb.DuckDBPyConnection, versions: list[Version]) -> None:
    connection.execute("delete from policy.policy_versions; delete from policy.tier_rules")
    load(connection, "policy.policy_versions", [version.row for version in versions])
    load(
        connection,
        "policy.tier_rules",
        [
            {
                "policy_version": version.name,
                "tier": tier.name,
                "tier_rank": rank,
                "combiner": "all",
                "metric": "qualifying_spend",
                "rule": "at_least",
                "threshold": tier.rules[0].threshold // UNIT,
            }
            for version in versions
            for rank, tier in enumerate(version.tiers, 1)
        ],
    )


MONEY = {"qualifying_spend", "spend_to_next_tier", "spend_to_keep_tier", "spend_to_earn_back"}
DERIVED = {"is_halfway_to_next", "is_near_next", "exclusion_id"}  # their unit tests hold them


def built(settings: Settings) -> tuple[dict[str, list[tuple]], dict[str, dict[str, Any]]]:
    """What the models made: history and standing of each customer, in the form of the reference."""
    histories: dict[str, list[tuple]] = {}
    standings: dict[str, dict[str, Any]] = {}
    with connect(settings, read_only=True) as connection:
        for customer, *span in connection.execute(
            "select customer_id, tier_rank, tier, tier_rank_before, valid_from, valid_to, "
            "change_reason, exclusion_id, policy_version from vip_sms.marts.tier_history "
            "order by customer_id, valid_from"
        ).fetchall():
            histories.setdefault(customer, []).append(tuple(span))
        tiers = connection.execute(
            "select customer_id, * exclude (customer_id, as_of_date) "
            "from vip_sms.marts.customer_tiers"
        )
        names = [column[0] for column in tiers.description[1:]]
        for customer, *cells in tiers.fetchall():
            standings[customer] = {
                name: int(cell * UNIT) if name in MONEY and cell is not None else cell
                for name, cell in zip(names, cells, strict=True)
                if name not in DERIVED
            }
    return histories, standings


@pytest.mark.parametrize("policy", [*POLICIES][: amount(usual=2, long=len(POLICIES))])
def test_the_models_follow_the_rules(warehouse: Settings, brand: Brand, policy: str) -> None:
    as_of, versions = POLICIES[policy]
    with connect(warehouse) as connection:
        write_policy(connection, versions)
    run_dbt(
        warehouse, "run", "--quiet", "--select", "+tier_history", "+customer_tiers", as_of=as_of
    )
    histories, standings = built(warehouse)

    assert set(standings) == set(brand.movements)
    customers = {who: Customer(movements) for who, movements in brand.movements.items()}
    world = World(customers, versions, as_of, FIRST_DAY, add_months(LAST_DAY, 48))
    met: Counter[str] = Counter()
    for customer, movements in brand.movements.items():
        steps = world.walk(customer)
        history, standing = world.history(steps), world.standing(customer, steps)
        shown = f"{customer} of seed {SEED} under {policy}: {movements}"
        assert histories.get(customer, []) == history, shown
        assert standings[customer] == standing, shown
        met.update(span[5] for span in history)
        met["in grace"] += standing["grace_until"] is not None
        met["to be demoted"] += standing["projected_demotion_on"] is not None
        met["down two at once"] += any(was[0] - now[0] > 1 for was, now in pairwise(history))

    # Customers are no test of a rule that none of them meets.
    assert min(met["qualified"], met["upgraded"], met["demoted"], met["to be demoted"]) > 20, met
    ruled = [version for version in versions if version.begins < as_of]
    assert met["in grace"] > 5 or ruled[-1].grace_months == 0, met
    assert met["down two at once"] > 5 or all(version.mode != "drop" for version in ruled), met
    assert met["policy_changed"] > 20 or len(ruled) == 1, met
