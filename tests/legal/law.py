"""The models about consent and legal windows as one function: raw rows in, the law out."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from compiled import Compiled, Rows
from dbt_runs import create_source_tables

from orchestration.settings import PROJECT_DIR, Settings

ASKED = ("int_customer_eligibility", "int_contact_send_windows", "int_contact_message_caps")


class Law(Compiled):
    """Everything that the models asked for need; one database in memory."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, *ASKED)

    def decide(self, as_of: date, **tables: Rows) -> dict[str, list[dict[str, Any]]]:
        """What the models make of these raw rows on a night, by model."""
        create_source_tables(self.connection)
        for table, rows in tables.items():
            for row in rows:
                self.insert(f"raw.{table}", row)
        self.build(as_of)
        return {
            node["name"]: self.rows(f"from {node['schema']}.{node['name']}")
            for node in self.models
            if node["name"] in ASKED
        }


def project_file(*parts: str) -> Path:
    """A file of the project."""
    return PROJECT_DIR.joinpath(*parts)
