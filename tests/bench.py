"""`make bench`: how long a night takes, what memory it needs, which step and subject takes it.

Runs the program as its users do, one process after another: a night that builds everything, then
the night after it, when one more day of data has arrived. Peak memory is that of the process and
all its children together. Nothing is asserted: the figures go into the README.

    python -m tests.bench [CUSTOMERS ...]      default: 5,000 100,000 1,000,000
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psutil
from rich.console import Console
from rich.table import Table

from orchestration.contract import load_contract
from orchestration.dbt_runner import MANIFEST
from orchestration.settings import PROJECT_DIR

VIP = Path(sys.executable).with_name("vip")
SIZES = (5_000, 100_000, 1_000_000)
OF_A_DAY = {
    "orders": "ordered_at",
    "site_events": "occurred_at",
    "channel_touches": "sent_at",
    "sms_messages": "sent_at",
}
"""The tables that grow by a day between the two nights, with the time of a row."""
SUBJECTS = {
    "decisions": "int_audience_|audience_|sync_|email_|holdout_|.*consent|.*contact|opt_out",
    "value": "customer_value|revenue_concentration",
    "rfm": ".*rfm",
    "lifetime values": ".*ltv|int_rising_stars|int_history_counts|int_margin_counts",
    "tiers": ".*tier|inactive_vips|benefit_usage",
    "readouts": ".*saturation|frequency_cap_proposals|experiment_|programme_|.*economics",
    "segments": ".*segment|.*lookalike|customer_lists|threshold_|int_spend_bins|vip_traits",
}
"""How the names of a subject's models begin: the first of two has them. What they read and nobody
is named after belongs to the first again, the decisions last."""
OF_CUSTOMERS = ("value", "rfm", "lifetime values", "tiers", "segments")
"""What says how customers stand; decision 40 tells why a day more costs as much again."""
_STEP = re.compile(r"✓ (?P<name>.+?) (?P<seconds>[\d.]+) s$")


@dataclass
class Measured:
    """One command: wall and CPU seconds, peak memory of its process tree in bytes, its steps."""

    wall: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    steps: dict[str, float] = field(default_factory=dict)
    subjects: Counter[str] = field(default_factory=Counter)
    """Seconds of the models of each subject, and of the tests, side by side ones added up."""


def measure(arguments: list[str], environment: dict[str, str]) -> Measured:
    """Run `vip` with `arguments`; raises `SystemExit` with its last line when it fails."""
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
        raise SystemExit(f"vip {' '.join(arguments)} failed: {errors.strip().splitlines()[-1]}")
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


def night(customers: int) -> tuple[Measured, Measured, Measured, int]:
    """A brand of that size, its night and the night after it, and the rows that were landed."""
    with tempfile.TemporaryDirectory(prefix="vip-bench-") as folder:
        raw, home = Path(folder) / "raw", Path(folder) / "var"
        environment = {"VIP_RAW_DIR": str(raw), "VIP_HOME": str(home)}
        made = measure(["sample", "--customers", str(customers)], environment)
        as_of = date.fromisoformat(json.loads((raw / "truth.json").read_text())["as_of_date"])
        nights = []
        for day in (as_of, as_of + timedelta(days=1)):
            if nights:
                add_a_day(raw, as_of)
            nights.append(measure(["nightly", "--as-of", day.isoformat()], environment))
            nights[-1].subjects = by_subject(home)
        return made, *nights, _rows(home)


def add_a_day(raw: Path, day: date) -> dict[str, int]:
    """Let `day` come into the sample in `raw`: what the same weekday a week ago saw, once more.

    One part is added to each table that grows. Returns the rows in it, by table.
    """
    added = {}
    with duckdb.connect() as connection:

        def add(table: str, condition: str) -> None:
            parts, new = (raw / table / name for name in ("part-*.parquet", "next-day.parquet"))
            described = connection.execute(f"describe from '{parts}'").fetchall()
            changed = [
                f"{column} + interval 7 days as {column}"
                if kind.startswith("TIMESTAMP")
                else f"{column} || '-again' as {column}"
                for column, kind, *_ in described
                if kind.startswith("TIMESTAMP")
                or column in (*load_contract()[table].key, "order_id")
            ]
            # Parts repeat some of their rows, as files do.
            query = f"select distinct * replace ({', '.join(changed)}) from '{parts}'"
            (added[table],) = connection.execute(
                f"copy ({query} where {condition}) to '{new}'"
            ).fetchone()

        for table, moment in OF_A_DAY.items():
            # An offer of a week ago, once more, would go to who said stop since: the gate shuts.
            kind = " and purpose = 'transactional'" if table == "sms_messages" else ""
            add(table, f"{moment}::date = date '{day - timedelta(days=7)}'{kind}")
        new_orders = raw / "orders" / "next-day.parquet"
        add("order_lines", f"order_id || '-again' in (select order_id from '{new_orders}')")
    return added


def by_subject(home: Path) -> Counter[str]:
    """Seconds of models by subject, of seeds and of tests, from what dbt kept of each phase."""
    nodes = json.loads(MANIFEST.read_text())["nodes"]
    subjects = subjects_of(nodes)
    found: Counter[str] = Counter()
    for path in (home / "dbt").glob("run_results_*.json"):
        for result in json.loads(path.read_text())["results"]:
            found[subjects[result["unique_id"]]] += result["execution_time"]
    return found


def subjects_of(nodes: Mapping[str, Any]) -> dict[str, str]:
    """The subject of each node of the manifest; `other` where none claims a model."""
    found = {key: f"{node['resource_type']}s" for key, node in nodes.items()}
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    for key, node in models.items():
        named = [each for each, names in SUBJECTS.items() if re.match(names, node["name"])]
        found[key] = "staging" if node["fqn"][1] == "staging" else named[0] if named else "other"
    first, *others = SUBJECTS
    for subject in (*others, first):
        waiting = [key for key in models if found[key] == subject]
        while waiting:
            read = models[waiting.pop()]["depends_on"]["nodes"]
            claimed = [key for key in read if found.get(key) == "other"]
            found |= dict.fromkeys(claimed, subject)
            waiting += claimed
    return found


def _rows(home: Path) -> int:
    with duckdb.connect(str(home / "published" / "vip_sms.duckdb"), read_only=True) as connection:
        (rows,) = connection.execute("select sum(rows_read) from marts.load_report").fetchone()
    return int(rows)


def shares(title: str, nights: Mapping[str, Mapping[str, float]], walls: list[float]) -> Table:
    """A table of seconds, and of the share of each night's wall time; a column a night."""
    table = Table(title, *nights)

    def shown(seconds: float, wall: float) -> str:
        return f"{seconds:.1f} s {seconds / wall:>4.0%}"

    for name in dict.fromkeys(name for each in nights.values() for name in each):
        each_night = zip(nights.values(), walls, strict=True)
        table.add_row(name, *(shown(each.get(name, 0), wall) for each, wall in each_night))
    return table


