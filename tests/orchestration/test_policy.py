"""A policy that contradicts itself is refused with file and line, in each way it can."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from orchestration import policy as written
from orchestration.assets.raw import landing
from orchestration.cli import check
from orchestration.errors import UserError
from orchestration.policy import POLICY_DIR, find_problems, require_in_force, require_sound
from orchestration.resources import Warehouse

Rows = list[dict[str, str]]
VERSIONS, RULES = "policy_versions.csv", "tier_rules.csv"
BENEFITS, EXCLUSIONS = "tier_benefits.csv", "tier_exclusions.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The policy as written, to be spoilt."""
    return Path(shutil.copytree(POLICY_DIR, tmp_path / "draft"))


def spoil(folder: Path, file: str, change: Callable[[Rows], object]) -> None:
    """Rewrite a file of the policy after `change` had its rows."""
    path = folder / file
    with path.open(encoding="utf-8", newline="") as opened:
        reader = csv.DictReader(opened)
        rows, names = list(reader), list(reader.fieldnames or ())
    change(rows)
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, names)
        writer.writeheader()
        writer.writerows(rows)


def put(line: int, **cells: str) -> Callable[[Rows], object]:
    """Set cells of the row on a line of the file; the first row is on line 2."""
    return lambda rows: rows[line - 2].update(cells)


def again(line: int, **cells: str) -> Callable[[Rows], object]:
    """Add a row like the one on a line."""
    return lambda rows: rows.append(rows[line - 2] | cells)


def without(line: int) -> Callable[[Rows], object]:
    """Leave a row out."""
    return lambda rows: rows.pop(line - 2)


def successor(**cells: str) -> Callable[[Rows], object]:
    """End the first version on 1 July 2026 and add one that follows."""

    def change(rows: Rows) -> None:
        rows[0]["effective_to"] = "2026-07-01"
        follows = {
            "policy_version": "2026.2",
            "effective_from": "2026-07-01",
            "effective_to": "",
            "approved_on": "2026-06-01",
        }
        rows.append(rows[0] | follows | cells)

    return change


def blend(rows: Rows) -> None:
    """One tier: a blend of spend and orders."""
    del rows[1:]
    rows[0] |= {
        "combiner": "rank_blend",
        "rule": "top_share",
        "threshold": "0.15",
        "unit": "share of customers",
    }
    rows.append(rows[0] | {"metric": "orders_12m"})


def blend_and(line: int, **cells: str) -> Callable[[Rows], object]:
    """A blend with one thing wrong."""

    def change(rows: Rows) -> None:
        blend(rows)
        rows[line - 2].update(cells)

    return change


def other_rule_between(rows: Rows) -> None:
    """Gold by orders, so that Platinum meets the next rule on spend two tiers below."""
    rows[1] |= {"metric": "orders_12m", "threshold": "5", "unit": "orders"}
    rows[2]["threshold"] = "100"


def level(combiner: str, *besides: dict[str, str]) -> Callable[[Rows], object]:
    """Gold as hard as Silver by spend, with more rules besides; both combine as told."""

    def change(rows: Rows) -> None:
        gold = rows[1] | {"combiner": combiner, "threshold": rows[0]["threshold"]}
        rows[1] = gold
        rows[2:2] = [gold | {"metric": "orders_12m", "unit": "orders"} | cells for cells in besides]

    return change


def and_silver(change: Callable[[Rows], object], combiner: str, *rules: str) -> Callable:
    """The same, and Silver asks besides for a count of each metric named."""

    def changed(rows: Rows) -> None:
        change(rows)
        rows[0]["combiner"] = combiner
        for rule in rules:
            metric, _, count = rule.partition(" ")
            rows.append(rows[0] | {"metric": metric, "threshold": count, "unit": "orders"})

    return changed


