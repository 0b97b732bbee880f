"""A small brand, its finished night, and a second delivery of raw data to move on to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from spoiling import add_spend_and_dirt, no_room_for_files
from vip_process import Ended, start

CUSTOMERS = 800  # at this size and seed every reason to be left out befalls some VIP
VIP = Path(sys.executable).with_name("vip")


@dataclass(frozen=True)
class Night:
    """A home in which one night went through, and what `vip nightly` printed."""

    folder: Path
    day: str = "2026-07-01"

    @property
    def raw(self) -> Path:
        return self.folder / "raw"

    @property
    def home(self) -> Path:
        return self.folder / "var"

    @property
    def changed_raw(self) -> Path:
        """The same brand a moment later: more spend, and rows about somebody that do not fit."""
        return self.folder / "changed"

    @cached_property
    def truth(self) -> dict[str, Any]:
        return json.loads((self.raw / "truth.json").read_text(encoding="utf-8"))

    @property
    def printed(self) -> str:
        return (self.folder / "printed.txt").read_text(encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        return {"VIP_HOME": str(self.home), "VIP_RAW_DIR": str(self.raw), "VIP_THREADS": "2"}


@pytest.fixture(scope="session")
def night(made_once: Callable[..., Path]) -> Night:
    """One night for all; look at it, change only copies."""
    return Night(made_once("end_to_end", lambda folder: _make(Night(folder))))


def _make(night: Night) -> None:
    environment = os.environ | night.environment
    for arguments in (
        ("sample", "--customers", str(CUSTOMERS), "--seed", "1", "--out", str(night.raw)),
        ("nightly",),
    ):
        process = subprocess.run(
            [str(VIP), *arguments], env=environment, capture_output=True, text=True, timeout=600
        )
        assert process.returncode == 0, process.stderr
    shutil.copytree(night.raw, night.changed_raw)
    add_spend_and_dirt(night.changed_raw, night.truth)
    (night.folder / "printed.txt").write_text(process.stdout + process.stderr, encoding="utf-8")


@pytest.fixture(scope="session")
def copy_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Night], Path]]:
    """Copies of a night's home, to be spoilt; they go away at the end."""
    made: list[Path] = []

    def copy(night: Night) -> Path:
        folder = tmp_path_factory.mktemp("home") / "var"
        shutil.copytree(night.home, folder, symlinks=True)
        made.append(folder)
        return folder

    yield copy
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(night: Night, copy_of: Callable[[Night], Path]) -> Path:
    """A home of this test's own in which the night went through."""
    return copy_of(night)


@dataclass(frozen=True)
class Failed:
    """A night with new data that met a full disk at its export: look at it, change only copies."""

    home: Path
    ended: Ended


@pytest.fixture(scope="session")
def failed(night: Night, made_once: Callable[..., Path]) -> Failed:
    """The changed brand's night, with no room left for files."""

    def make(folder: Path) -> None:
        shutil.copytree(night.home, folder / "var", symlinks=True)
        process = start(
            folder,
            "nightly",
            before=no_room_for_files,
            raw_dir=night.changed_raw,
            home=folder / "var",
        )
        (folder / "ended.json").write_text(json.dumps(asdict(process.wait())))

    folder = made_once("failed", make)
    return Failed(folder / "var", Ended(**json.loads((folder / "ended.json").read_text())))


@dataclass(frozen=True)
class Mended:
    """The failed night's home after two runs at once and a push: look at it, change only copies."""

    home: Path
    won: Ended
    lost: list[Ended]


@pytest.fixture(scope="session")
def mended(night: Night, failed: Failed, made_once: Callable[..., Path]) -> Mended:
    """Two people try again at the same moment; while one of them is at it, a third one pushes."""

    def make(folder: Path) -> None:
        home = folder / "var"
        shutil.copytree(failed.home, home, symlinks=True)
        tries = [
            start(folder / name, "nightly", raw_dir=night.changed_raw, home=home)
            for name in ("one", "two")
        ]
        # From the first step on the one that is left has the right to write.
        while all(each.is_alive for each in tries):
            time.sleep(0.05)
        while any(each.is_alive and "✓" not in each.err for each in tries):
            time.sleep(0.05)
        tries.append(start(folder / "push", "push", home=home))
        ended = sorted((each.wait() for each in tries), key=lambda each: each.code)
        (folder / "ended.json").write_text(json.dumps([asdict(each) for each in ended]))

    folder = made_once("mended", make)
    won, *lost = (Ended(**each) for each in json.loads((folder / "ended.json").read_text()))
    return Mended(folder / "var", won, lost)
