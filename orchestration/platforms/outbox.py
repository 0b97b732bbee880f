"""The destination that sends nothing: it writes down what would be sent, one file a call.

`outbox/<as_of_date>/<push>-<step>-<what>.csv`, private, each whole or absent. The number of the
push keeps the files of two pushes of one night apart.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from datetime import date

import orjson

from orchestration.files import private_folder, remove, write_private
from orchestration.platforms import Ack, Finding, Member, Profile
from orchestration.platforms.folder import Silent, find_writable
from orchestration.settings import Settings


class Outbox(Silent):
    """Files instead of messages; every row is accepted as soon as its file is on disk."""

    name = "outbox"

    def __init__(self, settings: Settings, memory: MutableMapping[str, str]) -> None:
        """Nothing is created before a push begins."""
        self._root = settings.paths.outbox
        self._step = 0

    def begin(self, as_of_date: date, sync_run_id: int) -> None:
        """Choose the folder of the night; sweep what a killed push left half-written."""
        for leftover in self._root.glob("*/.*.tmp"):
            remove(leftover)
        self._folder = private_folder(private_folder(self._root) / as_of_date.isoformat())
        self._push = sync_run_id
        self._step = 0

    def check(self) -> Iterator[Finding]:
        """Whether the folder can be written to."""
        yield find_writable(self._root)

    def upsert_profiles(self, profiles: Sequence[Profile]) -> Iterator[list[Ack]]:
        """One row per profile: ids, phone, email and the properties as JSON."""
        rows = (
            (
                profile.contact_id,
                profile.customer_id,
                profile.phone,
                profile.email,
                orjson.dumps(profile.properties, option=orjson.OPT_SORT_KEYS).decode(),
            )
            for profile in profiles
        )
        names = ("contact_id", "customer_id", "phone", "email", "properties")
        self._write("profiles", names, rows)
        yield [Ack(profile.contact_id, "accepted") for profile in profiles]

    def add_members(self, list_name: str, members: Sequence[Member]) -> Iterator[list[Ack]]:
        """One row per contact to put on the list."""
        yield self._members(f"add-{list_name}", members)

    def remove_members(self, list_name: str, members: Sequence[Member]) -> Iterator[list[Ack]]:
        """One row per contact to take off the list."""
        yield self._members(f"remove-{list_name}", members)

    def _members(self, what: str, members: Sequence[Member]) -> list[Ack]:
        self._write(what, ("contact_id",), ((member.contact_id,) for member in members))
        return [Ack(member.contact_id, "accepted") for member in members]

    def _write(self, what: str, header: tuple[str, ...], rows: Iterable[tuple]) -> None:
        self._step += 1
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        name = f"{self._push:04d}-{self._step}-{what}.csv"
        write_private(self._folder / name, text.getvalue().encode())
