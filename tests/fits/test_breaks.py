"""Natural breaks against every possible split, and the rounding of what they propose."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.fits.breaks import BREAKS, natural_breaks, rounded

BINS = st.lists(st.tuples(st.integers(-20, 20), st.integers(1, 9)), min_size=2, max_size=9)


def squares(values: np.ndarray, weights: np.ndarray) -> float:
    mean = np.average(values, weights=weights)
    return float(weights @ (values - mean) ** 2)


@settings(max_examples=300, deadline=None)
@given(bins=BINS, classes=st.integers(1, 5))
def test_no_other_split_leaves_less_within(bins: list[tuple[int, int]], classes: int) -> None:
    values, weights = (np.array(each, float) for each in zip(*sorted(bins), strict=True))
    classes = min(classes, len(values))
    breaks, goodness = natural_breaks(values, weights, classes)

    def left(splits: tuple[int, ...]) -> float:
        edges = [0, *splits, len(values)]
        return sum(squares(values[start:end], weights[start:end]) for start, end in pairwise(edges))

    assert len(breaks) == classes - 1
    assert breaks == sorted(set(breaks)) and 0 not in breaks
    best = min(left(splits) for splits in combinations(range(1, len(values)), classes - 1))
    assert left(tuple(breaks)) == pytest.approx(best, abs=1e-6)
    total = squares(values, weights)
    assert goodness == pytest.approx(1 - best / total if total else 1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("amount", "told"), [(2049, 2000), (1951, 2000), (248, 250), (99.6, 100), (9.44, 9.4), (1, 1)]
)
def test_a_threshold_has_two_digits(amount: float, told: float) -> None:
    assert rounded(amount) == told


def bins(spend: list[float]) -> dict[str, pa.Table]:
    return {
        "int_spend_bins": pa.table(
            {
                "spend_bin": pa.array(range(len(spend)), pa.int64()),
                "customers": pa.array([1] * len(spend), pa.int64()),
                "lowest_spend": pa.array(spend, pa.float64()),
                "mean_log_spend": pa.array(np.log(spend) if spend else [], pa.float64()),
            }
        )
    }


def test_groups_far_apart_are_told_apart() -> None:
    spend = [20, 21, 22, 23, 510, 520, 530, 9040, 9100]
    rows = BREAKS.compute(bins(spend))["spend_breaks"].to_pylist()
    by_count = {
        count: [row["threshold"] for row in rows if row["tier_count"] == count] for count in (1, 2)
    }
    assert by_count == {1: [510], 2: [510, 9000]}
    fit = {row["tier_count"]: row["goodness_of_fit"] for row in rows}
    assert fit[1] < fit[2] <= fit[3] <= fit[4] <= 1 and fit[2] > 0.999


@pytest.mark.parametrize(("spend", "counts"), [([], []), ([50], []), ([50, 50, 70], [1])])
def test_too_few_values_have_fewer_breaks(spend: list[float], counts: list[int]) -> None:
    rows = BREAKS.compute(bins(spend))["spend_breaks"].to_pylist()
    assert [row["tier_count"] for row in rows] == counts
