"""The platforms whose pushes must end in the same way, whatever happens to them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from types import ModuleType
from typing import Any

import fake_attentive
import fake_klaviyo
import pytest
import stand_in
from night import AS_OF, Vip, build

from orchestration import sync
from orchestration.errors import UserError
from orchestration.platforms import attentive, http, klaviyo
from orchestration.settings import PROJECT_DIR, Settings

NIGHT = AS_OF + timedelta(days=1)
MANY = 10**6


@dataclass(frozen=True)
class World:
    """One vendor: its stand-in, its adapter, and how long what was never answered may take."""

    name: str
    fake: ModuleType
    adapter: ModuleType
    over: float = 0.3

    def account(self, seed: int = 0) -> Any:
        return self.fake.Account(PROJECT_DIR.parent / "shared" / self.fake.DESCRIPTION, seed=seed)

    def environment(self, base: str) -> dict[str, str]:
        prefix = self.name.upper()
        return {f"{prefix}_API_KEY": self.fake.KEY, f"{prefix}_API_BASE": base}

    def hurry(self, patch: Callable[[object, str, object], None] = setattr) -> None:
        """The same patience, in thousandths of the time."""
        fast = http.Limit(10**6, 10**6)
        patch(http, "_FIRST_PAUSE", 0.001)
        patch(http, "_JITTER", 0.001)
        patch(self.adapter, "_JOB_PAUSE", (0.001, 0.01))
        patch(self.adapter, "_LIMITS", dict.fromkeys(self.adapter._LIMITS, fast))
        patch(self.adapter, "_LATEST", timedelta(seconds=self.over))
        if hasattr(self.adapter, "_FRESH"):
            patch(self.adapter, "_FRESH", timedelta(0))

    def serve(self, account: stand_in.Account, patch: pytest.MonkeyPatch) -> Callable[[], None]:
        """Let the adapter reach `account`; what comes back ends that."""
        server, base = stand_in.serve(account)
        for name, value in self.environment(base).items():
            patch.setenv(name, value)

        def end() -> None:
            server.shutdown()
            server.server_close()

        return end

    def push(self, settings: Settings, as_of: date, approve: int | None = MANY) -> sync.Pushed:
        return sync.push(settings, self.name, as_of, approve=approve)

    def weather(self, settings: Settings, as_of: date) -> None:
        """Three pushes, however they end."""
        for _ in range(3):
            try:
                self.push(settings, as_of)
            except UserError:
                continue

    def settle(self, settings: Settings, as_of: date) -> None:
        """Push until nothing is open, and what was never answered is over."""
        self.push(settings, as_of)
        time.sleep(self.over)
        self.push(settings, as_of)


KLAVIYO = World("klaviyo", fake_klaviyo, klaviyo)
ATTENTIVE = World("attentive", fake_attentive, attentive)
WORLDS = [KLAVIYO, ATTENTIVE]


def assert_clean(account: stand_in.Account) -> None:
    """No rule of the platform was broken, nor its description."""
    assert account.violations == []
    assert not account.oracle or account.oracle.breaches == []


def night(settings: Settings, vips: list[Vip], **more: Any) -> None:
    """A night of real people."""
    build(settings, vips, is_sample=False, **more)


def ids(*numbers: int) -> set[str]:
    """Contacts by the numbers of their customers."""
    return {f"k-c{number}" for number in numbers}


def writes(account: stand_in.Account) -> list[tuple[str, str]]:
    """Every request that could have changed anything."""
    return [request for request in account.requests if request[0] != "GET"]


def ledger_rows(settings: Settings, columns: str, where: str = "true") -> list[tuple]:
    """Rows of the ledger, ordered by the first column."""
    with sqlite3.connect(settings.paths.ledger) as connection:
        return connection.execute(
            f"select {columns} from sync_rows where {where} order by 1"
        ).fetchall()