FIVE, SIX = {"threshold": "5"}, {"threshold": "6"}
HARDER = [
    level("all", FIVE),
    and_silver(level("all", SIX), "all", "orders_12m 5"),
    # The lower tier lets in by either; both of them together are harder than one.
    and_silver(level("all", FIVE), "any", "orders_12m 5"),
    and_silver(level("all", FIVE), "any", "orders_90d 2"),
]
AS_EASY = [
    level("all"),
    level("any", FIVE),
    # As easy as Silver through the one way, whatever the other asks for.
    and_silver(level("any", SIX), "any", "orders_12m 5"),
    and_silver(level("all", FIVE), "all", "orders_12m 5"),
    # Five orders in ninety days are not asked for any more: another tier, not a higher one.
    and_silver(level("all", FIVE), "all", "orders_90d 5"),
]


def exclude(**cells: str) -> Callable[[Rows], object]:
    """One exclusion, sound but for the cells given."""
    row = {
        "policy_version": "2026.1",
        "exclusion_id": "fraud",
        "metric": "fraud_suppressions",
        "rule": "at_least",
        "threshold": "1",
        "unit": "suppressions",
    }
    return lambda rows: rows.append(row | {"reason": ""} | cells)


def test_the_written_policy_is_sound() -> None:
    assert find_problems(POLICY_DIR) == []
    require_sound()


@pytest.mark.parametrize(
    ("file", "change"),
    [
        (EXCLUSIONS, exclude()),
        (VERSIONS, put(2, demotion_cadence="every_10_months", reevaluation="weekly")),
        (VERSIONS, put(2, demotion_cadence="yearly", qualification_period="calendar_year")),
        (RULES, again(2, metric="orders_90d", threshold="3", unit="orders")),
        (RULES, again(2, metric="tenure_days", threshold="365", unit="days")),
        (RULES, again(4, metric="rfm_score", rule="top_share", threshold="0.1", unit="share")),
        (EXCLUSIONS, exclude(metric="overdue_ratio", threshold="3", unit="ratio")),
        (EXCLUSIONS, exclude(metric="margin_rank_12m", threshold="1000", unit="place")),
    ],
)
def test_other_choices_are_sound_as_well(
    folder: Path, file: str, change: Callable[[Rows], object]
) -> None:
    spoil(folder, file, change)
    assert find_problems(folder) == []


