"""Who is erased: a list of keyed hashes in the ledger, and the question whether a text is on it.

HMAC-SHA256 (RFC 2104) with the key of the ledger: a plain hash of a phone can be guessed.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from orchestration import phones
from orchestration.errors import UserError
from orchestration.keys import ledger_key
from orchestration.ledger import open_ledger
from orchestration.settings import Settings

CUSTOMER, PHONE, EMAIL, KEY = "customer_id", "phone", "email", "key"

_PHONE_AS_WRITTEN = re.compile(r"[+0-9 ().\-/]{7,40}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_OF_CUSTOMER = re.compile(rf"(^|_)({CUSTOMER}|contact_id)$")


@dataclass(frozen=True)
class Erased:
    """The list of those who are erased; false where there is nobody."""

    key: bytes = b""
    digests: frozenset[str] = frozenset()
    country: str = "US"

    def __bool__(self) -> bool:
        """Whether anybody is erased."""
        return bool(self.digests)

    def digest(self, kind: str, value: str) -> str:
        """The keyed hash of an identifier; a phone comes as E.164."""
        if kind == EMAIL:
            value = value.strip().lower()
        return hmac.digest(self.key, f"{kind}:{value}".encode(), "sha256").hex()

    def has(self, kind: str, values: Collection[str]) -> list[str]:
        """Those of `values` that are erased identifiers of this kind."""
        return [value for value in values if self.digest(kind, value) in self.digests]

    def holds(self, text: str, column: str = CUSTOMER) -> bool:
        """Whether a text of a column is an erased identifier, or JSON with one inside.

        An id counts in columns of customers alone: "1043" may be a postal code as well.
        """
        if names_customers(column) and self.digest(CUSTOMER, text) in self.digests:
            return True
        if _E164.fullmatch(text) and self.digest(PHONE, text) in self.digests:
            return True
        if "@" in text and self.digest(EMAIL, text) in self.digests:
            return True
        return text[:1] in ("{", "[") and any(
            self.holds_as_written(leaf, key) for leaf, key in _leaves(text)
        )

    def holds_as_written(self, text: str, column: str = CUSTOMER) -> bool:
        """The same for a field that nobody has put in order yet: a phone may have any form."""
        text = text.strip()
        if self.holds(text, column):
            return True
        number = _PHONE_AS_WRITTEN.fullmatch(text) and phones.to_e164(text, self.country)
        return bool(number) and self.digest(PHONE, number) in self.digests


def read(settings: Settings, *, read_only: bool = False) -> Erased:
    """The list of a home. Raises `UserError` when the key is not the one that it was made with."""
    if not settings.paths.ledger.exists():
        return Erased()
    with open_ledger(settings, read_only=read_only) as ledger:
        digests = ledger.erased_digests()
    if not digests:
        return Erased()
    erased = Erased(
        ledger_key(settings, create=False), digests, settings.default_country.strip().upper()
    )
    if erased.digest(KEY, "") not in digests:
        raise UserError(
            "the key of the ledger is not the one that the list of erased people was made with: "
            "nobody on it would be recognised; restore VIP_LEDGER_KEY or var/ledger.key"
        )
    return erased


def names_customers(column: str) -> bool:
    """Whether a column, or a key of JSON, holds ids of customers."""
    return bool(_OF_CUSTOMER.search(column))


def _leaves(text: str) -> Iterator[tuple[str, str]]:
    """The texts inside a JSON value, each with its key; none where it is not JSON."""
    try:
        found = [(json.loads(text), "")]
    except ValueError:
        return
    while found:
        value, key = found.pop()
        if isinstance(value, dict):
            found += [(each, name) for name, each in value.items()]
        elif isinstance(value, list):
            found += [(each, key) for each in value]
        elif isinstance(value, str):
            yield value, key
