"""A push killed at any moment: the next one makes it good, and at no instant is anybody wronged."""

from __future__ import annotations

import os
import random
import signal
import sqlite3

import killing
import pytest
import stand_in
from amount import amount
from night import AS_OF, Vip, members
from worlds import NIGHT, WORLDS, World, night

from orchestration import sync
from orchestration.settings import Settings

KILLS = {"klaviyo": amount(usual=8, long=50), "attentive": amount(usual=4, long=50)}
BEFORE = members(40)
AFTER = [*members(40)[8:], *(Vip(f"c{number}") for number in range(41, 60))]
HELD_OUT = ["c9001", "c1", "c2"]


def first_night(settings: Settings, world: World, account: stand_in.Account) -> None:
    night(settings, BEFORE)
    account.add(external_id="k-c41", phone="+12025550041", consent="UNSUBSCRIBED")
    world.push(settings, AS_OF)
    account.stop("k-c20")
    more = {"holdout": HELD_OUT, "decisions": {"c3": "opted_out"}}
    night(settings, AFTER, as_of=NIGHT, **more)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_killed_at_any_write_and_pushed_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, world: World, half: int
) -> None:
    """Half of the kills fall on a platform in good health, half in a storm."""
    world.hurry(monkeypatch.setattr)
    dice = random.Random(half)
    seen: list[int] = []
    for number in range(KILLS[world.name] // 2):
        home = settings.home.with_name(f"home{number}")
        account = world.account(seed=number)
        end = world.serve(account, monkeypatch)
        here = settings.model_copy(update={"home": home})
        here.__dict__.pop("paths", None)
        first_night(here, world, account)

        if half:
            account.faults.slow_jobs = dice.choice([0, 0, 5])
            account.faults.late = dice.choice([0, 0.1])
            account.faults.broken = account.faults.cut = 0.15
        account.writes = 0
        kill_at = dice.randint(1, 14)
        victims: list[int] = []

        def kill(moment: int, kill_at: int = kill_at, victims: list[int] = victims) -> None:
            if moment == kill_at and victims:
                os.kill(victims[0], signal.SIGKILL)

        account.hook = kill
        process = killing.start(world.name, home, world.environment(account.base), NIGHT)
        victims.append(process.pid)
        process.join(120)
        assert process.exitcode is not None
        seen.append(process.exitcode)
        account.hook = None
        account.faults = type(account.faults)()

        told = f"kill {number} at {kill_at}, seed {half}, ended {process.exitcode}"
        assert_nobody_is_wronged(account, told)
        world.settle(here, NIGHT)
        decided = {f"k-{vip.customer_id}" for vip in AFTER} - {"k-c20", "k-c41"}
        assert account.on("VIP - vip") == decided, told
        assert account.on("Holdout - global") == {f"k-{one}" for one in HELD_OUT}, told
        assert len(account.lists) == 2, told
        counts = sync.make_plan(here, world.name, NIGHT).counts()
        assert {action for action, count in counts.items() if count} == {"unchanged"}, told
        assert_nobody_is_wronged(account, told)
        assert not account.oracle or account.oracle.breaches == []
        with sqlite3.connect(here.paths.ledger) as ledger:
            assert ledger.execute("pragma integrity_check").fetchall() == [("ok",)]
        end()
    assert seen.count(-signal.SIGKILL) > KILLS[world.name] // 4, (
        "more than half of them were killed"
    )


def assert_nobody_is_wronged(account: stand_in.Account, told: str) -> None:
    assert account.violations == [], told
    texted, held_out = account.on("VIP - vip"), account.on("Holdout - global")
    assert not texted & held_out, told
    assert "k-c41" not in texted, told
