"""A push in a process of its own, to be killed."""

from __future__ import annotations

import multiprocessing
import os
from datetime import date
from pathlib import Path

# Imported once by the server that processes are forked from: each is at work at once.
MODULES = ["orchestration.sync", "orchestration.quality", "worlds"]


def push(name: str, home: Path, environment: dict[str, str], as_of: date) -> None:
    """What the process does: the gate open, the clock at rest, the patience that of a test."""
    from vendor import NOW
    from worlds import WORLDS

    from orchestration import quality
    from orchestration.settings import Settings
    from orchestration.sync import pushing

    quality.gate_rows = lambda *_: []
    pushing._now = lambda: NOW
    os.environ |= environment
    (world,) = (each for each in WORLDS if each.name == name)
    world.hurry()
    settings = Settings(home=home, raw_dir=home / "raw", env="production", _env_file=None)
    world.push(settings, as_of)


def start(
    name: str, home: Path, environment: dict[str, str], as_of: date
) -> multiprocessing.process.BaseProcess:
    """Begin a push elsewhere."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    process = context.Process(target=push, args=(name, home, environment, as_of), daemon=True)
    process.start()
    return process
