"""Customer lifetime value: how often a customer will still buy, and what an order earns.

Pure functions on grouped statistics (one row per distinct history, with its count), never on rows
of customers; what to feed them and what to do with the estimates belongs to the assets and models.

Notation of the papers: x repeat orders in (0, T], t_x the time of the last, T the age, all from the
first order on, in one unit of time.

Sources: Fader, Hardie, Lee (2005), "Counting your customers the easy way" (BG/NBD); Batislam,
Denizel, Filiztekin (2007) (MBG/NBD: a customer may leave after the first order too); Fader and
Hardie (2013), note 025 (Gamma-Gamma).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import digamma, gammaln, hyp2f1

Vector = NDArray[np.float64]
Covariance = tuple[tuple[float, ...], ...]
"""Of the logarithms of the estimates, in the order of the fields; empty where it was not asked."""

# Estimates at the edge of this box (of the logarithms) mean that the data cannot tell them.
_LOG_BOUND = 7.0
_POLE = 1e-5


@dataclass(frozen=True)
class BuyingFit:
    """Estimates of (M)BG/NBD: orders come at a gamma(r, alpha) rate, leaving is beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    is_at_bound: bool
    model: Literal["bg_nbd", "mbg_nbd"]
    covariance: Covariance = ()

    @property
    def _shift(self) -> int:
        return 1 if self.model == "mbg_nbd" else 0


@dataclass(frozen=True)
class ValueFit:
    """Estimates of Gamma-Gamma: the value of an order is gamma(p, nu), nu is gamma(q, gamma)."""

    p: float
    q: float
    gamma: float
    log_likelihood: float
    is_at_bound: bool
    covariance: Covariance = ()

    @property
    def mean(self) -> float:
        """Mean value of an order over all customers; infinite where q is 1 or less."""
        return self.p * self.gamma / (self.q - 1) if self.q > 1 else float("inf")


def fit_buying(
    x: ArrayLike,
    t_x: ArrayLike,
    age: ArrayLike,
    weights: ArrayLike | None = None,
    model: Literal["bg_nbd", "mbg_nbd"] = "mbg_nbd",
) -> BuyingFit:
    """Fit BG/NBD or MBG/NBD by maximum likelihood.

    `x`, `t_x`, `age`: one entry per distinct history; `weights`: how many customers have it.
    Raises `ValueError` where nobody is there to learn from or a history is impossible.
    """
    x, t_x, age, weights = _histories(x, t_x, age, weights)
    shift = 1 if model == "mbg_nbd" else 0
    # One unit of time for every brand: the search then starts near every answer.
    unit = float(np.average(age, weights=weights)) / 12 or 1.0
    t_x, age = t_x / unit, age / unit
    has_left = (x > 0) | bool(shift)

    def negative(logs: Vector) -> tuple[float, Vector]:
        r, alpha, a, b = np.exp(logs)
        ends = np.log(alpha + age)
        last = np.log(alpha + t_x)
        alive = -(r + x) * ends
        left = np.where(
            has_left,
            np.log(a) - np.log(np.maximum(b + x - 1 + shift, 1e-300)) - (r + x) * last,
            -np.inf,
        )
        either = np.logaddexp(alive, left)
        gone = np.exp(left - either)
        total = (
            gammaln(r + x)
            - gammaln(r)
            + r * np.log(alpha)
            + gammaln(a + b)
            - gammaln(b)
            + gammaln(b + x + shift)
            - gammaln(a + b + x + shift)
            + either
        )
        both, seen = digamma(a + b), digamma(a + b + x + shift)
        slopes = (
            digamma(r + x) - digamma(r) + np.log(alpha) - (1 - gone) * ends - gone * last,
            r / alpha - (r + x) * ((1 - gone) / (alpha + age) + gone / (alpha + t_x)),
            both - seen + gone / a,
            both
            - digamma(b)
            + digamma(b + x + shift)
            - seen
            - np.where(has_left, gone / np.maximum(b + x - 1 + shift, 1e-300), 0.0),
        )
        gradient = np.array([weights @ np.broadcast_to(slope, x.shape) for slope in slopes])
        return -float(weights @ total), -gradient * np.exp(logs)

    logs, value, is_at_bound, covariance = _search(negative, np.zeros(4))
    r, alpha, a, b = np.exp(logs)
    # The likelihood in the unit of the caller: each of the x orders has a density over time.
    value += float(weights @ x) * np.log(unit)
    return BuyingFit(r, alpha * unit, a, b, -value, is_at_bound, model, covariance)


def probability_alive(fit: BuyingFit, x: ArrayLike, t_x: ArrayLike, age: ArrayLike) -> Vector:
    """Probability that a customer with this history will ever buy again."""
    x, t_x, age, _ = _histories(x, t_x, age, None)
    exponent = (fit.r + x) * np.log((fit.alpha + age) / (fit.alpha + t_x))
    odds = fit.a / np.maximum(fit.b + x - 1 + fit._shift, 1e-300) * np.exp(exponent)
    return 1 / (1 + np.where((x > 0) | bool(fit._shift), odds, 0.0))


