"""The rules of the tiers, followed plainly night by night: what the models are held against.

Written from the policy's words alone and without a window function: for each night it asks what
counts, who is in a share, what is held. Amounts, counts and rates are whole ten-thousandths.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

UNIT = 10_000
NOTHING = -(10**17)
"""A value that is not there; below any threshold."""
EVER = date(9999, 12, 31)
METRICS: dict[str, tuple[str, str | None, int | None, str]] = {
    # numerator, denominator, length and unit of the window
    "qualifying_spend": ("qualifying_spend", None, None, "period"),
    "orders_in_period": ("orders", None, None, "period"),
    "orders_12m": ("orders", None, 12, "month"),
    "orders_90d": ("orders", None, 90, "day"),
    "orders_lifetime": ("orders", None, None, "lifetime"),
    "gross_revenue_12m": ("gross_revenue", None, 12, "month"),
    "net_revenue_12m": ("net_revenue", None, 12, "month"),
    "net_revenue_lifetime": ("net_revenue", None, None, "lifetime"),
    "refund_amount_12m": ("refund_amount", None, 12, "month"),
    "average_order_value_12m": ("order_revenue", "orders", 12, "month"),
    "projected_margin_12m": ("margin", None, 12, "month"),
    "return_rate_12m": ("refund_amount", "order_revenue", 12, "month"),
    "discount_share_12m": ("discount_amount", "gross_revenue", 12, "month"),
}
STATES = ("fraud_suppressions", "overdue_amount")


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

    @property
    def name(self) -> str:
        return f"v{self.begins:%Y%m%d}"


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
            "discount_amount": self.gross - self.revenue,
        }[component]


@dataclass
class Customer:
    """What is known of a customer; a state lasts on [first, until)."""

    movements: list[Movement]
    is_test: bool = False
    states: list[tuple[str, date, date, int]] = field(default_factory=list)


def four_digits(numerator: int, denominator: int) -> int:
    """A quotient to four decimals, by way of eight, as the warehouse rounds a double."""
    quotient = Decimal(numerator / UNIT / (denominator / UNIT))
    eight = quotient.quantize(Decimal("1e-8"), ROUND_HALF_UP)
    return int(eight.quantize(Decimal("1e-4"), ROUND_HALF_UP).scaleb(4))


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
            next(v for v in versions if v.begins <= day and (v.ends is None or day < v.ends))
            for day in self.days
        ]
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
        known: dict[tuple[int, int], int] = {}
        return np.array(
            [known.setdefault(pair, four_digits(*pair)) if pair[1] else NOTHING for pair in pairs],
            dtype=np.int64,
        )

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
        return {who: 0 if value == NOTHING else value for who, value in found.items()}

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
            else:
                holds[span] = value[span] >= cut
        return holds

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
        ranks = {v.name: self.qualified(customer, v).tolist() for v in self.versions}
        excluded = {v.name: self.excluded(customer, v) for v in self.versions}
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
        progress, missing = [], None
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
                    missing = max(threshold - value, 0)
            progress.append(min(max(done, 0.0), 1.0))
        if not progress:
            return 0.0, None
        return (max if tier.combiner == "any" else min)(progress), missing

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
        if tonight.held + 1 < len(names):
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
                    return None
                value = self.value(customer, rule.metric, demotion.version, demotion.day)
                return max(threshold - value, 0)
        return None
