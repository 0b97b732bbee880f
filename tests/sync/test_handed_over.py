"""Opt-outs handed over are a platform's word: kept for good, and a reading of the silent."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from night import AS_OF, add_customers, build, members
from vendor import NOW, Vendor, actions

from orchestration import sync
from orchestration.ledger import Ledger, open_ledger
from orchestration.platforms import DESTINATIONS, Destination, PlatformError
from orchestration.settings import Settings
from orchestration.sync import RefusedError


def night(settings: Settings, *, is_sample: bool = False) -> None:
    """Three members whose raw tables stand, and a hand-over that names two phones and nobody."""
    build(settings, members(3), is_sample=is_sample)
    add_customers(settings)
    with duckdb.connect(str(settings.paths.warehouse)) as con:
        con.execute(
            "create table raw.handed_opt_outs (phone_e164 varchar, customer_id varchar, "
            "opted_out_at timestamp, source varchar)"
        )
        con.execute(
            "insert into raw.handed_opt_outs values "
            "('+12025550001', null, '2026-06-01', 'postscript'), "
            "(null, 'k-c3', '2026-06-02', 'postscript'), "
            "('+12025550099', null, '2026-06-02', 'postscript')"
        )


def test_they_are_in_force_at_once_and_outlive_their_file(
    settings: Settings, vendor: Vendor
) -> None:
    night(settings)
    assert sync.hear_handed_over(settings) == 2 == sync.hear_handed_over(settings)
    with open_ledger(settings) as ledger:
        known = ledger.history(AS_OF, is_sample=False)["platform_opt_outs"].to_pylist()
    assert known == [
        {
            "destination": "postscript",
            "contact_id": "k-c1",
            "how": "handed over",
            "occurred_at": datetime(2026, 6, 1),
        },
        {
            "destination": "postscript",
            "contact_id": "k-c3",
            "how": "handed over",
            "occurred_at": datetime(2026, 6, 2),
        },
    ]
    sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c2"}
    # The file is gone; what it said is not.
    build(settings, members(3), is_sample=False)
    assert set(actions(sync.make_plan(settings, "vendor", AS_OF), "vip")) == set()


def test_a_stop_without_a_time_is_one_event_until_somebody_says_yes(
    settings: Settings, tmp_path: Path
) -> None:
    """An export that names everybody anew each night: the ledger does not grow, and in doubt it is
    said again."""
    settings = settings.model_copy(update={"opt_out_dir": tmp_path / "handed"})
    settings.opt_out_dir.mkdir()

    def hear(as_of: date, *yes: tuple[str | None, str | None, str, str]) -> list[str]:
        night(settings)
        with duckdb.connect(str(settings.paths.warehouse)) as con:
            con.execute("update raw.handed_opt_outs set opted_out_at = null")
            con.execute("update raw.run_context set as_of_date = ?", [as_of])
            for row in yes:
                con.execute(
                    "insert into raw.consent_events (customer_id, phone_e164, action, occurred_at) "
                    "values (?, ?, ?, ?)",
                    row,
                )
        hand_over(settings, -timedelta(days=(as_of - AS_OF).days))
        sync.hear_handed_over(settings)
        with open_ledger(settings) as ledger:
            return [f"{row['contact_id']} {row['occurred_at'][:19]}" for row in stops_of(ledger)]

    first = ["k-c1 2026-06-30T23:59:59", "k-c3 2026-06-30T23:59:59"]
    assert hear(AS_OF) == first, "in force in the night of its hand-over"
    no, yes = (
        ("k-c1", None, "opt_out", "2026-07-02"),
        (None, "+12025550001", "opt_in", "2026-06-30"),
    )
    assert hear(date(2026, 7, 3), no, yes) == first, "a yes before it is none since"
    later = ("k-c2", "+12025550003", "opt_in", "2026-07-03 10:00")
    again = [*first, "k-c3 2026-07-03T23:59:59"]
    assert hear(date(2026, 7, 4), later) == again, "her phone said yes, and the next file said stop"
    assert hear(date(2026, 7, 5), later) == again


def stops_of(ledger: Ledger) -> list[dict]:
    return ledger.opt_outs("postscript").to_pylist()


def test_nobody_of_a_sample_is_kept(settings: Settings) -> None:
    night(settings, is_sample=True)
    sync.hear_handed_over(settings)
    with open_ledger(settings) as ledger:
        assert ledger.opt_outs().num_rows == 0


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Settings:
    """The vendor as a live destination that cannot be asked, and a folder of hand-overs."""
    row = Destination("vendor", "", True, "Tells nothing", tells_opt_outs=False)
    monkeypatch.setitem(DESTINATIONS, "vendor", row)
    monkeypatch.setattr(Vendor, "stops_since", lambda *_: None)
    folder = tmp_path / "handed"
    folder.mkdir()
    return settings.model_copy(
        update={"env": "production", "destinations": ("vendor",), "opt_out_dir": folder}
    )


def hand_over(settings: Settings, age: timedelta) -> None:
    path = settings.opt_out_dir / "a.csv"
    path.write_text("phone\n")
    os.utime(path, ((NOW - age).timestamp(),) * 2)


def test_a_platform_that_tells_nothing_waits_for_a_hand_over(
    deaf: Settings, vendor: Vendor
) -> None:
    night(deaf)
    with pytest.raises(RefusedError, match="the opt-outs of vendor were last read never"):
        sync.push(deaf, "vendor", AS_OF)
    hand_over(deaf, timedelta(hours=37))
    sync.hear_handed_over(deaf)
    with pytest.raises(RefusedError, match="the opt-outs of vendor were last read 2026-06-29 15"):
        sync.push(deaf, "vendor", AS_OF)
    hand_over(deaf, timedelta(hours=35))
    with pytest.raises(RefusedError, match="a file of opt-outs came after the night"):
        sync.push(deaf, "vendor", AS_OF)
    assert "vip" not in vendor.lists, "nobody has read who is in it"
    sync.hear_handed_over(deaf)
    sync.push(deaf, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c2"}


def test_consent_removals_wait_for_no_newcomers(
    settings: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(settings)
    sync.push(settings, "vendor", AS_OF)

    def cannot(*_: object) -> list:
        raise PlatformError("vendor is down")

    monkeypatch.setattr(Vendor, "opted_out", cannot)
    build(settings, members(4)[1:], is_sample=False, decisions={"c1": "opted_out"})
    with pytest.raises(RefusedError, match="newcomers cannot be asked after"):
        sync.push(settings, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c2", "c3"}, "who said stop is off, and nobody joined"


def test_a_hand_over_is_no_reading_of_a_platform_that_can_be_asked(
    deaf: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(deaf)
    hand_over(deaf, timedelta(hours=1))
    asked = deaf.model_copy(update={"destinations": ("vendor", "klaviyo")})
    with pytest.raises(RefusedError, match="the opt-outs of klaviyo were last read never"):
        sync.push(asked, "vendor", AS_OF)
    assert "vip" not in vendor.lists
