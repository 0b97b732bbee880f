"""The rules of the tiers, followed plainly night by night: what the models are held against.

Written from the policy's words alone and without a window function: for each night it asks what
counts, who is in a share, what is held. Amounts, counts and rates are whole ten-thousandths.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property
from itertools import pairwise
from math import floor, log, sqrt
from typing import Any, ClassVar, NamedTuple

import numpy as np

from orchestration.fits.clv import (
    expected_orders_if_alive,
    fit_buying,
    fit_value,
    probability_alive,
)

UNIT = 10_000
NOTHING = -(10**17)
"""A value that is not there; below any threshold."""
EVER = date(9999, 12, 31)
METRICS: dict[str, tuple[str, str | None, int | None, str]] = {
    # numerator, denominator, length and unit of the window
    "qualifying_spend": ("qualifying_spend", None, None, "period"),
    "orders_in_period": ("orders", None, None, "period"),
    "orders_12m": ("orders", None, 12, "month"),
    "orders_6m": ("orders", None, 6, "month"),
    "orders_3m": ("orders", None, 3, "month"),
    "orders_90d": ("orders", None, 90, "day"),
    "orders_lifetime": ("orders", None, None, "lifetime"),
    "gross_revenue_12m": ("gross_revenue", None, 12, "month"),
    "net_revenue_12m": ("net_revenue", None, 12, "month"),
    "net_revenue_6m": ("net_revenue", None, 6, "month"),
    "net_revenue_3m": ("net_revenue", None, 3, "month"),
    "net_revenue_lifetime": ("net_revenue", None, None, "lifetime"),
    "discount_amount_12m": ("discount_amount", None, 12, "month"),
    "refund_amount_12m": ("refund_amount", None, 12, "month"),
    "average_order_value_12m": ("order_revenue", "orders", 12, "month"),
    "average_order_value_6m": ("order_revenue", "orders", 6, "month"),
    "average_order_value_3m": ("order_revenue", "orders", 3, "month"),
    "cm1_12m": ("cm1", None, 12, "month"),
    "cm2_12m": ("margin", None, 12, "month"),
    "cm3_12m": ("cm3", None, 12, "month"),
    "cm1_lifetime": ("cm1", None, None, "lifetime"),
    "cm2_lifetime": ("margin", None, None, "lifetime"),
    "cm3_lifetime": ("cm3", None, None, "lifetime"),
    "cost_to_serve_12m": ("cost_to_serve", None, 12, "month"),
    "projected_margin_12m": ("margin", None, 12, "month"),
    "projected_ltv_12m": ("projection", None, None, "evaluation"),
    "frequency_acceleration": ("given", None, None, "evaluation"),
    "tenure_days": ("age", None, None, "evaluation"),
    "return_rate_12m": ("refund_amount", "order_revenue", 12, "month"),
    "discount_share_12m": ("discount_amount", "gross_revenue", 12, "month"),
}
STATES = ("fraud_suppressions", "overdue_amount")
DATED = ("frequency_acceleration", "tenure_days")
"""Metrics that are asked of the night of each evaluation; what they say there is given."""


# ---- the policy


@dataclass(frozen=True)
class Rule:
    """A condition of a tier: a threshold in units, or the share of a top share."""

    metric: str
    threshold: int = 0
    share: Decimal | None = None
    weight: int = 1


@dataclass(frozen=True)
class Tier:
    name: str
    rules: tuple[Rule, ...]
    combiner: str = "all"


def ladder(*thresholds: int) -> tuple[Tier, ...]:
    """Tiers of fixed amounts of qualifying spend, the lowest first."""
    names = ("silver", "gold", "platinum")
    return tuple(
        Tier(name, (Rule("qualifying_spend", threshold * UNIT),))
        for name, threshold in zip(names, thresholds, strict=False)
    )


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
    tiers: tuple[Tier, ...] = ladder(2000, 5000, 10_000)
    reevaluation: str = "monthly"
    exclusions: tuple[tuple[str, tuple[Rule, ...]], ...] = ()

    @cached_property
    def name(self) -> str:
        return f"v{self.begins:%Y%m%d}"

    @property
    def row(self) -> dict[str, Any]:
        """Its row of the seed policy_versions."""
        return {
            "policy_version": self.name,
            "effective_from": self.begins,
            "effective_to": self.ends,
            "qualifying_spend_basis": self.basis,
            "qualification_period": self.period,
            "grace_months": self.grace_months,
            "demotion_cadence": self.cadence,
            "demotion_mode": self.mode,
            "reevaluation": self.reevaluation,
        }


BEFORE = Version(date.min, None, 0, "daily", "drop", tiers=())
"""What rules before the first version: no tiers."""


# ---- dates


@cache
def add_months(day: date, months: int) -> date:
    """The same day of another month, or its last where it is shorter."""
    month = day.year * 12 + day.month - 1 + months
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=count) for count in range((last - first).days + 1)]


def is_cadence_date(cadence: str, day: date, anchor: date) -> bool:
    if cadence.startswith("every_"):
        months = int(cadence.split("_")[1])
        apart = (day.year - anchor.year) * 12 + day.month - anchor.month
        return apart % months == 0 and add_months(anchor, apart) == day
    return {
        "daily": True,
        "weekly": day.weekday() == 0,
        "monthly": day.day == 1,
        "quarterly": day.day == 1 and day.month in (1, 4, 7, 10),
        "yearly": day.day == 1 and day.month == 1,
    }[cadence]


def window_begins(version: Version, metric: str, day: date) -> date:
    """First day that counts on a night; the night itself does not."""
    _, _, length, unit = METRICS[metric]
    if unit == "period":
        if version.period == "rolling_12_months":
            return add_months(day, -12)
        return date((day - timedelta(days=1)).year, 1, 1)  # 1 January closes the year before
    if unit == "month":
        return add_months(day, -(length or 0))
    return day - timedelta(days=length or 0) if unit == "day" else date.min


# ---- customers


@dataclass(frozen=True)
class Movement:
    """What an order (or a refund, as `refund` alone) moved on a day."""

    day: date
    gross: int = 0
    revenue: int = 0
    refund: int = 0
    orders: int = 1
    ordered: date | None = None
    """Of a refund, the day of the order that came back."""

    @property
    def service(self) -> int:
        """What it costs beside the goods: a fixed sum, and most where something comes back."""
        return 20 * UNIT + self.refund // 10

    def part(self, component: str, basis: str) -> int:
        if component == "qualifying_spend":
            component = {
                "gross": "gross_revenue",
                "net_of_discounts": "order_revenue",
                "net_of_discounts_and_returns": "net_revenue",
            }[basis]
        return {
            "orders": self.orders * UNIT,
            "gross_revenue": self.gross,
            "order_revenue": self.revenue,
            "net_revenue": self.revenue - self.refund,
            "refund_amount": self.refund,
            "margin": (self.revenue - self.refund) * 2 // 5,
            "cm1": (self.revenue - self.refund) // 2,
            "cm3": (self.revenue - self.refund) * 2 // 5 - self.service,
            "cost_to_serve": self.service,
            "discount_amount": self.gross - self.revenue,
        }[component]


@dataclass
class Customer:
    """What is known of a customer; a state lasts on [first, until)."""

    movements: list[Movement]
    is_test: bool = False
    states: list[tuple[str, date, date, int]] = field(default_factory=list)


@cache
def four_digits(numerator: int, denominator: int) -> int:
    """A quotient to four decimals, by way of eight, as the warehouse rounds a double."""
    quotient = Decimal(numerator / UNIT / (denominator / UNIT))
    eight = quotient.quantize(Decimal("1e-8"), ROUND_HALF_UP)
    return int(eight.quantize(Decimal("1e-4"), ROUND_HALF_UP).scaleb(4))


# ---- what is projected


class Past(NamedTuple):
    """What was known of a customer on a date; margins in units."""

    is_test: bool
    order_days: int
    days_to_last: int
    age: int
    order_days_12m: int
    margin: int
    repeat_margin: int
    margin_12m: int


def weeks(count: int) -> int:
    return (2 * count + 7) // 14


def in_units(value: float) -> int:
    """A double as whole ten-thousandths, by way of eight digits."""
    eight = Decimal(value).quantize(Decimal("1e-8"), ROUND_HALF_UP)
    return int(eight.quantize(Decimal("1e-4"), ROUND_HALF_UP).scaleb(4))


class Projections:
    """What each customer was expected to bring, as known on any date: written from the decision.

    The search for the estimates is the product's own: the papers' figures hold it.
    """

    limits: ClassVar[dict[str, float]] = {
        "ltv_repeat_customers_least": 1000,
        "ltv_total_error": 0.3,
        "ltv_without_margin_share": 0.1,
        "ltv_margin_frequency_correlation": 0.3,
    }
    discount_rate = 0.1

    def __init__(self, customers: Mapping[str, Customer], as_of: date) -> None:
        self.customers, self.as_of = customers, as_of
        self.methods: Counter[str] = Counter()
        self._of_day: dict[date, dict[str, int]] = {}
        self._models: dict[date, tuple[str, dict[str, Any]]] = {}

    def of(self, customer: str, day: date) -> int:
        """The projection of a date; on a day to come by tonight's model, with no more orders."""
        if day not in self._of_day:
            method, model = self._model(min(day, self.as_of))
            self.methods[method] += 1
            self._of_day[day] = {
                who: in_units(orders * margin)
                for who, past in self._known(day).items()
                for orders, margin in [self._expected(method, model, past, 12)]
            }
        return self._of_day[day].get(customer, 0)

    def _known(self, day: date) -> dict[str, Past]:
        found = {}
        for who, customer in self.customers.items():
            moves = [m for m in customer.movements if m.day < min(day, self.as_of)]
            bought = sorted({m.day for m in moves if m.orders})
            if bought:
                first, year = bought[0], add_months(day, -12)
                margins = [(m.ordered or m.day, m.day, m.part("margin", "")) for m in moves]
                found[who] = Past(
                    customer.is_test,
                    len(bought),
                    (bought[-1] - first).days,
                    (day - first).days,
                    sum(each >= year for each in bought),
                    sum(margin for _, _, margin in margins),
                    sum(margin for ordered, _, margin in margins if ordered > first),
                    sum(margin for _, booked, margin in margins if booked >= year),
                )
        return found

    def _fit(self, day: date) -> dict[str, Any]:
        """Both fits of a date; empty where nobody had ordered."""
        known = [past for past in self._known(day).values() if not past.is_test]
        if not known:
            return {}
        groups = Counter(
            (past.order_days - 1, weeks(past.days_to_last), weeks(past.age)) for past in known
        )
        x, t_x, age, customers = np.array([(*key, groups[key]) for key in sorted(groups)]).T
        found: dict[str, Any] = {"buying": fit_buying(x, t_x, age, customers)}
        repeats = [past for past in known if past.order_days > 1]
        found["repeat_customers"] = len(repeats)
        steps: dict[tuple[int, int], list[int]] = {}
        for past in repeats:
            mean = in_units(past.repeat_margin / UNIT / (past.order_days - 1))
            if mean > 0:
                step = floor(log(mean / UNIT) * 50)
                steps.setdefault((past.order_days - 1, step), []).append(mean)
        if steps:
            x, mean, customers = np.array(
                [
                    (key[0], sum(steps[key]) / UNIT / len(steps[key]), len(steps[key]))
                    for key in sorted(steps)
                ]
            ).T
            found["value"] = fit_value(x, mean, customers)
            found["without"] = 1 - customers.sum() / len(repeats)
            spread = np.cov(np.stack([x, mean]), fweights=customers.astype(int), ddof=0)
            scale = sqrt(spread[0, 0] * spread[1, 1])
            found["correlation"] = spread[0, 1] / scale if scale > 0 else 0.0
        return found

    def _expected(
        self, method: str, model: dict[str, Any], past: Past, months: int, rate: float | None = None
    ) -> tuple[float, float]:
        """Orders, each month's discounted at the yearly rate, and the margin of one."""
        rate = self.discount_rate if rate is None else rate
        own = past.margin / UNIT / past.order_days
        worth = [(1 + rate) ** (-month / 12) for month in range(1, months + 1)]
        if method == "baseline":
            margin = own
            if past.order_days_12m:
                margin = past.margin_12m / UNIT / past.order_days_12m
            return past.order_days_12m * sum(worth) / 12, margin
        fit, x = model["buying"], past.order_days - 1
        ends = [
            float(expected_orders_if_alive(fit, x, weeks(past.age), month * 365.25 / 12 / 7))
            for month in range(months + 1)
        ]
        alive = probability_alive(fit, x, past.days_to_last / 7, past.age / 7)
        left = sum(
            (end - start) * each for (start, end), each in zip(pairwise(ends), worth, strict=True)
        )
        if method == "mbg_nbd_gamma_gamma":
            value = model["value"]
            top = value.p * (value.gamma + past.repeat_margin / UNIT)
            return float(alive) * left, top / (value.p * x + value.q - 1)
        return float(alive) * left, own

    def _model(self, day: date) -> tuple[str, dict[str, Any]]:
        """The method that won the backtest as known on a date, and the fit of that date."""
        if day not in self._models:
            self._models[day] = self._judge(day)
        return self._models[day]

    def _judge(self, day: date) -> tuple[str, dict[str, Any]]:
        first = min(
            (m.day for each in self.customers.values() for m in each.movements if m.orders),
            default=day,
        )
        months = min(12, (day - first).days // 61)
        tonight = self._fit(day)
        if months < 3:
            return "baseline", tonight
        split = add_months(day, -months)
        then, limits = self._fit(split), self.limits
        fits = [fit for fit in (tonight, then) if fit]
        if (
            len(fits) < 2
            or min(fit["repeat_customers"] for fit in fits) < limits["ltv_repeat_customers_least"]
            or any(fit["buying"].is_at_bound for fit in fits)
        ):
            return "baseline", tonight
        methods = ["mbg_nbd_own_margin"]
        if all("value" in fit for fit in fits) and not (
            any(fit["value"].is_at_bound or fit["value"].q <= 1 for fit in fits)
            or max(fit["without"] for fit in fits) > limits["ltv_without_margin_share"]
            or max(abs(fit["correlation"]) for fit in fits)
            > limits["ltv_margin_frequency_correlation"]
        ):
            methods.insert(0, "mbg_nbd_gamma_gamma")
        now = self._known(day)
        actual, errors, total = [], {}, {}
        for method in (*methods, "baseline"):
            found = []
            for who, past in self._known(split).items():
                if not past.is_test:
                    orders, margin = self._expected(method, then, past, months, rate=0.0)
                    came = now[who].margin - past.margin
                    found.append((in_units(orders * margin), came))
            predicted, actual = zip(*found, strict=True)
            squares = [round(((p - a) / UNIT) ** 2, 2) for p, a in found]
            errors[method] = sqrt(sum(squares) / len(squares))
            total[method] = (sum(predicted) - sum(actual)) / abs(sum(actual)) if sum(actual) else 0
        best = "baseline"
        for method in methods:
            is_fair = abs(total[method]) <= limits["ltv_total_error"]
            if is_fair and errors[method] < errors["baseline"]:
                best = method if errors[method] < errors[best] else best
        return best, tonight


class Step(NamedTuple):
    """Where a customer stands on one night."""

    day: date
    version: Version
    qualified: int
    before: int
    held: int
    grace_from: date | None
    exclusion: str | None


class World:
    """A brand under a policy, as known on the night `as_of`."""

    def __init__(
        self,
        customers: Mapping[str, Customer],
        versions: Sequence[Version],
        as_of: date,
        first: date,
        last: date,
    ) -> None:
        self.customers, self.versions, self.as_of = customers, versions, as_of
        self.first, self.days = first, days(first, last)
        self.ruling = [
            next(
                (v for v in versions if v.begins <= day and (v.ends is None or day < v.ends)),
                BEFORE,
            )
            for day in self.days
        ]
        self.projected = Projections(customers, as_of)
        self._begins: dict[tuple[str, str], np.ndarray] = {}
        self._sums: dict[tuple[str, str, str], np.ndarray] = {}
        self._values: dict[tuple[str, str, str], np.ndarray] = {}

    def index(self, day: date) -> int:
        return min(max((day - self.first).days, 0), len(self.days) - 1)

    # ---- metrics

    def _sum(self, customer: str, component: str, basis: str) -> np.ndarray:
        """Totals of a component up to each night, the night itself left out."""
        key = (customer, component, basis if component == "qualifying_spend" else "")
        if key not in self._sums:
            of_day = np.zeros(len(self.days), dtype=np.int64)
            for movement in self.customers[customer].movements:
                if movement.day < self.as_of:
                    of_day[self.index(movement.day)] += movement.part(component, basis)
            self._sums[key] = np.concatenate([[0], np.cumsum(of_day)])[:-1]
        return self._sums[key]

    def values(self, customer: str, metric: str, version: Version) -> np.ndarray:
        """The value of a metric on every night."""
        key = (customer, metric, version.name)
        if key not in self._values:
            self._values[key] = self._measure(customer, metric, version)
        return self._values[key]

    def _measure(self, customer: str, metric: str, version: Version) -> np.ndarray:
        if metric in STATES:
            found = np.zeros(len(self.days), dtype=np.int64)
            for name, begins, until, amount in self.customers[customer].states:
                if name == metric and begins <= self.as_of and begins < until:
                    end = len(self.days) if until == EVER else self.index(until)
                    found[self.index(begins) : end] += amount
            return found
        if metric == "projected_ltv_12m" or metric in DATED:
            return self._ask(customer, metric, version)
        numerator, denominator, _, _ = METRICS[metric]
        if (version.name, metric) not in self._begins:
            self._begins[version.name, metric] = np.array(
                [self.index(window_begins(version, metric, day)) for day in self.days]
            )
        begins = self._begins[version.name, metric]
        total = self._sum(customer, numerator, version.basis)
        found = total - total[begins]
        if denominator is None:
            return found
        base = self._sum(customer, denominator, version.basis)
        pairs = zip(found.tolist(), (base - base[begins]).tolist(), strict=True)
        return np.array(
            [four_digits(*pair) if pair[1] else NOTHING for pair in pairs], dtype=np.int64
        )

    def asked(self, version: Version) -> list[date]:
        """The days on which a version asks what is projected or dated."""
        last = self.as_of + timedelta(days=366)
        due = [
            day
            for day in self.days
            if version.begins <= day <= last
            and (version.ends is None or day < version.ends)
            and (
                day == version.begins or is_cadence_date(version.reevaluation, day, version.begins)
            )
        ]
        return [self.as_of, *due] if version.begins > self.as_of else due  # for its first cut

    def _ask(self, customer: str, metric: str, version: Version) -> np.ndarray:
        """What was projected or dated on an evaluation, on every night until the next."""
        found = np.full(len(self.days), NOTHING if metric in DATED else 0, dtype=np.int64)
        for day in self.asked(version):
            found[self.index(day) :] = (
                self.dated(customer, metric, day)
                if metric in DATED
                else self.projected.of(customer, day)
            )
        return found

    def dated(self, customer: str, metric: str, day: date) -> int:
        """What is known of a customer on a date, one to come by what is known tonight."""
        moves = [m for m in self.customers[customer].movements if m.day < min(day, self.as_of)]
        bought = [m.day for m in moves if m.orders]
        if not bought:
            return NOTHING
        if metric == "tenure_days":
            return (day - min(bought)).days * UNIT
        # Some number that falls below zero for who has not bought lately.
        year = add_months(day, -12)
        return sum(m.part("margin", "") for m in moves if m.day >= year) // 100 - UNIT

    def value(self, customer: str, metric: str, version: Version, day: date) -> int:
        return int(self.values(customer, metric, version)[self.index(day)])

    # ---- shares

    def evaluations(self, version: Version) -> list[tuple[date, date | None]]:
        """The days on which cuts are taken, each with the day on which it is renewed."""
        due = [version.begins] + [
            day
            for day in self.days
            if version.begins < day <= self.as_of
            and (version.ends is None or day < version.ends)
            and is_cadence_date(version.reevaluation, day, version.begins)
        ]
        return list(zip(due, [*due[1:], version.ends], strict=True))

    def population(self, version: Version, day: date) -> list[str]:
        return [
            customer
            for customer, known in self.customers.items()
            if not known.is_test and self.value(customer, "orders_in_period", version, day) > 0
        ]

    def standing_values(self, version: Version, metric: str, day: date) -> dict[str, int]:
        found = {
            who: self.value(who, metric, version, day) for who in self.population(version, day)
        }
        # What is asked of a night and not known there comes last; a rate of nothing is none.
        return {
            who: 0 if value == NOTHING and metric not in DATED else value
            for who, value in found.items()
        }

    def blended(self, version: Version, tier: Tier, day: date) -> dict[str, int]:
        """The weighted sum of each customer's places; the lower the better."""
        total: dict[str, int] = dict.fromkeys(self.population(version, day), 0)
        for rule in tier.rules:
            found = self.standing_values(version, rule.metric, day)
            for who in total:
                place = 1 + sum(other > found[who] for other in found.values())
                total[who] += place * rule.weight
        return total

    @cached_property
    def cuts(self) -> dict[tuple[str, int, str], list[tuple[date, date | None, Any]]]:
        """By version, rank and metric: the cut of each evaluation; of a blend, who is in."""
        found: dict[tuple[str, int, str], list[tuple[date, date | None, Any]]] = {}
        for version in self.versions:
            for rank, tier in enumerate(version.tiers, 1):
                shared = [rule for rule in tier.rules if rule.share is not None]
                for rule in shared[:1] if tier.combiner == "rank_blend" else shared:
                    name = "rank_blend" if tier.combiner == "rank_blend" else rule.metric
                    found[version.name, rank, name] = [
                        (due, until, self._cut(version, tier, rule, min(due, self.as_of)))
                        for due, until in self.evaluations(version)
                    ]
        return found

    def _cut(self, version: Version, tier: Tier, rule: Rule, day: date) -> Any:
        blend = tier.combiner == "rank_blend"
        found = (
            self.blended(version, tier, day)
            if blend
            else self.standing_values(version, rule.metric, day)
        )
        if not found or rule.share is None:
            return None
        best_first = sorted(found.values(), reverse=not blend)
        last = next(n for n in range(1, len(found) + 1) if n >= rule.share * len(found))
        cut = best_first[last - 1]
        return (cut, found) if blend else max(cut, 1)

    # ---- tiers

    def rule_holds(self, customer: str, version: Version, rank: int, rule: Rule) -> np.ndarray:
        tier = version.tiers[rank - 1]
        if tier.combiner != "rank_blend":
            value = self.values(customer, rule.metric, version)
            if rule.share is None:
                return value >= rule.threshold
        holds = np.zeros(len(self.days), dtype=bool)
        name = "rank_blend" if tier.combiner == "rank_blend" else rule.metric
        for begins, until, cut in self.cuts[version.name, rank, name]:
            if begins > self.days[-1]:
                continue
            span = slice(self.index(begins), self.index(until) if until else len(self.days))
            if cut is None:
                continue
            if tier.combiner == "rank_blend":
                holds[span] = customer in cut[1] and cut[1][customer] <= cut[0]
                if begins == self.evaluations(version)[-1][0] and holds[span].any():
                    self._blend_to_come(holds, customer, version, tier, begins, cut[0])
            else:
                holds[span] = value[span] >= cut
        return holds

    def _blend_to_come(
        self,
        holds: np.ndarray,
        customer: str,
        version: Version,
        tier: Tier,
        last: date,
        cut: int,
    ) -> None:
        """Ask who is in again, on each evaluation to come, of what is left and the others' last."""
        stop = self.index(version.ends) if version.ends else len(self.days)
        for day in self.asked(version):
            if day <= self.as_of:
                continue
            total = 0
            for rule in tier.rules:
                others = self.standing_values(version, rule.metric, min(last, self.as_of))
                own = self.value(customer, rule.metric, version, day)
                own = 0 if own == NOTHING and rule.metric not in DATED else own
                ahead = sum(other > own for who, other in others.items() if who != customer)
                total += (1 + ahead) * rule.weight
            has_orders = self.value(customer, "orders_in_period", version, day) > 0
            holds[self.index(day) : stop] = has_orders and total <= cut

    def qualified(self, customer: str, version: Version) -> np.ndarray:
        """The highest tier whose rules hold, on every night, exclusions apart."""
        rank_of = np.zeros(len(self.days), dtype=np.int64)
        for rank, tier in enumerate(version.tiers, 1):
            rules = tier.rules[:1] if tier.combiner == "rank_blend" else tier.rules
            each = [self.rule_holds(customer, version, rank, rule) for rule in rules]
            together = np.any(each, axis=0) if tier.combiner == "any" else np.all(each, axis=0)
            rank_of[together] = rank
        return rank_of

    def excluded(self, customer: str, version: Version) -> list[str | None]:
        found: list[str | None] = [None] * len(self.days)
        for name, conditions in sorted(version.exclusions, reverse=True):
            each = [
                self.values(customer, condition.metric, version) >= condition.threshold
                for condition in conditions
            ]
            for night in np.flatnonzero(np.all(each, axis=0)):
                found[night] = name
        return found

    def walk(self, customer: str) -> list[Step]:
        """Follow one customer night by night; beyond `as_of` nothing more is bought."""
        versions = (BEFORE, *self.versions)
        ranks = {v.name: self.qualified(customer, v).tolist() for v in versions}
        excluded = {v.name: self.excluded(customer, v) for v in versions}
        steps: list[Step] = []
        held, grace_from = 0, None
        for night, (day, version) in enumerate(zip(self.days, self.ruling, strict=True)):
            exclusion = excluded[version.name][night]
            qualified = 0 if exclusion else ranks[version.name][night]
            before = held
            held = 0 if exclusion else min(held, len(version.tiers))
            if qualified >= held:
                held, grace_from = qualified, None
            else:
                grace_from = grace_from or day
                if day >= add_months(grace_from, version.grace_months) and is_cadence_date(
                    version.cadence, day, version.begins
                ):
                    one_down = held - 1 if version.mode == "soft_landing" else 0
                    held = max(one_down, qualified)
                    grace_from = day if qualified < held else None
            steps.append(Step(day, version, qualified, before, held, grace_from, exclusion))
        return steps

    def history(self, steps: Sequence[Step]) -> list[tuple]:
        """Rank, tier, rank before, from, to, reason, exclusion and version of each span."""
        first_version = min(self.versions, key=lambda version: version.begins)
        spans = []
        for step in steps:
            is_new = step.day == step.version.begins and step.version is not first_version
            if step.day > self.as_of or not (
                step.held != step.before or (is_new and step.held > 0)
            ):
                continue
            if step.exclusion:
                reason = "excluded"
            elif is_new:
                reason = "policy_changed"
            elif step.held < step.before:
                reason = "demoted"
            else:
                reason = "upgraded" if step.before else "qualified"
            name = step.version.tiers[step.held - 1].name if step.held else "none"
            spans.append(
                [
                    step.held,
                    name,
                    step.before,
                    step.day,
                    None,
                    reason,
                    step.exclusion,
                    step.version.name,
                ]
            )
        for span, following in pairwise(spans):
            span[4] = following[3]
        return [tuple(span) for span in spans]

    def target(self, customer: str, version: Version, rank: int) -> tuple[float, int | None]:
        """How far a customer is on the way to a tier tonight, and the spend that is missing."""
        tier = version.tiers[rank - 1]
        progress, missing = [], []
        for rule in tier.rules[:1] if tier.combiner == "rank_blend" else tier.rules:
            value = self.value(customer, rule.metric, version, self.as_of)
            value = 0 if value == NOTHING else value
            threshold: int | None = rule.threshold
            if rule.share is not None:
                name = "rank_blend" if tier.combiner == "rank_blend" else rule.metric
                threshold = next(
                    cut
                    for due, until, cut in self.cuts[version.name, rank, name]
                    if due <= self.as_of and (until is None or self.as_of < until)
                )
                if threshold is None:
                    continue
            if tier.combiner == "rank_blend":
                cut, found = threshold
                done = cut / found[customer] if customer in found else 0.0
            else:
                done = value / UNIT / (threshold / UNIT)
                if rule.metric == "qualifying_spend":
                    missing.append(max(threshold - value, 0))
            progress.append(min(max(done, 0.0), 1.0))
        if not progress:
            return 0.0, None
        is_any = tier.combiner == "any"
        spend = (min if is_any else max)(missing) if missing else None
        return (max if is_any else min)(progress), spend

    def standing(self, customer: str, steps: Sequence[Step]) -> dict[str, Any]:
        """The row of customer_tiers on the night of `as_of`."""
        tonight = steps[self.index(self.as_of)]
        version = tonight.version
        moves = [step for step in steps if step.day <= self.as_of and step.held != step.before]
        coming = [step for step in steps if step.day > self.as_of and step.held < step.before]
        demotion = coming[0] if coming and tonight.held else None
        names = ("none", *(tier.name for tier in version.tiers))
        lost = moves[-1].before if moves and moves[-1].held < moves[-1].before else None
        row: dict[str, Any] = {
            "tier_rank": tonight.held,
            "tier": names[tonight.held],
            "qualified_tier_rank": tonight.qualified,
            "tier_since": moves[-1].day if moves else None,
            "qualifying_spend": self.value(customer, "qualifying_spend", version, self.as_of),
            "next_tier": None,
            "spend_to_next_tier": None,
            "progress_to_next_tier": 1.0,
            "grace_until": None,
            "projected_demotion_on": demotion.day if demotion else None,
            "spend_to_keep_tier": self._to_keep(customer, tonight, demotion),
            "lost_tier": names[lost] if lost and lost < len(names) else None,
            "spend_to_earn_back": None,
            "demotion_warning_days": None,
            "policy_version": version.name,
        }
        if tonight.exclusion:
            row["progress_to_next_tier"] = 0.0
        elif tonight.held + 1 < len(names):
            row["next_tier"] = names[tonight.held + 1]
            row["progress_to_next_tier"], row["spend_to_next_tier"] = self.target(
                customer, version, tonight.held + 1
            )
        if row["lost_tier"]:
            row["spend_to_earn_back"] = self.target(customer, version, lost or 0)[1]
        if tonight.grace_from:
            row["grace_until"] = add_months(tonight.grace_from, version.grace_months)
        if demotion:
            ahead = (demotion.day - self.as_of).days
            row["demotion_warning_days"] = 30 if ahead <= 30 else 60 if ahead <= 60 else None
        if lost is not None and moves[-1].day == self.as_of:
            row["demotion_warning_days"] = 0
        if tonight.exclusion:
            row["demotion_warning_days"] = None
        at_risk = tonight.held > tonight.qualified or (
            demotion is not None and (demotion.day - self.as_of).days <= 60
        )
        row["tier_status"] = (
            "none"
            if not tonight.held
            else "at_risk_vip"
            if at_risk
            else "top_vip"
            if tonight.held == len(version.tiers)
            else "vip"
        )
        return row

    def _to_keep(self, customer: str, tonight: Step, demotion: Step | None) -> int | None:
        if demotion is None or len(demotion.version.tiers) < tonight.held:
            return None
        tier = demotion.version.tiers[tonight.held - 1]
        if tier.combiner == "rank_blend":
            return None
        missing = []
        for rule in tier.rules:
            if rule.metric == "qualifying_spend":
                threshold: int | None = rule.threshold
                if rule.share is not None:
                    threshold = next(
                        cut
                        for due, until, cut in self.cuts[
                            demotion.version.name, tonight.held, rule.metric
                        ]
                        if due <= demotion.day and (until is None or demotion.day < until)
                    )
                if threshold is None:
                    continue
                value = self.value(customer, rule.metric, demotion.version, demotion.day)
                missing.append(max(threshold - value, 0))
        if not missing:
            return None
        return (min if tier.combiner == "any" else max)(missing)