CONTRADICTIONS = [
    # (file, what is changed, line named, words of the fault)
    (VERSIONS, lambda rows: rows.clear(), 0, "holds no version"),
    (VERSIONS, put(2, policy_version=""), 2, "has no policy_version"),
    (VERSIONS, put(2, effective_from="1.1.2026"), 2, "effective_from is 1.1.2026"),
    (VERSIONS, put(2, effective_from="20000101"), 2, "effective_from is 20000101"),
    (VERSIONS, put(2, effective_to="soon"), 2, "effective_to is soon"),
    (VERSIONS, put(2, effective_to="1999-01-01"), 2, "ends before it begins"),
    (VERSIONS, put(2, effective_to="2027-01-01"), 2, "no version follows"),
    (VERSIONS, put(2, effective_to=" "), 2, "effective_to begins or ends with a blank"),
    (VERSIONS, put(2, owner=""), 2, "has no owner"),
    (VERSIONS, put(2, owner=" "), 2, "owner begins or ends with a blank"),
    (VERSIONS, put(2, approver=""), 2, "unapproved"),
    (VERSIONS, put(2, approved_on=""), 2, "approved_on is empty"),
    (VERSIONS, put(2, review_on="2026-01-05"), 2, "looked at again"),
    (VERSIONS, put(2, qualifying_spend_basis="net"), 2, "qualifying_spend_basis is net"),
    (VERSIONS, put(2, qualification_period="ever"), 2, "qualification_period is ever"),
    (VERSIONS, put(2, demotion_mode="fall"), 2, "demotion_mode is fall"),
    (VERSIONS, put(2, grace_months="-1"), 2, "grace_months is -1"),
    (VERSIONS, put(2, grace_months="3.5"), 2, "grace_months is 3.5"),
    (VERSIONS, put(2, demotion_cadence="every_0_months"), 2, "demotion_cadence is every_0"),
    (VERSIONS, put(2, demotion_cadence="hourly"), 2, "demotion_cadence is hourly"),
    (VERSIONS, put(2, demotion_cadence="monthly "), 2, "demotion_cadence begins or ends with a b"),
    (VERSIONS, put(2, reevaluation="daily"), 2, "reevaluation is daily"),
    (VERSIONS, successor(effective_from="2026-06-30"), 2, "still rules when 2026.2 begins"),
    (VERSIONS, successor(effective_from="2026-07-02"), 2, "leaves days without a policy"),
    (VERSIONS, successor(approved_on="2026-07-02"), 3, "approved after it came into force"),
    (VERSIONS, successor(policy_version="2026.1"), 3, "stands on line 2 already"),
    (VERSIONS, successor(), 3, "has no tiers"),
    (RULES, lambda rows: rows.clear(), 2, "has no tiers"),
    (RULES, put(3, policy_version="2025.9"), 3, "belongs to no version"),
    (RULES, put(3, tier="none"), 3, "no name of a tier"),
    (RULES, put(3, tier=" gold"), 3, "tier begins or ends with a blank"),
    (RULES, put(2, tier_rank="0"), 2, "tier_rank is 0"),
    (RULES, put(4, tier_rank="4"), 4, "leaves a rank out"),
    (RULES, put(4, tier_rank="2"), 4, "shares rank 2"),
    (RULES, again(4, tier_rank="4", threshold="20000"), 4, "more than one rank"),
    (RULES, put(3, combiner="both"), 3, "combiner is both"),
    (RULES, put(3, rule="more_than"), 3, "rule is more_than"),
    (RULES, put(3, metric="shoe_size"), 3, "metric shoe_size is not in tier_metrics.csv"),
    (RULES, put(3, metric="fraud_suppressions", unit="suppressions"), 3, "does not earn"),
    (RULES, put(3, metric="margin_rank_12m", unit="place"), 3, "write a top_share of cm3_12m"),
    (RULES, put(2, metric="cm3_12m", unit="orders"), 2, "begins with reporting currency"),
    (RULES, put(2, threshold="0"), 2, "threshold 0 is not above 0"),
    (RULES, put(2, threshold=""), 2, "threshold (empty)"),
    (RULES, put(2, threshold="NaN"), 2, "threshold NaN"),
    (RULES, put(2, threshold="2_000"), 2, "threshold 2_000"),
    (RULES, put(2, threshold="0.00001"), 2, "threshold 0.00001 is not above 0"),
    (RULES, put(3, threshold="2000"), 3, "not above the 2000 of silver"),
    (RULES, put(3, threshold="1500"), 3, "not above the 2000 of silver"),
    (RULES, other_rule_between, 4, "not above the 2000 of silver"),
    (RULES, put(2, unit="orders"), 2, "unit orders is unknown"),
    (RULES, put(2, weight="2"), 2, "only a rank_blend reads"),
    (RULES, put(4, rule="top_share", threshold="1.5", unit="share"), 4, "share 1.5 is not"),
    (RULES, put(4, rule="top_share", threshold="15", unit="share"), 4, "share 15 is not"),
    (RULES, put(4, rule="top_share", threshold="0.1"), 4, "begins with share"),
    (RULES, again(2), 5, "stands on line 2 already"),
    (RULES, again(2, combiner="any", metric="orders_90d", unit="orders"), 5, "combines by any"),
    (RULES, blend_and(3, weight="-1"), 3, "weight is -1"),
    (RULES, blend_and(3, threshold="0.2"), 3, "has one share"),
    (RULES, blend_and(3, rule="at_least", unit="orders"), 3, "takes a top_share"),
    (RULES, put(2, combiner="rank_blend", rule="top_share", threshold="0.1", unit="share"), 2, ""),
    (BENEFITS, put(2, tier="ruby"), 2, "of a tier that the version does not have"),
    (BENEFITS, put(2, kind=""), 2, "no kind"),
    (BENEFITS, put(2, amount="0"), 2, "amount 0 is not above 0"),
    (BENEFITS, put(4, unit_cost="-1"), 4, "unit_cost -1"),
    (BENEFITS, again(2), 17, "stands on line 2 already"),
    (EXCLUSIONS, exclude(policy_version="x"), 2, "belongs to no version"),
    (EXCLUSIONS, exclude(exclusion_id=""), 2, "has no exclusion_id"),
    (EXCLUSIONS, exclude(metric="shoe_size"), 2, "metric shoe_size"),
    (EXCLUSIONS, exclude(metric="projected_ltv_12m"), 2, "is a guess, and takes no tier away"),
    (EXCLUSIONS, exclude(rule="top_share"), 2, "rule is top_share"),
    (EXCLUSIONS, exclude(threshold="-1"), 2, "threshold -1"),
    (EXCLUSIONS, exclude(unit="orders"), 2, "unit orders"),
]


