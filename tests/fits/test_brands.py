"""Awkward brands from raw tables to value, tiers, lifetime values and segments.

No crash, no number that is none, and the fallback is named. dbt compiles the models once, and their
SQL runs in memory, the fits between.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta

import pyarrow as pa
import pytest
from compiled import Compiled
from dbt_runs import create_source_tables

from orchestration import fits
from orchestration.settings import Settings

pytestmark = pytest.mark.slow

AS_OF = date(2026, 7, 1)
MODELS = (
    *("customer_value", "revenue_concentration", "rfm_migrations"),
    *("customer_tiers", "tier_history", "tier_movements", "tier_journeys", "tier_attention"),
    *("tier_rule_values", "inactive_vips", "benefit_usage"),
    *("customer_ltv", "ltv_backtests", "ltv_calibration", "ltv_by_tier"),
    *("customer_segments", "micro_segments", "customer_lists", "vip_traits"),
    *("vip_lookalikes", "lookalike_backtests", "threshold_proposals"),
)
Order = tuple[str, date, float, float]
"""Customer, day, price and cost."""


def days(count: int, chance: random.Random, first: int = 1000) -> list[date]:
    return sorted(AS_OF - timedelta(days=chance.randint(1, first)) for _ in range(count))


def forty_customers(chance: random.Random) -> list[Order]:
    return [(f"c{n}", day, 50, 20) for n in range(40) for day in days(n % 5 + 1, chance)]


def everyone_bought_once(chance: random.Random) -> list[Order]:
    return [(f"c{n}", *days(1, chance), 50, 20) for n in range(1500)]


def no_orders(_: random.Random) -> list[Order]:
    return []


def regulars(chance: random.Random) -> list[tuple[str, date, float]]:
    """Customer, order day and weekly rate: orders at gamma rates until one leaves."""
    found = []
    for number in range(5000):
        rate, leaves = chance.gammavariate(0.8, 1 / 8), chance.betavariate(0.8, 2.5)
        day = chance.uniform(0, 1000)
        while day < 1000:
            found.append((f"c{number}", AS_OF - timedelta(days=1000 - int(day)), rate))
            if chance.random() < leaves:
                break
            day += max(7 * chance.expovariate(rate), 1)
    return found


def values_that_trend(chance: random.Random) -> list[Order]:
    """Prices four times as high after a year: what was earned so far says too little."""
    prices = [(who, day, 20 * 4 ** ((day - AS_OF).days / 365)) for who, day, _ in regulars(chance)]
    return [(who, day, price, price / 2) for who, day, price in prices]


def negative_margins(chance: random.Random) -> list[Order]:
    return [(who, day, 20, 30) for who, day, _ in regulars(chance)]


def margins_that_go_with_frequency(chance: random.Random) -> list[Order]:
    """Whoever orders more often earns more an order."""
    prices = [
        (who, day, (20 + 200 * rate) * chance.gammavariate(2, 0.5))
        for who, day, rate in regulars(chance)
    ]
    return [(who, day, price, price / 2) for who, day, price in prices]


class Shop(Compiled):
    """The models of value, tiers, lifetime values and segments, and what they make of orders."""

    def __init__(self, settings: Settings) -> None:
        read = [table.split(".")[1] for fit in fits.ALL for table in fit.reads]
        super().__init__(settings, *MODELS, *read)
        waits = {f"{fits.SCHEMA}.{each}": 1 for fit in fits.EARLY for each in fit.writes}
        waits |= {f"{fits.SCHEMA}.{each}": 2 for fit in fits.LATE for each in fit.writes}
        self.phases: tuple[list[str], ...] = ([], [], [])
        for node in self.models:
            reads = [".".join(key.split(".")[-2:]) for key in node["depends_on"]["nodes"]]
            phase = max((waits.get(each, 0) for each in reads), default=0)
            waits[f"vip_sms.{node['name']}"] = phase
            self.phases[phase].append(node["name"])

    def sell(self, orders: list[Order]) -> None:
        """A night of the three required tables alone."""
        rows = pa.table(
            {
                "customer_id": pa.array([each[0] for each in orders], pa.string()),
                "day": pa.array([each[1] for each in orders], pa.date32()),
                "price": pa.array([each[2] for each in orders], pa.float64()),
                "cost": pa.array([each[3] for each in orders], pa.float64()),
                "id": pa.array([f"o{number}" for number in range(len(orders))], pa.string()),
            }
        )
        create_source_tables(self.connection)
        self.connection.register("rows", rows)
        self.connection.execute(
            "insert into raw.customers by name select 'nobody' as customer_id "
            "union all select distinct customer_id from rows"
        )
        self.connection.execute(
            "insert into raw.orders by name select id as order_id, customer_id, "
            "day::timestamp as ordered_at, 'completed' as status, 1 as fx_rate from rows"
        )
        self.connection.execute(
            "insert into raw.order_lines by name select 'l' || id as order_line_id, "
            "id as order_id, 1 as quantity, price as unit_price, cost as unit_cost from rows"
        )
        self.connection.unregister("rows")
        for names, behind in zip(self.phases, (fits.EARLY, fits.LATE, ()), strict=True):
            self.build(AS_OF, *names)
            for fit in behind:
                fits.run_on(self.connection, fit, AS_OF)

    def not_numbers(self) -> list[str]:
        """Columns of the marts that hold an infinity or what is no number."""
        columns = self.rows(
            "select table_name as mart, column_name as name from duckdb_columns() "
            "where schema_name = 'marts' and data_type = 'DOUBLE' order by all"
        )
        return [
            f"{each['mart']}.{each['name']}"
            for each in columns
            if self.rows(f"from marts.{each['mart']} where not isfinite({each['name']}) limit 1")
        ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    home = tmp_path_factory.mktemp("shop")
    return Shop(Settings(home=home, raw_dir=home, _env_file=None))


BRANDS = [
    (forty_customers, "baseline", "too_few_repeat_customers"),
    (everyone_bought_once, "baseline", "too_few_repeat_customers"),
    (values_that_trend, "baseline", "total_error_too_large"),
    (negative_margins, None, "margins_do_not_fit"),
    (no_orders, "baseline", "nobody_to_learn_from"),
    (margins_that_go_with_frequency, None, "margin_goes_with_frequency"),
]


@pytest.mark.parametrize(
    ("brand", "chosen", "reason"),
    BRANDS,
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_fallback_is_named(
    shop: Shop, brand: Callable[[random.Random], list[Order]], chosen: str | None, reason: str
) -> None:
    orders = brand(random.Random(1))
    shop.sell(orders)
    assert shop.not_numbers() == []
    rows = {row["method"]: row for row in shop.rows("from marts.ltv_backtests")}
    assert rows["mbg_nbd_gamma_gamma"]["reason"] == reason
    (in_use,) = (name for name, row in rows.items() if row["is_chosen"])
    assert in_use == chosen or (chosen is None and in_use != "mbg_nbd_gamma_gamma")
    methods = shop.connection.execute(
        "select method, count(*), count(projected_ltv_12m), "
        "count(*) filter (projected_ltv_12m < 0) "
        "from marts.customer_ltv group by all order by all nulls last"
    ).fetchall()
    buyers = len({each[0] for each in orders})
    losses = buyers if brand is negative_margins else 0
    of_buyers = [(in_use, buyers, buyers, losses)] if buyers else []
    assert [each[:3] for each in methods] == [*(e[:3] for e in of_buyers), (None, 1, 0)]
    assert not of_buyers or losses * 0.5 <= methods[0][3] <= losses
