"""The ledger: what an older program wrote is carried over, and what it holds tells nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from night import AS_OF, build, members
from vendor import Vendor

from orchestration import ledger, sync
from orchestration.contract import load_contract
from orchestration.errors import UserError
from orchestration.keys import ledger_key
from orchestration.landing import LOGS
from orchestration.landing.loading import create_table
from orchestration.ledger import open_ledger
from orchestration.settings import Settings
from orchestration.sync.planning import _prepare
from orchestration.warehouse import connect


def old_ledger(settings: Settings) -> None:
    """A ledger of schema 1, as a night on the outbox left it."""
    settings.home.mkdir()
    with sqlite3.connect(settings.paths.ledger) as connection:
        connection.executescript(ledger._MIGRATIONS[0])
        connection.execute(
            "insert into sync_runs values (7, 'vendor', '2026-06-30', 1, '2026-06-30T02:00:00', "
            "'2026-06-30T02:01:00', 3, 0, 0, 0)"
        )
        rows = [
            ("profile", "k-c1", "5d41402abc4b2a76b9719d911017c592", "complete"),
            ("profile", "k-c2", None, "failed"),
            ("vip", "k-c1", "on", "complete"),
            ("vip", "k-c3", "on", "complete"),
        ]
        connection.executemany(
            "insert into sync_rows values ('vendor', ?1, ?2, 'Gold', 'on', ?3, ?4, 1, "
            "null, null, null, null, 7)",
            rows,
        )
        connection.execute(
            "insert into holdout_assignments values "
            "(1, 'global', 'k-c9', 'c9', 'holdout', 0.01, '2026-06-01')"
        )
        connection.execute("pragma user_version = 1")
    settings.paths.ledger.chmod(0o600)


def test_a_ledger_of_schema_1_goes_on(settings: Settings, vendor: Vendor) -> None:
    old_ledger(settings)
    vendor.lists = {"vip": {"c1", "c3"}}
    build(settings, members(2))
    sync.push(settings, "vendor", AS_OF)

    assert ("remove vip", ["c3"]) in vendor.calls, "a place on a list is still known"
    assert ("add vip", ["c2"]) in vendor.calls, "and who has one is not added again"
    sent = {customer for call, who in vendor.calls if call == "profiles" for customer in who}
    assert {"c1", "c2"} <= sent, "each profile is sent once more, to be hashed with the key"
    with sqlite3.connect(settings.paths.ledger) as connection:
        assert "5d41402abc4b2a76b9719d911017c592" not in "\n".join(connection.iterdump())
        assert connection.execute("select outcome from sync_runs").fetchall() == [
            ("done",),
            ("done",),
        ]
    with open_ledger(settings) as opened:
        assert opened.holdout_log(AS_OF, is_sample=True).num_rows == 1


def test_messages_of_schema_3_are_carried_over(settings: Settings) -> None:
    """Their table had its columns in another order, at which SQLite's check stumbles."""
    said = ("vip", "k-c1", "c1", "gold", "promotional", "2026-06-30 13:00:00", None)
    settings.home.mkdir()
    with sqlite3.connect(settings.paths.ledger) as connection:
        for step in ledger._MIGRATIONS[:3]:
            connection.executescript(step)
        connection.execute(
            "insert into messages values (0, ?, ?, ?, ?, ?, ?, ?, '2026-06-30')", said
        )
        connection.execute("pragma user_version = 3")
    settings.paths.ledger.chmod(0o600)
    night = AS_OF.isoformat()
    with open_ledger(settings) as opened:
        assert opened.log_messages([(night, *said)], is_sample=False) == 1
        later = opened.message_log(AS_OF + timedelta(days=1), is_sample=False)
    assert [tuple(row.values()) for row in later.to_pylist()] == [
        ("2026-06-30", *said),
        (night, *said),
    ]
    with sqlite3.connect(settings.paths.ledger) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_planning_on_an_older_ledger_says_how_to_bring_it_up_to_date(
    settings: Settings, vendor: Vendor
) -> None:
    old_ledger(settings)
    before = settings.paths.ledger.read_bytes()
    build(settings, members(1))
    with pytest.raises(UserError, match="has schema 1"):
        sync.make_plan(settings, "vendor", AS_OF)
    assert settings.paths.ledger.read_bytes() == before


@pytest.mark.parametrize("key", [b"short", b"k" * 64, b"longer than a block" * 9])
def test_the_hash_is_hmac_sha256(key: bytes) -> None:
    message = '+12025550001|ann@example.com|{"first_name": "Zoë"}'
    with duckdb.connect() as connection:
        _prepare(connection, key, [])
        (seen,) = connection.execute("select keyed($1)", [message]).fetchone()
    assert seen == hmac.new(key, message.encode(), hashlib.sha256).hexdigest()[:32]


