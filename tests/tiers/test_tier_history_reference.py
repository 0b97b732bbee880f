"""The tier models against the rules of the policy, followed plainly day by day.

Random customers buy and send back, on awkward dates and for awkward amounts; the real models build
`tier_history` and `customer_tiers` under each policy; nothing may differ from what the reference
below makes of the same movements.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import accumulate, pairwise, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pytest
from dbt_runs import create_source_tables, run_dbt

from orchestration.settings import Settings
from orchestration.warehouse import connect

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tiers")]

CUSTOMERS = 400
SEED = 20260701
FIRST_DAY, LAST_DAY = date(2021, 6, 1), date(2026, 6, 30)
TIERS = ("silver", "gold", "platinum")
UNIT = 10_000  # amounts are whole ten-thousandths, as in the warehouse


# ---- the policy


@dataclass(frozen=True)
class Version:
    """A version of the policy, in force on [begins, ends)."""

    begins: date
    ends: date | None
    grace_months: int
    cadence: str
    mode: str
    period: str = "rolling_12_months"
    basis: str = "net_of_discounts_and_returns"
    thresholds: tuple[int, int, int] = (2000 * UNIT, 5000 * UNIT, 10_000 * UNIT)

    @property
    def name(self) -> str:
        return f"v{self.begins:%Y%m%d}"


LONG_AGO = date(2000, 1, 1)
LOWER = (1500 * UNIT, 4000 * UNIT, 8000 * UNIT)
HIGHER = (2500 * UNIT, 6000 * UNIT, 12_000 * UNIT)

# Each policy with the night that is looked at; orders after that night are unknown to it.
POLICIES: dict[str, tuple[date, list[Version]]] = {
    "as_written": (date(2026, 7, 1), [Version(LONG_AGO, None, 3, "monthly", "soft_landing")]),
    "quarterly_drop_on_a_leap_day": (
        date(2024, 2, 29),
        [Version(LONG_AGO, None, 6, "quarterly", "drop", basis="gross")],
    ),
    "no_grace_one_tier_a_day": (
        date(2025, 3, 1),
        [Version(LONG_AGO, None, 0, "daily", "soft_landing", basis="net_of_discounts")],
    ),
    "calendar_year": (
        date(2026, 2, 28),
        [Version(LONG_AGO, None, 2, "monthly", "drop", period="calendar_year")],
    ),
    "changed_every_year": (
        date(2026, 7, 1),
        [
            Version(LONG_AGO, date(2022, 8, 15), 6, "quarterly", "soft_landing", basis="gross"),
            Version(date(2022, 8, 15), date(2023, 2, 28), 2, "weekly", "drop", thresholds=LOWER),
            Version(date(2023, 2, 28), date(2024, 2, 29), 4, "monthly", "soft_landing"),
            Version(
                date(2024, 2, 29),
                date(2025, 1, 1),
                1,
                "weekly",
                "soft_landing",
                period="calendar_year",
                thresholds=HIGHER,
            ),
            Version(date(2025, 1, 1), date(2025, 11, 30), 0, "daily", "drop", thresholds=LOWER),
            Version(date(2025, 11, 30), None, 5, "monthly", "soft_landing"),
        ],
    ),
    "about_to_change": (
        date(2026, 1, 31),
        [
            Version(LONG_AGO, date(2026, 3, 2), 6, "monthly", "soft_landing"),
            Version(date(2026, 3, 2), date(2026, 9, 1), 1, "weekly", "drop", thresholds=HIGHER),
            Version(date(2026, 9, 1), None, 0, "quarterly", "soft_landing", thresholds=HIGHER),
        ],
    ),
}


# ---- the reference


@dataclass(frozen=True)
class Movement:
    """What an order (or a refund, as `refund` alone) moved on a day."""

    day: date
    gross: int = 0
    revenue: int = 0
    refund: int = 0

    def amount(self, basis: str) -> int:
        if basis == "gross":
            return self.gross
        return self.revenue - (self.refund if basis == "net_of_discounts_and_returns" else 0)


@cache
def add_months(day: date, months: int) -> date:
    """The same day of another month, or its last where it is shorter."""
    month = day.year * 12 + day.month - 1 + months
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def window_begins(version: Version, day: date) -> date:
    """First day that counts on a night; the night itself does not."""
    return add_months(day, -12) if version.period == "rolling_12_months" else date(day.year, 1, 1)


def is_cadence_date(cadence: str, day: date) -> bool:
    return {
        "daily": True,
        "weekly": day.weekday() == 0,
        "monthly": day.day == 1,
        "quarterly": day.day == 1 and day.month in (1, 4, 7, 10),
    }[cadence]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=count) for count in range((last - first).days + 1)]


@dataclass(frozen=True)
class Night:
    """One date, and what the policy in force on it says of it."""

    day: date
    version: Version
    window_begins: date
    is_cadence_date: bool


def nights_of(versions: list[Version]) -> list[Night]:
    """Every date on which a tier can move, for years after the last customer bought."""
    nights = []
    for day in days(FIRST_DAY, add_months(LAST_DAY, 48)):
        (version,) = (v for v in versions if v.begins <= day and (v.ends is None or day < v.ends))
        nights.append(
            Night(
                day,
                version,
                window_begins(version, day),
                is_cadence_date(version.cadence, day),
            )
        )
    return nights


class Spend:
    """Qualifying spend of one customer on any night."""

    def __init__(self, movements: list[Movement]) -> None:
        self.days = [movement.day for movement in movements]
        self.totals = {
            basis: [0, *accumulate(movement.amount(basis) for movement in movements)]
            for basis in ("gross", "net_of_discounts", "net_of_discounts_and_returns")
        }

    def on(self, night: Night) -> int:
        totals = self.totals[night.version.basis]
        begins = bisect_left(self.days, night.window_begins)
        return totals[bisect_left(self.days, night.day)] - totals[begins]


class Step(NamedTuple):
    """Where a customer stands on one night."""

    night: Night
    spend: int
    qualified: int
    before: int
    held: int
    grace_from: date | None


def walk(spend: Spend, nights: list[Night]) -> Iterator[Step]:
    """Follow one customer night by night."""
    held, grace_from = 0, None
    for night in nights:
        current = spend.on(night)
        qualified = sum(current >= threshold for threshold in night.version.thresholds)
        before = held
        if qualified >= held:
            held, grace_from = qualified, None
        else:
            grace_from = grace_from or night.day
            has_run_out = night.day >= add_months(grace_from, night.version.grace_months)
            if has_run_out and night.is_cadence_date:
                one_down = held - 1 if night.version.mode == "soft_landing" else 0
                held = max(one_down, qualified)
                grace_from = night.day if qualified < held else None
        yield Step(night, current, qualified, before, held, grace_from)


def history_of(steps: list[Step]) -> list[tuple]:
    """Rank, tier, valid_from, valid_to, change_reason and version of each span."""
    changes = [step for step in steps if step.held != step.before]
    ends = [step.night.day for step in changes[1:]]
    return [
        (
            step.held,
            ("none", *TIERS)[step.held],
            step.night.day,
            end,
            "demoted" if step.held < step.before else "upgraded" if step.before else "qualified",
            step.night.version.name,
        )
        for step, end in zip_longest(changes, ends)
    ]


def standing_of(step: Step, history: list[tuple], demotion: Step | None) -> dict[str, Any]:
    """The row of customer_tiers on the night of `step`; `demotion` comes if nothing is bought."""
    thresholds = (0, *step.night.version.thresholds)
    standing = {
        "tier_rank": step.held,
        "tier": ("none", *TIERS)[step.held],
        "qualified_tier_rank": step.qualified,
        "tier_since": history[-1][2] if history else None,
        "qualifying_spend": step.spend,
        "next_tier": None,
        "spend_to_next_tier": None,
        "progress_to_next_tier": 1.0,
        "grace_until": None,
        "projected_demotion_on": None,
        "spend_to_keep_tier": None,
        "policy_version": step.night.version.name,
    }
    if step.held < len(TIERS):
        above = thresholds[step.held + 1]
        standing["next_tier"] = TIERS[step.held]
        standing["spend_to_next_tier"] = max(above - step.spend, 0)
        standing["progress_to_next_tier"] = min(max(step.spend / UNIT / (above / UNIT), 0.0), 1.0)
    if step.grace_from:
        standing["grace_until"] = add_months(step.grace_from, step.night.version.grace_months)
    if demotion:
        standing["projected_demotion_on"] = demotion.night.day
        asked = demotion.night.version.thresholds[step.held - 1]
        standing["spend_to_keep_tier"] = max(asked - demotion.spend, 0)
    return standing


def expected(
    movements: list[Movement], nights: list[Night], as_of: date
) -> tuple[list[tuple], dict[str, Any]]:
    """What the models must make of a customer's movements before `as_of`."""
    known = [movement for movement in movements if movement.day < as_of]
    walked = walk(Spend(known), nights)
    steps = [next(walked)]
    while steps[-1].night.day < as_of:
        steps.append(next(walked))
    history, tonight = history_of(steps), steps[-1]
    demotion = next((step for step in walked if step.held < step.before), None)
    return history, standing_of(tonight, history, demotion if tonight.held else None)


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
    *(threshold for thresholds in (LOWER, HIGHER) for threshold in thresholds),
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
        brand.movements[customer].append(Movement(day, refund=refund))


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
    load(
        connection,
        "policy.policy_versions",
        [
            {
                "policy_version": version.name,
                "effective_from": version.begins,
                "effective_to": version.ends,
                "qualifying_spend_basis": version.basis,
                "qualification_period": version.period,
                "grace_months": version.grace_months,
                "demotion_cadence": version.cadence,
                "demotion_mode": version.mode,
            }
            for version in versions
        ],
    )
    load(
        connection,
        "policy.tier_rules",
        [
            {
                "policy_version": version.name,
                "tier": tier,
                "tier_rank": rank,
                "metric": "qualifying_spend",
                "rule": "at_least",
                "threshold": threshold // UNIT,
            }
            for version in versions
            for rank, (tier, threshold) in enumerate(zip(TIERS, version.thresholds, strict=True), 1)
        ],
    )


