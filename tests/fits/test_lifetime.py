"""The fit of lifetime values: its tables against the papers' formulas, and awkward brands."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from orchestration.fits.clv import draws, expected_orders_if_alive, fit_buying, fit_value
from orchestration.fits.fit import declared
from orchestration.fits.lifetime import LIFETIME, WEEKS_PER_MONTH

NIGHT = date(2026, 7, 1)
POLICY = {"ltv_discount_rate": 0.1, "ltv_interval_share": 0.8}


def brand(
    customers: int = 3000,
    *,
    seed: int = 1,
    margin=lambda random, rate: random.gamma(6, 5),
    leaving=lambda random: random.beta(0.8, 2.5),
) -> dict[str, pa.Table]:
    """The inputs for customers who buy at gamma rates, leave at beta, over 100 weeks at most."""
    random = np.random.default_rng(seed)
    histories: dict[tuple[int, int, int], int] = {}
    margins: list[tuple[int, float]] = []
    for _ in range(customers):
        rate, leaves = random.gamma(0.8, 1 / 8), leaving(random)
        age, clock, x, t_x, earned = random.uniform(0, 100), 0.0, 0, 0.0, 0.0
        while random.random() > leaves:
            clock += random.exponential(1 / rate)
            if clock > age:
                break
            x, t_x, earned = x + 1, clock, earned + margin(random, rate)
        key = (x, round(t_x), round(age))
        histories[key] = histories.get(key, 0) + 1
        if x:
            margins.append((x, earned / x))
    return inputs(histories, margins)


def inputs(
    histories: dict[tuple[int, int, int], int], margins: list[tuple[int, float]]
) -> dict[str, pa.Table]:
    x, t_x, age = (list(each) for each in zip(*histories, strict=True)) if histories else ([],) * 3
    n, mean = (list(each) for each in zip(*margins, strict=True)) if margins else ([], [])
    return {
        "int_history_counts": pa.table(
            {
                "fitted_on": pa.array([NIGHT] * len(x), pa.date32()),
                "fit": pa.array(["tonight"] * len(x), pa.string()),
                "repeat_orders": pa.array(x, pa.int64()),
                "weeks_to_last_order": pa.array(t_x, pa.int32()),
                "age_weeks": pa.array(age, pa.int32()),
                "customers": pa.array(histories.values(), pa.int64()),
            }
        ),
        "int_margin_counts": pa.table(
            {
                "fitted_on": pa.array([NIGHT] * len(n), pa.date32()),
                "fit": pa.array(["tonight"] * len(n), pa.string()),
                "repeat_orders": pa.array(n, pa.int64()),
                "margin_step": pa.array([0] * len(n), pa.int32()),
                "customers": pa.array([1] * len(n), pa.int64()),
                "mean_margin": pa.array(mean, pa.float64()),
            }
        ),
        "int_ltv_dates": pa.table(
            {
                "fitted_on": [NIGHT],
                "fit": ["tonight"],
                "evaluated_on": [NIGHT],
                "horizon_months": [12],
            }
        ),
        "policy_parameters": pa.table({"parameter": list(POLICY), "value": list(POLICY.values())}),
    }


def test_the_tables_are_those_declared_and_the_same_each_time() -> None:
    given = brand(800)
    found = LIFETIME.compute(given)
    assert set(found) == set(LIFETIME.writes)
    for name, rows in found.items():
        columns = [each.name for each in declared()[name].columns if each.name != "as_of_date"]
        assert rows.num_rows and sorted(rows.column_names) == sorted(columns), name
        assert rows.equals(LIFETIME.compute(given)[name]), name


def test_brackets_hold_the_expected_orders_of_every_history_discounted_by_month() -> None:
    given = brand(800)
    found = LIFETIME.compute(given)
    (row,) = found["buying_fits"].to_pylist()
    counts = given["int_history_counts"]
    fit = fit_buying(
        counts["repeat_orders"], counts["weeks_to_last_order"], counts["age_weeks"],
        counts["customers"],
    )  # fmt: skip
    assert (row["r"], row["alpha"], row["a"], row["b"]) == (fit.r, fit.alpha, fit.a, fit.b)
    brackets = {
        (each["repeat_orders"], each["age_weeks"], each["horizon_months"]): each
        for each in found["order_brackets"].to_pylist()
    }
    pairs = {(each["repeat_orders"], each["age_weeks"]) for each in counts.to_pylist()}
    assert {(x, age, months) for x, age in pairs for months in (12, 24)} <= brackets.keys()
    x, age = 2, 30
    for months in (12, 24):
        by_month = [
            float(expected_orders_if_alive(fit, x, age, month * WEEKS_PER_MONTH))
            for month in range(months + 1)
        ]
        bracket = brackets[x, age, months]
        assert bracket["orders_if_alive"] == pytest.approx(by_month[-1])
        assert bracket["discounted_orders_if_alive"] == pytest.approx(
            sum(
                (later - earlier) / 1.1 ** (month / 12)
                for month, (earlier, later) in enumerate(pairwise(by_month), start=1)
            )
        )


def test_draws_spread_as_estimates_of_other_samples_do() -> None:
    """Twenty brands of the same kind: their estimates scatter as the draws of one of them say."""
    logs = []
    for seed in range(20):
        counts = brand(1500, seed=seed)["int_history_counts"]
        columns = ("repeat_orders", "weeks_to_last_order", "age_weeks", "customers")
        fit = fit_buying(*(counts[each] for each in columns))
        logs.append(np.log([fit.r, fit.alpha]))
    drawn = np.log([(each.r, each.alpha) for each in draws(fit, 2000, 1)])
    assert drawn.mean(axis=0) == pytest.approx(np.log([fit.r, fit.alpha]), abs=0.02)
    assert drawn.std(axis=0) == pytest.approx(np.std(logs, axis=0), rel=0.5)


def test_more_customers_leave_less_doubt() -> None:
    def doubt(customers: int) -> float:
        spreads = LIFETIME.compute(brand(customers))["order_spreads"].to_pylist()
        return float(np.mean([each["order_spread"] for each in spreads]))

    assert doubt(4000) < doubt(1000) < 1


def test_where_all_leave_alike_the_doubt_is_not_lost() -> None:
    """Only how a and b stand to each other is known then: some draws of them are very large."""
    found = LIFETIME.compute(brand(seed=6, leaving=lambda _: 0.1))
    (fit,) = found["buying_fits"].to_pylist()
    assert fit["a"] > 20 and not fit["is_at_bound"]
    spreads = found["order_spreads"]["order_spread"].to_numpy()
    assert spreads.min() > 0.03 and np.isfinite(spreads).all()


def test_margin_spreads_are_the_variance_of_the_expected_margin() -> None:
    given = brand(800)
    found = LIFETIME.compute(given)["margin_spreads"].to_pylist()
    counts = given["int_margin_counts"]
    fit = fit_value(*(counts[each] for each in ("repeat_orders", "mean_margin", "customers")))
    others = draws(fit, 100, 20260701)
    for x, mean in ((0, 0.0), (3, 50.0)):
        values = [each.p * (each.gamma + x * mean) / (each.p * x + each.q - 1) for each in others]
        (row,) = (each for each in found if each["repeat_orders"] == x)
        variance = row["weight_variance"] * mean**2
        variance += 2 * row["covariance"] * mean + row["constant_variance"]
        assert variance == pytest.approx((1.2815515655 * np.std(values)) ** 2, rel=1e-6)


def test_a_brand_of_forty_is_fitted_without_a_crash() -> None:
    found = LIFETIME.compute(brand(40))
    assert found["buying_fits"].to_pylist()[0]["customers"] == 40
    assert np.isfinite(found["order_spreads"]["order_spread"].to_numpy()).all()


def test_everyone_bought_once() -> None:
    found = LIFETIME.compute(inputs({(0, 0, age): 5 for age in range(10, 60)}, []))
    (row,) = found["buying_fits"].to_pylist()
    assert row["repeat_customers"] == 0 and row["is_at_bound"]
    for name in LIFETIME.writes[1:]:
        assert not found[name].num_rows, name


def test_each_date_has_fits_of_its_own_and_only_the_night_an_interval() -> None:
    """A past date is fitted to what is given for it; the night's brackets reach a year ahead."""
    past = date(2026, 4, 1)
    now, then = brand(800), brand(400, seed=2)
    both = {
        name: pa.concat_tables(
            [rows, then[name].set_column(0, "fitted_on", pa.array([past] * then[name].num_rows))]
        )
        for name, rows in now.items()
        if "fitted_on" in rows.column_names
    }
    ahead = {"fitted_on": NIGHT, "fit": "tonight", "horizon_months": 12}
    ahead["evaluated_on"] = NIGHT + timedelta(days=366)
    both["int_ltv_dates"] = pa.concat_tables(
        [both["int_ltv_dates"], pa.Table.from_pylist([ahead], both["int_ltv_dates"].schema)]
    )
    found = LIFETIME.compute(now | both)
    alone = {NIGHT: LIFETIME.compute(now), past: LIFETIME.compute(then)}
    for name in ("buying_fits", "value_fits"):
        for row in found[name].to_pylist():
            (same,) = alone[row["fitted_on"]][name].to_pylist()
            assert row | {"fitted_on": NIGHT} == same
    for name in ("order_spreads", "margin_spreads"):
        assert found[name].equals(alone[NIGHT][name])
    brackets = found["order_brackets"]
    for day, rows, weeks in ((NIGHT, now, 53), (past, then, 0)):
        of_day = brackets.filter(pc.equal(brackets["fitted_on"], day))
        oldest = pc.max(rows["int_history_counts"]["age_weeks"]).as_py()
        assert pc.max(of_day["age_weeks"]).as_py() == oldest + weeks


