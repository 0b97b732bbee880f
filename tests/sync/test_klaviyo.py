"""Klaviyo against a stand-in that remembers and fails: in the end the lists are as decided."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_klaviyo import DESCRIPTION, Account
from hypothesis import given
from hypothesis import strategies as st
from night import AS_OF, Vip, members
from worlds import KLAVIYO, MANY, NIGHT, World, ids, ledger_rows, night, writes

from orchestration import sync
from orchestration.ledger import open_ledger
from orchestration.platforms import PlatformError, Profile, http, klaviyo, open_platform
from orchestration.settings import Settings


@pytest.fixture
def world() -> World:
    return KLAVIYO


def push(settings: Settings, as_of=AS_OF, approve: int | None = MANY) -> sync.Pushed:
    return KLAVIYO.push(settings, as_of, approve)


def test_the_requests_are_judged_by_the_vendors_own_description(shared_dir: Path) -> None:
    """The oracle is no rubber stamp: it turns away what the vendor would."""
    oracle = Account(shared_dir / DESCRIPTION).oracle
    assert oracle
    headers = {"revision": klaviyo.REVISION, "Content-Type": klaviyo._JSON_API}
    good = {"data": [{"type": "profile", "id": "P1"}]}
    path = "/api/lists/L1/relationships/profiles"
    cases = [
        (("POST", path, {}, headers, good), 0),
        (("POST", path, {}, headers, {"data": good["data"] * 1001}), 1),
        (("POST", path, {}, {**headers, "revision": "2024-10-15"}, good), 1),
        (("POST", path, {}, headers, {"data": [{"type": "profile", "id": 7}]}), 1),
        (("GET", "/api/profiles", {"filter": 'any(customer,["a"])'}, headers, None), 1),
        (("GET", "/api/profiles", {"page[size]": "101"}, headers, None), 1),
        (("POST", "/api/profile-subscription-bulk-create-jobs", {}, headers, good), 1),
    ]
    for case, faults in cases:
        oracle.breaches.clear()
        oracle.judge(*case)
        assert bool(oracle.breaches) == bool(faults), (case, oracle.breaches)
    oracle.breaches.clear()


def test_a_first_push_makes_lists_profiles_and_members(
    settings: Settings, account: Account
) -> None:
    night(settings, members(5))
    pushed = push(settings)
    assert (pushed.accepted, pushed.pending, pushed.failed) == (14, 0, 0)
    assert account.on("VIP - vip") == ids(1, 2, 3, 4, 5)
    assert account.on("Holdout - global") == ids(9001, 9002)
    ann = account.by("external_id", "k-c1")
    assert (ann.phone, ann.email) == ("+12025550001", "c1@example.com")
    assert ann.properties["vip"] is True
    assert ann.properties["vip_tier"] == "Gold"
    held_out = account.by("external_id", "k-c9001").properties
    assert held_out.keys() == {*ann.properties, "exp_global"}
    assert held_out["vip"] is False
    told = {name: value for name, value in held_out.items() if value}
    assert told == {"vip_tier": "none", "exp_global": "holdout"}
    known = ledger_rows(settings, "contact_id, vendor_id", "audience = 'profile'")
    assert dict(known) == {one.external_id: one.id for one in account.people.values()}


def test_lists_that_are_there_are_found_by_name(settings: Settings, account: Account) -> None:
    account.lists = {"L1": "VIP - vip", "L2": "VIP - vip of last year"}
    account.members = {"L1": set(), "L2": set()}
    night(settings, members(2))
    push(settings)
    assert account.on("VIP - vip") == ids(1, 2)
    assert list(account.lists.values()).count("VIP - vip") == 1


def test_two_lists_of_one_name_are_a_question_for_a_person(
    settings: Settings, account: Account
) -> None:
    account.lists = {"L1": "VIP - vip", "L2": "VIP - vip"}
    account.members = {"L1": set(), "L2": set()}
    night(settings, members(2))
    with pytest.raises(PlatformError, match="2 lists called 'VIP - vip': keep one"):
        push(settings)


def test_every_page_of_import_errors_is_read(settings: Settings, account: Account) -> None:
    """Engines that read one page of twenty call the rest delivered; those who mark a batch by one
    success call all of it delivered."""
    bad = {f"k-c{number}" for number in range(1, 251)}
    account.faults.bad_contacts = set(bad)
    night(settings, members(400))
    pushed = push(settings)
    assert pushed.failed == 250
    assert account.on("VIP - vip") == {f"k-c{number}" for number in range(251, 401)}
    rejected = ledger_rows(settings, "contact_id, error_code, accepted_hash", "state = 'rejected'")
    assert rejected == sorted((one, "invalid", None) for one in bad)

    account.faults.bad_contacts = set()
    push(settings)
    assert len(account.on("VIP - vip")) == 400, "who was refused is sent again"


def test_a_failure_that_cannot_be_told_whose_it_is_confirms_nobody(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.faults.bad_contacts = {"k-c1"}
    monkeypatch.setattr(klaviyo, "_whose", lambda *_: None)
    night(settings, members(3), holdout=[])
    assert push(settings).failed == 3
    assert account.on("VIP - vip") == set()


def test_an_error_without_our_id_is_joined_by_its_place() -> None:
    told = {"source": {"pointer": "/data/attributes/profiles/data/1/attributes/phone_number"}}
    assert klaviyo._whose(told, ["a", "b"], {"a", "b"}) == "b"
    assert klaviyo._whose({"source": {"pointer": "/data"}}, ["a"], {"a"}) is None
    assert klaviyo._whose({"original_payload": {"external_id": "z"}}, ["a"], {"a"}) is None
    nested = {"original_payload": {"attributes": {"external_id": "a"}}}
    assert klaviyo._whose(nested, ["b", "a"], {"a", "b"}) == "a"


def test_a_refused_member_is_halved_out_too(settings: Settings, account: Account) -> None:
    night(settings, members(9), holdout=[])
    push(settings)
    account.faults.refuse_contacts = {"k-c4"}
    night(settings, members(3), as_of=NIGHT, holdout=[])
    pushed = push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2, 3, 4)
    assert pushed.failed == 2, "its place on the list, and its profile"


def test_a_member_whose_profile_was_merged_there_is_found_again(
    settings: Settings, account: Account
) -> None:
    night(settings, members(3), holdout=[])
    push(settings)
    (list_id,) = account.lists
    old = account.by("external_id", "k-c2")
    del account.people[old.id]
    account.members[list_id].discard(old.id)
    new = account.add(external_id="k-c2", phone=old.phone)
    account.members[list_id].add(new.id)
    night(settings, members(1), as_of=NIGHT, holdout=[])
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1)


def test_all_strangers_on_a_list_are_taken_off(settings: Settings, account: Account) -> None:
    night(settings, members(3), holdout=[])
    push(settings)
    (list_id,) = account.lists
    account.members[list_id] |= {account.add(email=f"s{number}@b.co").id for number in range(3)}
    push(settings)
    assert account.on("VIP - vip") == ids(1, 2, 3)


def test_jobs_that_are_slow_or_cancelled(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.faults.cancelled = 1
    account.faults.slow_jobs = 3
    night(settings, members(5))
    pushed = push(settings)
    assert pushed.failed == 2, "the first job, of the two held out, was cancelled"
    push(settings)
    assert account.on("VIP - vip") == ids(1, 2, 3, 4, 5)
    assert account.on("Holdout - global") == ids(9001, 9002)

    account.faults.slow_jobs = 10**9
    monkeypatch.setattr(klaviyo, "_JOB_PATIENCE", 0.02)
    night(settings, members(6), as_of=NIGHT)
    pushed = push(settings, NIGHT)
    assert pushed.pending == 1
    assert account.on("VIP - vip") == ids(1, 2, 3, 4, 5)
    account.requests.clear()
    assert push(settings, NIGHT).plan.counts()["waiting"] == 2
    assert writes(account) == [], "an import at work is not sent a second time"
    account.faults.slow_jobs = 0
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2, 3, 4, 5, 6)


def hold(account: Account, job_id: str) -> None:
    """Keep an import at work, however often anybody looks."""
    account.jobs[job_id] |= {"status": "processing", "looks": -(10**9)}


def test_an_import_that_nobody_heard_of_cannot_outlast_a_later_one(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent twice, because the first answer was lost; the first lands when its people have left."""
    take, lost = Account._import, []

    def lose(self: Account, *given):
        if lost:
            return take(self, *given)
        self.faults.slow_jobs = 10**9
        lost.append(take(self, *given)[1]["data"]["id"])
        hold(self, lost[0])
        self.faults.slow_jobs = 0
        return 500, None, {}

    monkeypatch.setattr(Account, "_import", lose)
    account.faults.clock = timedelta(hours=-5)
    night(settings, members(3), holdout=[])
    push(settings)
    assert account.on("VIP - vip") == ids(1, 2, 3)
    account.jobs["JX"] = {**account.jobs[lost[0]], "total": 7}  # somebody else's, for ever
    night(settings, members(2), as_of=NIGHT, holdout=["c3"])
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2), "a removal waits for nobody"
    told = ledger_rows(settings, "state, error_code", "contact_id = 'k-c3' and audience='profile'")
    assert told == [("retry", "overtaken")]
    assert account.by("external_id", "k-c3").properties["vip"] is False, "told at once"
    account.faults.no_scope = {"read profile-bulk-import-jobs"}
    night(settings, members(1), as_of=NIGHT, holdout=["c3"])
    with pytest.raises(PlatformError, match="may not GET"):
        push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1), "nor for an answer about imports"
    account.faults.no_scope = set()
    account._finish(account.jobs[lost[0]])
    assert account.by("external_id", "k-c3").properties["vip"] is True
    time.sleep(KLAVIYO.over)
    push(settings, NIGHT)
    assert account.by("external_id", "k-c3").properties["vip"] is False
    assert account.on("Holdout - global") == ids(3)
    with open_ledger(settings, read_only=True) as ledger:
        assert not [name for name in ledger.remembered("klaviyo") if "sent" in name]


