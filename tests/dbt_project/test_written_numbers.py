"""The numbers that the founding documents name are what the written policy and the drafts say.

`docs/requirements.csv` gives each requirement its number. How they are worked with is tested where
the models are; here that nobody changes a default unawares.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from orchestration.settings import PROJECT_DIR

POLICY, EXAMPLES = PROJECT_DIR / "seeds" / "policy", PROJECT_DIR / "examples" / "policies"
Rows = list[dict[str, str]]


def rows(file: Path) -> Rows:
    with file.with_suffix(".csv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def parameter(name: str) -> float:
    values = {row["parameter"]: row["value"] for row in rows(POLICY / "policy_parameters")}
    return float(values[name])


def benefit(kind: str) -> list[float]:
    """What each tier that has a kind of benefit grants of it, the lowest tier first."""
    rank = {row["tier"]: int(row["tier_rank"]) for row in rows(POLICY / "tier_rules")}
    granted = [row for row in rows(POLICY / "tier_benefits") if row["kind"] == kind]
    return [float(row["amount"]) for row in sorted(granted, key=lambda row: rank[row["tier"]])]


def rules(folder: Path) -> list[tuple[str, str, float]]:
    return [(row["metric"], row["rule"], float(row["threshold"])) for row in rules_of(folder)]


def rules_of(folder: Path) -> Rows:
    return rows(folder / "tier_rules")


def version(folder: Path) -> dict[str, str]:
    (only,) = rows(folder / "policy_versions")
    return only


def test_the_tiers_and_what_they_grant() -> None:
    spend = ("qualifying_spend", "at_least")
    assert rules(POLICY) == [(*spend, 2000), (*spend, 5000), (*spend, 10_000)]  # R61
    assert version(POLICY)["qualification_period"] == "rolling_12_months"  # R24, R25
    assert 3 <= int(version(POLICY)["grace_months"]) <= 6  # R69
    assert version(POLICY)["demotion_mode"] == "soft_landing"  # R70
    assert benefit("discount") == [10, 15, 20]  # R76
    assert benefit("early_access") == [24, 48, 72]
    assert benefit("birthday_gift") == [25, 50, 100]
    assert benefit("return_window") == [90, 120]  # R89


def test_each_tier_has_two_or_three_kinds_of_benefit_that_the_one_below_lacks() -> None:
    """R77."""
    kinds: dict[str, set[str]] = {}
    for row in rows(POLICY / "tier_benefits"):
        kinds.setdefault(row["tier"], set()).add(row["kind"])
    below: set[str] = set()
    for row in rules_of(POLICY):
        assert 2 <= len(kinds[row["tier"]] - below) <= 3, row["tier"]
        below = kinds[row["tier"]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rising_star_months", 6),  # R40
        ("support_heavy_time_share", 0.8),  # R44
        ("halfway_progress", 0.5),  # R66
        ("near_next_tier_spend", 200),  # R67
        ("demotion_warning_first_days", 60),  # R73
        ("demotion_warning_last_days", 30),  # R74
        ("vip_share_low", 0.1),  # R78
        ("vip_share_high", 0.2),
        ("vip_share_limit", 0.4),
        ("exclusivity_uplift_low", 0.2),  # R79
        ("exclusivity_uplift_high", 0.3),
    ],
)
def test_a_default_is_that_of_the_documents(name: str, value: float) -> None:
    assert parameter(name) == value


def test_bands() -> None:
    shares = [float(row["top_share"]) for row in rows(POLICY / "attention_bands")]
    assert shares == [0.01, 0.05, 0.2, 1]  # R80
    bands = {row["band"]: float(row["upper_bound"]) for row in rows(POLICY / "concentration_bands")}
    assert [bands[f"top_{percent}"] for percent in (1, 5, 10, 20)] == [0.01, 0.05, 0.1, 0.2]  # R48


@pytest.mark.parametrize(
    ("draft", "expected", "also"),
    [
        ("one_tier", [("qualifying_spend", "at_least", 2000)], {}),  # R60
        (
            "top_share_by_spend_and_repeat_rate",  # R55
            [("qualifying_spend", "top_share", 0.15), ("orders_12m", "top_share", 0.15)],
            {},
        ),
        ("three_orders_in_90_days", [("orders_90d", "at_least", 3)], {}),  # R54
        ("top_decile_by_projected_value", [("projected_ltv_12m", "top_share", 0.1)], {}),  # R53
        (
            "fixed_term_of_ten_months",  # R56
            [("qualifying_spend", "at_least", 1000)],
            {"reevaluation": "every_10_months", "demotion_cadence": "every_10_months"},
        ),
        (
            "what_customers_earn",  # R58
            [
                ("cm3_12m", "at_least", 800),
                ("tenure_days", "at_least", 90),
                ("cm3_12m", "top_share", 0.05),
            ],
            {"reevaluation": "quarterly"},
        ),
        (
            "calendar_year",  # R63
            [("qualifying_spend", "at_least", amount) for amount in (2000, 5000, 10_000)],
            {"qualification_period": "calendar_year"},
        ),
    ],
)
def test_a_draft_says_what_its_name_says(
    draft: str, expected: list[tuple[str, str, float]], also: dict[str, str]
) -> None:
    assert rules(EXAMPLES / draft) == expected
    assert also.items() <= version(EXAMPLES / draft).items()
