"""A whole night on a small brand, run once as a process for every test that only looks at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.settings import PROJECT_DIR, Settings

AS_OF = date(2026, 7, 1)
VIP = Path(sys.executable).with_name("vip")


@dataclass(frozen=True)
class Home:
    """A folder to run in, and `vip` as a person would call it there: no PATH, no activation."""

    settings: Settings

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VIP_")}
        return {
            **kept,
            "PATH": "/usr/bin:/bin",
            "VIP_HOME": str(self.settings.home),
            "VIP_RAW_DIR": str(self.settings.raw_dir),
        }

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(VIP), *arguments],
            env={**self.environment, **variables},
            cwd=PROJECT_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def vip(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **variables)
        stdout, stderr = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)


@pytest.fixture
def home(settings: Settings) -> Home:
    """An empty home."""
    return Home(settings)


@pytest.fixture(scope="session")
def brand(made_once: Callable[..., Path]) -> Path:
    """The raw folder of 400 customers."""
    from orchestration.sample import generate

    return made_once("brand", lambda folder: generate(folder / "raw", 400, AS_OF, 1)) / "raw"


@dataclass(frozen=True)
class Night:
    """A home in which one night went through, and what `vip nightly --json` said of it."""

    home: Home
    told: dict[str, Any]
    stderr: str


@pytest.fixture(scope="session")
def night(made_once: Callable[..., Path], brand: Path) -> Night:
    """The night of the small brand; look at it, change only copies."""

    def make(folder: Path) -> None:
        result = at(folder).vip("nightly", "--json")
        assert result.returncode == 0, result.stderr
        (folder / "told.json").write_text(result.stdout, encoding="utf-8")
        (folder / "stderr.txt").write_text(result.stderr, encoding="utf-8")

    def at(folder: Path) -> Home:
        return Home(Settings(home=folder / "var", raw_dir=brand, _env_file=None))

    folder = made_once("night", make)
    told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    return Night(at(folder), told, (folder / "stderr.txt").read_text(encoding="utf-8"))


@pytest.fixture
def copy(night: Night, tmp_path: Path) -> Home:
    """The night's home, to be spoilt."""
    folder = tmp_path / "var"
    shutil.copytree(night.home.settings.home, folder, symlinks=True)
    settings = night.home.settings.model_copy(update={"home": folder})
    settings.__dict__.pop("paths", None)
    return Home(settings)
