"""One decision per person and reason to write: the real models on hand-made and on random people.

dbt compiles the models once; their SQL runs here on small tables, by a policy of the test.
The night is 1 July 2026 and a message goes at noon, unless a case says otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from dbt_runs import run_dbt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.settings import PROJECT_DIR, Settings

pytestmark = pytest.mark.slow

NOON = datetime(2026, 7, 1, 12)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

MODELS = {
    "int_audience_candidates": "memory.intermediate",
    "holdout_assignments": "vip_sms.marts",
    "int_contact_message_room": "memory.intermediate",
    "int_audience_stops": "memory.intermediate",
    "int_audience_arbitrated": "memory.intermediate",
    "audience_decisions": "vip_sms.marts",
    "audience_waterfall": "vip_sms.marts",
}

# What the models read: names and types of the columns that matter.
INPUTS = {
    "memory.policy.audiences": "audience_id text, is_message boolean, message_class text, "
    "priority int, cooldown_days int, validity_hours int, other_channel_hours int, "
    "holdout_experiment_id text",
    "memory.policy.holdouts": "experiment_id text, share double, salt text, effective_from date, "
    "effective_to date",
    "memory.policy.frequency_caps": "tier_rank int, message_class text, window_hours int, "
    "max_messages int",
    "memory.policy.decision_reasons": "reason_code text, step int, decision text, is_legal boolean",
    "vip_sms.marts.audience_occurrences": "audience_id text, customer_id text, subject_id text, "
    "occurred_at timestamp, expires_at timestamp",
    "vip_sms.marts.customer_tiers": "customer_id text, tier_rank int, qualifying_spend double",
    "memory.intermediate.int_customer_contacts": "customer_id text, contact_id text",
    "memory.intermediate.int_customer_eligibility": "customer_id text, contact_id text, "
    "legal_reason_code text, service_reason_code text",
    "memory.intermediate.int_contact_send_windows": "contact_id text, message_class text, "
    "opens_at timestamp, no_window_reason text",
    "memory.intermediate.int_contact_messages": "contact_id text, audience_id text, "
    "subject_id text, message_class text, sent_at timestamp, messages int",
    "memory.intermediate.int_contact_touches": "contact_id text, audience_id text, "
    "message_class text, sent_at timestamp, weight decimal(18, 4)",
    "memory.intermediate.int_contacts_in_quiet": "contact_id text, quiet_until date",
    "memory.intermediate.int_contact_message_caps": "contact_id text, cap_messages int, "
    "cap_hours int",
    "memory.staging.stg_holdout_log": "experiment_id text, contact_id text, customer_id text, "
    "arm text, bucket double, assigned_on date",
}
POLICY = {
    "memory.policy.audiences": [
        ("vip", False, "promotional", 100, 0, None, 0, None),
        ("high", True, "promotional", 300, 7, 48, 24, None),
        ("low", True, "promotional", 200, 0, 48, 24, "low-1"),
        ("notice", True, "service", 10, 1, 24, 24, None),
        ("owed", True, "service", 5, 0, 24, 24, "owed-1"),
        ("receipt", True, "transactional", 1, 0, 24, 0, None),
    ],
    "memory.policy.holdouts": [
        ("global", 0.0, "g", datetime(2000, 1, 1), None),
        ("low-1", 0.0, "l", datetime(2000, 1, 1), None),
        ("owed-1", 0.0, "o", datetime(2000, 1, 1), None),
    ],
    "memory.policy.frequency_caps": [
        (1, "promotional", 24, 1),
        (1, "promotional", 168, 2),
        (1, "service", 24, 1),
        (1, "all", 24, 2),
        (1, "all", 168, 4),
        (2, "promotional", 24, 2),
        (2, "all", 24, 3),
    ],
}
CLASS = {row[0]: row[2] for row in POLICY["memory.policy.audiences"]}
EXPERIMENT = {row[0]: row[7] for row in POLICY["memory.policy.audiences"]}


# ---- people


@dataclass(frozen=True)
class Person:
    """What is known of one customer, alone on a phone unless `contact` says otherwise.

    `sent`: (audience or class, time, occasion or None). `touches`: (audience, time, weight).
    """

    name: str
    reasons: tuple[str, ...] = ("high",)
    expected: str = ""
    contact: str = ""
    rank: int = 1
    spend: float = 2000
    law: str | None = None
    service_law: str | None = None
    window: datetime | None = NOON
    no_window: str | None = None
    ends: datetime | None = None
    sent: tuple[tuple[str, datetime, str | None], ...] = ()
    touches: tuple[tuple[str | None, datetime, float], ...] = ()
    quiet: bool = False
    arms: tuple[tuple[str, str], ...] = ()
    legal_cap: tuple[int, int] | None = None

    @property
    def contact_id(self) -> str:
        return self.contact or self.name


@dataclass
class World:
    """The people of a night and the policy that rules it."""

    people: list[Person]
    policy: dict[str, list[tuple]] = field(default_factory=lambda: dict(POLICY))

    def rows(self) -> dict[str, list[tuple]]:
        """The rows of every input."""
        rows: dict[str, list[tuple]] = {name: [] for name in INPUTS} | self.policy
        rows["memory.policy.decision_reasons"] = decision_reasons()
        contacts = set()
        for one in self.people:
            key = one.contact_id
            rows["vip_sms.marts.customer_tiers"].append((one.name, one.rank, one.spend))
            rows["memory.intermediate.int_customer_contacts"].append((one.name, key))
            rows["memory.intermediate.int_customer_eligibility"].append(
                (one.name, key, one.law, one.service_law)
            )
            rows["vip_sms.marts.audience_occurrences"] += [
                (reason, one.name, "s", NOON - 36 * HOUR, one.ends) for reason in one.reasons
            ]
            if key in contacts:
                continue
            contacts.add(key)
            rows["memory.intermediate.int_contact_send_windows"] += [
                (key, name, one.window, one.no_window)
                for name in ("promotional", "service", "transactional")
            ]
            rows["memory.intermediate.int_contact_messages"] += [
                (key, about if about in CLASS else None, told, CLASS.get(about, about), at, 1)
                for about, at, told in one.sent
            ]
            rows["memory.intermediate.int_contact_touches"] += [
                (key, about, CLASS.get(about, "promotional"), at, weight)
                for about, at, weight in one.touches
            ]
            if one.quiet:
                rows["memory.intermediate.int_contacts_in_quiet"].append((key, NOON))
            if one.legal_cap:
                rows["memory.intermediate.int_contact_message_caps"].append((key, *one.legal_cap))
            rows["memory.staging.stg_holdout_log"] += [
                (experiment, key, one.name, arm, 0.5, datetime(2026, 5, 1))
                for experiment, arm in one.arms
            ]
        return rows


@cache
def decision_reasons() -> list[tuple]:
    """The seed as it is: the order of the reasons is the programme's own."""
    path = PROJECT_DIR / "seeds" / "policy" / "decision_reasons.csv"
    return duckdb.sql(
        f"select reason_code, step::int, decision, is_legal from read_csv('{path}', header = true)"
    ).fetchall()


