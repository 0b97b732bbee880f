"""Who asked to be forgotten is taken off every platform, and then out of the ledger."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from night import AS_OF, add_customers, build, members
from vendor import Vendor, read_hand_over

from orchestration import sync
from orchestration.erasure.forgetting import forget
from orchestration.errors import UserError
from orchestration.ledger import open_ledger
from orchestration.platforms import PlatformError
from orchestration.settings import Settings


def build_with_customers(settings: Settings, *, is_sample: bool = True) -> None:
    build(settings, members(3), is_sample=is_sample)
    add_customers(settings)
    with duckdb.connect(str(settings.paths.warehouse)) as con:
        con.execute("insert into raw.customers (customer_id) values ('k-c9001')")


@pytest.fixture
def home(settings: Settings, vendor: Vendor) -> Settings:
    """Three members and two held out, all of them at the vendor; contact c1 is k-c1."""
    build_with_customers(settings)
    sync.push(settings, "vendor", AS_OF)
    vendor.calls.clear()
    return settings


def known(settings: Settings) -> set[str]:
    with open_ledger(settings) as ledger:
        return ledger.contacts("vendor")


def test_they_are_off_every_list_and_their_properties_written_over(
    home: Settings, vendor: Vendor
) -> None:
    receipt = forget(home, "k-c1", None)
    assert receipt.platforms == {"vendor": "done"}
    assert vendor.lists["vip"] == {"c2", "c3"}
    left = vendor.profiles["c1"]
    assert (left.phone, left.email) == (None, None)
    assert left.properties["vip"] is False and left.properties["tier"] == "none"
    assert [call for call, who in vendor.calls if who] == ["remove vip", "profiles"]
    assert known(home) == {"k-c2", "k-c3", "k-c9001", "k-c9002"}
    plan = sync.make_plan(home, "vendor", AS_OF)
    assert {name for name, rows in plan.counts().items() if rows} == {"unchanged"}


def test_who_is_held_out_leaves_the_list_of_the_holdout(home: Settings, vendor: Vendor) -> None:
    forget(home, "k-c9001", None)
    assert vendor.lists["holdout-global"] == {"c9002"}
    assert vendor.profiles["c9001"].properties["exp_global"] == "none"
    assert "k-c9001" not in known(home)


def test_a_platform_out_of_reach_is_told_by_the_next_push(
    home: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach = vendor.remove_members

    def out_of_reach(*_: object) -> None:
        raise PlatformError("vendor does not answer")

    monkeypatch.setattr(vendor, "remove_members", out_of_reach)
    receipt = forget(home, "k-c1", None)
    assert receipt.platforms == {"vendor": "at the next push (vendor does not answer)"}
    assert "k-c1" in known(home), "without it nobody could be told"
    monkeypatch.setattr(vendor, "remove_members", reach)
    sync.push(home, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c2", "c3"}
    assert known(home) == {"k-c2", "k-c3", "k-c9001", "k-c9002"}


def test_without_a_warehouse_the_platform_waits_for_the_next_night(
    home: Settings, vendor: Vendor
) -> None:
    home.paths.warehouse.unlink()
    home.paths.build.unlink()
    assert forget(home, "k-c1", None).platforms == {
        "vendor": "at the next push (no night has been built here yet: run `vip nightly`)"
    }
    assert "k-c1" in known(home)


def test_no_brake_holds_the_removal_and_the_profile_follows(
    home: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "orchestration.erasure.forgetting.withdraw_from", lambda *_: "at the next push"
    )
    forget(home, "k-c1", None)
    vendor.is_deaf = True
    with pytest.raises(UserError, match="1 removals for want of consent were sent all the same"):
        sync.push(home, "vendor", AS_OF)
    assert vendor.lists["vip"] == {"c2", "c3"}
    assert "k-c1" in known(home), "the properties are still there"
    vendor.is_deaf = False
    sync.push(home, "vendor", AS_OF)
    assert vendor.profiles["c1"].properties["vip"] is False
    assert "k-c1" not in known(home)
    assert b"k-c1" not in home.paths.ledger.read_bytes(), "not even in pages that are free"


def test_a_job_not_answered_yet_keeps_them_in_the_ledger_until_it_is(
    home: Settings, vendor: Vendor
) -> None:
    vendor.answers["c1"] = "pending"
    vendor.is_slow = True
    assert forget(home, "k-c1", None).platforms == {"vendor": "at the next push"}
    assert "k-c1" in known(home)
    vendor.is_slow = False
    vendor.answers.clear()
    sync.push(home, "vendor", AS_OF)
    assert "k-c1" not in known(home)


def test_a_platform_that_goes_by_phones_is_told_the_phone(
    settings: Settings, tmp_path: Path
) -> None:
    drop = tmp_path / "drop"
    (tmp_path / "handed").mkdir()
    (tmp_path / "handed" / "stops.csv").write_text("phone\n")
    values = settings.model_dump() | {
        "env": "production",
        "files_url": str(drop),
        "files_preset": "postscript",
        "opt_out_dir": tmp_path / "handed",
    }
    settings = Settings(**values, _env_file=None)
    build_with_customers(settings, is_sample=False)
    read_hand_over(settings)
    sync.push(settings, "files", AS_OF, approve=1000)
    assert forget(settings, "k-c1", None).platforms == {"files": "done"}
    (leavers,) = drop.glob("*/0002/*-remove-vip.csv")
    assert "+12025550001" in leavers.read_text()
    (left,) = drop.glob("*/0002/*-full-vip.csv")
    assert "+12025550001" not in left.read_text() and "+12025550002" in left.read_text()


def test_whoever_is_built_in_again_by_mistake_is_not_sent(home: Settings, vendor: Vendor) -> None:
    """The last line: the list is asked by the push itself."""
    forget(home, "k-c1", None)
    build(home, members(3))
    with open_ledger(home) as ledger:
        run = ledger.start("vendor", AS_OF, is_sample=True)
        ledger.intend(run, "vendor", [("vip", "k-c1", "k-c1", "Gold", "on", False)])
    sync.push(home, "vendor", AS_OF)
    assert "c1" not in vendor.lists["vip"]
