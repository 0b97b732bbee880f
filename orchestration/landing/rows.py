"""The SQL that turns values as written into typed rows, and finds the rows that do not fit.

Pure text: all of it follows from the contract and the types of the files. `loading` runs it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestration.contract import Column, Table
from orchestration.landing.files import Source, sql_text

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_INTEGERS |= {f"U{name}" for name in _INTEGERS}
_FLOATS = {"FLOAT", "DOUBLE"}
_YEARS = "between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999999'"


@dataclass(frozen=True)
class Fault:
    """One way not to fit; `number` stands for it in the SQL."""

    number: int
    reason: str
    columns: tuple[str, ...]
    condition: str


def faults(table: Table) -> list[Fault]:
    """Everything a row of `table` can be rejected for; of several faults the first one is told.

    Conditions speak of `typed`, a row of `typed_rows`, and of what `checked_rows` joins to it. A
    duplicate key shows only in all rows together: its condition is empty.
    """
    found: list[tuple[str, tuple[str, ...], str]] = []
    columns = table.file_columns
    for column in columns:
        if column.required:
            found.append(("missing", (column.name,), f"not {_given(column)}"))
    for column in columns:
        if column.data_type != "varchar":
            unread = f"typed.{column.name} is null"
            if column.data_type in ("timestamp", "date"):
                unread += f" or typed.{column.name} not {_YEARS}"
            found.append(("unparsable", (column.name,), f"{_given(column)} and ({unread})"))
    for column in columns:
        if column.values:
            values = ", ".join(map(sql_text, column.values))
            found.append(("not_allowed", (column.name,), f"typed.{column.name} not in ({values})"))
    for column in columns:
        limits = {"<": column.minimum, "<=": column.exclusive_minimum, ">": column.maximum}
        outside = [f"typed.{column.name} {sign} {n}" for sign, n in limits.items() if n is not None]
        if outside:
            found.append(("out_of_range", (column.name,), " or ".join(outside)))
    for column in columns:
        if column.references:
            unknown = f"parent_{column.name}.{column.name} is null"
            given = f"typed.{column.name} is not null"
            found.append(("orphan", (column.name,), f"{given} and {unknown}"))
    if table.has("fx_rate"):
        found.append(("no_rate", ("currency",), "rates.fx_rate is null"))
    found.append(("duplicate_key", table.key, ""))
    return [Fault(number, *fault) for number, fault in enumerate(found)]


def _given(column: Column) -> str:
    is_text = column.data_type == "varchar"
    return f"typed.{column.name} is not null" if is_text else f"is_given_{column.name}"


def typed_rows(table: Table, sources: list[Source]) -> str:
    """A query of all files: `_file`, `_row`, every file column typed, `is_given_<column>`.

    The latter tells, for what is not text, whether anything stood there.
    """
    selects = []
    for source in sources:
        values = []
        for column in table.file_columns:
            kind = source.types.get(column.name)
            value = typed(column, kind) if kind else f"cast(null as {column.data_type})"
            values.append(f"{value} as {column.name}")
            if column.data_type != "varchar":
                given = f"{_written(column, kind)} is not null" if kind else "false"
                values.append(f"{given} as is_given_{column.name}")
        selects.append(f"select _file, _row, {', '.join(values)} from ({source.relation})")
    return " union all ".join(selects)


def candidates(table: Table, source: Source, *, are_pairs: bool) -> Source:
    """The rows of a source whose key, hashed, stands in temp table `twin_keys`.

    `are_pairs`: none stands there more than twice, so that temp table `twin_places` has all of
    their places, and no other record has to be read.
    """
    columns = {column.name: column for column in table.file_columns}
    key = [
        typed(columns[name], source.types[name]) if name in source.types else "null"
        for name in table.key
    ]
    where = f"hash({', '.join(key)}) in (select key from twin_keys)"
    if are_pairs:
        where += " and _place in (select place from twin_places)"
    return replace(source, relation=f"select * from ({source.relation}) where {where}")


def _written(column: Column, source_type: str) -> str:
    """The value as it came, null where it says nothing: blank text, a float that is no number.

    The outer spaces of text do not count.
    """
    raw = f"raw_{column.name}"
    if source_type in _FLOATS:
        return f"case when not isnan({raw}) then {raw} end"
    if source_type != "VARCHAR":
        return raw
    # To trim is to look at each letter, and costs more than to load: plain ASCII needs none.
    is_plain = f"strlen({raw}) = length({raw}) and {raw} >= '!' and not suffix({raw}, ' ')"
    trimmed = f"nullif(trim({raw}), '')"
    left = f"case when {trimmed} is not null then {raw} end" if column.verbatim else trimmed
    return f"case when {is_plain} then {raw} else {left} end"


def typed(column: Column, source_type: str) -> str:
    """SQL for `raw_<column>` as its contract type: null where it is absent or cannot be read.

    A timestamp is read with its offset and kept in UTC; a date is the day as written. A whole float
    counts as an integer, because some tools turn integers, keys among them, into floats where a
    value is missing. Values of a fixed list are kept in lower case.
    """
    value = _written(column, source_type)
    kind = column.data_type
    is_float = source_type in _FLOATS
    is_number = is_float or source_type in _INTEGERS or source_type.startswith("DECIMAL")
    is_time = source_type.startswith("TIMESTAMP") or source_type == "DATE"
    text = value if source_type == "VARCHAR" else f"cast({value} as varchar)"
    if is_float:
        whole = f"{value} = trunc({value}) and abs({value}) < 1e15"
        text = f"case when {whole} then cast(cast({value} as bigint) as varchar) else {text} end"
    if kind == "varchar":
        if column.values:
            return f"lower({text})"
        return f"upper({text})" if column.upper else text
    # Shop systems put a space before the offset, which the cast does not take.
    moment = f"try_cast(replace(replace({text}, ' +', '+'), ' -', '-') as timestamptz)"
    if kind == "timestamp":
        if is_time:
            return f"try_cast({value} as timestamp)"
        return f"cast({moment} as timestamp)"
    if kind == "date":
        if is_time:
            return f"try_cast({value} as date)"
        # A cast to date alone would take anything that begins with one.
        return f"case when {moment} is not null then try_cast({text} as date) end"
    if kind == "boolean":
        return value if source_type == "BOOLEAN" else f"try_cast({text} as boolean)"
    number = value if is_number else text
    if kind == "integer" and source_type in _INTEGERS:
        return f"try_cast({value} as integer)"
    if kind == "integer":  # a cast alone would round
        exact = f"try_cast({number} as decimal(38, 4))"
        return f"case when {exact} = trunc({exact}) then try_cast({exact} as integer) end"
    return f"try_cast({number} as {kind})"


def checked_rows(table: Table, rows: str, currency: str, country: str) -> str:
    """`rows` (of `typed_rows`) with the system columns of the table and `fault`, null when it fits.

    Reads the raw tables that columns refer to, temp table `order_rates` (currency, ordered_on,
    fx_rate) where rows get a rate, temp table `phones_<table>` where they get a phone_e164.
    `currency` and `country` are those of rows that name none.
    """
    joins = [
        f"left join raw.{column.references} as parent_{column.name} "
        f"on parent_{column.name}.{column.name} = typed.{column.name}"
        for column in table.file_columns
        if column.references
    ]
    extras = ""
    if table.has("fx_rate"):
        joins.append(
            f"left join order_rates as rates on rates.ordered_on = cast(typed.ordered_at as date) "
            f"and rates.currency = coalesce(typed.currency, {sql_text(currency)})"
        )
        extras = ", rates.fx_rate"
    if table.has("phone_e164"):
        joins.append(phone_join(table, country))
        extras = ", phones.phone_e164"
    cases = " ".join(
        f"when {fault.condition} then {fault.number}" for fault in faults(table) if fault.condition
    )
    return f"""
    select typed.*{extras}, case {cases} end as fault
    from ({rows}) as typed {" ".join(joins)}"""


def phone_pairs(table: Table, rows: str, country: str) -> str:
    """The distinct phones of `rows`, each with the country to read it by."""
    return f"""
    select distinct typed.phone, {_country(table, country)} as country
    from ({rows}) as typed {_country_join(table)}
    where typed.phone is not null"""


def phone_join(table: Table, country: str) -> str:
    """The join of `typed` to its numbers, as `phones`: temp table `phones_<table>`."""
    return (
        f"{_country_join(table)} "
        f"left join phones_{table.name} as phones on phones.phone = typed.phone "
        f"and phones.country = {_country(table, country)}"
    )


def _country_join(table: Table) -> str:
    if table.has("country_code"):
        return ""
    return "left join raw.customers as owners on owners.customer_id = typed.customer_id"


def _country(table: Table, otherwise: str) -> str:
    owner = "typed" if table.has("country_code") else "owners"
    return f"coalesce({owner}.country_code, {sql_text(otherwise)})"


def later_twins(table: Table, checked: str) -> str:
    """The fitting rows whose key an earlier fitting row has: `_file`, `_row`, `is_same` (as that).

    `checked` should hold candidates only; every row of a key must be among them.
    """
    key = ", ".join(table.key)
    content = ", ".join(f"'{column.name}': {column.name}" for column in table.file_columns)
    return f"""
    select
        _file,
        _row,
        first_value({{{content}}}) over twins is not distinct from {{{content}}} as is_same,
    from ({checked})
    where fault is null
    window twins as (partition by {key} order by _file, _row)
    qualify row_number() over twins > 1"""


def reject_rows(table: Table, source: Source) -> str:
    """The rows of temp table `faults` in one source, in the columns of raw.rejects.

    `faults` has _file, _row, fault, customer_id, phone_e164; temp table `file_names` _file, name.
    """
    have = [column.name for column in table.file_columns if column.name in source.types]
    record = ", ".join(f"'{name}': cast(raw_{name} as varchar)" for name in have)
    told = faults(table)
    names = " ".join(f"when {f.number} then {sql_text(', '.join(f.columns))}" for f in told)
    reasons = " ".join(f"when {f.number} then {sql_text(f.reason)}" for f in told)
    values = "".join(
        f" when {f.number} then concat_ws(', ', {', '.join(f'raw_{c}' for c in f.columns)})"
        for f in told
        if set(f.columns) <= set(have)
    )
    return f"""
    select
        {sql_text(table.name)},
        file_names.name,
        _row,
        case fault {names} end,
        nullif(case fault {values} end, ''),
        case fault {reasons} end,
        faults.customer_id,
        faults.phone_e164,
        json_merge_patch('{{}}', to_json({{{record}}}))  -- leaves out what is null
    from ({source.relation})
    inner join faults using (_file, _row)
    inner join file_names using (_file)"""
