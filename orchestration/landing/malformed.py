"""CSV records with too few or too many fields.

Their fields may have moved, so the customer is looked for in all of them, and so is the phone where
it stands for consent: a stop must not get lost in a stray comma.
"""

from __future__ import annotations

import csv
import io
import json

import duckdb
import pyarrow

from orchestration import phones
from orchestration.landing.files import RawFile, TableInput, sql_text

_RECORDS = pyarrow.schema(
    [
        ("file_name", pyarrow.string()),
        ("row_number", pyarrow.int64()),
        ("problem", pyarrow.string()),
        ("customer_id", pyarrow.string()),
        ("fields", pyarrow.list_(pyarrow.string())),
        ("row_data", pyarrow.string()),
    ]
)


def reject(connection: duckdb.DuckDBPyConnection, given: TableInput, country: str) -> None:
    """Put the malformed records of a table into raw.rejects; `country` reads phones that name none.

    raw.customers must be loaded.
    """
    table = given.table
    records = [
        _record(file, number, text) for file in given.files for number, text in file.malformed
    ]
    if not records:
        return
    connection.register("malformed_records", pyarrow.Table.from_pylist(records, _RECORDS))
    connection.execute(f"""
    create or replace temp table malformed_fields as
    with fields as (
        select
            file_name,
            row_number,
            unnest(fields) as field,
            generate_subscripts(fields, 1) as place,
        from malformed_records
    )
    select fields.*, customers.customer_id, customers.country_code
    from fields
    left join raw.customers as customers on customers.customer_id = fields.field
    where {"true" if table.has("customer_id") else "false"}""")
    connection.execute(f"""
    create or replace temp table malformed_owners as
    select
        file_name,
        row_number,
        arg_min(customer_id, place) as customer_id,
        coalesce(arg_min(country_code, place), {sql_text(country)}) as country,
    from malformed_fields
    group by all""")
    phones.normalise(
        connection,
        "select distinct field as phone, country from malformed_fields "
        "inner join malformed_owners using (file_name, row_number) "
        f"where {'true' if table.has('phone_e164') else 'false'} "
        r"and regexp_full_match(field, '[+0-9 ().\-/]{7,}')",
        "malformed_phones",
    )
    connection.execute(f"""
    insert into raw.rejects
    with numbers as (
        select file_name, row_number, arg_min(phone_e164, place) as phone_e164
        from malformed_fields
        inner join malformed_owners using (file_name, row_number)
        inner join malformed_phones as phones
            on phones.phone = field and phones.country = malformed_owners.country
        group by all
    )
    select
        {sql_text(table.name)},
        file_name,
        row_number,
        null,
        problem,
        'malformed_record',
        coalesce(owners.customer_id, records.customer_id),
        numbers.phone_e164,
        row_data
    from malformed_records as records
    left join malformed_owners as owners using (file_name, row_number)
    left join numbers using (file_name, row_number)""")
    connection.unregister("malformed_records")


def _record(file: RawFile, row_number: int, text: str) -> dict[str, object]:
    """The record with its fields, those first that stand where customer and phone belong."""
    fields = next(csv.reader(io.StringIO(text, newline="")), [])
    customer, phone = (
        fields[position].strip()
        if (position := file.columns.get(name, len(fields))) < len(fields)
        else ""
        for name in ("customer_id", "phone")
    )
    return {
        "file_name": file.name,
        "row_number": row_number,
        "problem": f"{len(fields)} fields where the header has {file.width}",
        "customer_id": customer or None,
        "fields": [customer, phone, *(field.strip() for field in fields)],
        "row_data": json.dumps(fields, ensure_ascii=False),
    }