@pytest.mark.parametrize(("file", "change", "line", "words"), CONTRADICTIONS)
def test_a_contradiction_is_named_by_file_and_line(
    folder: Path, file: str, change: Callable[[Rows], object], line: int, words: str
) -> None:
    spoil(folder, file, change)
    problems = find_problems(folder)
    named = [problem for problem in problems if problem.line == line and words in problem.fault]
    assert named, problems
    with pytest.raises(UserError, match=r"contradicts itself: \w+\.csv"):
        require_sound(folder)


@pytest.mark.parametrize("change", HARDER)
def test_a_tier_level_in_one_rule_may_ask_for_more_besides(
    folder: Path, change: Callable[[Rows], object]
) -> None:
    spoil(folder, RULES, change)
    assert find_problems(folder) == []


@pytest.mark.parametrize("change", AS_EASY)
def test_a_tier_level_in_one_rule_and_not_harder_as_a_whole_is_named(
    folder: Path, change: Callable[[Rows], object]
) -> None:
    spoil(folder, RULES, change)
    problems = find_problems(folder)
    assert problems[0].line == 3
    assert "threshold 2000 is not above the 2000 of silver" in problems[0].fault


def test_what_a_higher_tier_asks_besides_excuses_no_lower_threshold(folder: Path) -> None:
    spoil(folder, RULES, and_silver(level("all", {"threshold": "4"}), "all", "orders_12m 5"))
    assert [(each.line, each.fault) for each in find_problems(folder)] == [
        (
            3,
            "threshold 2000 is not above the 2000 of silver, below it, "
            "nor the tier harder as a whole",
        ),
        (4, "threshold 4 is not above the 5 of silver, below it"),
    ]


def test_a_tier_may_join_what_two_below_it_ask_for(folder: Path) -> None:
    def change(rows: Rows) -> None:
        rows[1] |= {"metric": "orders_12m", "threshold": "5", "unit": "orders"}
        rows[2]["threshold"] = "2000"
        rows.append(rows[1] | {"tier": "platinum", "tier_rank": "3"})

    spoil(folder, RULES, change)
    assert find_problems(folder) == []


def test_shares_fall_from_tier_to_tier(folder: Path) -> None:
    def change(rows: Rows) -> None:
        for row, share in zip(rows, ("0.2", "0.1", "0.1"), strict=True):
            row.update(rule="top_share", threshold=share, unit="share of customers")

    spoil(folder, RULES, change)
    (problem,) = find_problems(folder)
    assert str(problem).startswith("tier_rules.csv line 4 (2026.1 platinum): share 0.1 is not")


