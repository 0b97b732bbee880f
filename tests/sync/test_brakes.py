"""The brakes: what holds a push back, and what nothing holds back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from night import AS_OF, build, members
from vendor import NOW, Vendor, actions

from orchestration import quality, sync
from orchestration.errors import UserError
from orchestration.ledger import open_ledger
from orchestration.platforms import DESTINATIONS, Ack, Destination
from orchestration.settings import Settings
from orchestration.sync import brakes, pushing

LIMITS = {
    "push_change_limit": 2,
    "push_share_limit": 0.2,
    "push_age_days": 2,
    "opt_out_age_hours": 36,
}
NIGHT = AS_OF + timedelta(days=1)


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "policy_parameters", lambda: LIMITS)


def start_with(settings: Settings, vendor: Vendor, count: int) -> None:
    build(settings, members(count))
    sync.push(settings, "vendor", AS_OF, approve=1000)
    vendor.calls.clear()


def vip_calls(vendor: Vendor) -> list[tuple[str, list[str]]]:
    return [call for call in vendor.calls if call[1]]


@pytest.mark.parametrize(
    ("held", "removed", "holds"),
    [(10, 2, False), (10, 3, True), (20, 4, False), (20, 5, True)],
)
def test_removals_above_both_limits_wait_for_a_person(
    settings: Settings, vendor: Vendor, held: int, removed: int, holds: bool
) -> None:
    start_with(settings, vendor, held)
    build(settings, members(held - removed), as_of=NIGHT)
    if holds:
        with pytest.raises(brakes.RefusedError, match=f"{removed} would leave vip, which holds"):
            sync.push(settings, "vendor", NIGHT)
        assert vip_calls(vendor) == []
        assert len(vendor.lists["vip"]) == held
    else:
        sync.push(settings, "vendor", NIGHT)
        assert len(vendor.lists["vip"]) == held - removed


@pytest.mark.parametrize(("held", "added", "holds"), [(10, 2, False), (10, 3, True), (0, 3, True)])
def test_additions_above_both_limits_wait_for_a_person(
    settings: Settings, vendor: Vendor, held: int, added: int, holds: bool
) -> None:
    start_with(settings, vendor, held)
    build(settings, members(held + added), as_of=NIGHT)
    if holds:
        with pytest.raises(brakes.RefusedError, match=f"{added} would join vip"):
            sync.push(settings, "vendor", NIGHT)
        assert len(vendor.lists.get("vip", ())) == held
    else:
        sync.push(settings, "vendor", NIGHT)
        assert len(vendor.lists["vip"]) == held + added


def test_the_refusal_names_the_command_that_lets_this_plan_pass(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(4))
    with pytest.raises(brakes.RefusedError) as refused:
        sync.push(settings, "vendor", AS_OF)
    assert "`vip push --approve 12`" in str(refused.value)
    with pytest.raises(brakes.RefusedError, match="12 changes and 11 are approved"):
        sync.push(settings, "vendor", AS_OF, approve=11)
    sync.push(settings, "vendor", AS_OF, approve=12)
    build(settings, members(9), as_of=NIGHT)
    with pytest.raises(brakes.RefusedError, match="5 would join"):
        sync.push(settings, "vendor", NIGHT)


def test_an_empty_audience_empties_no_list_by_itself(settings: Settings, vendor: Vendor) -> None:
    start_with(settings, vendor, 1)
    build(settings, [], as_of=NIGHT)
    with pytest.raises(brakes.RefusedError, match="nobody is left in vip, which held 1"):
        sync.push(settings, "vendor", NIGHT)
    assert vendor.lists["vip"] == {"c1"}
    sync.push(settings, "vendor", NIGHT, approve=100)
    assert vendor.lists["vip"] == set()


def test_approval_lifts_no_other_brake(settings: Settings, vendor: Vendor, gate) -> None:
    start_with(settings, vendor, 2)
    gate.results = [SimpleNamespace(spec=SimpleNamespace(name="broken"), stops=True)]
    with pytest.raises(brakes.RefusedError, match="the gate is shut"):
        sync.push(settings, "vendor", AS_OF, approve=1000)


@pytest.mark.parametrize("brake", ["gate", "volume", "deaf", "age"])
def test_removals_for_want_of_consent_pass_every_brake(
    settings: Settings, vendor: Vendor, gate, clock, brake: str
) -> None:
    start_with(settings, vendor, 10)
    reasons = {f"c{number}": "opted_out" for number in range(6, 11)} | {"c5": "no_phone"}
    build(settings, members(4), as_of=NIGHT, decisions=reasons, is_sample=False)
    with sqlite3.connect(settings.paths.ledger) as connection:
        connection.execute("update sync_runs set is_sample = 0")
    if brake == "gate":
        gate.results = [SimpleNamespace(spec=SimpleNamespace(name="broken"), stops=True)]
    elif brake == "volume":
        build(
            settings,
            members(1),
            as_of=NIGHT,
            decisions=reasons | {f"c{n}": "no_phone" for n in (2, 3, 4)},
            is_sample=False,
        )
    elif brake == "deaf":
        vendor.is_deaf = True
    else:
        clock.is_ = NOW + timedelta(days=9)
    with pytest.raises(brakes.RefusedError, match="5 removals for want of consent were sent"):
        sync.push(settings, "vendor", NIGHT)
    assert vendor.lists["vip"] == {"c1", "c2", "c3", "c4", "c5"}
    assert [call for call, _ in vip_calls(vendor)] == ["remove vip"]


@pytest.mark.parametrize("answer", ["retry", "pending", "rejected"])
def test_a_removal_for_want_of_consent_is_asked_for_until_it_is_confirmed(
    settings: Settings, vendor: Vendor, gate, answer: str
) -> None:
    """Though the brakes hold each time, and nobody would give that reason any more."""
    start_with(settings, vendor, 10)
    build(settings, members(9), as_of=NIGHT, decisions={"c10": "opted_out"})
    gate.results = [SimpleNamespace(spec=SimpleNamespace(name="broken"), stops=True)]
    vendor.answers, vendor.is_slow = {"c10": answer}, True
    with pytest.raises(brakes.RefusedError):
        sync.push(settings, "vendor", NIGHT)
    build(settings, members(8), as_of=NIGHT, decisions={"c10": "no_phone", "c9": "no_phone"})
    vendor.answers, vendor.is_slow = {}, False
    vendor.lists["vip"].add("c10")
    with open_ledger(settings) as ledger:
        later = NOW + timedelta(days=900)
        assert ledger.due("vendor", later) == ledger.due("vendor", later, consent_alone=True) == 1
    if answer == "pending":
        vendor.poll = lambda *_: iter(())  # still at work
    with pytest.raises(brakes.RefusedError, match="1 removals for want of consent were sent"):
        sync.push(settings, "vendor", NIGHT)
    assert vendor.lists["vip"] == {f"c{number}" for number in range(1, 10)}
    with open_ledger(settings) as ledger:
        assert ledger.due("vendor", later, consent_alone=True) == 0


def test_a_refused_removal_is_asked_for_again_though_no_addition_was_confirmed(
    settings: Settings, vendor: Vendor
) -> None:
    """Somebody who said stop may stand on the list by an addition whose answer was lost."""
    add, remove = vendor.add_members, vendor.remove_members

    def answered(state: str, acks: Iterator[Ack]) -> Iterator[Ack]:
        for ack in acks:
            yield replace(ack, state=state if ack.contact_ids == ["k-c2"] else "accepted")

    vendor.standing = lambda *_: None
    vendor.add_members = lambda name, rows: answered("retry", add(name, rows))
    start_with(settings, vendor, 2)
    vendor.remove_members = lambda name, rows: answered("rejected", iter([Ack(["k-c2"], "")]))
    build(settings, members(1), as_of=NIGHT, decisions={"c2": "opted_out"})
    sync.push(settings, "vendor", NIGHT, approve=1000)
    assert "c2" in vendor.lists["vip"]
    with open_ledger(settings) as ledger:
        assert not ledger.drop_settled("vendor", ["k-c2"]), "nor is anything forgotten"
    vendor.remove_members = remove
    plan = sync.make_plan(settings, "vendor", NIGHT)
    assert actions(plan, "vip") == {"c2": ("remove", "opted_out")}
    sync.push(settings, "vendor", NIGHT, approve=1000)
    assert vendor.lists["vip"] == {"c1"}
    assert actions(sync.make_plan(settings, "vendor", NIGHT), "vip") == {}


def test_a_gate_that_cannot_judge_holds_no_removal_for_want_of_consent(
    settings: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_with(settings, vendor, 3)
    build(settings, members(2), as_of=NIGHT, decisions={"c3": "opted_out"})

    def broken(*_: object) -> None:
        raise UserError("the suite is no JSON")

    monkeypatch.setattr(quality, "gate_rows", broken)
    with pytest.raises(brakes.RefusedError, match=r"judge the plan.*the suite is no"):
        sync.push(settings, "vendor", NIGHT)
    assert vendor.lists["vip"] == {"c1", "c2"}


def test_a_night_too_long_ago_is_not_texted_on(settings: Settings, vendor: Vendor, clock) -> None:
    build(settings, members(1), is_sample=False)
    clock.is_ = NOW + timedelta(days=3)
    with pytest.raises(brakes.RefusedError, match="3 days old"):
        sync.push(settings, "vendor", AS_OF)
    clock.is_ = NOW + timedelta(days=2)
    sync.push(settings, "vendor", AS_OF)


def test_a_stop_told_elsewhere_must_have_been_heard(
    settings: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, clock
) -> None:
    """Whoever said stop on one platform said it on all: each is asked, or none is sent to."""
    monkeypatch.setitem(DESTINATIONS, "other", Destination("other", "", True, ""))
    settings = settings.model_copy(update={"destinations": ("outbox", "other", "vendor")})
    build(settings, members(2))
    with pytest.raises(brakes.RefusedError, match="opt-outs of other were last read never"):
        sync.push(settings, "vendor", AS_OF)
    with open_ledger(settings) as ledger:
        ledger.note_opt_outs("other", [], NOW)
        read_at, _ = ledger.opt_outs_read("other")
    clock.is_ = read_at + timedelta(hours=36)
    sync.push(settings, "vendor", AS_OF)
    clock.is_ = read_at + timedelta(hours=36, seconds=1)
    with pytest.raises(brakes.RefusedError, match="opt-outs of other were last read 20"):
        sync.push(settings, "vendor", AS_OF)


def test_the_sample_is_never_sent_to_anybody(settings: Settings) -> None:
    build(settings, members(1))
    with pytest.raises(UserError, match="nobody in the sample brand is real"):
        sync.push(settings, "klaviyo", AS_OF)


@pytest.mark.parametrize("env", [None, "development"])
def test_real_people_are_reached_from_production_alone(settings: Settings, env) -> None:
    build(settings, members(1), is_sample=False)
    settings = settings.model_copy(update={"env": env})
    with pytest.raises(UserError, match="declare VIP_ENV=production"):
        sync.push(settings, "klaviyo", AS_OF)


def test_a_refused_and_a_broken_push_are_on_record(settings: Settings, vendor: Vendor) -> None:
    build(settings, members(4))
    with pytest.raises(brakes.RefusedError):
        sync.push(settings, "vendor", AS_OF)
    vendor.breaks_at = 1
    with pytest.raises(ConnectionError):
        sync.push(settings, "vendor", AS_OF, approve=100)
    vendor.breaks_at = None
    sync.push(settings, "vendor", AS_OF, approve=100)
    with sqlite3.connect(settings.paths.ledger) as connection:
        runs = connection.execute("select outcome, why, added from sync_runs").fetchall()
    assert [outcome for outcome, _, _ in runs] == ["refused", "stopped", "done"]
    assert "would join vip" in runs[0][1]
    assert runs[1][1] == "ConnectionError"
    assert runs[2][2] == 12