class Models:
    """The compiled models over tables that each night fills anew."""

    def __init__(self, compiled: Path) -> None:
        self.connection = duckdb.connect(":memory:")
        self.connection.execute("attach ':memory:' as vip_sms; set threads = 1")
        for schema in ("memory.policy", "memory.staging", "memory.intermediate", "vip_sms.marts"):
            self.connection.execute(f"create schema {schema}")
        for name, columns in INPUTS.items():
            self.connection.execute(f"create table {name} ({columns})")
        self._steps: list[str] = []
        for model, schema in MODELS.items():
            (path,) = compiled.rglob(f"{model}.sql")
            self._steps.append(f"create or replace table {schema}.{model} as {path.read_text()}")

    def decide(self, world: World) -> list[dict[str, Any]]:
        """The decisions of a night, one dict each."""
        for name, rows in world.rows().items():
            self.connection.execute(f"delete from {name}")
            if rows:
                columns = [f"c{place}" for place in range(len(rows[0]))]
                table = pa.table(
                    dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
                )
                self.connection.register("fresh", table)
                self.connection.execute(f"insert into {name} from fresh")
                self.connection.unregister("fresh")
        for step in self._steps:
            self.connection.execute(step)
        found = self.connection.execute(
            "from vip_sms.marts.audience_decisions order by audience_id, customer_id"
        )
        return found.to_arrow_table().to_pylist()

    def query(self, sql: str) -> list[tuple]:
        """Rows of a query over the night last decided."""
        return self.connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """The models, compiled once."""
    home = tmp_path_factory.mktemp("decisions")
    own = Settings(home=home, raw_dir=home, _env_file=None)
    run_dbt(own, "compile", "--quiet", "--target", "lint", "--select", *MODELS)
    yield Models(own.paths.dbt_target / "compiled" / "vip_sms" / "models")


