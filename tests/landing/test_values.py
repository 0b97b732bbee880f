"""How values are read: types, time, money, currency, phones."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from itertools import product

import duckdb
import pytest
from brand import Brand

from orchestration.contract import Column
from orchestration.errors import UserError
from orchestration.landing import rows

TIMES = {
    "2026-01-02 03:04:05": datetime(2026, 1, 2, 3, 4, 5),
    "2026-01-02": datetime(2026, 1, 2),
    "2026-01-02T03:04": datetime(2026, 1, 2, 3, 4),
    "2026-01-02T03:04:05.678Z": datetime(2026, 1, 2, 3, 4, 5, 678000),
    "2026-01-02 03:04:05+02": datetime(2026, 1, 2, 1, 4, 5),
    "2026-01-02T03:04:05-05:30": datetime(2026, 1, 2, 8, 34, 5),
    " 2026-01-02 23:30:00 -0100 ": datetime(2026, 1, 3, 0, 30),
    "2026-01-02 23:30:00 +0100": datetime(2026, 1, 2, 22, 30),
    "2026-01-02 03:04:05 UTC": datetime(2026, 1, 2, 3, 4, 5),
}


def test_timestamps_become_utc_and_a_date_is_its_midnight(brand: Brand):
    lines = "".join(f"c{n},{text}\n" for n, text in enumerate(TIMES))
    brand.put("orders.csv", "order_id,ordered_at\n")
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\n")
    brand.put("customers.csv", "customer_id,created_at\n" + lines)
    brand.land()
    assert brand.rejects() == []
    read = brand.rows("select created_at from raw.customers order by customer_id")
    assert read == [(moment,) for moment in TIMES.values()]


def test_parquet_times_with_a_zone_become_utc(brand: Brand):
    brand.put_parquet(
        "campaigns.parquet",
        "select '1' as campaign_id, timestamptz '2026-01-02 03:00:00+02' as starts_at, "
        "date '2026-01-02' as ends_at",
    )
    brand.land()
    assert brand.rows("select starts_at, ends_at from raw.campaigns") == [
        (datetime(2026, 1, 2, 1), datetime(2026, 1, 2))
    ]


def test_a_date_is_the_day_as_written(brand: Brand):
    brand.put(
        "customers.csv",
        "customer_id,birth_date\nc1,1980-05-01\nc2,1980-05-01 00:00:00 +0200\nc3,\n",
    )
    brand.land()
    dates = brand.rows("select birth_date from raw.customers order by customer_id")
    assert dates == [(date(1980, 5, 1),), (date(1980, 5, 1),), (None,)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_booleans_in_their_usual_spellings(brand: Brand, kind: str):
    yes, no = ["true", "T", "yes", "Y", "1"], ["False", "f", "NO", "n", "0"]
    values = ", ".join(f"('c{n}', '{text}')" for n, text in enumerate(yes + no, start=1))
    query = f"select * from (values {values}) as t(customer_id, is_test)"
    (brand.raw / "customers.csv").unlink()
    if kind == "parquet":
        brand.put_parquet("customers.parquet", query)
    else:
        lines = "".join(f"c{n},{text}\n" for n, text in enumerate(yes + no, start=1))
        brand.put("customers.csv", "customer_id,is_test\n" + lines)
    brand.land()
    counts = brand.rows("select is_test, count(*) from raw.customers group by 1 order by 1")
    assert counts == [(False, 5), (True, 5)]


def test_keys_meet_whatever_type_and_spaces_they_came_with(brand: Brand):
    for name in ("customers", "orders", "order_lines"):
        (brand.raw / f"{name}.csv").unlink()
    brand.put("customers.csv", "customer_id\n 1 \n2\n")
    brand.put_parquet(  # integers with a missing value are floats to some tools
        "orders.parquet",
        "select * from (values (10, 1.0::double, date '2026-01-01'), (11, null, date '2026-01-01'),"
        " (12, 'nan', date '2026-01-01'))"
        " as t(order_id, customer_id, ordered_at)",
    )
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\nl1,10,1,1\n")
    brand.land()
    assert brand.rejects() == []
    assert brand.rows("select order_id, customer_id from raw.orders order by 1") == [
        ("10", "1"),
        ("11", None),
        ("12", None),
    ]


def test_articles_that_differ_by_a_space_stay_two(brand: Brand):
    brand.put("products.csv", "product_id,list_price\n47503J,7.95\n47503J ,16.13\n")
    brand.put(
        "order_lines.csv",
        "order_line_id,order_id,product_id,quantity,unit_price\nl1,o1,47503J ,1,1\n",
    )
    brand.land()
    assert brand.rejects() == []
    assert brand.rows(
        "select list_price from raw.order_lines inner join raw.products using (product_id)"
    ) == [(Decimal("16.13"),)]


def test_text_loses_its_outer_spaces_of_any_kind_and_nothing_else():
    letters = ["", " ", "a", "\t", "\n", "!", "\u00a0", "\u3000", "\u2009", "é", "🙂", "\x7f", "\0"]
    texts = ["".join(each) for each in product(letters, repeat=4)]
    for column, kept in (
        (Column("name", "varchar", ""), "nullif(trim(raw_name), '')"),
        (Column("name", "varchar", "", verbatim=True), "if(trim(raw_name) <> '', raw_name, null)"),
    ):
        (wrong,) = duckdb.execute(
            f"select count_if({rows.typed(column, 'VARCHAR')} is distinct from {kept}) "
            "from (select unnest($1::varchar[]) as raw_name)",
            [[*texts, None]],
        ).fetchone()
        assert wrong == 0


def test_values_of_a_list_and_codes_count_in_any_case(brand: Brand):
    brand.put("customers.csv", "customer_id,country_code,region_code\nc1,us,fl\n")
    brand.put("orders.csv", "order_id,ordered_at,status,currency\no1,2026-01-01,Cancelled,usd\n")
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\n")
    brand.land()
    assert brand.rows("select country_code, region_code from raw.customers") == [("US", "FL")]
    assert brand.rows("select status, currency from raw.orders") == [("cancelled", "USD")]


def test_money_is_exact(brand: Brand):
    brand.put_parquet(
        "order_lines/1.parquet",
        "select 'l1' as order_line_id, 'o1' as order_id, 3::tinyint as quantity, 0.1::double as "
        "unit_price, 12::integer as unit_cost",
    )
    brand.put("order_lines/2.csv", "order_line_id,order_id,quantity,unit_price\nl2,o1,0.5,19.99\n")
    (brand.raw / "order_lines.csv").unlink()
    brand.land()
    assert brand.rows(
        "select quantity, unit_price, unit_cost from raw.order_lines order by order_line_id"
    ) == [
        (Decimal("3"), Decimal("0.1"), Decimal("12")),
        (Decimal("0.5"), Decimal("19.99"), None),
    ]


def put_orders(brand: Brand, *currencies: str) -> None:
    lines = "".join(f"o{n},2026-01-02,{text}\n" for n, text in enumerate(currencies))
    brand.put("orders.csv", "order_id,ordered_at,currency\n" + lines)
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\n")


@pytest.mark.parametrize(
    ("orders", "setting", "expected", "loaded"),
    [
        (["GBP", "gbp"], None, "GBP", 2),  # the shop's one currency
        (["GBP", ""], None, "USD", 1),  # an order that names none could be anything: USD
        (["USD", ""], None, "USD", 2),
        (["GBP", "EUR"], None, "USD", 0),  # no rates: rejected, never counted one to one
        (["", ""], None, "USD", 2),
        (["GBP", ""], "eur", "EUR", 1),
    ],
)
def test_the_reporting_currency(brand: Brand, orders, setting, expected, loaded):
    put_orders(brand, *orders)
    assert brand.land(reporting_currency=setting).reporting_currency == expected
    assert brand.rows("select reporting_currency from raw.run_context") == [(expected,)]
    assert brand.rows("select count(*), min(fx_rate), max(fx_rate) from raw.orders") == [
        (loaded, 1 if loaded else None, 1 if loaded else None)
    ]
    assert [reason for _, _, reason, _ in brand.rejects()] == ["no_rate"] * (len(orders) - loaded)


def test_rates_are_to_dollars_even_for_a_shop_of_one_other_currency(brand: Brand):
    put_orders(brand, "EUR")
    brand.put("fx_rates.csv", "currency,valid_from,rate_to_reporting\nEUR,2026-01-01,1.1\n")
    assert brand.land().reporting_currency == "USD"
    assert brand.rows("select fx_rate from raw.orders") == [(Decimal("1.1"),)]


def test_a_reporting_currency_must_look_like_one(brand: Brand):
    with pytest.raises(UserError, match="VIP_REPORTING_CURRENCY"):
        brand.land(reporting_currency="Euro")


def test_an_order_takes_the_latest_rate_of_its_date(brand: Brand):
    brand.put(
        "fx_rates.csv",
        "currency,valid_from,rate_to_reporting\nEUR,2026-01-05,1.2\nEUR,2026-01-02,1.1\n"
        "JPY,2026-01-01,0.00670001\nUSD,2026-01-01,7\n",
    )
    brand.put(
        "orders.csv",
        "order_id,ordered_at,currency\n"
        "a,2026-01-01 23:59:59,EUR\nb,2026-01-02 00:00:00,EUR\nc,2026-01-04 23:59:59.9,eur\n"
        "d,2026-01-05,EUR\ne,2026-01-05,JPY\nf,2026-01-05,\ng,2026-01-05,CHF\n",
    )
    brand.put("order_lines.csv", "order_line_id,order_id,quantity,unit_price\n")
    assert brand.land().reporting_currency == "USD"
    assert brand.rows("select order_id, fx_rate from raw.orders order by 1") == [
        ("b", Decimal("1.1")),
        ("c", Decimal("1.1")),
        ("d", Decimal("1.2")),
        ("e", Decimal("0.00670001")),
        ("f", 1),
    ]
    assert brand.rejects("row_number, value, reason") == [
        (1, "EUR", "no_rate"),
        (7, "CHF", "no_rate"),
    ]


def test_a_large_amount_survives_its_conversion(brand: Brand):
    put_orders(brand, "JPY")
    brand.put("orders.csv", "order_id,ordered_at,currency,tax_amount\no1,2026-01-02,JPY,2000000\n")
    brand.put("fx_rates.csv", "currency,valid_from,rate_to_reporting\nJPY,2026-01-01,0.0067\n")
    brand.land()
    assert brand.rows("select tax_amount * fx_rate from raw.orders") == [(Decimal("13400"),)]


def test_phones_are_read_by_their_customers_country(brand: Brand):
    brand.put(
        "customers.csv",
        "customer_id,phone,country_code\nc1,(212) 555-0143,\nc2,07400 123456,gb\n"
        "c3,07400 123456,\nc4,+44 7400 123456,US\nc5,1-800-FLOWERS,US\n",
    )
    brand.put(
        "consent_events.csv",
        "consent_event_id,customer_id,phone,action,occurred_at\n"
        "e1,c2,07400 123456,opt_out,2026-01-01\ne2,c99,212 555 0143,opt_out,2026-01-01\n",
    )
    brand.put(
        "suppressions.csv",
        "suppression_id,phone,reason,from_at\ns1,2125550143,legal,2026-01-01\ns2,12,legal,2026-01-01\n",
    )
    brand.land()
    assert brand.rows("select phone_e164 from raw.customers order by customer_id") == [
        ("+12125550143",),
        ("+447400123456",),
        (None,),
        ("+447400123456",),
        ("+18003569377",),
    ]
    assert brand.rows("select phone_e164 from raw.consent_events order by 1") == [
        ("+12125550143",),
        ("+447400123456",),
    ]
    assert brand.rows("select phone_e164 from raw.suppressions order by suppression_id") == [
        ("+12125550143",),
        (None,),
    ]
    brand.land(default_country="gb")
    assert brand.rows("select phone_e164 from raw.customers where customer_id = 'c3'") == [
        ("+447400123456",)
    ]
