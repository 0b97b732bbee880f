"""Publishing: readers see the old marts or the new ones, and never a person."""

from __future__ import annotations

import multiprocessing
import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from night import AS_OF, build, members

from orchestration import publishing
from orchestration.errors import UserError
from orchestration.publishing import publish
from orchestration.settings import Settings


def customers(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute("select count(*) from marts.customer_tiers").fetchone()[0]


def run_on_build(settings: Settings, sql: str) -> None:
    with duckdb.connect(str(settings.paths.build)) as connection:
        connection.execute(sql)


def names(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.paths.published.parent.iterdir())


def test_the_copy_is_read_only_and_says_what_it_holds(settings: Settings) -> None:
    build(settings, members(3))
    published = publish(settings, AS_OF)
    assert published.rows["customer_tiers"] == 3
    assert published.bytes == published.path.stat().st_size
    assert published.path.stat().st_mode & 0o777 == 0o444
    assert customers(settings.paths.published) == 3
    assert names(settings) == ["vip_sms.duckdb"]


def test_views_of_the_copy_still_find_their_tables(settings: Settings) -> None:
    build(settings, members(3))
    with duckdb.connect(str(settings.paths.warehouse)) as connection:
        connection.execute(f"attach '{settings.paths.build}' as vip_sms")
        connection.execute("create view vip_sms.marts.v as from vip_sms.marts.customer_tiers")
    publish(settings, AS_OF)
    with duckdb.connect(str(settings.paths.published), read_only=True) as connection:
        assert connection.execute("select count(*) from marts.v").fetchone() == (3,)


def test_an_open_reader_keeps_the_old_marts(settings: Settings) -> None:
    build(settings, members(3))
    publish(settings, AS_OF)
    with duckdb.connect() as reader:
        reader.execute(f"attach '{settings.paths.published}' as old (read_only)")
        night = AS_OF + timedelta(days=1)
        build(settings, members(5), as_of=night)
        publish(settings, night)
        count = "select count(*) from old.marts.customer_tiers"
        assert reader.execute(count).fetchone() == (3,)
    assert customers(settings.paths.published) == 5


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("create table marts.t as select 1 as x, '1' as phone_e164", r"t\.phone_e164"),
        ("create table marts.t as select 'Ann' as first_name", r"t\.first_name"),
        ("create table marts.t as select date '1990-01-01' as birth_date", r"t\.birth_date"),
        ("create table marts.t as select '+12025550100' as note", r"t\.note"),
        ("create table marts.t as select 'ann@example.com' as note", r"t\.note"),
        ("create schema other; create table other.t as select 'a@b.co' as x", r"t\.x"),
        ("delete from marts.customer_tiers", "no customers"),
        ("drop table marts.customer_tiers", "no customers"),
        ("delete from marts.run_context", "of no date, not of 2026-07-01"),
        ("update marts.run_context set as_of_date = '2026-06-30'", "of 2026-06-30, not"),
        ("drop table marts.run_context", "cannot be read back"),
    ],
)
def test_what_may_not_be_seen_is_not_published(settings: Settings, sql: str, told: str) -> None:
    build(settings, members(3))
    publish(settings, AS_OF)
    build(settings, members(4))
    run_on_build(settings, sql)
    with pytest.raises(UserError, match=told) as caught:
        publish(settings, AS_OF)
    assert "ann@" not in str(caught.value)
    assert customers(settings.paths.published) == 3
    assert names(settings) == ["vip_sms.duckdb"]


def test_a_count_of_phones_is_no_phone(settings: Settings) -> None:
    build(settings, members(3))
    run_on_build(
        settings,
        "create table marts.t as select true as has_phone, 3 as customers_per_phone, "
        "'a+b' as product_name, 'orders.csv' as file_name, '@' as note",
    )
    publish(settings, AS_OF)


def test_a_full_disk_leaves_the_old_marts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(settings, members(3))
    publish(settings, AS_OF)
    build(settings, members(4))

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(UserError, match="no space left"):
        publish(settings, AS_OF)
    assert customers(settings.paths.published) == 3
    assert names(settings) == ["vip_sms.duckdb"]


def test_what_a_killed_run_left_is_swept(settings: Settings) -> None:
    build(settings, members(3))
    publish(settings, AS_OF)
    (settings.paths.published.parent / ".vip_sms.duckdb.999.tmp").write_bytes(b"half")
    publish(settings, AS_OF)
    assert names(settings) == ["vip_sms.duckdb"]


def test_nothing_built_is_said_in_one_line(settings: Settings) -> None:
    with pytest.raises(UserError, match="vip nightly"):
        publish(settings, AS_OF)


def read_on(path: str, stop, seen) -> None:
    """What a BI tool does: open, read, compare two tables that must agree, close, again."""
    reads = 0
    while not stop.is_set():
        with duckdb.connect() as connection:
            connection.execute(f"attach '{path}' as vip_sms (read_only)")
            tiers, decisions = connection.execute(
                "select (select count(*) from vip_sms.marts.customer_tiers), "
                "(select count(*) from vip_sms.marts.audience_decisions)"
            ).fetchone()
        assert tiers == decisions, f"torn read: {tiers} and {decisions}"
        for _ in range(2000):  # at no moment is the file missing or still being written
            assert Path(path).stat().st_mode & 0o777 == 0o444
        reads += 1
    seen.put(reads)


@pytest.mark.slow
def test_readers_meet_no_lock_and_no_torn_file(settings: Settings) -> None:
    build(settings, members(10))
    publish(settings, AS_OF)
    context = multiprocessing.get_context("spawn")
    stop, seen = context.Event(), context.Queue()
    readers = [
        context.Process(target=read_on, args=(str(settings.paths.published), stop, seen))
        for _ in range(4)
    ]
    for reader in readers:
        reader.start()
    for count in range(11, 21):
        build(settings, members(count))
        publish(settings, AS_OF)
    stop.set()
    for reader in readers:
        reader.join(30)
        assert reader.exitcode == 0
    assert sum(seen.get() for _ in readers) > 4


def test_the_smoke_test_is_on_the_copy(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    build(settings, members(3))
    monkeypatch.setattr(
        publishing.shutil, "copyfile", lambda source, target: target.write_bytes(b"x" * 10000)
    )
    with pytest.raises(UserError, match="cannot be read back"):
        publish(settings, AS_OF)
    assert names(settings) == []
