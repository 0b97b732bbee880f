"""What the programme asks of a platform that sends texts, whichever vendor it is.

Every call states what should be true (this profile, on this list, not on that one), so that
repeating it does no harm. An adapter paces, splits and retries in its vendor's own way and answers
row by row; what to ask, and in which order, is decided in `sync`. No adapter ever writes consent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib import import_module
from typing import Literal, NamedTuple, Protocol

import orjson
import pyarrow as pa

from orchestration.errors import UserError
from orchestration.ledger import StopSaid
from orchestration.settings import Settings

__all__ = [
    "DESTINATIONS",
    "UNSURE",
    "Ack",
    "Destination",
    "Finding",
    "Member",
    "PlatformError",
    "Profile",
    "SmsPlatform",
    "StopSaid",
    "Stops",
    "each_profile",
    "may_push",
    "open_platform",
]


UNSURE = "unsure"
"""How a stop was said that nobody said: the platform tells nothing of somebody's consent."""


class PlatformError(UserError):
    """The platform cannot be worked with: its key, its rights, its reach. The ledger is intact."""


@dataclass(frozen=True)
class Profile:
    """A contact as the platform should know them.

    Who has left carries neither phone nor e-mail: our id names them. No property is ever null,
    because vendors disagree on what null means: the unknown is an empty text or a zero.
    """

    contact_id: str
    customer_id: str
    phone: str | None
    email: str | None
    properties: dict[str, str | int | float | bool]
    vendor_id: str | None = None


def each_profile(profiles: pa.Table) -> Iterator[Profile]:
    """One profile after another of a table, for who speaks of them singly."""
    names = ("contact_id", "customer_id", "phone", "email", "properties", "vendor_id")
    for *who, properties, vendor_id in zip(
        *(profiles[name].to_pylist() for name in names), strict=True
    ):
        yield Profile(*who, orjson.loads(properties), vendor_id)


class Member(NamedTuple):
    """A contact to take off a list, and the vendor's own id where it is known."""

    contact_id: str
    vendor_id: str | None = None


@dataclass(frozen=True)
class Ack:
    """What the platform said of rows, the same of each.

    accepted: it holds now. pending: a job took it, ask again by `job_id`. rejected: this row is
    wrong and will not pass unchanged. retry: not this time (busy, not reachable).
    `vendor_ids`: what it calls them, where it said so. `error`: what is wrong with more than these
    rows, in one line; it carries no personal data.
    """

    contact_ids: Collection[str]
    state: Literal["accepted", "pending", "rejected", "retry"]
    vendor_ids: Mapping[str, str] = field(default_factory=dict)
    job_id: str | None = None
    code: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Stops:
    """Opt-outs read from a platform; `newest`: how far they were read, by the platform's clock.

    `unsure`: whom it knows of no consent for, though nobody says that they said stop.
    """

    said: list[StopSaid]
    newest: datetime
    unsure: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Finding:
    """One thing that `vip doctor` looked at."""

    what: str
    is_good: bool
    told: str


class SmsPlatform(Protocol):
    """One destination. Lists have our names (`vip`, `holdout-global`); an adapter makes them.

    Each writing call yields answers as they come: one is in the ledger before the next is asked
    for. Each row is answered once, or first as pending and then for good. Nothing but the writing
    calls and `begin` changes anything at the platform.
    """

    name: str

    def check(self) -> Iterator[Finding]:
        """Key, rights, limits and lists, without changing any. A bad finding raises nothing."""

    def gone(self, list_names: Sequence[str]) -> set[str]:
        """Those of these lists that were there and are no longer."""

    def stops_since(self, newest: datetime | None) -> Stops | None:
        """Opt-outs told of since then, all of them where None; None where nobody can be asked."""

    def opted_out(self, contact_ids: Sequence[str]) -> list[StopSaid]:
        """Those of `contact_ids` who may not be added: their stop is final, `UNSURE` is none."""

    def poll(self, job_id: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        """Answers of a job left open by an earlier push, for all of its contacts."""

    def begin(self, as_of_date: date, sync_run_id: int) -> None:
        """A push begins: its night and its number in the ledger."""

    def upsert_profiles(self, profiles: pa.Table) -> Iterator[Ack]:
        """Make the platform know these contacts so: columns of `Profile`, properties as JSON."""

    def add_members(self, list_name: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        """Put contacts on a list. Leaves their consent as it is."""

    def remove_members(self, list_name: str, members: Sequence[Member]) -> Iterator[Ack]:
        """Take contacts off a list. Leaves their consent as it is."""

    def standing(self, list_name: str, at_most: int) -> set[str] | None:
        """The vendor's ids of all on a list; None where it does not tell, or holds more."""


@dataclass(frozen=True)
class Destination:
    """A row of configuration: where a push may go, and whether real people hear of it there.

    `tells_opt_outs`: whether it can be asked who said stop; else somebody has to hand that over.
    """

    name: str
    adapter: str
    is_live: bool
    description: str
    tells_opt_outs: bool = True


DESTINATIONS = {
    row.name: row
    for row in (
        Destination(
            "outbox",
            "orchestration.platforms.outbox:Outbox",
            False,
            "Files under the home in place of messages",
        ),
        Destination(
            "klaviyo",
            "orchestration.platforms.klaviyo:Klaviyo",
            True,
            "Profiles and lists of a Klaviyo account",
        ),
        Destination(
            "attentive",
            "orchestration.platforms.attentive:Attentive",
            True,
            "Attributes and segments of an Attentive account",
        ),
        Destination(
            "files",
            "orchestration.platforms.filedrop:FileDrop",
            True,
            "CSV files at an address that a platform fetches them from",
            tells_opt_outs=False,
        ),
    )
}


def may_push(name: str, settings: Settings) -> bool:
    """Whether this environment may push there: to a live one, only as declared production."""
    return not DESTINATIONS[name].is_live or settings.env == "production"


def open_platform(name: str, settings: Settings, memory: MutableMapping[str, str]) -> SmsPlatform:
    """Return the destination called `name`; `memory` keeps what its adapter has to remember.

    Raises `UserError` when there is none of that name, or it lacks its settings.
    """
    if name not in DESTINATIONS:
        raise UserError(f"no destination {name!r}: choose one of {', '.join(sorted(DESTINATIONS))}")
    module, _, adapter = DESTINATIONS[name].adapter.partition(":")
    return getattr(import_module(module), adapter)(settings, memory)
