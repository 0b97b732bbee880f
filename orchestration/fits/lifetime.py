"""The fit of lifetime values: how customers buy and leave, and what an order of theirs earns.

Estimates by `clv` on grouped histories; what SQL cannot work out from them, brackets and spreads,
is tabulated here for every history it may ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import ndtri

from orchestration.fits.clv import (
    BuyingFit,
    ValueFit,
    Vector,
    draws,
    expected_orders_if_alive,
    fit_buying,
    fit_value,
    probability_alive,
)
from orchestration.fits.fit import Fit, Tables, parameters

WEEKS_PER_MONTH = 365.25 / 12 / 7
TONIGHT = "tonight"
HORIZONS = (12, 24)
"""Months ahead for which tonight's values are projected."""

_SEED = 20260701
_DRAWS = 100


def compute(inputs: Tables) -> Tables:
    """Fit each set of histories, and tabulate what it scores; no customers, no rows.

    A set is named by the date as known on which it was taken (the night, or a day in the past that
    a tier rule looks at) and by `fit`.
    """
    given = parameters(inputs, "ltv_discount_rate", "ltv_interval_share")
    margins = {_name(each): each for each in _grouped(inputs["int_margin_counts"])}
    dates = inputs["int_ltv_dates"].to_pylist()
    months = {_name(each): each["horizon_months"] for each in dates}
    night = max(each["fitted_on"] for each in dates)
    last = max(each["evaluated_on"] for each in dates)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in LIFETIME.writes}
    for each in _grouped(inputs["int_history_counts"]):
        if not each["customers"].any():
            continue  # test accounts only
        name, is_tonight = _name(each), _name(each) == (night, TONIGHT)
        buying = fit_buying(
            each["repeat_orders"], each["weeks_to_last_order"], each["age_weeks"], each["customers"]
        )
        value = _fit_value(margins.get(name))
        found["buying_fits"].append(_buying_row(each, buying))
        found["value_fits"] += _value_rows(name, margins.get(name), value)
        if buying.is_at_bound:
            continue  # nobody is scored by what the data cannot tell
        horizons = HORIZONS if is_tonight else (months[name],)
        # Tonight's fit scores days to come as well, on which everybody is older.
        weeks_ahead = ceil((last - night).days / 7) if is_tonight else 0
        found["order_brackets"] += [
            _brackets(each, buying, horizon, given["ltv_discount_rate"], weeks_ahead)
            for horizon in horizons
        ]
        if is_tonight:
            width = float(ndtri((1 + given["ltv_interval_share"]) / 2))
            found["order_spreads"] += [
                _order_spreads(each, buying, horizon, width) for horizon in horizons
            ]
            if value:
                found["margin_spreads"].append(_margin_spreads(each, value, width))
    return {
        name: pa.Table.from_pylist(rows)
        if name.endswith("_fits")
        else pa.concat_tables([pa.table(each) for each in rows])
        if rows
        else pa.table({})
        for name, rows in found.items()
    }


LIFETIME = Fit(
    name="lifetime_fits",
    reads=(
        "intermediate.int_history_counts",
        "intermediate.int_margin_counts",
        "intermediate.int_ltv_dates",
        "policy.policy_parameters",
    ),
    writes=("buying_fits", "value_fits", "order_brackets", "order_spreads", "margin_spreads"),
    compute=compute,
)


def _grouped(rows: pa.Table) -> Iterable[dict[str, Any]]:
    """The columns of each fit as vectors, its name beside them."""
    names = rows.select(_NAME).group_by(_NAME).aggregate([]).to_pylist()
    for name in sorted(names, key=_name):
        is_its = pc.and_(*(pc.equal(rows[column], name[column]) for column in _NAME))
        of_fit = rows.filter(is_its).drop_columns(_NAME)
        yield name | {each: of_fit[each].to_numpy() for each in of_fit.column_names}


_NAME = ["fitted_on", "fit"]


def _name(row: Mapping[str, Any]) -> tuple[date, str]:
    """What names the fit of a row."""
    return row["fitted_on"], row["fit"]


def _buying_row(histories: dict[str, Any], fit: BuyingFit) -> dict[str, Any]:
    customers, repeats = histories["customers"], histories["repeat_orders"] > 0
    return {
        "fitted_on": histories["fitted_on"],
        "fit": histories["fit"],
        "customers": int(customers.sum()),
        "repeat_customers": int(customers[repeats].sum()),
        "r": fit.r,
        "alpha": fit.alpha,
        "a": fit.a,
        "b": fit.b,
        "log_likelihood": fit.log_likelihood,
        "is_at_bound": fit.is_at_bound,
    }


