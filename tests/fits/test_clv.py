"""The lifetime-value fits against published estimates, a slow reference, and themselves."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy.special import hyp2f1

from orchestration.fits.clv import (
    BuyingFit,
    expected_orders_if_alive,
    expected_value,
    fit_buying,
    fit_value,
    probability_alive,
)


def cdnow(name: str) -> list[dict[str, str]]:
    """A tenth of CDNOW's customers of early 1997, in weeks; the data ship with a test package."""
    spec = find_spec("lifetimes")
    if spec is None or spec.origin is None:
        pytest.skip("the package that carries the CDNOW sample is not installed")
    path = Path(spec.origin).parent / "datasets" / name
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def histories() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = cdnow("cdnow_customers_summary.csv")
    return tuple(
        np.array([float(row[name]) for row in rows]) for name in ("frequency", "recency", "T")
    )


def test_bg_nbd_estimates_are_the_published_ones(histories) -> None:
    fit = fit_buying(*histories, model="bg_nbd")
    assert (fit.r, fit.alpha, fit.a, fit.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=6e-4)
    assert fit.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert not fit.is_at_bound
    # Hardie's worked customer: two repeat orders, the last in week 30.43 of 38.86.
    orders = expected_orders_if_alive(fit, 2, 38.86, 39) * probability_alive(fit, 2, 30.43, 38.86)
    assert float(orders) == pytest.approx(1.226, abs=5e-4)


def test_gamma_gamma_estimates_are_the_published_ones() -> None:
    rows = cdnow("cdnow_customers_summary_with_transactions.csv")
    orders = np.array([float(row["x"]) for row in rows])
    value = np.array([float(row["zbar"]) for row in rows])
    repeat = orders > 0
    fit = fit_value(orders[repeat], value[repeat])
    assert (fit.p, fit.q, fit.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=1e-2)
    expected = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert expected_value(fit, orders[:10], value[:10]) == pytest.approx(expected, abs=0.1)


def test_dropout_after_the_first_order_makes_one_time_buyers_doubtful(histories) -> None:
    early = fit_buying(*histories, model="mbg_nbd")
    late = fit_buying(*histories, model="bg_nbd")
    assert float(probability_alive(late, 0, 0, 38)) == 1
    assert 0 < float(probability_alive(early, 0, 0, 38)) < 0.9


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd"])
def test_grouped_histories_give_the_same_fit(histories, model) -> None:
    x, t_x, age = (np.round(each) for each in histories)
    t_x = np.where(x > 0, np.minimum(t_x, age), 0)
    single = fit_buying(x, t_x, age, model=model)
    groups, counts = np.unique(np.column_stack([x, t_x, age]), axis=0, return_counts=True)
    grouped = fit_buying(*groups.T, weights=counts, model=model)
    assert len(groups) < len(x)
    assert (grouped.r, grouped.alpha, grouped.a, grouped.b) == pytest.approx(
        (single.r, single.alpha, single.a, single.b), rel=1e-4
    )


def test_the_unit_of_time_does_not_matter(histories) -> None:
    x, t_x, age = histories
    weeks, days = fit_buying(x, t_x, age), fit_buying(x, t_x * 7, age * 7)
    assert days.alpha == pytest.approx(weeks.alpha * 7, rel=1e-3)
    assert (days.r, days.a, days.b) == pytest.approx((weeks.r, weeks.a, weeks.b), rel=1e-3)
    assert probability_alive(days, 3, 70, 210) == pytest.approx(
        probability_alive(weeks, 3, 10, 30), rel=1e-3
    )


@pytest.mark.parametrize("x", [0, 1, 7, 40])
@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd"])
def test_eulers_form_equals_that_of_the_paper(x, model) -> None:
    fit = BuyingFit(0.6, 60.0, 0.8, 2.4, 0.0, False, model)
    shift = model == "mbg_nbd"
    age, horizon = 400.0, 365.0
    z = horizon / (fit.alpha + age + horizon)
    bracket = 1 - (1 - z) ** (fit.r + x) * hyp2f1(
        fit.r + x, fit.b + x + shift, fit.a + fit.b + x - 1 + shift, z
    )
    paper = (fit.a + fit.b + x - 1 + shift) / (fit.a - 1) * bracket
    assert float(expected_orders_if_alive(fit, x, age, horizon)) == pytest.approx(paper, rel=1e-9)


def test_very_many_orders_stay_finite() -> None:
    fit = BuyingFit(0.6, 60.0, 1.0, 2.4, 0.0, False, "mbg_nbd")
    orders = expected_orders_if_alive(fit, [0, 3000], [900, 900], 365)
    assert np.isfinite(orders).all()
    assert orders[1] > orders[0] > 0


@pytest.mark.parametrize("x", [0, 3, 60])
def test_where_all_leave_alike_orders_come_near_those_of_one_rate_of_leaving(x) -> None:
    """Beta with a and b without bounds is one share of customers who leave after each order."""
    leaves, age, horizon = 0.2, 80.0, 52.0
    fit = BuyingFit(0.8, 8.0, 1e5 * leaves, 1e5 * (1 - leaves), 0.0, False, "mbg_nbd")
    z = horizon / (fit.alpha + age + horizon)
    kept = ((1 - z) / (1 - z * (1 - leaves))) ** (fit.r + x)
    expected = (1 - kept) / leaves
    assert float(expected_orders_if_alive(fit, x, age, horizon)) == pytest.approx(
        expected, rel=1e-2
    )


def test_planted_parameters_come_back() -> None:
    random = np.random.default_rng(7)
    customers, age = 20_000, 150.0
    rate = random.gamma(0.6, 1 / 9.0, customers)
    leaves = random.beta(0.8, 2.4, customers)
    x, t_x = np.zeros(customers), np.zeros(customers)
    alive = random.random(customers) > leaves
    clock = np.zeros(customers)
    while alive.any():
        clock = np.where(alive, clock + random.exponential(1 / rate), clock)
        alive &= clock < age
        x, t_x = x + alive, np.where(alive, clock, t_x)
        alive &= random.random(customers) > leaves
    fit = fit_buying(x, t_x, np.full(customers, age))
    assert (fit.r, fit.alpha, fit.a, fit.b) == pytest.approx((0.6, 9.0, 0.8, 2.4), rel=0.2)


@pytest.mark.parametrize(
    ("x", "t_x", "age"), [([], [], []), ([1], [5], [4]), ([0], [2], [4]), ([-1], [0], [4])]
)
def test_an_impossible_history_is_refused(x, t_x, age) -> None:
    with pytest.raises(ValueError, match=r"history|learn"):
        fit_buying(x, t_x, age)


def test_negative_margins_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        fit_value([1, 2], [10, -3])


def test_everybody_bought_once_is_flagged_or_finite() -> None:
    fit = fit_buying(np.zeros(40), np.zeros(40), np.full(40, 30.0))
    assert fit.is_at_bound or float(expected_orders_if_alive(fit, 0, 30, 52)) < 1
