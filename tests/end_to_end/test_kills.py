"""SIGKILL at random moments of `vip nightly`, one home all the time, as a bad week would be."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from pathlib import Path

import duckdb
import pytest
from amount import amount
from vip_process import content, csv_rows, exported, marts, query, start

pytestmark = pytest.mark.slow

ANYWHERE = amount(usual=1, long=14)
HANDS = ("✓ Publishing the marts", "✓ Logging the holdout draws", "✓ Writing the files")
CHANGING_HANDS = (HANDS * 2)[: amount(usual=1, long=6)]


def state(home: Path, day: str) -> tuple[str, dict, dict[str, bytes]]:
    """The published raw data by fingerprint, every mart's rows, and the bytes of the files."""
    (context,) = query(home, "select raw_fingerprint, as_of_date::varchar from marts.run_context")
    assert context[1] == day
    return context[0], marts(home), exported(home, day)


def delivered(home: Path) -> dict[str, set[str]]:
    """Which customers stand on which list after all that was ever sent to the outbox."""
    lists: dict[str, set[str]] = {}
    customers: dict[str, str] = {}
    for path in sorted(home.glob("outbox/*/*.csv")):
        _, _, what, *name = path.stem.split("-")
        rows = csv_rows(path)
        if what == "profiles":
            customers |= {row["contact_id"]: row["customer_id"] for row in rows}
        held = lists.setdefault("-".join(name), set())
        if what == "add":
            held |= {row["contact_id"] for row in rows}
        elif what == "remove":
            held -= {row["contact_id"] for row in rows}
    return {name: {customers[contact] for contact in held} for name, held in lists.items()}


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def lengths_of(err: str) -> dict[str, float]:
    """Seconds of each step, by the line on stderr that it comes after ("" for the first)."""
    seconds = [float(line.rsplit(maxsplit=2)[1]) for line in err.splitlines() if line[:1] == "✓"]
    return dict(zip(["", *steps(err)[:-1]], seconds, strict=True))


def steps(err: str) -> list[str]:
    """The steps that have ended, each without its seconds."""
    return [line.rsplit(maxsplit=2)[0] for line in err.splitlines() if line.startswith("✓")]


def within(lengths: dict[str, float], share: float) -> tuple[str, float]:
    """The step, and the seconds into its first half, that a share of the run's time falls on."""
    at = share * sum(lengths.values())
    for step, length in lengths.items():
        if at < length:
            return step, at / 2
        at -= length
    raise AssertionError(share)


def test_killed_at_any_moment(night, home: Path, mended, tmp_path: Path) -> None:
    other, lengths = mended.home, lengths_of(mended.won.err)
    chance = random.Random(20)
    raws = {night.raw: state(night.home, night.day), night.changed_raw: state(other, night.day)}
    assert len({json.dumps(each[1], default=str) for each in raws.values()}) == 2
    assert len({each[2]["vip_audience.csv"] for each in raws.values()}) == 2
    by_fingerprint = {each[0]: each for each in raws.values()}

    # Evenly over the run, and some where files change hands; in any order.
    moments = [within(lengths, (n + chance.random()) / ANYWHERE) for n in range(ANYWHERE)]
    moments += [(step, chance.random() * lengths[step] / 2) for step in CHANGING_HANDS]
    chance.shuffle(moments)
    alive, turned = 0, 0
    for number, (after, wait) in enumerate(moments):
        published = query(home, "select raw_fingerprint from marts.run_context")[0][0]
        (raw,) = [folder for folder, each in raws.items() if each[0] != published]
        run = start(tmp_path / "run", "nightly", raw_dir=raw, home=home)
        while run.is_alive and after not in ("", *steps(run.err)):
            time.sleep(0.02)
        time.sleep(wait)
        alive += run.is_alive
        run.kill(group=number % 2 == 0)  # else dbt is left an orphan, as the OOM killer does
        run.wait()

        told = (number, after, wait)
        fingerprint, tables, _ = state(home, night.day)
        turned += fingerprint != published
        assert tables == by_fingerprint[fingerprint][1], told
        assert exported(home, night.day) in [each[2] for each in raws.values()], told
        assert visible(home / "exports") == [night.day, "latest"], told
        assert (home / "exports" / "latest").readlink() == Path(night.day), told
        with sqlite3.connect(home / "ledger.sqlite") as ledger:
            assert ledger.execute("pragma integrity_check").fetchall() == [("ok",)], told
    assert alive >= len(moments) * 0.6, "the moments were not spread over the run"
    assert turned, "no kill came late enough to matter"

    ended = start(tmp_path / "run", "nightly", raw_dir=night.changed_raw, home=home).wait()
    assert ended.code == 0, ended.err
    assert state(home, night.day) == raws[night.changed_raw]
    assert content(home / "exports") == content(other / "exports")
    assert not list((home / "exports").glob(".*")) and not list((home / "published").glob(".*"))
    assert not list((home / "outbox").rglob(".*"))

    lists = delivered(home)
    audience = csv_rows(home / "exports" / night.day / "vip_audience.csv")
    holdout = csv_rows(home / "exports" / night.day / "holdout.csv")
    on_vip = {row["customer_id"] for row in audience if "vip" in row["audience_ids"].split(",")}
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        stopped = warehouse.execute(
            "select customer_id from raw.consent_events "
            "where action = 'opt_out' and occurred_at >= cast($1 as date)",
            [night.day],
        ).fetchall()
    since = {customer_id for (customer_id,) in stopped}
    assert since & on_vip, "a file tells of the night, a push of the hours since as well"
    assert lists["vip"] == on_vip - since != set()
    held_out = {
        row["customer_id"]
        for row in holdout
        if row["experiment_id"] == "global" and row["arm"] == "holdout"
    }
    assert lists["holdout-global"] == held_out != set()
    plan = start(tmp_path / "run", "plan", "--json", home=home).wait()
    assert not {action for action, rows in plan.json["counts"].items() if rows} - {"unchanged"}
