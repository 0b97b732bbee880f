"""Each check at landing passes on a sound brand and fails on the fault it is there for."""

from __future__ import annotations

import pytest

from orchestration.contract import load_contract
from orchestration.quality.suites import load_suites

ROW = "insert into raw.load_report values ('{}', 'more.csv', {}, {}, {}, 0, 0, null)"


def test_a_sound_brand_passes(brand, failed):
    results = brand.judge("landing")
    assert failed(results) == set()
    assert all(result.unexpected_rows == [] for result in results.values())
    assert results["no_required_table_has_shrunk"].observed == "no earlier night to compare with"


@pytest.mark.parametrize(
    ("fault", "check", "stops", "observed"),
    [
        (
            "insert into raw.customers by name select 'c0007' as customer_id",
            "every_customer_has_one_row",
            True,
            "1 row",
        ),
        (
            "insert into raw.customers by name select 'x' || i as customer_id, '12' as phone"
            " from range(900) as r(i)",
            "most_phones_are_readable",
            False,
            "68.97 %",
        ),
        (
            "insert into raw.orders by name select 'o1' as order_id, 'c0001' as customer_id,"
            " timestamp '2026-06-30' as ordered_at, 1 as fx_rate",
            "every_order_has_one_row",
            True,
            "1 row",
        ),
        (
            "update raw.orders set ordered_at = '2026-06-20 12:00'",
            "newest_order_is_recent",
            True,
            "11 days",
        ),
        (
            "update raw.orders set ordered_at = '2026-07-01 00:00'",
            "newest_order_is_recent",
            True,
            "no order before the as-of date",
        ),
        (
            "update raw.orders set ordered_at = '1970-01-01' where order_id in ('o1', 'o2')",
            "orders_have_plausible_values",
            True,
            "2 of 2,000 rows",
        ),
        (
            "update raw.orders set fx_rate = null where order_id = 'o1'",
            "orders_have_plausible_values",
            True,
            "1 of 2,000 rows",
        ),
        (
            "update raw.orders set customer_id = null where order_id < 'o6'",
            "most_orders_name_a_customer",
            False,
            "22.2 %",
        ),
        (
            "update raw.order_lines set quantity = 0 where order_line_id in ('l1', 'l2')",
            "lines_have_plausible_values",
            True,
            "2",
        ),
        (
            "update raw.order_lines set unit_price = 0 where order_line_id > 'l7'",
            "few_lines_are_free",
            False,
            "16.6 %",
        ),
        (
            "delete from raw.order_lines where order_line_id > 'l7'",
            "nearly_every_order_has_lines",
            False,
            "16.6 %",
        ),
        (
            "alter table raw.orders alter column ordered_at type varchar",
            "columns_are_typed_as_contracted",
            True,
            "1 of 26 rows",
        ),
        (
            "alter table raw.order_lines alter column unit_price type double",
            "columns_are_typed_as_contracted",
            True,
            "1 of 26 rows",
        ),
        (
            "alter table raw.suppressions drop column until_at",
            "columns_are_typed_as_contracted",
            True,
            "1 of 26 rows",
        ),
        (
            ROW.format("returns", 100, 70, 30),
            "few_rows_are_rejected",
            False,
            "up to 1.429 %",
        ),
        (
            ROW.format("returns", 300, 0, 300),
            "rejected_rows_stay_bounded",
            True,
            "up to 13.04 %",
        ),
        (
            ROW.format("suppressions", 110, 0, 110),
            "rejected_consent_rows_stay_bounded",
            True,
            "up to 5.213 %",
        ),
    ],
)
def test_each_fault_is_found(brand, fault, check, stops, observed):
    brand.sql(fault)
    result = brand.check(check)
    assert not result.passed
    assert result.stops is stops
    assert result.severity == ("error" if stops else "warn")
    assert result.observed == observed
    assert result.expected != result.observed


STOPS = {
    "rejected": "insert into raw.rejects by name select '{}' as table_name, 'a.csv' as file_name,"
    " 3 as row_number, 'unparsable' as reason",
    "loaded opt-out": "insert into raw.consent_events by name select 'e' as consent_event_id,"
    " 'opt_out' as action, '0171 2345678' as phone, timestamp '2026-01-01' as occurred_at",
    "loaded suppression": "insert into raw.suppressions by name select 's' as suppression_id,"
    " 'legal' as reason, timestamp '2026-01-01' as from_at",
    "loaded reply": "insert into raw.sms_events by name select 's' as sms_event_id,"
    " 'opt_out' as event_type, 'm' as message_id, timestamp '2026-01-01' as occurred_at",
}
STOPS["loaded complaint"] = STOPS["loaded reply"].replace("opt_out", "complaint")
STOPS["loaded words"] = (
    STOPS["loaded reply"].replace("opt_out", "reply") + ", 'please STOP.' as reply_text"
)
LOST_TEXT = (
    "; insert into raw.rejects by name select 'sms_messages' as table_name, 'a.csv' as file_name,"
    " 4 as row_number, 'unparsable' as reason, '{\"message_id\": \"m\"}' as row_data,"
    " 'c0001' as customer_id"
)


