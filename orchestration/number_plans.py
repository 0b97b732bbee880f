"""What the beginning of a phone number tells about its line, by the plans `phonenumbers` knows.

The library holds one pattern per country and kind of line. The beginnings of a calling code are
tried digit by digit: one that numbers of a single kind can go on from decides.
"""

from __future__ import annotations

import re._constants as ops
import re._parser
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

LINE_TYPES = (
    "fixed_line",
    "mobile",
    "pager",
    "personal_number",
    "premium_rate",
    "shared_cost",
    "toll_free",
    "uan",
    "voicemail",
    "voip",
)
"""Kinds of line, named as in the library."""

LONGEST = 7  # digits after the plus; an eighth would add a tenth to the rows

# A pattern: digits that may stand next ("347"), ("or", choices) or (least, most, pattern).
Pattern = tuple[Any, ...]
Ways = Mapping[str, frozenset[Pattern]]  # what may still follow, by kind of line


def line_prefixes(calling_code: int) -> Iterator[tuple[str, str]]:
    """(prefix with the calling code, kind of line), no prefix the beginning of another.

    Every valid number that begins so is of that kind, in whichever country of the code. What is
    mobile or fixed alike, as everywhere in the United States and Canada, has no row.
    """
    yield from _decided(str(calling_code), _patterns(calling_code))


def _patterns(calling_code: int) -> Ways:
    found: dict[str, frozenset[Pattern]] = {}
    for region in COUNTRY_CODE_TO_REGION_CODE[calling_code]:
        metadata = PhoneMetadata.metadata_for_region(region)
        for kind in LINE_TYPES:
            desc = getattr(metadata, kind)
            if desc and desc.national_number_pattern:
                pattern = _plain(re._parser.parse(desc.national_number_pattern))
                found[kind] = found.get(kind, frozenset()) | {pattern}
    return found


def _decided(prefix: str, ways: Ways) -> Iterator[tuple[str, str]]:
    if len(ways) == 1:
        yield prefix, *ways
    elif len(prefix) < LONGEST and len(set(ways.values())) > 1:
        for digit in "0123456789":
            after = {
                kind: frozenset[Pattern]().union(*(_after(each, digit) for each in patterns))
                for kind, patterns in ways.items()
            }
            yield from _decided(prefix + digit, {k: each for k, each in after.items() if each})


def _plain(parsed: Any) -> Pattern:
    """A parsed regular expression of the library: digits, classes, choices and repeats alone."""
    plain: list[Any] = []
    for op, argument in parsed:
        if op is ops.LITERAL:
            plain.append(chr(argument))
        elif op is ops.IN:
            plain.append("".join(_digits(*part) for part in argument))
        elif op is ops.SUBPATTERN:
            plain.extend(_plain(argument[-1]))
        elif op is ops.BRANCH:
            plain.append(("or", tuple(_plain(choice) for choice in argument[1])))
        elif op is ops.MAX_REPEAT:
            plain.append((argument[0], argument[1], _plain(argument[2])))
        else:
            raise ValueError(f"a pattern of the library holds {op}, which nobody foresaw")
    return tuple(plain)


def _digits(op: Any, argument: Any) -> str:
    if op is ops.LITERAL:
        return chr(argument)
    if op is ops.RANGE:
        return "".join(map(chr, range(argument[0], argument[1] + 1)))
    if argument is ops.CATEGORY_DIGIT:
        return "0123456789"
    raise ValueError(f"a pattern of the library holds {op}, which nobody foresaw")


@cache
def _after(pattern: Pattern, digit: str) -> frozenset[Pattern]:
    """What may follow once a digit is read: the pattern's derivatives (Brzozowski)."""
    if not pattern:
        return frozenset()
    first, rest = pattern[0], pattern[1:]
    if isinstance(first, str):
        return frozenset([rest] if digit in first else [])
    if first[0] == "or":
        return frozenset[Pattern]().union(*(_after(each + rest, digit) for each in first[1]))
    least, most, repeated = first
    found = _after(rest, digit) if least == 0 else frozenset[Pattern]()
    if most > 0:
        again = (max(least - 1, 0), most - 1, repeated)
        found |= _after((*repeated, again, *rest), digit)
    return found
