"""The quarterly audit: what asks the owner for a decision, and the page that says so."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import duckdb
import pytest

from orchestration import audit
from orchestration.audit import Audit
from orchestration.warehouse import connect

AS_OF = date(2026, 7, 1)

SOUND = Audit(
    as_of_date=AS_OF,
    currency="USD",
    policy={
        "policy_version": "v1",
        "effective_from": date(2026, 1, 1),
        "owner": "marketing",
        "approver": "finance",
        "approved_on": date(2025, 12, 1),
        "review_on": date(2026, 7, 2),
    },
    rules=[],
    tiers=[
        {
            "tier": "gold",
            "tier_rank": 1,
            "customers": 30,
            "active": 28,
            "share": 0.15,
            "qualified": 25,
            "inactive": 0,
            "cm3_12m": 1000,
        }
    ],
    spend={0.5: 100.0},
    benefits=[
        {
            "tier": "gold",
            "benefit_id": "gift",
            "customers_entitled": 30,
            "customers_redeemed_12m": 2,
            "customers_redeemed_3m": 1,
            "redeemed_share_12m": 0.05,
            "redeemed_share_3m": 1 / 30,
            "cost_12m": 50,
        }
    ],
    caps=[
        {
            "message_class": "promotional",
            "window_hours": 720,
            "tier": "gold",
            "max_messages": 6,
            "highest_judged": 7,
            "lowest_too_many": 7,
            "proposed_max_messages": 6,
            "reason": "hardly_clicked",
            "verdict": "fits",
            "all_tiers_max_messages": 3,
        }
    ],
    parameters={
        "vip_share_low": 0.1,
        "vip_share_high": 0.2,
        "inactive_vip_days": 180,
        "benefit_use_low": 0.05,
    },
)


def with_tier(**values) -> Audit:
    return replace(SOUND, tiers=[{**SOUND.tiers[0], **values}])


def with_benefit(**values) -> Audit:
    return replace(SOUND, benefits=[{**SOUND.benefits[0], **values}])


def with_cap(**values) -> Audit:
    return replace(SOUND, caps=[{**SOUND.caps[0], **values}])


UNSEEN = {"lowest_too_many": None, "proposed_max_messages": None, "reason": None}


def with_review(day: date | None) -> Audit:
    return replace(SOUND, policy={**SOUND.policy, "review_on": day})


def decisions(seen: Audit) -> list[str]:
    return [found.title for found in audit.findings(seen) if found.state == "warned"]


def test_a_policy_that_fits_asks_for_nothing():
    assert decisions(SOUND) == []
    assert "The policy still fits" in audit.render(SOUND)


@pytest.mark.parametrize(
    ("seen", "title"),
    [
        (with_review(AS_OF), "Review overdue"),
        (with_review(None), "No review date"),
        (with_tier(share=0.099), "Too few VIPs"),
        (with_tier(share=0.201), "Too many VIPs"),
        (with_tier(customers=0, qualified=0), "Gold is empty"),
        (with_tier(inactive=1), "Inactive Gold"),
        (with_benefit(redeemed_share_12m=0.049), "gift is hardly used"),
        (
            with_benefit(customers_redeemed_12m=0, redeemed_share_12m=0.0),
            "1 benefit without any use",
        ),
        (
            with_cap(verdict="lower", proposed_max_messages=5),
            "Too many texts: promotional in 30 days for Gold",
        ),
        (
            with_cap(verdict="first_is_too_many", message_class="all", window_hours=24, **UNSEEN),
            "Unwelcome texts: of any kind in 24 hours for Gold",
        ),
        (
            with_cap(verdict="unknown_below", lowest_too_many=6, proposed_max_messages=None),
            "Too many texts: promotional in 30 days for Gold",
        ),
        (
            with_cap(verdict="unknown_below", proposed_max_messages=None),
            "Too many texts: promotional in 30 days",
        ),
        (
            with_cap(verdict="too_few_texts", all_tiers_max_messages=0, **UNSEEN),
            "Unwelcome texts: promotional in 30 days",
        ),
        (with_cap(verdict="too_few_texts", **UNSEEN), "Too many texts: promotional in 30 days"),
        (with_cap(verdict="no_limit_seen", **UNSEEN), "Too many texts: promotional in 30 days"),
    ],
)
def test_what_no_longer_fits_asks_for_a_decision(seen, title):
    assert decisions(seen) == [title]
    assert title in audit.render(seen) and "1 decision for marketing" in audit.render(seen)


def test_one_customer_is_told_as_one():
    assert "Without an order for 180 days: 1 customer;" in audit.render(with_tier(inactive=1))
    assert "30 customers, of whom 5 below its rules." in audit.render(SOUND)


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_a_share_on_the_bound_is_as_meant(share):
    assert decisions(with_tier(share=share)) == []


def test_a_share_of_several_tiers_on_the_bound_is_as_meant():
    """40, 8 and 5 of 530 are a tenth, though their shares add up to a hair less."""
    tiers = [
        {**SOUND.tiers[0], "tier": name, "share": active / 530}
        for name, active in (("silver", 40), ("gold", 8), ("platinum", 5))
    ]
    assert sum(tier["share"] for tier in tiers) < 0.1
    assert decisions(replace(SOUND, tiers=tiers)) == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"verdict": "higher", "proposed_max_messages": 8}, "No number of texts within a cap"),
        ({"verdict": "no_limit_seen", "all_tiers_max_messages": 6}, "No number of texts within"),
        ({"verdict": "no_limit_seen", "all_tiers_max_messages": None}, "No number of texts within"),
        (
            {"verdict": "too_few_texts", "all_tiers_max_messages": None, "highest_judged": 1},
            "Not known: too few texts",
        ),
        (
            {"verdict": "no_texts", "all_tiers_max_messages": None, "highest_judged": None},
            "Not known: too few texts",
        ),
    ],
)
def test_a_cap_that_nothing_speaks_for_lowering_asks_for_nothing(values, told):
    """One that could be raised least of all: it is told in the table and stays as it is written."""
    seen = with_cap(**values)
    assert decisions(seen) == []
    assert told in audit.render(seen)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"verdict": "lower", "proposed_max_messages": 2}, "number 6 is no longer worth it"),
        ({"verdict": "lower", "proposed_max_messages": 2}, "2 would do."),
        ({"verdict": "unknown_below", "proposed_max_messages": None}, "Of fewer too little is"),
        (
            {"verdict": "too_few_texts", "all_tiers_max_messages": 0},
            "By the texts of all tiers together: More people leave after the first one already",
        ),
    ],
)
def test_only_what_was_judged_is_told(values, told):
    page = audit.render(with_cap(lowest_too_many=6, **values))
    assert told in page and "0 would do" not in page


def test_tiers_with_too_few_texts_of_their_own_are_told_together():
    caps = [
        {**SOUND.caps[0], "verdict": "no_limit_seen", "tier": tier, "max_messages": cap, **UNSEEN}
        for tier, cap in (("gold", 6), ("silver", 4), ("bronze", 3))
    ]
    page = audit.render(replace(SOUND, caps=caps))
    assert "The caps are 6 for Gold, 4 for Silver; by the texts of all tiers together 3" in page
    assert decisions(replace(SOUND, caps=caps)) == ["Too many texts: promotional in 30 days"]


def test_what_nobody_handed_over_is_not_called_unused():
    unknown = with_benefit(
        customers_redeemed_12m=None,
        customers_redeemed_3m=None,
        redeemed_share_12m=None,
        redeemed_share_3m=None,
        cost_12m=None,
    )
    assert decisions(unknown) == []
    assert "no redemption is recorded" in audit.render(unknown)
    assert "not known" in audit.render(unknown)


def test_a_rule_is_held_against_today_by_what_its_share_comes_to():
    """Of four who bought two are level with the cut of spend and one with that of the blend."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as vip_sms")
        connection.execute("create schema policy; create schema vip_sms.marts")
        connection.execute(
            "create table policy.tier_rules as from (values "
            "('v1', 'gold', 2, 'rank_blend', 'qualifying_spend', 'top_share', 0.15, 'share'), "
            "('v1', 'gold', 2, 'rank_blend', 'orders_12m', 'top_share', 0.15, 'share'), "
            "('v1', 'silver', 1, 'all', 'qualifying_spend', 'top_share', 0.4, 'share'), "
            "('v1', 'silver', 1, 'all', 'orders_12m', 'at_least', 2, 'orders'), "
            "('v1', 'silver', 1, 'all', 'orders_in_period', 'at_least', 2, 'orders'), "
            "('v0', 'silver', 1, 'all', 'orders_90d', 'at_least', 9, 'orders')) as t "
            "(policy_version, tier, tier_rank, combiner, metric, rule, threshold, unit)"
        )
        connection.execute(
            "create table vip_sms.marts.tier_requirements as from (values "
            "(2, 'rank_blend', 'top_share', 7.0, 'places'), "
            "(1, 'qualifying_spend', 'top_share', 900.0, 'USD'), "
            "(1, 'orders_12m', 'at_least', 2.0, 'orders')) "
            "as t (tier_rank, metric, rule, threshold, unit)"
        )
        connection.execute(
            "create table vip_sms.marts.tier_rule_values as from (values "
            "('c1', 2, 'rank_blend', 7.0), ('c2', 2, 'rank_blend', 8.0)) "
            "as t (customer_id, tier_rank, metric, metric_value)"
        )
        connection.execute(
            "create table vip_sms.marts.customer_value as from (values "
            "('c1', 900, 1, false), ('c2', 950, 1, false), ('c3', 899, 2, false), "
            "('c4', 10, 1, false), ('quiet', 5000, 0, false), ('staff', 5000, 3, true)) "
            "as t (customer_id, qualifying_spend, orders_12m, is_test)"
        )
        connection.execute(
            "create table vip_sms.marts.customer_tiers as select customer_id, 'none' as tier, "
            "0 as tier_rank, 0 as qualified_tier_rank from vip_sms.marts.customer_value"
        )
        found = audit._rules(connection, "v1")
    told = [(rule["metric"], rule["share"], rule["threshold"], rule["met"]) for rule in found]
    assert told == [
        ("rank_blend", 0.15, 7.0, 0.25),
        ("orders_12m", None, 2.0, 0.25),
        ("orders_in_period", None, None, None),
        ("qualifying_spend", 0.4, 900.0, 0.5),
    ]
    page = " ".join(audit.render(replace(SOUND, rules=found)).split())
    assert "rank blend top 15.0%" in page and "qualifying spend top 40.0%" in page
    assert "orders 12m at least" in page and "<td>places</td>" in page


