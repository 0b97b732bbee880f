"""Metrics of tier rules are the numbers of customer_value: none is forgotten, none made up."""

from __future__ import annotations

import csv
from pathlib import Path

from conventions import Project

from orchestration.policy import POLICY_DIR, REGISTRY

NO_METRICS: dict[str, str] = {}
"""Numbers of customer_value that no rule may look at, and why."""
NUMBERS = {"bigint", "int", "double", "decimal(18, 4)"}


def rows() -> dict[str, dict[str, str]]:
    """The registry by metric."""
    with Path(POLICY_DIR / REGISTRY).open(encoding="utf-8", newline="") as file:
        return {row["metric"]: row for row in csv.DictReader(file)}


def test_every_number_of_customer_value_is_a_metric_of_tiers(project: Project) -> None:
    (value,) = (node for node in project if node.key == "model.customer_value")
    numbers = {name for name, column in value.columns.items() if column.data_type in NUMBERS}
    assert len(numbers) > 60
    registry = rows()
    assert numbers - {*NO_METRICS} == {*registry} & {*value.columns}
    asked = {name for name, row in registry.items() if row["kind"] == "evaluated"}
    assert asked <= numbers


def test_a_place_names_the_metric_that_it_ranks() -> None:
    registry = rows()
    places = {name: row["place_of"] for name, row in registry.items() if row["unit"] == "place"}
    assert places == {"margin_rank_12m": "cm3_12m", "revenue_rank_12m": "net_revenue_12m"}
    assert {name for name, row in registry.items() if row["place_of"]} == {*places}
