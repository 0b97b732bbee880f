"""A plan names what the push then does and touches nothing; no push passes the gate."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from spoiling import slip_in
from vip_process import content, csv_rows, query, start

from orchestration.settings import PROJECT_DIR

pytestmark = pytest.mark.slow

ONE_LIST = "halfway"
"""Who has half of the way behind them is on no other list: no VIP yet."""


def forget(home: Path, night) -> dict[str, str]:
    """Let the ledger say that the outbox holds something else; return who was made what."""
    gone = next(each for each, vip in night.truth["vips"].items() if vip["reason"] == "opted_out")
    with sqlite3.connect(home / "ledger.sqlite") as ledger:
        # On the one list alone; whoever shares a phone may be a contact of another name.
        (new,), (other,) = ledger.execute(
            "select customer_id from sync_rows where contact_id = customer_id group by customer_id "
            "having count(*) = 2 and sum(audience = ?) = 1 order by customer_id limit 2",
            (ONE_LIST,),
        ).fetchall()
        ledger.execute("delete from sync_rows where customer_id = ?", (new,))
        ledger.execute(
            "update sync_rows set accepted_hash = 'x', tier = 'platinum' "
            "where customer_id = ? and audience = 'profile'",
            (other,),
        )
        for name in ("profile", "vip"):
            ledger.execute(
                "insert into sync_rows select destination, audience, ?1, ?1, tier, desired_hash, "
                "accepted_hash, state, attempts, null, null, null, null, null, sync_run_id, 0 "
                "from sync_rows where audience = ?2 and state = 'complete' and tier is not null "
                "limit 1",
                (gone, name),
            )
    return {"new": new, "other": other, "gone": gone}


def new_files(home: Path, night) -> dict[str, list[str]]:
    """The contacts in the files of the outbox that were not there after the night, by what for."""
    old = {path.name for path in (night.home / "outbox" / night.day).iterdir()}
    found: dict[str, list[str]] = {}
    for path in (home / "outbox" / night.day).iterdir():
        if path.name not in old:
            rows = [row["contact_id"] for row in csv_rows(path)]
            found.setdefault(path.stem.split("-", 2)[2], []).extend(rows)
    return {name: sorted(rows) for name, rows in found.items()}


def test_the_push_does_what_the_plan_said(night, home: Path, tmp_path: Path) -> None:
    who = forget(home, night)
    before = content(home)
    planned = start(tmp_path, "plan", "--json", home=home).wait()
    assert planned.code == 0, planned.err
    assert content(home) == before, "a plan touches nothing"

    changes = [row for row in planned.json["rows"] if row["action"] != "unchanged"]
    assert {
        (row["audience"], row["action"], row["reason"], row["customers"]) for row in changes
    } == {
        ("profile", "add", "new", 1),
        (ONE_LIST, "add", "new", 1),
        ("profile", "change", "tier changed", 1),
        ("profile", "change", "opted_out", 1),
        ("vip", "remove", "opted_out", 1),
    }

    refused = start(tmp_path, "push", "--approve", "4", home=home).wait()
    assert "5 changes and 4 are approved" in refused.complaint
    assert "1 removals for want of consent were sent all the same" in refused.complaint
    assert new_files(home, night) == {"remove-vip": [who["gone"]]}

    planned = start(tmp_path, "plan", "--json", home=home).wait()
    pushed = start(tmp_path, "push", "--json", "--approve", "4", home=home).wait()
    assert pushed.code == 0, pushed.err
    assert pushed.json["counts"] == planned.json["counts"]
    assert pushed.json["rows"] == planned.json["rows"]
    assert new_files(home, night) == {
        "remove-vip": [who["gone"]],
        "profiles": sorted(who.values()),
        f"add-{ONE_LIST}": [who["new"]],
    }
    (left,) = [
        row
        for path in (home / "outbox" / night.day).glob("*-profiles.csv")
        for row in csv_rows(path)
        if row["contact_id"] == who["gone"]
    ]
    assert not left["phone"] and not left["email"], "who said stop is told of by our id alone"

    again = start(tmp_path, "plan", "--json", home=home).wait()
    assert {name for name, rows in again.json["counts"].items() if rows} == {"unchanged"}


def somebody(night, reason: str) -> str:
    if reason == "held_out":
        held_out = (
            "select min(customer_id) from marts.audience_decisions where decision = 'holdout'"
        )
        return query(night.home, held_out)[0][0]
    return next(each for each, vip in night.truth["vips"].items() if vip["reason"] == reason)


def ledger_rows(home: Path) -> Counter:
    with sqlite3.connect(home / "ledger.sqlite") as ledger:
        return Counter(ledger.execute("select * from sync_rows").fetchall())


@pytest.fixture(scope="module")
def spoilt(night, copy_of) -> Path:
    return copy_of(night)


@pytest.mark.parametrize(
    "reason",
    ["suppressed", "test_account", "no_consent", "consent_unreadable", "held_out", "shared_phone"],
)
def test_nobody_forbidden_passes_the_gate_of_a_push(
    night, spoilt: Path, tmp_path: Path, reason: str
) -> None:
    customer = somebody(night, reason)
    slip_in(spoilt, customer)
    try:
        ended = start(tmp_path, "push", home=spoilt).wait()
        assert "the gate is shut, nothing is sent" in ended.complaint
        assert content(spoilt / "outbox") == content(night.home / "outbox")
        assert ledger_rows(spoilt) == ledger_rows(night.home)
    finally:
        with duckdb.connect(str(spoilt / "warehouse.duckdb")) as connection:
            connection.execute(
                "delete from activation.sync_vip_audience where customer_id = ?", [customer]
            )


def test_materialising_the_push_alone_sends_nothing_past_the_gate(night, home: Path) -> None:
    slip_in(home, somebody(night, "opted_out"))
    process = subprocess.run(
        [
            str(Path(sys.executable).with_name("dagster")),
            *("asset", "materialize", "-m", "orchestration.definitions"),
            *("--select", "push_outbox", "--partition", night.day),
        ],
        cwd=PROJECT_DIR,
        env={
            **os.environ,
            **night.environment,
            "VIP_HOME": str(home),
            "DAGSTER_HOME": str(home / "dagster"),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode != 0
    assert "the gate is shut, nothing is sent" in process.stdout + process.stderr
    assert content(home / "outbox") == content(night.home / "outbox")
    assert ledger_rows(home) == ledger_rows(night.home)
