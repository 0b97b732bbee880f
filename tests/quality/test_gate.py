"""Each check at the gate passes on a sound brand and fails on the fault it is there for.

The marts say what they said before in every case of a lost stop: the gate must see it in the raw
facts alone.
"""

from __future__ import annotations

from math import comb

import pytest
from scipy.stats import binom

from orchestration.quality.boundaries import binomial_quantile

AUDIENCE = "activation.sync_vip_audience"
EVENT = (
    "insert into raw.consent_events by name select 'x' as consent_event_id, {who},"
    " '{action}' as action, timestamp '{when}' as occurred_at"
)
OLDER_ON_PHONE = (
    "insert into raw.customers by name select 'a0' as customer_id, timestamp '2020-01-01' as"
    " created_at, '+14155550100' as phone, '+14155550100' as phone_e164;"
)
REPLY = (
    "insert into raw.sms_events by name select 's' as sms_event_id, {who},"
    " 'opt_out' as event_type, timestamp '2026-06-30 23:59:59' as occurred_at"
)
SUPPRESSION = (
    "insert into raw.suppressions by name select 's' as suppression_id, {who}, 'fraud' as reason,"
    " timestamp '{since}' as from_at, timestamp '{until}' as until_at"
)
SAID = (
    "insert into raw.sms_events by name select 's' as sms_event_id, 'c0100' as customer_id,"
    " '{event_type}' as event_type, {text} as reply_text,"
    " timestamp '2026-06-30 23:59:59' as occurred_at"
)
TICKET = (
    "insert into raw.support_tickets by name select 't' as ticket_id, 'c0100' as customer_id,"
    " '{category}' as category, timestamp '2026-06-30 23:59:59' as opened_at"
)
LOST_TEXT = (
    "insert into raw.rejects by name select 'sms_messages' as table_name, 7 as row_number,"
    " 'c0100' as customer_id, '{{\"message_id\": \"m1\"}}' as row_data;"
    "insert into raw.sms_events by name select 's' as sms_event_id, 'm1' as message_id,"
    " '{event_type}' as event_type, timestamp '2026-06-30 23:59:59' as occurred_at"
)
OPT_OUT = (
    "insert into vip_sms.marts.opt_outs by name select 'c0100' as contact_id, '{heeding}' as"
    " heeding, timestamp '{last}' as last_text_at, 400.0 as hours_to_last_text"
)
REJECT = "insert into raw.rejects by name select '{}' as table_name, 7 as row_number, {}"
# One message to c0100 from noon to six, where the law would have it from ten to eight.
MESSAGE = (
    "insert into policy.audiences values ('offer', 1, 'promotional', true);"
    f"update {AUDIENCE} set audience_ids = 'offer,vip' where customer_id = 'c0100';"
    "insert into activation.sync_audience_members values ('offer', 'c0100',"
    " '2026-07-01 12:00', '2026-07-01 18:00', '2026-07-02');"
    "insert into intermediate.int_contact_send_windows values"
    " ('c0100', 'promotional', '2026-07-01 10:00', '2026-07-01 20:00'),"
    " ('c0100', 'service', '2026-07-01 00:00', '2026-07-04 00:00');"
)
MEMBER = "update activation.sync_audience_members set "
LEGAL = "update intermediate.int_contact_send_windows set "
# c0100 is told what is owed, and nothing else.
OWED = (
    "insert into policy.audiences values ('recall', 0, 'service', false);"
    f"update {AUDIENCE} set audience_ids = 'recall' where customer_id = 'c0100';"
)
SERVICE_YES = (
    "update raw.consent_events set purpose = 'transactional' where customer_id = 'c0100';"
    "update vip_sms.marts.customer_consent set state = 'opted_in', is_opted_in = true"
    " where customer_id = 'c0100' and purpose = 'transactional';"
)
NO_MARKETING = (
    "update vip_sms.marts.customer_consent set state = 'unknown', is_opted_in = false"
    " where customer_id = 'c0100' and purpose = 'marketing';"
)
SERVICE_STOP = (
    "insert into raw.consent_events by name select 'x' as consent_event_id,"
    " 'c0100' as customer_id, 'transactional' as purpose, 'opt_out' as action,"
    " timestamp '2026-06-01' as occurred_at;"
)
LOG = (
    "insert into raw.holdout_log values ('global', '{}', '{}', 'holdout', 0.01, date '2026-01-01')"
)

