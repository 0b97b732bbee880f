"""Erased people in files of text: CSV and Parquet row by row, everything else word by word.

Each function counts first and changes nothing; the file it writes appears whole or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from orchestration.erasure.identifiers import CUSTOMER, Erased, names_customers
from orchestration.erasure.tables import Search, connection_for, names_erased
from orchestration.files import write_private
from orchestration.landing.sifting import BLANK
from orchestration.settings import Settings
from orchestration.warehouse import one, sql_path

CSV = "all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"'"
"""How DuckDB is to read the CSV files of this programme."""

_WORD = re.compile(r"[\w.+@-]+")
_SHORT_NUMBER = re.compile(r"[0-9]{0,4}")
IDENTIFYING = re.compile(rf"(^|_)({CUSTOMER}|contact_id|phone|email)$")
"""Columns of a file that can name somebody."""


class Judge:
    """Whether texts are erased identifiers, each asked once.

    `in_full`: those that a text of many words would not be taken apart into, for `text_without`.
    """

    def __init__(self, erased: Erased, plain: Iterable[str] = ()) -> None:
        """Nothing is known yet; `plain`: identifiers as they are, where they are known."""
        self.erased = erased
        self._known: dict[tuple[str, bool], bool] = {}
        odd = [re.escape(each) for each in sorted(plain) if not _WORD.fullmatch(each)]
        self.in_full = re.compile(rf"(?<!\w)(?:{'|'.join(odd)})(?!\w)") if odd else None

    def __call__(self, text: str, column: str = CUSTOMER) -> bool:
        """Whether this text of a column names somebody erased."""
        asked = text, names_customers(column)
        if asked not in self._known:
            self._known[asked] = self.erased.holds(text, column)
        return self._known[asked]


def csv_without(path: Path, judge: Judge) -> tuple[bytes, int] | None:
    """A CSV file without rows about erased people, and how many there were; None: none."""
    with path.open(encoding="utf-8", newline="") as file:
        records = _records(file)
        kept, header = next(records, ("", []))
        places = [place for place, name in enumerate(header) if IDENTIFYING.search(name)]
        text, gone = io.StringIO(), 0
        text.write(kept)
        for raw, fields in records:
            if any(judge(fields[place], header[place]) for place in places if place < len(fields)):
                gone += 1
            else:
                text.write(raw)
    return (text.getvalue().encode(), gone) if gone else None


def _records(file: io.TextIOBase) -> Iterator[tuple[str, list[str]]]:
    """The records of a CSV file, each as it stands and as fields."""
    read: list[str] = []

    def lines() -> Iterator[str]:
        for line in file:
            read.append(line)
            yield line

    for fields in csv.reader(lines()):
        yield "".join(read), fields
        read.clear()


def parquet_without(path: Path, erased: Erased, settings: Settings) -> tuple[bytes, int] | None:
    """A Parquet file without rows about erased people, and how many; None where none is."""
    with closing(connection_for(settings)) as connection:
        # As `exporting` writes them: nothing of the scheduling may show in the bytes.
        connection.execute("set threads = 1; set preserve_insertion_order = true")
        relation = f"read_parquet({sql_path(path)})"
        described = connection.execute(f"describe from {relation}").fetchall()
        columns = [
            (name, kind)
            for name, kind, *_ in described
            if kind == "VARCHAR" and IDENTIFYING.search(name)
        ]
        hits = list(Search(connection, erased).in_relation(relation, path.name, columns))
        if not hits:
            return None
        wanted = " or ".join(names_erased(hit.column) for hit in hits)
        (before,) = one(connection, f"select count(*) from {relation}")
        target = settings.paths.tmp / f"{path.stem}.without.parquet"
        (after,) = one(
            connection,
            f"copy (from {relation} where not coalesce({wanted}, false)) to {sql_path(target)} "
            "(format parquet, compression zstd)",
        )
    content = target.read_bytes()
    target.unlink()
    return content, before - after


def text_without(text: str, judge: Judge, column: str = CUSTOMER) -> tuple[str, int]:
    """A text with every word that is an erased identifier blanked, and how many there were.

    A number of up to four digits is left alone, because it may count anything; a longer one becomes
    a number again, because it may stand for one in JSON.
    """
    gone = 0

    def blank(match: re.Match[str]) -> str:
        nonlocal gone
        word = match.group()
        escaped = (
            word[0] if word[0] in "nrt" and text[match.start() - 1 : match.start()] == "\\" else ""
        )
        if escaped and judge(word[1:], column):  # the end of a line, as JSON writes it
            gone += 1
            return escaped + BLANK
        bare = word.strip(".-")
        if _SHORT_NUMBER.fullmatch(bare) or not (judge(word, column) or judge(bare, column)):
            return word
        gone += 1
        return "0" if bare.isdigit() else BLANK

    if judge.in_full:
        text, gone = judge.in_full.subn(BLANK, text)
    return _WORD.sub(blank, text), gone


def json_without(text: str, judge: Judge, column: str = CUSTOMER) -> tuple[str, int]:
    """JSON of a night's quality without the offending rows that name erased people.

    `column`: what a word of a text is judged as; of another than a customer's no id counts there.
    """
    gone = 0

    def names(row: object) -> bool:
        return isinstance(row, dict) and any(
            isinstance(value, str) and judge(value, key) for key, value in row.items()
        )

    def clean(value: object) -> object:
        nonlocal gone
        if isinstance(value, list):
            left = [each for each in value if not names(each)]
            gone += len(value) - len(left)
            return [clean(each) for each in left]
        if isinstance(value, dict):
            return {key: clean(each) for key, each in value.items()}
        if isinstance(value, str):
            cleaned, words = text_without(value, judge, column)
            gone += words
            return cleaned
        return value

    return json.dumps(clean(json.loads(text)), indent=1), gone


def rewrite(path: Path, change: Callable[[str], tuple[str, int]], *, dry: bool) -> int:
    """Put a changed text in place of a file's where anything changes; return how much does."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return 0
    changed, gone = change(text)
    if gone and not dry:
        mode = path.stat().st_mode & 0o777
        write_private(path, changed.encode())
        path.chmod(mode)
    return gone


def clear_sqlite(path: Path, judge: Judge, *, dry: bool) -> int:
    """Blank erased identifiers in every text of an SQLite file that others may have open."""
    gone = 0
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("pragma secure_delete = on")
        tables = connection.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
        ).fetchall()
        for (table,) in tables:
            columns = [
                name
                for _, name, kind, *_ in connection.execute(f'pragma table_info("{table}")')
                if "CHAR" in kind.upper() or "TEXT" in kind.upper()
            ]
            for column in columns:
                gone += _clear_column(connection, table, column, judge, dry=dry)
        if gone and not dry:
            with suppress(sqlite3.OperationalError):  # somebody reads it just now
                connection.execute("pragma wal_checkpoint(truncate)")
    return gone


def _clear_column(
    connection: sqlite3.Connection, table: str, column: str, judge: Judge, *, dry: bool
) -> int:
    gone = 0
    changed = []
    for row, text in connection.execute(
        f'select rowid, "{column}" from "{table}" where "{column}" is not null'
    ):
        if isinstance(text, str):
            cleaned, words = text_without(text, judge)
            if words:
                gone += words
                changed.append((cleaned, row))
    if changed and not dry:
        with connection:
            connection.executemany(f'update "{table}" set "{column}" = ? where rowid = ?', changed)
    return gone