@pytest.mark.slow
def test_the_audit_job_writes_a_page_over_the_last_night(copy, monkeypatch):
    settings = copy.settings
    monkeypatch.setenv("VIP_HOME", str(settings.home))
    monkeypatch.setenv("VIP_RAW_DIR", str(settings.raw_dir))
    from orchestration.definitions import build_defs

    result = build_defs().resolve_job_def("audit_job").execute_in_process()
    assert result.success
    page = settings.paths.audits / f"{AS_OF}.html"
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_mode & 0o777 == 0o600
    with connect(settings, read_only=True) as connection:
        members = connection.execute(
            "select tier, count(*) from vip_sms.marts.customer_tiers "
            "inner join vip_sms.marts.customer_value using (customer_id) "
            "where tier_rank > 0 and not is_test group by tier"
        ).fetchall()
    assert members
    for tier, customers in members:
        shown = re.search(rf"{tier.capitalize()}</th><td class=\"number\">([\d,]+)", text)
        assert shown and int(shown[1].replace(",", "")) == customers
    assert not re.search(r"https?://|<script|<link", text)
    (event,) = result.asset_materializations_for_node("policy_audit")
    assert event.metadata["as_of_date"].value == AS_OF.isoformat()


def test_the_audit_comes_each_quarter():
    from orchestration.definitions import defs

    cron = defs.resolve_schedule_def("audit_schedule").cron_schedule
    assert cron.split()[2:] == ["2", "1,4,7,10", "*"]
    night = defs.resolve_schedule_def("nightly_schedule").cron_schedule
    assert cron.split()[1] == night.split()[1]
    assert cron.split()[0] != night.split()[0], "both would ask for the warehouse at once"
