"""The reference seeds: as their libraries know them, with no zone that an engine does not."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import phonenumbers
import pytest
from amount import amount
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberType, timezone

from orchestration import reference_tables
from orchestration.number_plans import LINE_TYPES, LONGEST
from orchestration.phones import to_e164
from orchestration.settings import PROJECT_DIR

REFERENCE = PROJECT_DIR / "seeds" / "reference"


def seed(name: str) -> list[dict[str, str]]:
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_committed_files_are_what_would_be_written(tmp_path: Path) -> None:
    reference_tables.write(tmp_path)
    for name in reference_tables.TABLES:
        written = (tmp_path / f"{name}.csv").read_text(encoding="utf-8")
        committed = (REFERENCE / f"{name}.csv").read_text(encoding="utf-8")
        assert committed == written, f"{name}.csv is stale: run `make reference`"


def test_the_engine_knows_every_zone() -> None:
    named = {row["time_zone"] for row in seed("time_zones")}
    listed = {
        zone
        for name in ("region_zones", "phone_prefixes", "area_codes")
        for row in seed(name)
        for zone in row["time_zones"].split(",")
    }
    clocks = {row["clock_zone"] for row in seed("sms_rules")} - {""}
    assert listed | clocks <= named
    with duckdb.connect() as connection:
        for zone in sorted(listed | clocks):
            connection.execute("select timezone(?, timestamp '2026-07-01')", [zone])


@pytest.mark.parametrize(
    "number", ["+12125550100", "+18505550100", "+12082150100", "+33612345678", "+61491570006"]
)
def test_prefixes_say_what_the_library_says(number: str) -> None:
    prefixes = {row["phone_prefix"]: row["time_zones"] for row in seed("phone_prefixes")}
    longest = next(number[1:end] for end in range(10, 1, -1) if number[1:end] in prefixes)
    zones = timezone.time_zones_for_geographical_number(phonenumbers.parse(number))
    assert prefixes[longest].split(",") == sorted(zones)


LINE_OF = {getattr(PhoneNumberType, name.upper()): name for name in LINE_TYPES}


def valid_numbers(beginning: str, dice: random.Random, tries: int) -> Iterator[str]:
    """Valid numbers of any length that begin so, as digits in the form that landing gives them."""
    for _ in range(tries):
        more = dice.randint(max(0, 8 - len(beginning)), max(0, 13 - len(beginning)))
        digits = beginning + "".join(dice.choices("0123456789", k=more))
        number = to_e164(f"+{digits}", None)
        if number:
            yield number[1:]


def test_lines_are_what_the_library_says_of_random_numbers() -> None:
    """Of a number with a prefix the same kind of line; and few landlines of Europe have none."""
    lines = {row["phone_prefix"]: row["line_type"] for row in seed("phone_lines")}
    codes = {str(code) for code in COUNTRY_CODE_TO_REGION_CODE}
    ours = {next(prefix[:n] for n in (1, 2, 3) if prefix[:n] in codes) for prefix in lines}
    dice = random.Random(1)
    some = dice.sample(sorted(lines), amount(usual=1500, long=len(lines)))
    told: Counter[str] = Counter()
    missed = 0
    for beginning in [*some, *(code + digit for code in sorted(ours) for digit in "0123456789")]:
        for digits in valid_numbers(beginning, dice, tries=10):
            said = phonenumbers.number_type(phonenumbers.parse(f"+{digits}"))
            found = [lines[digits[:n]] for n in range(1, LONGEST + 1) if digits[:n] in lines]
            assert len(found) < 2, f"+{digits[:LONGEST]} has two prefixes"
            if found:
                assert found == [LINE_OF.get(said)], f"+{digits[:LONGEST]}"
                told[found[0]] += 1
            elif said == PhoneNumberType.FIXED_LINE and digits[0] != "1":
                missed += 1
    assert set(told) >= set(LINE_TYPES) - {"voicemail"}, told
    assert missed < told["fixed_line"] / 50


@pytest.mark.parametrize(
    ("number", "line"),
    [
        ("442079460958", "fixed_line"),
        ("447400123456", "mobile"),
        ("447640123456", "pager"),
        ("33144556677", "fixed_line"),
        ("33612345678", "mobile"),
        ("493023125999", "fixed_line"),
        ("61491570006", "mobile"),
        ("18005550100", "toll_free"),
        ("12125550100", None),
        ("16135550100", None),
        ("41446681800", None),
    ],
)
def test_lines_of_known_numbers(number: str, line: str | None) -> None:
    """By the plans as people know them; nobody can say in North America, or without a rule."""
    lines = {row["phone_prefix"]: row["line_type"] for row in seed("phone_lines")}
    found = [lines[number[:n]] for n in range(1, LONGEST + 1) if number[:n] in lines]
    assert found == ([line] if line else [])


def test_every_kind_of_line_that_a_prefix_names_is_judged() -> None:
    judged = {row["line_type"]: row["is_textable"] for row in seed("line_types")}
    assert set(judged) == set(LINE_TYPES)
    assert judged["mobile"] == judged["voip"] == "true" and judged["fixed_line"] == "false"
    assert max(len(row["phone_prefix"]) for row in seed("phone_lines")) == LONGEST == 7, (
        "int_phone_lines looks at seven digits"
    )


def test_rules_read_as_hours() -> None:
    for row in seed("sms_rules"):
        for day in ("mon_fri", "sat", "sun"):
            start, end = row[f"{day}_start"], row[f"{day}_end"]
            assert bool(start) == bool(end), row["rule_id"]
            if start:
                assert len(start) == len(end) == 5
                assert "00:00" <= start < end <= "23:59"


def test_every_region_that_keeps_holidays_has_some_each_year() -> None:
    regions = {
        row["region_code"] for row in seed("sms_rules") if row["is_holiday_allowed"] == "false"
    }
    members = {row["country_code"] for row in seed("rule_regions") if row["region_code"] == "EU"}
    known = {(row["region_code"], row["holiday_on"][:4]) for row in seed("public_holidays")}
    for region in regions - {"EU"} | members:
        for year in reference_tables.HOLIDAY_YEARS:
            assert (region, str(year)) in known


def test_the_facts_are_all_there(shared_dir: Path) -> None:
    """Hours, caps and areas as the reference material has them; a row may be added, none lost."""
    with (shared_dir / "facts" / "sms_rules_seed.csv").open(newline="") as file:
        facts = list(csv.DictReader(file))
    ours = {row["rule_id"]: row for row in seed("sms_rules")}
    for fact in facts:
        row = ours[fact["rule_id"].lower()]
        for column in ("mon_fri_start", "mon_fri_end", "sat_start", "sat_end", "sun_start"):
            assert row[column] == fact[column], (fact["rule_id"], column)
        assert row["is_holiday_allowed"] == ("true" if fact["holiday_allowed"] == "Y" else "false")
        assert (row["cap_messages"], row["cap_hours"]) == (
            fact["cap_count"],
            fact["cap_window_hours"],
        )
        assert row["confidence"] == fact["confidence"]
        assert row["source"] == fact["source"]
    with (shared_dir / "facts" / "nanp_npa.csv").open(newline="") as file:
        areas = {row["npa"]: row for row in csv.DictReader(file) if row["time_zones"]}
    assert {row["area_code"]: row["region_code"] for row in seed("area_codes")} == {
        code: row["region_iso3166_2"] for code, row in areas.items()
    }