# ---- by hand


def ago(hours: float, about: str = "promotional", told: str | None = None) -> tuple:
    """A text so many hours before tonight's noon."""
    return (about, NOON - timedelta(hours=hours), told)


def minutes_ago(hours: int, minutes: int, about: str = "promotional") -> tuple:
    return (about, NOON - timedelta(hours=hours, minutes=minutes), None)


BOTH = ("high", "low")
OUT = (("global", "holdout"),)
IN = (("global", "treatment"),)
CASES = [
    # law and phone
    Person("may be texted", expected="high:member"),
    Person("opted out", law="opted_out", expected="high:opted_out"),
    Person("never asked", law="no_consent", expected="high:no_consent"),
    Person("stopped offers", ("high", "notice"), "high:opted_out notice:member", law="opted_out"),
    Person(
        "stopped service",
        ("high", "notice"),
        "high:member notice:opted_out",
        service_law="opted_out",
    ),
    Person("law before holdout", law="suppressed", arms=OUT, expected="high:suppressed"),
    Person("law before cap", law="no_phone", sent=(ago(1),), expected="high:no_phone"),
    Person("list and law", ("vip",), "vip:opted_out", law="opted_out"),
    # windows
    Person("no window", window=None, no_window="no_legal_window", expected="high:no_legal_window"),
    Person(
        "no zone", window=None, no_window="unknown_time_zone", expected="high:unknown_time_zone"
    ),
    Person("list without window", ("vip",), "vip:member", window=None),
    Person("window in time", window=datetime(2026, 7, 2, 23, 59, 59), expected="high:member"),
    Person("window too late", window=datetime(2026, 7, 3), expected="high:no_legal_window"),
    Person("ends before the window", ends=NOON, expected="high:no_legal_window"),
    Person("ends just behind it", ends=NOON + SECOND, expected="high:member"),
    Person(
        "service is shorter",
        ("notice", "high"),
        "high:member notice:no_legal_window",
        window=datetime(2026, 7, 2, 1),
    ),
    # caps of a day, to the minute
    Person("23:59 before", sent=(minutes_ago(23, 59),), expected="high:frequency_cap"),
    Person("24:00 before", sent=(minutes_ago(24, 0),), expected="high:member"),
    Person("24:01 before", sent=(minutes_ago(24, 1),), expected="high:member"),
    Person(
        "a second short",
        sent=(("promotional", NOON - 24 * HOUR + SECOND, None),),
        expected="high:frequency_cap",
    ),
    Person(
        "one minute past midnight",
        window=datetime(2026, 7, 1, 0, 1),
        sent=(("promotional", datetime(2026, 6, 30, 0, 1), None),),
        expected="high:member",
    ),
    Person(
        "23:59 of the day before",
        window=datetime(2026, 7, 1, 23, 58),
        sent=(("promotional", datetime(2026, 6, 30, 23, 59), None),),
        expected="high:frequency_cap",
    ),
    Person(
        "planned for later today",
        sent=(("promotional", NOON + HOUR, None),),
        expected="high:frequency_cap",
    ),
    # caps of a week and of everything
    Person("two this week", sent=(ago(100), ago(120)), expected="high:frequency_cap"),
    Person("one this week", sent=(ago(100), ago(168)), expected="high:member"),
    Person(
        "service does not fill promotion",
        sent=(ago(100, "service"), ago(101, "service")),
        expected="high:member",
    ),
    Person(
        "four of all this week",
        sent=tuple(ago(h, "service") for h in (30, 50, 70, 90)),
        expected="high:frequency_cap",
    ),
    Person("service capped too", ("notice",), "notice:frequency_cap", sent=(ago(5, "service"),)),
    Person("service after promotion", ("notice",), "notice:member", sent=(ago(5),)),
    Person(
        "all of a day", ("notice",), "notice:frequency_cap", sent=(ago(5), ago(6, "transactional"))
    ),
    Person("gold has room for two", BOTH, "high:member low:member", rank=2),
    Person("gold has one left", BOTH, "high:member low:lower_priority", rank=2, sent=(ago(3),)),
    Person(
        "gold is full", BOTH, "high:frequency_cap low:frequency_cap", rank=2, sent=(ago(3), ago(4))
    ),
    Person("a tier without caps", BOTH, "high:member low:member", rank=3, sent=(ago(1), ago(2))),
    # caps of the law
    Person(
        "law leaves none",
        rank=3,
        legal_cap=(3, 24),
        sent=(ago(1), ago(2), ago(3)),
        expected="high:frequency_cap",
    ),
    Person(
        "law leaves one",
        BOTH,
        "high:member low:lower_priority",
        rank=3,
        legal_cap=(3, 24),
        sent=(ago(1), ago(2)),
    ),
    Person(
        "law stricter than policy", BOTH, "high:member low:lower_priority", rank=2, legal_cap=(1, 8)
    ),
    Person("law does not cap service", ("notice",), "notice:member", rank=3, legal_cap=(0, 24)),
    # other channels
    Person(
        "four mails make a text",
        touches=tuple((None, NOON - h * HOUR, 0.25) for h in (1, 2, 3, 4)),
        expected="high:frequency_cap",
    ),
    Person(
        "half a text leaves no whole one",
        touches=((None, NOON - HOUR, 0.5),),
        expected="high:frequency_cap",
    ),
    Person("a letter weighs nothing", touches=((None, NOON - HOUR, 0.0),), expected="high:member"),
    Person(
        "told by mail",
        rank=3,
        touches=(("high", NOON - 23 * HOUR, 0.25),),
        expected="high:other_channel",
    ),
    Person(
        "told by mail a day ago",
        rank=3,
        touches=(("high", NOON - 24 * HOUR, 0.25),),
        expected="high:member",
    ),
    Person(
        "told something else", rank=3, touches=(("low", NOON - HOUR, 0.25),), expected="high:member"
    ),
    # cool-down and occasions
    Person(
        "a week less a second",
        rank=3,
        sent=(("high", NOON - 168 * HOUR + SECOND, None),),
        expected="high:cooldown",
    ),
    Person("a week", rank=3, sent=(ago(168, "high"),), expected="high:member"),
    Person(
        "two nights in a row", rank=3, sent=(ago(24, "high", "other"),), expected="high:cooldown"
    ),
    Person("no cool-down at all", ("low",), "low:member", rank=3, sent=(ago(1, "low"),)),
    Person(
        "the same occasion again",
        ("low",),
        "low:already_told",
        rank=3,
        sent=(ago(2000, "low", "s"),),
    ),
    Person("another one of them", ("low",), "low:member", rank=3, sent=(ago(2000, "high", "s"),)),
    Person(
        "told before cool-down", rank=3, sent=(ago(1, "high", "s"),), expected="high:already_told"
    ),
    Person("list has no cool-down", ("vip",), "vip:member", sent=(ago(1, "vip", "s"),)),
    # quiet
    Person("in quiet", quiet=True, expected="high:service_quiet"),
    Person("in quiet but owed", ("notice", "high"), "high:service_quiet notice:member", quiet=True),
    Person(
        "cool-down before quiet", quiet=True, sent=(ago(100, "high"),), expected="high:cooldown"
    ),
    Person("list in quiet", ("vip",), "vip:member", quiet=True),
    # holdouts
    Person("held out", arms=OUT, expected="high:global_holdout"),
    Person("held out of lists", ("vip",), "vip:global_holdout", arms=OUT),
    Person("treated", arms=IN, expected="high:member"),
    Person("held out but owed", ("notice", "high"), "high:global_holdout notice:member", arms=OUT),
    Person(
        "held out of one",
        BOTH,
        "high:member low:audience_holdout",
        arms=(*IN, ("low-1", "holdout")),
    ),
    Person("whole before part", ("low",), "low:global_holdout", arms=(*OUT, ("low-1", "holdout"))),
    Person(
        "service that says so", ("owed",), "owed:audience_holdout", arms=(("owed-1", "holdout"),)
    ),
    Person("service that says so, treated", ("owed",), "owed:member", arms=OUT),
    Person(
        "holdout before cool-down", arms=OUT, sent=(ago(1, "high"),), expected="high:global_holdout"
    ),
    # arbitration
    Person("priority", BOTH, "high:member low:lower_priority"),
    Person("service first", ("high", "notice"), "high:member notice:member"),
    Person(
        "service takes the room",
        ("high", "notice"),
        "high:lower_priority notice:member",
        sent=(ago(10, "transactional"),),
    ),
    Person(
        "transactional first of all",
        ("high", "notice", "receipt"),
        "high:lower_priority notice:member receipt:member",
    ),
    Person("two services, room for one", ("notice", "owed"), "notice:member owed:lower_priority"),
    Person("the held out take no room", BOTH, "high:service_quiet low:service_quiet", quiet=True),
    Person("the next in line", BOTH, "high:cooldown low:member", sent=(ago(100, "high"),)),
    # one phone
    Person("chosen", ("vip", "high"), "vip:member high:member", contact="home", rank=2),
    Person(
        "spouse",
        ("vip", "low"),
        "vip:phone_already_chosen low:phone_already_chosen",
        contact="home",
    ),
    Person(
        "staff at home",
        ("vip",),
        "vip:test_account",
        contact="flat",
        rank=3,
        law="test_account",
        service_law="test_account",
    ),
    Person("flatmate", ("vip",), "vip:member", contact="flat"),
]


