"""Delivery: the plan is the difference to what was confirmed, and nothing is confirmed by hope."""

from __future__ import annotations

import csv
import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from night import AS_OF, Vip, build, members
from vendor import Vendor, actions, stop

from orchestration import sync
from orchestration.errors import UserError
from orchestration.ledger import open_ledger
from orchestration.platforms import UNSURE
from orchestration.settings import Settings


def test_a_push_leaves_nothing_to_do(settings: Settings, vendor: Vendor) -> None:
    build(settings, members(5))

    first = sync.push(settings, "vendor", AS_OF)

    assert first.plan.counts() == dict.fromkeys(sync.ACTIONS, 0) | {"add": 14}
    assert (first.accepted, first.failed) == (14, 0)
    assert vendor.lists == {
        "vip": {"c1", "c2", "c3", "c4", "c5"},
        "holdout-global": {"c9001", "c9002"},
    }
    again = sync.push(settings, "vendor", AS_OF)
    assert again.plan.counts()["unchanged"] == 14
    assert again.accepted == 0


def test_the_plan_names_what_changes_and_why(settings: Settings, vendor: Vendor) -> None:
    build(settings, [*members(4), Vip("c5", "Silver")])
    sync.push(settings, "vendor", AS_OF)
    night = AS_OF + timedelta(days=1)
    build(
        settings,
        [Vip("c1"), Vip("c2", "Platinum"), Vip("c4", spend_to_next_tier="100.0000"), Vip("c6")],
        as_of=night,
        decisions={"c3": "opted_out"},
        holdout=["c9001", "c9003"],
    )

    plan = sync.make_plan(settings, "vendor", night)

    assert actions(plan, "vip") == {
        "c3": ("remove", "opted_out"),
        "c5": ("remove", "no longer qualifies"),
        "c6": ("add", "new"),
    }
    assert actions(plan, "profile") == {
        "c2": ("change", "tier changed"),
        "c3": ("change", "opted_out"),
        "c4": ("change", "details changed"),
        "c5": ("change", "no longer qualifies"),
        "c6": ("add", "new"),
        "c9002": ("change", "no longer qualifies"),
        "c9003": ("add", "new"),
    }
    assert actions(plan, "holdout-global") == {
        "c9002": ("remove", "no longer qualifies"),
        "c9003": ("add", "new"),
    }
    removed = [
        row for row in plan.summary() if (row["audience"], row["action"]) == ("vip", "remove")
    ]
    assert removed == [
        {
            "audience": "vip",
            "action": "remove",
            "tier": "Gold",
            "reason": "opted_out",
            "customers": 1,
        },
        {
            "audience": "vip",
            "action": "remove",
            "tier": "Silver",
            "reason": "no longer qualifies",
            "customers": 1,
        },
    ]


def test_who_left_is_written_as_no_vip_without_phone_and_forgotten(
    settings: Settings, vendor: Vendor
) -> None:
    """Nothing stays there of what they liked or were promised: each is nothing of its type."""
    build(settings, members(2))
    sync.push(settings, "vendor", AS_OF)
    before = vendor.profiles["c2"].properties
    night = AS_OF + timedelta(days=1)
    build(settings, members(1), as_of=night)
    sync.push(settings, "vendor", night)

    left = vendor.profiles["c2"]
    assert (left.phone, left.email) == (None, None)
    nothing = {str: "", int: 0, float: 0.0, bool: False}
    told = {name: nothing[type(value)] for name, value in before.items()} | {"tier": "none"}
    assert left.properties == told
    assert {name: type(value) for name, value in left.properties.items()} == {
        name: type(value) for name, value in before.items()
    }
    assert "c2" not in actions(sync.make_plan(settings, "vendor", night), "profile")

    back = night + timedelta(days=1)
    build(settings, members(2), as_of=back)
    assert actions(sync.make_plan(settings, "vendor", back), "vip")["c2"] == ("add", "back again")


