"""Codes of one's own: one for each customer and campaign, made from a secret and checked by eye.

A code is HMAC-SHA256 (RFC 2104) of campaign and customer under `VIP_CODE_KEY`, written in letters
that nobody takes for another, with one more that finds a slip of the pen. It is made here, when
files are written and plans are drawn: neither the secret nor a code ever lies in the warehouse.
"""

from __future__ import annotations

import csv
import hmac
import json
from collections.abc import Iterable

import duckdb
import pyarrow as pa

from orchestration.errors import UserError
from orchestration.settings import Settings

FILE = "access_codes"
# Of 0/O/Q/D, 1/I/L, 2/Z, 4/A, 5/S, 6/G, 8/B, U/V and M/N one at most, and no vowels: no words.
# A prime number of them, so that every weight of the checksum has an inverse.
ALPHABET = "CFHJKMPRTWXY2346789"
LENGTH = 10
_BASE = len(ALPHABET)
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
# The weight of each place; all differ modulo the base, the last is that of the check letter.
_WEIGHTS = (*range(2, LENGTH + 1), 1)

_CODED = """
create or replace temp view coded_{name} as
select told.*, codes.code as {column}
from activation.{table} as told
left join access_codes as codes
    on told.customer_id = codes.customer_id and told.{campaign} = codes.campaign_id
"""


def code_of(key: bytes, campaign_id: str, customer_id: str, attempt: int = 0) -> str:
    """Return the code of a customer in a campaign: `LENGTH` letters of `ALPHABET`.

    `attempt` tells apart those of two customers who would share one.
    """
    text = json.dumps([campaign_id, customer_id, attempt])
    number = int.from_bytes(hmac.digest(key, text.encode(), "sha256"), "big")
    letters = []
    for _ in range(LENGTH - 1):
        number, value = divmod(number, _BASE)
        letters.append(ALPHABET[value])
    return "".join(letters) + ALPHABET[-_weighed(letters) % _BASE]


def codes_of(key: bytes, holders: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the code of each (campaign_id, customer_id), none of them twice in a campaign.

    Where two customers would share one, the first of them keeps it: hand in first who may have been
    told first, and a newcomer changes nobody's code.
    """
    codes: dict[tuple[str, str], str] = {}
    taken: set[tuple[str, str]] = set()
    for campaign_id, customer_id in holders:
        attempt = 0
        code = code_of(key, campaign_id, customer_id)
        while (campaign_id, code) in taken:
            attempt += 1
            code = code_of(key, campaign_id, customer_id, attempt)
        taken.add((campaign_id, code))
        codes[campaign_id, customer_id] = code
    return codes


def tidy(text: str) -> str:
    """Return a code as it was made, however somebody wrote it down."""
    return "".join(letter for letter in text.upper() if letter.isalnum())


def is_well_formed(code: str) -> bool:
    """Say whether this may be a code at all.

    One wrong letter, or two letters that changed places, never pass (weights modulo a prime, as in
    ISBN-10).
    """
    return len(code) == LENGTH and set(code) <= set(ALPHABET) and _weighed(list(code)) % _BASE == 0


def look_up(settings: Settings, written: str) -> list[dict[str, str]]:
    """Return what the newest export files say of a code, a row for each campaign it is good in.

    Columns are those of the file `access_codes.csv`. Raises `UserError` for what is no code, for
    one that no open campaign knows, and where nothing was exported.
    """
    code = tidy(written)
    if not is_well_formed(code):
        raise UserError(f"{written!r} is no code: a letter is wrong, missing or has changed places")
    path = settings.paths.exports / "latest" / f"{FILE}.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            found = [row for row in csv.DictReader(file) if row["code"] == code]
    except FileNotFoundError:
        raise UserError(f"{path} is not there: run `vip nightly`") from None
    if not found:
        raise UserError(f"no campaign with an open window knows {code}")
    return found


def attach_codes(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Give the connection tonight's codes, and what leaves the house with them.

    Temporary table `access_codes` (campaign_id, customer_id, code), views `coded_audience`
    (`sync_vip_audience` and message_code) and `coded_members` (`sync_audience_members` and code).
    """
    holders = connection.execute(
        "select campaign_id, customer_id from activation.sync_access_windows "
        "order by campaign_id, opens_at, customer_id"
    ).fetchall()
    codes = codes_of(key, holders)
    campaigns, customers = zip(*codes, strict=True) if codes else ((), ())
    connection.register(
        "made_codes",
        pa.table(
            {
                name: pa.array(values, pa.string())
                for name, values in (
                    ("campaign_id", campaigns),
                    ("customer_id", customers),
                    ("code", codes.values()),
                )
            }
        ),
    )
    connection.execute("create or replace temp table access_codes as from made_codes")
    connection.unregister("made_codes")
    for view in (
        {
            "name": "audience",
            "column": "message_code",
            "table": "sync_vip_audience",
            "campaign": "message_campaign_id",
        },
        {
            "name": "members",
            "column": "code",
            "table": "sync_audience_members",
            "campaign": "campaign_id",
        },
    ):
        connection.execute(_CODED.format(**view))


def _weighed(letters: list[str]) -> int:
    return sum(weight * _VALUES[letter] for weight, letter in zip(_WEIGHTS, letters, strict=False))
