"""Reference seeds that follow from libraries: public holidays, phone prefixes, lines, zones.

`make reference` writes them anew; a test holds the committed files against what it would write.
What people decide (hours, caps, stop words, consent by region) is written by hand and not here.
Time zones of one place are one text: names in order, separated by commas.
"""

from __future__ import annotations

import csv
import importlib.resources
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.tzdata import TIMEZONE_DATA

from orchestration.number_plans import line_prefixes
from orchestration.settings import PROJECT_DIR

REFERENCE_DIR = PROJECT_DIR / "seeds" / "reference"
HOLIDAY_YEARS = range(2024, 2033)
NOBODYS_COUNTRY = "001"  # calling codes of services, of no country

# States of a country with zones of their own, where area codes do not say it.
_STATE_ZONES = {
    "AU-ACT": "Australia/Sydney",
    "AU-NSW": "Australia/Broken_Hill,Australia/Sydney",
    "AU-NT": "Australia/Darwin",
    "AU-QLD": "Australia/Brisbane,Australia/Lindeman",
    "AU-SA": "Australia/Adelaide",
    "AU-TAS": "Australia/Hobart",
    "AU-VIC": "Australia/Melbourne",
    "AU-WA": "Australia/Eucla,Australia/Perth",
}

Row = tuple[str, ...]


def public_holidays() -> list[Row]:
    """(region_code, holiday_on, holiday_name) for every region whose rules know holidays.

    US states carry federal and state holidays, countries their national ones, and a state of such
    a country what it adds. ZZ, the unknown region, keeps the holidays of all those countries.
    Source: the package `holidays`, by `HOLIDAY_YEARS`.
    """
    import holidays  # a second to load, and here alone

    found: dict[tuple[str, str], str] = {}

    def add(region: str, days: Iterable[tuple[date, str]]) -> None:
        for day, name in days:
            if day.year in HOLIDAY_YEARS:
                found.setdefault((region, day.isoformat()), name)

    def days_of(country: str, state: str | None = None) -> list[tuple[date, str]]:
        table = holidays.country_holidays(
            country, subdiv=state, years=HOLIDAY_YEARS, language="en_US"
        )
        return sorted(table.items())

    for state in _states_without_holidays():
        add(f"US-{state}", days_of("US", state))
    # 73 P.S. 2245 counts these as well.
    add("US-PA", ((day, name) for day, name in days_of("US", "DE") if name == "Good Friday"))
    add("US-PA", ((date(year, 6, 14), "Flag Day") for year in HOLIDAY_YEARS))
    add("US-PA", ((_election_day(year), "Election Day") for year in HOLIDAY_YEARS))
    for country in _countries_without_holidays():
        national = days_of(country)
        add(country, national)
        if country in ("AU", "DE", "ES"):
            for state in holidays.country_holidays(country).subdivisions:
                if state.isupper():
                    own = set(days_of(country, state)) - set(national)
                    add(f"{country}-{state}", sorted(own))
    add("ZZ", days_of("US"))
    for country in ("AU", "DE", "ES", "FR"):
        add("ZZ", days_of(country))
    return sorted((region, day, name) for (region, day), name in found.items())


def phone_prefixes() -> list[Row]:
    """(phone_prefix, time_zones): what a number begins with after the plus, and where that is.

    Source: `phonenumbers`, which follows libphonenumber; the longest prefix counts.
    """
    return sorted((prefix, ",".join(sorted(zones))) for prefix, zones in TIMEZONE_DATA.items())


def phone_lines() -> list[Row]:
    """(phone_prefix, line_type) of the calling codes of countries that a rule is written for.

    Source: `phonenumbers`, by `number_plans.line_prefixes`.
    """
    ruled = _countries_with_rules()
    return sorted(
        row
        for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()
        if ruled & set(regions)
        for row in line_prefixes(code)
    )


def calling_codes() -> list[Row]:
    """(calling_code, country_code): the main country of each; those of no country are left out."""
    codes = ((str(code), regions[0]) for code, regions in COUNTRY_CODE_TO_REGION_CODE.items())
    return sorted((code, country) for code, country in codes if country != NOBODYS_COUNTRY)


def region_zones() -> list[Row]:
    """(region_code, time_zones) of countries and, where they are known, of their states.

    Sources: zone.tab of the tz database; area codes for states of the US and Canada.
    """
    zones = defaultdict(set)
    for country, zone in _zone_tab():
        zones[country].add(zone)
    for row in _rows("area_codes"):
        if "-" in row["region_code"]:
            zones[row["region_code"]] |= set(row["time_zones"].split(","))
    rows = {region: ",".join(sorted(names)) for region, names in zones.items()}
    return sorted((rows | _STATE_ZONES).items())


TABLES = {
    "public_holidays": (("region_code", "holiday_on", "holiday_name"), public_holidays),
    "phone_prefixes": (("phone_prefix", "time_zones"), phone_prefixes),
    "phone_lines": (("phone_prefix", "line_type"), phone_lines),
    "calling_codes": (("calling_code", "country_code"), calling_codes),
    "region_zones": (("region_code", "time_zones"), region_zones),
}


def write(folder: Path = REFERENCE_DIR) -> None:
    """Write every table of `TABLES` as `<name>.csv` into `folder`."""
    for name, (header, rows) in TABLES.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows())


def _rows(seed: str) -> list[dict[str, str]]:
    with (REFERENCE_DIR / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _countries_with_rules() -> set[str]:
    """Countries that rules name, and those that the rules of another region stand in for."""
    named = {row["region_code"] for row in _rows("sms_rules")} - {"EU", "ZZ"}
    standing_in = {row["country_code"] for row in _rows("rule_regions")}
    return {region for region in named if len(region) == 2} | standing_in


def _regions_without_holidays() -> set[str]:
    return {
        row["region_code"] for row in _rows("sms_rules") if row["is_holiday_allowed"] == "false"
    }


def _states_without_holidays() -> list[str]:
    return sorted(
        region.removeprefix("US-")
        for region in _regions_without_holidays()
        if region.startswith("US-")
    )


def _countries_without_holidays() -> list[str]:
    """Countries of such a rule, those that the rule of the EU stands in for included."""
    regions = _regions_without_holidays()
    members = {row["country_code"] for row in _rows("rule_regions") if row["region_code"] == "EU"}
    return sorted({region for region in regions if len(region) == 2} - {"EU", "ZZ"} | members)


def _election_day(year: int) -> date:
    """Tuesday after the first Monday of November."""
    first_monday = 1 + (7 - date(year, 11, 1).weekday()) % 7
    return date(year, 11, first_monday + 1)


def _zone_tab() -> list[tuple[str, str]]:
    lines = (line.split("\t") for line in _tzdata("zone.tab").splitlines() if line[:1] != "#")
    return [(fields[0], fields[2]) for fields in lines]


def _tzdata(name: str) -> str:
    return (importlib.resources.files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    write()
