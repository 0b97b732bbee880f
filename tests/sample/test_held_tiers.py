"""Tiers held day by day: the rules of the policy, one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from orchestration.sample.truth import (
    DEFAULT_POLICY,
    MICROS,
    Policy,
    first_day_without,
    held_tiers,
    read_policies,
)
from orchestration.settings import PROJECT_DIR


def _rank(flows: list[tuple[date, int]], as_of: date, *policies: Policy) -> tuple[int, date | None]:
    """Rank held on `as_of` and the end of the grace that runs."""
    held = held_tiers(
        np.zeros(len(flows), dtype=np.int64),
        np.array([day.toordinal() for day, _ in flows]),
        np.array([amount * MICROS for _, amount in flows]),
        as_of,
        list(policies) or [DEFAULT_POLICY],
    )
    grace = int(held["grace_end"][0])
    return int(held["rank"][0]), date.fromordinal(grace) if grace else None


BOUGHT = date(2024, 3, 10)


def test_an_order_counts_from_the_next_day_on() -> None:
    assert _rank([(BOUGHT, 2000)], BOUGHT + timedelta(days=1)) == (1, None)
    assert _rank([(BOUGHT, 1999)], BOUGHT + timedelta(days=1)) == (0, None)
    assert _rank([(BOUGHT, 10_000)], BOUGHT + timedelta(days=1)) == (3, None)


def test_grace_begins_on_the_first_day_of_the_shortfall() -> None:
    last_good = date(2025, 3, 10)  # its window begins on the day of the order
    assert _rank([(BOUGHT, 5000)], last_good) == (2, None)
    assert _rank([(BOUGHT, 5000)], last_good + timedelta(days=1)) == (2, date(2025, 6, 11))


def test_demotion_falls_on_the_first_of_a_month_one_tier_at_a_time() -> None:
    flows = [(BOUGHT, 5000)]
    assert _rank(flows, date(2025, 6, 30))[0] == 2
    # Grace ran out on 11 June; the first date of the cadence is 1 July, where a new grace begins.
    assert _rank(flows, date(2025, 7, 1)) == (1, date(2025, 10, 1))
    assert _rank(flows, date(2025, 9, 30))[0] == 1
    assert _rank(flows, date(2025, 10, 1)) == (0, None)


def test_never_below_what_is_still_qualified() -> None:
    flows = [(BOUGHT, 5000), (date(2024, 12, 1), 2500)]
    assert _rank(flows, date(2025, 7, 1)) == (1, None)


def test_drop_goes_all_the_way() -> None:
    drop = replace(DEFAULT_POLICY, mode="drop")
    assert _rank([(BOUGHT, 10_000)], date(2025, 7, 1), drop) == (0, None)


def test_reaching_the_tier_again_clears_the_grace() -> None:
    flows = [(BOUGHT, 2000), (date(2025, 5, 1), 2000)]
    assert _rank(flows, date(2025, 5, 1)) == (1, date(2025, 6, 11))
    assert _rank(flows, date(2025, 5, 2)) == (1, None)
    assert _rank(flows, date(2025, 12, 1)) == (1, None)


def test_a_refund_counts_on_its_day_and_leaves_with_the_window() -> None:
    flows = [(BOUGHT, 2100), (date(2024, 4, 1), -200)]
    assert _rank(flows, date(2024, 4, 1)) == (1, None)
    assert _rank(flows, date(2024, 4, 2)) == (1, date(2024, 7, 2))
    assert _rank(flows, date(2024, 8, 1)) == (0, None)


@pytest.mark.parametrize(
    ("cadence", "day"),
    [
        ("daily", date(2025, 6, 11)),
        ("weekly", date(2025, 6, 16)),
        ("monthly", date(2025, 7, 1)),
        ("quarterly", date(2025, 7, 1)),
    ],
)
def test_cadences(cadence: str, day: date) -> None:
    policy = replace(DEFAULT_POLICY, cadence=cadence)
    assert _rank([(BOUGHT, 2000)], day - timedelta(days=1), policy)[0] == 1
    assert _rank([(BOUGHT, 2000)], day, policy)[0] == 0


def test_the_policy_of_each_day_decides() -> None:
    dearer = replace(
        DEFAULT_POLICY, effective_from=date(2024, 6, 1), tiers=(("silver", 3000 * MICROS),)
    )
    flows = [(BOUGHT, 2000)]
    assert _rank(flows, date(2024, 5, 31), DEFAULT_POLICY, dearer) == (1, None)
    assert _rank(flows, date(2024, 6, 1), DEFAULT_POLICY, dearer) == (1, date(2024, 9, 1))
    assert _rank(flows, date(2024, 9, 1), DEFAULT_POLICY, dearer) == (0, None)


def test_first_day_without_is_the_first_window_that_has_lost_the_day() -> None:
    import duckdb

    days = [date(2023, 1, 1) + timedelta(days=n) for n in range(1500)]
    begins = dict(
        duckdb.execute(
            "select d, (d - interval 12 month)::date from (select unnest($1) as d)", [days]
        ).fetchall()
    )
    for day in days[:1000]:
        assert first_day_without(day) == next(d for d in days if begins[d] > day)


def test_nobody_holds_nothing() -> None:
    empty = np.zeros(0, dtype=np.int64)
    assert held_tiers(empty, empty, empty, BOUGHT, [DEFAULT_POLICY])["rank"].tolist() == []


def test_reads_the_written_policy_and_falls_back_where_it_cannot(tmp_path: Path) -> None:
    (policy,) = read_policies(PROJECT_DIR / "seeds" / "policy")
    assert replace(policy, effective_from=DEFAULT_POLICY.effective_from) == DEFAULT_POLICY
    assert read_policies(tmp_path) == [DEFAULT_POLICY]
    for name in ("policy_versions.csv", "tier_rules.csv"):
        text = (PROJECT_DIR / "seeds" / "policy" / name).read_text()
        (tmp_path / name).write_text(text.replace("rolling_12_months", "calendar_year"))
    assert read_policies(tmp_path) == [DEFAULT_POLICY]
    for name in ("policy_versions.csv", "tier_rules.csv"):
        text = (PROJECT_DIR / "seeds" / "policy" / name).read_text()
        (tmp_path / name).write_text(text.replace(",2000,", ",1500,"))
    assert read_policies(tmp_path)[0].tiers[0] == ("silver", 1500 * MICROS)
    exclusion = "policy_version,exclusion_id\n2026.1,fraud\n"
    (tmp_path / "tier_exclusions.csv").write_text(exclusion)
    assert read_policies(tmp_path) == [DEFAULT_POLICY]
    (tmp_path / "tier_exclusions.csv").unlink()
    versions = tmp_path / "policy_versions.csv"
    versions.write_text(versions.read_text().replace("3,monthly", "3,every_10_months"))
    assert read_policies(tmp_path) == [DEFAULT_POLICY]