C0100 = "'c0100' as customer_id"
ITS_PHONE = "'+14155550100' as phone, '+14155550100' as phone_e164"


def test_a_sound_brand_passes(brand, failed):
    results = brand.judge("gate")
    assert failed(results) == set()
    assert results["every_member_has_sms_consent"].observed == "0 of 270 rows"
    assert results["vip_share_is_usual"].observed == "15 %"
    assert results["vip_share_is_usual"].expected == "10 % to 20 %"
    assert results["vip_share_is_bounded"].expected == "below 40 %"
    holdout = results["holdout_share_is_as_designed"]
    assert holdout.observed == "30 of 300 held out (10.00 %)"
    assert holdout.expected == "12 to 52 (10.0 % by design)"


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        # phone
        (f"update {AUDIENCE} set phone = '0415 555 0100'", "every_member_has_an_e164_phone"),
        (f"update {AUDIENCE} set phone = null", "every_member_has_an_e164_phone"),
        (f"update {AUDIENCE} set phone = '+14155559999'", "every_phone_is_its_members_own"),
        (
            "insert into raw.customers by name select 'x' || i as customer_id,"
            " '+14155550100' as phone_e164 from range(5) as r(i)",
            "every_phone_is_its_members_own",
        ),
        (f"insert into {AUDIENCE} from {AUDIENCE} where customer_id = 'c0100'", "one_row_a_phone"),
        (
            f"update {AUDIENCE} set phone = '+442079460000' where customer_id = 'c0100'",
            "no_member_is_on_a_landline",
        ),
        (
            "insert into reference.phone_lines values ('1', 'fixed_line')",
            "no_member_is_on_a_landline",
        ),
        # consent
        (
            "update vip_sms.marts.customer_consent set is_opted_in = null"
            " where customer_id = 'c0100'",
            "every_member_has_sms_consent",
        ),
        (
            "delete from raw.consent_events where customer_id = 'c0100'",
            "every_member_has_sms_consent",
        ),
        (
            "update raw.consent_events set phone = 'old', phone_e164 = '+14155559999'"
            " where customer_id = 'c0100'",
            "every_member_has_sms_consent",
        ),
        # said by who had the number before, and has another one now
        (
            "update raw.consent_events set customer_id = 'c0101' where customer_id = 'c0100'",
            "every_member_has_sms_consent",
        ),
        (
            "update raw.consent_events set purpose = 'transactional' where customer_id = 'c0100'",
            "every_member_has_sms_consent",
        ),
        (
            "update raw.consent_events set occurred_at = '2026-07-01' where customer_id = 'c0100'",
            "every_member_has_sms_consent",
        ),
        # stops
        (
            EVENT.format(who=C0100, action="opt_out", when="2026-06-30 23:59:59"),
            "no_member_has_opted_out",
        ),
        (
            EVENT.format(who=ITS_PHONE, action="opt_out", when="2026-06-01"),
            "no_member_has_opted_out",
        ),
        # what is owed asks for a word on service where there is one
        (OWED + NO_MARKETING, "every_member_has_sms_consent"),
        (
            OWED + "delete from vip_sms.marts.customer_consent where purpose = 'transactional'",
            "every_member_has_sms_consent",
        ),
        (OWED + SERVICE_STOP, "every_member_has_sms_consent"),
        (OWED + SERVICE_STOP, "no_member_has_opted_out"),
        (OWED + SERVICE_YES + SERVICE_STOP, "no_member_has_opted_out"),
        (
            OWED + EVENT.format(who=C0100, action="opt_out", when="2026-06-01"),
            "no_member_has_opted_out",
        ),
        # a yes to service lets no offer through, nor what nobody knows
        (
            OWED
            + SERVICE_YES
            + NO_MARKETING
            + f"update {AUDIENCE} set audience_ids = 'recall,vip' where customer_id = 'c0100'",
            "every_member_has_sms_consent",
        ),
        (
            OWED
            + SERVICE_YES
            + NO_MARKETING
            + f"update {AUDIENCE} set audience_ids = 'other,recall' where customer_id = 'c0100'",
            "every_member_has_sms_consent",
        ),
        # at the same instant as the yes, the stop counts
        (
            EVENT.format(who=C0100, action="opt_out", when="2024-02-01"),
            "no_member_has_opted_out",
        ),
        # a stop said with another number is the customer's all the same
        (
            EVENT.format(who=C0100 + ", '+1999' as phone", action="opt_out", when="2026-06-01"),
            "no_member_has_opted_out",
        ),
        # by somebody else who has the phone
        (
            OLDER_ON_PHONE
            + EVENT.format(who="'a0' as customer_id", action="opt_out", when="2026-06-01"),
            "no_member_has_opted_out",
        ),
        (REPLY.format(who=C0100), "no_member_has_opted_out"),
        (SAID.format(event_type="complaint", text="null"), "no_member_has_opted_out"),
        (SAID.format(event_type="reply", text="'Stop!'"), "no_member_has_opted_out"),
        (SAID.format(event_type="reply", text="'Please stop it'"), "no_member_has_opted_out"),
        (SAID.format(event_type="reply", text="'no móre, thanks'"), "no_member_has_opted_out"),
        # letters of double width, and between them one that nobody sees
        (
            SAID.format(
                event_type="reply", text="'\uff33\uff34\uff2f' || chr(8203) || '\uff30\uff01'"
            ),
            "no_member_has_opted_out",
        ),
        (TICKET.format(category="opt-out"), "no_member_has_opted_out"),
        (LOST_TEXT.format(event_type="opt_out"), "no_member_has_an_unreadable_stop"),
        (LOST_TEXT.format(event_type="complaint"), "no_member_has_an_unreadable_stop"),
        (
            REPLY.format(who="'m' as message_id") + ";insert into raw.sms_messages by name"
            " select 'm' as message_id, 'c0100' as customer_id",
            "no_member_has_opted_out",
        ),
        (
            REPLY.format(who="'m' as message_id, 'kl_01H' as customer_id")
            + ";insert into raw.sms_messages by name"
            " select 'm' as message_id, 'c0100' as customer_id",
            "no_member_has_opted_out",
        ),
        (REJECT.format("consent_events", C0100), "no_member_has_an_unreadable_stop"),
        (REJECT.format("sms_events", C0100), "no_member_has_an_unreadable_stop"),
        (REJECT.format("handed_opt_outs", C0100), "no_member_has_an_unreadable_stop"),
        (
            REJECT.format("support_tickets", C0100) + ', \'{"category": "opt_out"}\' as row_data',
            "no_member_has_an_unreadable_stop",
        ),
        (
            REJECT.format("support_tickets", C0100) + ", 'malformed_record' as reason",
            "no_member_has_an_unreadable_stop",
        ),
        (
            REJECT.format("suppressions", "'+14155550100' as phone_e164"),
            "no_member_has_an_unreadable_stop",
        ),
        (
            SUPPRESSION.format(who=C0100, since="2026-06-30", until="2026-07-02"),
            "no_member_is_suppressed",
        ),
        (
            SUPPRESSION.format(who=ITS_PHONE, since="2026-06-30", until="2026-07-02"),
            "no_member_is_suppressed",
        ),
        (
            OLDER_ON_PHONE
            + SUPPRESSION.format(who="'a0' as customer_id", since="2020-01-01", until="2030-01-01"),
            "no_member_is_suppressed",
        ),
        # holdout
        (
            "update vip_sms.marts.holdout_assignments set arm = 'holdout'"
            " where contact_id = 'c0100'",
            "no_member_is_in_the_holdout",
        ),
        (LOG.format("c0100", "c0100"), "no_member_is_in_the_holdout"),
        # the oldest account on the phone makes the contact, whatever the row says
        (OLDER_ON_PHONE + LOG.format("a0", "a0"), "no_member_is_in_the_holdout"),
        # and takes over what was drawn for a younger one who named it before
        (
            OLDER_ON_PHONE.replace("2020", "2025") + LOG.format("a0", "a0"),
            "no_member_is_in_the_holdout",
        ),
        (f"update {AUDIENCE} set contact_id = null", "no_member_is_in_the_holdout"),
        # who
        (
            "update raw.customers set is_test = true where customer_id = 'c0100'",
            "no_member_is_a_test_account",
        ),
        (
            "delete from raw.customers where customer_id = 'c0100'",
            "no_member_is_a_test_account",
        ),
        # tier
        (
            f"update {AUDIENCE} set tier = 'none', tier_rank = 0 where customer_id = 'c0100'",
            "every_member_holds_a_vip_tier",
        ),
        (f"update {AUDIENCE} set tier = 'bronze'", "every_member_holds_a_vip_tier"),
        (f"update {AUDIENCE} set tier_rank = null", "every_member_holds_a_vip_tier"),
        # a tier of the policy, but not the one that is held
        (
            "insert into policy.tier_rules values ('argent', 1);"
            f"update {AUDIENCE} set tier = 'argent' where tier_rank = 1",
            "every_member_holds_a_vip_tier",
        ),
        # the one that is held, but none of the policy
        (
            f"update {AUDIENCE} set tier = 'bronze' where tier_rank = 1;"
            "update vip_sms.marts.customer_tiers set tier = 'bronze' where tier_rank = 1",
            "every_member_holds_a_vip_tier",
        ),
        (f"update {AUDIENCE} set audience_ids = 'vip,other'", "every_member_holds_a_vip_tier"),
        (f"update {AUDIENCE} set audience_ids = null", "every_member_holds_a_vip_tier"),
        (
            "update vip_sms.marts.customer_tiers set tier = 'none', tier_rank = 0"
            " where customer_id = 'c0100'",
            "every_member_holds_a_vip_tier",
        ),
        (
            "insert into policy.audiences values ('gold_only', 3, 'promotional', false);"
            f"update {AUDIENCE} set audience_ids = 'gold_only,vip'",
            "every_member_holds_a_vip_tier",
        ),
        (f"update {AUDIENCE} set as_of_date = '2026-06-30'", "every_row_is_of_tonight"),
        ("update raw.run_context set as_of_date = '2026-06-30'", "every_row_is_of_tonight"),
        # windows
        (
            MESSAGE + MEMBER + "send_window_opens_at = '2026-07-01 09:59'",
            "every_message_keeps_to_its_window",
        ),
        (
            MESSAGE + MEMBER + "send_window_closes_at = '2026-07-01 20:01'",
            "every_message_keeps_to_its_window",
        ),
        (
            MESSAGE + MEMBER + "send_window_closes_at = send_window_opens_at",
            "every_message_keeps_to_its_window",
        ),
        (
            MESSAGE + MEMBER + "ends_at = send_window_opens_at",
            "every_message_keeps_to_its_window",
        ),
        (MESSAGE + MEMBER + "send_window_opens_at = null", "every_message_keeps_to_its_window"),
        (
            MESSAGE
            + LEGAL
            + "opens_at = '2026-06-30'; "
            + MEMBER
            + "send_window_opens_at = '2026-06-30 23:59'",
            "every_message_keeps_to_its_window",
        ),
        (
            MESSAGE + "delete from intermediate.int_contact_send_windows"
            " where message_class = 'promotional'",
            "every_message_keeps_to_its_window",
        ),
        (
            MESSAGE + "delete from activation.sync_audience_members",
            "every_message_keeps_to_its_window",
        ),
        (
            f"update {AUDIENCE} set audience_ids = 'other,vip'",
            "every_message_keeps_to_its_window",
        ),
        # holdout arms
        (
            "update vip_sms.marts.holdout_assignments set arm = 'treatment'"
            " where contact_id > 'c0011'",
            "holdout_share_is_as_designed",
        ),
        ("delete from policy.holdouts", "holdout_share_is_as_designed"),
        (
            "update activation.sync_vip_holdout set arm = 'holdout' where customer_id = 'c0100'",
            "every_contact_has_one_arm",
        ),
        (
            "update activation.sync_vip_holdout set arm = null where customer_id = 'c0100'",
            "every_contact_has_one_arm",
        ),
        (LOG.format("c0100", "c0100"), "assignments_never_change"),
        # policy
        (
            "update vip_sms.marts.customer_tiers set tier_rank = 1 where customer_id <= 'c0800'",
            "vip_share_is_bounded",
        ),
    ],
)
def test_each_fault_stops_the_night(brand, fault, check):
    brand.sql(fault)
    result = brand.check(check)
    assert result.stops
    assert result.severity == "error"
    assert result.observed != result.expected
    if check not in ("vip_share_is_bounded", "holdout_share_is_as_designed"):
        assert result.unexpected_rows[0]["customer_id"]