def expected_orders_if_alive(
    fit: BuyingFit, x: ArrayLike, age: ArrayLike, horizon: float
) -> Vector:
    """Expected orders in the next `horizon` of a customer who has not left, by x and age only.

    Multiply by `probability_alive`. Of the two forms of the hypergeometric function, the paper's
    and Euler's, the one of the smaller power is taken: the first stays finite however large `a`
    and `b` are, the second for thousands of orders.
    """
    x, age = np.asarray(x, float), np.asarray(age, float)
    a = fit.a + _POLE if abs(fit.a - 1) < _POLE else fit.a
    c = a + fit.b + x - 1 + fit._shift
    z = horizon / (fit.alpha + age + horizon)
    bought, stays = fit.r + x, fit.b + x + fit._shift
    is_euler = a - 1 < bought
    power = np.where(is_euler, a - 1, bought)
    kept = (1 - z) ** power * hyp2f1(
        np.where(is_euler, c - bought, bought), np.where(is_euler, c - stays, stays), c, z
    )
    return c / (a - 1) * (1 - kept)


def fit_value(x: ArrayLike, mean_value: ArrayLike, weights: ArrayLike | None = None) -> ValueFit:
    """Fit Gamma-Gamma by maximum likelihood to customers with repeat orders.

    `x`: repeat orders (> 0); `mean_value`: their mean value (> 0); `weights`: customers of each.
    Raises `ValueError` where nobody is there to learn from or a value is not positive.
    """
    x, mean_value = np.asarray(x, float), np.asarray(mean_value, float)
    weights = np.ones_like(x) if weights is None else np.asarray(weights, float)
    if not x.size or (x <= 0).any() or (mean_value <= 0).any():
        raise ValueError("Gamma-Gamma needs customers with repeat orders of positive value")
    unit = float(np.average(mean_value, weights=weights))
    value = mean_value / unit

    def negative(logs: Vector) -> tuple[float, Vector]:
        p, q, gamma = np.exp(logs)
        spread = np.log(gamma + x * value)
        total = (
            gammaln(p * x + q)
            - gammaln(p * x)
            - gammaln(q)
            + q * np.log(gamma)
            + (p * x - 1) * np.log(value)
            + p * x * np.log(x)
            - (p * x + q) * spread
        )
        seen = digamma(p * x + q)
        slopes = (
            x * (seen - digamma(p * x) + np.log(value) + np.log(x) - spread),
            seen - digamma(q) + np.log(gamma) - spread,
            q / gamma - (p * x + q) / (gamma + x * value),
        )
        gradient = np.array([weights @ slope for slope in slopes])
        return -float(weights @ total), -gradient * np.exp(logs)

    logs, lost, is_at_bound, covariance = _search(negative, np.array([1.0, 1.0, 0.0]))
    p, q, gamma = np.exp(logs)
    lost += float(weights.sum()) * np.log(unit)
    return ValueFit(p, q, gamma * unit, -lost, is_at_bound, covariance)


def expected_value(fit: ValueFit, x: ArrayLike, mean_value: ArrayLike) -> Vector:
    """Expected value of a customer's orders: their own mean, shrunk towards everybody's."""
    x, mean_value = np.asarray(x, float), np.asarray(mean_value, float)
    return fit.p * (fit.gamma + x * mean_value) / (fit.p * x + fit.q - 1)


def _histories(
    x: ArrayLike, t_x: ArrayLike, age: ArrayLike, weights: ArrayLike | None
) -> tuple[Vector, Vector, Vector, Vector]:
    x, t_x, age = (np.asarray(each, float) for each in (x, t_x, age))
    weights = np.ones_like(x) if weights is None else np.asarray(weights, float)
    if not x.size or weights.sum() <= 0:
        raise ValueError("there is no customer to learn from")
    if (x < 0).any() or (t_x < 0).any() or (t_x > age).any() or ((x == 0) & (t_x != 0)).any():
        raise ValueError("a history needs x >= 0 and 0 <= t_x <= age, and t_x = 0 where x = 0")
    return x, t_x, age, weights


def _search(negative, start: Vector) -> tuple[Vector, float, bool, Covariance]:
    bounds = [(-_LOG_BOUND, _LOG_BOUND)] * len(start)
    found = minimize(
        negative,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8},
    )
    is_at_bound = bool((np.abs(found.x) > _LOG_BOUND - 1e-3).any() or not np.isfinite(found.fun))
    return found.x, float(found.fun), is_at_bound, _covariance(negative, found.x)


def _covariance(negative, logs: Vector) -> Covariance:
    """The inverse of the information at the estimates, from differences of the gradient."""
    step = 1e-4
    slopes = [
        (negative(logs + move)[1] - negative(logs - move)[1]) / (2 * step)
        for move in step * np.eye(len(logs))
    ]
    information = (np.array(slopes) + np.array(slopes).T) / 2
    # What the data cannot tell is as wide as the box that was searched, and not wider.
    values, vectors = np.linalg.eigh(np.nan_to_num(information))
    spread = vectors @ np.diag(1 / np.maximum(values, _LOG_BOUND**-2)) @ vectors.T
    return tuple(tuple(float(each) for each in row) for row in spread)


def draws(fit: BuyingFit | ValueFit, count: int, seed: int) -> list[BuyingFit | ValueFit]:
    """The fit as other samples of the same customers would have had it.

    Estimates drawn from the normal distribution of their logarithms (Krinsky and Robb, 1986).
    """
    random = np.random.default_rng(seed)
    names = [each.name for each in fields(fit)][: len(fit.covariance)]
    centre = np.log([getattr(fit, name) for name in names])
    drawn = np.exp(random.multivariate_normal(centre, np.array(fit.covariance), count))
    return [replace(fit, **dict(zip(names, row, strict=True))) for row in drawn.tolist()]
