"""A shop with customers, orders and order lines alone, through the models of value.

What three tables tell is held against a plain reference on random customers: RFM evaluated month by
month, the rhythm of buying, the trends. What they cannot tell is null, and nothing else is.
"""

from __future__ import annotations

import csv
import random
from calendar import monthrange
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

import pytest
from dbt_runs import run_dbt

from orchestration.landing import land
from orchestration.settings import Settings
from orchestration.warehouse import connect

pytestmark = pytest.mark.slow

CUSTOMERS = 250
FIRST_DAY = date(2021, 12, 1)
WINDOW_MONTHS, HISTORY_MONTHS, RHYTHM_GAPS = 24, 13, 2
"""As the written policy has them."""

UNKNOWN = {
    "discount_amount_12m",
    "refund_amount_12m",
    "restocked_cost_12m",
    "net_shipping_cost_12m",
    "payment_fee_12m",
    "return_cost_12m",
    "sms_cost_12m",
    "benefit_cost_12m",
    "support_cost_12m",
    "cost_to_serve_12m",
    "return_rate_12m",
    "discount_share_12m",
    "full_price_share_12m",
    "high_margin_share_12m",
    "categories_lifetime",
    "categories_12m",
    "categories_6m",
    "categories_3m",
    "new_categories_12m",
    "tickets_12m",
    "support_minutes_12m",
    "support_minutes_per_order_12m",
    "support_time_share_12m",
    "cost_to_serve_rate_12m",
    "is_support_heavy",
    "is_quiet_regular",
    "on_time_payment_share_12m",
    "payment_days_late_12m",
    "overdue_orders",
    "nps_latest",
    "referrals_lifetime",
    "reviews_lifetime",
    "social_shares_lifetime",
    "advocacy_score",
    "is_high_profile",
}
"""Columns of customer_value that three tables say nothing about."""

Rows = list[dict[str, Any]]


# ---- the brand


@dataclass(frozen=True)
class Night:
    """One night of one brand: what was bought, day by day, and what the models made of it."""

    as_of: date
    bought: dict[str, dict[date, list[int]]]
    tables: dict[str, Rows]


def shop(as_of: date) -> dict[str, dict[date, list[int]]]:
    """Whole amounts of the orders of each customer, by day; some days fall on awkward dates."""
    dice = random.Random(as_of.toordinal())
    edges = [add_months(as_of, -months) for months in (3, 6, 12, 24, 25, 36)]
    awkward = [edge + timedelta(days=off) for edge in edges for off in (-1, 0, 1)]
    bought: dict[str, dict[date, list[int]]] = {}
    for number in range(CUSTOMERS):
        days: dict[date, list[int]] = {}
        start = dice.randrange((as_of - FIRST_DAY).days)
        pace = dice.choice([7, 30, 90, 250])
        day = FIRST_DAY + timedelta(days=start)
        for _ in range(dice.choice([0, 1, 1, 2, 3, 6, 12, 25])):
            if day < as_of:
                days.setdefault(day, []).append(dice.randint(1, 400))
            day = (
                dice.choice(awkward)
                if dice.random() < 0.15
                else day + timedelta(days=dice.randint(0, 2 * pace))
            )
        bought[f"c{number:03}"] = days
    return bought


def write(folder: Path, bought: dict[str, dict[date, list[int]]]) -> None:
    """The three CSV files, with the columns that the contract requires and the account's own."""
    orders = [
        (f"{customer}-{day}-{number}", customer, f"{day} 12:00:00", amount)
        for customer, days in bought.items()
        for day, amounts in days.items()
        for number, amount in enumerate(amounts)
    ]
    files = {
        "customers": [("customer_id",), *((customer,) for customer in bought)],
        "orders": [("order_id", "customer_id", "ordered_at"), *(order[:3] for order in orders)],
        "order_lines": [
            ("order_line_id", "order_id", "quantity", "unit_price"),
            *((f"l-{order[0]}", order[0], 1, order[3]) for order in orders),
        ],
    }
    folder.mkdir(parents=True)
    for name, rows in files.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)