@pytest.mark.parametrize(
    ("fault", "check", "stops"),
    [
        (
            OPT_OUT.format(heeding="past_deadline", last="2026-06-24"),
            "stops_are_heeded_by_the_deadline",
            True,
        ),
        (OPT_OUT.format(heeding="late", last="2026-06-24"), "stops_are_heeded_within_a_day", False),
        (
            "update reference.sms_rules set confidence = 'unverified'",
            "rules_are_verified",
            False,
        ),
        (
            "update reference.public_holidays set holiday_on = date '2026-08-29'",
            "holidays_are_known",
            True,
        ),
        (
            "update vip_sms.marts.customer_consent set has_proof = false",
            "consent_has_proof",
            False,
        ),
    ],
)
def test_law_that_is_late_or_unsure_is_told(brand, fault, check, stops):
    brand.sql(fault)
    result = brand.check(check)
    assert not result.passed
    assert result.stops == stops
    assert result.unexpected_rows


@pytest.mark.parametrize(
    "harmless",
    [
        # a stop, and a later yes
        EVENT.format(who=C0100, action="opt_out", when="2024-01-01"),
        # what happens on the as-of date or after it does not count yet
        EVENT.format(who=C0100, action="opt_out", when="2026-07-01"),
        EVENT.format(
            who=C0100 + ", 'transactional' as purpose", action="opt_out", when="2026-06-01"
        ),
        SUPPRESSION.format(who=C0100, since="2026-06-01", until="2026-07-01"),
        SUPPRESSION.format(who=C0100, since="2026-07-01", until="2026-07-02"),
        REJECT.format("orders", C0100),
        # words that are no stop, a text that was clicked, a ticket about something else
        SAID.format(event_type="reply", text="'When does it end?'"),
        LOST_TEXT.format(event_type="click") + ";" + TICKET.format(category="delivery"),
        # texted after a stop, but more than a week ago
        OPT_OUT.format(heeding="past_deadline", last="2026-06-23"),
        LOG.format("c0001", "c0001"),
        # an assignment of a later night, when this one is built again
        LOG.format("c0100", "c0100").replace("2026-01-01", "2026-07-02"),
        # what customers are owed is told to the holdout too
        OWED + f"update {AUDIENCE} set contact_id = 'c0001' where customer_id = 'c0100'",
        # a yes to service needs none to offers beside it, and a stop of offers does not end it
        OWED + SERVICE_YES + NO_MARKETING,
        OWED
        + SERVICE_YES
        + NO_MARKETING
        + EVENT.format(who=C0100, action="opt_out", when="2026-06-01"),
        # the legal window may be longer than the message's, and its own to the minute
        MESSAGE,
        MESSAGE + LEGAL + "opens_at = '2026-07-01 12:00', closes_at = '2026-07-01 18:00'",
        # a ticket that was turned away and was about something else, or about nothing
        REJECT.format("support_tickets", C0100) + ', \'{"category": "fit"}\' as row_data',
        REJECT.format("support_tickets", C0100),
        # the customer was held out with an earlier phone; the contact of this one never was
        OLDER_ON_PHONE.replace("2020", "2025") + LOG.format("elsewhere", "a0"),
        # an account opened after the as-of date is not there yet
        OLDER_ON_PHONE.replace("2020-01-01", "2026-07-01")
        + EVENT.format(who="'a0' as customer_id", action="opt_out", when="2026-06-01"),
        # four more on the phone are a household
        "insert into raw.customers by name select 'x' || i as customer_id,"
        " '+14155550100' as phone_e164 from range(4) as r(i)",
    ],
)
def test_what_is_harmless_passes(brand, failed, harmless):
    brand.sql(harmless)
    assert failed(brand.judge("gate")) == set()


