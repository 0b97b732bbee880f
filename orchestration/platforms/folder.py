"""What a platform that is a folder has to say when it is asked: nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from orchestration.platforms import Ack, Finding, StopSaid


class Silent:
    """The asking half of `SmsPlatform` for folders: nobody answers, and nothing is left open."""

    def gone(self, list_names: Sequence[str]) -> set[str]:
        """What was written stays written."""
        return set()

    def stops_since(self, newest: datetime | None) -> None:
        """A folder does not answer."""
        return None

    def opted_out(self, contact_ids: Sequence[str]) -> list[StopSaid]:
        """A folder does not answer."""
        return []

    def poll(self, job_id: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        """There are no jobs."""
        yield from ()

    def standing(self, list_name: str, at_most: int) -> None:
        """Who loaded what is not told."""
        return None


def find_writable(root: Path) -> Finding:
    """Whether a folder of this machine, or the first there is above it, can be written to."""
    folder = next(path for path in (root, *root.parents) if path.exists())
    is_writable = os.access(folder, os.W_OK)
    told = f"{folder} {'can' if is_writable else 'cannot'} be written to"
    return Finding("folder", is_writable, told)
