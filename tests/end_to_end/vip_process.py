"""`vip` as a process of its own, and what it leaves behind, read as an outsider would.

Most processes are forked from a server that has imported the libraries and nothing of the
programme: a third of a run's time is the import of Dagster and Great Expectations, and what is
tested comes after it. The finished night of `conftest` is made by the installed command itself.
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import duckdb

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["dagster", "dagster_dbt", "great_expectations", "great_expectations.expectations", "altair"]
)
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Ended:
    """What a finished process said and how it ended; negative codes are signals."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What `--json` printed; fails when stdout holds anything else."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line of an error; fails when there is more, or a traceback, or no exit code 1."""
        assert self.code == 1, (self.code, self.err)
        assert "Traceback" not in self.err + self.out, self.err
        lines = [line for line in self.err.splitlines() if line[:1] not in ("✓", "✗")]
        assert len(lines) == 1 and lines[0].startswith("vip: "), self.err
        return lines[0].removeprefix("vip: ")


class Running:
    """A `vip` under way, with a session of its own."""

    def __init__(self, folder: Path, process: BaseProcess) -> None:
        self._folder = folder
        self._process = process

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    @property
    def err(self) -> str:
        """What it has said on stderr so far."""
        path = self._folder / "err"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def kill(self, *, group: bool) -> None:
        """SIGKILL to the process, or to everything that it started as well."""
        try:
            (os.killpg if group else os.kill)(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self._process.kill()

    def wait(self) -> Ended:
        self._process.join(PATIENCE_SECONDS)
        if self._process.exitcode is None:
            self.kill(group=True)
            raise AssertionError(f"still running after {PATIENCE_SECONDS} s")
        out = (self._folder / "out").read_text(encoding="utf-8")
        return Ended(self._process.exitcode, out, self.err)


def start(
    folder: Path,
    *arguments: str,
    before: Callable[[], None] | None = None,
    **settings: object,
) -> Running:
    """Start `vip` with these arguments and settings, by name; its output goes to `folder`.

    `before` is a function of a module, called in the process before the programme.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("out", "err"):
        (folder / name).write_text("")
    variables = {f"VIP_{name.upper()}": str(value) for name, value in settings.items()}
    process = _SERVER.Process(target=_vip, args=(folder, arguments, variables, before))
    process.start()
    return Running(folder, process)


def _vip(
    folder: Path, arguments: tuple[str, ...], variables: dict[str, str], before: Callable | None
) -> None:
    os.setsid()
    for number, name in ((1, "out"), (2, "err")):
        with (folder / name).open("wb") as handle:
            os.dup2(handle.fileno(), number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    os.environ.update(variables)
    sys.argv = ["vip", *arguments]
    if before:
        before()
    from orchestration.cli import main

    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


# What a night leaves behind.


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path in it; links are not followed."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def exported(home: Path, night: str) -> dict[str, bytes]:
    """The files of a night's export folder, after a look at the manifest's hashes and counts."""
    files = content(home / "exports" / night)
    manifest = json.loads(files["manifest.json"])
    assert sorted([each["file"] for each in manifest["files"]] + ["manifest.json"]) == [*files]
    for each in manifest["files"]:
        assert each["sha256"] == hashlib.sha256(files[each["file"]]).hexdigest(), each
        if each["file"].endswith(".csv"):
            header, *rows = csv.reader(files[each["file"]].decode().splitlines())
            assert (header, len(rows)) == (each["columns"], each["rows"])
    return files


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def query(home: Path, sql: str) -> list[tuple]:
    """Rows of the published marts, read as any BI tool reads them."""
    with duckdb.connect(str(home / "published" / "vip_sms.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def marts(home: Path) -> dict[str, tuple[int, list]]:
    """Rows and as-of dates of every published mart, read through one connection."""
    with duckdb.connect(str(home / "published" / "vip_sms.duckdb"), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts' order by all"
        ).fetchall()
        return {
            table: connection.execute(
                f"select count(*), list(distinct as_of_date) from marts.{table}"
            ).fetchone()
            for (table,) in tables
        }


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