def test_midnight_is_an_hour_and_an_unknown_one_is_not(settings: Settings, vendor: Vendor) -> None:
    build(settings, [Vip("c1", preferred_hour=0), Vip("c2", preferred_hour=19), Vip("c3")])
    sync.push(settings, "vendor", AS_OF)
    hours = {who: told.properties.get("preferred_hour") for who, told in vendor.profiles.items()}
    assert (hours["c1"], hours["c2"], hours["c3"]) == ("0", "19", "")


def test_safe_order_holdout_and_removals_before_anyone_is_added(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(3))
    sync.push(settings, "vendor", AS_OF)
    vendor.calls.clear()
    night = AS_OF + timedelta(days=1)
    build(settings, [Vip("c1"), Vip("c4")], as_of=night, holdout=["c9001", "c3"])
    sync.push(settings, "vendor", night)

    assert [call for call, _ in vendor.calls] == [
        "remove vip",
        "profiles",
        "add holdout-global",
        "profiles",
        "profiles",
        "remove holdout-global",
        "add vip",
    ]


def test_only_what_was_confirmed_counts(settings: Settings, vendor: Vendor) -> None:
    """A row that failed, and a batch that never answered, are in the next plan again."""
    build(settings, members(6))
    vendor.answers = {"c2": "rejected"}
    pushed = sync.push(settings, "vendor", AS_OF)
    assert pushed.failed == 1
    assert "c2" not in vendor.lists["vip"], "added to the list although the profile was refused"
    plan = sync.make_plan(settings, "vendor", AS_OF)
    assert actions(plan, "profile")["c2"] == ("add", "not confirmed before")
    assert actions(plan, "vip")["c2"] == ("add", "new")
    assert plan.counts()["unchanged"] == 2 * 5 + 4


def test_a_dead_line_half_way_is_made_good_by_the_next_push(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(4))
    vendor.breaks_at = 2
    with pytest.raises(ConnectionError):
        sync.push(settings, "vendor", AS_OF)
    assert not vendor.lists.get("vip")
    vendor.breaks_at = None
    sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c1", "c2", "c3", "c4"}
    assert sync.make_plan(settings, "vendor", AS_OF).counts()["unchanged"] == 12


def test_a_removal_whose_addition_was_never_answered_is_still_sent(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(2))
    vendor.breaks_at = 4
    with pytest.raises(ConnectionError):
        sync.push(settings, "vendor", AS_OF)
    vendor.breaks_at = None
    night = AS_OF + timedelta(days=1)
    build(settings, members(1), as_of=night)
    assert actions(sync.make_plan(settings, "vendor", night), "vip")["c2"][0] == "remove"


def test_a_row_that_keeps_failing_is_parked_until_its_data_change(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(2))
    vendor.answers = {"c2": "rejected"}
    for _ in range(5):
        sync.push(settings, "vendor", AS_OF)
    plan = sync.make_plan(settings, "vendor", AS_OF)
    assert actions(plan, "profile")["c2"] == ("parked", "refused before, data unchanged")
    assert actions(plan, "vip")["c2"] == ("parked", "profile refused")

    build(settings, [Vip("c1"), Vip("c2", phone="+12025559999")])
    plan = sync.make_plan(settings, "vendor", AS_OF)
    assert actions(plan, "profile")["c2"][0] == "add"


def test_an_open_job_is_asked_about_before_planning(settings: Settings, vendor: Vendor) -> None:
    build(settings, members(2))
    vendor.answers = {"c1": "pending"}
    pushed = sync.push(settings, "vendor", AS_OF)
    assert pushed.pending == 1
    assert vendor.lists["vip"] == {"c2"}, "nobody is added whose profile is not there yet"
    vendor.answers, vendor.is_slow = {}, True
    vendor.calls.clear()
    plan = sync.push(settings, "vendor", AS_OF).plan
    waiting = ("waiting", "asked before, not answered yet")
    assert (actions(plan, "profile")["c1"], actions(plan, "vip")["c1"]) == (waiting, waiting)
    assert vendor.calls == []
    vendor.is_slow = False
    sync.push(settings, "vendor", AS_OF)
    assert vendor.calls == [("add vip", ["c1"])]


