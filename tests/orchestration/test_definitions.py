"""The graph: what is in it, what hangs on what, and that nothing leaves past a shut gate."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from orchestration import dated_values, fits, quality
from orchestration.contract import load_contract
from orchestration.fits.fit import declared
from orchestration.landing import LOGS
from orchestration.nightly import STEPS
from orchestration.settings import PROJECT_DIR

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def graph() -> dg.AssetGraph:
    from orchestration.definitions import defs

    return defs.resolve_asset_graph()


def key(path: str) -> dg.AssetKey:
    return dg.AssetKey(path.split("/"))


def test_each_raw_table_feeds_the_staging_model_of_its_source(graph) -> None:
    """One key for what landing makes and what dbt reads, or the graph would fall in two."""
    for table in load_contract():
        raw = graph.get(key(f"raw/{table}"))
        # The ledger's tables are copied by the step that builds the models.
        is_copied = table in LOGS and table != "platform_opt_outs"
        assert raw.is_materializable != is_copied
        # What the platforms know of stops is asked for once the brand's own tables have landed.
        readers = raw.child_keys - {key("raw/platform_opt_outs")}
        assert {child.path[0] for child in readers} <= {"staging"}
    parents = graph.get(key("staging/stg_orders")).parent_keys
    assert parents == {key("raw/orders")}
    sources = {path for path in graph.get_all_asset_keys() if path.path[0] == "raw"}
    assert sources == {key(f"raw/{table}") for table in load_contract()}


def test_each_fitted_table_is_written_by_one_fit_from_models_of_a_phase_before(graph) -> None:
    from orchestration.assets.models import PHASES

    first, second, last = (phase.keys for phase in PHASES)

    written = [table for fit in fits.ALL for table in fit.writes]
    assert sorted([*written, dated_values.NAME]) == sorted(declared())
    for fit in fits.ALL:
        behind, readers = (first | second, last) if fit in fits.LATE else (first, second)
        assert {key(read.replace(".", "/")) for read in fit.reads} <= behind
        for table in fit.writes:
            fitted = graph.get(key(f"fitted/{table}"))
            assert fitted.is_materializable and fitted.group_name == "fitted"
            assert fitted.parent_keys == {key(read.replace(".", "/")) for read in fit.reads}
            assert {child.path[0] for child in fitted.child_keys} == {"staging"}
            assert fitted.child_keys <= readers
    dated = graph.get(key(f"fitted/{dated_values.NAME}"))
    assert dated.is_materializable and dated.group_name == "fitted"
    assert dated.parent_keys == {key(read.replace(".", "/")) for read in dated_values.READS}
    assert dated.parent_keys <= first
    assert dated.child_keys == {key("staging/stg_dated_values")} <= second


def test_every_step_of_the_night_has_words_for_a_terminal() -> None:
    from orchestration.definitions import defs

    steps = defs.resolve_job_def("nightly_job").nodes_in_topological_order
    assert sorted(step.name for step in steps) == sorted(STEPS)


def test_a_model_has_the_key_group_owner_and_description_of_dbt(graph) -> None:
    tiers = graph.get(key("marts/customer_tiers"))
    assert tiers.group_name == "marts"
    assert tiers.owners == ["team:analytics"]
    assert tiers.description.startswith("One row per customer")
    assert graph.get(key("policy/tier_rules")).group_name == "policy"
    assert key("marts_private/customer_contacts") in graph.get_all_asset_keys()


def test_every_dbt_test_is_a_check(graph) -> None:
    from orchestration.assets.models import MANIFEST

    tests = {node["name"] for node in MANIFEST["nodes"].values() if node["resource_type"] == "test"}
    assert tests - {check.name for check in graph.asset_check_keys} == set()


def test_every_expectation_is_a_check(graph) -> None:
    checks = {(tuple(check.asset_key.path), check.name) for check in graph.asset_check_keys}
    assert {(spec.asset_key, spec.name) for spec in quality.suite_specs()} <= checks


def test_whatever_leaves_the_house_waits_for_the_gate(graph) -> None:
    """A blocking check stops the direct children of its asset only, so each must be one."""
    gate = {
        dg.AssetKey(spec.asset_key)
        for spec in quality.suite_specs()
        if spec.boundary == "gate" and spec.blocking
    }
    assert gate
    for name in ("published_marts", "holdout_log", "exports", "push_outbox"):
        assert gate <= graph.get(key(name)).parent_keys, name
        assert graph.get(key(name)).group_name == "delivery"


def test_whatever_leaves_the_house_waits_for_all_phases_of_dbt(graph) -> None:
    """A failed test fails the step of its phase, and stops what depends on any of its models."""
    from orchestration.assets.models import PHASES

    for name in ("published_marts", "holdout_log", "exports", "push_outbox"):
        for phase in PHASES:
            assert phase.keys & graph.get(key(name)).parent_keys, (name, phase.op.name)


def test_files_and_push_wait_for_the_holdout_log(graph) -> None:
    for name in ("exports", "push_outbox"):
        assert key("holdout_log") in graph.get(key(name)).parent_keys


def test_one_job_runs_all_of_it_by_night(graph) -> None:
    from orchestration.definitions import defs

    job = defs.resolve_job_def("nightly_job")
    beside = {key("policy_audit"), key("policy_simulation")}
    assert set(job.asset_layer.executable_asset_keys) == graph.materializable_asset_keys - beside
    assert job.executor_def.name == "in_process"
    assert "2010-12-10" in job.partitions_def.get_partition_keys()


def test_today_is_a_night_and_tomorrow_is_not() -> None:
    from orchestration.partitions import as_of_partitions

    today = datetime.now(UTC).date()
    assert as_of_partitions.has_partition_key(str(today))
    assert not as_of_partitions.has_partition_key(str(today + timedelta(days=1)))


def test_partitions_run_ahead_of_the_clock_where_the_data_do(settings) -> None:
    from orchestration.partitions import _by_as_of

    ahead = settings.model_copy(update={"newest_as_of": date(2099, 1, 1)})
    assert _by_as_of(ahead).has_partition_key("2099-01-01")
    assert not _by_as_of(ahead).has_partition_key("2099-01-02")
    assert not _by_as_of(settings).has_partition_key("2099-01-01")


def test_the_graph_loads_from_a_bare_environment(tmp_path: Path) -> None:
    """What `dagster dev` does first; no PATH to dbt, no folder made beforehand."""
    result = subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), "definitions", "validate"],
        cwd=PROJECT_DIR,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "VIP_HOME": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "vip_sms" in result.stderr + result.stdout
