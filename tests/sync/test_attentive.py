"""Attentive: late jobs, requests nobody heard of again, and results read row by row."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_attentive import DESCRIPTION, Account
from night import AS_OF, Vip, members
from worlds import ATTENTIVE, MANY, NIGHT, World, ids, ledger_rows, night, writes

from orchestration import sync
from orchestration.ledger import open_ledger
from orchestration.platforms import PlatformError, Profile, attentive, http, open_platform
from orchestration.settings import Settings

MEMBERS = "/v2/bulk/segments/members"


@pytest.fixture
def world() -> World:
    return ATTENTIVE


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No push waits for a job, and what was never answered is over after a second."""
    monkeypatch.setattr(attentive, "_JOB_PATIENCE", 0.02)


def push(settings: Settings, as_of=AS_OF, approve: int | None = MANY) -> sync.Pushed:
    return ATTENTIVE.push(settings, as_of, approve)


def states(settings: Settings, contact: str) -> dict[str, tuple[str, str | None]]:
    """State and accepted hash of a contact by list, its profile left out."""
    rows = ledger_rows(
        settings,
        "audience, state, accepted_hash",
        f"contact_id = '{contact}' and audience <> 'profile'",
    )
    return {audience: (state, accepted) for audience, state, accepted in rows}


def test_the_requests_are_judged_by_the_vendors_own_description(shared_dir: Path) -> None:
    """The oracle is no rubber stamp: it turns away what the vendor would."""
    oracle = Account(shared_dir / DESCRIPTION).oracle
    assert oracle
    headers = {"Content-Type": "application/json"}
    member, user = {"clientUserId": "k"}, {"identifiers": {"clientUserId": "k"}}
    path = "/v2/bulk/user/attributes"
    cases = [
        (("POST", MEMBERS, {}, headers, {"externalId": "s", "members": [member]}), 0),
        (("POST", MEMBERS, {}, headers, {"externalId": "s", "members": [member] * 10_001}), 1),
        (("POST", MEMBERS, {}, headers, {"externalId": "s", "members": []}), 1),
        (("DELETE", MEMBERS, {}, headers, {"members": [member]}), 1),
        (("POST", MEMBERS, {}, headers, {"externalId": "s", "members": [{"id": "k"}]}), 1),
        (("POST", path, {}, headers, {"users": [user]}), 0),
        (("POST", path, {}, headers, {"users": [user] * 257}), 1),
        (("POST", path, {}, headers, {"users": [{"identifiers": {}}]}), 1),
        (("POST", "/v2/subscriptions", {}, headers, {}), 1),
    ]
    for case, faults in cases:
        oracle.breaches.clear()
        oracle.judge(*case)
        assert bool(oracle.breaches) == bool(faults), (case, oracle.breaches)
    oracle.breaches.clear()


def test_a_first_push_makes_segments_attributes_and_members(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attentive, "_MEMBERS", 100)
    night(settings, members(300))
    pushed = push(settings)
    assert (pushed.accepted, pushed.pending, pushed.failed) == (604, 0, 0)
    assert len(account.on("VIP - vip")) == 300
    assert account.on("Holdout - global") == ids(9001, 9002)
    assert account.lists == {
        "vip-sms-vip": "VIP - vip",
        "vip-sms-holdout-global": "Holdout - global",
    }
    made = [path for method, path in writes(account)]
    assert made.count("/v2/bulk/user/attributes") == 3, "two held out, and 300 by 256"
    assert made.count(MEMBERS) == 4
    ann = account.by("external_id", "k-c1")
    assert (ann.phone, ann.email) == ("+12025550001", "c1@example.com")
    assert ann.properties["vip_next_tier"] == "none", "a word in place of nothing"
    assert ledger_rows(settings, "vendor_id", "vendor_id is not null") == [], "no ids but ours"
    with open_ledger(settings, read_only=True) as ledger:
        kept = ledger.remembered("attentive")
    assert sorted(kept) == ["list holdout-global", "list vip"], "no request is left open"


def test_a_bad_row_of_the_results_stands_alone(settings: Settings, account: Account) -> None:
    bad = {f"k-c{number}" for number in range(1, 31)}
    account.faults.bad_contacts = set(bad)
    night(settings, members(40))
    assert push(settings).failed == 30
    assert account.on("VIP - vip") == ids(*range(31, 41))
    rejected = ledger_rows(settings, "contact_id, error_code, accepted_hash", "state = 'rejected'")
    assert rejected == sorted((one, "400", None) for one in bad), "and none of their words"
    account.faults.bad_contacts = set()
    push(settings)
    assert len(account.on("VIP - vip")) == 40


