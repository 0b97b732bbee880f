"""`vip explain`: what it says of a customer is what the marts say, and it names nobody."""

from __future__ import annotations

import json
import re
from datetime import date

import duckdb
import pytest

from orchestration.errors import UserError
from orchestration.explain import Audience, Explanation, Rule, _rules, explain
from orchestration.settings import Settings
from orchestration.terminal import print_explanation

AS_OF = date(2026, 7, 1)


def rule(**values) -> Rule:
    given = {
        "tier": "gold",
        "metric": "qualifying_spend",
        "rule": "at_least",
        "threshold": 5000.0,
        "value": 5000.0,
        "unit": None,
        "reason": None,
        "combiner": "all",
    }
    return Rule(**{**given, **values})


def test_a_rule_is_met_at_its_threshold():
    assert rule().is_met is True
    assert rule(value=4999.9999).is_met is False
    assert rule(metric="rank_blend", value=7.0, threshold=7.0).is_met is True
    assert rule(metric="rank_blend", value=7.5, threshold=7.0).is_met is False


def test_what_cannot_be_known_is_neither_met_nor_missed():
    assert rule(value=None).is_met is None
    assert rule(threshold=None).is_met is None


def test_a_rule_that_customer_value_does_not_tell_has_the_customers_own_number():
    with duckdb.connect() as connection:
        connection.execute(
            "create table tier_requirements as from (values "
            "('vip', 1, 'any', 'projected_ltv_12m', 'top_share', 300.0, 'share', null, null), "
            "('vip', 1, 'any', 'net_revenue_per_year', 'at_least', 80.0, 'money', null, "
            "date '2026-04-01'), "
            "('vip', 1, 'any', 'orders_90d', 'at_least', 3.0, 'orders', null, null)) "
            "as t (tier, tier_rank, combiner, metric, rule, threshold, unit, reason, measured_on)"
        )
        connection.execute(
            "create table tier_rule_values as from (values "
            "('c1', 1, 'projected_ltv_12m', 310.5), ('c2', 1, 'projected_ltv_12m', 9.0), "
            "('c1', 1, 'net_revenue_per_year', 80.0)) "
            "as t (customer_id, tier_rank, metric, metric_value)"
        )
        told = {
            who: [(rule.metric, rule.value, rule.is_met) for rule in _rules(connection, who, value)]
            for who, value in (
                ("c1", {"orders_90d": 2, "net_revenue_per_year": 10}),
                ("nobody", {"orders_90d": 3, "net_revenue_per_year": 900}),
            )
        }
    # What is asked on evaluations is what was said on the last one, not what tonight would say.
    assert told == {
        "c1": [
            ("net_revenue_per_year", 80.0, True),
            ("orders_90d", 2.0, False),
            ("projected_ltv_12m", 310.5, True),
        ],
        "nobody": [
            ("net_revenue_per_year", None, None),
            ("orders_90d", 3.0, True),
            ("projected_ltv_12m", None, None),
        ],
    }


def test_marts_of_another_version_are_no_traceback(tmp_path):
    settings = Settings(home=tmp_path, _env_file=None)
    settings.paths.published.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.paths.published)) as connection:
        connection.execute(
            "create schema marts; "
            "create table marts.run_context as select date '2026-07-01' as as_of_date"
        )
    with pytest.raises(UserError, match="another version of the program"):
        explain(settings, "c1")


def test_what_comes_next_stands_in_the_order_of_its_days():
    standing = {
        "grace_until": date(2026, 8, 15),
        "projected_demotion_on": date(2026, 9, 1),
        "spend_to_keep_tier": 120,
    }
    told = Explanation("c1", AS_OF, "USD", "gold", [], [], [], standing, {})
    assert [(event["on"], event["spend_to_prevent_it"]) for event in told.next_events()] == [
        (date(2026, 8, 15), None),
        (date(2026, 9, 1), 120),
    ]
    nothing = Explanation("c1", AS_OF, "USD", "gold", [], [], [], {}, {})
    assert nothing.next_events() == []


def shown(capsys, standing, value, audiences=()) -> str:
    print_explanation(
        Explanation("c1", AS_OF, "USD", "none", [], [rule()], list(audiences), standing, value)
    )
    return " ".join(capsys.readouterr().out.split())


NEXT = {"next_tier": "gold", "spend_to_next_tier": 0, "progress_to_next_tier": 1.0}


