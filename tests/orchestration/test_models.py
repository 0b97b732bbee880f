"""What is told of a dbt build that failed: which test, a few rows, and nobody's phone."""

from __future__ import annotations

import dagster as dg
import pytest
from night import build, members

from orchestration.settings import Settings

pytestmark = pytest.mark.slow


def result(name: str, status: str, query: str = "", message: str = "Got 3 results") -> dict:
    return {
        "status": status,
        "message": message,
        "compiled_code": query,
        "node": {"name": name, "resource_type": "test"},
    }


def failure(settings: Settings, *results: dict) -> dg.Failure | None:
    from orchestration.assets.models import _failure

    build(settings, members(3))
    return _failure(settings, list(results))


def test_a_failed_test_shows_its_rows_without_personal_data(settings: Settings) -> None:
    told = failure(
        settings,
        result("fine", "pass"),
        result("no_gold", "fail", "select * from activation.sync_vip_audience order by all"),
    )
    assert told.description.startswith("dbt stopped at no_gold: Got 3 results")
    assert not told.allow_retries
    rows = told.metadata["no_gold rows"].value
    assert "| c1 |" in rows
    for private in ("+1202", "example.com", "Ann"):
        assert private not in rows


def test_a_message_with_a_phone_is_masked_and_many_failures_are_counted(settings: Settings) -> None:
    broken = [
        result(f"model_{number}", "error", message="cannot cast '+12025550143'\n to INT")
        for number in range(7)
    ]
    told = failure(settings, *broken)
    assert "and 2 more" in told.description
    assert "0143" not in told.description + str(told.metadata)


def test_a_build_that_failed_otherwise_is_left_to_dbt_s_own_words(settings: Settings) -> None:
    assert failure(settings, result("fine", "pass"), result("odd", "warn")) is None


def test_every_test_that_names_several_models_hangs_on_one() -> None:
    from orchestration.assets.models import MANIFEST

    tests = [node for node in MANIFEST["nodes"].values() if node["resource_type"] == "test"]
    assert tests
    for test in tests:
        names_models = any(name in MANIFEST["nodes"] for name in test["depends_on"]["nodes"])
        assert not names_models or test["attached_node"] in MANIFEST["nodes"]
