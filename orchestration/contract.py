"""The raw contract, read from the dbt sources file that declares it.

Only what the contract says belongs here; how files are loaded by it is the business of `landing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.settings import PROJECT_DIR

SOURCES_FILE = PROJECT_DIR / "models" / "staging" / "_sources.yml"


@dataclass(frozen=True)
class Column:
    """One column: its type in DuckDB and what a value must satisfy to be loaded."""

    name: str
    data_type: str
    description: str
    required: bool = False
    values: tuple[str, ...] = ()
    references: str | None = None
    minimum: float | None = None
    exclusive_minimum: float | None = None
    maximum: float | None = None
    upper: bool = False
    verbatim: bool = False
    system: bool = False


@dataclass(frozen=True)
class Table:
    """One table. `system` tables, and `system` columns of others, come from the program itself."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    required: bool = False
    system: bool = False

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """The columns that a raw file may carry."""
        return tuple(column for column in self.columns if not column.system)

    def has(self, column: str) -> bool:
        """Whether the table has a column of this name, of the file or of the program."""
        return any(each.name == column for each in self.columns)


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    meta = node.get("config", {}).get("meta", {})
    return {word: value for word, value in meta.items() if word != "dagster"}


def _column(node: dict[str, Any]) -> Column:
    meta = _meta(node)
    values = tuple(str(value) for value in meta.pop("values", ()))
    return Column(node["name"], node["data_type"], node["description"], values=values, **meta)


@cache
def load_contract(path: Path = SOURCES_FILE) -> dict[str, Table]:
    """Every table of source `raw` by name, in the order of the file, system tables included.

    Raises `TypeError` when `config.meta` holds a word this module does not know.
    """
    (source,) = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
    tables = {}
    for node in source["tables"]:
        meta = _meta(node)
        tables[node["name"]] = Table(
            node["name"],
            node["description"],
            tuple(_column(column) for column in node["columns"]),
            tuple(meta.pop("key", ())),
            **meta,
        )
    return tables


def raw_tables(path: Path = SOURCES_FILE) -> tuple[Table, ...]:
    """The tables a brand hands over, each one after those that its columns refer to."""
    tables = {name: table for name, table in load_contract(path).items() if not table.system}
    ordered: dict[str, Table] = {}

    def add(table: Table) -> None:
        for column in table.columns:
            if column.references and column.references != table.name:
                add(tables[column.references])
        ordered.setdefault(table.name, table)

    for table in tables.values():
        add(table)
    return tuple(ordered.values())