@pytest.mark.parametrize("histories", [{}, {(1, 2, 3): 0}])
def test_nobody_to_learn_from_leaves_the_tables_empty(histories) -> None:
    assert {rows.num_rows for rows in LIFETIME.compute(inputs(histories, [])).values()} == {0}


def test_negative_margins_are_counted_and_left_out() -> None:
    found = LIFETIME.compute(brand(800, margin=lambda random, _: random.normal(5, 20)))
    (row,) = found["value_fits"].to_pylist()
    assert 0.1 < row["customers_without_margin"] / row["repeat_customers"] < 0.7
    losses = LIFETIME.compute(brand(300, margin=lambda random, _: -1.0))
    assert not losses["value_fits"].num_rows and losses["buying_fits"].num_rows


def test_margin_that_goes_with_frequency_is_seen() -> None:
    (free,) = LIFETIME.compute(brand(1500))["value_fits"].to_pylist()
    assert abs(free["margin_frequency_correlation"]) < 0.15
    bound = brand(1500, margin=lambda random, rate: 10 + 100 * rate * random.uniform(0.9, 1.1))
    (row,) = LIFETIME.compute(bound)["value_fits"].to_pylist()
    assert row["margin_frequency_correlation"] > 0.3


def test_margins_all_alike_have_no_correlation() -> None:
    (row,) = LIFETIME.compute(brand(300, margin=lambda random, _: 10.0))["value_fits"].to_pylist()
    assert row["margin_frequency_correlation"] is None or row["is_at_bound"]