@pytest.fixture(scope="module")
def told(models: Models) -> dict[str, dict[str, str]]:
    """The reasons of all cases, by person and audience, from one night."""
    found: dict[str, dict[str, str]] = {}
    for row in models.decide(World(CASES)):
        found.setdefault(row["customer_id"], {})[row["audience_id"]] = row["reason_code"]
    return found


@pytest.mark.parametrize("person", CASES, ids=lambda person: person.name)
def test_each_case_is_decided_as_by_hand(person: Person, told: dict) -> None:
    expected = dict(part.split(":") for part in person.expected.split())
    assert expected, "a case without an answer"
    assert told[person.name] == expected


def test_there_are_cases_of_every_reason(told: dict) -> None:
    shown = {reason for reasons in told.values() for reason in reasons.values()}
    of_law_alone = {"not_textable", "shared_phone", "consent_unreadable"}
    assert {row[0] for row in decision_reasons()} - shown <= of_law_alone
    assert len(CASES) >= 60


def test_whoever_goes_first_is_named(models: Models) -> None:
    people = [Person("rivals", ("low", "high", "notice"), sent=(ago(10, "transactional"),))]
    rows = {row["audience_id"]: row for row in models.decide(World(people))}
    assert rows["high"]["winner_audience_id"] == rows["low"]["winner_audience_id"] == "notice"
    assert rows["notice"]["winner_audience_id"] is None


