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
_NON_GEOGRAPHIC = "001"
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

    `pairs` is a query giving distinct (phone, country) as text, country in upper case or null.
    A phone that is no valid number gets a null. The result is `to_e164` of each pair, exactly.
    """
    connection.execute(f"create or replace temp table phone_parts as {_parts_sql(pairs)}")
    countries = _column(connection, "select distinct country from phone_parts")
    codes = _column(connection, "select distinct code from phone_parts where code is not null")
    connection.execute(
        f"create or replace temp table {target} as "
        + _settle_sql(sorted(set(countries) & SUPPORTED_REGIONS), codes)
    )
    odd = connection.execute(f"select phone, country from {target} where is_odd").fetchall()
    if odd:
        settled = pyarrow.table(
            {
                "phone": [phone for phone, _ in odd],
                "country": [country for _, country in odd],
                "phone_e164": pyarrow.array([to_e164(*pair) for pair in odd], pyarrow.string()),
            }
        )
        connection.register("settled_phones", settled)
        connection.execute(
            f"create or replace temp table {target} as "
            f"select phone, country, phone_e164 from {target} where not is_odd "
            "union all select phone, country, phone_e164 from settled_phones"
        )
        connection.unregister("settled_phones")
    else:
        connection.execute(f"alter table {target} drop column is_odd")
    connection.execute("drop table phone_parts")


def _column(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [value for (value,) in connection.execute(query).fetchall() if value is not None]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Iterable[str]) -> str:
    return ", ".join(_text(value) for value in values)


def _metadata(region: str) -> PhoneMetadata:
    return PhoneMetadata.metadata_for_region(region)


def _parts_sql(pairs: str) -> str:
    """Split plain numbers into calling code and digits after it; `code` null: none was dialled."""
    by_prefix: dict[str, list[str]] = {}
    for region in sorted(SUPPORTED_REGIONS):
        prefix = _metadata(region).international_prefix
        if prefix:
            by_prefix.setdefault(prefix, []).append(region)
    prefixes = " ".join(
        f"when country in ({_texts(regions)}) "
        f"then regexp_extract(digits, {_text(f'^(?:{prefix})')})"
        for prefix, regions in by_prefix.items()
    )
    by_length: dict[int, list[str]] = {}
    for code in COUNTRY_CODE_TO_REGION_CODE:
        by_length.setdefault(len(str(code)), []).append(str(code))
    code = " ".join(
        f"when left(dialled, {length}) in ({_texts(codes)}) then left(dialled, {length})"
        for length, codes in sorted(by_length.items())
    )
    return f"""
    with pairs as ({pairs}),
    digits as (
        select
            phone,
            country,
            contains(phone, '+') as has_plus,
            length(phone) <= {_LONGEST} and regexp_full_match(phone, {_text(_PLAIN)}) as is_plain,
            case when is_plain then translate(phone, ' +().-/', '') end as digits,
        from pairs
        where phone is not null
    ),
    prefixed as (
        select *, case when has_plus or digits is null then '' {prefixes} else '' end as prefix
        from digits
    ),
    dialled as (
        -- A calling code never starts with 0, so that is no international prefix before it.
        select
            *,
            case
                when has_plus then digits
                when prefix <> '' and substr(digits, length(prefix) + 1, 1) <> '0'
                    then substr(digits, length(prefix) + 1)
            end as dialled,
        from prefixed
    )
    select
        phone,
        country,
        digits,
        has_plus,
        dialled is not null as is_international,
        case when length(dialled) > 2 then case {code} end end as code,
        substr(dialled, length(code) + 1) as rest,
    from dialled"""


def _settle_sql(countries: list[str], codes: list[str]) -> str:
    """Give every row its E.164, or mark it odd."""
    codes_of_countries = {c: str(_metadata(c).country_code) for c in countries}
    main = {
        code: COUNTRY_CODE_TO_REGION_CODE[int(code)][0]
        for code in sorted({*codes, *codes_of_countries.values()})
    }
    main = {code: region for code, region in main.items() if region != _NON_GEOGRAPHIC}
    regions = sorted({*countries, *main.values()})

    def by_region(subject: str, template: dict[str, str]) -> str:
        branches = " ".join(f"when {_text(key)} then {sql}" for key, sql in template.items())
        return f"case {subject} {branches} end" if template else "null"

    codes_of_countries = {c: _text(code) for c, code in codes_of_countries.items()}
    after_code = {c: _without_prefix("after_code", _metadata(c)) for c in countries}
    better = {c: _is_better_without_code("digits", "own_rest", _metadata(c)) for c in countries}
    own_odd = {c: _is_rewritten("after_code", _metadata(c)) for c in countries}
    stripped = {r: _without_prefix("national", _metadata(r)) for r in regions}
    odd = {r: _is_rewritten("national", _metadata(r)) for r in regions}
    fits = {r: _is_possible_length("stripped", _metadata(r)) for r in regions}
    valid = {code: _is_valid("nsn", int(code)) for code in main}
    main = {code: _text(region) for code, region in main.items()}
    # One step a CTE: a column that refers to another of its own select would repeat it whole.
    return f"""
    with coded as (
        select *, {by_region("country", codes_of_countries)} as own_code from phone_parts
    ),
    recoded as (
        -- The number may start with the calling code of its country though no prefix says so.
        select
            *,
            case when not is_international and starts_with(digits, own_code)
                then substr(digits, length(own_code) + 1) end as after_code,
        from coded
    ),
    shortened as (select *, {by_region("country", after_code)} as own_rest from recoded),
    judged as (
        select *, coalesce({by_region("country", better)}, false) as has_own_code from shortened
    ),
    located as (
        select
            phone,
            country,
            coalesce(code, own_code) as code,
            case when is_international then rest when has_own_code then own_rest else digits end
                as national,
            case
                when is_international then {by_region("code", main)}
                when has_own_code then {by_region("own_code", main)}
                else country
            end as region,
            is_international,
            coalesce({by_region("country", own_odd)}, false) as is_odd,
        from judged
    ),
    stripped as (
        select
            *,
            {by_region("region", stripped)} as stripped,
            is_odd
                or national is null
                or (is_international and region is null)
                or coalesce({by_region("region", odd)}, false) as is_rewritten,
        from located
    ),
    numbers as (
        select
            phone,
            country,
            code,
            case when {by_region("region", fits)} then stripped else national end as nsn,
            is_rewritten as is_odd,
        from stripped
    )
    select
        phone,
        country,
        case when not is_odd and {by_region("code", valid)} then '+' || code || nsn end
            as phone_e164,
        is_odd,
    from numbers"""


def _matches(digits: str, pattern: str | None) -> str:
    return f"regexp_full_match({digits}, {_text(pattern)})" if pattern else "false"


def _prefix_pattern(metadata: PhoneMetadata) -> str:
    return _text(f"^(?:{metadata.national_prefix_for_parsing})")


def _without_prefix(digits: str, metadata: PhoneMetadata) -> str:
    """Take a national prefix off, unless that would spoil a number that is fine with it."""
    if not metadata.national_prefix_for_parsing:
        return digits
    general = metadata.general_desc.national_number_pattern
    rest = f"substr({digits}, length(regexp_extract({digits}, {_prefix_pattern(metadata)})) + 1)"
    return (
        f"case when {_matches(digits, general)} and not {_matches(rest, general)} "
        f"then {digits} else {rest} end"
    )


def _is_rewritten(digits: str, metadata: PhoneMetadata) -> str:
    """Whether the national prefix is one of those that make the library rewrite the number."""
    if not metadata.national_prefix_for_parsing or not metadata.national_prefix_transform_rule:
        return "false"
    pattern = _prefix_pattern(metadata)
    groups = pattern.count("(") - pattern.count("(?")
    return f"regexp_extract({digits}, {pattern}, {groups}) <> ''"


def _is_better_without_code(digits: str, rest: str, metadata: PhoneMetadata) -> str:
    general = metadata.general_desc
    pattern = general.national_number_pattern
    return (
        f"({rest} is not null and ("
        f"(not {_matches(digits, pattern)} and {_matches(rest, pattern)})"
        f" or (length({digits}) > {general.possible_length[-1]}"
        f" and length({digits}) not in ({_numbers(general.possible_length_local_only)}))))"
    )


def _is_possible_length(digits: str, metadata: PhoneMetadata) -> str:
    general = metadata.general_desc
    lengths = general.possible_length
    return (
        f"(length({digits}) not in ({_numbers(general.possible_length_local_only)}) and "
        f"(length({digits}) in ({_numbers(lengths)}) or length({digits}) > {lengths[-1]}))"
    )


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(map(str, values)) or "-1"


def _is_valid(nsn: str, code: int) -> str:
    """Whether a national number is valid in the first region of the calling code that claims it."""
    regions = COUNTRY_CODE_TO_REGION_CODE[code]
    branches = []
    for region in regions:
        metadata = _metadata(region)
        claims = metadata.leading_digits if len(regions) > 1 else None
        has_type = _has_type(nsn, metadata)
        if claims:
            branches.append(
                f"when regexp_matches({nsn}, {_text(f'^(?:{claims})')}) then {has_type}"
            )
        else:
            branches.append(f"when {has_type} then true")
    return f"case {' '.join(branches)} else false end"


def _has_type(nsn: str, metadata: PhoneMetadata) -> str:
    by_lengths: dict[tuple[int, ...], list[str]] = {}
    for name in _TYPES:
        desc = getattr(metadata, name)
        if desc is not None and desc.national_number_pattern:
            by_lengths.setdefault(tuple(desc.possible_length), []).append(
                desc.national_number_pattern
            )
    types = " or ".join(
        (f"length({nsn}) in ({_numbers(lengths)}) and " if lengths else "")
        + _matches(nsn, "|".join(f"(?:{pattern})" for pattern in patterns))
        for lengths, patterns in by_lengths.items()
    )
    general = metadata.general_desc
    fits = f"length({nsn}) in ({_numbers(general.possible_length)})"
    return f"({fits} and {_matches(nsn, general.national_number_pattern)} and ({types or 'false'}))"