def test_an_uneven_draw_is_told_and_stops_nothing(brand):
    brand.sql(
        "insert into vip_sms.marts.holdout_balance values"
        " ('global', 'tier', 'gold', 900, 100, 100.0, 0.0, true),"
        " ('global', 'tier', 'silver', 1820, 180, 200.0, -1.49, true),"
        " ('global', 'region', 'US-CA', 340, 60, 40.0, 3.33, null)"
    )
    assert brand.check("holdout_arms_are_balanced").passed
    brand.sql(
        "update vip_sms.marts.holdout_balance set is_within_bounds = false, held_out = 60"
        " where stratum = 'gold';"
        "insert into vip_sms.marts.holdout_balance values"
        " ('cart-1', 'country', 'FR', 700, 1300, 200.0, 82.0, false)"
    )
    result = brand.check("holdout_arms_are_balanced")
    assert (result.passed, result.stops, result.severity) == (False, False, "warn")
    assert result.observed == (
        "cart-1 by country: 1,300 of FR held out; global by tier: 60 of gold held out"
    )
    assert result.expected == "200.0; 100.0"
    assert [row["stratum"] for row in result.unexpected_rows] == ["FR", "gold"]


# The public comes in on 4 July at three, Gold two days before and Silver one.
LAUNCH = (
    "insert into raw.campaigns by name select 'ea' as campaign_id,"
    " 'early_access' as message_type, timestamp '2026-07-01 15:00' as starts_at,"
    " timestamp '2026-07-04 15:00' as ends_at;"
    "insert into activation.sync_access_windows values"
    " ('ea', 'c0100', 'early_access', 'gold', 2, '2026-07-02 15:00', '2026-07-04 15:00'),"
    " ('ea', 'c0101', 'early_access', 'silver', 1, '2026-07-03 15:00', '2026-07-04 15:00');"
)
SILVER = "update activation.sync_access_windows set {} where tier = 'silver'"


