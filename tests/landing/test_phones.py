"""E.164 by SQL is what the library says, number by number."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import cycle

import duckdb
import phonenumbers
import pyarrow
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from orchestration import phones

# fmt: off
COUNTRIES = [
    "US", "CA", "GB", "DE", "FR", "ES", "IT", "NL", "AU", "BR", "AR", "MX", "IN", "JP", "CN", "SG",
    "MY", "RU", "KZ", "ZA", "SM", "AG",
]
# fmt: on
TYPES = [
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.VOIP,
    PhoneNumberType.PREMIUM_RATE,
]
STRANGE = [
    "",
    "+",
    "-",
    "12",
    "1-2",
    "() -",
    "call me",
    "1-800-FLOWERS",
    "212 555 0143 ext. 5",
    "212 555 0143 x5",
    "(212) 555-0143 / 555-0144",
    "++1 212 555 0143",
    "+0044 7400 123456",
    "(+44) 7400 123456",
    "+44 (0)20 7946 0958",
    "+999 1234567",
    "+800 1234 5678",
    "00800 1234 5678",
    "+1",
    "1",
    "".join(chr(0xFF10 + int(digit)) for digit in "12125550143"),  # full width
    "tel:+1-212-555-0143",
    "+1 212 555 0143;ext=7",
    "2" * 20,
    "2" * 300,
    "011 44 7400 123456",
    "0011 44 7400 123456",
    "000 44 7400 123456",
    "011 0 212 555 0143",
    "00 0161 496 0000",
    "8~10 44 7400 123456",
    "555-0143",
    " 212.555.0143 ",
    "212\u00a0555\u00a00143",
]


def human_numbers(
    seed: int, per_country: int, countries: list[str]
) -> list[tuple[str, str | None]]:
    """Numbers as people write them, many of them a digit off, each with a country to read it by."""
    choose = random.Random(seed)
    written = []
    for country in countries:
        for number_type in (choose.choice(TYPES) for _ in range(per_country)):
            example = phonenumbers.example_number_for_type(country, number_type)
            example = example or phonenumbers.example_number(country)
            digits = phonenumbers.national_significant_number(example)
            changed = choose.randrange(6)
            length = len(digits) + choose.choice([0, 0, 0, 0, 0, 1, -1])
            digits = digits[: len(digits) - changed]
            digits += "".join(choose.choice("0123456789") for _ in range(length - len(digits)))
            zeros = len(digits) - len(digits.lstrip("0"))
            number = PhoneNumber(
                example.country_code,
                int(digits),
                italian_leading_zero=zeros > 0,
                number_of_leading_zeros=zeros,
            )
            code = str(example.country_code)
            formats = [
                phonenumbers.format_number(number, PhoneNumberFormat.E164),
                phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL),
                phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL),
                digits,
                f"00{code}{digits}",
                f"011 {code} {digits}",
                f"{code} {digits}",
                f"{code}0{digits}",
                f"+{code} (0) {digits}",
                choose.choice("018") + digits,
                f"{digits[:3]}.{digits[3:6]}-{digits[6:]} ",
            ]
            read_by = choose.choice([country] * 6 + [choose.choice(countries), "GB", "XX", None])
            written.append((choose.choice(formats), read_by))
    return written


def by_sql(pairs: list[tuple[str, str | None]]) -> dict[tuple[str, str | None], str | None]:
    columns = {"phone": [phone for phone, _ in pairs], "country": [c for _, c in pairs]}
    table = pyarrow.table(columns, pyarrow.schema([(name, pyarrow.string()) for name in columns]))
    with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as connection:
        connection.register("written", table)
        phones.normalise(connection, "select distinct phone, country from written", "numbers")
        return {(p, c): e164 for p, c, e164 in connection.execute("from numbers").fetchall()}


def differences(pairs: list[tuple[str, str | None]]) -> list[tuple]:
    found = by_sql(pairs)
    assert found.keys() == set(pairs)
    return [
        (*pair, found[pair], expected)
        for pair in sorted(set(pairs), key=str)
        if found[pair] != (expected := phones.to_e164(*pair))
    ]


def test_thousands_of_numbers_of_many_countries_agree_with_the_library():
    pairs = human_numbers(seed=5, per_country=200, countries=COUNTRIES)
    assert differences(pairs) == []
    valid = sum(phones.to_e164(*pair) is not None for pair in pairs)
    assert len(pairs) * 0.3 < valid < len(pairs) * 0.9  # both sides are put to the test


def test_strange_numbers_agree_with_the_library():
    pairs = [
        (text, country) for text in STRANGE for country in ("US", "GB", "AU", "RU", "XX", None)
    ]
    assert differences(pairs) == []


@pytest.mark.slow
def test_every_country_there_is_agrees_with_the_library():
    everywhere = sorted(phonenumbers.SUPPORTED_REGIONS)
    assert differences(human_numbers(seed=6, per_country=40, countries=everywhere)) == []


def test_plain_numbers_never_reach_the_library(monkeypatch):
    def refuse(*pair):
        raise AssertionError(pair)

    monkeypatch.setattr(phones, "to_e164", refuse)
    texts = ["(212) 555-0143", "+1 212-555-0144", "1.212.555.0145", "212555014", "00447400123456"]
    found = by_sql(list(zip(texts, cycle(["US"]))))
    assert sum(number is not None for number in found.values()) == 3


def test_no_number_at_all():
    assert by_sql([]) == {}


def test_the_slow_half_of_the_library_stays_out():
    code = "import sys, orchestration.phones; assert 'phonenumbers.geocoder' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_million_numbers_take_seconds():
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as connection:
        phones.normalise(
            connection,
            "select '(212) ' || 200 + i // 10000 || '-' || lpad((i % 10000)::varchar, 4, '0') "
            "as phone, 'US' as country from range(1000000) as t(i) where i // 10000 < 700",
            "numbers",
        )
        count = connection.execute("select count(phone_e164) from numbers").fetchone()
    assert count[0] > 900_000
