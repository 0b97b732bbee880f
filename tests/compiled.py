"""Models as dbt compiles them, run in memory: what they make of raw tables without a night.

dbt compiles once, for a night that never was; for each night asked about its date is put in. All
of it lies in one database, so that what is tried can be rolled back. Nothing of the models is
repeated here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import duckdb
from dbt_runs import run_dbt

from orchestration.settings import PROJECT_DIR, Settings

NO_NIGHT = date(1999, 9, 9)
SEEDS = ("reference", "policy")

Rows = Iterable[dict[str, Any]]


class Compiled:
    """Everything that some models need, compiled, over the seeds as written."""

    def __init__(self, settings: Settings, *asked: str) -> None:
        run_dbt(settings, "compile", "--select", *[f"+{name}" for name in asked], as_of=NO_NIGHT)
        manifest = json.loads((settings.paths.dbt_target / "manifest.json").read_text())
        nodes = manifest["nodes"]
        compiled = {
            key: node for key, node in nodes.items() if node.get("compiled_code") is not None
        }
        self.models = [node for node in _in_order(compiled) if node["resource_type"] == "model"]
        databases = {node["database"] for node in nodes.values()}
        (warehouse,) = {node["database"] for node in self.models if node["schema"] != "marts"}
        self._elsewhere = [f'"{name}".' for name in databases - {warehouse}]
        self.connection = duckdb.connect()
        self.connection.execute(f"attach ':memory:' as {warehouse}; use {warehouse}")
        self.connection.execute("set timezone = 'UTC'; set threads = 1")
        for schema in {node["schema"] for node in self.models} | set(SEEDS):
            self.connection.execute(f"create schema if not exists {schema}")
        self.seeds = {
            node["alias"]: node for node in nodes.values() if node["resource_type"] == "seed"
        }
        for name in self.seeds:
            self.write_seed(name)

    def write_seed(self, name: str, rows: Rows | None = None) -> None:
        """Fill a seed with its file, or with rows of a test's own."""
        seed = self.seeds[name]
        types = seed["config"]["column_types"]
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        table = f"{seed['schema']}.{name}"
        self.connection.execute(f"create or replace table {table} ({columns})")
        if rows is None:
            path = PROJECT_DIR / seed["original_file_path"]
            self.connection.execute(
                f"insert into {table} by name "
                f"from read_csv('{path}', header = true, all_varchar = true)"
            )
        for row in rows or ():
            self.insert(table, row)

    def build(self, as_of: date, *only: str) -> None:
        """Build every model anew from the raw tables as they are, for a night; or these alone."""
        for node in self.models:
            if only and node["name"] not in only:
                continue
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            code = self._here(node["compiled_code"]).replace(
                NO_NIGHT.isoformat(), as_of.isoformat()
            )
            name = self._here(node["relation_name"])
            self.connection.execute(f"create or replace {kind} {name} as {code}")

    def insert(self, table: str, row: dict[str, Any]) -> None:
        """Add a row to a table; columns it does not name are null."""
        names = ", ".join(row)
        places = ", ".join("?" * len(row))
        self.connection.execute(f"insert into {table} ({names}) values ({places})", [*row.values()])

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query, each by the names of its columns."""
        answer = self.connection.execute(query)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def _here(self, code: str) -> str:
        for database in self._elsewhere:
            code = code.replace(database, "")
        return code


def _in_order(nodes: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Nodes, each behind those it reads."""
    done: dict[str, dict[str, Any]] = {}

    def visit(key: str) -> None:
        if key in done or key not in nodes:
            return
        for parent in nodes[key]["depends_on"]["nodes"]:
            visit(parent)
        done[key] = nodes[key]

    for key in nodes:
        visit(key)
    return list(done.values())
