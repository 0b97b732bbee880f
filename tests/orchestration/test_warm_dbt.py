"""dbt kept warm: each build is a fork, speaks and ends as dbt does, and dies with who asked."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dbt_runs import ask_dbt

from orchestration import dbt_client
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warehouse import connect
from orchestration.warm_dbt import warm_dbt

pytestmark = pytest.mark.slow

# A query that nobody waits for: only an end from outside ends it.
ENDLESS = ["show", "--inline", "select count(*) from range(1000000000) a, range(1000000000) b"]


EARLIER: set[int] = set()
"""Other tests of this process keep a warm one of their own."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    EARLIER.update(each.pid for each in servers())
    with warm_dbt() as waiting:
        yield waiting


def ask(settings: Settings, address: str, *arguments: str) -> subprocess.Popen[str]:
    return ask_dbt(settings, address, "--quiet", *arguments)


def servers() -> list[psutil.Process]:
    """The warm processes of this one that these tests began."""
    children = [each for each in psutil.Process().children() if each.pid not in EARLIER]
    return [each for each in children if "orchestration.warm_dbt" in each.cmdline()]


def builds() -> list[psutil.Process]:
    """The forks under way: processes with the very command of the one that waits."""
    return [
        fork
        for server in servers()
        for fork in server.children()
        if fork.cmdline() == server.cmdline()
    ]


def wait_until(holds, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_build_is_told_its_night_and_says_how_it_went(settings: Settings, address: str) -> None:
    (server,) = servers()
    connect(settings).close()
    for asked, code, words in (
        (("show", "--inline", "select {{ as_of_date() }} as night"), 0, "2026-07-01"),
        (("show", "--inline", "select no_such_column"), 2, "no_such_column"),
        (("run", "--select", "stg_orders"), 1, "stg_orders"),
    ):
        process = ask(settings, address, *asked)
        wait_until(builds)
        said, _ = process.communicate(timeout=60)
        assert (process.returncode, words in said) == (code, True), said
        assert is_alive(server)


def test_a_build_ends_with_who_asked_for_it(settings: Settings, address: str) -> None:
    connect(settings).close()
    process = ask(settings, address, *ENDLESS)
    wait_until(builds)
    process.kill()
    process.wait()
    wait_until(lambda: not builds())
    after = ask(settings, address, "show", "--inline", "select 1 as again")
    assert after.wait(timeout=60) == 0, "one build that was broken off is the end of none"


def test_a_build_ends_with_the_run(settings: Settings, tmp_path: Path) -> None:
    """The run is killed: neither the process that waits nor its fork holds the warehouse."""
    run = (
        "import os, subprocess, sys, time; from orchestration.warm_dbt import warm_dbt\n"
        "with warm_dbt() as address:\n"
        "    print(address, flush=True)\n"
        "    os.environ |= {'VIP_DBT_ADDRESS': address, 'VIP_PARENT_PID': str(os.getpid())}\n"
        "    subprocess.run(sys.argv[1:])\n"
    )
    connect(settings).close()
    environment = settings.environment() | {
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
        "DBT_TARGET_PATH": str(tmp_path),
        "DBT_LOG_PATH": str(tmp_path),
    }
    client = [sys.executable, "-S", dbt_client.__file__, *ENDLESS]
    process = subprocess.Popen(
        [sys.executable, "-c", run, *client],
        env=os.environ | environment,
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = Path(process.stdout.readline().strip()).parent
    family: list[psutil.Process] = []

    def has_forked() -> bool:
        family[:] = psutil.Process(process.pid).children(recursive=True)
        return sum("orchestration.warm_dbt" in each.cmdline() for each in family) == 2

    wait_until(has_forked)
    process.kill()
    process.wait()
    wait_until(lambda: not any(is_alive(each) for each in family), seconds=10)
    assert not folder.exists()


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_whoever_waits_for_one_that_goes_away_runs_dbt_itself(settings: Settings, tmp_path) -> None:
    """It reads a project that does not parse, say, while a client is at the door already."""
    connect(settings).close()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "dbt"))
        listener.listen()
        process = ask(settings, str(tmp_path / "dbt"), "show", "--inline", "select 41 + 1 as n")
        wait_until(lambda: select.select([listener], [], [], 0)[0])
    said, _ = process.communicate(timeout=120)
    assert (process.returncode, "42" in said) == (0, True), said
    assert not builds()


def test_without_room_for_a_socket_nobody_waits(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with warm_dbt() as nobody, socket.socket(socket.AF_UNIX) as client, pytest.raises(OSError):
        client.connect(nobody)
    assert not list(folder.iterdir())


def test_it_ends_with_its_block_where_signals_are_ignored() -> None:
    """A night in the background of a shell ignores SIGINT, so Dagster makes it ignore SIGTERM."""
    run = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "from orchestration.warm_dbt import warm_dbt\n"
        "with warm_dbt(): pass"
    )
    subprocess.run([sys.executable, "-c", run], cwd=PROJECT_DIR, check=True, timeout=20)
