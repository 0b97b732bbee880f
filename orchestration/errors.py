"""Errors that a user can act on, and the masking of personal data in anything a person may read."""

from __future__ import annotations

import re


class UserError(Exception):
    """One clear line for the person at the keyboard: what is wrong, where, and the remedy."""


class BusyError(UserError):
    """Another run holds the warehouse."""


_EMAIL = re.compile(r"[\w.+'-]+@[\w-]+(\.[\w-]+)+")
_PHONE = re.compile(r"\+?\d[\d ().-]{5,}\d")


def mask(text: str) -> str:
    """Return `text` with e-mail addresses and phone-like runs of 7 digits and more starred out.

    The last two digits of a number stay, so that two masked rows can be told apart.
    ISO dates and timestamps are left alone.
    """

    def star(match: re.Match[str]) -> str:
        found = match.group()
        digits = re.sub(r"\D", "", found)
        if len(digits) < 7 or re.match(r"\d{4}-\d{2}-\d{2}", found):
            return found
        return f"***{digits[-2:]}"

    return _PHONE.sub(star, _EMAIL.sub("***@***", text))
