"""`make bench`: how long a night takes, what memory it needs and which step takes it, by size.

Runs the program as its users do, one process after another; peak memory is that of the process and
all its children together. Nothing is asserted: the figures go into the README.

    python -m tests.bench [CUSTOMERS ...]      default: 5,000 100,000 1,000,000
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from orchestration.settings import PROJECT_DIR

VIP = Path(sys.executable).with_name("vip")
SIZES = (5_000, 100_000, 1_000_000)
_STEP = re.compile(r"✓ (?P<name>.+?) (?P<seconds>[\d.]+) s$")


@dataclass
class Measured:
    """One command: wall and CPU seconds, peak memory of its process tree in bytes, its steps."""

    wall: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    steps: dict[str, float] = field(default_factory=dict)


def measure(arguments: list[str], environment: dict[str, str]) -> Measured:
    """Run `vip` with `arguments`; raises `CalledProcessError` when it fails."""
    measured = Measured()
    before = os.times()
    started = time.monotonic()
    process = subprocess.Popen(
        [VIP, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    watcher = threading.Thread(target=_watch, args=(process.pid, measured), daemon=True)
    watcher.start()
    _, errors = process.communicate()
    measured.wall = time.monotonic() - started
    after = os.times()
    measured.cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments, stderr=errors)
    for line in errors.splitlines():
        if found := _STEP.search(line.strip()):
            measured.steps[found["name"]] = float(found["seconds"])
    return measured


def _watch(pid: int, measured: Measured) -> None:
    try:
        root = psutil.Process(pid)
        while root.is_running():
            tree = [root, *root.children(recursive=True)]
            measured.peak = max(measured.peak, sum(_memory(each) for each in tree))
            time.sleep(0.1)
    except psutil.NoSuchProcess:
        return


def _memory(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def night(customers: int) -> tuple[Measured, Measured, int]:
    """A brand of that size, then its night: both measured, and the rows that were landed."""
    with tempfile.TemporaryDirectory(prefix="vip-bench-") as folder:
        raw, home = Path(folder) / "raw", Path(folder) / "var"
        environment = {"VIP_RAW_DIR": str(raw), "VIP_HOME": str(home)}
        made = measure(["sample", "--customers", str(customers)], environment)
        ran = measure(["nightly"], environment)
        return made, ran, _rows(home)


def _rows(home: Path) -> int:
    import duckdb

    with duckdb.connect(str(home / "published" / "vip_sms.duckdb"), read_only=True) as connection:
        (rows,) = connection.execute("select sum(rows_read) from marts.load_report").fetchone()
    return int(rows)


def main() -> None:
    """Measure each size and print one table of totals and one of steps."""
    sizes = [int(size.replace(",", "").replace("_", "")) for size in sys.argv[1:]] or list(SIZES)
    console = Console(width=110)
    memory = psutil.virtual_memory().total / 2**30
    console.print(
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}; "
        f"project {PROJECT_DIR.name}"
    )
    totals = Table("customers", "raw rows", "sample s", "night s", "CPU s", "peak GiB")
    nights: dict[int, Measured] = {}
    for size in sizes:
        made, ran, rows = night(size)
        nights[size] = ran
        console.print(f"{size:,} customers: night {ran.wall:.1f} s", style="dim")
        totals.add_row(
            f"{size:,}",
            f"{rows:,}",
            f"{made.wall:.1f}",
            f"{ran.wall:.1f}",
            f"{ran.cpu:.1f}",
            f"{ran.peak / 2**30:.2f}",
        )
    console.print(totals)
    steps = Table("step", *(f"{size:,}" for size in sizes))
    for name in nights[sizes[-1]].steps:
        steps.add_row(
            name,
            *(
                f"{ran.steps.get(name, 0):.1f} s  {ran.steps.get(name, 0) / ran.wall:>4.0%}"
                for ran in nights.values()
            ),
        )
    console.print(steps)


if __name__ == "__main__":
    main()
