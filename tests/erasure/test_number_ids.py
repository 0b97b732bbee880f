"""Ids that are numbers: a postal code, a run or a subject of the same digits is nobody."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import duckdb
import pytest

from orchestration.erasure.finding import find
from orchestration.erasure.forgetting import forget
from orchestration.ledger import open_ledger
from orchestration.settings import Settings
from orchestration.warehouse import writer_lock

GONE, PHONE = "1043", "+12125550143"
REJECTS = [
    ("2000", {"consent_event_id": GONE, "customer_id": "2000"}),
    ("2000", [GONE, "a field too many"]),
    (None, {"consent_event_id": "7", "customer_id": GONE}),
    (None, {"note": "(212) 555-0143"}),
]


@pytest.fixture
def home(settings: Settings) -> Settings:
    settings.paths.home.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.paths.warehouse)) as con:
        con.execute("create schema raw")
        con.execute(
            "create table raw.customers as from (values ($1, $2, '10001'), ('2000', null, $1)) "
            "as t(customer_id, phone_e164, postal_code)",
            [GONE, PHONE],
        )
        con.execute("create table raw.sync_runs as select $1 as sync_run_id", [GONE])
        con.execute(
            "create table raw.decisions as from (values ($1, '2000'), ('x', $1)) "
            "as t(subject_id, customer_id)",
            [GONE],
        )
        con.execute("create table raw.rejects (customer_id varchar, row_data varchar)")
        con.executemany(
            "insert into raw.rejects values ($1, $2)",
            [[customer, json.dumps(record)] for customer, record in REJECTS],
        )
    with open_ledger(settings) as ledger:
        ledger.log_messages(
            [
                ("2026-06-30", "vip", who, who, GONE, "promotional", "2026-07-01 10:00:00", None)
                for who in ("2000", GONE)
            ],
            is_sample=True,
        )
    return settings


def found(settings: Settings) -> list[tuple[str, str, str, int]]:
    with closing(duckdb.connect()) as con:
        con.execute(f"attach '{settings.paths.warehouse}' as warehouse (read_only)")
        con.execute("attach ':memory:' as vip_sms")
        return find(settings, con)


def test_only_the_columns_of_customers_name_somebody_by_id(home: Settings) -> None:
    with writer_lock(home):
        forget(home, GONE, None)
    with duckdb.connect(str(home.paths.warehouse), read_only=True) as con:
        assert con.execute("from raw.customers").fetchall() == [("2000", None, GONE)]
        assert con.execute("from raw.sync_runs").fetchall() == [(GONE,)]
        assert con.execute("from raw.decisions").fetchall() == [(GONE, "2000")]
        assert con.execute("from raw.rejects").fetchall() == [
            (customer, json.dumps(record)) for customer, record in REJECTS[:2]
        ]
    with closing(sqlite3.connect(home.paths.ledger)) as con:
        assert con.execute("select contact_id, subject_id from messages").fetchall() == [
            ("2000", GONE)
        ]
    assert found(home) == []


def test_the_nightly_check_still_finds_the_id_where_it_names_somebody(home: Settings) -> None:
    with writer_lock(home):
        forget(home, GONE, None)
    with duckdb.connect(str(home.paths.warehouse)) as con:
        con.execute("insert into raw.decisions values ('y', $1)", [GONE])
    assert [each[1:] for each in found(home)] == [("raw.decisions", "customer_id", 1)]
