"""`vip` by hand: quick to answer, one line for an error, nothing written that was not asked for."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest


def test_help_is_there_at_once(home) -> None:
    result = home.vip("--help")
    assert result.returncode == 0
    for verb in ("sample", "check", "nightly", "plan", "push"):
        assert verb in result.stdout
    seconds = []
    for _ in range(3):
        started = resource.getrusage(resource.RUSAGE_CHILDREN)
        home.vip("--help")
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(ended.ru_utime - started.ru_utime)
    assert min(seconds) < 0.7, "CPU seconds: what a verb needs is imported for the help already"


def test_help_imports_nothing_heavy() -> None:
    heavy = "dagster|dbt|duckdb|pyarrow|great_expectations|pandas|pydantic|altair"
    code = (
        "import sys, orchestration.cli; "
        f"print([name for name in '{heavy}'.split('|') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("plan",), "no night has been built here yet"),
        (("push",), "no night has been built here yet"),
        (("plan", "--destination", "pigeon"), "no "),
        (("nightly", "--as-of", "1999-01-01"), "before the first one on offer"),
    ],
)
def test_an_error_is_one_line_and_exit_status_1(home, arguments, told) -> None:
    result = home.vip(*arguments)
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("vip: ")]
    assert told in line
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_planning_on_nothing_makes_no_folder(home) -> None:
    home.vip("plan")
    assert not home.settings.home.exists()


def test_a_setting_out_of_range_names_itself(home) -> None:
    result = home.vip("plan", VIP_SCHEDULE_HOUR="99")
    assert result.returncode == 1
    assert result.stderr.startswith("vip: setting VIP_SCHEDULE_HOUR: ")


def test_a_date_that_is_none_is_refused_by_the_parser(home) -> None:
    result = home.vip("nightly", "--as-of", "yesterday")
    assert result.returncode == 2


def test_an_unexpected_error_is_one_line_with_its_traceback_kept_and_masked(home) -> None:
    code = (
        "from orchestration import cli\n"
        "def broken(*_, **__): raise RuntimeError('bad row +1 202 555 0143')\n"
        "cli._settings = broken\n"
        "cli.main()"
    )

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, "plan"],
            env={**home.environment, **variables},
            capture_output=True,
            text=True,
        )

    result = run()
    assert result.returncode == 1
    log = home.settings.home / "logs" / "vip-error.log"
    assert result.stderr == f"vip: unexpected RuntimeError: bad row ***43 (see {log})\n"
    assert "0143" not in log.read_text()
    assert "Traceback" in log.read_text()
    assert "Traceback" in run(VIP_DEBUG="1").stderr


@pytest.mark.slow
def test_check_judges_and_writes_nothing(home, brand: Path) -> None:
    before = sorted(brand.rglob("*"))
    result = home.vip("check", "--raw", str(brand), "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert (
        told["rows_loaded"] + told["rows_rejected"] + told["exact_duplicates"] == told["rows_read"]
    )
    assert told["as_of_date"] == "2026-07-01"
    assert told["rejects"] and told["checks"]
    assert "@" not in json.dumps(told["rejects"]).replace("***@***", "")
    assert sorted(brand.rglob("*")) == before
    assert not home.settings.home.exists()

    text = home.vip("check", "--raw", str(brand))
    assert text.returncode == 0
    assert "Most frequent rejects" in text.stdout


@pytest.mark.slow
def test_check_fails_on_a_missing_table(home, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    result = home.vip("check")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_sample_fills_a_folder(home) -> None:
    result = home.vip("sample", "--customers", "50", "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["folder"] == str(home.settings.raw_dir)
    assert (home.settings.raw_dir / "truth.json").exists()
