"""A night in miniature, a platform that remembers, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pyarrow as pa
import pytest

from orchestration import quality, sync
from orchestration.landing.handed import handed_over_at
from orchestration.ledger import open_ledger
from orchestration.platforms import (
    Ack,
    Member,
    PlatformError,
    Profile,
    Stops,
    StopSaid,
    each_profile,
)
from orchestration.settings import Settings
from orchestration.sync import pushing

NOW = datetime(2026, 7, 1, 4, tzinfo=UTC)


def stop(customer: str, when: datetime = NOW) -> StopSaid:
    return StopSaid(f"k-{customer}", when, "test")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(is_=NOW)
    monkeypatch.setattr(pushing, "_now", lambda: now.is_)
    return now


def read_hand_over(settings: Settings) -> None:
    """Note that a night has read the files of opt-outs handed over."""
    with open_ledger(settings) as ledger:
        ledger.note_opt_outs(pushing._HANDS, [], handed_over_at(settings))


@pytest.fixture(autouse=True)
def gate(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The gate as a switch: these tests are about what it stops, not about what it finds."""
    switch = SimpleNamespace(results=[], rows=None)

    def gate_rows(rows, settings, as_of_date):
        switch.rows = rows
        return switch.results

    monkeypatch.setattr(quality, "gate_rows", gate_rows, raising=False)
    return switch


@dataclass
class Vendor:
    """A platform that remembers, and answers as it is told."""

    name: str = "vendor"
    answers: dict[str, str] = field(default_factory=dict)
    stops: set[str] = field(default_factory=set)
    late_stops: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    asked: list[list[str]] = field(default_factory=list)
    is_deaf: bool = False
    is_slow: bool = False
    calls: list[tuple[str, list[str]]] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)
    lists: dict[str, set[str]] = field(default_factory=dict)
    breaks_at: int | None = None

    def begin(self, as_of_date: date, sync_run_id: int) -> None:
        pass

    def gone(self, list_names: Sequence[str]) -> set[str]:
        return set(list_names) - set(self.lists)

    def stops_since(self, newest: datetime | None) -> Stops | None:
        if self.is_deaf:
            raise PlatformError("the key may not read events")
        return Stops([stop(one) for one in sorted(self.told)], NOW)

    def opted_out(self, contact_ids: Sequence[str]) -> list[StopSaid]:
        self.asked.append(list(contact_ids))
        known = self.stops | (self.late_stops & set(self.profiles))
        return [stop(one) for one in sorted(known) if f"k-{one}" in contact_ids]

    def poll(self, job_id: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        if not self.is_slow:
            yield Ack(contact_ids, "accepted")

    def standing(self, list_name: str, at_most: int) -> set[str] | None:
        return {f"v-{one}" for one in self.lists.get(list_name, set())}

    def _answer(self, call: str, contacts: list[str]) -> Iterator[Ack]:
        customers = [contact.removeprefix("k-") for contact in contacts]
        self.calls.append((call, customers))
        if self.breaks_at == len(self.calls):
            raise ConnectionError("the line is dead")
        for one in customers:
            state = self.answers.get(one, "accepted")
            job_id = one if state == "pending" else None
            yield Ack([f"k-{one}"], state, {f"k-{one}": f"v-{one}"}, job_id)

    def upsert_profiles(self, profiles: pa.Table) -> Iterator[Ack]:
        told = {one.contact_id: one for one in each_profile(profiles)}
        self.profiles |= {one.removeprefix("k-"): profile for one, profile in told.items()}
        yield from self._answer("profiles", list(told))

    def add_members(self, list_name: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        self.lists.setdefault(list_name, set()).update(
            contact_id.removeprefix("k-") for contact_id in contact_ids
        )
        yield from self._answer(f"add {list_name}", list(contact_ids))

    def remove_members(self, list_name: str, rows: Sequence[Member]) -> Iterator[Ack]:
        self.lists.setdefault(list_name, set()).difference_update(
            (row.vendor_id or row.contact_id)[2:] for row in rows
        )
        yield from self._answer(f"remove {list_name}", [row.contact_id for row in rows])


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    platform = Vendor()
    monkeypatch.setattr(pushing, "open_platform", lambda name, settings, memory: platform)
    return platform


def actions(plan: sync.Plan, name: str) -> dict[str, tuple[str, str]]:
    """What a plan says of each customer of one audience who is not unchanged."""
    return {
        row["contact_id"].removeprefix("k-"): (row["action"], row["reason"])
        for row in plan.rows.to_pylist()
        if row["audience"] == name
    }
