"""The fit of look-alikes: the model against its likelihood, the ranking against a plain one."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.fits.fit import declared
from orchestration.fits.lookalike import FEATURES, LOOKALIKE, fit_logistic, found_rate

POLICY = {
    "lookalike_min_vips": 30,
    "lookalike_top_share": 0.1,
    "lookalike_ridge": 1,
    "lookalike_min_lift": 1.5,
}
KINDS = {"cohort": pa.string(), "customers": pa.int64(), "vips": pa.int64()}
CHANNELS = {"friend": 1.5, "search": 0.0, "voucher": -1.5}


def brand(
    cohorts: tuple[str, ...] = ("earlier", "later"),
    *,
    effect: float = 1.0,
    size: int = 200,
    reverse_later: bool = False,
) -> dict[str, pa.Table]:
    """Groups by orders, value and channel; only the channel tells, `effect` times its log odds."""
    rows = []
    for cohort, orders, value, (channel, odds) in product(
        cohorts, "123", "12345", CHANNELS.items()
    ):
        sign = -1 if reverse_later and cohort == "later" else 1
        chance = 1 / (1 + math.exp(2.5 - sign * effect * odds))
        levels = {f"{feature}_level": "unknown" for feature in FEATURES}
        levels |= {"orders_level": orders, "value_level": value, "channel_level": channel}
        rows.append(
            {
                "cohort": cohort,
                "profile": "|".join(levels.values()),
                **levels,
                "customers": size,
                "vips": round(size * chance),
            }
        )
    parameters = [{"parameter": name, "value": value} for name, value in POLICY.items()]
    empty = pa.table({name: pa.array([], kind) for name, kind in KINDS.items()})
    return {
        "int_lookalike_groups": pa.Table.from_pylist(rows) if rows else empty,
        "policy_parameters": pa.Table.from_pylist(parameters),
    }


def test_estimates_maximise_the_penalised_likelihood() -> None:
    random = np.random.default_rng(5)
    levels = random.integers(0, 2, (40, 6)).astype(float)
    customers = random.integers(1, 50, 40).astype(float)
    vips = np.floor(customers * random.uniform(0, 1, 40))

    def likelihood(found: np.ndarray) -> float:
        logits = found[0] + levels @ found[1:]
        chance = 1 / (1 + np.exp(-logits))
        told = vips * np.log(chance) + (customers - vips) * np.log(1 - chance)
        return float(told.sum() - 2.0 * (found[1:] ** 2).sum() / 2)

    found = fit_logistic(levels, customers, vips, 2.0)
    best = likelihood(found)
    for place in range(7):
        for step in (-1e-3, 1e-3):
            moved = found.copy()
            moved[place] += step
            assert likelihood(moved) < best


def test_grouped_counts_are_as_good_as_rows() -> None:
    levels = np.array([[1.0, 0.0], [0.0, 1.0]])
    grouped = fit_logistic(levels, np.array([30.0, 50.0]), np.array([20.0, 10.0]), 1.0)
    rows = np.repeat(levels, [30, 50], axis=0)
    outcome = np.concatenate([np.ones(20), np.zeros(10), np.ones(10), np.zeros(40)])
    assert np.allclose(grouped, fit_logistic(rows, np.ones(80), outcome, 1.0), atol=1e-7)


def test_perfect_separation_and_empty_levels_stay_finite() -> None:
    levels = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    found = fit_logistic(levels, np.array([1e6, 1e6]), np.array([1e6, 0.0]), 1.0)
    assert np.isfinite(found).all() and found[1] > 3 and found[2] < -3
    assert abs(found[3]) < 1e-9


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 8), st.integers(0, 8)), min_size=1, max_size=20
    ),
    st.sampled_from([0.05, 0.1, 0.2, 0.5, 1.0]),
)
def test_precision_at_k_is_that_of_a_plain_ranking(
    groups: list[tuple[int, int, int]], share: float
) -> None:
    """Person by person; who ties at the cut counts with the share of their like that fits."""
    people = [
        (score, min(vips, customers) / customers)
        for score, customers, vips in groups
        for _ in range(customers)
    ]
    k = max(1, math.ceil(share * len(people)))
    cut = sorted((score for score, _ in people), reverse=True)[k - 1]
    above = [chance for score, chance in people if score > cut]
    tied = [chance for score, chance in people if score == cut]
    expected = (sum(above) + (k - len(above)) * sum(tied) / len(tied)) / k
    scores, customers, vips = np.array(groups, dtype=float).T
    found = found_rate(scores, customers, np.minimum(vips, customers), share)
    assert found == pytest.approx(expected)


def test_what_tells_is_found_and_used() -> None:
    out = LOOKALIKE.compute(brand())
    backtest = {row["top_share"]: row for row in out["lookalike_backtests"].to_pylist()}
    assert set(backtest) == {0.05, 0.1, 0.2}
    told = backtest[0.1]
    assert told["verdict"] == "used" and told["lift"] > 2
    # Neither orders nor value tell anything in this brand.
    assert told["baseline_lift"] == pytest.approx(1, abs=0.01)
    assert told["found_rate"] == pytest.approx(told["lift"] * told["vip_rate"])
    coefficients = {
        (row["feature"], row["feature_level"]): row["coefficient"]
        for row in out["lookalike_coefficients"].to_pylist()
    }
    friend, voucher = coefficients["channel", "friend"], coefficients["channel", "voucher"]
    assert friend - voucher == pytest.approx(3, abs=0.2)
    assert abs(coefficients["value", "5"]) < 0.05
    assert ("intercept", "") in coefficients


def test_the_same_input_gives_the_same_output() -> None:
    first, second = LOOKALIKE.compute(brand()), LOOKALIKE.compute(brand())
    assert all(first[name].equals(second[name]) for name in LOOKALIKE.writes)


@pytest.mark.parametrize(
    ("inputs", "verdict"),
    [
        (brand(()), "no_earlier_cohort"),
        (brand(("later",)), "no_earlier_cohort"),
        (brand(("earlier",)), "no_later_cohort"),
        (brand(("earlier", "open")), "no_later_cohort"),
        (brand(size=4), "too_few_vips"),
        (brand(effect=0), "little_better_than_chance"),
        (brand(reverse_later=True), "little_better_than_chance"),
    ],
    ids=["empty", "only later", "only earlier", "only open", "few", "chance", "turned"],
)
def test_without_a_model_the_reason_stays(inputs: dict[str, pa.Table], verdict: str) -> None:
    out = LOOKALIKE.compute(inputs)
    assert {row["verdict"] for row in out["lookalike_backtests"].to_pylist()} == {verdict}
    assert out["lookalike_coefficients"].num_rows == 0


def test_a_model_that_spend_alone_beats_is_not_used() -> None:
    """The channel told in the earlier cohort; in the later one value tells, and more."""
    inputs = brand()
    rows = inputs["int_lookalike_groups"].to_pylist()
    for row in rows:
        if row["cohort"] == "later":
            lift = {"friend": 3, "search": 1, "voucher": 1}[row["channel_level"]]
            row["vips"] = (40 if row["value_level"] == "5" else 2) * lift
    inputs["int_lookalike_groups"] = pa.Table.from_pylist(rows)
    out = LOOKALIKE.compute(inputs)
    told = {row["top_share"]: row for row in out["lookalike_backtests"].to_pylist()}[0.1]
    assert told["lift"] >= 1.5
    assert told["verdict"] == "worse_than_ranking_by_spend"


def test_tables_are_as_declared() -> None:
    out = LOOKALIKE.compute(brand())
    for name in LOOKALIKE.writes:
        columns = [column.name for column in declared()[name].columns]
        assert columns == ["as_of_date", *out[name].column_names]
