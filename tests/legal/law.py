"""The models about consent and legal windows as one function: raw rows in, what the law says out.

dbt compiles the models once, for a night that never was; for each night asked about its date is put
in, and the SQL runs in memory over the written seeds. Nothing of the models is repeated here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from dbt_runs import create_source_tables, run_dbt

from orchestration.settings import PROJECT_DIR, Settings

NO_NIGHT = date(1999, 9, 9)
ASKED = ("int_customer_eligibility", "int_contact_send_windows", "int_contact_message_caps")
SEEDS = ("reference", "policy")

Rows = Iterable[dict[str, Any]]


class Law:
    """Everything that the models asked for need, compiled; one database in memory."""

    def __init__(self, settings: Settings) -> None:
        models = [f"+{name}" for name in ASKED]
        run_dbt(settings, "compile", "--select", *models, as_of=NO_NIGHT)
        manifest = json.loads((settings.paths.dbt_target / "manifest.json").read_text())
        nodes = manifest["nodes"]
        compiled = {
            key: node for key, node in nodes.items() if node.get("compiled_code") is not None
        }
        self.models = [node for node in _in_order(compiled) if node["resource_type"] == "model"]
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'; set threads = 1")
        for name in {node["database"] for node in self.models}:
            self.connection.execute(f"attach ':memory:' as {name}")
        (warehouse,) = {n["database"] for n in self.models if n["schema"] != "marts"}
        self.connection.execute(f"use {warehouse}")
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
            self._insert(table, row)

    def decide(self, as_of: date, **tables: Rows) -> dict[str, list[dict[str, Any]]]:
        """What the models make of these raw rows on a night, by model."""
        create_source_tables(self.connection)
        for table, rows in tables.items():
            for row in rows:
                self._insert(f"raw.{table}", row)
        for node in self.models:
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            code = node["compiled_code"].replace(NO_NIGHT.isoformat(), as_of.isoformat())
            self.connection.execute(f"create or replace {kind} {node['relation_name']} as {code}")
        return {
            node["name"]: self._rows(f"from {node['relation_name']}")
            for node in self.models
            if node["name"] in ASKED
        }

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        names = ", ".join(row)
        places = ", ".join("?" * len(row))
        self.connection.execute(f"insert into {table} ({names}) values ({places})", [*row.values()])

    def _rows(self, query: str) -> list[dict[str, Any]]:
        answer = self.connection.execute(query)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


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


def project_file(*parts: str) -> Path:
    """A file of the project."""
    return PROJECT_DIR.joinpath(*parts)
