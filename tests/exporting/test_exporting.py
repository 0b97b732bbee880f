"""The export folder: whole or absent, private, the same bytes for the same night."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from night import AS_OF, Vip, build, members

from orchestration import exporting, files
from orchestration.errors import UserError
from orchestration.exporting import export
from orchestration.settings import Settings


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_holds_what_the_design_says(settings: Settings) -> None:
    build(settings, [Vip("c2", "Silver"), Vip("c10"), Vip("c1")])
    exported = export(settings, AS_OF)

    assert exported.folder == settings.paths.exports / "2026-07-01"
    assert sorted(content(exported.folder)) == [
        "access_codes.csv",
        "access_codes.parquet",
        "audiences/vip.csv",
        "expedited_orders.csv",
        "expedited_orders.parquet",
        "holdout.csv",
        "holdout.parquet",
        "manifest.json",
        "support_tasks.csv",
        "support_tasks.parquet",
        "vip_audience.csv",
        "vip_audience.parquet",
        "vip_email.csv",
        "vip_email.parquet",
        "vip_flags.csv",
        "vip_flags.parquet",
        "vip_prices.csv",
        "vip_prices.parquet",
    ]
    rows = list(csv.DictReader((exported.folder / "vip_audience.csv").open()))
    assert [row["customer_id"] for row in rows] == ["c1", "c10", "c2"]
    assert rows[0] == {
        "customer_id": "c1",
        "phone": "+12025550001",
        "email": "c1@example.com",
        "first_name": "Ann",
        "tier": "Gold",
        "tier_rank": "2",
        "audience_ids": "vip",
        "tier_since": "2026-01-01",
        "next_tier": "",
        "spend_to_next_tier": "123.45",
        "progress_to_next_tier": "0.333333",
        "benefits": "discount",
        "preferred_hour": "",
        "message_campaign_id": "ea",
        "message_code": "",
    }
    parquet = pq.read_table(exported.folder / "vip_audience.parquet")
    assert parquet["customer_id"].to_pylist() == ["c1", "c10", "c2"]
    assert parquet.column_names == list(rows[0])
    holdout = list(csv.DictReader((exported.folder / "holdout.csv").open()))
    assert holdout[-1] == {"experiment_id": "global", "customer_id": "c9002", "arm": "holdout"}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("vip_email", "c1,c1@example.com,Ann,Gold,discount"),
        ("vip_flags", "c1,Gold,2,discount"),
        ("vip_prices", "2026-07-01,c1,Gold,0.150000"),
        ("expedited_orders", "1,o-c1,c1,Gold"),
        ("support_tasks", "c1,care,t-c1,Gold,2026-07-01 00:00:00,75.00"),
    ],
)
def test_each_reader_has_a_file_in_its_own_order(settings: Settings, name: str, first: str) -> None:
    build(settings, [Vip("c2"), Vip("c10"), Vip("c1")])
    folder = export(settings, AS_OF).folder
    header, *rows = (folder / f"{name}.csv").read_text().splitlines()
    assert rows[0] == first
    assert [re.search(r"\bc\d+\b", row).group() for row in rows] == ["c1", "c10", "c2"]
    assert pq.read_table(folder / f"{name}.parquet").column_names == header.split(",")


def test_the_manifest_describes_each_file(settings: Settings) -> None:
    build(settings, members(3))
    exported = export(settings, AS_OF)
    manifest = json.loads((exported.folder / "manifest.json").read_text())
    assert manifest == exported.manifest
    assert (manifest["as_of_date"], manifest["policy_version"]) == ("2026-07-01", "2026.1")
    for entry in manifest["files"]:
        path = exported.folder / entry["file"]
        assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        if path.suffix == ".csv":
            table = list(csv.reader(path.open()))
            assert (entry["columns"], entry["rows"]) == (table[0], len(table) - 1)
    assert len(manifest["files"]) == 17


def test_only_the_owner_may_read_whatever_the_umask(settings: Settings) -> None:
    build(settings, members(3))
    before = os.umask(0)
    try:
        folder = export(settings, AS_OF).folder
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    folders = [folder, folder / "audiences", folder.parent]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


def test_the_same_night_gives_the_same_bytes_and_is_left_alone(settings: Settings) -> None:
    """Enough rows for several vectors and threads, inserted in another order the second time."""
    vips = members(10_000)
    build(settings, vips)
    first = export(settings, AS_OF)
    before = content(first.folder)
    inode = first.folder.stat().st_ino

    build(settings, vips[::-1])
    again = export(settings, AS_OF)
    assert not again.is_changed
    assert again.folder.stat().st_ino == inode
    assert content(again.folder) == before


def test_another_content_replaces_the_folder(settings: Settings) -> None:
    build(settings, members(3))
    export(settings, AS_OF)
    build(settings, members(2), fingerprint="f2")
    exported = export(settings, AS_OF)
    assert exported.is_changed
    assert len((exported.folder / "vip_audience.csv").read_text().splitlines()) == 3
    assert names(settings.paths.exports) == ["2026-07-01", "latest"]


def test_a_tampered_file_is_put_right(settings: Settings) -> None:
    build(settings, members(3))
    folder = export(settings, AS_OF).folder
    before = content(folder)
    (folder / "vip_audience.csv").write_text("customer_id\n")
    assert export(settings, AS_OF).is_changed
    assert content(folder) == before


def test_two_renames_do_where_the_system_cannot_exchange(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    build(settings, members(3))
    export(settings, AS_OF)
    build(settings, members(2))
    exported = export(settings, AS_OF)
    rows = {each["file"]: each["rows"] for each in exported.manifest["files"]}
    assert rows["vip_audience.csv"] == 2

    # Killed between the two renames: the next start puts the old night back.
    folder = exported.folder
    before = content(folder)
    folder.rename(folder.with_name(".2026-07-01.old"))
    files.recover_folders(folder.parent)
    assert content(folder) == before


def test_latest_names_the_newest_night_of_the_brand(settings: Settings) -> None:
    latest = settings.paths.exports / "latest"
    build(settings, members(3))
    export(settings, AS_OF)
    assert latest.readlink() == Path("2026-07-01")

    older = AS_OF - timedelta(days=1)
    build(settings, members(2), as_of=older)
    export(settings, older)
    assert latest.readlink() == Path("2026-07-01"), "a past night built again moved it back"

    build(settings, members(2), as_of=older, is_sample=False)
    export(settings, older)
    assert latest.readlink() == Path("2026-06-30"), "the sample must not hide the brand's own night"


def test_another_date_in_the_warehouse_writes_nothing(settings: Settings) -> None:
    build(settings, members(3))
    with pytest.raises(UserError, match="holds 2026-07-01, not 2026-07-02"):
        export(settings, AS_OF + timedelta(days=1))
    assert names(settings.paths.exports) == []


@pytest.mark.parametrize("moment", ["_write", "put_folder", "flush"])
def test_a_full_disk_leaves_the_old_night(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    build(settings, members(3))
    before = content(export(settings, AS_OF).folder)
    build(settings, members(4))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, moment, full)
    with pytest.raises(UserError, match="no space left"):
        export(settings, AS_OF)
    assert content(settings.paths.exports / "2026-07-01") == before
    assert names(settings.paths.exports) == ["2026-07-01", "latest"]


_EXPORT = """
import sys
from datetime import date
from pathlib import Path
from orchestration.exporting import export
from orchestration.settings import Settings
{before}
try:
    export(Settings(home=Path(sys.argv[1]), _env_file=None), date(2026, 7, 1))
