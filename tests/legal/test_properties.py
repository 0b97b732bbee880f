"""Windows and consent under random rules and words, against plain Python and against themselves.

The reference below knows nothing of sets and joins: it walks through the week by quarters of an
hour and asks every rule on every clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, reset_tzpath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

reset_tzpath(())  # the clocks of the locked tzdata: a system may not know of this year's changes

QUARTER = timedelta(minutes=15)
LEAD, HORIZON, LEAST = timedelta(hours=4), timedelta(days=7), timedelta(hours=1)
ZONES = [
    "America/New_York", "America/Los_Angeles", "America/Phoenix", "America/St_Johns",
    "America/Santiago", "Pacific/Honolulu", "Europe/London", "Europe/Paris", "Africa/Casablanca",
    "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland",
]  # fmt: skip
REGIONS = ["US", "US-FL", "FR"]
AREAS = {"US": "+12125550", "US-FL": "+13055550", "FR": "+336123400"}
SEEDS_CHANGED = ("sms_rules", "public_holidays")
FEW = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Rule:
    """A row of sms_rules: hours by day of the week, Saturday 5, Sunday 6; None where forbidden."""

    region: str
    weekdays: tuple[str, str] | None
    saturday: tuple[str, str] | None
    sunday: tuple[str, str] | None
    on_holidays: bool
    clock: str | None
    since: date | None
    until: date | None

    def row(self, number: int) -> dict[str, Any]:
        named = zip(
            ("mon_fri", "sat", "sun"), (self.weekdays, self.saturday, self.sunday), strict=True
        )
        hours = {
            f"{day}_{edge}": times[place] if times else None
            for day, times in named
            for place, edge in enumerate(("start", "end"))
        }
        return {
            "message_class": "promotional",
            "region_code": self.region,
            "rule_id": f"r{number}",
            "clock_zone": self.clock,
            "is_holiday_allowed": self.on_holidays,
            "effective_from": self.since,
            "effective_to": self.until,
            **hours,
        }

    def forbids(self, at: datetime, zone: str, holidays: set[date]) -> bool:
        local = at.astimezone(ZoneInfo(zone))
        day = local.date()
        if (self.since and day < self.since) or (self.until and day >= self.until):
            return False
        if day in holidays and not self.on_holidays:
            return True
        hours = {5: self.saturday, 6: self.sunday}.get(day.weekday(), self.weekdays)
        return hours is None or not hours[0] <= local.strftime("%H:%M") < hours[1]


def is_legal(
    at: datetime, rules: list[Rule], zones: set[str], holidays: set[date], as_of: date
) -> bool:
    """Whether a text may arrive at that moment; without any rule in force nobody is texted."""
    for zone in zones:
        local_day = at.astimezone(ZoneInfo(zone)).date()
        if not any(
            (not r.since or r.since <= local_day) and (not r.until or local_day < r.until)
            for r in rules
        ):
            return False
    for rule in rules:
        clocks = set(zones)
        if rule.clock and not (rule.since and rule.since > as_of):
            clocks.add(rule.clock)
        if any(rule.forbids(at, zone, holidays) for zone in clocks):
            return False
    return True


def next_window(
    as_of: date, rules: list[Rule], zones: set[str], holidays: set[date]
) -> tuple[datetime, datetime] | None:
    """The first legal stretch of an hour or more after the files are there."""
    midnight = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
    at, opened = midnight + LEAD, None
    while True:
        legal = is_legal(at, rules, zones, holidays, as_of)
        if legal and opened is None:
            if at >= midnight + HORIZON:
                return None
            opened = at
        if not legal and opened is not None:
            if at - opened >= LEAST:
                return opened.replace(tzinfo=None), at.replace(tzinfo=None)
            opened = None
        if opened is None and at >= midnight + HORIZON:
            return None
        at += QUARTER


def times(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low * 4, high * 4).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")


hours = st.one_of(
    st.none(), st.tuples(times(5, 12), times(13, 23)), st.tuples(times(5, 9), times(18, 23))
)
usual = st.tuples(times(5, 10), times(16, 23))
nights = st.one_of(
    st.dates(date(2025, 1, 1), date(2027, 12, 1)),
    # where clocks change
    st.sampled_from([date(2026, 3, 7), date(2026, 3, 29), date(2026, 10, 24), date(2026, 11, 1)]),
)


@st.composite
def rule_of(draw: st.DrawFn, region: str, night: date, *, dated: bool) -> Rule:
    turn = night + timedelta(days=draw(st.integers(-1, 6)))
    since, until = draw(st.sampled_from([(None, None), (turn, None), (None, turn)]))
    return Rule(
        region,
        draw(st.one_of(usual, hours)),
        draw(hours),
        draw(hours),
        draw(st.booleans()),
        None if dated else draw(st.sampled_from([None, None, "America/Chicago"])),
        since if dated else None,
        until if dated else None,
    )


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    night = draw(nights)
    # One that is always in force in each region, and up to three more.
    rules = [draw(rule_of(region, night, dated=False)) for region in REGIONS]
    for region in draw(st.lists(st.sampled_from(REGIONS), max_size=3)):
        rules.append(draw(rule_of(region, night, dated=True)))
    people = draw(
        st.lists(
            st.tuples(st.sampled_from(list(AREAS)), st.lists(st.sampled_from(ZONES), min_size=1,
            max_size=2, unique=True)),
            min_size=4, max_size=12,
        )
    )  # fmt: skip
    days = draw(st.lists(st.integers(-1, 7), max_size=3, unique=True))
    holidays = [(draw(st.sampled_from(REGIONS)), night + timedelta(days=offset)) for offset in days]
    return {"night": night, "rules": rules, "people": people, "holidays": holidays}


@pytest.fixture
def changed(law):
    """The law, whose rules a test may write; those of the project stand again afterwards."""
    yield law
    for name in SEEDS_CHANGED:
        law.write_seed(name)


def windows(law, world: dict[str, Any]) -> dict[str, tuple[datetime, datetime] | None]:
    law.write_seed("sms_rules", [rule.row(n) for n, rule in enumerate(world["rules"])])
    law.write_seed(
        "public_holidays",
        [{"region_code": region, "holiday_on": day} for region, day in set(world["holidays"])],
    )
    customers = [
        {
            "customer_id": f"c{number}-{place}",
            "created_at": f"2020-01-0{1 + place}",
            "phone_e164": f"{AREAS[region]}{number:03}",
            "time_zone": zone,
        }
        for number, (region, zones) in enumerate(world["people"])
        for place, zone in enumerate(zones)
    ]
    answer = law.decide(world["night"], customers=customers)["int_contact_send_windows"]
    return {
        row["contact_id"].split("-")[0]: (row["opens_at"], row["closes_at"])
        if row["opens_at"]
        else None
        for row in answer
        if row["message_class"] == "promotional"
    }


@FEW
@given(world=worlds())
def test_windows_are_those_of_the_plain_reference(changed, world) -> None:
    told = windows(changed, world)
    for number, (region, zones) in enumerate(world["people"]):
        regions = {region, region[:2]}
        rules = [rule for rule in world["rules"] if rule.region in regions]
        holidays = {day for place, day in world["holidays"] if place in regions}
        expected = next_window(world["night"], rules, set(zones), holidays)
        assert told[f"c{number}"] == expected, (region, zones, rules, holidays)


@FEW
@given(world=worlds(), data=st.data())
def test_a_stricter_rule_never_widens(changed, world, data) -> None:
    before = windows(changed, world)
    region = data.draw(st.sampled_from(REGIONS))
    extra = data.draw(rule_of(region, world["night"], dated=False))
    after = windows(changed, {**world, "rules": [*world["rules"], extra]})
    for contact, window in after.items():
        if window is None:
            continue
        assert before[contact] is not None
        assert before[contact][0] <= window[0]
        if before[contact][1] > window[0]:
            assert window[1] <= before[contact][1]


SAYINGS = ("opt_in", "opt_out", "complaint", "reply", "refusal", "ticket", "by_phone")


@st.composite
def words(draw: st.DrawFn) -> list[tuple[str, int, int, str]]:
    """(what, customer, hour, purpose) of ten customers, two on each phone."""
    return draw(
        st.lists(
            st.tuples(
                st.sampled_from(SAYINGS),
                st.integers(0, 9),
                st.integers(0, 4),
                st.sampled_from(["marketing", "transactional"]),
            ),
            max_size=40,
        )
    )


def may_be_texted(law, said: list[tuple[str, int, int, str]]) -> dict[str, set[str]]:
    """Customers whom nothing stops, by class of message."""
    tables: dict[str, list[dict[str, Any]]] = {
        "consent_events": [], "sms_events": [], "support_tickets": [],
    }  # fmt: skip
    for number, (what, customer, hour, purpose) in enumerate(said):
        key, who, at = f"w{number}", f"c{customer}", datetime(2026, 6, 1, hour)
        phone = f"+1212555{customer // 2:04}"
        if what == "ticket":
            row = {"ticket_id": key, "customer_id": who, "category": "opt_out", "opened_at": at}
            tables["support_tickets"].append(row)
        elif what in ("complaint", "reply", "refusal"):
            text = {"reply": "STOP", "refusal": "please stop this"}.get(what)
            kind = "complaint" if what == "complaint" else "reply"
            row = {"sms_event_id": key, "customer_id": who, "event_type": kind}
            tables["sms_events"].append({**row, "reply_text": text, "occurred_at": at})
        else:
            row = {"consent_event_id": key, "purpose": purpose, "occurred_at": at}
            whose = {"phone_e164": phone, "phone": phone} if what == "by_phone" else {}
            row |= whose or {"customer_id": who}
            row["action"] = "opt_in" if what == "opt_in" else "opt_out"
            tables["consent_events"].append(row)
    customers = [{"customer_id": f"c{n}", "phone_e164": f"+1212555{n // 2:04}"} for n in range(10)]
    rows = law.decide(date(2026, 7, 1), customers=customers, **tables)["int_customer_eligibility"]
    return {
        name: {row["customer_id"] for row in rows if row[f"{name}_reason_code"] is None}
        for name in ("legal", "service")
    }


@FEW
@given(said=words(), data=st.data())
def test_a_stop_never_adds_anybody(law, said, data) -> None:
    before = may_be_texted(law, said)
    stop = data.draw(st.sampled_from(SAYINGS[1:]))
    more = (
        stop,
        data.draw(st.integers(0, 9)),
        data.draw(st.integers(0, 5)),
        data.draw(st.sampled_from(["marketing", "transactional"])),
    )
    after = may_be_texted(law, [*said, more])
    assert after["legal"] <= before["legal"]
    assert after["service"] <= before["service"]
    if stop in ("complaint", "reply", "refusal", "ticket") and more[2] == 5:
        household = {f"c{more[1] // 2 * 2}", f"c{more[1] // 2 * 2 + 1}"}
        assert not household & (after["legal"] | after["service"])
