"""What the programme asks of a platform that sends texts, whichever vendor it is.

Every call states what should be true (this profile, on this list, not on that one), so that
repeating it does no harm. An adapter paces, splits and retries in its vendor's own way and answers
row by row; what to ask, and in which order, is decided in `sync`. No adapter ever writes consent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from orchestration.errors import UserError
from orchestration.settings import Settings


@dataclass(frozen=True)
class Profile:
    """A customer as the platform should know them.

    Who has left carries neither phone nor e-mail: our id names them. No property is ever null,
    because vendors disagree on what null means: the unknown is an empty text or a zero.
    """

    customer_id: str
    phone: str | None
    email: str | None
    properties: dict[str, str | int | float | bool]
    vendor_id: str | None = None


@dataclass(frozen=True)
class Member:
    """A customer to put on a list or take off it, and the vendor's own id where it is known."""

    customer_id: str
    vendor_id: str | None = None


@dataclass(frozen=True)
class Ack:
    """What the platform said of one row.

    accepted: it holds now. pending: a job took it, ask again by `job_id`. rejected: this row is
    wrong and will not pass unchanged. retry: not this time (busy, not reachable).
    """

    customer_id: str
    state: Literal["accepted", "pending", "rejected", "retry"]
    vendor_id: str | None = None
    job_id: str | None = None
    error: str | None = None


class SmsPlatform(Protocol):
    """One destination. Lists have our names (`vip`, `holdout-global`); an adapter makes them.

    Each writing call yields answers in batches, as they come: a batch is in the ledger before the
    next is asked for. Each row is answered exactly once a call.
    """

    name: str

    def begin(self, as_of_date: date, sync_run_id: int) -> None:
        """A push begins: its night and its number in the ledger."""

    def opted_out(self, customer_ids: Sequence[str]) -> set[str]:
        """Those of `customer_ids` whom the platform knows to have said stop. Its word is final."""

    def poll(self, job_id: str) -> Iterator[list[Ack]]:
        """Answers of a job left open by an earlier push."""

    def upsert_profiles(self, profiles: Sequence[Profile]) -> Iterator[list[Ack]]:
        """Make the platform know these customers so."""

    def add_members(self, list_name: str, members: Sequence[Member]) -> Iterator[list[Ack]]:
        """Put customers on a list. Leaves their consent as it is."""

    def remove_members(self, list_name: str, members: Sequence[Member]) -> Iterator[list[Ack]]:
        """Take customers off a list. Leaves their consent as it is."""


def open_platform(name: str, settings: Settings) -> SmsPlatform:
    """Return the destination called `name`. Raises `UserError` when there is none."""
    from orchestration.platforms.outbox import Outbox

    known = {"outbox": Outbox}
    if name not in known:
        raise UserError(f"no destination {name!r}: choose one of {', '.join(sorted(known))}")
    return known[name](settings)
