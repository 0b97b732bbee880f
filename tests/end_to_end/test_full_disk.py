"""The disk is full while the files are written: the old ones stay. Then two runs try again."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoiling import no_room_for_the_history, no_room_for_the_warehouse
from vip_process import content, csv_rows, exported, query, start

from orchestration.locking import is_locked
from orchestration.settings import Settings

pytestmark = pytest.mark.slow


def test_it_is_one_line_and_the_old_files_stand(night, failed) -> None:
    assert "no space left while writing to " in failed.ended.complaint
    assert "✗ Writing the files" in failed.ended.err
    assert exported(failed.home, night.day) == exported(night.home, night.day)
    outbox = content(failed.home / "outbox")
    assert outbox == content(night.home / "outbox"), "nothing behind it was done"
    assert [path.name for path in (failed.home / "exports").glob(".*")] == []


def test_of_two_runs_after_it_one_wins_and_one_says_so(night, mended) -> None:
    assert mended.won.code == 0, mended.won.err
    assert not is_locked(Settings(home=mended.home, _env_file=None))
    for loser in mended.lost:
        assert f"another run is writing to {mended.home}" in loser.complaint
        assert "Error" not in loser.complaint, "a sentence, not the name of a class"
    # The loser leaves the winner's log alone, and does not take it for a run that was killed.
    assert "RUN_SUCCESS" in (mended.home / "logs" / f"nightly-{night.day}.log").read_text()
    for path in (mended.home / "dagster").rglob("*.db"):
        assert b"was killed" not in path.read_bytes()
    exported(mended.home, night.day)
    spend = {}
    for home in (night.home, mended.home):
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