def test_the_word_of_the_platform_on_opt_outs_is_final(settings: Settings, vendor: Vendor) -> None:
    build(settings, members(3))
    sync.push(settings, "vendor", AS_OF)
    vendor.told = {"c3"}
    plan = sync.make_plan(settings, "vendor", AS_OF)
    assert actions(plan, "vip")["c3"] == ("remove", "opted out at the platform")
    sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c1", "c2"}

    vendor.told = set()
    vendor.stops = {"c4"}
    build(settings, members(5))
    sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c1", "c2", "c5"}, "told once is told for good"
    assert "c4" not in vendor.profiles


@pytest.mark.parametrize(
    "said",
    [
        "consent_events (customer_id, action, occurred_at) values ('c2', 'opt_out', '{at}')",
        "consent_events (phone_e164, action, occurred_at) values ('{phone}', 'opt_out', '{at}')",
        "sms_events (customer_id, event_type, occurred_at) values ('c2', 'reply', '{at}')",
        "sms_events (customer_id, message_id, event_type, occurred_at) "
        "values ('of_the_platform', 'm1', 'complaint', '{at}')",
        "suppressions (phone_e164, from_at) values ('{phone}', '{at}')",
        "support_tickets (customer_id, category, opened_at) "
        "values ('spouse', 'Please: stop texts', '{at}')",
    ],
)
def test_a_stop_of_the_hours_since_the_night_is_heard(
    settings: Settings, vendor: Vendor, said: str
) -> None:
    """They have landed and are no part of the night: its tables know nothing of them."""

    def night(*rows: str) -> None:
        build(settings, members(3))
        words = (
            "customers (customer_id, phone_e164) values ('spouse', '{phone}')",
            "sms_messages (message_id, customer_id) values ('m1', 'c2')",
            "consent_events (customer_id, action, occurred_at) values "
            "('c1', 'opt_out', '2026-06-30 23:59:59'), ('c3', 'opt_in', '{at}')",
        )
        with duckdb.connect(str(settings.paths.warehouse)) as con:
            for row in (*words, *rows):
                row = row.format(at="2026-07-01 00:00:00", phone="+12025550002")
                con.execute(f"insert into raw.{row}")

    night()
    sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c1", "c2", "c3"}
    night(said)
    plan = sync.push(settings, "vendor", AS_OF).plan
    assert vendor.lists["vip"] == {"c1", "c3"}
    assert actions(plan, "vip")["c2"] == ("remove", "may have said stop since the night")
    assert plan.consent_removals() == 1


def test_a_stop_stays_with_the_phone_when_the_account_it_is_named_by_moves_away(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(3))
    customers = (
        "insert into raw.customers (customer_id, phone_e164) values ('k-c2', '+12025550002'), "
        "('younger', '+12025550002'), ('stranger', '+12025550003'), ('of_no_phone', null)"
    )
    with duckdb.connect(str(settings.paths.warehouse)) as con:
        con.execute(customers)
    vendor.told = {"c2"}
    sync.push(settings, "vendor", AS_OF)
    with open_ledger(settings) as ledger:
        assert {row["contact_id"] for row in ledger.opt_outs("vendor").to_pylist()} == {
            "k-c2",
            "younger",
        }


def test_a_stop_that_shows_only_when_the_profile_is_there_comes_in_time(
    settings: Settings, vendor: Vendor
) -> None:
    """The phone of a new contact may be that of somebody whom the platform knew before."""
    build(settings, members(3))
    vendor.late_stops = {"c2"}
    pushed = sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c1", "c3"}
    assert pushed.opted_out == 1
    plan = sync.make_plan(settings, "vendor", AS_OF)
    assert "c2" not in actions(plan, "vip")
    assert actions(plan, "profile")["c2"] == ("change", "opted out at the platform")