# ---- at random

TIMES = st.integers(-24 * 9, 6).map(lambda hours: NOON + hours * HOUR)
ABOUT = st.sampled_from([*CLASS, "promotional", "service"])
PEOPLE = st.lists(
    st.builds(
        Person,
        name=st.just(""),
        contact=st.sampled_from([f"k{n}" for n in range(12)]),
        reasons=st.sets(st.sampled_from(sorted(CLASS)), min_size=1).map(
            lambda names: tuple(sorted(names))
        ),
        rank=st.integers(1, 3),
        law=st.sampled_from([None, None, None, "opted_out", "test_account"]),
        service_law=st.sampled_from([None, None, None, "opted_out"]),
        window=st.sampled_from([NOON, NOON, NOON + 20 * HOUR, None]),
        sent=st.lists(st.tuples(ABOUT, TIMES, st.sampled_from([None, "s", "t"])), max_size=4).map(
            tuple
        ),
        touches=st.lists(
            st.tuples(st.sampled_from([None, "high"]), TIMES, st.sampled_from([0.0, 0.25, 1.0])),
            max_size=3,
        ).map(tuple),
        quiet=st.booleans(),
        arms=st.sampled_from([(), (), OUT, IN, (*IN, ("low-1", "holdout"))]),
        legal_cap=st.sampled_from([None, None, (1, 24), (3, 24)]),
    ),
    min_size=8,
    max_size=16,
).map(lambda people: [replace(one, name=f"c{n}") for n, one in enumerate(people)])
RANDOM = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def drawn(share: float) -> dict[str, list[tuple]]:
    """The policy with this share in every experiment."""
    holdouts = [(name, share, *more) for name, _, *more in POLICY["memory.policy.holdouts"]]
    return POLICY | {"memory.policy.holdouts": holdouts}