@pytest.fixture(scope="module", params=[date(2026, 7, 1), date(2025, 2, 28)], ids=str)
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The brand on the first of a month, and at the end of a short one."""
    as_of: date = request.param
    home = tmp_path_factory.mktemp("three_tables")
    settings = Settings(home=home / "var", raw_dir=home / "raw", _env_file=None)
    bought = shop(as_of)
    write(settings.raw_dir, bought)
    land(settings, settings.raw_dir, as_of, "three tables")
    models = ["+customer_value", "+revenue_concentration", "+rfm_migrations"]
    run_dbt(
        settings,
        "build",
        *("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"),
        *("--select", *models),
        as_of=as_of,
    )
    names = {
        "customer_value": "vip_sms.marts.customer_value",
        "revenue_concentration": "vip_sms.marts.revenue_concentration",
        "rfm_migrations": "vip_sms.marts.rfm_migrations",
        "history": "intermediate.int_customer_rfm_history",
        "inputs": "intermediate.int_customer_rfm_inputs",
    }
    with closing(connect(settings, read_only=True)) as connection:
        tables = {}
        for name, relation in names.items():
            answer = connection.execute(f"from {relation}")
            columns = [column[0] for column in answer.description]
            tables[name] = [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
    return Night(as_of, bought, tables)


# ---- the reference


def add_months(day: date, months: int) -> date:
    """The same day of another month, or its last where it is shorter."""
    month = day.year * 12 + day.month - 1 + months
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def evaluations(as_of: date) -> list[date]:
    """The firsts of the months looked at, and the night."""
    first = as_of.replace(day=1)
    firsts = [add_months(first, -months) for months in range(HISTORY_MONTHS)]
    return sorted({*firsts, as_of})


def measured(days: dict[date, list[int]], on: date) -> tuple[int, int, int] | None:
    """Recency, days with an order and revenue of a customer on a date; None before the first."""
    known = [day for day in days if day < on]
    if not known:
        return None
    inside = [day for day in known if day >= add_months(on, -WINDOW_MONTHS)]
    return (on - max(known)).days, len(inside), sum(sum(days[day]) for day in inside)


def quintiles(values: list[int]) -> list[float]:
    """The four cuts, between two values by where they lie between them."""
    ordered = sorted(values)
    cuts = []
    for share in (0.2, 0.4, 0.6, 0.8):
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        cuts.append(round(ordered[low] + (ordered[high] - ordered[low]) * (place - low), 6))
    return cuts


def histories(night: Night, project_dir: Path) -> dict[str, dict[date, str]]:
    """The segment of each customer at each evaluation, from the orders alone."""
    with (project_dir / "seeds/reference/rfm_segments.csv").open(encoding="utf-8") as file:
        grid = {
            (int(row["rfm_recency"]), int(row["rfm_frequency"])): row["rfm_segment"]
            for row in csv.DictReader(file)
        }
    dates = evaluations(night.as_of)
    segments: dict[str, dict[date, str]] = {customer: {} for customer in night.bought}
    for on in dates:
        frozen = {
            when: [
                found
                for days in night.bought.values()
                if (found := measured(days, when)) and found[1] > 0
            ]
            for when in dates
            if (when.year, when.month) == (on.year, on.month)
        }
        active = frozen[min(when for when, rows in frozen.items() if rows)]
        recency_cuts = quintiles([row[0] for row in active])
        frequency_cuts = quintiles([row[1] for row in active])
        for customer, days in night.bought.items():
            found = measured(days, on)
            if not found:
                continue
            recency, order_days, _ = found
            score = (1, 1)
            if order_days:
                score = (
                    1 + sum(recency <= cut for cut in recency_cuts),
                    1 + sum(order_days > cut for cut in frequency_cuts),
                )
            segments[customer][on] = grid[score]
    return segments


# ---- what they are held to


def by_customer(rows: Rows) -> dict[str, dict[str, Any]]:
    return {row["customer_id"]: row for row in rows}


def test_what_three_tables_cannot_tell_is_null_and_nothing_else(night: Night) -> None:
    rows = night.tables["customer_value"]
    assert len(rows) == CUSTOMERS
    silent = {name for name in rows[0] if all(row[name] is None for row in rows)}
    assert silent == UNKNOWN
    for row in rows:
        # What is not known counts as nothing in the amounts that follow.
        assert row["net_revenue_12m"] == row["gross_revenue_12m"]
        assert row["cm3_12m"] == row["gross_revenue_12m"] - row["cost_of_goods_12m"]
    assert {row["ranked_by"] for row in night.tables["revenue_concentration"]} == {
        "net_revenue",
        "margin",
    }
    assert all(row["support_time_share"] is None for row in night.tables["revenue_concentration"])


def test_each_evaluation_measures_its_own_window(night: Night) -> None:
    expected = {
        (customer, on): found
        for customer, days in night.bought.items()
        for on in evaluations(night.as_of)
        if (found := measured(days, on))
    }
    built = {
        (row["customer_id"], row["evaluated_on"]): (
            row["recency_days"],
            row["order_days"],
            row["net_revenue"],
        )
        for row in night.tables["inputs"]
    }
    assert built == expected
    # Somebody's orders have all left the window, and somebody's first came during the year.
    assert any(order_days == 0 for _, order_days, _ in expected.values())
    assert len({customer for customer, _ in expected}) * (HISTORY_MONTHS) > len(expected)


def test_segments_their_start_and_their_moves_follow_from_the_orders(
    night: Night, project_dir: Path
) -> None:
    expected = histories(night, project_dir)
    built: dict[str, dict[date, str]] = {customer: {} for customer in night.bought}
    for row in night.tables["history"]:
        built[row["customer_id"]][row["evaluated_on"]] = row["rfm_segment"]
    assert built == expected

    dates = evaluations(night.as_of)
    value = by_customer(night.tables["customer_value"])
    moves: Counter[tuple[date, str, str]] = Counter()
    for customer, segments in expected.items():
        before = since = None
        for earlier, on in pairwise(dates):
            if on not in segments:
                continue
            moves[on, segments.get(earlier, "none"), segments[on]] += 1
            if segments.get(earlier) != segments[on]:
                before, since = segments.get(earlier), on
        row = value[customer]
        assert row["rfm_segment"] == segments.get(night.as_of)
        assert (row["rfm_segment_before"], row["rfm_segment_since"]) == (before, since), customer
    assert moves == {
        (row["evaluated_on"], row["from_segment"], row["to_segment"]): row["customers"]
        for row in night.tables["rfm_migrations"]
    }


def test_rhythm_is_that_of_the_days_with_an_order(night: Night) -> None:
    value = by_customer(night.tables["customer_value"])
    told = 0
    for customer, bought in night.bought.items():
        days = sorted(bought)
        gaps = [(later - day).days for day, later in pairwise(days)]
        row = value[customer]
        if len(gaps) < RHYTHM_GAPS:
            assert row["purchase_interval_days"] is row["overdue_ratio"] is None
            assert row["frequency_acceleration"] is None
            continue
        silence = (night.as_of - days[-1]).days
        assert row["purchase_interval_days"] == median(gaps)
        assert row["overdue_ratio"] == pytest.approx(silence / median(gaps))
        if len(gaps) < 2 * RHYTHM_GAPS:
            assert row["frequency_acceleration"] is None
            continue
        told += 1
        latest = max(fmean(gaps[-RHYTHM_GAPS:]), silence)
        faster = fmean(gaps[:-RHYTHM_GAPS]) / latest - 1
        assert row["frequency_acceleration"] == pytest.approx(faster)
    assert told > CUSTOMERS / 10


def test_trends_are_those_of_calendar_months(night: Night) -> None:
    value = by_customer(night.tables["customer_value"])
    told = 0
    for customer, bought in night.bought.items():
        row = value[customer]
        counts, sums = {}, {}
        for months in (12, 6, 3):
            start = add_months(night.as_of, -months)
            inside = [amount for day, all_ in bought.items() if day >= start for amount in all_]
            counts[months], sums[months] = len(inside), sum(inside)
            assert row[f"orders_{months}m"] == counts[months]
            assert row[f"net_revenue_{months}m"] == sums[months]
        is_old = bool(bought) and min(bought) < add_months(night.as_of, -12)
        for months in (6, 3):
            rate = revenue = size = None
            if is_old and counts[12]:
                rate = 12 / months * counts[months] / counts[12]
                revenue = 12 / months * sums[months] / sums[12]
            if counts[months] and counts[12] > counts[months]:
                size = sums[months] / counts[months] / (sums[12] / counts[12])
                told += 1
            expectations = {"order_rate": rate, "revenue": revenue, "order_value": size}
            for name, expected in expectations.items():
                built = row[f"{name}_trend_{months}m"]
                assert built is expected is None or built == pytest.approx(expected, rel=1e-5)
    assert told > CUSTOMERS / 10
