"""What the tests of delivery share: see `vendor` and `worlds`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stand_in
from vendor import clock, gate, vendor
from worlds import World, assert_clean

from orchestration.settings import Settings

__all__ = ["clock", "gate", "vendor"]


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """A world with a stand-in is reached from production alone."""
    env = "production" if "world" in request.fixturenames else settings.env
    return settings.model_copy(update={"env": env})


@pytest.fixture
def account(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[stand_in.Account]:
    """An account at the stand-in of a module's `world`, in a hurry; nothing may break its rules."""
    world.hurry(monkeypatch.setattr)
    account = world.account()
    if account.oracle:
        account.oracle.breaches.clear()
    end = world.serve(account, monkeypatch)
    yield account
    end()
    assert_clean(account)