def test_a_tier_adds_to_the_one_below(folder: Path) -> None:
    def level(rows: Rows) -> None:
        rows[:] = [row for row in rows if row["tier"] != "gold"] + [
            row | {"tier": "gold", "benefit_id": row["benefit_id"].replace("silver", "gold")}
            for row in rows
            if row["tier"] == "silver"
        ]

    spoil(folder, BENEFITS, level)
    (problem,) = find_problems(folder)
    assert (problem.file, problem.line) == (RULES, 3)
    assert "adds no benefit" in problem.fault


def test_a_blend_is_sound(folder: Path) -> None:
    spoil(folder, RULES, blend)
    spoil(folder, BENEFITS, lambda rows: rows.__delitem__(slice(3, None)))
    assert find_problems(folder) == []


def test_a_file_as_a_spreadsheet_saves_it_is_sound(folder: Path) -> None:
    """UTF-8 with a mark at its begin."""
    text = (folder / VERSIONS).read_text(encoding="utf-8")
    (folder / VERSIONS).write_text(text, encoding="utf-8-sig")
    assert find_problems(folder) == []


def test_files_that_cannot_be_read_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / BENEFITS).unlink()
    (folder / EXCLUSIONS).unlink()  # these may be left out
    lines = (folder / RULES).read_text(encoding="utf-8").splitlines()
    lines[0] = lines[0].replace("threshold", "amount")
    lines[2] += ",one,two"
    (folder / RULES).write_text("\n".join(lines), encoding="utf-8")
    text = (folder / VERSIONS).read_text(encoding="utf-8").replace("2000-01-01,,", "2000-01-01,")
    (folder / VERSIONS).write_text(text, encoding="utf-8")
    assert [str(problem) for problem in find_problems(folder)] == [
        "policy_versions.csv line 2: does not have as many cells as the first line names columns",
        "tier_rules.csv line 1: lacks the column threshold",
        "tier_benefits.csv: is not in the folder",
    ]
    (absent,) = find_problems(tmp_path / "nowhere")
    assert absent.fault == "there is no such folder"
    with pytest.raises(UserError, match=r"^there is no folder of policy files at .*nowhere$"):
        require_sound(folder / "nowhere")


def test_a_folder_is_named_wherever_one_stands(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / RULES).unlink()
    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match="the policy in draft contradicts itself: tier_rules"):
        require_sound(Path())


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        (RULES, put(3, threshold="2000"), r"tier_rules\.csv line 3"),
        (
            VERSIONS,
            put(2, effective_from="2100-01-01"),
            r"no policy rules on 20..-..-..: policy_versions\.csv line 2 \(2026\.1\): the first "
            r"version begins on 2100-01-01",
        ),
    ],
)
def test_neither_night_nor_check_begins_on_a_policy_that_cannot_rule(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    change: Callable[[Rows], object],
    said: str,
) -> None:
    spoil(folder, file, change)
    monkeypatch.setattr(written, "POLICY_DIR", folder)
    shutil.copy(POLICY_DIR / written.REGISTRY, folder)
    home = tmp_path / "home"
    home.mkdir()

    night = dg.materialize(
        [landing],
        resources={"warehouse": Warehouse(home=str(home), raw_dir=str(tmp_path))},
        partition_key="2026-07-01",
        raise_on_error=False,
    )
    assert not night.success
    (failure,) = night.get_step_failure_events()
    assert re.search(said, str(failure.event_specific_data))
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("select * from duckdb_tables()").fetchall() == []

    with pytest.raises(UserError, match=said):
        check(raw=tmp_path)


def test_the_first_day_of_a_policy_is_in_force_and_the_day_before_is_not(folder: Path) -> None:
    spoil(folder, VERSIONS, successor(effective_from="2026-07-01"))
    spoil(folder, VERSIONS, put(2, effective_from="2026-02-01"))
    require_in_force(date(2026, 2, 1), folder)
    require_in_force(date(2030, 1, 1), folder)
    with pytest.raises(UserError, match="no policy rules on 2026-01-31"):
        require_in_force(date(2026, 1, 31), folder)
