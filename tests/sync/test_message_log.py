"""The log of messages: what a night decided is known to every later one, whatever is built anew."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from night import AS_OF, build, members

from orchestration.ledger import append_message_log, copy_message_log, open_ledger
from orchestration.settings import Settings
from orchestration.warehouse import connect

NEXT = AS_OF + timedelta(days=1)


def decide(settings: Settings, customers: int, *, as_of: date = AS_OF) -> int:
    """A night on which each of these customers gets a message; how many the ledger did not know."""
    build(settings, members(customers), as_of=as_of)
    with open_ledger(settings) as ledger, connect(settings) as connection:
        connection.execute(f"attach if not exists '{settings.paths.build}' as vip_sms")
        connection.execute(
            "update vip_sms.marts.audience_decisions set is_message = customer_id <> 'c1', "
            "ends_at = send_at + interval 2 day, send_at = send_at + interval 13 hour"
        )
        return append_message_log(ledger, connection, is_sample=True)


def known(settings: Settings, as_of: date, *, is_sample: bool = True) -> list[tuple]:
    with open_ledger(settings) as ledger, connect(settings) as connection:
        copy_message_log(ledger, connection, as_of, is_sample=is_sample)
        return connection.execute("from raw.message_log").fetchall()


def test_later_nights_know_what_was_decided(settings: Settings) -> None:
    assert decide(settings, 2) == 1, "who is on a list only gets no message"
    night = datetime(2026, 7, 1)
    said = ("vip", "k-c2", "c2", "gold", "promotional", night + timedelta(hours=13))
    assert known(settings, NEXT) == [(AS_OF, *said, night + timedelta(days=2))]
    assert known(settings, NEXT, is_sample=False) == [], "the sample binds no real brand"


def test_a_night_does_not_know_itself(settings: Settings) -> None:
    decide(settings, 3)
    assert known(settings, AS_OF) == []
    assert len(known(settings, NEXT)) == 2


def test_a_night_built_twice_has_sent_what_either_said(settings: Settings) -> None:
    assert decide(settings, 3) == 2
    assert decide(settings, 3) == 0
    assert decide(settings, 4) == 1
    assert decide(settings, 2, as_of=NEXT) == 1
    assert len(known(settings, NEXT + timedelta(days=1))) == 4