def test_of_whom_the_platform_tells_nothing_is_not_added_and_has_said_no_stop(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(3))
    answers = iter([[], [replace(stop("c2"), how=UNSURE)]])
    vendor.opted_out = lambda _: next(answers)
    pushed = sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c1", "c3"}
    assert pushed.opted_out == 0
    vendor.opted_out = lambda _: []
    assert actions(sync.make_plan(settings, "vendor", AS_OF), "vip") == {"c2": ("add", "new")}


def test_a_yes_that_came_after_the_stop_counts_again(settings: Settings, vendor: Vendor) -> None:
    build(settings, members(2))
    vendor.told = {"c1"}
    sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c2"}
    with duckdb.connect(str(settings.paths.build)) as connection:
        connection.execute(
            "update marts.customer_consent set changed_at = timestamp '2026-07-01 05:00'"
        )
    sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c1", "c2"}


def test_who_left_there_is_not_put_back_and_who_was_put_there_by_hand_is_taken_off(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(3))
    sync.push(settings, "vendor", AS_OF)
    vendor.lists["vip"] = {"c1", "c2", "stranger"}
    pushed = sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c1", "c2"}
    assert pushed.drift["vip"] == {"beyond": 1, "left": 1}


def test_a_list_that_was_deleted_there_is_made_again(settings: Settings, vendor: Vendor) -> None:
    build(settings, members(3))
    sync.push(settings, "vendor", AS_OF)
    del vendor.lists["vip"]
    plan = sync.make_plan(settings, "vendor", AS_OF)
    assert set(actions(plan, "vip").values()) == {("add", "the list was gone")}
    sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c1", "c2", "c3"}


def test_a_shut_gate_sends_nothing(settings: Settings, vendor: Vendor, gate) -> None:
    build(settings, members(3))
    gate.results = [
        SimpleNamespace(spec=SimpleNamespace(name="vip_share"), stops=False),
        SimpleNamespace(spec=SimpleNamespace(name="every_member_has_consent"), stops=True),
    ]
    with pytest.raises(UserError, match="every_member_has_consent"):
        sync.push(settings, "vendor", AS_OF)
    assert vendor.calls == []
    assert gate.rows["customer_id"].to_pylist() == ["c1", "c2", "c3"]
    gate.results = gate.results[:1]
    assert sync.push(settings, "vendor", AS_OF).accepted == 10


def test_an_older_night_is_not_delivered_over_a_newer_one(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(2))
    sync.push(settings, "vendor", AS_OF)
    older = AS_OF - timedelta(days=1)
    build(settings, members(3), as_of=older)
    with pytest.raises(sync.OlderNightError, match="2026-07-01"):
        sync.push(settings, "vendor", older)
    build(settings, members(3), as_of=older, is_sample=False)
    sync.push(settings, "vendor", older)


def test_refuses_another_date_than_the_warehouse_holds(settings: Settings, vendor: Vendor) -> None:
    with pytest.raises(UserError, match="no night has been built"):
        sync.make_plan(settings, "vendor", AS_OF)
    build(settings, members(2))
    for day in (AS_OF - timedelta(days=1), AS_OF + timedelta(days=1)):
        with pytest.raises(UserError, match=f"holds {AS_OF}, not {day}"):
            sync.push(settings, "vendor", day)
    assert vendor.calls == []


def test_refuses_marts_that_stand_on_raw_tables_replaced_since(
    settings: Settings, vendor: Vendor
) -> None:
    build(settings, members(2))
    with duckdb.connect(str(settings.paths.warehouse)) as connection:
        connection.execute("update raw.run_context set run_id = 'a later landing'")
    with pytest.raises(UserError, match="newer raw data have landed"):
        sync.push(settings, "vendor", AS_OF)
    assert vendor.calls == []


