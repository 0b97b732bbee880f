"""The disk is full while the files are written: the old ones stay. Then two runs try again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from spoiling import no_room_for_the_history, no_room_for_the_warehouse
from vip_process import content, csv_rows, exported, query, start

pytestmark = pytest.mark.slow


def test_it_is_one_line_and_the_old_files_stand(night, failed) -> None:
    assert "no space left while writing to " in failed.ended.complaint
    assert "✗ Writing the files" in failed.ended.err
    assert failed.exports == exported(night.home, night.day)
    assert failed.outbox == content(night.home / "outbox"), "nothing behind it was done"
    assert [path.name for path in (failed.home / "exports").glob(".*")] == []


def test_of_two_runs_after_it_one_wins_and_one_says_so(night, failed, tmp_path) -> None:
    runs = [
        start(tmp_path / name, "nightly", raw_dir=night.changed_raw, home=failed.home)
        for name in ("one", "two")
    ]
    while all(run.is_alive for run in runs):
        time.sleep(0.05)
    won, lost = sorted((run.wait() for run in runs), key=lambda ended: ended.code)
    assert won.code == 0, won.err
    assert f"another run is writing to {failed.home}" in lost.complaint
    assert "Error" not in lost.complaint, "a sentence, not the name of a class"
    # The loser leaves the winner's log alone, and does not take it for a run that was killed.
    assert "RUN_SUCCESS" in (failed.home / "logs" / f"nightly-{night.day}.log").read_text()
    for path in (failed.home / "dagster").rglob("*.db"):
        assert b"was killed" not in path.read_bytes()
    exported(failed.home, night.day)
    spend = {}
    for home in (night.home, failed.home):
        for row in csv_rows(home / "exports" / night.day / "vip_audience.csv"):
            spend.setdefault(row["customer_id"], []).append(row["spend_to_next_tier"])
    assert any(len(set(both)) == 2 for both in spend.values()), "the new spend is in the files"


def test_a_full_disk_before_anything_is_built(night, home: Path, tmp_path: Path) -> None:
    run = start(
        tmp_path,
        "nightly",
        before=no_room_for_the_warehouse,
        raw_dir=night.changed_raw,
        home=home,
    )
    assert "File too large" in run.wait().complaint
    assert exported(home, night.day) == exported(night.home, night.day)
    assert query(home, "from marts.run_context") == query(night.home, "from marts.run_context")


def test_no_room_for_the_history_is_said_in_one_line(night, home: Path, tmp_path: Path) -> None:
    run = start(
        tmp_path, "nightly", before=no_room_for_the_history, raw_dir=night.changed_raw, home=home
    )
    told = run.wait().complaint
    assert "cannot be written" in told and "unexpected" not in told
    assert exported(home, night.day) == exported(night.home, night.day)
