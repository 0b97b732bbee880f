"""One table after another from files into the raw schema, with what did not fit beside it."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from orchestration import phones
from orchestration.contract import Table
from orchestration.landing import malformed
from orchestration.landing import rows as sql
from orchestration.landing.files import Source, TableInput, sql_text
from orchestration.landing.sifting import Sieve
from orchestration.warehouse import one

_PLACES = 40  # bits for the place in a file; the number of the source stands above them


@dataclass(frozen=True)
class FileReport:
    """What became of the records of one file: loaded + rejected + duplicates + erased = read."""

    table_name: str
    file_name: str
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    exact_duplicates: int
    rows_erased: int
    unknown_columns: str | None


@dataclass(frozen=True)
class Defaults:
    """What holds for rows that do not say: the currency of an order, the country of a phone."""

    currency: str
    country: str


def create_table(
    connection: duckdb.DuckDBPyConnection, table: Table, *, keep: bool = False
) -> None:
    """Create raw.<table> empty, in place of the one that is there unless it is to be kept."""
    columns = ", ".join(f"{column.name} {column.data_type}" for column in table.columns)
    verb = "create table if not exists" if keep else "create or replace table"
    connection.execute(f"{verb} raw.{table.name} ({columns})")


def find_currency(
    connection: duckdb.DuckDBPyConnection, orders: TableInput, has_rates: bool
) -> str:
    """The reporting currency where no setting names one: that of the orders, when they agree.

    They agree when there are no rates and every order names the same currency; one that names none
    counts as USD. Else it is USD.
    """
    typed = sql.typed_rows(orders.table, orders.sources)
    query = f"select distinct coalesce(currency, 'USD') from ({typed})"
    currencies = connection.execute(query).fetchall()
    return currencies[0][0] if len(currencies) == 1 and not has_rates else "USD"


def find_rates(connection: duckdb.DuckDBPyConnection, orders: TableInput, currency: str) -> None:
    """Create temp table `order_rates` (currency, ordered_on, fx_rate), null where there is no rate.

    Few rows, one per currency and day, so that orders meet their rate by an equi-join.
    """
    typed = sql.typed_rows(orders.table, orders.sources)
    connection.execute(f"""
    create or replace temp table order_rates as
    with days as (
        select distinct
            coalesce(currency, {sql_text(currency)}) as currency,
            cast(ordered_at as date) as ordered_on,
        from ({typed})
        where ordered_at is not null
    )
    select
        days.currency,
        days.ordered_on,
        case when days.currency = {sql_text(currency)} then 1 else rates.rate_to_reporting end
            as fx_rate,
    from days
    asof left join raw.fx_rates as rates
        on days.currency = rates.currency and days.ordered_on >= rates.valid_from""")


def load(
    connection: duckdb.DuckDBPyConnection, given: TableInput, defaults: Defaults, sieve: Sieve
) -> list[FileReport]:
    """Load one table, fill raw.rejects, and return a report for each file.

    What is about people who were erased goes by no other name than a number of rows.

    Tables that it refers to must be loaded before, and `order_rates` be there for orders. Clean
    files are read twice: their keys, to see that none comes twice, then their rows.
    """
    table = given.table
    create_table(connection, table)
    if not given.files:
        return []
    typed = sql.typed_rows(table, given.sources)
    if table.has("phone_e164"):
        pairs = sql.phone_pairs(table, typed, defaults.country)
        phones.normalise(connection, pairs, f"phones_{table.name}")
    given, erased = sieve.sift(given, typed, defaults.country)
    _find_twins(connection, given, defaults)
    same = _count_by_file(connection, "twins where is_same")
    usable = {
        number: file.rows - len(file.malformed) - erased[number] - same.get(number, 0)
        for number, file in enumerate(given.files)
    }
    rejected = {number: len(file.malformed) for number, file in enumerate(given.files)}
    malformed.reject(connection, given, defaults.country)
    names = ", ".join(column.name for column in table.columns)
    loaded = 0
    faulty = []
    for source in given.sources:
        (count,) = one(
            connection,
            f"insert into raw.{table.name} ({names}) "
            f"select {names} from ({_checked(table, [source], defaults)}) "
            "anti join twins using (_file, _row) where fault is null",
        )
        loaded += count
        if count < sum(usable[number] for number in source.files):
            faulty.append(source)
    if faulty:
        _reject_faulty(connection, given, faulty, defaults)
        for number, count in _count_by_file(connection, "faults").items():
            rejected[number] += count
    reports = [
        FileReport(
            table.name,
            file.name,
            file.rows,
            file.rows - rejected[number] - same.get(number, 0) - erased[number],
            rejected[number],
            same.get(number, 0),
            erased[number],
            ", ".join(sorted(file.unknown)) or None,
        )
        for number, file in enumerate(given.files)
    ]
    if sum(report.rows_loaded for report in reports) != loaded:
        raise RuntimeError(
            f"{table.name}: rows loaded, rejected, duplicate and erased do not add up"
        )
    return reports


def _count_by_file(connection: duckdb.DuckDBPyConnection, rows: str) -> dict[int, int]:
    return dict(connection.execute(f"select _file, count(*) from {rows} group by _file").fetchall())


def _checked(table: Table, sources: list[Source], defaults: Defaults) -> str:
    typed = sql.typed_rows(table, sources)
    return sql.checked_rows(table, typed, defaults.currency, defaults.country)


def _find_twins(
    connection: duckdb.DuckDBPyConnection, given: TableInput, defaults: Defaults
) -> None:
    """Create temp table `twins`: rows that may not be loaded because their key was there before.

    A hash of the keys tells cheaply which rows have to be looked at, as a rule none, and where.
    """
    table = given.table
    keys = " union all ".join(
        f"select hash({', '.join(table.key)}) as key, {number << _PLACES} + _row - 1 as place "
        f"from ({sql.typed_rows(table, [source])}) where {table.key[0]} is not null"
        for number, source in enumerate(given.sources)
    )
    connection.execute(
        "create or replace temp table twin_keys as "
        "select key, count(*) as rows, min(place) as first_place, max(place) as last_place "
        f"from ({keys}) group by key having count(*) > 1"
    )
    first, last, most = one(
        connection,
        f"select min(first_place) >> {_PLACES}, max(last_place) >> {_PLACES}, max(rows) "
        "from twin_keys",
    )
    if first is None:
        connection.execute(
            "create or replace temp table twins (_file integer, _row bigint, is_same boolean)"
        )
        return
    connection.execute(
        "create or replace temp table twin_places as "
        f"select distinct unnest([first_place, last_place]) & {(1 << _PLACES) - 1} as place "
        "from twin_keys"
    )
    held = [
        sql.candidates(table, source, are_pairs=most == 2)
        for source in given.sources[first : last + 1]
    ]
    later = sql.later_twins(table, _checked(table, held, defaults))
    connection.execute(f"create or replace temp table twins as {later}")


def _reject_faulty(
    connection: duckdb.DuckDBPyConnection,
    given: TableInput,
    sources: list[Source],
    defaults: Defaults,
) -> None:
    """Put rows of `sources` with a fault, and twins that differ, into raw.rejects and `faults`."""
    table = given.table
    customer = "customer_id" if table.has("customer_id") else "null"
    messages = ""
    if table.has("message_id") and table.name != "sms_messages":
        # A stop that names only the message it answers is still somebody's.
        customer = "coalesce(checked.customer_id, messages.customer_id)"
        messages = "left join raw.sms_messages as messages using (message_id)"
    phone = "phone_e164" if table.has("phone_e164") else "null"
    duplicate = sql.faults(table)[-1].number
    connection.execute(f"""
    create or replace temp table faults as
    select
        _file,
        _row,
        coalesce(fault, {duplicate}) as fault,
        cast({customer} as varchar) as customer_id,
        cast({phone} as varchar) as phone_e164,
    from ({_checked(table, sources, defaults)}) as checked
    left join twins using (_file, _row)
    {messages}
    where fault is not null or not is_same""")
    connection.execute("create or replace temp table file_names (_file integer, name varchar)")
    connection.executemany(
        "insert into file_names values (?, ?)", [(n, f.name) for n, f in enumerate(given.files)]
    )
    for source in sources:
        connection.execute(f"insert into raw.rejects {sql.reject_rows(table, source)}")