@pytest.mark.parametrize(
    ("fault", "check", "stops"),
    [
        (SILVER.format("closes_at = '2026-07-04 15:01'"), "no_code_outlives_the_launch", True),
        (SILVER.format("closes_at = '2026-07-04 14:59'"), "no_code_outlives_the_launch", True),
        (SILVER.format("opens_at = closes_at"), "no_code_outlives_the_launch", True),
        (
            "update raw.campaigns set ends_at = '2026-07-03 15:00'",
            "no_code_outlives_the_launch",
            True,
        ),
        ("update raw.campaigns set ends_at = null", "no_code_outlives_the_launch", True),
        ("delete from raw.campaigns", "no_code_outlives_the_launch", True),
        (
            "update raw.campaigns set ends_at = '2026-07-01';"
            "update activation.sync_access_windows set closes_at = '2026-07-01',"
            " opens_at = '2026-06-30'",
            "no_code_outlives_the_launch",
            True,
        ),
        (SILVER.format("opens_at = '2026-07-02 14:59'"), "higher_tiers_come_first", False),
        (SILVER.format("closes_at = '2026-07-04 15:01'"), "higher_tiers_come_first", False),
    ],
)
def test_the_public_launch_is_guarded(brand, fault, check, stops):
    brand.sql(LAUNCH)
    assert brand.check(check).passed
    brand.sql(fault)
    result = brand.check(check)
    assert not result.passed
    assert result.stops == stops
    assert result.unexpected_rows[0]["campaign_id"] == "ea"