MONEY = {"qualifying_spend", "spend_to_next_tier", "spend_to_keep_tier"}


def built(settings: Settings) -> tuple[dict[str, list[tuple]], dict[str, dict[str, Any]]]:
    """What the models made: history and standing of each customer, in the form of `expected`."""
    histories: dict[str, list[tuple]] = {}
    standings: dict[str, dict[str, Any]] = {}
    with connect(settings, read_only=True) as connection:
        for customer, *span in connection.execute(
            "select customer_id, tier_rank, tier, valid_from, valid_to, change_reason, "
            "policy_version from vip_sms.marts.tier_history order by customer_id, valid_from"
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
            }
    return histories, standings


@pytest.mark.parametrize("policy", POLICIES)
def test_the_models_follow_the_rules(warehouse: Settings, brand: Brand, policy: str) -> None:
    as_of, versions = POLICIES[policy]
    with connect(warehouse) as connection:
        write_policy(connection, versions)
    run_dbt(
        warehouse, "run", "--quiet", "--select", "+tier_history", "+customer_tiers", as_of=as_of
    )
    histories, standings = built(warehouse)

    assert set(standings) == set(brand.movements)
    nights = nights_of(versions)
    met: Counter[str] = Counter()
    for customer, movements in brand.movements.items():
        history, standing = expected(movements, nights, as_of)
        shown = f"{customer} of seed {SEED} under {policy}: {movements}"
        assert histories.get(customer, []) == history, shown
        assert standings[customer] == standing, shown
        met.update(span[4] for span in history)
        met["in grace"] += standing["grace_until"] is not None
        met["to be demoted"] += standing["projected_demotion_on"] is not None
        met["down two at once"] += any(was[0] - now[0] > 1 for was, now in pairwise(history))

    # Customers are no test of a rule that none of them meets.
    assert min(met["qualified"], met["upgraded"], met["demoted"], met["to be demoted"]) > 20, met
    ruled = [version for version in versions if version.begins < as_of]
    assert met["in grace"] > 5 or ruled[-1].grace_months == 0, met
    assert met["down two at once"] > 5 or all(version.mode != "drop" for version in ruled), met