def main() -> None:
    """Measure each size; print one table of totals, then its steps and its subjects by night."""
    sizes = [int(size.replace(",", "").replace("_", "")) for size in sys.argv[1:]] or list(SIZES)
    console = Console(width=110)
    memory = psutil.virtual_memory().total / 2**30
    console.print(
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}; "
        f"project {PROJECT_DIR.name}"
    )
    totals = Table("customers", "raw rows", "sample s", "night", "wall s", "CPU s", "peak GiB")
    tables, worth = [], []
    for size in sizes:
        made, first, following, rows = night(size)
        nights = {f"{size:,} customers": first, "one more day of data": following}
        for name, ran in nights.items():
            is_first = ran is first
            totals.add_row(
                f"{size:,}" if is_first else "",
                f"{rows:,}" if not is_first else "",
                f"{made.wall:.1f}" if is_first else "",
                "everything" if is_first else f"a day later, {ran.wall / first.wall:.0%} of it",
                f"{ran.wall:.1f}",
                f"{ran.cpu:.1f}",
                f"{ran.peak / 2**30:.2f}",
            )
            console.print(f"{name}: {ran.wall:.1f} s", style="dim")
        whole, later = (sum(ran.subjects[name] for name in OF_CUSTOMERS) for ran in nights.values())
        worth.append(
            f"{size:,} customers: {', '.join(OF_CUSTOMERS)} took {whole:.0f} s together, "
            f"a day later {later:.0f} s, {later / whole:.0%} of it"
        )
        walls = [ran.wall for ran in nights.values()]
        tables += [
            shares("step", {name: ran.steps for name, ran in nights.items()}, walls),
            shares(
                "models and tests, by subject",
                {name: dict(ran.subjects.most_common()) for name, ran in nights.items()},
                walls,
            ),
        ]
    for table in (totals, *tables):
        console.print(table)
    for line in worth:
        console.print(line)
    console.print(
        "Seconds of models and tests are added up over the threads that work side by side.",
        style="dim",
    )


if __name__ == "__main__":
    main()
