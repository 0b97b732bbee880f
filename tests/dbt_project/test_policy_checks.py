"""The policy as written passes its checks, and each check names the row that contradicts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from conventions import Project

CHECKS = "tests/dbt/singular"


@pytest.fixture
def policy(project: Project, project_dir: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The policy's seeds, typed as dbt types them."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("create schema policy; use policy")
        for seed in project:
            if seed.kind == "seed" and seed.schema == "policy":
                columns = [f"{name} {column.data_type}" for name, column in seed.columns.items()]
                connection.execute(f"create table {seed.name} ({', '.join(columns)})")
                connection.execute(f"copy {seed.name} from '{project_dir / seed.path}' (header)")
        yield connection


def faults(policy: duckdb.DuckDBPyConnection, compiled_dir: Path, check: str) -> list[str]:
    """What a check finds, each row as one text."""
    sql = (compiled_dir / "compiled" / "vip_sms" / CHECKS / f"{check}.sql").read_text()
    return [" ".join(str(cell) for cell in row) for row in policy.execute(sql).fetchall()]


def test_the_written_policy_is_sound(
    policy: duckdb.DuckDBPyConnection, compiled_dir: Path, project_dir: Path
) -> None:
    checks = [path.stem for path in (project_dir / CHECKS).glob("policy_*.sql")]
    assert len(checks) == 10
    for check in checks:
        assert faults(policy, compiled_dir, check) == []


NEXT_VERSION = (
    "update policy_versions set effective_to = '2026-07-01';"
    "insert into policy_versions select * replace ('2026.2' as policy_version, "
    "date '2026-07-01' as effective_from, null as effective_to, date '2026-06-01' as approved_on) "
    "from policy_versions;"
)


def test_a_second_version_may_follow_the_first(
    policy: duckdb.DuckDBPyConnection, compiled_dir: Path
) -> None:
    policy.execute(NEXT_VERSION)
    assert faults(policy, compiled_dir, "policy_versions_follow_one_another") == []
    assert faults(policy, compiled_dir, "policy_versions_are_approved") == []


VERSIONS = "policy_versions_follow_one_another"
APPROVAL = "policy_versions_are_approved"
LADDER = "policy_tiers_form_a_ladder"
BENEFITS = "policy_tiers_add_benefits"
HOLDOUTS = "policy_holdouts_are_sound"
REASONS = "policy_decision_reasons_are_in_order"
SEGMENTS = "policy_segments_are_sound"
PARAMETERS = "policy_parameters_are_complete"

AUDIENCES = "policy_audiences_are_sound"
CAPS = "policy_frequency_caps_are_complete"

# The experiment of the whole and no other.
ALONE = "delete from holdouts where experiment_id <> 'global';"
WELCOME = " where audience_id = 'welcome'"

# Gold as hard as Silver by spend.
LEVEL = "update tier_rules set threshold = 2000 where tier = 'gold';"


def orders(tier: str, count: int, metric: str = "orders_12m") -> str:
    """A rule on orders besides the one on spend."""
    return (
        f"insert into tier_rules select * replace ('{metric}' as metric, {count} as threshold) "
        f"from tier_rules where tier = '{tier}' and metric = 'qualifying_spend';"
    )


def combined(combiner: str, tier: str) -> str:
    """The rules of a tier, combined by another combiner."""
    return f"update tier_rules set combiner = '{combiner}' where tier = '{tier}';"


@pytest.mark.parametrize(
    "change",
    [
        LEVEL + orders("gold", 5),
        LEVEL + orders("gold", 6) + orders("silver", 5),
        LEVEL + orders("gold", 5) + orders("silver", 5) + combined("any", "silver"),
        LEVEL + orders("gold", 5) + orders("silver", 2, "orders_90d") + combined("any", "silver"),
        # Platinum joins what Silver and Gold ask for.
        "update tier_rules set metric = 'orders_12m', threshold = 5 where tier = 'gold';"
        "update tier_rules set threshold = 2000 where tier = 'platinum';" + orders("platinum", 5),
    ],
)
def test_a_tier_level_in_one_rule_may_ask_for_more_besides(
    policy: duckdb.DuckDBPyConnection, compiled_dir: Path, change: str
) -> None:
    policy.execute(change)
    assert faults(policy, compiled_dir, "policy_tiers_form_a_ladder") == []


CONTRADICTIONS = [
    # (check, change of the sound policy, what names the row, what names the fault)
    (VERSIONS, "update policy_versions set effective_from = null", "2026.1", "no first day"),
    (VERSIONS, "update policy_versions set effective_to = effective_from", "2026.1", "ends before"),
    (VERSIONS, "update policy_versions set grace_months = -1", "2026.1", "no grace"),
    (
        VERSIONS,
        "update policy_versions set effective_to = '2027-01-01'",
        "2026.1",
        "no version follows",
    ),
    (
        VERSIONS,
        NEXT_VERSION + "update policy_versions set effective_to = null",
        "2026.1",
        "still rules",
    ),
    (
        VERSIONS,
        NEXT_VERSION + "update policy_versions set effective_from = '2026-06-30' "
        "where policy_version = '2026.2'",
        "2026.1",
        "still rules",
    ),
    (
        VERSIONS,
        NEXT_VERSION + "update policy_versions set effective_from = '2026-07-02' "
        "where policy_version = '2026.2'",
        "2026.1",
        "leaves days",
    ),
    (APPROVAL, "update policy_versions set owner = ' '", "2026.1", "no owner"),
    (APPROVAL, "update policy_versions set approver = null", "2026.1", "no approver"),
    (APPROVAL, "update policy_versions set approved_on = null", "2026.1", "no day of approval"),
    (APPROVAL, "update policy_versions set review_on = approved_on", "2026.1", "looked at again"),
    (
        APPROVAL,
        NEXT_VERSION + "update policy_versions set approved_on = '2026-07-02' "
        "where policy_version = '2026.2'",
        "2026.2",
        "after it came into force",
    ),
    (
        SEGMENTS,
        "update behaviour_rules set priority = 9 "
        "where behaviour_segment = 'generalist' and rule = 'at_most'",
        "generalist",
        "do not have one priority",
    ),
    (
        SEGMENTS,
        "update behaviour_rules set priority = null where metric = 'trend_lines'",
        "trend_leader",
        "do not have one priority",
    ),
    (
        SEGMENTS,
        "update behaviour_rules set priority = 1 where behaviour_segment = 'generalist'",
        "behaviour_rules",
        "shares its priority",
    ),
    (SEGMENTS, "update signal_rules set points = 0 where signal = 'social'", "social", "no points"),
    (SEGMENTS, "delete from attention_bands where top_share = 1", "attention", "no band"),
    (SEGMENTS, "delete from attention_bands", "attention", "no band"),
    (LADDER, "delete from tier_rules", "2026.1", "no tiers"),
    (
        LADDER,
        "update tier_rules set tier_rank = 4 where tier = 'platinum'",
        "platinum",
        "leaves a rank",
    ),
    (
        LADDER,
        "update tier_rules set tier_rank = 0 where tier = 'silver'",
        "silver",
        "leaves a rank",
    ),
    (
        LADDER,
        "insert into tier_rules select * replace ('ruby' as tier, 'orders_12m' as metric) "
        "from tier_rules where tier = 'gold'",
        "gold",
        "shares its rank",
    ),
    (
        LADDER,
        "insert into tier_rules select * replace (4 as tier_rank, 20000 as threshold) "
        "from tier_rules where tier = 'platinum'",
        "platinum",
        "more than one rank",
    ),
    (
        LADDER,
        "update tier_rules set threshold = 5000 where tier = 'platinum'",
        "platinum",
        "threshold",
    ),
    (LADDER, "update tier_rules set threshold = 0 where tier = 'silver'", "silver", "threshold"),
    (LADDER, "update tier_rules set threshold = null where tier = 'silver'", "silver", "threshold"),
    (
        LADDER,
        "update tier_rules set rule = 'top_share', threshold = 0.1 where tier_rank > 1",
        "platinum",
        "threshold",
    ),
    (LADDER, LEVEL, "gold", "threshold"),
    (LADDER, LEVEL + orders("gold", 5) + orders("silver", 5), "gold", "threshold"),
    (LADDER, LEVEL + orders("gold", 5) + combined("any", "gold"), "gold", "threshold"),
    (LADDER, LEVEL + orders("gold", 4) + orders("silver", 5), "gold", "threshold"),
    (LADDER, LEVEL + orders("gold", 5) + orders("silver", 5, "orders_90d"), "gold", "threshold"),
    (LADDER, LEVEL + orders("gold", 5) + combined("rank_blend", "silver"), "gold", "threshold"),
    (
        LADDER,
        LEVEL
        + orders("gold", 6)
        + orders("silver", 5)
        + combined("any", "silver")
        + combined("any", "gold"),
        "gold",
        "threshold",
    ),
    (BENEFITS, "delete from tier_benefits where tier = 'silver'", "silver", "adds no benefit"),
    (
        BENEFITS,
        "delete from tier_benefits where tier = 'gold';"
        "insert into tier_benefits select * replace ('gold' as tier) "
        "from tier_benefits where tier = 'silver'",
        "gold",
        "adds no benefit",
    ),
    (
        BENEFITS,
        "update tier_benefits set tier = 'ruby' where benefit_id = 'gold_returns'",
        "ruby",
        "not",
    ),
    (HOLDOUTS, ALONE + "update holdouts set share = 1", "global", "share"),
    (HOLDOUTS, ALONE + "update holdouts set share = -0.1", "global", "share"),
    (HOLDOUTS, ALONE + "update holdouts set share = null", "global", "share"),
    (HOLDOUTS, ALONE + "update holdouts set salt = ''", "global", "no salt"),
    (HOLDOUTS, ALONE + "update holdouts set effective_from = null", "global", "no first night"),
    (
        HOLDOUTS,
        ALONE + "update holdouts set effective_to = effective_from",
        "global",
        "ends before",
    ),
    (
        HOLDOUTS,
        ALONE + "insert into holdouts "
        "select * replace (date '2026-07-01' as effective_from) from holdouts",
        "2000-01-01",
        "still draws",
    ),
    (
        HOLDOUTS,
        ALONE + "insert into holdouts select * replace ('other' as experiment_id) from holdouts",
        "vip-global-1",
        "same salt",
    ),
    (
        AUDIENCES,
        "update audiences set condition_model = 'int_audience_other'" + WELCOME,
        "welcome",
        "its condition",
    ),
    (AUDIENCES, "update audiences set is_message = null" + WELCOME, "welcome", "a message"),
    (AUDIENCES, "update audiences set tier_floor_rank = null" + WELCOME, "welcome", "no floor"),
    (AUDIENCES, "update audiences set priority = null" + WELCOME, "welcome", "no priority"),
    (AUDIENCES, "update audiences set validity_hours = 0" + WELCOME, "welcome", "at no time"),
    (AUDIENCES, "update audiences set cooldown_days = null" + WELCOME, "welcome", "no cool-down"),
    (AUDIENCES, "update audiences set other_channel_hours = null" + WELCOME, "welcome", "channels"),
    (AUDIENCES, "update audiences set owner = ''" + WELCOME, "welcome", "no owner"),
    (
        AUDIENCES,
        "update audiences set holdout_experiment_id = 'forgotten'" + WELCOME,
        "welcome",
        "not in the seed",
    ),
    (
        CAPS,
        "delete from frequency_caps where tier_rank = 2 and message_class = 'all' "
        "and window_hours = 168",
        "2 all 168",
        "no cap",
    ),
    (
        CAPS,
        "update frequency_caps set max_messages = null where tier_rank = 0 "
        "and message_class = 'promotional' and window_hours = 24",
        "0 promotional 24",
        "no cap",
    ),
    (
        CAPS,
        "insert into frequency_caps by name select 1 as tier_rank, 'all' as message_class, "
        "9601 as window_hours, 2 as max_messages",
        "1 all 9601",
        "looks further back",
    ),
    (
        REASONS,
        "update decision_reasons set step = 99 where reason_code = 'member'",
        "member",
        "not its place",
    ),
    (
        REASONS,
        "update decision_reasons set decision = 'maybe' where reason_code = 'no_phone'",
        "no_phone",
        "none of",
    ),
    (
        REASONS,
        "update decision_reasons set is_legal = null where reason_code = 'phone_already_chosen'",
        "phone_already",
        "of law",
    ),
    (
        REASONS,
        "update decision_reasons set is_legal = false where reason_code = 'suppressed'",
        "suppressed",
        "before a reason of law",
    ),
    (
        REASONS,
        "update decision_reasons set decision = 'holdout' where reason_code = 'opted_out'",
        "opted_out",
        "only exclude",
    ),
    (
        REASONS,
        "update decision_reasons set decision = 'member' where reason_code = 'global_holdout'",
        "global_holdout",
        "last step",
    ),
    (
        REASONS,
        "update decision_reasons set decision = 'excluded' where reason_code = 'member'",
        "member",
        "last step",
    ),
    (
        PARAMETERS,
        "delete from policy_parameters where parameter = 'default_cost_rate'",
        "default_cost_rate",
        "not in the policy",
    ),
    (
        PARAMETERS,
        "update policy_parameters set value = null where parameter = 'rfm_window_months'",
        "rfm_window_months",
        "no value",
    ),
]


@pytest.mark.parametrize(("check", "change", "row", "fault"), CONTRADICTIONS)
def test_a_contradiction_is_named(
    policy: duckdb.DuckDBPyConnection,
    compiled_dir: Path,
    check: str,
    change: str,
    row: str,
    fault: str,
) -> None:
    policy.execute(change)
    found = faults(policy, compiled_dir, check)
    assert found and all(row in each and fault in each for each in found)