def test_a_code_for_a_sale_knows_no_public(brand):
    brand.sql(LAUNCH + "update raw.campaigns set message_type = 'private_sale', ends_at = null")
    assert brand.check("no_code_outlives_the_launch").passed


def test_vip_share_warns_before_it_stops(brand):
    brand.sql("update vip_sms.marts.customer_tiers set tier_rank = 1 where customer_id < 'c0800'")
    results = brand.judge("gate")
    assert results["vip_share_is_bounded"].passed
    usual = results["vip_share_is_usual"]
    assert not usual.passed
    assert not usual.stops
    assert usual.severity == "warn"
    assert usual.observed == "39.95 %"
    assert usual.unexpected_rows == [{"customers": 2000, "vips": 799, "vip_share": 0.3995}]


def test_vip_share_leaves_out_test_accounts_and_the_inactive(brand):
    brand.sql(
        "update vip_sms.marts.customer_tiers set tier_rank = 1 where customer_id <= 'c1000';"
        "update raw.customers set is_test = true where customer_id between 'c0301' and 'c0600';"
        "update vip_sms.marts.customer_value set orders_12m = 0"
        " where customer_id between 'c0601' and 'c1000'"
    )
    assert brand.check("vip_share_is_usual").observed == "23.08 %"


def test_a_small_brand_is_not_judged_by_its_vip_share(brand, failed):
    brand.sql("update vip_sms.marts.customer_value set orders_12m = 0 where customer_id > 'c0099'")
    results = brand.judge("gate")
    assert failed(results) == set()
    assert results["vip_share_is_bounded"].observed == "fewer than 100 active customers"


