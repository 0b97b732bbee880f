"""The fit of look-alikes: who, by their first days, goes the way that VIPs went.

A logistic model on grouped counts, learned from one cohort of customers and judged on a later one;
it scores nobody unless it won there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from orchestration.fits.fit import Fit, Tables, parameters

Vector = NDArray[np.float64]

FEATURES = (
    "orders",
    "value",
    "discount",
    "category",
    "premium",
    "return",
    "engagement",
    "channel",
)
"""Columns `<feature>_level` of int_lookalike_groups."""

TOP_SHARES = (0.05, 0.1, 0.2)
_STEPS = 50
_TOLERANCE = 1e-10


def fit_logistic(levels: Vector, customers: Vector, vips: Vector, ridge: float) -> Vector:
    """Fit log odds = intercept + levels x coefficients by Newton's method.

    `levels`: one row a group, 0 or 1 a column; `customers`, `vips`: how many are in each group, and
    how many of them became VIPs. `ridge` penalises half the squared coefficients, but not the
    intercept: a level with few customers stays near 0, and one without VIPs is finite. Returns the
    intercept, then a coefficient a column.
    """
    design = np.column_stack([np.ones(len(levels)), levels])
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0
    rate = (vips.sum() + 0.5) / (customers.sum() + 1)
    found = np.zeros(design.shape[1])
    found[0] = np.log(rate / (1 - rate))

    def loss(trial: Vector) -> float:
        logits = design @ trial
        likelihood = vips @ logits - customers @ np.logaddexp(0, logits)
        return float(penalty @ trial**2 / 2 - likelihood)

    best = loss(found)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(design @ found)))
        gradient = design.T @ (vips - customers * chance) - penalty * found
        weights = customers * chance * (1 - chance)
        curvature = (design.T * weights) @ design + np.diag(penalty)
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        while (value := loss(found + step)) > best + _TOLERANCE and np.abs(step).max() > _TOLERANCE:
            step = step / 2
        found, gained, best = found + step, best - value, value
        if abs(gained) < _TOLERANCE * (1 + abs(best)):
            break
    return found


def found_rate(score: Vector, customers: Vector, vips: Vector, top_share: float) -> float:
    """Share of VIPs among the `top_share` of customers with the highest score (precision at k).

    Groups that tie at the cut give the share of them that fits, as a random draw would.
    """
    places = np.unique(-score, return_inverse=True)[1]
    many = np.bincount(places, weights=customers)
    hits = np.bincount(places, weights=vips)
    k = max(1.0, np.ceil(top_share * customers.sum()))
    taken = np.clip(k - (np.cumsum(many) - many), 0, many)
    return float((hits * taken / many).sum() / k)


def compute(inputs: Tables) -> Tables:
    """Learn from the earlier cohort, judge on the later one; if it won, learn from both."""
    given = parameters(
        inputs, "lookalike_min_vips", "lookalike_top_share", "lookalike_ridge", "lookalike_min_lift"
    )
    groups = inputs["int_lookalike_groups"]
    earlier, later = (
        groups.filter(pc.equal(groups["cohort"], cohort)) for cohort in ("earlier", "later")
    )
    sizes = {
        f"{cohort}_{column}": int(pc.sum(rows[column]).as_py() or 0)
        for cohort, rows in (("earlier", earlier), ("later", later))
        for column in ("customers", "vips")
    }
    blank = {"vip_rate": None, "found_rate": None, "lift": None, "baseline_lift": None}
    verdict = _lack(sizes, given["lookalike_min_vips"])
    if verdict:
        backtest = [{"top_share": None, "verdict": verdict, **sizes, **blank}]
        return _tables([], backtest)

    names = _names(earlier)
    fitted = fit_logistic(_design(earlier, names), *_counts(earlier), given["lookalike_ridge"])
    score = np.round(fitted[0] + _design(later, names) @ fitted[1:], 9)  # equal in kind ties
    shares = sorted({*TOP_SHARES, given["lookalike_top_share"]})
    backtest = [{"top_share": share, **sizes, **_judge(later, score, share)} for share in shares]
    (deciding,) = (each for each in backtest if each["top_share"] == given["lookalike_top_share"])
    if deciding["lift"] < given["lookalike_min_lift"]:
        verdict = "little_better_than_chance"
    elif deciding["lift"] < deciding["baseline_lift"]:
        verdict = "worse_than_ranking_by_spend"
    else:
        verdict = "used"
    backtest = [{**each, "verdict": verdict} for each in backtest]
    if verdict != "used":
        return _tables([], backtest)

    both = pa.concat_tables([earlier, later])
    names = _names(both)
    fitted = fit_logistic(_design(both, names), *_counts(both), given["lookalike_ridge"])
    keys = [("intercept", ""), *names]
    coefficients = [
        {"feature": feature, "feature_level": level, "coefficient": float(value)}
        for (feature, level), value in zip(keys, fitted, strict=True)
    ]
    return _tables(coefficients, backtest)


def _lack(sizes: dict[str, int], least: float) -> str | None:
    if not sizes["earlier_customers"]:
        return "no_earlier_cohort"
    if not sizes["later_customers"]:
        return "no_later_cohort"
    few = min(sizes["earlier_vips"], sizes["later_vips"]) < least
    return "too_few_vips" if few else None


def _judge(later: pa.Table, score: Vector, share: float) -> dict[str, Any]:
    """Hold the model's ranking, and that by early spend and orders, against no ranking."""
    customers, vips = _counts(later)
    rate = float(vips.sum() / customers.sum())
    spend = [
        10.0 * int(value) + int(orders)
        for value, orders in zip(
            later["value_level"].to_pylist(), later["orders_level"].to_pylist(), strict=True
        )
    ]
    found = found_rate(score, customers, vips, share)
    return {
        "vip_rate": rate,
        "found_rate": found,
        "lift": found / rate,
        "baseline_lift": found_rate(np.array(spend), customers, vips, share) / rate,
    }