def test_somebody_elses_import_holds_nothing_up(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill nobody waits to see whose an import is: removals and holdout go first."""
    night(settings, members(3))
    push(settings)
    night(settings, [*members(2), Vip("c4")], as_of=NIGHT, holdout=["c9001", "c9002", "c3"])

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(klaviyo.Klaviyo, "_import", kill)
        push(settings, NIGHT)
    account.jobs["JX"] = {"profiles": [], "errors": [], "total": 1}
    account.jobs["JX"]["created_at"] = datetime.now(UTC).isoformat()
    hold(account, "JX")
    monkeypatch.setattr(klaviyo, "_JOB_PATIENCE", 0.02)
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2, 4)
    assert account.on("Holdout - global") == ids(9001, 9002, 3)


def test_an_import_at_work_cannot_outlast_a_later_one(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(klaviyo, "_JOB_PATIENCE", 0.02)
    night(settings, members(2), holdout=[])
    account.faults.slow_jobs = 10**9
    push(settings)
    (first,) = account.jobs
    hold(account, first)
    account.faults.slow_jobs = 0
    night(settings, members(1), as_of=NIGHT, holdout=[])
    for _ in range(2):  # the ledger names the first job before the first of them only
        push(settings, NIGHT)
        told = ledger_rows(settings, "audience, state", "contact_id = 'k-c2'")
        assert told == [("profile", "retry")]
    account._finish(account.jobs[first])
    push(settings, NIGHT)
    assert account.by("external_id", "k-c2").properties["vip"] is False
    assert ledger_rows(settings, "audience, state", "contact_id = 'k-c2'") == [
        ("profile", "complete")
    ]


@pytest.mark.parametrize(
    ("fate", "said"),
    [(http.Busy("503"), []), (http.Rejected(400, "invalid"), [("k-c1", "retry", "invalid")])],
)
@pytest.mark.parametrize("where", ["J1", "import-errors"])
def test_a_job_that_cannot_be_asked_for_ends_no_push(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch, where, fate, said
) -> None:
    platform = open_platform("klaviyo", settings, {})

    def fail(kind: str, method: str, path: str, **_: object) -> http.Answer:
        if path.endswith(where):
            raise fate
        return http.Answer({"data": {"attributes": {"status": "complete"}}}, {})

    monkeypatch.setattr(platform._api, "call", fail)
    acks = platform.poll("J1", ["k-c1"])
    assert [(one, ack.state, ack.code) for ack in acks for one in ack.contact_ids] == said


def test_who_said_stop_there_is_not_added_whoever_they_were_known_as(
    settings: Settings, account: Account
) -> None:
    """Klaviyo may know the phone from the shop, under another id or none at all."""
    account.add(phone="+12025550002", consent="UNSUBSCRIBED")
    account.add(external_id="k-c3", consent="UNSUBSCRIBED")
    account.add(external_id="k-c4", consent="NEVER_SUBSCRIBED")
    account.add(external_id="k-c5", consent="A_WORD_OF_TOMORROW")
    night(settings, members(6))
    push(settings)
    assert account.on("VIP - vip") == ids(1, 4, 6)
    assert push(settings).plan.counts()["add"] == 0
    with open_ledger(settings, read_only=True) as ledger:
        told = set(ledger.opt_outs("klaviyo")["contact_id"].to_pylist())
    assert told == ids(2), "who is no news is asked about each time they would be added"


def test_a_stop_told_by_an_event_takes_its_contact_off_the_list(
    settings: Settings, account: Account
) -> None:
    night(settings, members(4))
    push(settings)
    account.faults.clock = timedelta(days=-3)
    account.stop("k-c1")
    push(settings)
    account.faults.clock = timedelta(hours=5)
    account.stop("k-c2")
    push(settings)
    account.metrics["M2"] = "Unsubscribed from SMS"
    account.stop("k-c3")
    push(settings)
    assert account.on("VIP - vip") == ids(4)


def test_an_event_that_lacks_its_profile_or_its_time_stops_no_reading(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.add(external_id="k-c1")
    account.add(external_id="k-c2")
    for one in ("k-c1", "k-c2", "k-c2"):
        account.stop(one)
    serve_events = Account._events

    def poor(self: Account, query):
        status, page, headers = serve_events(self, query)
        first, second, third = page["data"]
        first["attributes"]["datetime"] = None
        del second["relationships"]
        third["relationships"]["profile"]["data"] = None
        return status, page, headers

    monkeypatch.setattr(Account, "_events", poor)
    stops = open_platform("klaviyo", settings, {}).stops_since(None)
    assert [stop.contact_id for stop in stops.said] == ["k-c1"]


def test_a_metric_that_is_gone_is_no_fresh_reading(settings: Settings, account: Account) -> None:
    account.metrics = {}
    memory: dict[str, str] = {}
    platform = open_platform("klaviyo", settings, memory)
    never = platform.stops_since(None).newest
    assert platform.stops_since(never).said == [], "nobody ever unsubscribed"
    with pytest.raises(PlatformError, match="was it renamed there"):
        platform.stops_since(never + timedelta(days=1))
    account.metrics = {"M2": "Unsubscribed from SMS Marketing"}
    platform.stops_since(None)
    account.metrics = {"M2": "Left SMS"}
    with pytest.raises(PlatformError, match="was it renamed there"):
        open_platform("klaviyo", settings, memory).stops_since(None)


def test_an_event_of_the_future_hides_no_later_one(settings: Settings, account: Account) -> None:
    account.add(external_id="k-c1")
    account.faults.clock = timedelta(days=400)
    account.stop("k-c1")
    stops = open_platform("klaviyo", settings, {}).stops_since(None)
    assert stops.newest <= datetime.now(UTC)


def test_profiles_without_their_consent_are_not_taken_for_consent(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.add(external_id="k-c1")
    serve_profiles = Account._profiles
    monkeypatch.setattr(
        Account,
        "_profiles",
        lambda self, query: serve_profiles(self, {**query, "additional-fields[profile]": ""}),
    )
    night(settings, members(2))
    with pytest.raises(sync.RefusedError, match="does not tell who has opted out"):
        push(settings)
    assert writes(account) == []


def test_a_list_deleted_there_is_made_anew_by_approval_only(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sync.pushing,
        "policy_parameters",
        lambda: {
            "push_change_limit": 3,
            "push_share_limit": 0.2,
            "push_age_days": 9,
            "opt_out_age_hours": 36,
        },
    )
    night(settings, members(6))
    push(settings)
    account.delete_list("VIP - vip")
    with pytest.raises(sync.RefusedError, match="6 would join vip, which holds 0"):
        push(settings, approve=None)
    push(settings, approve=6)
    assert account.on("VIP - vip") == {f"k-c{number}" for number in range(1, 7)}


def test_the_doctor_finds_what_is_missing_and_changes_nothing(
    settings: Settings, account: Account
) -> None:
    night(settings, members(3))
    push(settings)
    account.requests.clear()
    account.faults.no_scope = {"read events"}
    account.delete_list("VIP - vip")
    with open_ledger(settings, read_only=True) as ledger:
        platform = open_platform("klaviyo", settings, ledger.remembered("klaviyo"))
        found = {finding.what: finding for finding in platform.check()}
    assert [what for what, finding in found.items() if not finding.is_good] == [
        "events:read",
        "VIP - vip",
    ]
    assert "give it the scope" in found["events:read"].told
    assert found["key"].told == "140 calls left this minute"
    assert writes(account) == []


def test_no_request_of_this_module_changes_consent() -> None:
    text = Path(klaviyo.__file__).read_text(encoding="utf-8")
    paths = set(re.findall(r"/api/[a-z-]+", text))
    assert paths == {
        "/api/accounts",
        "/api/events",
        "/api/lists",
        "/api/metrics",
        "/api/profile-bulk-import-jobs",
        "/api/profiles",
    }


@given(
    st.lists(st.integers(1, 3_000_000), max_size=30),
    st.integers(1, 12),
)
def test_chunks_keep_both_limits_and_lose_nobody(sizes: list[int], most: int) -> None:
    profiles = [(str(number), b"x" * size) for number, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(klaviyo, "_IMPORT_PROFILES", most)
        chunks = list(klaviyo._chunks(profiles))
    assert [one for chunk in chunks for one in chunk] == profiles
    for chunk in chunks:
        assert len(chunk) <= most
        frame = len(klaviyo._IMPORT_HEAD) + len(klaviyo._IMPORT_TAIL) + len(chunk)
        size = frame + sum(len(content) for _, content in chunk)
        assert size <= 5_000_000 or len(chunk) == 1


def test_what_no_platform_would_take_is_not_sent() -> None:
    def told(**changes):
        values = {"phone": "+12025550001", "email": "a@b.co", "properties": {}}
        return klaviyo._profile(Profile("k", "c", **(values | changes)))

    assert told(phone="0202") == "invalid_phone"
    assert told(properties={"x": "y" * 100_001}) == "too_large"
    assert b"email" not in told(email="no address")
    assert b"phone" not in told(phone=None)
