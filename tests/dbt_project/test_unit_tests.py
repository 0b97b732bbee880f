"""The models' own unit tests, which lie beside them, run where nothing has been landed."""

from __future__ import annotations

import re

import pytest
from dbt_runs import create_source_tables, run_dbt

from orchestration.settings import Settings
from orchestration.warehouse import connect


@pytest.mark.slow
def test_the_models_pass_their_unit_tests(settings: Settings) -> None:
    with connect(settings) as connection:
        create_source_tables(connection)
    # A unit test reads the types of its inputs from the warehouse: they are built before it, empty.
    printed = run_dbt(settings, "build", "--exclude-resource-type", "test")
    asked = re.search(r"(\d+) unit tests", printed)
    assert asked and int(asked[1]) > 300
