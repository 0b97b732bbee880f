"""Why a customer stands where they stand: tier, rules, what comes next, and each audience.

Read from the published marts, so that a night at work never makes anybody wait. No phone, e-mail
address or name is in there, and none is shown.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import Any

import duckdb

from orchestration.errors import UserError
from orchestration.night import of_this_program
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warehouse import quiet, records, sql_path

_REASONS = PROJECT_DIR / "seeds" / "policy" / "decision_reasons.csv"


@dataclass(frozen=True)
class Span:
    """One stretch of a customer's tier history, [valid_from, valid_to); open where that is None."""

    tier: str
    valid_from: date
    valid_to: date | None
    change_reason: str
    policy_version: str


@dataclass(frozen=True)
class Rule:
    """One rule of a tier beside the customer's own number; None is what cannot be known."""

    tier: str
    metric: str
    rule: str
    threshold: float | None
    value: float | None
    unit: str | None
    reason: str | None
    combiner: str
    measured_on: date | None = None
    """The evaluation whose value it is; None where the metric is followed from day to day."""

    @property
    def is_met(self) -> bool | None:
        """Whether the customer meets it on the night; in a ranking the lower place is better."""
        if self.threshold is None or self.value is None:
            return None
        if self.metric == "rank_blend":
            return self.value <= self.threshold
        return self.value >= self.threshold


@dataclass(frozen=True)
class Audience:
    """What one audience decided about the customer, and the first reason that settled it."""

    audience_id: str
    decision: str
    reason_code: str
    why: str
    message_class: str
    winner: str | None
    """The audience whose message goes first, where one does."""


@dataclass(frozen=True)
class Explanation:
    """Everything that `vip explain` shows of one customer on one night, money in `currency`.

    `standing` is the row of customer_tiers and `value` the one of customer_value, None on any other
    date than the marts': a look back knows the tier alone.
    """

    customer_id: str
    as_of_date: date
    currency: str
    tier: str
    history: list[Span]
    rules: list[Rule]
    audiences: list[Audience]
    standing: dict[str, Any] | None
    value: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        rules = [{**asdict(rule), "is_met": rule.is_met} for rule in self.rules]
        return {**asdict(self), "rules": rules, "next": self.next_events()}

    def next_events(self) -> list[dict[str, Any]]:
        """What happens when, if nothing more is bought, in the order of its days."""
        standing = self.standing or {}
        keep = standing.get("spend_to_keep_tier")
        events = [
            (standing.get("grace_until"), "grace ends", None),
            (standing.get("projected_demotion_on"), f"{self.tier} is lost", keep),
        ]
        return [
            {"on": day, "what": what, "spend_to_prevent_it": spend}
            for day, what, spend in sorted(
                (event for event in events if event[0]), key=lambda event: event[0]
            )
        ]


def explain(settings: Settings, customer_id: str, as_of_date: date | None = None) -> Explanation:
    """Explain one customer on the night of the published marts, or the tier on an earlier date.

    Raises `UserError` when nothing is published yet, the customer is not in the marts, or the date
    lies after them.
    """
    path = settings.paths.published
    if not path.exists():
        raise UserError("nothing is published here yet: run `vip nightly`")
    with quiet(duckdb.connect()) as connection, of_this_program():
        connection.execute(f"attach {sql_path(path)} as vip_sms (read_only)")
        connection.execute("use vip_sms.marts")
        (night,) = records(connection, "select * from run_context")
        day = as_of_date or night["as_of_date"]
        if day > night["as_of_date"]:
            raise UserError(
                f"the marts are of {night['as_of_date']} and know nothing of {day}: "
                f"run `vip nightly --as-of {day}`"
            )
        standing = records(
            connection, "select * from customer_tiers where customer_id = ?", customer_id
        )
        if not standing:
            raise UserError(f"no customer {customer_id} in the marts of {night['as_of_date']}")
        history = _history(connection, customer_id, day)
        is_tonight = day == night["as_of_date"]
        (value,) = records(
            connection, "select * from customer_value where customer_id = ?", customer_id
        )
        held = history[-1] if history else None
        return Explanation(
            customer_id=customer_id,
            as_of_date=day,
            currency=night["reporting_currency"],
            tier=held.tier if held else "none",
            history=history,
            rules=_rules(connection, customer_id, value) if is_tonight else [],
            audiences=_audiences(connection, customer_id) if is_tonight else [],
            standing=standing[0] if is_tonight else None,
            value=value if is_tonight else None,
        )


def _history(connection: duckdb.DuckDBPyConnection, customer_id: str, day: date) -> list[Span]:
    rows = records(
        connection,
        "select tier, valid_from, case when valid_to <= ? then valid_to end as valid_to, "
        "change_reason, policy_version from tier_history "
        "where customer_id = ? and valid_from <= ? order by valid_from",
        day,
        customer_id,
        day,
    )
    return [Span(**row) for row in rows]


def _rules(
    connection: duckdb.DuckDBPyConnection, customer_id: str, value: dict[str, Any]
) -> list[Rule]:
    rules = records(
        connection,
        "select asked.tier, combiner, metric, rule, threshold, unit, reason, "
        "measured_on, metric_value "
        "from tier_requirements as asked left join ("
        "from tier_rule_values where customer_id = ?) as own using (tier_rank, metric) "
        "order by tier_rank desc, metric, rule",
        customer_id,
    )
    found = []
    for rule in rules:
        own = rule.pop("metric_value")
        # Between two evaluations it is not tonight's that is judged, be it known or not.
        if own is None and rule["measured_on"] is None:
            own = value.get(rule["metric"])
        found.append(Rule(**{**rule, "threshold": _float(rule["threshold"])}, value=_float(own)))
    return found


def _audiences(connection: duckdb.DuckDBPyConnection, customer_id: str) -> list[Audience]:
    rows = records(
        connection,
        "select audience_id, decision, reason_code, message_class, winner_audience_id as winner "
        "from audience_decisions where customer_id = ? order by audience_id",
        customer_id,
    )
    return [Audience(**row, why=_reasons().get(row["reason_code"], "")) for row in rows]


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


@cache
def _reasons() -> dict[str, str]:
    with _REASONS.open(encoding="utf-8", newline="") as file:
        return {row["reason_code"]: row["description"] for row in csv.DictReader(file)}