def test_whom_the_policy_keeps_out_is_told_so_and_of_no_way_up(capsys):
    told = shown(capsys, {**NEXT, "exclusion_id": "many_returns"}, {"is_test": False})
    assert "Kept out of every tier by the policy: many returns" in told
    assert "of the way" not in told
    told = shown(capsys, {**NEXT, "exclusion_id": None}, {"is_test": False})
    assert "Kept out" not in told and "Gold: 100% of the way" in told


def test_a_tier_that_one_rule_earns_says_so(capsys):
    for combiner, told in (("any", True), ("all", False)):
        rules = [rule(combiner=combiner), rule(combiner=combiner, metric="orders_90d", value=1.0)]
        print_explanation(Explanation("c1", AS_OF, "USD", "gold", [], rules, [], NEXT, NEXT))
        assert ("one is enough" in capsys.readouterr().out) is told
    alone = [rule(combiner="any")]
    print_explanation(Explanation("c1", AS_OF, "USD", "gold", [], alone, [], NEXT, NEXT))
    assert "one is enough" not in capsys.readouterr().out


def test_a_test_account_is_called_one(capsys):
    assert "Staff or test account" in shown(capsys, NEXT, {"is_test": True})
    assert "test account" not in shown(capsys, NEXT, {"is_test": False})


def test_the_message_that_goes_first_is_named(capsys):
    beaten = Audience("halfway", "excluded", "lower_priority", "Another goes", "promotional", "vip")
    alone = Audience("vip", "member", "member", "In it", "promotional", None)
    told = shown(capsys, NEXT, {"is_test": False}, [beaten, alone])
    assert "Another goes: vip" in told and told.endswith("In it")


@pytest.fixture(scope="module")
def marts(night):
    with duckdb.connect(str(night.home.settings.paths.published), read_only=True) as connection:
        yield lambda query: connection.execute(query).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("decision", ["member", "holdout", "excluded"])
def test_it_tells_what_the_marts_tell(night, marts, decision):
    ((customer_id, tier, spend, reason),) = marts(
        "select customer_id, tiers.tier, tiers.qualifying_spend, decisions.reason_code "
        "from marts.audience_decisions as decisions "
        "inner join marts.customer_tiers as tiers using (customer_id) "
        f"where audience_id = 'vip' and decision = '{decision}' order by customer_id limit 1"
    )
    result = night.home.vip("explain", customer_id, "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["tier"] == tier and told["history"][-1]["tier"] == tier
    (vip,) = [each for each in told["audiences"] if each["audience_id"] == "vip"]
    assert vip["decision"] == decision and vip["reason_code"] == reason and vip["why"]
    met = {each["tier"] for each in told["rules"] if each["is_met"]}
    assert met == {each["tier"] for each in told["rules"] if float(spend) >= each["threshold"]}


@pytest.mark.slow
def test_it_reads_well_and_names_nobody(night, marts):
    ((customer_id, tier, since),) = marts(
        "select customer_id, tier, tier_since from marts.customer_tiers "
        "where tier_rank = 2 and projected_demotion_on is not null order by 1 limit 1"
    )
    result = night.home.vip("explain", customer_id)
    assert result.returncode == 0, result.stderr
    assert f"{customer_id} on 2026-07-01: {tier.capitalize()} since {since}" in result.stdout
    for heading in ("Rules", "Next", "Audiences", "History"):
        assert heading in result.stdout
    assert not re.search(r"\+\d{7,}|@", result.stdout)


@pytest.mark.slow
def test_a_look_back_tells_the_tier_of_that_day(night, marts):
    ((customer_id, tier, valid_from, valid_to),) = marts(
        "select customer_id, tier, valid_from, valid_to from marts.tier_history "
        "where valid_to is not null and tier_rank > 0 order by 1, 3 limit 1"
    )
    for day, held in ((valid_from, tier), (valid_to, None)):
        told = json.loads(
            night.home.vip("explain", customer_id, "--as-of", str(day), "--json").stdout
        )
        assert (told["tier"] == held) if held else (told["tier"] != tier)
        assert told["standing"] is None and told["audiences"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody",), "no customer nobody in the marts of 2026-07-01"),
        (("nobody", "--as-of", "2026-07-02"), "the marts are of 2026-07-01"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(night, arguments, said):
    result = night.home.vip("explain", *arguments)
    assert result.returncode == 1 and said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_without_a_night_it_says_what_to_do(home):
    result = home.vip("explain", "c1")
    assert result.returncode == 1 and "run `vip nightly`" in result.stderr
