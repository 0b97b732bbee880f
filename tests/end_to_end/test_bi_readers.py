"""Ten BI tools keep asking while nights go by: no error, no two nights in one answer."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from amount import amount
from vip_process import content, exported, start

pytestmark = pytest.mark.slow

STORAGE_OF_1_0 = 64  # the number by which DuckDB 1.0 knows a file of its own
READERS = 10
ASKED = 8  # of the marts, another choice each time
# The last one is the first, built again.
NIGHTS = ("2026-07-02", "2026-07-03", "2026-07-01")[-amount(usual=2, long=3) :]

# Figures of one night that hang together, each from marts of their own.
CONSISTENT = """
select
    (select count(*) from marts.customer_value) = (select count(*) from marts.customer_tiers)
    and (select count(*) from marts.audience_members)
    = (select count(*) from marts.audience_decisions where decision = 'member')
    and (select sum(customers) from marts.audience_waterfall)
    = (select count(*) from marts.audience_decisions)
    and (select count(*) from marts.customer_tiers where tier_rank > 0)
    = (select count(*) from marts.tier_history where tier_rank > 0 and valid_to is null)
    and (select count(*) > 0 from marts.audience_decisions)
"""


def read_on(path: Path, stop: Event, notes: Path, seed: int) -> None:
    """Open, ask, close, again and again; write down which nights were seen, or what went wrong."""
    chance = random.Random(seed)
    seen, reads = set(), 0
    try:
        while not stop.is_set():
            with duckdb.connect(str(path), read_only=True, config={"threads": 1}) as connection:
                tables = connection.execute(
                    "select table_name from duckdb_tables() where schema_name = 'marts'"
                ).fetchall()
                # A tool asks one question after the other through the same connection.
                dates = {
                    date
                    for (table,) in chance.sample(tables, ASKED)
                    for (date,) in connection.execute(
                        f"select distinct as_of_date::varchar from marts.{table}"
                    ).fetchall()
                }
                assert len(tables) > 10, tables
                assert len(dates) == 1, f"two nights at once: {dates}"
                assert connection.execute(CONSISTENT).fetchone() == (True,), dates
            seen |= dates
            reads += 1
            time.sleep(chance.uniform(2, 6))
        notes.write_text(json.dumps({"seen": sorted(seen), "reads": reads}))
    except BaseException as error:
        notes.write_text(json.dumps({"error": f"{type(error).__name__}: {error}"}))


class Watched(NamedTuple):
    home: Path
    notes: list[dict]
    first: dict[str, bytes]
    delivered: dict[str, bytes]  # before the last night, a past one
    said: str  # of the last night


@pytest.fixture(scope="module")
def watched(night, copy_of, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The nights in one home, with what its readers saw; the first one is built anew."""
    home, folder = copy_of(night), tmp_path_factory.mktemp("readers")
    first = exported(home, night.day)
    shutil.rmtree(home / "exports" / night.day)
    # Readers have nothing of the programme in them, so they need not load it.
    spawning = multiprocessing.get_context("spawn")
    stop = spawning.Event()
    published = home / "published" / "vip_sms.duckdb"
    readers = [
        spawning.Process(target=read_on, args=(published, stop, folder / f"{n}.json", n))
        for n in range(READERS)
    ]
    for reader in readers:
        reader.start()
    try:
        for day in NIGHTS:
            delivered = content(home / "outbox")
            threads = 1 if day == night.day else 2
            run = start(
                folder, "nightly", "--as-of", day, raw_dir=night.raw, home=home, threads=threads
            )
            ended = run.wait()
            assert ended.code == 0, ended.err
        time.sleep(2)
    finally:
        stop.set()
        for reader in readers:
            reader.join(30)
    notes = [json.loads((folder / f"{n}.json").read_text()) for n in range(READERS)]
    yield Watched(home, notes, first, delivered, ended.out)


def test_older_clients_can_open_what_is_published(night) -> None:
    with (night.home / "published" / "vip_sms.duckdb").open("rb") as handle:
        head = handle.read(20)
    assert head[8:12] == b"DUCK"
    assert int.from_bytes(head[12:], "little") == STORAGE_OF_1_0


def test_no_reader_meets_an_error_or_a_torn_night(night, watched: Watched) -> None:
    assert [note for note in watched.notes if "error" in note] == []
    assert all(note["reads"] > 5 for note in watched.notes)
    assert {day for note in watched.notes for day in note["seen"]} == {night.day, *NIGHTS}


def test_a_past_night_built_again_by_one_thread_is_what_it_was(night, watched: Watched) -> None:
    """Later nights went by, with their draws of the holdout."""
    assert exported(watched.home, night.day) == watched.first


def test_a_past_night_is_neither_delivered_nor_called_latest(watched: Watched) -> None:
    assert content(watched.home / "outbox") == watched.delivered
    assert "is older and is not sent" in watched.said
    assert (watched.home / "exports" / "latest").readlink() == Path(max(NIGHTS))


def test_later_nights_differ(night, watched: Watched) -> None:
    """Else the comparison of a rebuilt night would prove nothing."""
    files = {exported(watched.home, day)["vip_audience.csv"] for day in NIGHTS}
    assert len(files) > 1
