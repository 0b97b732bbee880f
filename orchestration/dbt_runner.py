"""dbt as this project runs it: a manifest kept fresh, a process that does not outlive its parent.

`python -m orchestration.dbt_runner ARGUMENTS` is dbt itself. What the models say is theirs.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from orchestration.dbt_client import PARENT_VARIABLE
from orchestration.errors import UserError
from orchestration.settings import PROJECT_DIR

MANIFEST = PROJECT_DIR / "target" / "manifest.json"
MANIFEST_VARIABLE = "VIP_DBT_LEAVES_MANIFEST"
"""Set where dbt need not write the manifest: `prepare_manifest` has written it."""

_SOURCES = ("models", "macros", "seeds", "tests/dbt", "dbt_project.yml", "profiles.yml")


def reading() -> dict[str, str]:
    """The environment in which the project is read, the same for every run.

    What the profile takes from the environment belongs to what dbt remembers of a parse. Were it
    each run's own, every run would parse anew; a build connects by its own.
    """
    folder = str(MANIFEST.parent)
    return {
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
        "DBT_TARGET_PATH": folder,
        "DBT_LOG_PATH": folder,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",  # a project that cannot be read cannot say so
        "VIP_HOME": "var",
        "VIP_MEMORY_LIMIT": "5GB",
        "VIP_THREADS": "2",
    }


def prepare_manifest() -> Path:
    """Return dbt's manifest of the project, parsed anew where a source is younger than it.

    Raises `UserError` with dbt's own words when the project does not parse.
    """
    if _is_fresh():
        return MANIFEST
    MANIFEST.parent.mkdir(exist_ok=True)
    with (MANIFEST.parent / ".parse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_fresh():  # nobody else did it while we waited
            _parse()
    return MANIFEST


def _is_fresh() -> bool:
    if not MANIFEST.exists():
        return False
    sources = [PROJECT_DIR / name for name in _SOURCES]
    # Folders count as well: theirs is the only time that tells of a file removed.
    files = [path for source in sources for path in (source, *source.rglob("*"))]
    return max(path.stat().st_mtime_ns for path in files) <= MANIFEST.stat().st_mtime_ns


def _parse() -> None:
    began = time.time_ns()
    result = subprocess.run(
        [sys.executable, "-m", "orchestration.dbt_runner", "--quiet", "parse"],
        cwd=PROJECT_DIR,
        env={**os.environ, **reading(), PARENT_VARIABLE: str(os.getpid())},
        capture_output=True,
        text=True,
    )
    if result.returncode:
        words = " ".join((result.stdout + result.stderr).split())
        raise UserError(f"the dbt project does not parse: {words[-600:]}")
    # A source that was saved during the parse must count as younger than the manifest.
    os.utime(MANIFEST, ns=(began, began))


def _die_with_parent() -> None:
    """End this process with the one that started it: no orphan may hold the warehouse."""
    parent = os.environ.get(PARENT_VARIABLE)

    def watch() -> None:
        while os.getppid() == int(parent or 0):
            time.sleep(0.1)
        os._exit(1)

    if parent:
        threading.Thread(target=watch, daemon=True).start()


def leave_manifest() -> None:
    """Keep dbt from writing manifest and graph where the variable is set: a second and more."""
    from dbt.compilation import Compiler
    from dbt.contracts.graph.manifest import Manifest

    for owner, name in ((Manifest, "write"), (Compiler, "write_graph_file")):
        setattr(owner, name, _unless_left(getattr(owner, name)))


def _unless_left(write: Callable[..., None]) -> Callable[..., None]:
    return lambda *given: None if os.environ.get(MANIFEST_VARIABLE) else write(*given)


if __name__ == "__main__":
    _die_with_parent()
    leave_manifest()
    from dbt.cli.main import cli

    cli()
