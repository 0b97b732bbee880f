"""How many texts are too many, worked out one text at a time: the plain reference of the models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any


@dataclass(frozen=True)
class Text:
    """One text, who got it, the tier they held, and whether it came through."""

    message_id: str
    contact_id: str
    message_class: str
    sent_at: datetime
    tier_rank: int
    counts: bool


@dataclass
class Log:
    """What was sent and what came of it. `touches`: contact, class, time and weight of a mail."""

    texts: list[Text]
    touches: list[tuple[str, str, datetime, float]]
    clicks: list[tuple[str, datetime]]
    complaints: list[tuple[str, datetime]]
    stops: list[tuple[str, datetime]]
    reaction: timedelta
    first: datetime
    end: datetime
    by_contact: dict[str, list[Text]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_contact = defaultdict(list)
        for text in sorted(self.texts, key=lambda text: (text.sent_at, text.message_id)):
            self.by_contact[text.contact_id].append(text)

    def number(self, text: Text, message_class: str, window: timedelta) -> int:
        """The lowest cap on a class and window that would have let the text go."""
        weight = 0.0
        for other in self.by_contact[text.contact_id]:
            if (other.sent_at, other.message_id) >= (text.sent_at, text.message_id):
                break
            if message_class in ("all", other.message_class):
                weight += other.sent_at > text.sent_at - window
        for contact, kind, at, touch in self.touches:
            if contact == text.contact_id and message_class in ("all", kind):
                weight += touch if text.sent_at - window < at <= text.sent_at else 0
        return ceil(weight) + 1

    def judged(self) -> list[Text]:
        return [
            text
            for text in self.texts
            if text.counts and self.first <= text.sent_at <= self.end - self.reaction
        ]

    def outcome(self, text: Text) -> tuple[bool, bool, bool]:
        """Whether the text was clicked, stopped at and complained of."""
        until = text.sent_at + self.reaction
        later = [
            (other.sent_at, other.message_id)
            for other in self.by_contact[text.contact_id]
            if other.counts and (other.sent_at, other.message_id) > (text.sent_at, text.message_id)
        ]
        ends = min([until, *(at for at, _ in later)])
        return (
            any(name == text.message_id and at < until for name, at in self.clicks),
            any(
                contact == text.contact_id and text.sent_at <= at < ends
                for contact, at in self.stops
            ),
            any(name == text.message_id and at < until for name, at in self.complaints),
        )


def bands(log: Log, caps: Iterable[tuple[str, int]]) -> dict[tuple, dict[str, Any]]:
    """Counts by class, hours, tier (None: all) and number; clicks kept by Mantel and Haenszel."""
    judged = [(text, log.outcome(text)) for text in log.judged()]
    cells: dict[tuple, dict[str, list[tuple[bool, bool, bool]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for message_class, hours in set(caps):
        for text, outcome in judged:
            if message_class in ("all", text.message_class):
                number = log.number(text, message_class, timedelta(hours=hours))
                for rank in (text.tier_rank, None):
                    cells[message_class, hours, rank, number][text.contact_id].append(outcome)
    return {key: _told(of, cells.get((*key[:3], 1), {}), key[3]) for key, of in cells.items()}


def _told(
    of: dict[str, list[tuple[bool, bool, bool]]],
    firsts: dict[str, list[tuple[bool, bool, bool]]],
    number: int,
) -> dict[str, Any]:
    every = [outcome for outcomes in of.values() for outcome in outcomes]
    above = below = 0.0
    for contact, outcomes in of.items():
        first = firsts.get(contact, []) if number > 1 else []
        both = len(outcomes) + len(first)
        above += sum(clicked for clicked, *_ in outcomes) * len(first) / both
        below += sum(clicked for clicked, *_ in first) * len(outcomes) / both
    return {
        "contacts": len(of),
        "texts": len(every),
        "clicks": sum(clicked for clicked, _, _ in every),
        "opt_outs": sum(stopped for _, stopped, _ in every),
        "complaints": sum(complained for _, _, complained in every),
        "click_share_kept": above / below if below else None,
    }