def test_more_changes_than_approved_are_not_sent(settings: Settings, vendor: Vendor) -> None:
    build(settings, members(3))
    with pytest.raises(UserError, match="10 changes and 9 are approved"):
        sync.push(settings, "vendor", AS_OF, approve=9)
    assert vendor.calls == []
    assert sync.push(settings, "vendor", AS_OF, approve=10).accepted == 10


def test_planning_touches_nothing(settings: Settings) -> None:
    def files() -> dict[Path, int]:
        return {
            path: path.stat().st_mtime_ns for path in settings.home.rglob("*") if path.is_file()
        }

    build(settings, members(2))
    before = files()
    assert sync.make_plan(settings, "outbox", AS_OF).counts()["add"] == 8
    assert files() == before

    sync.push(settings, "outbox", AS_OF)
    before = files()
    assert sync.make_plan(settings, "outbox", AS_OF).counts()["unchanged"] == 8
    assert files() == before


def test_nobody_is_a_plan_too(settings: Settings, vendor: Vendor) -> None:
    build(settings, [], holdout=[])
    assert sync.push(settings, "vendor", AS_OF).plan.counts()["add"] == 0


def test_the_outbox_holds_private_files_of_what_would_be_sent(settings: Settings) -> None:
    build(settings, members(2))
    sync.push(settings, "outbox", AS_OF)
    build(settings, members(1))
    sync.push(settings, "outbox", AS_OF)

    folder = settings.paths.outbox / "2026-07-01"
    files = sorted(path.name for path in folder.iterdir())
    assert files == [
        "0001-1-profiles.csv",
        "0001-2-add-holdout-global.csv",
        "0001-3-profiles.csv",
        "0001-4-add-vip.csv",
        "0002-1-remove-vip.csv",
        "0002-2-profiles.csv",
    ]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent)} == {0o700}
    rows = list(csv.DictReader((folder / files[2]).open()))
    assert rows[0]["phone"] == "+12025550001"
    assert json.loads(rows[0]["properties"]) == {
        "audience_ids": "vip",
        "benefits": "discount",
        "first_name": "Ann",
        "message_campaign_id": "ea",
        "message_code": "",
        "next_tier": "",
        "preferred_hour": "",
        "progress_to_next_tier": 0.333333,
        "spend_to_next_tier": 123.45,
        "tier": "Gold",
        "tier_rank": 2,
        "tier_since": "2026-01-01",
        "vip": True,
    }
    assert (folder / files[4]).read_text() == "contact_id\nk-c2\n"


def test_a_moment_leaves_the_house_with_its_zone(settings: Settings, vendor: Vendor) -> None:
    """A flow that waits for it must not take it for the clock of whoever reads it."""
    build(settings, members(2))
    with duckdb.connect(str(settings.paths.warehouse)) as connection:
        connection.execute(
            "alter table activation.sync_vip_audience add column offer_opens_at timestamp;"
            "update activation.sync_vip_audience set offer_opens_at = '2026-07-01 13:00'"
            " where customer_id = 'c1'"
        )
    sync.push(settings, "vendor", AS_OF)
    told = {who: one.properties.get("offer_opens_at") for who, one in vendor.profiles.items()}
    assert told["c1"] == "2026-07-01T13:00:00Z" and told["c2"] == ""


