"""The rows of a sample that do not fit the contract, and what is wrong with each.

Dirty rows are written as text, as a person would have typed them: below the good rows of a CSV
table, in `late.csv` among the parts of a large one. None is worth money or says anything about a
customer that a good row does not say, whatever a loader makes of it. The exception are unreadable
words about consent: whoever they are about must not be texted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

# A row of each table with nothing wrong. {i} numbers it, {customer} is somebody, {as_of} the date.
GOOD_ROW = {
    "customers": {"customer_id": "Z{i}", "created_at": "2024-03-01 09:00", "country_code": "US"},
    "products": {"product_id": "PZ{i}", "category": "bags", "list_price": "80", "unit_cost": "30"},
    "orders": {"order_id": "OZ{i}", "ordered_at": "{yesterday} 09:00", "gift_note": "wrap it"},
    "order_lines": {
        "order_line_id": "OZ{i}-1",
        "order_id": "OZ1",
        "quantity": "1",
        "unit_price": "0.00",
    },
    "returns": {"return_id": "RZ{i}", "returned_at": "{yesterday}", "refund_amount": "0.00"},
    "fx_rates": {"currency": "NOK", "valid_from": "2020-01-01", "rate_to_reporting": "0.1"},
    "consent_events": {
        "consent_event_id": "EZ{i}",
        "customer_id": "",
        "phone": "",
        "purpose": "marketing",
        "action": "opt_out",
        "occurred_at": "{yesterday} 10:00",
        "source": "store",
    },
    "campaigns": {"campaign_id": "CMP-Z{i}", "starts_at": "{yesterday}"},
    "sms_messages": {
        "message_id": "MZ{i}",
        "customer_id": "{customer}",
        "sent_at": "{yesterday} 12:00",
        "status": "sent",
    },
    "sms_events": {
        "sms_event_id": "XZ{i}",
        "customer_id": "{customer}",
        "event_type": "click",
        "occurred_at": "{yesterday} 12:05",
    },
    "channel_touches": {
        "touch_id": "HZ{i}",
        "customer_id": "{customer}",
        "channel": "mail",
        "sent_at": "{yesterday}",
    },
    "site_events": {
        "site_event_id": "VZ{i}",
        "customer_id": "{customer}",
        "event_type": "session",
        "occurred_at": "{yesterday} 13:00",
    },
    "inventory_events": {
        "inventory_event_id": "IZ{i}",
        "product_id": "P0000001",
        "event_type": "out_of_stock",
        "occurred_at": "{yesterday}",
    },
    "subscriptions": {
        "subscription_id": "UZ{i}",
        "customer_id": "{customer}",
        "status": "active",
        "started_at": "{yesterday}",
    },
    "support_tickets": {
        "ticket_id": "TZ{i}",
        "customer_id": "{customer}",
        "opened_at": "{yesterday} 15:00",
        "csat": "3",
    },
    "service_incidents": {
        "incident_id": "DZ{i}",
        "customer_id": "{customer}",
        "incident_type": "delay",
        "severity": "low",
        "opened_at": "{yesterday}",
    },
    "surveys": {
        "survey_id": "QZ{i}",
        "customer_id": "{customer}",
        "score": "7",
        "answered_at": "{yesterday}",
    },
    "loyalty_accounts": {"customer_id": "{customer}", "status": "closed", "points_balance": "0"},
    "benefit_redemptions": {
        "redemption_id": "BZ{i}",
        "customer_id": "{customer}",
        "benefit_id": "silver_birthday",
        "redeemed_at": "{yesterday}",
    },
    "suppressions": {"suppression_id": "SZ{i}", "reason": "manual", "from_at": "{yesterday}"},
}

# Table, what is wrong, and the words that make it so. Unreadable consent names {vip} or
# {vip_phone}.
FLAWS = (
    ("customers", "unparsable", {"created_at": "some time in spring"}),
    ("customers", "missing", {"customer_id": ""}),
    ("products", "unparsable", {"list_price": "on request"}),
    ("products", "out_of_range", {"unit_cost": "-5.00"}),
    ("orders", "unparsable", {"ordered_at": "2026-02-30 10:00"}),
    ("orders", "missing", {"order_id": ""}),
    ("orders", "no_rate", {"currency": "XXX"}),
    ("orders", "not_allowed", {"status": "teleported"}),
    ("orders", "orphan", {"customer_id": "nobody-{i}"}),
    ("orders", "out_of_range", {"shipping_cost": "-3.50"}),
    ("order_lines", "unparsable", {"quantity": "two"}),
    ("order_lines", "unparsable", {"unit_price": "12,5O"}),
    ("order_lines", "missing", {"order_line_id": ""}),
    ("order_lines", "out_of_range", {"unit_price": "-19.00"}),
    ("order_lines", "out_of_range", {"quantity": "0"}),
    ("order_lines", "orphan", {"order_id": "no-order-{i}"}),
    ("returns", "unparsable", {"returned_at": "32.13.2025"}),
    ("returns", "missing", {"return_id": ""}),
    ("returns", "out_of_range", {"refund_amount": "-20.00"}),
    ("returns", "orphan", {"order_id": "no-order-{i}"}),
    ("fx_rates", "unparsable", {"currency": "Z{i}", "rate_to_reporting": "n/a"}),
    ("fx_rates", "out_of_range", {"currency": "Z{i}", "rate_to_reporting": "0"}),
    ("consent_events", "missing", {"consent_event_id": "", "customer_id": "nobody-{i}"}),
    (
        "consent_events",
        "unparsable",
        {"customer_id": "{vip}", "occurred_at": "last Tuesday"},
    ),
    (
        "consent_events",
        "unparsable",
        {"phone": "{vip_phone}", "occurred_at": "00/00/0000"},
    ),
    ("consent_events", "not_allowed", {"customer_id": "{vip}", "action": "please no more"}),
    ("campaigns", "unparsable", {"starts_at": "Q3"}),
    ("campaigns", "missing", {"campaign_id": ""}),
    ("sms_messages", "not_allowed", {"status": "lost"}),
    ("sms_messages", "orphan", {"customer_id": "nobody-{i}"}),
    ("sms_events", "not_allowed", {"customer_id": "nobody-{i}", "event_type": "smile"}),
    ("sms_events", "unparsable", {"customer_id": "nobody-{i}", "occurred_at": "noon"}),
    ("channel_touches", "not_allowed", {"channel": "fax"}),
    ("site_events", "not_allowed", {"event_type": "daydream"}),
    ("site_events", "unparsable", {"duration_seconds": "long"}),
    ("inventory_events", "not_allowed", {"event_type": "stolen"}),
    ("subscriptions", "not_allowed", {"status": "undecided"}),
    ("support_tickets", "out_of_range", {"csat": "9"}),
    ("support_tickets", "unparsable", {"handle_minutes": "ages"}),
    ("service_incidents", "not_allowed", {"severity": "epic"}),
    ("surveys", "out_of_range", {"score": "11"}),
    ("loyalty_accounts", "orphan", {"customer_id": "nobody-{i}"}),
    ("benefit_redemptions", "missing", {"benefit_id": ""}),
    ("suppressions", "unparsable", {"customer_id": "{vip}", "from_at": "see e-mail"}),
)

# One key, two stories: the first row is good, the second dirty. Neither carries money or consent.
CONFLICTS = (
    ("customers", {"first_name": "Alex"}, {"first_name": "Sam"}),
    ("products", {"list_price": "80"}, {"list_price": "90"}),
    ("orders", {"sales_channel": "web"}, {"sales_channel": "store"}),
    ("order_lines", {"quantity": "1"}, {"quantity": "2"}),
    ("returns", {"reason": "size"}, {"reason": "colour"}),
    ("surveys", {"score": "3"}, {"score": "9"}),
)


@dataclass(frozen=True)
class DirtyRow:
    """One row as text. `reason` is None for a good row that dirty ones hang on."""

    table: str
    reason: str | None
    values: dict[str, str]
    about: str | None = None  # customer_id whose consent the row makes unreadable


def dirty_rows(
    copies: Callable[[str], int], yesterday: str, customer: str, vips: Iterator[tuple[str, str]]
) -> Iterator[DirtyRow]:
    """Yield `copies(table)` rows of each flaw and as many pairs of rows of each conflict.

    `customer` is a customer_id about whom harmless rows speak; `vips` yields (customer_id, phone in
    E.164) of people whose consent may become unreadable: flaws that name one stop when it runs dry.
    """
    # A guest's order worth nothing, for the lines that need one.
    yield DirtyRow("orders", None, _filled("orders", {}, i=1, yesterday=yesterday))
    number = 1
    for table, reason, flaw in FLAWS:
        for _ in range(copies(table)):
            number += 1
            about, words = None, {"i": number, "yesterday": yesterday, "customer": customer}
            if any("{vip" in value for value in flaw.values()):
                about, phone = next(vips, (None, None))
                if about is None:
                    break
                words |= {"vip": about, "vip_phone": phone}
            yield DirtyRow(table, reason, _filled(table, flaw, **words), about)
    for table, *stories in CONFLICTS:
        for _ in range(copies(table)):
            number += 1
            words = {"i": number, "yesterday": yesterday, "customer": customer}
            for reason, story in zip((None, "duplicate_key"), stories, strict=True):
                yield DirtyRow(table, reason, _filled(table, story, **words))


def _filled(table: str, changes: dict[str, str], **words: object) -> dict[str, str]:
    row = GOOD_ROW[table] | changes
    return {column: value.format(**words) for column, value in row.items()}
