"""The holdout log: drawn once, kept for good, and each night sees what was known by then."""

from __future__ import annotations

from datetime import timedelta

from night import AS_OF, build, members

from orchestration.ledger import append_holdout_log, copy_holdout_log, open_ledger
from orchestration.settings import Settings
from orchestration.warehouse import connect


def append(settings: Settings, *, is_sample: bool = True) -> int:
    with open_ledger(settings) as ledger, connect(settings) as connection:
        return append_holdout_log(ledger, connection, is_sample=is_sample)


def copied(settings: Settings, as_of, *, is_sample: bool = True) -> list[tuple]:
    with open_ledger(settings) as ledger, connect(settings) as connection:
        copy_holdout_log(ledger, connection, as_of, is_sample=is_sample)
        return connection.execute("from raw.holdout_log").fetchall()


def test_the_first_assignment_wins(settings: Settings) -> None:
    build(settings, members(2), holdout=["c9001"])
    assert append(settings) == 3
    assert append(settings) == 0
    night = AS_OF + timedelta(days=1)
    build(settings, members(3), holdout=["c9001"], as_of=night)
    assert append(settings) == 1, "only who is new is added"
    rows = copied(settings, night)
    assert ("global", "k-c9001", "c9001", "holdout", 0.01, AS_OF) in rows
    assert len(rows) == 4


def test_a_night_sees_what_was_known_by_then(settings: Settings) -> None:
    build(settings, members(2), as_of=AS_OF + timedelta(days=1), holdout=[])
    append(settings)
    assert copied(settings, AS_OF) == []
    assert len(copied(settings, AS_OF + timedelta(days=1))) == 2


def test_the_draws_of_the_sample_do_not_bind_a_real_brand(settings: Settings) -> None:
    build(settings, members(2), holdout=[])
    append(settings)
    assert copied(settings, AS_OF, is_sample=False) == []
