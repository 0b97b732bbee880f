"""What is told of a dbt build that failed: which test, a few rows, and nobody's phone."""

from __future__ import annotations

import dagster as dg
import pytest
from night import build, members

from orchestration.settings import Settings

pytestmark = pytest.mark.slow

LATE = "lookalike_coefficients"


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


def test_each_model_and_test_is_built_in_one_phase_and_no_test_before_what_it_reads() -> None:
    """The whole selection of each phase, as dbt makes it out, and the checks that Dagster shows."""
    from dagster_dbt.utils import select_unique_ids

    from orchestration.assets.models import MANIFEST, ON_FITS, ON_LATE_FITS, PHASES

    nodes = MANIFEST["nodes"]
    built: set[str] = set()
    selections = (("fqn:*", ON_FITS), (ON_FITS, ON_LATE_FITS), (ON_LATE_FITS, ""))
    for phase, (select, exclude) in zip(PHASES, selections, strict=True):
        names = select_unique_ids(select, exclude, "", None, MANIFEST) & nodes.keys()
        assert names and not names & built
        built |= names
        for name in names:
            reads = set(nodes[name]["depends_on"].get("nodes", [])) & nodes.keys()
            assert reads <= built, name
        tests = sorted(nodes[name]["name"] for name in names if is_test(nodes[name]))
        assert sorted(check.name for check in phase.check_keys) == tests
    assert built == nodes.keys()


def is_test(node: dict) -> bool:
    return node["resource_type"] == "test"


def test_a_test_declared_early_that_reads_a_late_model_is_hung_on_that(monkeypatch) -> None:
    from orchestration.assets import models

    def node(name: str, kind: str, schema: str, *reads: str, **parts: object) -> dict:
        return {
            "unique_id": name,
            "name": name,
            "resource_type": kind,
            "schema": schema,
            "depends_on": {"nodes": list(reads)},
            **parts,
        }

    manifest = {
        "sources": {f"source.vip_sms.fitted.{name}": {} for name in ("buying_fits", LATE)},
        "nodes": {
            each["unique_id"]: each
            for each in (
                node("m.early", "model", "marts"),
                node("m.late", "model", "staging", "source.vip_sms.fitted.buying_fits"),
                node("m.last", "model", "staging", f"source.vip_sms.fitted.{LATE}"),
                node("t.last", "test", "", "m.late", "m.last", attached_node="m.late"),
                node("t.same", "test", "", "m.early", "m.late", attached_node="m.early"),
                node("t.loose", "test", "", "m.late", "m.early"),
                node("t.early", "test", "", "m.early", attached_node="m.early"),
            )
        },
        "child_map": {
            "source.vip_sms.fitted.buying_fits": ["m.late"],
            "m.early": ["t.same", "t.loose", "t.early"],
            "m.late": ["t.same", "t.loose", "t.last"],
            f"source.vip_sms.fitted.{LATE}": ["m.last"],
            "m.last": ["t.last"],
            **{name: [] for name in ("t.same", "t.loose", "t.early", "t.last")},
        },
    }
    monkeypatch.setattr(models.json, "loads", lambda _: manifest)
    hung = {
        name: each["attached_node"]
        for name, each in models._load_manifest()["nodes"].items()
        if is_test(each)
    }
    assert hung == {
        "t.same": "m.late",
        "t.loose": "m.late",
        "t.early": "m.early",
        "t.last": "m.last",
    }
