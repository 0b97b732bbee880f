"""Nobody who asked to be forgotten is loaded again, whatever the files say of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from brand import AS_OF, Brand

from orchestration.erasure.identifiers import CUSTOMER, EMAIL, KEY, PHONE, Erased, read
from orchestration.errors import UserError
from orchestration.landing import LandingReport, land
from orchestration.ledger import open_ledger

PHONE_OF_C1, EMAIL_OF_C1 = "+12125550143", "Ann@Example.com"


def forgotten(*identifiers: tuple[str, str]) -> Erased:
    erased = Erased(b"a key of some length")
    digests = {erased.digest(kind, value) for kind, value in identifiers}
    return Erased(erased.key, frozenset(digests))


def load(brand: Brand, *identifiers: tuple[str, str]) -> LandingReport:
    return land(brand.settings, brand.raw, AS_OF, "run-1", forgotten(*identifiers))


def counts(report: LandingReport) -> dict[str, tuple[int, int, int, int, int]]:
    return {
        file.table_name: (
            file.rows_read,
            file.rows_loaded,
            file.rows_rejected,
            file.exact_duplicates,
            file.rows_erased,
        )
        for file in report.files
    }


@pytest.fixture
def shop(brand: Brand) -> Brand:
    """c1 asked; c2 was brought in by c1 and once wrote down c1's phone."""
    brand.put(
        "customers.csv",
        "customer_id,first_name,phone,email,country_code,referred_by_customer_id\n"
        "c1,Ann,(212) 555-0143,ann@example.com,US,c2\n"
        "c2,Bob,07400 123456,bob@example.com,GB,c1\n",
    )
    brand.put("orders.csv", "order_id,customer_id,ordered_at\no1,c1,2026-01-02\no2,c2,2026-01-03\n")
    brand.put(
        "order_lines.csv",
        "order_line_id,order_id,quantity,unit_price\nl1,o1,2,10\nl1,o1,2,10\nl2,o2,1,3\nl3,o1,x,1\n",
    )
    brand.put(
        "returns.csv",
        "return_id,order_id,order_line_id,returned_at,refund_amount\n"
        "r1,o1,,2026-02-01,1\nr2,,l1,2026-02-01,1\nr3,o2,,2026-02-01,1\n",
    )
    brand.put(
        "consent_events.csv",
        "consent_event_id,customer_id,phone,action,occurred_at\n"
        "e1,c1,,opt_in,2026-01-01\n"
        "e2,,212-555-0143,opt_in,2026-06-30\n"
        "e3,c2,+12125550143,opt_out,2026-06-30\n"
        "e4,c2,+447400123456,opt_in,2026-01-01\n",
    )
    brand.put(
        "sms_messages.csv", "message_id,customer_id,sent_at\nm1,c1,2026-02-01\nm2,c2,2026-02-01\n"
    )
    brand.put(
        "sms_events.csv",
        "sms_event_id,message_id,event_type,occurred_at,reply_text\n"
        "s1,m1,reply,2026-02-01,it is Ann\ns2,m2,reply,2026-02-01,hello\n",
    )
    return brand


def test_every_row_about_the_person_is_left_out_and_counted(
    shop: Brand, adds_up: Callable[[LandingReport], None]
) -> None:
    report = load(shop, (CUSTOMER, "c1"), (PHONE, PHONE_OF_C1), (EMAIL, EMAIL_OF_C1))
    adds_up(report)
    assert counts(report) == {
        "customers": (2, 1, 0, 0, 1),
        "orders": (2, 1, 0, 0, 1),
        "order_lines": (4, 1, 0, 0, 3),
        "returns": (3, 1, 0, 0, 2),
        "consent_events": (4, 2, 0, 0, 2),
        "sms_messages": (2, 1, 0, 0, 1),
        "sms_events": (2, 1, 0, 0, 1),
    }
    assert report.rows_erased == 11
    assert shop.rows("from raw.rejects") == []
    assert shop.rows("select customer_id, referred_by_customer_id from raw.customers") == [
        ("c2", "erased")
    ]
    # Somebody else's no counts wherever it was said; it no longer tells the number.
    assert shop.rows(
        "select consent_event_id, customer_id, phone, phone_e164 from raw.consent_events order by 1"
    ) == [("e3", "c2", "erased", None), ("e4", "c2", "+447400123456", "+447400123456")]


@pytest.mark.parametrize(
    "identifier", [(CUSTOMER, "c1"), (PHONE, PHONE_OF_C1), (EMAIL, EMAIL_OF_C1)]
)
def test_one_identifier_is_enough_to_know_them_by(shop: Brand, identifier: tuple[str, str]) -> None:
    report = load(shop, identifier)
    assert counts(report)["orders"] == (2, 1, 0, 0, 1)
    assert shop.rows("select customer_id from raw.customers") == [("c2",)]


def test_a_new_account_with_the_old_phone_does_not_bring_them_back(shop: Brand) -> None:
    shop.put(
        "customers.csv",
        "customer_id,phone,country_code\nc8,+1 212 555 0143,US\nc2,07400 123456,GB\n",
    )
    shop.put("orders.csv", "order_id,customer_id,ordered_at\no1,c8,2026-01-02\no2,c2,2026-01-03\n")
    load(shop, (CUSTOMER, "c1"), (PHONE, PHONE_OF_C1))
    assert shop.rows("select customer_id from raw.customers") == [("c2",)]
    assert shop.rows("select order_id from raw.orders") == [("o2",)]
    assert shop.rows("from raw.rejects where customer_id = 'c8'") == []