def test_who_has_no_line_in_the_results_is_not_accepted(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    do = Account._do

    def forgetful(self: Account, what, segment, item):
        told = do(self, what, segment, item)
        named = (item.get("identifiers") or item)["clientUserId"]
        return {"response": {"status": 200}} if named == "k-c2" else told

    monkeypatch.setattr(Account, "_do", forgetful)
    night(settings, members(3), holdout=[])
    assert push(settings).failed == 1
    assert account.on("VIP - vip") == ids(1, 3)
    codes = ledger_rows(settings, "contact_id, error_code", "error_code is not null")
    assert codes == [("k-c2", "no_result")]


def test_a_link_to_results_that_has_run_out_is_asked_for_again(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, asked = Account._result, []

    def fickle(self: Account, job_id: str):
        asked.append(job_id)
        return (403, None, {}) if asked.count(job_id) == 1 else result(self, job_id)

    monkeypatch.setattr(Account, "_result", fickle)
    night(settings, members(3))
    assert push(settings).pending == 0
    assert account.on("VIP - vip") == ids(1, 2, 3)


def test_a_job_that_nobody_knows_yet_is_at_work(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    status = Account._status
    monkeypatch.setattr(Account, "_status", lambda self, job_id: (404, {}, {}))
    night(settings, members(3))
    assert push(settings).pending == 5
    codes = "contact_id, error_code"
    assert ledger_rows(settings, codes, "error_code is not null") == []
    push(settings)
    assert {code for _, code in ledger_rows(settings, codes, "audience = 'profile'")} == {None}
    monkeypatch.setattr(Account, "_status", status)
    push(settings)
    push(settings)
    assert account.on("VIP - vip") == ids(1, 2, 3)


def test_a_failed_job_is_asked_for_again(settings: Settings, account: Account) -> None:
    account.faults.cancelled = 1
    night(settings, members(3))
    assert push(settings).failed == 2, "the first job was that of the two held out"
    assert push(settings).failed == 0
    assert account.on("VIP - vip") == ids(1, 2, 3)
    assert account.on("Holdout - global") == ids(9001, 9002)


def test_a_job_at_work_is_not_sent_a_second_time(
    settings: Settings, account: Account, impatient: None
) -> None:
    account.stray = True
    night(settings, members(3))
    assert push(settings).pending == 5
    assert account.on("VIP - vip") == set(), "profiles first"
    account.requests.clear()
    assert push(settings).plan.counts()["waiting"] == 10
    assert [path for _, path in writes(account)] == []
    account.stray = False
    account.work(everything=True)
    push(settings)
    assert account.on("VIP - vip") == ids(1, 2, 3)
    assert push(settings).plan.counts()["unchanged"] == 10


def test_a_removal_counts_when_no_earlier_addition_can_come_after_it(
    settings: Settings, account: Account, impatient: None
) -> None:
    night(settings, members(3))
    push(settings)
    night(settings, members(4), as_of=NIGHT)
    account.stray = True
    push(settings, NIGHT)
    account.work(everything=True)
    push(settings, NIGHT)  # the addition of k-c4 is at work
    account.stray = False
    later = {"as_of": NIGHT, "fingerprint": "f2", "decisions": {"c4": "opted_out"}}
    night(settings, members(3), **later)
    push(settings, NIGHT)
    assert states(settings, "k-c4") == {"vip": ("processing", None)}, "sent, and not confirmed"
    account.work(everything=True)
    assert account.on("VIP - vip") == ids(1, 2, 3, 4), "the addition came after it"
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2, 3)
    assert states(settings, "k-c4") == {"vip": ("complete", "off")}


def finish(account: Account, what: str) -> None:
    """Let the jobs of one kind that are at work come to their end."""
    for job in account.jobs.values():
        if job["what"] == what:
            job["due"] = 0.0
    account.work()


def test_a_removal_sent_after_an_addition_cannot_outlast_the_next_addition(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    """Its own job counts as much as the one it was sent after."""
    take, is_slow = Account._take, True

    def take_late(self: Account, what: str, *more: object):
        self.stray = what != "know" and is_slow
        return take(self, what, *more)

    night(settings, members(3))
    push(settings)
    monkeypatch.setattr(Account, "_take", take_late)
    night(settings, members(4), as_of=NIGHT)
    push(settings, NIGHT)
    night(settings, members(3), as_of=NIGHT, decisions={"c4": "opted_out"})
    push(settings, NIGHT)  # the removal is sent, while the addition is at work
    is_slow = False
    finish(account, "add")
    night(settings, members(4), as_of=NIGHT)
    for _ in range(2):
        push(settings, NIGHT)
        assert states(settings, "k-c4")["vip"][0] == "processing", "the removal may still come"
    finish(account, "remove")
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2, 3, 4)
    assert states(settings, "k-c4")["vip"] == ("complete", "on")
    with open_ledger(settings, read_only=True) as ledger:
        assert not [name for name in ledger.remembered("attentive") if "sent" in name]


def test_a_request_at_work_is_known_though_its_row_was_about_to_be_sent_anew(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    """Killed between the note of the removal and its request: the ledger names no job any more."""
    night(settings, members(3))
    push(settings)
    night(settings, members(4), as_of=NIGHT)
    push(settings, NIGHT)
    account.delete_list("VIP - vip")
    account.stray = True
    push(settings, NIGHT)  # everybody is being added to the new one
    later = {"as_of": NIGHT, "fingerprint": "f2", "decisions": {"c4": "opted_out"}}
    night(settings, members(3), **later)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(attentive.Attentive, "remove_members", killed)
        push(settings, NIGHT)
    account.stray = False
    push(settings, NIGHT)
    assert states(settings, "k-c4")["vip"][0] == "processing"
    account.work(everything=True)
    for _ in range(2):
        push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2, 3)


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_profile_that_nobody_heard_of_keeps_waiting_only_who_has_changed(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch, is_changed: bool
) -> None:
    """Killed after the profiles were sent: told in the same words again, they may come in any
    order."""
    monkeypatch.setattr(attentive, "_LATEST", timedelta(hours=18))
    call = http.Api.call

    def kill(self: http.Api, kind: str, *given: object, **more: object) -> http.Answer:
        answer = call(self, kind, *given, **more)
        if kind == "attributes":
            raise KeyboardInterrupt
        return answer

    night(settings, members(3), holdout=[])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(http.Api, "call", kill)
        push(settings)
    night(settings, [*members(2), Vip("c3", "Platinum" if is_changed else "Gold")], holdout=[])
    push(settings)
    assert account.on("VIP - vip") == (ids(1, 2) if is_changed else ids(1, 2, 3))


def killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("answer", [b"<html>", b"[]", None])
def test_a_request_that_was_taken_and_not_understood_keeps_its_note(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    night(settings, members(1), holdout=[])
    take = Account._take
    monkeypatch.setattr(attentive, "_LATEST", timedelta(hours=18))
    monkeypatch.setattr(Account, "_take", lambda *given: (take(*given)[0], answer, {}))
    assert push(settings).failed == 1
    with open_ledger(settings, read_only=True) as ledger:
        assert [name for name in ledger.remembered("attentive") if "sent" in name]


def test_an_addition_that_nobody_heard_of_again_cannot_outlast_a_removal(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after the deed: there is a job, and nobody knows its name."""
    monkeypatch.setattr(attentive, "_LATEST", timedelta(hours=18))
    night(settings, members(3))
    serve, lost = Account.serve, []

    def cut(self: Account, method, path, query, body, raw):
        if (method, path) == ("POST", MEMBERS) and body["externalId"].endswith("vip") and not lost:
            self.stray = True
            lost.append(serve(self, method, path, query, body, raw))
            self.stray = False
            return 500, None, {}
        return serve(self, method, path, query, body, raw)

    monkeypatch.setattr(Account, "serve", cut)
    push(settings)
    assert account.on("VIP - vip") == ids(1, 2, 3)
    assert lost
    night(settings, members(2), as_of=NIGHT, holdout=["c9001", "c9002", "c3"])
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2)
    assert states(settings, "k-c3")["vip"][0] == "processing"
    with open_ledger(settings, read_only=True) as ledger:
        notes = [text for name, text in ledger.remembered("attentive").items() if "sent" in name]
    assert len(notes) == 1, "of the request that nobody heard of again"
    assert "k-c" not in notes[0], "who is forgotten stands in no note"
    assert account.on("Holdout - global") == ids(9001, 9002), "not while it may come back"
    account.work(everything=True)
    assert account.on("VIP - vip") == ids(1, 2, 3)
    push(settings, NIGHT)
    assert states(settings, "k-c3")["vip"][0] == "processing", "too soon to be sure"
    later = datetime.now(UTC) + timedelta(hours=18)
    monkeypatch.setattr(attentive, "_now", lambda: later)
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2)
    assert account.on("Holdout - global") == ids(9001, 9002, 3)


def test_nobody_is_held_out_there_before_they_are_off_the_list(
    settings: Settings, account: Account, impatient: None
) -> None:
    night(settings, members(3))
    push(settings)
    night(settings, members(2), as_of=NIGHT, holdout=["c9001", "c9002", "c3"])
    account.stray = True
    push(settings, NIGHT)
    account.stray = False
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2, 3)
    assert "k-c3" not in account.on("Holdout - global")
    sent = writes(account).count(("DELETE", MEMBERS))
    assert sent == 1, "a removal at work is not sent again"
    account.work(everything=True)
    push(settings, NIGHT)
    assert account.on("VIP - vip") == ids(1, 2)
    assert account.on("Holdout - global") == ids(9001, 9002, 3)


def test_who_may_not_be_texted_there_is_not_added(settings: Settings, account: Account) -> None:
    """Somebody who said stop may look there like somebody it never knew."""
    account.add(phone="+12025550002", consent="UNSUBSCRIBED")
    account.add(phone="+12025550003", consent="NEVER_SUBSCRIBED")
    night(settings, members(4))
    push(settings)
    assert account.on("VIP - vip") == ids(1, 4)
    with open_ledger(settings, read_only=True) as ledger:
        told = set(ledger.opt_outs("attentive")["contact_id"].to_pylist())
    assert told == ids(2), "who was never asked has not said stop"


def test_a_stop_is_found_by_asking_for_everybody(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(settings, members(4))
    push(settings)
    account.stop("k-c3")
    assert sync.hear_opt_outs(settings, "attentive") == 1
    push(settings)
    assert account.on("VIP - vip") == ids(1, 2, 4)
    monkeypatch.setattr(attentive, "_FRESH", attentive._LATEST * 1000)
    account.requests.clear()
    push(settings)
    assert ("GET", "/v1/subscriptions") not in account.requests, "asked a moment ago"


def test_whom_the_platform_no_longer_knows_comes_off_the_list_until_it_does(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(settings, members(3))
    push(settings)
    lost = account.by("external_id", "k-c2")
    lost.consent = "NEVER_SUBSCRIBED"
    assert sync.hear_opt_outs(settings, "attentive") == 0, "nobody said stop"
    monkeypatch.setattr(attentive, "_FRESH", timedelta(hours=6))
    assert sync.make_plan(settings, "attentive", AS_OF).consent_removals() == 1
    account.requests.clear()
    push(settings)
    assert account.on("VIP - vip") == ids(1, 3)
    assert lost.properties["vip"] is False
    push(settings)
    assert account.on("VIP - vip") == ids(1, 3)
    lost.consent = "SUBSCRIBED"
    for _ in range(2):  # the second without a sweep since
        push(settings)
        assert account.on("VIP - vip") == ids(1, 2, 3)


def test_an_answer_without_eligibilities_is_not_taken_for_consent(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Account, "_subscriptions", lambda self, phone: (200, {"ok": True}, {}))
    night(settings, members(2))
    with pytest.raises(sync.RefusedError, match="does not tell who has opted out"):
        push(settings)
    assert writes(account) == []


def test_a_subscription_is_known_by_its_type_and_channel(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.add(phone="+12025550002", consent="UNSUBSCRIBED")
    subscriptions = Account._subscriptions

    def richer(self: Account, phone):
        status, told, headers = subscriptions(self, phone)
        for each in told["subscriptionEligibilities"]:
            each["subscription"]["id"] = "7"
        return status, told, headers

    monkeypatch.setattr(Account, "_subscriptions", richer)
    platform = open_platform("attentive", settings, {})
    asked = {"k-c1": "+12025550001", "k-c2": "+12025550002"}
    assert platform._ask(asked) == {"k-c1": True, "k-c2": False}


def test_a_sweep_without_any_verdict_is_no_reading(
    settings: Settings, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.knows_everybody = False
    platform = open_platform("attentive", settings, {})
    monkeypatch.setattr(attentive, "audience_phones", lambda _: {"k-c1": "+12025550001"})
    with pytest.raises(PlatformError, match="of nobody whether"):
        platform.stops_since(None)
    monkeypatch.setattr(attentive, "audience_phones", lambda _: {})
    assert platform.stops_since(None).said == []


def test_a_segment_archived_there_is_made_anew(settings: Settings, account: Account) -> None:
    night(settings, members(3))
    push(settings)
    account.delete_list("VIP - vip")
    with pytest.raises(sync.RefusedError, match="3 changes and 0 are approved"):
        push(settings, approve=0)
    push(settings)
    assert account.on("VIP - vip") == ids(1, 2, 3)


def test_the_doctor_finds_what_is_missing_and_changes_nothing(
    settings: Settings, account: Account
) -> None:
    night(settings, members(3))
    push(settings)
    account.requests.clear()
    account.faults.no_scope = {"read subscriptions"}
    account.delete_list("VIP - vip")
    with open_ledger(settings, read_only=True) as ledger:
        platform = open_platform("attentive", settings, ledger.remembered("attentive"))
        found = {finding.what: finding for finding in platform.check()}
    assert [what for what, finding in found.items() if not finding.is_good] == [
        "subscriptions:read",
        "VIP - vip",
    ]
    assert found["key"].told == "99 calls left"
    assert writes(account) == []
    account.faults.no_scope = set()
    granted = {finding.what: finding for finding in platform.check()}
    assert granted["subscriptions:read"].is_good


def test_no_request_of_this_module_texts_anybody() -> None:
    text = Path(attentive.__file__).read_text(encoding="utf-8")
    paths = set(re.findall(r"/v[12]/[a-z/]+", text))
    assert paths == {
        "/v1/subscriptions",
        "/v2/bulk/job/",
        "/v2/bulk/segments/members",
        "/v2/bulk/user/attributes",
        "/v2/me",
        "/v2/segments",
        "/v2/segments/external/",
    }
    calls = re.findall(r'.*"/v1/subscriptions".*', text)
    assert len(calls) == 2, "the doctor's look, and the question about one person"
    assert not [line for line in calls if "POST" in line]
    assert '"subscriptions"' not in text.split("def _user")[1], "no profile carries a subscription"


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ({"response": {"status": 200}}, "accepted"),
        ({"response": {"statusCode": "202"}}, "accepted"),
        ({"response": {"success": True}}, "accepted"),
        ({"status": "SUCCESS"}, "accepted"),
        ({"response": {"status": 200, "errors": [{"code": "x"}]}}, "rejected"),
        ({"response": {"status": 200, "success": False}}, "rejected"),
        ({"response": {"status": 400}}, "rejected"),
        ({"response": {"status": "A_WORD_OF_TOMORROW"}}, "rejected"),
        ({"response": {"status": 429}}, "retry"),
        ({"response": {"status": 503}}, "retry"),
        ({"response": {"status": 404}}, "retry"),
        ({"response": "done"}, "retry"),
        ({"response": {}}, "retry"),
        (["?"], "retry"),
    ],
)
def test_only_a_good_word_is_taken_for_one(line: object, state: str) -> None:
    assert attentive._verdict(line, "add").state == state


def test_a_removal_of_somebody_unknown_is_done_and_no_sentence_is_kept() -> None:
    assert attentive._verdict({"response": {"status": 404}}, "remove").state == "accepted"
    told = {"response": {"status": 400, "error": "+12025550001 is no number"}}
    assert attentive._verdict(told, "add").code == "400"
    told = {"response": {"status": 400, "code": "12025550001"}}
    assert attentive._verdict(told, "add").code == "400"
    assert sorted(
        attentive._named({"a": [{"clientUserId": "k"}, {"b": {"clientUserId": "l"}}]})
    ) == [
        "k",
        "l",
    ]


def test_what_the_platform_would_not_take_is_not_sent() -> None:
    def told(**changes):
        values = {"phone": "+12025550001", "email": "a@b.co", "properties": {}}
        return attentive._user(Profile("k", "c", **(values | changes)))

    assert told(phone="0202") == "invalid_phone"
    assert attentive._user(Profile("k" * 101, "c", None, None, {})) == "id_too_long"
    assert "email" not in told(email="no address")["identifiers"]
    properties = {"vip": True, "tier": "", "tier_since": "", "due_on": "2026-07-01", "gap": 0}
    assert told(properties=properties)["attributes"]["custom"] == {
        "vip": True,
        "vip_tier": "none",
        "vip_due_on": "2026-07-01",
        "vip_gap": 0,
    }


@pytest.mark.parametrize(
    "text",
    [
        "add vip 12-ab",
        "remove a list after:12-ab",
        "know-0a profile until=2026-07-01T02:00:00+00:00",
        "add vip after:12-ab,until=2026-07-01T02:00:00+00:00,13-ab",
    ],
)
def test_a_request_is_read_as_it_was_written(text: str) -> None:
    request = attentive._Request.read(text)
    assert str(request) == text
    assert request.is_unheard == ("until" in text)
    assert request.after == ("after" in text)


def test_a_platform_error_names_the_setting(settings: Settings) -> None:
    with pytest.raises(PlatformError, match="set ATTENTIVE_API_KEY"):
        attentive.Attentive(settings, {})
