"""The fit of natural breaks: where spend falls apart into groups, from bins of customers.

On the logarithm of spend: breaks of spend itself follow a handful of customers at the top and move
from night to night.
"""

from __future__ import annotations

from math import floor, log10
from typing import Any

import numpy as np
import pyarrow as pa

from orchestration.fits.clv import Vector
from orchestration.fits.fit import Fit, Tables

TIER_COUNTS = (1, 2, 3, 4)


def natural_breaks(values: Vector, weights: Vector, classes: int) -> tuple[list[int], float]:
    """Split sorted values into classes with the least squares within them (Fisher, 1958).

    Returns the index at which each class but the first begins, and the goodness of variance fit: 1
    less the share of the squares that is left within. Exact, by dynamic programming.
    """
    ones, firsts, seconds = (
        np.concatenate([[0.0], np.cumsum(weights * values**power)]) for power in range(3)
    )

    def within(start: Vector, end: Vector) -> Vector:
        weight = ones[end] - ones[start]
        first = firsts[end] - firsts[start]
        squares = seconds[end] - seconds[start]
        return squares - np.divide(first**2, weight, out=np.zeros(len(weight)), where=weight > 0)

    count = len(values)
    ends = np.arange(count + 1)
    best = within(np.zeros(count + 1, int), ends)
    begins = np.zeros((classes, count + 1), int)
    total = best[count]
    for number in range(1, classes):
        earlier = best.copy()
        for end in range(number + 1, count + 1):
            starts = np.arange(number, end)
            costs = earlier[starts] + within(starts, np.full(len(starts), end))
            place = int(costs.argmin())
            best[end], begins[number, end] = costs[place], starts[place]
    breaks: list[int] = []
    end = count
    for number in range(classes - 1, 0, -1):
        end = int(begins[number, end])
        breaks.append(end)
    return breaks[::-1], 1 - float(best[count] / total) if total > 0 else 1.0


def rounded(amount: float) -> float:
    """An amount that a policy can name: two digits, the rest zeros."""
    return round(amount, 1 - floor(log10(amount)))


def compute(inputs: Tables) -> Tables:
    """Breaks for one to four tiers above the rest; fewer where there are too few values."""
    bins = inputs["int_spend_bins"].sort_by("spend_bin")
    values, weights, lowest = (
        bins[name].to_numpy() for name in ("mean_log_spend", "customers", "lowest_spend")
    )
    rows: list[dict[str, Any]] = []
    for tiers in TIER_COUNTS:
        if len(np.unique(values)) <= tiers:
            break
        places, goodness = natural_breaks(values, weights, tiers + 1)
        rows += [
            {
                "tier_count": tiers,
                "tier_rank": rank,
                "break_at": float(lowest[place]),
                "threshold": rounded(float(lowest[place])),
                "goodness_of_fit": goodness,
            }
            for rank, place in enumerate(places, start=1)
        ]
    return {"spend_breaks": pa.Table.from_pylist(rows)}


BREAKS = Fit(
    name="spend_breaks",
    reads=("intermediate.int_spend_bins",),
    writes=("spend_breaks",),
    compute=compute,
)
