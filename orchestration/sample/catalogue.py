"""What the brand sells and when: articles, rates, campaigns and the shop's calendar as rows.

Each function yields dicts that become one table of the generator, column for column.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from orchestration.sample import brand
from orchestration.sample.truth import add_months

Row = dict[str, Any]

SLOTS_PER_DAY = 16
"""Slots of the shop's clock on an average day: an hour and a half each."""


def articles(start: date, as_of: date) -> Iterator[Row]:
    """Every article; the even ranks of a category are old, the odd ones launch in the window."""
    days = (as_of - start).days
    for c, (category, middle, ratio, names, is_replenished) in enumerate(brand.CATEGORIES):
        words = names.split("|")
        # Twelve launches, a twelfth of the window apart, scattered over cheap and dear. The SQL
        # that finds the newest article of a category counts on these days.
        launch = {2 * (j * 5 % 12) + 1: (days * j * 10 + days * c) // 120 for j in range(12)}
        for rank in range(brand.RANKS):
            number = c * brand.RANKS + rank + 1
            label = brand.BRANDS[number * 5 % len(brand.BRANDS)]
            age = timedelta(days=launch.get(rank, -400 - number))
            yield {
                "number": number,
                "category_number": c,
                "category": category,
                "rank": rank,
                "product_name": f"{label} {words[rank % len(words)]} {rank + 1:02d}",
                "brand": label,
                "price_cents": brand.list_price_cents(middle, ratio, rank),
                "is_replenished": is_replenished,
                "launched_at": midnight(start + age),
            }


def rates(start: date, as_of: date) -> Iterator[Row]:
    """A rate from the first of each month on, the first of them before the window."""
    for currency in brand.FX_BASE:
        month = start.replace(day=1)
        while month < as_of:
            rate = brand.fx_rate(currency, month.year * 12 + month.month)
            yield {"currency": currency, "valid_from": month, "rate": rate}
            month = add_months(month, 1)


def campaigns(start: date, as_of: date) -> Iterator[Row]:
    """Early access on the second Tuesday and a private sale on the 20th of each month, and others.

    Only campaigns with a week of orders inside the data, and one that has not begun.
    """

    def campaign(
        kind: int, code: str, name: str, message_type: str, begins: date, **more: Any
    ) -> Row:
        starts_at = midnight(begins) + timedelta(hours=15)
        return {
            "campaign_id": f"CMP-{code}",
            "campaign_name": name,
            "message_type": message_type,
            "month_number": number,
            "kind_number": kind,
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(days=2) if kind < 3 else None,
            "holdout_share": 0.0,
            "uplift": 0.0,
            **more,
        }

    month, number = start.replace(day=1), 0
    while month < as_of:
        tuesday = month + timedelta(days=(1 - month.weekday()) % 7 + 7)
        if start <= tuesday <= as_of - timedelta(days=7):
            yield campaign(
                1,
                f"{month:%Y%m}-EA",
                f"Early access {month:%Y-%m}",
                "early_access",
                tuesday,
                holdout_share=brand.HOLDOUT_SHARE,
                uplift=brand.UPLIFTS[number % len(brand.UPLIFTS)],
            )
        if start <= month.replace(day=20) <= as_of - timedelta(days=7):
            sale = month.replace(day=20)
            yield campaign(
                2, f"{month:%Y%m}-PS", f"Private sale {month:%Y-%m}", "private_sale", sale
            )
        month, number = add_months(month, 1), number + 1
    yield campaign(3, "WELCOME", "Welcome", "welcome", start)
    yield campaign(4, "REPLENISH", "Time for a new one", "replenishment", start)
    yield campaign(5, "NEXT", "Anniversary", "early_access", as_of + timedelta(days=20))


def calendar(start: date, as_of: date) -> Iterator[Row]:
    """Each day up to the as-of date and whether the shop runs a sale."""
    for number in range((as_of - start).days + 1):
        yield {"day": number, "is_sale": brand.is_sale(start + timedelta(days=number))}


def clock(start: date, as_of: date) -> Iterator[Row]:
    """The shop's clock: slots that sell alike, many on a busy day and few on a quiet one."""
    weights = [brand.day_weight(start + timedelta(days=day)) for day in range((as_of - start).days)]
    slots, running, slot = len(weights) * SLOTS_PER_DAY, 0, 0
    for day, weight in enumerate(weights):
        running += weight
        while slot < running * slots // sum(weights):
            yield {"slot": slot, "day": day}
            slot += 1


def midnight(day: date) -> datetime:
    """00:00 of a date."""
    return datetime(day.year, day.month, day.day)
