"""The files of a raw folder: which there are, whether each can be read at all, and how to read it.

Trouble with a whole file ends here, as one `UserError` that names the file and the remedy. Trouble
with single rows is left to `rows`, except for CSV records with too few or too many fields.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from orchestration.contract import Table
from orchestration.errors import UserError

KINDS = (".csv", ".parquet")
TRUTH_FILE = "truth.json"
_PARQUET = "binary_as_string = true, hive_partitioning = false"
_LONGEST_RECORD = 64 << 20  # bytes of a CSV record
_END = "\x1aend of file\x1a"
csv.field_size_limit(2**31 - 1)


@dataclass
class RawFile:
    """One file of a table. `rows` counts its records, malformed ones included."""

    path: Path
    name: str
    columns: dict[str, int] = field(default_factory=dict)  # contract column -> position
    unknown: list[str] = field(default_factory=list)
    width: int = 0
    rows: int = 0
    malformed: list[tuple[int, str]] = field(default_factory=list)  # row number, its text


@dataclass(frozen=True)
class Source:
    """Files that one query reads: `_file` (index), `_row` (from 1), `raw_<column>` as written.

    `_place` is `_row` less one, by which single records are found without reading the others.
    """

    relation: str
    types: dict[str, str]  # contract column -> DuckDB type of raw_<column>
    files: tuple[int, ...]  # the indexes


@dataclass(frozen=True)
class TableInput:
    """Everything a raw folder holds of one table; files by name, the order in which they count."""

    table: Table
    files: list[RawFile]
    sources: list[Source]


def find(raw_dir: Path, tables: Iterable[Table]) -> tuple[dict[str, list[Path]], list[str]]:
    """Find the files of each table, and the names of what belongs to none.

    Raises `UserError` when the folder cannot be read, a required table is missing, or a table is
    there twice.
    """
    wanted = {table.name: table for table in tables}
    found: dict[str, list[Path]] = {}
    unused: list[str] = []
    for entry in _entries(raw_dir):
        is_folder = entry.is_dir()
        if is_folder and entry.suffix.lower() in KINDS:
            raise UserError(
                f"{entry.name} is a folder: rename it to {entry.stem}, or put one file in its place"
            )
        is_part = is_folder or entry.suffix.lower() in KINDS
        name = entry.name.lower() if is_folder else entry.stem.lower()
        if is_part and name in wanted:
            found.setdefault(name, []).append(entry)
        elif entry.name != TRUTH_FILE:
            unused.append(entry.name)
    for name, entries in found.items():
        if len(entries) > 1:
            names = " and ".join(entry.name for entry in entries)
            raise UserError(f"{name} is there more than once ({names}): keep one of them")
    paths: dict[str, list[Path]] = {}
    for name, (entry,) in found.items():
        parts = _entries(entry) if entry.is_dir() else [entry]
        paths[name] = [part for part in parts if part.suffix.lower() in KINDS]
        unused += [f"{entry.name}/{part.name}" for part in parts if part not in paths[name]]
    for table in wanted.values():
        if table.required and not paths.get(table.name):
            raise UserError(
                f"no {table.name} in {raw_dir}: put {table.name}.csv, {table.name}.parquet or a "
                f"folder {table.name}/ of such files there"
            )
    return paths, unused


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        raise UserError(f"no raw folder {folder}: name one with --raw or VIP_RAW_DIR") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}") from None
    return [entry for entry in entries if not entry.name.startswith((".", "_"))]


def fingerprint(raw_dir: Path, paths: dict[str, list[Path]]) -> str:
    """Hash names and contents of all files: the same data gives the same hash wherever it lies.

    Not times and sizes: a copy changes the one, an edit may keep the other. A gigabyte takes one to
    two seconds.
    """
    total = hashlib.blake2b(digest_size=16)
    for path in sorted(path for parts in paths.values() for path in parts):
        with path.open("rb") as handle:
            content = hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=32))
        total.update(path.relative_to(raw_dir).as_posix().encode() + b"\0" + content.digest())
    return total.hexdigest()


def open_table(
    connection: duckdb.DuckDBPyConnection, raw_dir: Path, table: Table, paths: list[Path]
) -> TableInput:
    """Check the files of one table and make them readable; CSV is read into a temporary table.

    Raises `UserError` for a file that cannot be used.
    """
    files = [RawFile(path, path.relative_to(raw_dir).as_posix()) for path in paths]
    sources: list[Source] = []
    alike: dict[tuple[tuple[str, str], ...], list[int]] = {}
    csv_table = f"csv_{table.name}"
    written: list[int] = []
    for number, file in enumerate(files):
        _check_readable(file)
        if file.path.suffix.lower() == ".parquet":
            alike.setdefault(_open_parquet(connection, table, file), []).append(number)
            continue
        if not written:
            columns = "".join(f", raw_{column.name} varchar" for column in table.file_columns)
            connection.execute(
                f"create or replace temp table {csv_table} (_file integer, _row bigint{columns})"
            )
        written.append(number)
        _read_csv(connection, table, file, number, csv_table)
    if written:
        types = {column.name: "VARCHAR" for column in table.file_columns}
        sources.append(
            Source(f"select *, _row - 1 as _place from {csv_table}", types, tuple(written))
        )
    for schema, numbers in alike.items():
        sources.append(_parquet_source(schema, [files[n] for n in numbers], numbers))
    return TableInput(table, files, sources)


def _check_readable(file: RawFile) -> None:
    try:
        with file.path.open("rb") as handle:
            if not handle.read(1):
                raise UserError(f"{file.name} is empty: it needs at least a header, or remove it")
    except OSError as error:
        raise UserError(f"{file.name} cannot be read: {error.strerror}") from None


def _match_columns(table: Table, file: RawFile, names: list[str]) -> None:
    """Note which position each contract column has; names count without case and outer spaces."""
    known = {column.name for column in table.file_columns}
    seen: set[str] = set()
    for position, written in enumerate(names):
        name = written.strip().lower()
        if name and name in seen:
            raise UserError(f"{file.name} has two columns named {name}: rename or remove one")
        seen.add(name)
        if name in known:
            file.columns[name] = position
        else:
            file.unknown.append(written.strip() or f"(column {position + 1})")
    file.width = len(names)
    for column in table.file_columns:
        if column.required and column.name not in file.columns:
            remedy = "add it"
            if file.path.suffix.lower() == ".csv":
                remedy += " (names belong in the first line, commas between the fields)"
            raise UserError(f"{file.name} has no column {column.name}: {remedy}")


# Parquet


def _open_parquet(
    connection: duckdb.DuckDBPyConnection, table: Table, file: RawFile
) -> tuple[tuple[str, str], ...]:
    """Match the columns of a Parquet file and return its schema as (name, DuckDB type) pairs."""
    try:
        footer = pyarrow.parquet.ParquetFile(file.path)
        names, file.rows = footer.schema_arrow.names, footer.metadata.num_rows
        footer.close()
        _match_columns(table, file, names)
        described = connection.execute(
            f"describe select * from read_parquet(?, {_PARQUET})", [str(file.path)]
        ).fetchall()
    except (pyarrow.ArrowException, OSError, duckdb.Error):
        raise _corrupt(file) from None
    return tuple((name, row[1]) for name, row in zip(names, described, strict=True))


def _corrupt(file: RawFile) -> UserError:
    return UserError(f"{file.name} is not a readable Parquet file: write it again")


def _parquet_source(
    schema: tuple[tuple[str, str], ...], files: list[RawFile], numbers: list[int]
) -> Source:
    columns = files[0].columns
    paths = ", ".join(sql_text(str(file.path)) for file in files)
    selected = "".join(
        f", {sql_name(schema[position][0])} as raw_{name}" for name, position in columns.items()
    )
    number = str(numbers[0]) if len(numbers) == 1 else f"{numbers}[cast(file_index as integer) + 1]"
    relation = (
        f"select {number} as _file, file_row_number + 1 as _row, file_row_number as _place"
        f"{selected} from read_parquet([{paths}], file_row_number = true, {_PARQUET})"
    )
    types = {name: schema[position][1] for name, position in columns.items()}
    return Source(relation, types, tuple(numbers))


def blame(connection: duckdb.DuckDBPyConnection, inputs: Iterable[TableInput]) -> None:
    """After a failed load, raise `UserError` if the data of a Parquet file cannot be read."""
    for file in (file for each in inputs for file in each.files):
        if file.path.suffix.lower() == ".parquet":
            try:
                connection.execute(
                    f"select bit_xor(hash(columns(*))) from read_parquet(?, {_PARQUET})",
                    [str(file.path)],
                )
            except duckdb.Error:
                raise _corrupt(file) from None


# CSV


class _Stream(io.RawIOBase):
    """A file that must be UTF-8, with one record more at its end.

    A quote that is never closed swallows the rest of the file; that record is then missed.
    """

    def __init__(self, path: Path, end: bytes) -> None:
        self._handle, self._end = path.open("rb"), end
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._handle.read(size)
        self._decoder.decode(data, final=not data)
        if not data:
            data, self._end = self._end, b""
        return data

    def close(self) -> None:
        self._handle.close()
        super().close()


def _read_csv(
    connection: duckdb.DuckDBPyConnection, table: Table, file: RawFile, number: int, target: str
) -> None:
    """Insert the records of a CSV file into `target`, as text, and note the malformed ones."""
    _match_columns(table, file, _header(file))
    picked = ", ".join(
        f"c{file.columns[column.name]}" if column.name in file.columns else "null"
        for column in table.file_columns
    )
    for batch in _batches(file):
        connection.register("csv_batch", batch)
        connection.execute(
            f"insert into {target} select {number}, row_number, {picked} from csv_batch"
        )
        connection.unregister("csv_batch")
        file.rows += batch.num_rows
    file.rows += len(file.malformed)


def _header(file: RawFile) -> list[str]:
    try:
        with file.path.open(encoding="utf-8-sig", newline="") as handle:
            for record in csv.reader(handle):
                if record:
                    return record
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    raise UserError(f"{file.name} is empty: it needs at least a header, or remove it")


def _batches(file: RawFile) -> Iterator[pyarrow.RecordBatch]:
    """Yield the usable records below the header as c<position> and row_number; note the others.

    One thread, because only then does the reader say which record it could not use.
    """
    names = [f"c{position}" for position in range(file.width)]
    wanted = [names[position] for position in sorted({0, *file.columns.values()})]
    end = ",".join([_END] * file.width)

    def note(record: pyarrow.csv.InvalidRow) -> str:
        file.malformed.append((record.number - 1, record.text))  # the header has number 1
        return "skip"

    try:
        with _Stream(file.path, f"\n{end}\n".encode()) as stream:
            reader = pyarrow.csv.open_csv(
                pyarrow.PythonFile(stream, mode="r"),
                pyarrow.csv.ReadOptions(
                    use_threads=False, block_size=_LONGEST_RECORD, column_names=names
                ),
                pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
                pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pyarrow.string()), include_columns=wanted
                ),
            )
            seen = 0
            batch = None
            for following in reader:
                if batch is not None:
                    yield batch
                # A usable record has moved on by as many as were unusable before it.
                usable = numpy.arange(seen, seen + following.num_rows)
                usable_before = [row - place for place, (row, _) in enumerate(file.malformed)]
                rows = usable + numpy.searchsorted(usable_before, usable, side="right")
                batch = following.append_column("row_number", pyarrow.array(rows))
                batch = batch.slice(0 if seen else 1)
                seen += following.num_rows
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    except pyarrow.ArrowInvalid:
        batch = None
    # Empty: the open field left its record with too few fields, and the end went along.
    is_whole = batch is not None and batch.num_rows > 0
    if not is_whole or batch.column(wanted[0])[-1].as_py() != _END:
        raise UserError(
            f"{file.name} ends inside a quoted field: close the quote that is open (no record may "
            f"exceed {_LONGEST_RECORD >> 20} MB)"
        )
    yield batch.slice(0, batch.num_rows - 1)


def _not_utf8(file: RawFile) -> UserError:
    return UserError(f"{file.name} is not UTF-8 text: save it as CSV UTF-8 and try again")


def sql_text(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(value: str) -> str:
    """A name as an SQL identifier."""
    return '"' + value.replace('"', '""') + '"'
