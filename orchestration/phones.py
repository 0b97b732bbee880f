"""Phone numbers of any human format to E.164, a million at a time.

DuckDB does what the `phonenumbers` library does, by regular expressions out of the library's own
metadata for the countries at hand. What SQL cannot settle goes to the library, one by one: letters,
extensions, other scripts, prefixes that rewrite a number, calling codes of no country.
Never import `phonenumbers.geocoder` here: it takes half a minute to load.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import phonenumbers
import pyarrow
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS, PhoneMetadata

# Digits and plain punctuation, a plus only before the first digit, at most what the library reads.
_PLAIN = r"[ ().\-/]*\+?[ ().\-/]*[0-9][0-9 ().\-/]*"
_LONGEST = 250
_NO_COUNTRY = "001"
_TYPES = [
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
]


def to_e164(phone: str | None, country: str | None) -> str | None:
    """Return one number as `+<country code><number>`, or None when it is no valid number.

    `country` is an ISO 3166-1 alpha-2 code; numbers with an international prefix do not need it.
    """
    try:
        number = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise(connection: duckdb.DuckDBPyConnection, pairs: str, target: str) -> None:
    """Create the temporary table `target` (phone, country, phone_e164), one row per pair.

    `pairs` is a query giving distinct (phone, country) as text, phone not null, country in upper
    case or null. The result is `to_e164` of each pair.
    """
    connection.execute(f"create or replace temp table phone_pairs as {pairs}")
    countries = sorted(SUPPORTED_REGIONS & _column(connection, "country", "phone_pairs"))
    connection.execute(f"create or replace temp table phone_parts as {_parts_sql(countries)}")
    codes = sorted(_column(connection, "code", "phone_parts"))
    connection.execute(f"create or replace temp table {target} as {_numbers_sql(countries, codes)}")
    odd = connection.execute(f"select phone, country from {target} where is_odd").fetchall()
    settled = pyarrow.table(
        {
            "phone": pyarrow.array([phone for phone, _ in odd], pyarrow.string()),
            "country": pyarrow.array([country for _, country in odd], pyarrow.string()),
            "phone_e164": pyarrow.array([to_e164(*pair) for pair in odd], pyarrow.string()),
        }
    )
    connection.register("settled_phones", settled)
    connection.execute(f"delete from {target} where is_odd")
    connection.execute(f"alter table {target} drop column is_odd")
    connection.execute(f"insert into {target} from settled_phones")
    connection.unregister("settled_phones")
    connection.execute("drop table phone_pairs")
    connection.execute("drop table phone_parts")


def _column(connection: duckdb.DuckDBPyConnection, name: str, table: str) -> set[str]:
    query = f"select distinct {name} from {table} where {name} is not null"
    return {value for (value,) in connection.execute(query).fetchall()}


def _parts_sql(countries: list[str]) -> str:
    """Split what was dialled into columns digits, is_international, code and rest.

    `digits` is null for a number that is not plain; `rest` is what comes after calling code `code`.
    """
    prefixes = {
        country: f"regexp_extract(digits, {_start(prefix)})"
        for country in countries
        if (prefix := _metadata(country).international_prefix)
    }
    by_length: dict[int, list[str]] = {}
    for code in map(str, COUNTRY_CODE_TO_REGION_CODE):
        by_length.setdefault(len(code), []).append(_text(code))
    codes = " ".join(  # no calling code begins with another
        f"when left(dialled, {length}) in ({', '.join(codes)}) then left(dialled, {length})"
        for length, codes in by_length.items()
    )
    return f"""
    with plain as (
        select
            phone,
            country,
            contains(phone, '+') as has_plus,
            case when length(phone) <= {_LONGEST} and regexp_full_match(phone, {_text(_PLAIN)})
                then translate(phone, ' +().-/', '') end as digits,
        from phone_pairs
    ),
    prefixed as (
        select *, coalesce({_switch("country", prefixes)}, '') as prefix from plain
    ),
    dialled as (
        select
            *,
            case
                when has_plus then digits
                when prefix <> '' then substr(digits, length(prefix) + 1)
            end as dialled,
        from prefixed
    ),
    coded as (
        select *, case when length(dialled) > 2 then case {codes} end end as code from dialled
    )
    select
        phone,
        country,
        digits,
        dialled is not null as is_international,
        code,
        substr(dialled, length(code) + 1) as rest,
    from coded"""


def _numbers_sql(countries: list[str], codes: list[str]) -> str:
    """Give every row of `phone_parts` its phone_e164, or say that the library must: is_odd."""
    own = {country: _metadata(country) for country in countries}
    codes = sorted({*codes, *(str(plan.country_code) for plan in own.values())})
    main = {code: COUNTRY_CODE_TO_REGION_CODE[int(code)][0] for code in codes}
    main = {code: region for code, region in main.items() if region != _NO_COUNTRY}
    plans = own | {region: _metadata(region) for region in main.values()}
    main_region = {code: _text(region) for code, region in main.items()}
    own_code = {country: _text(str(plan.country_code)) for country, plan in own.items()}
    after_code = {c: _without_prefix("after_code", plan) for c, plan in own.items()}
    odd_after_code = {c: _is_rewritten("after_code", plan) for c, plan in own.items()}
    is_coded = {c: _is_better("own_rest", "digits", plan) for c, plan in own.items()}
    stripped = {region: _without_prefix("national", plan) for region, plan in plans.items()}
    is_rewritten = {region: _is_rewritten("national", plan) for region, plan in plans.items()}
    fits = {region: _is_possible_length("stripped", plan) for region, plan in plans.items()}
    is_valid = {code: _is_valid("number", int(code)) for code in main}
    # One step a CTE: a column that refers to another of its own select would repeat it whole.
    return f"""
    with coded as (
        select *, {_switch("country", own_code)} as own_code from phone_parts
    ),
    recoded as (
        -- The number may start with the calling code of its country though no prefix says so.
        select
            *,
            case when not is_international and starts_with(digits, own_code)
                then substr(digits, length(own_code) + 1) end as after_code,
        from coded
    ),
    shortened as (
        select
            *,
            {_switch("country", after_code)} as own_rest,
            coalesce({_switch("country", odd_after_code)}, false) as is_odd,
        from recoded
    ),
    judged as (
        select *, coalesce({_switch("country", is_coded)}, false) as is_coded from shortened
    ),
    located as (
        select
            phone,
            country,
            coalesce(code, own_code) as code,
            case when is_international then rest when is_coded then own_rest else digits end
                as national,
            case
                when is_international then {_switch("code", main_region)}
                when is_coded then {_switch("own_code", main_region)}
                else country
            end as region,
            is_international,
            is_odd,
        from judged
    ),
    stripped as (
        select
            * exclude (is_odd),
            {_switch("region", stripped)} as stripped,
            is_odd
                or national is null
                or (is_international and region is null)
                or coalesce({_switch("region", is_rewritten)}, false) as is_odd,
        from located
    ),
    numbers as (
        select
            *,
            case when {_switch("region", fits)} then stripped else national end as number,
        from stripped
    )
    select
        phone,
        country,
        case when not is_odd and {_switch("code", is_valid)} then '+' || code || number end
            as phone_e164,
        is_odd,
    from numbers"""


def _switch(subject: str, branches: dict[str, str]) -> str:
    whens = " ".join(f"when {_text(value)} then {sql}" for value, sql in branches.items())
    return f"case {subject} {whens} end" if branches else "null"


def _metadata(region: str) -> PhoneMetadata:
    return PhoneMetadata.metadata_for_region(region)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _start(pattern: str) -> str:
    return _text(f"^(?:{pattern})")


def _matches(digits: str, pattern: str | None) -> str:
    return f"regexp_full_match({digits}, {_text(pattern)})" if pattern else "false"


def _length_in(digits: str, lengths: Iterable[int]) -> str:
    return f"length({digits}) in ({', '.join(map(str, lengths)) or '-1'})"


# What follows are the library's rules, each as SQL over a column of digits.


def _without_prefix(digits: str, plan: PhoneMetadata) -> str:
    """Take a national prefix off, unless that would spoil a number that is fine with it."""
    if not plan.national_prefix_for_parsing:
        return digits
    general = plan.general_desc.national_number_pattern
    prefix = f"regexp_extract({digits}, {_start(plan.national_prefix_for_parsing)})"
    rest = f"substr({digits}, length({prefix}) + 1)"
    spoils = f"{_matches(digits, general)} and not {_matches(rest, general)}"
    return f"case when {spoils} then {digits} else {rest} end"


def _is_rewritten(digits: str, plan: PhoneMetadata) -> str:
    """Whether the national prefix is of those with which the number is put together anew."""
    if not plan.national_prefix_for_parsing or not plan.national_prefix_transform_rule:
        return "false"
    prefix = plan.national_prefix_for_parsing
    groups = prefix.count("(") - prefix.count("(?")
    return f"regexp_extract({digits}, {_start(prefix)}, {groups}) <> ''"


def _is_better(shorter: str, digits: str, plan: PhoneMetadata) -> str:
    """Whether a number reads better without the calling code it begins with."""
    general = plan.general_desc
    pattern = general.national_number_pattern
    is_local = _length_in(digits, general.possible_length_local_only)
    return (
        f"{shorter} is not null and ("
        f"(not {_matches(digits, pattern)} and {_matches(shorter, pattern)})"
        f" or (length({digits}) > {general.possible_length[-1]} and not {is_local}))"
    )


def _is_possible_length(digits: str, plan: PhoneMetadata) -> str:
    general = plan.general_desc
    return (
        f"not {_length_in(digits, general.possible_length_local_only)} and "
        f"({_length_in(digits, general.possible_length)} "
        f"or length({digits}) > {general.possible_length[-1]})"
    )


def _is_valid(number: str, code: int) -> str:
    """Whether a number is valid in the first region of its calling code that claims it."""
    regions = COUNTRY_CODE_TO_REGION_CODE[code]
    branches = []
    for plan in map(_metadata, regions):
        is_valid = _has_type(number, plan)
        if plan.leading_digits and len(regions) > 1:
            claimed = f"regexp_matches({number}, {_start(plan.leading_digits)})"
            branches.append(f"when {claimed} then {is_valid}")
        else:
            branches.append(f"when {is_valid} then true")
    return f"case {' '.join(branches)} else false end"


def _has_type(number: str, plan: PhoneMetadata) -> str:
    """Whether the pattern of a mobile number, or of any other type, fits."""
    by_lengths: dict[tuple[int, ...], list[str]] = {}
    for name in _TYPES:
        desc = getattr(plan, name)
        if desc is not None and desc.national_number_pattern:
            lengths = tuple(desc.possible_length) or tuple(plan.general_desc.possible_length)
            by_lengths.setdefault(lengths, []).append(f"(?:{desc.national_number_pattern})")
    types = [
        f"{_length_in(number, lengths)} and {_matches(number, '|'.join(patterns))}"
        for lengths, patterns in by_lengths.items()
    ]
    general = plan.general_desc
    fits = _length_in(number, general.possible_length)
    pattern = _matches(number, general.national_number_pattern)
    return f"({fits} and {pattern} and ({' or '.join(types) or 'false'}))"
