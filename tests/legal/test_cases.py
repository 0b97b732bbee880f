"""Who may be texted and when, worked out by hand: a table of people, nights, windows and reasons.

Windows are UTC. The files of a night are with the platform at 04:00, a window shorter than an hour
is passed over. In July New York is at UTC-4, Chicago at -5, Denver at -6, Los Angeles at -7,
London at +1, Paris at +2, Sydney at +10.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SUMMER, JULY_4 = date(2026, 7, 1), date(2026, 7, 4)  # a Wednesday, a Saturday
US_SPRING, US_AUTUMN = date(2026, 3, 8), date(2026, 11, 1)  # Sundays: the clocks change at 02:00
EU_SPRING, EU_AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
BEFORE_PA, SINCE_PA = date(2026, 10, 17), date(2026, 10, 18)
CORPUS_CHRISTI, CHRISTMAS = date(2026, 6, 4), date(2026, 12, 25)

AREAS = {
    "NY": "1212555", "LA": "1213555", "MIAMI": "1305555", "PANHANDLE": "1850555",
    "DALLAS": "1214555", "EL PASO": "1915555", "RI": "1401555", "CT": "1203555",
    "KY": "1502555", "MS": "1601555", "SD": "1605555", "PA": "1215555", "ME": "1207555",
    "MD": "1301555", "SEATTLE": "1206555", "HAWAII": "1808555", "ALASKA": "1907555",
    "PHOENIX": "1602555", "UT": "1801555", "LOUISIANA": "1504555", "AL": "1205555",
    "TORONTO": "1416555", "FREE": "1800555", "PR": "1787555", "GB": "44740012", "FR": "3361234",
    "ES": "3461234", "DE": "4915112", "AU": "6149112", "MY": "6012345", "BR": "5511991",
    "AT": "4366412",
}  # fmt: skip

# night; who: area of the phone, country/state of the address, zone they name; window
WINDOWS = [
    # One region each, on a Wednesday.
    (SUMMER, "NY", "07-01 12:00 - 07-02 01:00"),
    (SUMMER, "LA", "07-01 16:00 - 07-02 04:00"),  # 21:00 there when the files come: closed
    (SUMMER, "MIAMI", "07-01 12:00 - 07-02 00:00"),
    (SUMMER, "PANHANDLE", "07-01 13:00 - 07-02 00:00"),  # two zones: Central opens, Eastern closes
    (SUMMER, "DALLAS", "07-01 14:00 - 07-02 02:00"),
    (SUMMER, "EL PASO,US/TX,America/Denver", "07-01 15:00 - 07-02 02:00"),  # Texas reads Central
    (SUMMER, "RI", "07-01 13:00 - 07-01 22:00"),
    (SUMMER, "CT", "07-01 13:00 - 07-02 00:00"),
    (SUMMER, "KY,US/KY,America/New_York", "07-01 14:00 - 07-02 01:00"),
    (SUMMER, "MS", "07-01 13:00 - 07-02 01:00"),
    (SUMMER, "MS,,America/Los_Angeles", "07-01 15:00 - 07-02 01:00"),  # moved west, state clock
    (SUMMER, "SD,US/SD,America/Denver", "07-01 15:00 - 07-02 02:00"),
    (SUMMER, "PA", "07-01 12:00 - 07-02 01:00"),
    (SUMMER, "ME", "07-01 13:00 - 07-01 21:00"),
    (SUMMER, "MD", "07-01 12:00 - 07-02 00:00"),
    (SUMMER, "SEATTLE", "07-01 15:00 - 07-02 03:00"),
    (SUMMER, "PHOENIX", "07-01 15:00 - 07-02 04:00"),
    (SUMMER, "HAWAII", "07-01 04:00 - 07-01 07:00"),  # still the evening before
    (SUMMER, "ALASKA,US/AK,America/Anchorage", "07-01 04:00 - 07-01 05:00"),  # an hour is enough
    (SUMMER, "PR", "07-01 12:00 - 07-02 01:00"),  # a territory keeps the federal hours
    (SUMMER, "TORONTO", "07-01 13:00 - 07-02 00:00"),
    (SUMMER, "GB", "07-01 07:00 - 07-01 19:00"),
    (SUMMER, "FR", "07-01 06:00 - 07-01 18:00"),
    (SUMMER, "ES,ES/MD,Europe/Madrid", "07-01 07:00 - 07-01 19:00"),
    (SUMMER, "DE", "07-01 06:00 - 07-01 18:00"),
    (SUMMER, "AT", "07-01 06:00 - 07-01 18:00"),  # no rule of its own: that of the EU
    (SUMMER, "AU,AU/NSW,Australia/Sydney", "07-01 04:00 - 07-01 10:00"),
    (SUMMER, "MY,MY/10,Asia/Kuala_Lumpur", "07-01 04:00 - 07-01 12:00"),
    # Regions nobody knows.
    (SUMMER, "BR,BR/SP,America/Sao_Paulo", "07-01 15:00 - 07-01 23:00"),
    (SUMMER, "FREE", "no_legal_window"),  # may be anywhere from Guam to Puerto Rico
    (SUMMER, "FREE,US/NY,America/New_York", "07-01 16:00 - 07-02 00:00"),
    (SUMMER, "NY,XX/XX", "07-01 16:00 - 07-02 00:00"),  # an address in no country
    (SUMMER, "NY,US/FLORIDA", "07-01 16:00 - 07-02 00:00"),  # in a state that nobody knows
    # Two regions: the rules of both.
    (SUMMER, "MIAMI,US/NY", "07-01 12:00 - 07-02 00:00"),
    (SUMMER, "NY,US/CA", "07-01 16:00 - 07-02 04:00"),
    (SUMMER, "RI,US/TX,America/Chicago", "07-01 14:00 - 07-01 23:00"),
    (SUMMER, "MS,US/CA", "07-01 16:00 - 07-02 01:00"),
    (SUMMER, "NY,FR", "07-01 12:00 - 07-02 00:00"),
    (JULY_4, "NY,FR", "07-04 12:00 - 07-05 00:00"),
    (SUMMER, "NY,/FL", "07-01 13:00 - 07-02 00:00"),  # a state without a country
    # Zones that are none.
    (SUMMER, "NY,,Mars/Olympus", "07-01 12:00 - 07-02 01:00"),
    (SUMMER, "NY,,UTC", "07-01 12:00 - 07-02 01:00"),
    # A holiday on a Saturday.
    (JULY_4, "NY", "07-04 12:00 - 07-05 01:00"),
    (JULY_4, "RI", "07-06 13:00 - 07-06 22:00"),  # holiday, then no Sundays
    (JULY_4, "UT", "07-05 14:00 - 07-06 03:00"),
    (JULY_4, "LOUISIANA", "07-06 13:00 - 07-07 01:00"),
    (JULY_4, "SD,US/SD,America/Chicago", "07-06 14:00 - 07-07 02:00"),  # weekdays only
    (JULY_4, "ME", "07-06 13:00 - 07-06 21:00"),
    (JULY_4, "FR", "07-04 06:00 - 07-04 18:00"),
    (JULY_4, "RI,FR", "07-06 13:00 - 07-06 22:00"),
    (JULY_4, "ES,ES/MD,Europe/Madrid", "07-06 07:00 - 07-06 19:00"),
    (JULY_4, "AU,AU/NSW,Australia/Sydney", "07-04 04:00 - 07-04 07:00"),
    (JULY_4, "TORONTO", "07-04 14:00 - 07-04 22:00"),
    (JULY_4, "MS", "07-04 13:00 - 07-05 01:00"),
    # The nights on which the clocks change.
    (US_SPRING, "NY", "03-08 12:00 - 03-09 01:00"),
    (US_SPRING, "DALLAS", "03-08 17:00 - 03-09 02:00"),  # Sundays from noon
    (US_SPRING, "MS", "03-09 13:00 - 03-10 01:00"),  # no Sundays
    (US_SPRING, "PHOENIX", "03-08 15:00 - 03-09 04:00"),  # knows no summer time
    (US_AUTUMN, "NY", "11-01 13:00 - 11-02 02:00"),
    (US_AUTUMN, "DALLAS", "11-01 18:00 - 11-02 03:00"),
    (US_AUTUMN, "LA", "11-01 17:00 - 11-02 05:00"),
    (EU_SPRING, "GB", "03-29 07:00 - 03-29 19:00"),
    (EU_SPRING, "FR", "03-30 06:00 - 03-30 18:00"),
    (EU_AUTUMN, "GB", "10-25 08:00 - 10-25 20:00"),
    (EU_AUTUMN, "FR", "10-26 07:00 - 10-26 19:00"),
    # A law that changes overnight.
    (BEFORE_PA, "PA", "10-17 12:00 - 10-18 01:00"),
    (SINCE_PA, "PA", "10-19 13:00 - 10-19 23:00"),
    (US_AUTUMN, "PA", "11-02 14:00 - 11-03 00:00"),
    # Holidays of a state, and of several in a row.
    (CORPUS_CHRISTI, "DE,DE/BY", "06-05 06:00 - 06-05 18:00"),
    (CORPUS_CHRISTI, "DE,DE/BE", "06-04 06:00 - 06-04 18:00"),
    (CHRISTMAS, "FR", "12-26 07:00 - 12-26 19:00"),
    (CHRISTMAS, "DE", "12-28 07:00 - 12-28 19:00"),
    (CHRISTMAS, "AT", "12-28 07:00 - 12-28 19:00"),
    (CHRISTMAS, "RI", "12-26 15:00 - 12-26 22:00"),
    (CHRISTMAS, "AL", "12-26 14:00 - 12-27 02:00"),
    (CHRISTMAS, "GB", "12-25 08:00 - 12-25 20:00"),
]


def person(number: int, who: str) -> dict[str, Any]:
    """A row of raw.customers."""
    area, address, zone = [*who.split(","), "", ""][:3]
    country, _, state = address.partition("/")
    return {
        "customer_id": f"c{number}",
        "phone_e164": f"+{AREAS[area]}{number:04}",
        "country_code": country or None,
        "region_code": state or None,
        "time_zone": zone or None,
    }


def told(row: dict[str, Any]) -> str:
    """A window as it stands in the table above."""
    if row["no_window_reason"]:
        return row["no_window_reason"]
    return f"{row['opens_at']:%m-%d %H:%M} - {row['closes_at']:%m-%d %H:%M}"


def test_windows(law) -> None:
    nights = defaultdict(list)
    for number, (night, who, window) in enumerate(WINDOWS):
        nights[night].append((f"c{number}", who, window, person(number, who)))
    wrong = []
    for night, cases in nights.items():
        answer = law.decide(night, customers=[customer for *_, customer in cases])
        windows = {
            row["contact_id"]: told(row)
            for row in answer["int_contact_send_windows"]
            if row["message_class"] == "promotional"
        }
        assert len(windows) == len(cases)
        wrong += [
            f"{night} {who}: {windows[key]}, expected {window}"
            for key, who, window, _ in cases
            if windows[key] != window
        ]
    assert not wrong, "\n".join(wrong)


def test_service_texts_keep_the_day_and_no_holiday(law) -> None:
    answer = law.decide(JULY_4, customers=[person(1, "RI"), person(2, "ES,,Europe/Madrid")])
    service = {
        (row["contact_id"], row["message_class"]): told(row)
        for row in answer["int_contact_send_windows"]
        if row["message_class"] != "promotional"
    }
    for name in ("service", "transactional"):
        assert service["c1", name] == "07-04 12:00 - 07-05 01:00"
        assert service["c2", name] == "07-04 06:00 - 07-04 19:00"


def test_caps_are_those_of_every_region(law) -> None:
    people = [person(1, "NY"), person(2, "MIAMI"), person(3, "ME"), person(4, "ME,US/FL")]
    answer = law.decide(SUMMER, customers=people)
    caps = {
        (row["contact_id"], row["cap_hours"]): row["cap_messages"]
        for row in answer["int_contact_message_caps"]
    }
    assert caps == {("c2", 24): 3, ("c3", 8): 1, ("c4", 8): 1, ("c4", 24): 3}


def test_a_household_in_two_places_has_the_hours_of_both(law) -> None:
    people = [person(1, "NY,US/NY"), person(2, "NY,US/CA")]
    people[1]["phone_e164"] = people[0]["phone_e164"]
    answer = law.decide(SUMMER, customers=people)
    (window,) = (
        told(row)
        for row in answer["int_contact_send_windows"]
        if row["message_class"] == "promotional"
    )
    assert window == "07-01 16:00 - 07-02 01:00"


YES, PHONE, OTHER_PHONE = "2026-01-01 00:00:00", "+12125550001", "+12125550002"


def said(action: str, at: str, **more: Any) -> dict[str, Any]:
    """A row of raw.consent_events: of c1, of no number, unless told otherwise."""
    return {"customer_id": "c1", "action": action, "occurred_at": at, **more}


@dataclass
class Case:
    """One person, c1, and what was said; `others` are customers of the same phone."""

    promotional: str | None
    service: str | None
    consent: list[dict[str, Any]] = field(default_factory=lambda: [said("opt_in", YES)])
    events: list[dict[str, Any]] = field(default_factory=list)
    tickets: list[dict[str, Any]] = field(default_factory=list)
    suppressions: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    others: int = 0
    customer: dict[str, Any] = field(default_factory=dict)


def event(event_type: str, **more: Any) -> dict[str, Any]:
    row = {"sms_event_id": "s1", "customer_id": "c1", "event_type": event_type}
    return {**row, "occurred_at": "2026-06-30 12:00:00", **more}


def ticket(category: str) -> dict[str, Any]:
    return {
        "ticket_id": "t",
        "customer_id": "c1",
        "category": category,
        "opened_at": "2026-06-01 00:00:00",
    }


STOPPED = ("opted_out", "opted_out")
CASES = {
    "a yes": Case(None, None),
    "silence": Case("no_consent", "no_consent", consent=[]),
    "a yes to parcel news alone": Case(
        "no_consent", None, consent=[said("opt_in", YES, purpose="transactional")]
    ),
    "a stop one second after the yes": Case(
        *STOPPED, consent=[said("opt_in", YES), said("opt_out", "2026-01-01 00:00:01")]
    ),
    "a stop one second before the yes": Case(
        None, None, consent=[said("opt_in", YES), said("opt_out", "2025-12-31 23:59:59")]
    ),
    "a stop at the instant of the yes": Case(
        *STOPPED, consent=[said("opt_in", YES), said("opt_out", YES)]
    ),
    "a yes after a stop": Case(
        None, None, consent=[said("opt_out", YES), said("opt_in", "2026-02-01 00:00:00")]
    ),
    "a stop one second before midnight": Case(
        *STOPPED, consent=[said("opt_in", YES), said("opt_out", "2026-06-30 23:59:59")]
    ),
    "a stop at midnight is tomorrow's": Case(
        None, None, consent=[said("opt_in", YES), said("opt_out", "2026-07-01 00:00:00")]
    ),
    "a stop to parcel news": Case(
        None,
        "opted_out",
        consent=[
            said("opt_in", YES),
            said("opt_out", "2026-02-01 00:00:00", purpose="transactional"),
        ],
    ),
    "a stop to marketing, a yes to parcel news": Case(
        "opted_out",
        None,
        consent=[
            said("opt_out", "2026-02-01 00:00:00"),
            said("opt_in", YES, purpose="transactional"),
        ],
    ),
    "a stop by the number alone": Case(
        *STOPPED,
        consent=[
            said("opt_in", YES),
            said("opt_out", "2026-02-01 00:00:00", customer_id=None, phone_e164=PHONE),
        ],
    ),
    "a stop by another who has the phone": Case(
        *STOPPED,
        others=1,
        consent=[said("opt_in", YES), said("opt_out", "2026-02-01 00:00:00", customer_id="c2")],
    ),
    "a yes by another who has the phone": Case(
        None, None, others=1, consent=[said("opt_in", YES, customer_id="c2")]
    ),
    "a yes for an earlier number": Case(
        "no_consent",
        "no_consent",
        consent=[said("opt_in", YES, phone=OTHER_PHONE, phone_e164=OTHER_PHONE)],
    ),
    "a number given to somebody else since": Case(
        "suppressed",
        "suppressed",
        suppressions=[{"phone_e164": PHONE, "reason": "reassigned_number", "from_at": YES}],
    ),
    "a suppression that is over": Case(
        None,
        None,
        suppressions=[
            {
                "customer_id": "c1",
                "reason": "manual",
                "from_at": YES,
                "until_at": "2026-07-01 00:00:00",
            }
        ],
    ),
    "a complaint to the carrier": Case(*STOPPED, events=[event("complaint")]),
    "a complaint, and a yes since": Case(
        None,
        "opted_out",
        events=[event("complaint")],
        consent=[said("opt_in", "2026-06-30 13:00:00")],
    ),
    "a click": Case(None, None, events=[event("click")]),
    "a reply nobody handed over": Case(None, None, events=[event("reply")]),
    "STOP": Case(*STOPPED, events=[event("reply", reply_text="STOP")]),
    "stop with a smile": Case(*STOPPED, events=[event("reply", reply_text=" Stop !! ")]),
    "a stop in French": Case(*STOPPED, events=[event("reply", reply_text="arrêt")]),
    "a stop in German": Case(*STOPPED, events=[event("reply", reply_text="Abmelden.")]),
    "a stop in Malay": Case(*STOPPED, events=[event("reply", reply_text="henti")]),
    "free words of refusal": Case(
        *STOPPED, events=[event("reply", reply_text="Please don't text me again")]
    ),
    "a refusal looked at": Case(
        None,
        "opted_out",
        events=[event("reply", reply_text="stop kidding, I love it")],
        consent=[said("opt_in", YES), said("opt_in", "2026-06-30 15:00:00", source="review")],
    ),
    "thanks": Case(None, None, events=[event("reply", reply_text="Thanks, at the end of May?")]),
    "a ticket to opt out": Case(*STOPPED, tickets=[ticket("Opt-out")]),
    "a ticket about a parcel": Case(None, None, tickets=[ticket("delivery")]),
    "a stop nobody can read": Case(
        "consent_unreadable",
        "consent_unreadable",
        rejects=[{"table_name": "consent_events", "customer_id": "c1"}],
    ),
    "a stop that answers a text nobody can read": Case(
        "consent_unreadable",
        "consent_unreadable",
        events=[event("opt_out", customer_id=None, message_id="m1")],
        rejects=[
            {"table_name": "sms_messages", "customer_id": "c1", "row_data": '{"message_id": "m1"}'}
        ],
    ),
    "a text nobody can read, not answered": Case(
        None,
        None,
        rejects=[
            {"table_name": "sms_messages", "customer_id": "c1", "row_data": '{"message_id": "m1"}'}
        ],
    ),
    "no phone": Case("no_phone", "no_phone", customer={"phone_e164": None}),
    "a landline": Case("not_textable", "not_textable", customer={"phone_e164": "+442079460000"}),
    "a mobile abroad": Case(None, None, customer={"phone_e164": "+447400000123"}),
    "a test account": Case("test_account", "test_account", customer={"is_test": True}),
    "five on one phone are a household": Case(None, None, others=4),
    "six are a till": Case("shared_phone", "shared_phone", others=5),
}


def own(rows: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """The rows of case `number` with keys and phones that no other case has."""
    names = {"c1": "c", "m1": "m", "s1": "s", "t": "t", **{f"c{n}": f"o{n}" for n in range(2, 7)}}
    phones = {PHONE: f"+1212555{number:04}", OTHER_PHONE: f"+1213555{number:04}"}
    known = {name: f"{short}-{number}" for name, short in names.items()} | phones
    return [
        {
            column: known.get(value, value).replace('"m1"', f'"m-{number}"')
            if isinstance(value, str)
            else value
            for column, value in row.items()
        }
        for row in rows
    ]


def test_reasons(law) -> None:
    tables = defaultdict(list)
    for number, case in enumerate(CASES.values()):
        first = {"customer_id": "c1", "phone_e164": PHONE, "created_at": "2020-01-01"}
        others = [
            {"customer_id": f"c{n}", "phone_e164": PHONE, "created_at": "2021-01-01"}
            for n in range(2, 2 + case.others)
        ]
        words = [{"consent_event_id": f"e{number}-{n}", **w} for n, w in enumerate(case.consent)]
        for table, rows in {
            "customers": [first | case.customer, *others],
            "consent_events": words,
            "sms_events": case.events,
            "support_tickets": case.tickets,
            "suppressions": case.suppressions,
            "rejects": case.rejects,
        }.items():
            tables[table] += own(rows, number)
    answer = law.decide(SUMMER, **tables)["int_customer_eligibility"]
    reasons = {
        row["customer_id"]: (row["legal_reason_code"], row["service_reason_code"]) for row in answer
    }
    told = {name: reasons[f"c-{number}"] for number, name in enumerate(CASES)}
    assert told == {name: (case.promotional, case.service) for name, case in CASES.items()}
