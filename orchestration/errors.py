"""Errors that a user can act on, and the masking of personal data in anything a person may read."""

from __future__ import annotations

import re


class UserError(Exception):
    """One clear line for the person at the keyboard: what is wrong, where, and the remedy."""


class BusyError(UserError):
    """Another run holds the warehouse."""


# From the start of a word only: tried at each letter, a field of a million would take an hour.
_EMAIL = re.compile(r"(?<![\w.+'-])[\w.+'-]++@[\w-]+(\.[\w-]+)+")
_DATE = r"(?P<date>(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?!\d))"
_PHONE = re.compile(_DATE + r"|\+?\d[\d ().-]{5,}\d")


def mask(text: str) -> str:
    """Return `text` with e-mail addresses and phone-like runs of 7 digits and more starred out.

    The last two digits of a number stay, so that two masked rows can be told apart.
    ISO dates and timestamps are left alone.
    """

    def star(match: re.Match[str]) -> str:
        found = match.group()
        digits = re.sub(r"\D", "", found)
        if len(digits) < 7 or match["date"]:
            return found
        return f"***{digits[-2:]}"

    return _PHONE.sub(star, _EMAIL.sub("***@***", text))