def test_a_file_of_the_outbox_holds_ids_and_words_as_they_are(settings: Settings) -> None:
    build(settings, members(4))
    odd = ["a,b", 'c"d', " e ", "f\ng"]
    with duckdb.connect(str(settings.paths.warehouse)) as connection:
        for number, name in enumerate(odd, start=1):
            connection.execute(
                "update activation.sync_vip_audience set contact_id = $1, first_name = $1 "
                f"where customer_id = 'c{number}'",
                [name],
            )
    sync.push(settings, "outbox", AS_OF)
    folder = settings.paths.outbox / "2026-07-01"
    profiles = list(csv.DictReader((folder / "0001-3-profiles.csv").open(newline="")))
    assert [row["contact_id"] for row in profiles] == sorted(odd)
    assert [json.loads(row["properties"])["first_name"] for row in profiles] == sorted(odd)
    added = list(csv.reader((folder / "0001-4-add-vip.csv").open(newline="")))
    assert added == [["contact_id"], *([name] for name in sorted(odd))]


def test_an_address_that_two_share_names_nobody(settings: Settings, vendor: Vendor) -> None:
    """A platform takes profiles of one address for one; who is held out counts among them."""
    build(settings, members(5))
    with duckdb.connect(str(settings.paths.warehouse)) as connection:
        connection.execute(f"attach '{settings.paths.build}' as vip_sms")
        connection.execute(
            "update activation.sync_vip_audience set email = case customer_id "
            "when 'c1' then 'ann@example.com' when 'c2' then 'Ann@example.com' "
            "when 'c3' then 'bob@example.com' when 'c4' then null else 'eve@example.com' end;"
            "create or replace view activation.sync_vip_holdout as select as_of_date, "
            "experiment_id, contact_id, customer_id, arm, cast(null as varchar) as phone, "
            "case customer_id when 'c9001' then 'BOB@example.com' end as email "
            "from vip_sms.marts.holdout_assignments"
        )
    sync.push(settings, "vendor", AS_OF)
    addresses = {who: told.email for who, told in vendor.profiles.items()}
    assert addresses == dict.fromkeys(vendor.profiles) | {"c5": "eve@example.com"}


def test_what_a_killed_push_left_half_written_is_swept(settings: Settings) -> None:
    build(settings, members(2))
    half = settings.paths.outbox / "2026-06-30" / ".0001-2-profiles.csv.4711.tmp"
    half.parent.mkdir(parents=True)
    half.write_text("c1,+12025550001")
    sync.push(settings, "outbox", AS_OF)
    assert not half.exists()


def test_the_ledger_holds_no_personal_data(settings: Settings) -> None:
    build(settings, members(3))
    sync.push(settings, "outbox", AS_OF)
    text = "\n".join(sqlite3.connect(settings.paths.ledger).iterdump())
    assert "c3" in text
    for private in ("+1202", "example.com", "Ann"):
        assert private not in text
    assert settings.paths.ledger.stat().st_mode & 0o777 == 0o600


def test_a_damaged_or_newer_ledger_is_said_in_one_line(settings: Settings) -> None:
    build(settings, members(1))
    with open_ledger(settings):
        pass
    connection = sqlite3.connect(settings.paths.ledger)
    connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(UserError, match="schema 99"), open_ledger(settings):
        pass
    settings.paths.ledger.write_bytes(b"not a database" * 100)
    with pytest.raises(UserError, match="restore it from a backup"):
        sync.push(settings, "outbox", AS_OF)


def test_a_customer_decided_on_twice_in_an_audience_is_one_row(
    settings: Settings, vendor: Vendor
) -> None:
    """An audience of messages has a decision for each subject, a basket or an article."""
    build(settings, members(2))
    sync.push(settings, "vendor", AS_OF)
    build(settings, members(1), decisions={"c2": "opted_out"})
    with duckdb.connect(str(settings.paths.build)) as connection:
        connection.execute(
            "insert into marts.audience_decisions select * replace ('cooldown' as reason_code) "
            "from marts.audience_decisions where customer_id = 'c2'"
        )
    plan = sync.make_plan(settings, "vendor", AS_OF)
    assert actions(plan, "vip") == {"c2": ("remove", "opted_out")}
    assert plan.consent_removals() == 1
    assert plan.counts()["change"] == 1
