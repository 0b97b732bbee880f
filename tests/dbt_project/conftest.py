"""The project as dbt sees it, parsed once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conventions import Project, read_manifest
from dbt_runs import run_dbt

from orchestration.settings import Settings


@pytest.fixture(scope="session")
def compiled_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's target folder: the manifest of everything, and the checks of the policy compiled."""
    home = tmp_path_factory.mktemp("compiled")
    settings = Settings(home=home, raw_dir=home, _env_file=None)
    # The target of the linter builds nothing: it needs no warehouse.
    run_dbt(settings, "compile", "--quiet", "--target", "lint", "--select", "policy_*")
    return settings.paths.dbt_target


@pytest.fixture(scope="session")
def project(compiled_dir: Path, project_dir: Path) -> Project:
    """The nodes of the project."""
    manifest = json.loads((compiled_dir / "manifest.json").read_text(encoding="utf-8"))
    return read_manifest(manifest, project_dir)
