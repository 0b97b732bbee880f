"""Notes of what was sent and may still be at work: a job that comes late must not win.

A note is made before a request is sent and taken back when its answer is in the ledger, so that a
kill or a lost answer leaves it. It holds keyed hashes: whoever is to be forgotten stands in none.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from orchestration.keys import ledger_key
from orchestration.platforms import PlatformError
from orchestration.platforms.http import Missing, Rejected
from orchestration.settings import Settings

_PREFIX = "sent "


@dataclass
class Fate:
    """What is known of a request. `is_known`: how it ended, and the ledger has been told."""

    is_known: bool = False
    is_lost: bool = False

    def lose(self) -> None:
        """It may have been taken, and nobody said so."""
        self.is_lost = True


class Notes:
    """The notes of one destination, in the memory of its adapter."""

    def __init__(self, settings: Settings, memory: MutableMapping[str, str]) -> None:
        """Nothing is read yet."""
        self._settings, self._memory = settings, memory

    @contextmanager
    def sending(self, name: str, content: dict[str, Any]) -> Iterator[Fate]:
        """Note a request while it is sent, and for good where its fate stays unknown."""
        self.put(name, content)
        fate = Fate()
        try:
            yield fate
        except (Rejected, Missing, PlatformError):
            fate.is_known = True
            raise
        finally:
            if fate.is_known and not fate.is_lost:
                self.drop(name)

    def put(self, name: str, content: dict[str, Any]) -> None:
        """Keep a note; one of the same name is written over."""
        self._memory[_PREFIX + name] = orjson.dumps(content).decode()

    def get(self, name: str) -> dict[str, Any]:
        """What a note says; nothing where there is none."""
        return orjson.loads(self._memory.get(_PREFIX + name, "{}"))

    def drop(self, name: str) -> None:
        """Take a note back, where there is one."""
        self._memory.pop(_PREFIX + name, None)

    def all(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every note that was not taken back, by its name."""
        for name, text in dict(self._memory).items():
            if name.startswith(_PREFIX):
                yield name.removeprefix(_PREFIX), orjson.loads(text)

    def hash(self, text: str) -> str:
        """What a contact, or what was said of it, is called in a note."""
        return hmac.digest(self._secret, text.encode(), "sha256").hex()[:32]

    @cached_property
    def _secret(self) -> bytes:
        return ledger_key(self._settings, create=True)
