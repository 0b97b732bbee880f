"""Fixtures that every subject shares."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A folder that whichever worker comes first fills, for all: look at it, change only copies."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder = base / name
        folder.mkdir(exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / ".made").exists():
                make(folder)
                (folder / ".made").touch()
        return folder

    return made