def members(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(row["audience_id"], row["contact_id"]) for row in rows if row["decision"] == "member"}


@RANDOM
@given(people=PEOPLE)
def test_nobody_is_texted_against_law_holdout_or_cap(models: Models, people: list[Person]) -> None:
    rows = models.decide(World(people, drawn(0.3)))
    by_name = {one.name: one for one in people}
    told_of: dict[str, Person] = {}
    for one in people:
        told_of.setdefault(one.contact_id, one)  # what is known of a phone is the first one's
    held_out = {
        (experiment, contact)
        for experiment, contact in models.query(
            "select experiment_id, contact_id from vip_sms.marts.holdout_assignments "
            "where arm = 'holdout'"
        )
    }
    assert {(row["audience_id"], row["customer_id"]) for row in rows} == {
        (reason, one.name) for one in people for reason in one.reasons
    }, "one decision for each reason to write"
    going: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["decision"] != "member":
            continue
        one, name = by_name[row["customer_id"]], row["audience_id"]
        is_promotion = CLASS[name] == "promotional"
        assert (one.law if is_promotion else one.service_law) is None
        assert not (is_promotion and ("global", row["contact_id"]) in held_out)
        assert (EXPERIMENT[name], row["contact_id"]) not in held_out
        if row["is_message"]:
            phone = told_of[row["contact_id"]]
            assert phone.window and phone.window < row["ends_at"]
            assert not (is_promotion and phone.quiet)
            going.setdefault(row["contact_id"], []).append(row)
    for contact, sent in going.items():
        assert len({row["customer_id"] for row in sent}) == 1, "one voice on a phone"
        phone, tier = told_of[contact], by_name[sent[0]["customer_id"]].rank
        caps = [row[1:] for row in POLICY["memory.policy.frequency_caps"] if row[0] == tier]
        if phone.legal_cap:
            caps.append(("promotional", phone.legal_cap[1], phone.legal_cap[0]))
        for scope, hours, most in caps:
            tonight = sum(scope in (CLASS[row["audience_id"]], "all") for row in sent)
            since = sent[0]["send_at"] - hours * HOUR
            before = sum(
                scope in (CLASS.get(about, about), "all")
                for about, at, _ in phone.sent
                if at > since
            ) + sum(
                weight * (scope in (CLASS.get(about, "promotional"), "all"))
                for about, at, weight in phone.touches
                if at > since
            )
            assert not tonight or tonight + before <= most, (contact, scope, hours)


@RANDOM
@given(people=PEOPLE, place=st.integers(0, 7))
def test_an_opt_out_never_lets_anybody_in_but_on_the_same_phone(
    models: Models, people: list[Person], place: int
) -> None:
    before = models.decide(World(people))
    phone = people[place].contact_id
    stopped = [
        replace(one, law="opted_out", service_law="opted_out") if one.contact_id == phone else one
        for one in people
    ]
    after = models.decide(World(stopped))
    assert members(after) <= members(before)
    assert not [pair for pair in members(after) if pair[1] == phone]


