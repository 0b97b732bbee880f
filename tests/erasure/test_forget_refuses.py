"""What `vip forget` refuses, and what it clears away before it looks for anybody."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.erasure.forgetting import forget
from orchestration.errors import UserError
from orchestration.ledger import open_ledger
from orchestration.settings import Settings
from orchestration.warehouse import writer_lock

PHONE = "+12125550143"


def people(settings: Settings, count: int) -> None:
    settings.paths.home.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.paths.warehouse)) as con:
        con.execute("create schema raw")
        con.execute(
            "create table raw.customers as select 'c' || i as customer_id, $1 as phone_e164 "
            "from range($2) as t(i)",
            [PHONE, count],
        )


def test_a_phone_on_too_many_accounts_is_refused(settings: Settings) -> None:
    people(settings, 40)
    with writer_lock(settings), pytest.raises(UserError, match="stands on 40 accounts: name"):
        forget(settings, None, PHONE)
    with open_ledger(settings) as ledger:
        assert ledger.erased_digests() == frozenset()


def test_what_killed_nights_left_half_written_goes(settings: Settings) -> None:
    people(settings, 1)
    paths = settings.paths
    left = [
        paths.exports / ".2026-07-01.77.tmp" / "vip_audience.csv",
        paths.published.parent / ".vip_sms.duckdb.77.tmp",
        paths.outbox / "2026-07-01" / ".1-vip-add.csv.77.tmp",
        paths.quality / ".2026-07-01.json.77.tmp",
    ]
    stays = paths.outbox / "2026-07-01" / "notes.txt"
    for path in (*left, stays):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"phone\n{PHONE}\n")
    with writer_lock(settings):
        forget(settings, "c0", None)
    assert not any(path.exists() for path in left) and stays.exists()
    assert not left[0].parent.exists()
