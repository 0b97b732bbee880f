"""dbt as a child: its manifest is fresh, it dies with its parent, the warehouse is waited for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from orchestration import dbt_runner
from orchestration.errors import BusyError, UserError
from orchestration.locking import is_locked, wait_for_warehouse
from orchestration.resources import Warehouse
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warehouse import connect


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one model, with a parse that only counts how often it is asked."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.sql").write_text("select 1")
    for name in ("macros", "seeds", "tests/dbt"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / "profiles.yml").touch()
    monkeypatch.setattr(dbt_runner, "PROJECT_DIR", tmp_path)
    monkeypatch.setattr(dbt_runner, "MANIFEST", tmp_path / "target" / "manifest.json")
    return tmp_path


def test_the_manifest_is_parsed_when_a_source_is_younger_and_only_then(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parses = []

    def parse() -> None:
        parses.append(time.time_ns())
        dbt_runner.MANIFEST.write_text("{}")
        os.utime(dbt_runner.MANIFEST, ns=(parses[-1], parses[-1]))

    monkeypatch.setattr(dbt_runner, "_parse", parse)
    dbt_runner.prepare_manifest()
    dbt_runner.prepare_manifest()
    assert len(parses) == 1
    time.sleep(0.02)
    (project / "models" / "a.sql").write_text("select 2")
    dbt_runner.prepare_manifest()
    assert len(parses) == 2
    time.sleep(0.02)
    (project / "models" / "a.sql").unlink()
    dbt_runner.prepare_manifest()
    assert len(parses) == 3, "a file removed makes its folder younger"


def test_dbt_and_the_program_itself_keep_to_the_same_settings(settings: Settings) -> None:
    asked = settings.model_copy(update={"disabled_optimizers": "build_side_probe_side"})
    with closing(connect(asked)) as connection:
        (left_out,) = connection.execute("select current_setting('disabled_optimizers')").fetchone()
    assert left_out == "build_side_probe_side"
    read = re.findall(r"env_var\('(VIP_\w+)'", (PROJECT_DIR / "profiles.yml").read_text())
    told = {name: asked.environment().get(name) for name in read if name != "VIP_DBT_TARGET"}
    assert told["VIP_DISABLED_OPTIMIZERS"] == left_out
    assert None not in told.values()


@pytest.mark.slow
def test_a_project_that_does_not_parse_is_told_in_dbt_s_words(
    project: Path,
) -> None:
    (project / "dbt_project.yml").write_text("name: broken\nprofile: none\n")
    with pytest.raises(UserError, match="does not parse"):
        dbt_runner.prepare_manifest()


def test_dbt_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    child = (
        "import os, sys, time; from orchestration.dbt_runner import _die_with_parent; "
        "_die_with_parent(); open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    )
    parent = (
        "import os, subprocess, sys, time; "
        "os.environ['VIP_PARENT_PID'] = str(os.getpid()); "
        "subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]]); time.sleep(60)"
    )
    told = tmp_path / "pid"
    process = subprocess.Popen([sys.executable, "-c", parent, child, str(told)])
    while not (told.exists() and told.read_text()):
        time.sleep(0.05)
    process.kill()
    process.wait()
    orphan = int(told.read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{orphan}/cmdline").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    alive = Path(f"/proc/{orphan}/cmdline")
    assert not alive.exists() or not alive.read_bytes()


def test_a_warehouse_open_elsewhere_is_waited_for_and_then_named(settings: Settings) -> None:
    connect(settings).close()
    hold = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); "
        "print('open', flush=True); time.sleep(float(sys.argv[2]))"
    )

    def shell(seconds: float) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", hold, str(settings.paths.warehouse), str(seconds)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout.readline() == b"open\n"
        return process

    process = shell(0.5)
    wait_for_warehouse(settings, patience=10)
    process.wait()

    process = shell(60)
    with pytest.raises(BusyError, match="close it and run again"):
        wait_for_warehouse(settings, patience=0.3)
    process.kill()
    process.wait()


def test_the_lock_is_held_for_the_whole_run_and_taken_once(
    settings: Settings,
) -> None:
    busy = []

    @dg.asset
    def first(warehouse: Warehouse) -> None:
        busy.append(is_locked(settings))

    @dg.asset(deps=[first])
    def second(warehouse: Warehouse) -> None:
        busy.append(is_locked(settings))

    defs = dg.Definitions(
        [first, second],
        resources={"warehouse": Warehouse(home=str(settings.home))},
        executor=dg.in_process_executor,
        jobs=[dg.define_asset_job("both")],
    )
    result = defs.resolve_job_def("both").execute_in_process()
    assert result.success
    assert busy == [True, True]
    assert not is_locked(settings)
