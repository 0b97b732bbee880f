"""How results read: figures by the suffix of their column, bounds in words, rows made anonymous.

Pure functions only; nothing here asks the database.
"""

from __future__ import annotations

import re
from typing import Any

from orchestration.errors import mask

_PERSONAL = re.compile(r"phone|e_?mail|(first|last|full|middle|given|family|sur)_?name")
_SECRET = re.compile(r"^(message_)?code$")


def masked(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it may be shown: no phone, e-mail, name or live code, numbers in texts starred out.

    Ids stay as they are, so that the customer can be found, unless they are an address or a phone.
    """
    shown = {}
    for column, value in row.items():
        if isinstance(value, str):
            if _PERSONAL.search(column):
                continue
            if _SECRET.search(column):
                shown[column] = ""
                continue
            if not column.endswith("_id") or "@" in value or value.startswith("+"):
                value = mask(value)
        shown[column] = value
    return shown


def first_line(message: str) -> str:
    """The first line of an error, masked: what follows may quote the data."""
    return mask(message.strip().partition("\n")[0][:200])


def count(found: int, total: int) -> str:
    """Offending rows in words. Facts that hold nothing but those have no total to name."""
    if found == total:
        return f"{found:,} row{'' if found == 1 else 's'}"
    return f"{found:,} of {total:,} rows"


def figure(column: str, value: float) -> str:
    """A figure as a person writes it: `_share` in percent, `_days` in days."""
    if column.endswith("_share"):
        return f"{100 * value:.4g} %"
    text = f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if column.endswith("_days"):
        return f"{text} day{'' if value == 1 else 's'}"
    return text


def figures(kwargs: dict[str, Any], low: float, high: float) -> str:
    """The range found in a column, or the end of it that has a bound."""
    column = kwargs["column"]
    if low == high:
        return figure(column, low)
    if "min_value" not in kwargs:
        return f"up to {figure(column, high)}"
    return f"{figure(column, low)} to {figure(column, high)}"


def bounds(kwargs: dict[str, Any], parameters: dict[str, float]) -> str:
    """What `expect_column_values_to_be_between` asks for, its parameters filled in."""

    def bound(name: str) -> str | None:
        value = kwargs.get(name)
        if isinstance(value, dict):
            value = parameters[value["$PARAMETER"]]
        return None if value is None else figure(kwargs["column"], value)

    low, high = bound("min_value"), bound("max_value")
    if low and high:
        return f"{low} to {high}"
    if low:
        return f"at least {low}"
    return f"below {high}" if kwargs.get("strict_max") else f"at most {high}"


def title(name: str) -> str:
    """`every_member_has_sms_consent` as a heading."""
    words = {"sms": "SMS", "vip": "VIP", "e164": "E.164"}
    text = " ".join(words.get(word, word) for word in name.split("_"))
    return text[:1].upper() + text[1:]
