"""The README names every setting and verb there is, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration.platforms.attentive import AttentiveSettings
from orchestration.platforms.klaviyo import KlaviyoSettings
from orchestration.settings import Settings

# Read before there are settings: by the profile of dbt and by the command line.
ELSEWHERE = {"VIP_DBT_TARGET", "VIP_DEBUG"}


@pytest.fixture(scope="module")
def readme(project_dir: Path) -> str:
    return (project_dir / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_in_the_table_and_no_other(readme: str) -> None:
    table = readme.split("## Settings")[1].split("\n## ")[0]
    told = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", table))
    known = {
        f"{group.model_config['env_prefix']}{name.upper()}"
        for group in (Settings, AttentiveSettings, KlaviyoSettings)
        for name in group.model_fields
    }
    assert told == known | ELSEWHERE


def test_every_command_is_in_the_table_and_no_other(readme: str, project_dir: Path) -> None:
    told = set(re.findall(r"^\| `vip (\w+)` \|", readme, re.MULTILINE))
    cli = (project_dir / "orchestration" / "cli.py").read_text(encoding="utf-8")
    assert told == set(re.findall(r"@app\.command\(\)\ndef (\w+)", cli))


def test_every_file_named_exists(readme: str, project_dir: Path) -> None:
    named = set(re.findall(r"`((?:docs|seeds|models|macros)/[\w./-]*|[A-Z]+\.md)`", readme))
    assert {"docs/runbook.md", "CONTRIBUTING.md"} <= named
    assert [name for name in sorted(named) if not (project_dir / name).exists()] == []
