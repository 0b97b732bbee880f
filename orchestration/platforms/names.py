"""What our contacts, properties and lists are called at a vendor, the same at each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

_Row = TypeVar("_Row")


def property_name(name: str) -> str:
    """Ours among everybody else's properties of a profile."""
    return name if name == "vip" or name.startswith("exp_") else f"vip_{name}"


def title(list_name: str) -> str:
    """What people read as the name of a list."""
    experiment = list_name.removeprefix("holdout-")
    return f"VIP - {list_name}" if experiment == list_name else f"Holdout - {experiment}"


def batches(rows: Sequence[_Row], size: int) -> Iterator[list[_Row]]:
    """Rows in order, so many at a time."""
    rest = iter(rows)
    while batch := list(islice(rest, size)):
        yield batch
