"""Every way in which a row may not fit, and what becomes of the rows beside it."""

from __future__ import annotations

import json

import pytest
from brand import Brand

FAULTS = {
    "missing key": ("customers", "customer_id,email\n,a@b.example", "customer_id", None, "missing"),
    "blank key": (
        "customers",
        "customer_id,email\n   ,a@b.example",
        "customer_id",
        "   ",
        "missing",
    ),
    "no such day": (
        "customers",
        "customer_id,birth_date\nc8,1980-02-30",
        "birth_date",
        "1980-02-30",
        "unparsable",
    ),
    "words after a date": (
        "customers",
        "customer_id,birth_date\nc8,1980-02-03 or so",
        "birth_date",
        "1980-02-03 or so",
        "unparsable",
    ),
    "ambiguous date": (
        "orders",
        "order_id,ordered_at\no8,02/03/2026",
        "ordered_at",
        "02/03/2026",
        "unparsable",
    ),
    "endless time": (
        "suppressions",
        "suppression_id,reason,from_at,until_at\ns8,legal,2026-01-01,infinity",
        "until_at",
        "infinity",
        "unparsable",
    ),
    "missing time": ("orders", "order_id,ordered_at\no8,", "ordered_at", None, "missing"),
    "comma as decimal point": (
        "order_lines",
        'order_line_id,order_id,quantity,unit_price\nl8,o1,1,"9,50"',
        "unit_price",
        "9,50",
        "unparsable",
    ),
    "too much money": (
        "order_lines",
        "order_line_id,order_id,quantity,unit_price\nl8,o1,1,1e15",
        "unit_price",
        "1e15",
        "unparsable",
    ),
    "half an integer": (
        "products",
        "product_id,replenishment_days\np8,12.5",
        "replenishment_days",
        "12.5",
        "unparsable",
    ),
    "maybe true": ("customers", "customer_id,is_test\nc8,maybe", "is_test", "maybe", "unparsable"),
    "unknown status": (
        "orders",
        "order_id,ordered_at,status\no8,2026-01-01,lost",
        "status",
        "lost",
        "not_allowed",
    ),
    "negative money": (
        "orders",
        "order_id,ordered_at,payment_fee\no8,2026-01-01,-0.01",
        "payment_fee",
        "-0.01",
        "out_of_range",
    ),
    "nothing sold": (
        "order_lines",
        "order_line_id,order_id,quantity,unit_price\nl8,o1,0,5",
        "quantity",
        "0",
        "out_of_range",
    ),
    "eleven of ten": (
        "surveys",
        "survey_id,customer_id,score,answered_at\nv8,c1,11,2026-01-01",
        "score",
        "11",
        "out_of_range",
    ),
    "order of nobody known": (
        "orders",
        "order_id,customer_id,ordered_at\no8,c99,2026-01-01",
        "customer_id",
        "c99",
        "orphan",
    ),
    "line of no order": (
        "order_lines",
        "order_line_id,order_id,quantity,unit_price\nl8,o99,1,5",
        "order_id",
        "o99",
        "orphan",
    ),
    "return of no order": (
        "returns",
        "return_id,order_id,returned_at,refund_amount\nr8,o99,2026-02-01,5",
        "order_id",
        "o99",
        "orphan",
    ),
    "return of no line": (
        "returns",
        "return_id,order_line_id,returned_at,refund_amount\nr8,l99,2026-02-01,5",
        "order_line_id",
        "l99",
        "orphan",
    ),
    "ticket of nobody known": (
        "support_tickets",
        "ticket_id,customer_id,opened_at\nt8,c99,2026-02-01",
        "customer_id",
        "c99",
        "orphan",
    ),
    "no rate": (
        "orders",
        "order_id,ordered_at,currency\no8,2026-01-01,EUR\no9,2026-01-01,USD",
        "currency",
        "EUR",
        "no_rate",
    ),
    "too few fields": (
        "campaigns",
        "campaign_id,campaign_name,audience_id\nm8,Spring",
        None,
        "2 fields where the header has 3",
        "malformed_record",
    ),
    "too many fields": (
        "campaigns",
        "campaign_id,campaign_name\nm8,Spring,vip",
        None,
        "3 fields where the header has 2",
        "malformed_record",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_row_that_does_not_fit_is_rejected_with_its_reason(brand: Brand, adds_up, fault: str):
    table, content, column, value, reason = FAULTS[fault]
    if table in ("customers", "orders", "order_lines"):  # beside rows that fit
        (brand.raw / f"{table}.csv").rename(brand.put(f"{table}/0.csv", ""))
        brand.put(f"{table}/1.csv", content + "\n")
    else:
        brand.put(f"{table}.csv", content + "\n")
    report = brand.land()
    adds_up(report)
    assert brand.rejects("table_name, column_name, value, reason, row_number") == [
        (table, column, value, reason, 1)
    ]
    assert report.rejects == ((table, column, reason, 1),)
    if table in ("customers", "orders", "order_lines"):
        assert brand.rows(f"select count(*) from raw.{table}")[0][0] >= 2


def test_of_several_faults_the_first_in_the_fixed_order_is_told(brand: Brand):
    brand.put(
        "orders.csv",
        "order_id,customer_id,ordered_at,status,payment_fee\n"
        "o1,c99,never,lost,-1\no2,c99,2026-01-01,lost,-1\n,c99,never,lost,-1\no4,c99,2026-01-01,,-1\n"
        "o5,c99,2026-01-01,,1\n",
    )
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\n")
    brand.land()
    assert [reason for _, _, reason, _ in brand.rejects()] == [
        "unparsable",
        "not_allowed",
        "missing",
        "out_of_range",
        "orphan",
    ]


def test_the_first_of_a_key_stays_the_same_again_is_dropped_and_another_is_rejected(
    brand: Brand, adds_up
):
    brand.put("customers/a.csv", "customer_id,email\nc1,one@x.example\nc1,two@x.example\nc2,\n")
    brand.put("customers/b.csv", "EMAIL,Customer_ID\none@x.example,c1\n,c2\n three@x.example ,c3\n")
    (brand.raw / "customers.csv").unlink()
    report = brand.land()
    adds_up(report)
    assert brand.rows("select customer_id, email from raw.customers order by 1") == [
        ("c1", "one@x.example"),
        ("c2", None),
        ("c3", "three@x.example"),
    ]
    assert brand.rejects("file_name, row_number, column_name, value, reason") == [
        ("customers/a.csv", 2, "customer_id", "c1", "duplicate_key")
    ]
    assert [(f.rows_loaded, f.rows_rejected, f.exact_duplicates) for f in report.files[:2]] == [
        (2, 1, 0),
        (1, 0, 2),
    ]


@pytest.mark.parametrize("is_thrice", [False, True], ids=["pairs", "thrice"])
def test_a_key_is_known_again_in_files_of_every_kind(brand: Brand, adds_up, is_thrice: bool):
    """Text and two kinds of Parquet are three queries; a fault in one is looked for there alone."""
    brand.put_parquet(
        "loyalty_accounts/a.parquet",
        "from (values ('c1', 1), ('c2', 2), ('c3', 3)) as t (customer_id, points_balance)",
    )
    again = "c2,2\n" if is_thrice else ""
    brand.put("loyalty_accounts/b.csv", f"customer_id,points_balance\nc5,8\nc9,many\n{again}")
    brand.put_parquet(
        "loyalty_accounts/c.parquet",
        "from (values ('c5', '1'), ('c4', '7'), ('c2', '2')) as t (customer_id, points_balance)",
    )
    customers = "".join(f"c{number}\n" for number in range(1, 10))
    brand.put("customers.csv", f"customer_id\n{customers}")
    report = brand.land()
    adds_up(report)
    kept = brand.rows("select customer_id, points_balance from raw.loyalty_accounts order by 1")
    assert [(key, int(points)) for key, points in kept] == [
        ("c1", 1), ("c2", 2), ("c3", 3), ("c4", 7), ("c5", 8)
    ]  # fmt: skip
    assert brand.rejects("file_name, row_number, reason") == [
        ("loyalty_accounts/b.csv", 2, "unparsable"),
        ("loyalty_accounts/c.parquet", 1, "duplicate_key"),
    ]
    counts = {file.file_name: file.exact_duplicates for file in report.files}
    same = (counts["loyalty_accounts/b.csv"], counts["loyalty_accounts/c.parquet"])
    assert same == (int(is_thrice), 1)


def test_a_rejected_row_does_not_take_the_key_from_one_that_fits(brand: Brand):
    brand.put("customers.csv", "customer_id,is_test\nc1,perhaps\nc1,no\nc1,no\n")
    report = brand.land()
    assert brand.rows("select customer_id, is_test from raw.customers") == [("c1", False)]
    assert (report.files[0].rows_rejected, report.files[0].exact_duplicates) == (1, 1)


def test_a_key_of_two_columns_is_a_duplicate_only_as_a_pair(brand: Brand):
    brand.put(
        "fx_rates.csv",
        "currency,valid_from,rate_to_reporting\nEUR,2026-01-01,1.1\nEUR,2026-01-02,1.1\n"
        "eur,2026-01-01,1.2\n",
    )
    brand.land()
    assert brand.rejects() == [("currency, valid_from", "eur, 2026-01-01", "duplicate_key", 3)]


def test_what_hangs_on_a_rejected_row_is_rejected_in_turn(brand: Brand):
    brand.put("customers.csv", "customer_id,is_test\nc1,perhaps\n")
    brand.put(
        "returns.csv", "return_id,order_line_id,returned_at,refund_amount\nr1,l1,2026-02-01,5\n"
    )
    brand.land()
    assert brand.rejects("table_name, column_name, reason") == [
        ("customers", "is_test", "unparsable"),
        ("order_lines", "order_id", "orphan"),
        ("orders", "customer_id", "orphan"),
        ("returns", "order_line_id", "orphan"),
    ]


def test_guests_and_returns_of_nobody_are_loaded(brand: Brand):
    brand.put("returns.csv", "return_id,returned_at,refund_amount\nr1,2026-02-01,5\n")
    brand.land()
    assert brand.rows("select count(*) from raw.orders where customer_id is null") == [(1,)]
    assert brand.rows("select return_id from raw.returns") == [("r1",)]
    assert brand.rejects() == []


def test_consent_is_never_an_orphan(brand: Brand):
    brand.put(
        "consent_events.csv",
        "consent_event_id,customer_id,action,occurred_at\ne1,c99,opt_out,2026-01-01\n",
    )
    brand.put(
        "suppressions.csv", "suppression_id,customer_id,reason,from_at\ns1,c99,legal,2026-01-01\n"
    )
    brand.put(
        "sms_events.csv",
        "sms_event_id,customer_id,message_id,event_type,occurred_at\nx1,c99,m99,opt_out,2026-01-01\n",
    )
    brand.land()
    assert brand.rejects() == []


def test_a_rejected_stop_still_names_whom_it_is_about(brand: Brand):
    brand.put(
        "consent_events.csv",
        "consent_event_id,customer_id,phone,action,occurred_at\n"
        "e1,c1,,opt_out,yesterday\n"
        "e2,,+44 7400 123456,opt_out,yesterday\n"
        "e3,c2,07400 123456,stop,2026-01-01\n",  # a national number, read as its customer's country
    )
    brand.put("sms_messages.csv", "message_id,customer_id,sent_at\nm1,c3,2026-01-01\n")
    brand.put(
        "sms_events.csv", "sms_event_id,message_id,event_type,occurred_at\nx1,m1,opt_out,soon\n"
    )
    brand.land()
    assert brand.rejects("table_name, customer_id, phone_e164") == [
        ("consent_events", "c1", None),
        ("consent_events", None, "+447400123456"),
        ("consent_events", "c2", "+447400123456"),
        ("sms_events", "c3", None),
    ]


def test_a_stray_comma_does_not_hide_whose_stop_it_was(brand: Brand):
    brand.put(
        "consent_events.csv",
        "action,occurred_at,proof,customer_id,phone,consent_event_id\n"
        "opt_out,2026-01-01,page 3, line 4,c2,07400 123456,e1\n"
        "opt_out,2026-01-01,page 3,c1,212-555-0143\n"
        "opt_out,2026-01-01,page 3,c99\n"
        "opt_out,2026-01-01,page 3,c1,212-555-0143,e4,+1 206 555 0100\n",
    )
    brand.land()
    assert brand.rejects("reason, customer_id, phone_e164") == [
        ("malformed_record", "c2", "+447400123456"),
        ("malformed_record", "c1", "+12125550143"),
        ("malformed_record", "c99", None),
        ("malformed_record", "c1", "+12125550143"),
    ]


def test_a_reject_keeps_the_whole_row_as_it_was_written(brand: Brand):
    brand.put("orders.csv", "order_id,ordered_at\n")
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\n")
    brand.put("customers.csv", 'customer_id,is_test,first_name,shoe\nc1,perhaps," Ann ""A""",9\n')
    brand.land()
    assert json.loads(brand.rejects("row_data")[0][0]) == {
        "customer_id": "c1",
        "first_name": ' Ann "A"',
        "is_test": "perhaps",
    }
    brand.put("customers.csv", "customer_id,first_name\nc1,Ann,9\n")
    brand.land()
    assert json.loads(brand.rejects("row_data")[0][0]) == ["c1", "Ann", "9"]
    (brand.raw / "customers.csv").unlink()
    brand.put_parquet(
        "customers.parquet", "select 'c1' as Customer_ID, 'x' as birth_date, 1.50 as a"
    )
    brand.land()
    assert json.loads(brand.rejects("row_data")[0][0]) == {"customer_id": "c1", "birth_date": "x"}


def test_a_reject_names_its_file_among_parts_alike(brand: Brand):
    for number, text in enumerate(["no", "no", "perhaps"]):
        brand.put_parquet(
            f"surveys/{number}.parquet",
            f"select {number} as survey_id, 'c1' as customer_id, 5 as score, "
            f"'{text}' as answered_at union all select 9, 'c1', 5, '2026-01-01'",
        )
    report = brand.land()
    assert [(f.rows_loaded, f.rows_rejected, f.exact_duplicates) for f in report.files[-3:]] == [
        (1, 1, 0),
        (0, 1, 1),
        (0, 1, 1),
    ]
    assert brand.rejects("file_name, row_number, value") == [
        ("surveys/0.parquet", 1, "no"),
        ("surveys/1.parquet", 1, "no"),
        ("surveys/2.parquet", 1, "perhaps"),
    ]


def test_rows_are_numbered_by_record_past_line_breaks_blank_lines_and_bad_records(brand: Brand):
    brand.put(
        "customers.csv",
        'customer_id,first_name,is_test\n\nc1,"A\n\nnn",no\nc2,B\nc3,C,perhaps\n\nc4,D,no,x\nc5,E,what\n',
    )
    brand.put("orders.csv", "order_id,ordered_at\n")
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\n")
    brand.land()
    assert [(number, reason) for _, _, reason, number in brand.rejects()] == [
        (2, "malformed_record"),
        (3, "unparsable"),
        (4, "malformed_record"),
        (5, "unparsable"),
    ]
    assert brand.rows("select first_name from raw.customers") == [("A\n\nnn",)]