def _fit_value(margins: dict[str, Any] | None) -> ValueFit | None:
    """Fit to the customers whose repeat orders earn something on average; None without any."""
    if margins is None:
        return None
    earns = margins["mean_margin"] > 0
    if not earns.any():
        return None
    return fit_value(*(margins[each][earns] for each in _OF_MARGINS))


_OF_MARGINS = ("repeat_orders", "mean_margin", "customers")


def _value_rows(
    name: tuple[date, str], margins: dict[str, Any] | None, fit: ValueFit | None
) -> list[dict[str, Any]]:
    if margins is None or fit is None:
        return []
    x, mean, customers = (margins[each] for each in _OF_MARGINS)
    earns = mean > 0
    return [
        {
            "fitted_on": name[0],
            "fit": name[1],
            "repeat_customers": int(customers.sum()),
            "customers_without_margin": int(customers[~earns].sum()),
            "p": fit.p,
            "q": fit.q,
            "gamma": fit.gamma,
            "log_likelihood": fit.log_likelihood,
            "margin_frequency_correlation": _correlation(x[earns], mean[earns], customers[earns]),
            "is_at_bound": fit.is_at_bound,
        }
    ]


def _correlation(x: Vector, y: Vector, weights: Vector) -> float | None:
    """Pearson's correlation of weighted pairs; None where either does not vary."""
    x, y = x - np.average(x, weights=weights), y - np.average(y, weights=weights)
    spread = float(np.sqrt((weights @ (x * x)) * (weights @ (y * y))))
    return float(weights @ (x * y)) / spread if spread > 0 else None


def _brackets(
    histories: dict[str, Any], fit: BuyingFit, months: int, yearly_rate: float, weeks_ahead: int
) -> dict[str, Any]:
    """Expected orders of a customer still there, for every count of orders and age up to the most.

    They depend on nothing else of a history, so that past dates can be scored by them as well.
    """
    x, age = (
        each.ravel()
        for each in np.meshgrid(
            np.arange(histories["repeat_orders"].max() + 1),
            np.arange(histories["age_weeks"].max() + weeks_ahead + 1),
            indexing="ij",
        )
    )
    orders = np.zeros(len(x))
    discounted = np.zeros(len(x))
    for month in range(1, months + 1):
        until = expected_orders_if_alive(fit, x, age, month * WEEKS_PER_MONTH)
        discounted += (until - orders) / (1 + yearly_rate) ** (month / 12)
        orders = until
    return {
        "fitted_on": [histories["fitted_on"]] * len(x),
        "fit": [histories["fit"]] * len(x),
        "repeat_orders": x,
        "age_weeks": age,
        "horizon_months": np.full(len(x), months),
        "orders_if_alive": orders,
        "discounted_orders_if_alive": discounted,
    }


def _order_spreads(
    histories: dict[str, Any], fit: BuyingFit, months: int, width: float
) -> dict[str, Any]:
    """How far expected orders may be off for each history, as a share of them."""
    x, t_x, age = (
        histories[each] for each in ("repeat_orders", "weeks_to_last_order", "age_weeks")
    )
    pairs, place = np.unique(np.column_stack([x, age]), axis=0, return_inverse=True)
    total, squares = np.zeros(len(x)), np.zeros(len(x))
    for drawn in draws(fit, _DRAWS, _SEED):
        left = expected_orders_if_alive(drawn, *pairs.T, months * WEEKS_PER_MONTH)
        orders = left[place.ravel()] * probability_alive(drawn, x, t_x, age)
        total += orders
        squares += orders**2
    mean = total / _DRAWS
    deviation = np.sqrt(np.maximum(squares / _DRAWS - mean**2, 0))
    return {
        "repeat_orders": x,
        "weeks_to_last_order": t_x,
        "age_weeks": age,
        "horizon_months": np.full(len(x), months),
        "order_spread": width * np.divide(deviation, mean, out=np.zeros(len(x)), where=mean > 0),
    }


def _margin_spreads(histories: dict[str, Any], fit: ValueFit, width: float) -> dict[str, Any]:
    """How far the expected margin w m + c may be off, for each count of repeat orders."""
    x = np.arange(histories["repeat_orders"].max() + 1)
    p, q, gamma = (
        np.array([getattr(each, name) for each in draws(fit, _DRAWS, _SEED)])[:, None]
        for name in ("p", "q", "gamma")
    )
    weight = p * x / (p * x + q - 1)
    constant = p * gamma / (p * x + q - 1)
    weight, constant = weight - weight.mean(axis=0), constant - constant.mean(axis=0)
    return {
        "repeat_orders": x,
        "weight_variance": width**2 * (weight**2).mean(axis=0),
        "constant_variance": width**2 * (constant**2).mean(axis=0),
        "covariance": width**2 * (weight * constant).mean(axis=0),
    }