except Exception as error:
    sys.exit(f"{{type(error).__name__}}: {{error}}")
"""


def run_export(settings: Settings, before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _EXPORT.format(before=before), str(settings.home)],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_duckdb_meeting_the_limit_is_said_in_one_line(settings: Settings) -> None:
    """A real limit of the system, met inside DuckDB's own writer."""
    build(settings, members(20000))
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
    )
    process = run_export(settings, limit)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told.startswith("UserError: no space left"), told
    assert len(told.splitlines()) == 1
    assert names(settings.paths.exports) == []


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_the_old_night_or_the_new(settings: Settings) -> None:
    build(settings, members(30000))
    export(settings, AS_OF)
    folder = settings.paths.exports / "2026-07-01"
    old = content(folder)
    build(settings, members(29999))
    for step in range(12):
        process = run_export(settings)
        time.sleep(0.25 + 0.05 * step)
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = content(folder)
        manifest = json.loads(now["manifest.json"])
        for entry in manifest["files"]:
            assert entry["sha256"] == hashlib.sha256(now[entry["file"]]).hexdigest()
        assert (settings.paths.exports / "latest").readlink() == Path("2026-07-01")
    export(settings, AS_OF)
    assert names(settings.paths.exports) == ["2026-07-01", "latest"]
    assert content(folder) != old