def test_each_period_of_a_holdout_is_held_to_its_own_share(brand):
    brand.sql(
        "update policy.holdouts set effective_to = '2026-06-01';"
        "insert into policy.holdouts values ('global', 0.5, '2026-06-01', null);"
        "update vip_sms.marts.holdout_assignments set assigned_on = '2026-01-01'"
    )
    assert brand.check("holdout_share_is_as_designed").passed
    brand.sql("update vip_sms.marts.holdout_assignments set assigned_on = '2026-06-01'")
    result = brand.check("holdout_share_is_as_designed")
    assert result.stops
    assert result.expected == "116 to 184 (50.0 % by design)"


def test_a_missing_table_fails_every_check_that_needs_it(brand):
    brand.sql(f"drop table {AUDIENCE}")
    results = brand.judge("gate")
    assert results["every_member_has_sms_consent"].stops
    assert results["every_member_has_sms_consent"].observed.startswith("could not be judged")
    assert results["assignments_never_change"].passed


@pytest.mark.parametrize(
    ("trials", "share"),
    [(0, 0.1), (30, 0.0), (30, 1.0), (1, 0.1), (30, 0.1), (300, 0.1), (2000, 0.05)],
)
def test_binomial_quantiles_are_exact(trials, share):
    def at_most(k: int) -> float:
        return sum(comb(trials, i) * share**i * (1 - share) ** (trials - i) for i in range(k + 1))

    for tail in (0.00005, 0.99995):
        found = binomial_quantile(tail, trials, share)
        assert at_most(found) >= tail
        assert found == 0 or at_most(found - 1) < tail
        assert found == binom.ppf(tail, trials, share)


def test_binomial_bounds_leave_out_one_in_ten_thousand():
    low, high = (binomial_quantile(tail, 1000, 0.1) for tail in (0.00005, 0.99995))
    assert binom.cdf(low - 1, 1000, 0.1) + binom.sf(high, 1000, 0.1) <= 0.0001
    assert binom.cdf(low, 1000, 0.1) + binom.sf(high - 1, 1000, 0.1) > 0.0001