def messages(models: Models, people: list[Person], policy: dict[str, list[tuple]]) -> Counter[str]:
    """How many texts each contact gets tonight."""
    return Counter(
        row["contact_id"]
        for row in models.decide(World(people, policy))
        if row["is_message"] and row["decision"] == "member"
    )


@RANDOM
@given(people=PEOPLE, place=st.integers(0, 6))
def test_a_stricter_cap_never_sends_more(models: Models, people: list[Person], place: int) -> None:
    caps = list(POLICY["memory.policy.frequency_caps"])
    tier, scope, hours, most = caps[place]
    caps[place] = (tier, scope, hours, most - 1)
    strict = POLICY | {"memory.policy.frequency_caps": caps}
    assert messages(models, people, strict) <= messages(models, people, POLICY)


@RANDOM
@given(people=PEOPLE, most=st.integers(0, 3), hours=st.sampled_from([8, 24, 168]))
def test_a_cap_of_the_law_never_sends_more(
    models: Models, people: list[Person], most: int, hours: int
) -> None:
    """A region that begins to cap, for everybody whom no other one caps."""
    before = messages(models, people, POLICY)
    capped = [replace(one, legal_cap=one.legal_cap or (most, hours)) for one in people]
    assert messages(models, capped, POLICY) <= before


@RANDOM
@given(people=PEOPLE, data=st.data())
def test_a_stricter_row_of_an_audience_never_sends_more(
    models: Models, people: list[Person], data: st.DataObject
) -> None:
    """A longer cool-down, a longer memory of other channels, a shorter validity."""
    place = data.draw(st.integers(1, len(CLASS) - 1))
    column, change = data.draw(st.sampled_from([(4, 3), (4, 30), (5, -12), (6, 48), (6, 240)]))
    audiences = [list(row) for row in POLICY["memory.policy.audiences"]]
    audiences[place][column] += change
    strict = POLICY | {"memory.policy.audiences": [tuple(row) for row in audiences]}
    name = audiences[place][0]
    before, after = (models.decide(World(people, policy)) for policy in (POLICY, strict))

    def sent(rows: list[dict[str, Any]]) -> Counter[str]:
        return Counter(contact for audience, contact in members(rows) if audience != "vip")

    def of_audience(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {pair for pair in members(rows) if pair[0] == name}

    assert sent(after) <= sent(before), "who is left out may be followed by one, not by more"
    assert of_audience(after) <= of_audience(before)


@RANDOM
@given(
    people=PEOPLE,
    shares=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)).map(sorted),
    raised=st.sampled_from([None, "global", "low-1", "owed-1"]),
)
def test_raising_a_share_moves_nobody_from_holdout_to_treatment(
    models: Models, people: list[Person], shares: list[float], raised: str | None
) -> None:
    """Of one experiment or of all: nobody held out is treated, in the whole or in a part of it."""

    def arms(share: float) -> dict[tuple[str, str], str]:
        policy = drawn(shares[0])
        policy["memory.policy.holdouts"] = [
            (name, share if raised in (None, name) else low, *more)
            for name, low, *more in policy["memory.policy.holdouts"]
        ]
        models.decide(World(people, policy))
        found = models.query(
            "select experiment_id, contact_id, arm from vip_sms.marts.holdout_assignments"
        )
        return {(experiment, contact): arm for experiment, contact, arm in found}

    before, after = arms(shares[0]), arms(shares[1])
    held_out = {pair for pair, arm in before.items() if arm == "holdout"}
    assert not [pair for pair in held_out if after.get(pair) == "treatment"]
    # Who is no longer drawn for a part is held out of the whole now, and gets less and not more.
    gone = held_out - after.keys()
    assert all(after["global", contact] == "holdout" for _, contact in gone)


@RANDOM
@given(people=PEOPLE)
def test_the_waterfall_adds_up(models: Models, people: list[Person]) -> None:
    rows = models.decide(World(people, drawn(0.2)))
    steps = models.query(
        "select audience_id, sum(customers), min(customers_left) "
        "from vip_sms.marts.audience_waterfall group by audience_id"
    )
    counts = dict.fromkeys(CLASS, 0)
    for row in rows:
        counts[row["audience_id"]] += 1
    assert {(name, count, 0) for name, count in counts.items()} == set(steps)