@pytest.mark.parametrize(
    "record",
    [
        "c1,x,y,z,US,,,",
        "a,b,c1,d,e,f,g,h",
        "c7,Ann,(212) 555-0143,,US,,,",
        "c7,,,ANN@example.com,US,,,",
    ],
)
def test_a_record_that_does_not_fit_is_not_kept_either(
    shop: Brand, adds_up: Callable[[LandingReport], None], record: str
) -> None:
    with (shop.raw / "customers.csv").open("a") as file:
        file.write(f"{record}\nc9,a record too long for anybody,,,,,,,\n")
    report = load(shop, (CUSTOMER, "c1"), (PHONE, PHONE_OF_C1), (EMAIL, EMAIL_OF_C1))
    adds_up(report)
    assert counts(report)["customers"] == (4, 1, 1, 0, 2)
    assert shop.rows("select customer_id from raw.rejects") == [("c9",)]


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (
            "c1,c2,,opt_out,2026-06-30,x",
            [("c2", '["erased", "c2", "", "opt_out", "2026-06-30", "x"]')],
        ),
        (
            "e9,c2,212-555-0143,opt_out,2026-06-30,x",
            [("c2", '["e9", "c2", "erased", "opt_out", "2026-06-30", "x"]')],
        ),
        (
            "e9,,c2,ANN@example.com,opt_out,2026-06-30",
            [("c2", '["e9", "", "c2", "erased", "opt_out", "2026-06-30"]')],
        ),
        ("e9,c1,,opt_out,2026-06-30,x", []),
        ("e9,,212-555-0143,opt_out,2026-06-30,x", []),
    ],
)
def test_a_stop_of_somebody_else_that_does_not_fit_is_kept(
    shop: Brand,
    adds_up: Callable[[LandingReport], None],
    record: str,
    kept: list[tuple[str, str]],
) -> None:
    with (shop.raw / "consent_events.csv").open("a") as file:
        file.write(f"{record}\n")
    adds_up(load(shop, (CUSTOMER, "c1"), (PHONE, PHONE_OF_C1), (EMAIL, EMAIL_OF_C1)))
    assert shop.rows("select customer_id, row_data from raw.rejects") == kept


def test_rows_with_a_fault_are_not_kept_either(shop: Brand) -> None:
    shop.put(
        "suppressions.csv",
        "suppression_id,customer_id,phone,reason,from_at\nx1,c1,,legal,never\n"
        "x2,,2125550143,legal,never\nx3,c2,+12125550143,legal,never\n",
    )
    report = load(shop, (CUSTOMER, "c1"), (PHONE, PHONE_OF_C1))
    assert counts(report)["suppressions"] == (3, 0, 1, 0, 2)
    ((customer, number, record),) = shop.rows(
        "select customer_id, phone_e164, row_data from raw.rejects"
    )
    assert (customer, number) == ("c2", None) and "2125550143" not in record


def test_a_stop_that_answers_a_text_to_the_erased_is_kept_of_whoever_said_it(
    shop: Brand, adds_up: Callable[[LandingReport], None]
) -> None:
    shop.put(
        "sms_events.csv",
        "sms_event_id,message_id,customer_id,event_type,occurred_at\n"
        "s1,m1,c2,opt_out,2026-02-01\ns2,m1,,opt_out,2026-02-01\n"
        "s3,m1,c1,opt_out,2026-02-01\ns4,m2,c2,click,2026-02-01\n",
    )
    report = load(shop, (CUSTOMER, "c1"))
    adds_up(report)
    assert counts(report)["sms_events"] == (4, 2, 0, 0, 2)
    assert shop.rows("select sms_event_id, message_id, customer_id from raw.sms_events") == [
        ("s1", "erased", "c2"),
        ("s4", "m2", "c2"),
    ]


def test_parquet_with_numbers_for_phones_is_sifted_too(shop: Brand) -> None:
    shop.put_parquet(
        "suppressions.parquet",
        "select 'x1' as suppression_id, 'c2' as customer_id, 12125550143 as phone, "
        "'legal' as reason, timestamp '2026-01-01' as from_at union all "
        "select 'x2', null, 12125550143, 'legal', timestamp '2026-01-01'",
    )
    load(shop, (PHONE, PHONE_OF_C1))
    loaded = "select suppression_id, customer_id, phone, phone_e164 from raw.suppressions"
    assert shop.rows(loaded) == [("x1", "c2", "0", None)]


def test_nobody_erased_costs_nothing_and_changes_nothing(shop: Brand) -> None:
    report = load(shop)
    assert report.rows_erased == 0 and report.rows_loaded + report.rows_rejected == 18


def test_with_another_key_nothing_is_loaded(shop: Brand) -> None:
    erased = Erased(b"the first key of this home, thirty-two", country="US")
    shop.settings.paths.home.mkdir()
    shop.settings.paths.ledger_key.touch(0o600)
    shop.settings.paths.ledger_key.write_text(erased.key.decode())
    with open_ledger(shop.settings) as ledger:
        ledger.begin_erasure(
            "e", {erased.digest(CUSTOMER, "c1"): CUSTOMER, erased.digest(KEY, ""): KEY}
        )
    shop.land()
    assert shop.rows("select customer_id from raw.customers") == [("c2",)]
    shop.settings.paths.ledger_key.unlink()
    with pytest.raises(UserError, match="restore VIP_LEDGER_KEY"):
        shop.land()
    with pytest.raises(UserError, match="restore VIP_LEDGER_KEY"):
        read(shop.settings, read_only=True)
    assert shop.rows("select customer_id from raw.customers") == [("c2",)]
