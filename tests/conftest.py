"""Fixtures that every subject shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.settings import PROJECT_DIR, Settings


@pytest.fixture(scope="session")
def project_dir() -> Path:
    """The root of the repository."""
    return PROJECT_DIR


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Reference material beside a developer's checkout; tests that need it skip without."""
    folder = PROJECT_DIR.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no reference material beside the project ({folder.name}/ is absent)")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose home and raw folder are this test's own."""
    return Settings(home=tmp_path / "var", raw_dir=tmp_path / "raw", _env_file=None)