def _names(groups: pa.Table) -> list[tuple[str, str]]:
    """Every level of every feature, in one order."""
    return [
        (feature, level)
        for feature in FEATURES
        for level in sorted(pc.unique(groups[f"{feature}_level"]).to_pylist())
    ]


def _design(groups: pa.Table, names: list[tuple[str, str]]) -> Vector:
    columns = {feature: np.array(groups[f"{feature}_level"].to_pylist()) for feature in FEATURES}
    return np.column_stack([columns[feature] == level for feature, level in names]).astype(float)


def _counts(groups: pa.Table) -> tuple[Vector, Vector]:
    customers, vips = (
        np.array(groups[name].to_pylist(), dtype=float) for name in ("customers", "vips")
    )
    return customers, vips


def _tables(coefficients: list[dict[str, Any]], backtests: list[dict[str, Any]]) -> Tables:
    text, number, count = pa.string(), pa.float64(), pa.int64()
    return {
        "lookalike_coefficients": pa.Table.from_pylist(
            coefficients,
            pa.schema([("feature", text), ("feature_level", text), ("coefficient", number)]),
        ),
        "lookalike_backtests": pa.Table.from_pylist(
            backtests,
            pa.schema(
                [
                    ("top_share", number),
                    ("verdict", text),
                    ("earlier_customers", count),
                    ("earlier_vips", count),
                    ("later_customers", count),
                    ("later_vips", count),
                    ("vip_rate", number),
                    ("found_rate", number),
                    ("lift", number),
                    ("baseline_lift", number),
                ]
            ),
        ),
    }


LOOKALIKE = Fit(
    name="lookalike_fit",
    reads=("intermediate.int_lookalike_groups", "policy.policy_parameters"),
    writes=("lookalike_coefficients", "lookalike_backtests"),
    compute=compute,
)