def test_another_key_gives_other_hashes_and_every_profile_once_more(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(3))
    sync.push(settings, "vendor", AS_OF)
    settings.paths.ledger_key.unlink()
    plan = sync.make_plan(settings, "vendor", AS_OF)
    assert not settings.paths.ledger_key.exists(), "a plan makes no key"
    assert (plan.counts()["change"], plan.counts()["add"]) == (5, 0)


def test_the_key_is_private_and_made_once(settings: Settings) -> None:
    key = ledger_key(settings, create=True)
    assert settings.paths.ledger_key.stat().st_mode & 0o777 == 0o600
    assert ledger_key(settings, create=True) == key == ledger_key(settings, create=False)
    settings.paths.ledger_key.chmod(0o640)
    with pytest.raises(UserError, match="may be read by others"):
        ledger_key(settings, create=True)
    settings.paths.ledger_key.chmod(0o600)
    settings.paths.ledger_key.write_text("")
    with pytest.raises(UserError, match="holds no key"):
        ledger_key(settings, create=True)


def test_a_secret_of_the_environment_takes_the_place_of_the_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIP_LEDGER_KEY", "from the vault")
    settings = Settings(home=settings.home, _env_file=None)
    assert ledger_key(settings, create=True) == b"from the vault"
    assert not settings.paths.ledger_key.exists()
    assert "vault" not in repr(settings)


def test_what_failed_waits_longer_each_time_and_is_due_then(settings: Settings) -> None:
    with open_ledger(settings) as opened:
        run = opened.start("vendor", AS_OF, is_sample=True)
        waits = []
        for _ in range(3):
            opened.intend(run, "vendor", [("vip", "k", "c", "Gold", "on", False)])
            opened.record("vendor", "vip", ["k"], "retry", error="busy")
            with sqlite3.connect(settings.paths.ledger) as connection:
                (when,) = connection.execute("select next_try from sync_rows").fetchone()
            waits.append(datetime.fromisoformat(when) - datetime.now(UTC))
        assert waits[0] < waits[1] < waits[2] <= timedelta(minutes=20)
        assert opened.due("vendor", datetime.now(UTC)) == 0
        assert opened.due("vendor", datetime.now(UTC) + timedelta(minutes=21)) == 1
        opened.record("vendor", "vip", ["k"], "complete")
        assert opened.due("vendor", datetime.now(UTC) + timedelta(days=9)) == 0


@pytest.mark.parametrize("is_consent", [True, False])
def test_what_was_refused_outright_is_due_again_only_for_want_of_consent(
    settings: Settings, is_consent: bool
) -> None:
    with open_ledger(settings) as opened:
        run = opened.start("vendor", AS_OF, is_sample=True)
        opened.intend(run, "vendor", [("vip", "k", "c", "Gold", "off", is_consent)])
        opened.record("vendor", "vip", ["k"], "rejected", error="no such list")
        assert opened.due("vendor", datetime.now(UTC)) == 0
        assert opened.due("vendor", datetime.now(UTC) + timedelta(minutes=6)) == is_consent


def test_the_hash_moves_on_acknowledgement_and_at_no_other_moment(settings: Settings) -> None:
    """The defect of engines that note a row before it is delivered: it is never sent again."""

    def accepted() -> list[str | None]:
        with open_ledger(settings, read_only=True) as opened:
            return opened.rows("vendor")["accepted_hash"].to_pylist()

    with open_ledger(settings) as opened:
        run = opened.start("vendor", AS_OF, is_sample=True)
        opened.intend(run, "vendor", [("profile", "k", "c", "Gold", "h1", False)])
        assert accepted() == [None]
        for state in ("processing", "retry", "rejected"):
            opened.record("vendor", "profile", ["k"], state)
            assert accepted() == [None], state
        opened.record("vendor", "profile", ["k"], "complete")
        assert accepted() == ["h1"]
        opened.intend(run, "vendor", [("profile", "k", "c", "Gold", "h2", False)])
        opened.record("vendor", "profile", ["k"], "rejected")
        assert accepted() == ["h1"]


