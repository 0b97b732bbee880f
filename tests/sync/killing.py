"""A push in a process of its own, to be killed."""

from __future__ import annotations

import multiprocessing
import os
from datetime import date
from pathlib import Path

# Imported once by the server that processes are forked from: each is at work at once.
MODULES = ["orchestration.sync", "orchestration.quality", "orchestration.platforms.klaviyo"]


def hurry() -> None:
    """The same patience in thousandths of the time, the gate open, the clock at rest."""
    from vendor import NOW

    from orchestration import quality
    from orchestration.platforms import http, klaviyo
    from orchestration.sync import pushing

    http._FIRST_PAUSE = 0.001
    klaviyo._JOB_PAUSE = (0.001, 0.01)
    klaviyo._LIMITS = dict.fromkeys(klaviyo._LIMITS, http.Limit(10**6, 10**6))
    quality.gate_rows = lambda *_: []
    pushing._now = lambda: NOW


def push(home: Path, base: str, key: str, as_of: date) -> None:
    """What the process does."""
    from orchestration import sync
    from orchestration.settings import Settings

    os.environ |= {"KLAVIYO_API_KEY": key, "KLAVIYO_API_BASE": base}
    hurry()
    settings = Settings(home=home, raw_dir=home / "raw", env="production", _env_file=None)
    sync.push(settings, "klaviyo", as_of, approve=10**6)


def start(home: Path, base: str, key: str, as_of: date) -> multiprocessing.process.BaseProcess:
    """Begin a push elsewhere."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    process = context.Process(target=push, args=(home, base, key, as_of), daemon=True)
    process.start()
    return process