@pytest.mark.parametrize(
    "fault",
    [
        *(STOPS["rejected"].format(t) for t in ("consent_events", "sms_events", "suppressions")),
        STOPS["rejected"].format("consent_events") + ', \'{"action": "opt_ou"}\' as row_data',
        STOPS["rejected"].format("consent_events") + ', \'["e1", "opt_in"]\' as row_data',
        STOPS["rejected"].format("consent_events") + ", 'opt_in, torn' as row_data",
        STOPS["rejected"].format("support_tickets")
        + ', \'{"category": "SMS_opt-out"}\' as row_data',
        *(query for name, query in STOPS.items() if name != "rejected"),
        STOPS["loaded reply"] + LOST_TEXT.replace("'c0001'", "null"),
        STOPS["loaded reply"].replace("'m'", "'other'") + LOST_TEXT,
    ],
)
def test_a_stop_that_names_nobody_blocks(brand, fault):
    brand.sql(fault)
    result = brand.check("every_stop_names_someone")
    assert result.stops
    assert result.observed == "1 row"
    assert "2345678" not in str(result)


@pytest.mark.parametrize(
    "harmless",
    [
        STOPS["rejected"].format("orders"),
        STOPS["rejected"].format("support_tickets"),
        STOPS["rejected"].format("support_tickets")
        + ', \'{"category": "stopped working"}\' as row_data',
        STOPS["rejected"].format("support_tickets")
        + ", 'c0001' as customer_id, '{\"category\": \"stop\"}' as row_data",
        STOPS["rejected"].format("consent_events") + ", 'c0001' as customer_id",
        STOPS["rejected"].format("suppressions") + ", '+14155550001' as phone_e164",
        STOPS["rejected"].format("consent_events") + ', \'{"action": "Opt_In"}\' as row_data',
        STOPS["rejected"].format("sms_events") + ', \'{"event_type": "click"}\' as row_data',
        STOPS["loaded opt-out"].replace("opt_out", "opt_in"),
        STOPS["loaded opt-out"].replace("0171 2345678", "n/a"),
        STOPS["loaded opt-out"].replace("0171 2345678", "123-456"),
        STOPS["loaded suppression"] + ", 'c0001' as customer_id",
        STOPS["loaded reply"].replace("opt_out", "click"),
        STOPS["loaded reply"] + "; insert into raw.sms_messages by name"
        " select 'm' as message_id, 'c0001' as customer_id",
        STOPS["loaded words"].replace("please STOP.", "nonstop fun"),
        # whoever the rejected text was for is in doubt instead
        STOPS["loaded reply"] + LOST_TEXT,
        STOPS["rejected"].format("sms_events")
        + ', \'{"message_id": "m"}\' as row_data'
        + LOST_TEXT,
    ],
)
def test_a_stop_that_names_someone_or_could_be_nobodys_does_not(brand, harmless):
    brand.sql(harmless)
    assert brand.check("every_stop_names_someone").passed


def test_a_small_shop_is_forgiven_a_few_rows(brand, failed):
    brand.sql("update raw.load_report set rows_read = 8, rows_loaded = 4, rows_rejected = 4")
    assert failed(brand.judge("landing")) == {"few_rows_are_rejected"}


def test_a_small_table_rejected_whole_is_not(brand):
    brand.sql("update raw.load_report set rows_read = 4, rows_loaded = 0, rows_rejected = 4")
    assert brand.check("rejected_rows_stay_bounded").stops
    assert brand.check("rejected_consent_rows_stay_bounded").stops


def test_a_shop_with_three_tables_passes(brand, failed):
    brand.sql(
        "delete from raw.load_report"
        " where table_name not in ('customers', 'orders', 'order_lines');"
        "delete from raw.consent_events; update raw.customers set phone = null, phone_e164 = null"
    )
    results = brand.judge("landing")
    assert failed(results) == set()
    assert results["most_phones_are_readable"].observed == "no phones in the file"


def test_expected_types_are_those_of_the_contract():
    (suite,) = (suite for suite in load_suites() if suite.table == "raw.load_report")
    contract = load_contract()
    lines = [line.strip(" (),\n") for line in suite.facts["column_types"].split("\n")]
    typed = [line.split("', '") for line in lines if line.startswith("'")]
    assert len(typed) == 26
    for table, column, data_type in typed:
        expected = {each.name: each.data_type for each in contract[table.strip("'")].columns}
        assert expected[column].upper().partition("(")[0] == data_type.rstrip("'")