def test_an_answer_moves_the_rows_that_it_names_and_no_other(settings: Settings) -> None:
    """Whatever an id looks like: it is text, also where it could be a number or the end of one."""
    names = [
        "k",
        "1",
        "01",
        "1e3",
        "null",
        "[2]",
        'a"b',
        "c\\d",
        "e,f",
        "Ünï\n",
        "\u2028",
        "'",
        "🛍",
    ]
    rows = [
        (audience, name, f"c-{name}", None, f"h-{name}", name in names[1::2])
        for audience in ("profile", "vip")
        for name in names
    ]

    def where(clause: str) -> list[str]:
        with sqlite3.connect(settings.paths.ledger) as connection:
            return [
                name
                for (name,) in connection.execute(
                    f"select contact_id from sync_rows where {clause} order by contact_id"
                )
            ]

    with open_ledger(settings) as opened:
        for destination in ("vendor", "other"):
            run = opened.start(destination, AS_OF, is_sample=True)
            opened.intend(run, destination, rows)
        asked = "customer_id = 'c-' || contact_id and desired_hash = 'h-' || contact_id"
        assert where(asked) == sorted(names * 4)
        assert where("is_consent") == sorted(names[1::2] * 4)
        told = {name: f"v-{name}" for name in names[:2]}
        opened.record("vendor", "vip", names[::2], "complete", vendor_ids=told)
        assert where("accepted_hash = desired_hash and state = 'complete'") == sorted(names[::2])
        assert where("state = 'processing' and accepted_hash is null") == sorted(
            3 * names + names[1::2]
        )
        assert where("vendor_id = 'v-' || contact_id and destination = 'vendor'") == sorted(
            2 * names[:2]
        )
        assert where("vendor_id is null and destination = 'other'") == sorted(2 * names)
        for audience in ("profile", "vip"):
            opened.record("vendor", audience, names, "processing", job_id="j")
        everybody = {"profile": sorted(names), "vip": sorted(names)}
        assert opened.rows_of_job("vendor", "j") == everybody
        assert opened.rows_of_job("other", "j") == {}


def test_opt_outs_are_kept_for_good(settings: Settings) -> None:
    said = datetime(2026, 7, 1, 3, tzinfo=UTC)
    stops = [ledger.StopSaid("k", said, "klaviyo")]
    with open_ledger(settings) as opened:
        opened.note_opt_outs("klaviyo", stops, said)
        opened.note_opt_outs("klaviyo", stops, said - timedelta(hours=1))
        assert opened.opt_outs().to_pylist() == [
            {
                "destination": "klaviyo",
                "contact_id": "k",
                "occurred_at": said.isoformat(),
                "how": "klaviyo",
            }
        ]
        assert opened.opt_outs("other").num_rows == 0
        assert opened.opt_outs_read("klaviyo")[1] == said, "a clock set back takes nothing back"


def test_properties_and_phone_do_not_reach_the_ledger(settings: Settings, vendor: Vendor) -> None:
    build(settings, members(2))
    sync.push(settings, "vendor", AS_OF)
    with sqlite3.connect(settings.paths.ledger) as connection:
        text = "\n".join(connection.iterdump())
    assert json.dumps("Ann")[1:-1] not in text
    assert "+1202" not in text


def test_the_warehouse_hears_of_stops_pushes_and_failures(
    settings: Settings, vendor: Vendor
) -> None:
    """What the models read: of earlier nights only, so that a night built again is the same."""
    build(settings, members(3), is_sample=False)
    vendor.answers = {"c2": "rejected"}
    vendor.told = {"c3"}
    sync.push(settings, "vendor", AS_OF)
    assert copied(settings, AS_OF, "sync_runs", is_sample=False) == []
    night = AS_OF + timedelta(days=1)
    ((run, outcome, failed),) = copied(
        settings, night, "sync_runs", "sync_run_id, outcome, failed", is_sample=False
    )
    assert (run, outcome, failed) == ("1", "done", 1)
    assert copied(
        settings, night, "sync_failures", "audience, contact_id, state, attempts", is_sample=False
    ) == [("profile", "k-c2", "rejected", 1)]
    plan = "audience, action, tier, reason, contacts"
    assert copied(settings, night, "sync_plans", f"sync_run_id, {plan}", is_sample=False) == [
        ("1", "holdout-global", "add", None, "new", 2),
        ("1", "profile", "add", "Gold", "new", 2),
        ("1", "profile", "add", None, "new", 2),
        ("1", "vip", "add", "Gold", "new", 2),
    ]
    assert copied(settings, AS_OF, "sync_plans", is_sample=False) == []
    assert copied(settings, night, "platform_opt_outs", "contact_id, occurred_at", False) == [
        ("k-c3", datetime(2026, 7, 1, 4))
    ]
    assert copied(settings, night, "platform_opt_outs") == [], "no real person is in a sample"
    assert copied(settings, night, "sync_runs") == []


def copied(
    settings: Settings, as_of, table: str, columns: str = "*", is_sample: bool = True
) -> list[tuple]:
    with open_ledger(settings) as opened, connect(settings) as connection:
        for name in LOGS:
            create_table(connection, load_contract()[name], keep=True)
        ledger.copy_to_warehouse(opened, connection, as_of, is_sample=is_sample)
        return connection.execute(f"select {columns} from raw.{table}").fetchall()
