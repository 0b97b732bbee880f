"""The destination that sends nothing: it writes down what would be sent, one file a call.

`outbox/<as_of_date>/<push>-<step>-<what>.csv`, private, each whole or absent. The number of the
push keeps the files of two pushes of one night apart.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from datetime import date

import duckdb
import pyarrow as pa

from orchestration.files import private_folder, remove, writing_private
from orchestration.platforms import Ack, Finding, Member
from orchestration.platforms.folder import Silent, find_writable
from orchestration.settings import Settings
from orchestration.warehouse import quiet, sql_path


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

    def upsert_profiles(self, profiles: pa.Table) -> Iterator[Ack]:
        """One row per profile: ids, phone, email and the properties as JSON."""
        names = ["contact_id", "customer_id", "phone", "email", "properties"]
        yield self._write("profiles", profiles.select(names))

    def add_members(self, list_name: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        """One row per contact to put on the list."""
        yield self._write(f"add-{list_name}", pa.table({"contact_id": contact_ids}))

    def remove_members(self, list_name: str, members: Sequence[Member]) -> Iterator[Ack]:
        """One row per contact to take off the list."""
        contact_ids = [member.contact_id for member in members]
        yield self._write(f"remove-{list_name}", pa.table({"contact_id": contact_ids}))

    def _write(self, what: str, rows: pa.Table) -> Ack:
        self._step += 1
        name = f"{self._push:04d}-{self._step}-{what}.csv"
        with (
            writing_private(self._folder / name) as path,
            quiet(duckdb.connect(config={"threads": 1})) as writer,
        ):
            writer.register("rows", rows)
            # Not by way of a file of its own, which others might read.
            options = "format csv, header, use_tmp_file false"
            writer.execute(f"copy rows to {sql_path(path)} ({options})")
        return Ack(rows["contact_id"].to_pylist(), "accepted")
