"""Records of people who were erased, taken out of what a raw folder holds before any is loaded.

A record goes that names an erased customer, an order, text or the like of theirs, or in a table of
customers an erased phone or e-mail address. In one of somebody else the erased part is blanked, and
so it is in a malformed one that may hold somebody else's stop.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import duckdb

from orchestration.contract import Table
from orchestration.erasure.identifiers import CUSTOMER, EMAIL, PHONE, Erased
from orchestration.landing import rows as sql
from orchestration.landing.files import RawFile, Source, TableInput

BLANK = "erased"

_CONSENT = {"consent_events", "sms_events", "suppressions", "support_tickets"}
"""Tables of which a lost record may be a stop: whoever it names is in doubt."""

_REFERENCES = {"sms_events": ("message_id",)}
"""Keys that a record of somebody else may name, and what it says still counts without."""


class Sieve:
    """One landing's search for erased people; tables come in the order of `raw_tables`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, erased: Erased, tables: Iterable[Table]
    ) -> None:
        """Nothing is read yet."""
        self._connection, self._erased = connection, erased
        columns = Counter(column.name for table in tables for column in table.file_columns)
        self._shared = {name for name, count in columns.items() if count > 1}
        self._keys: list[str] = []
        self._begin(CUSTOMER)

    def sift(self, given: TableInput, typed: str, country: str) -> tuple[TableInput, Counter[int]]:
        """Return a table without the records of erased people, and how many went, by file.

        `typed`: its rows; temp table `phones_<table>` must be there where it has phones.
        """
        files, gone = self._sift_malformed(given.table, given.files)
        if not self._erased:
            return given, gone
        table = given.table
        self._find(table, typed)
        self._mark(table, typed, country)
        counts = self._connection.execute(
            "select _file, count_if(is_whole) from erased_records group by _file"
        ).fetchall()
        if not counts:
            return TableInput(table, files, given.sources), gone
        gone.update(dict(counts))
        if len(table.key) == 1 and table.key[0] in self._shared:
            self._keep_keys(table.key[0], typed)
        sources = [_without(table, each, set(self._keys)) for each in given.sources]
        return TableInput(table, files, sources), gone

    def _begin(self, key: str) -> None:
        self._keys.append(key)
        self._connection.execute(f"create or replace temp table erased_{key} (value varchar)")

    def _find(self, table: Table, typed: str) -> None:
        """Look for ids, phones and addresses that are on the list."""
        for column in table.file_columns:
            if column.name == CUSTOMER:
                known = "" if table.name == "customers" else "anti join raw.customers using ({})"
                query = f"select distinct {CUSTOMER} from ({typed}) {known.format(CUSTOMER)}"
                self._note(CUSTOMER, query, f"erased_{CUSTOMER}")
            elif column.name.endswith(f"_{CUSTOMER}"):
                self._note(
                    CUSTOMER, f"select distinct {column.name} from ({typed})", "erased_other"
                )
        for kind, query in (
            (PHONE, f"select distinct phone_e164 from phones_{table.name}"),
            (EMAIL, f"select distinct email from ({typed})"),
        ):
            self._connection.execute(f"create or replace temp table erased_{kind} (value varchar)")
            if table.has("phone_e164" if kind == PHONE else kind):
                self._note(kind, query, f"erased_{kind}")

        self._connection.execute("create or replace temp table erased_writing (value varchar)")
        if table.has("phone_e164"):
            query = f"select distinct phone from phones_{table.name} where phone_e164 is null"
            self._note("written", query, "erased_writing")

    def _note(self, kind: str, query: str, target: str) -> None:
        self._connection.execute(f"create temp table if not exists {target} (value varchar)")
        values = [value for (value,) in self._connection.execute(query).fetchall() if value]
        if kind == "written":
            hits = [value for value in values if self._erased.holds_as_written(value, PHONE)]
        else:
            hits = self._erased.has(kind, values)
        self._connection.execute(f"insert into {target} select unnest($1::varchar[])", [hits])

    def _mark(self, table: Table, typed: str, country: str) -> None:
        """Create temp table `erased_records`: those that go, and those of which a part does."""
        names = [column.name for column in table.file_columns]
        join, has_phone = "", "false"
        if table.has("phone_e164"):
            join = sql.phone_join(table, country)
            # One that its owner's country makes no number of may be one all the same.
            has_phone = (
                "coalesce(phones.phone_e164 in (select value from erased_phone), "
                "phones.phone in (select value from erased_writing), false)"
            )
        theirs = [
            f"typed.{key} in (select value from erased_{key})" for key in self._keys if key in names
        ]
        if table.name == "customers":
            theirs += [has_phone, "typed.email in (select value from erased_email)"]
        elif table.has("phone_e164"):
            theirs.append(f"typed.{CUSTOMER} is null and {has_phone}")
        parts = [f"{has_phone} as is_blank_phone"]
        # Who reacted is who the row names: the text may have been to somebody else.
        references = [key for key in _REFERENCES.get(table.name, ()) if key in self._keys]
        for key in references:
            theirs.remove(f"typed.{key} in (select value from erased_{key})")
            is_theirs = f"coalesce(typed.{key} in (select value from erased_{key}), false)"
            theirs.append(f"typed.{CUSTOMER} is null and {is_theirs}")
            parts.append(f"{is_theirs} as is_blank_{key}")
        parts += [
            f"coalesce(typed.{name} in (select value from erased_other), false) as is_blank_{name}"
            for name in names
            if name.endswith(f"_{CUSTOMER}")
        ]
        blanks = " or ".join(part.rpartition(" ")[2] for part in parts)
        self._connection.execute(f"""
        create or replace temp table erased_records as
        select *
        from (
            select
                typed._file,
                typed._row,
                coalesce({" or ".join(theirs) or "false"}, false) as is_whole,
                {", ".join(parts)},
            from ({typed}) as typed {join}
        )
        where is_whole or {blanks}""")

    def _keep_keys(self, key: str, typed: str) -> None:
        """Note the keys of records that go: what refers to them goes as well."""
        if key not in self._keys:
            self._begin(key)
        self._connection.execute(
            f"insert into erased_{key} select distinct {key} from ({typed}) "
            "semi join (from erased_records where is_whole) using (_file, _row)"
        )

    def _sift_malformed(
        self, table: Table, files: list[RawFile]
    ) -> tuple[list[RawFile], Counter[int]]:
        """Leave out or blank records of too few or too many fields that name somebody erased."""
        kept, gone = [], Counter()
        for number, file in enumerate(files):
            left = [
                (row, self._left_of(table, file, text) if self._erased else text)
                for row, text in file.malformed
            ]
            good = [(row, text) for row, text in left if text is not None]
            gone[number] = len(file.malformed) - len(good)
            kept.append(replace(file, malformed=good))
        return kept, gone

    def _left_of(self, table: Table, file: RawFile, text: str) -> str | None:
        """What may be kept of a malformed record: the text, without the erased; None: nothing."""
        record = next(csv.reader(io.StringIO(text, newline="")), [])
        fields = [field.strip() for field in record]
        ids = self._among(f"erased_{CUSTOMER}", fields)
        ids |= set(self._erased.has(CUSTOMER, fields))
        contacts = {field for field in fields if self._erased.holds_as_written(field, "")}
        if not ids | contacts:
            return text
        place = file.columns.get(CUSTOMER, len(fields))
        if table.name not in _CONSENT or ids.intersection(fields[place : place + 1]):
            return None
        if contacts and not self._among("raw.customers", fields, CUSTOMER) - ids:
            return None
        left = io.StringIO()
        csv.writer(left, lineterminator="").writerow(
            BLANK if field in ids | contacts else raw
            for field, raw in zip(fields, record, strict=True)
        )
        return left.getvalue()

    def _among(self, relation: str, values: list[str], column: str = "value") -> set[str]:
        """Those of `values` that a column of ids holds."""
        found = self._connection.execute(
            f"select {column} from {relation} where list_contains($1::varchar[], {column})",
            [values],
        ).fetchall()
        return {value for (value,) in found}


def _without(table: Table, source: Source, keys: set[str]) -> Source:
    """A source without the marked records, their marked parts blanked."""
    parts = [
        name
        for name in source.types
        if (name == "phone" and table.has("phone_e164"))
        or name.endswith(f"_{CUSTOMER}")
        or (name in keys and name in _REFERENCES.get(table.name, ()))
    ]
    blanks = ", ".join(
        f"case when marks.is_blank_{name} then {_blank(source.types[name])} "
        f"else raw_{name} end as raw_{name}"
        for name in parts
    )
    replaced = f" replace ({blanks})" if blanks else ""
    return replace(
        source,
        relation=f"select source.*{replaced} from ({source.relation}) as source "
        "left join erased_records as marks using (_file, _row) "
        "where not coalesce(marks.is_whole, false)",
    )


def _blank(kind: str) -> str:
    """What stands in place of an erased value: not null, or a yes would count for any number."""
    return f"'{BLANK}'" if kind == "VARCHAR" else f"cast(0 as {kind})"
