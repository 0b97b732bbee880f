"""What starts a night by itself, and what is said when one fails."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from hook import webhook
from night import AS_OF, build, members

from orchestration import schedules, sensors
from orchestration.alerts import alert
from orchestration.assets import delivery
from orchestration.ledger import open_ledger
from orchestration.nightly import _retire_dead_runs
from orchestration.platforms import DESTINATIONS
from orchestration.resources import Warehouse
from orchestration.settings import Settings
from orchestration.sync import RefusedError
from orchestration.warehouse import writer_lock


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    """Schedule and sensors look at this test's folders."""
    monkeypatch.setattr(schedules, "_settings", settings)
    monkeypatch.setattr(sensors, "_settings", settings)
    return settings


def tick(instance: dg.DagsterInstance, hour: datetime):
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=hour)
    return schedules.nightly_schedule(context)


def test_the_schedule_asks_for_the_night_of_its_day_in_utc(own: Settings) -> None:
    with dg.DagsterInstance.local_temp() as instance:
        asked = tick(instance, datetime.fromisoformat("2026-07-01T22:00:00-05:00"))
    assert asked.partition_key == "2026-07-02"


def test_the_schedule_skips_itself_while_a_night_runs(own: Settings) -> None:
    hour = datetime(2026, 7, 1, 2, tzinfo=UTC)
    with dg.DagsterInstance.local_temp() as instance:
        with writer_lock(own):
            assert isinstance(tick(instance, hour), dg.SkipReason)
        assert isinstance(tick(instance, hour), dg.RunRequest)
        instance.add_run(
            dg.DagsterRun("nightly_job", status=dg.DagsterRunStatus.NOT_STARTED, run_id="1" * 32)
        )
        assert isinstance(tick(instance, hour), dg.SkipReason)


def test_a_run_that_died_does_not_stop_the_schedule(own: Settings) -> None:
    with dg.DagsterInstance.local_temp() as instance:
        instance.add_run(
            dg.DagsterRun("nightly_job", status=dg.DagsterRunStatus.STARTED, run_id="1" * 32)
        )
        asked = tick(instance, datetime(2026, 7, 1, 2, tzinfo=UTC))
    assert isinstance(asked, dg.RunRequest)


def test_a_run_killed_before_it_began_stops_the_schedule_for_an_hour_only(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = datetime(2026, 7, 1, 2, tzinfo=UTC)
    with dg.DagsterInstance.local_temp() as instance:
        instance.add_run(
            dg.DagsterRun("nightly_job", status=dg.DagsterRunStatus.NOT_STARTED, run_id="1" * 32)
        )
        assert isinstance(tick(instance, hour), dg.SkipReason)
        monkeypatch.setattr(schedules, "_LONGEST_WAIT", timedelta(seconds=-5))
        assert isinstance(tick(instance, hour), dg.RunRequest)


def test_the_next_night_closes_the_run_that_a_kill_left_open() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for number, status in enumerate(("STARTED", "SUCCESS", "NOT_STARTED")):
            instance.add_run(
                dg.DagsterRun("nightly_job", status=dg.DagsterRunStatus[status], run_id=str(number))
            )
        _retire_dead_runs(instance, "nightly_job")
        found = {run.run_id: run.status.value for run in instance.get_runs()}
    assert found == {"0": "FAILURE", "1": "SUCCESS", "2": "NOT_STARTED"}


class Watcher:
    """The sensor with its memory, tick by tick."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.instance = dg.DagsterInstance.ephemeral()

    def look(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        found = sensors.raw_files_sensor(context)
        if isinstance(found, dg.SkipReason):
            return []
        self.cursor = found.cursor or self.cursor
        return list(found.run_requests or [])


def drop(folder: Path, name: str, text: str, moment: int = 1) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, ns=(moment, moment))


def test_new_files_run_the_night_once_they_stay_as_they_are(own: Settings) -> None:
    watcher = Watcher()
    assert watcher.look() == []
    drop(own.raw_dir, "orders/part-1.csv", "order_id\n1\n")
    assert watcher.look() == [], "still being copied, for all we know"
    drop(own.raw_dir, "orders/part-1.csv", "order_id\n1\n2\n")
    assert watcher.look() == [], "grew since the last look"
    (asked,) = watcher.look()
    assert asked.partition_key == str(datetime.now(UTC).date())
    assert watcher.look() == [], "asked for already"

    drop(own.raw_dir, "orders/part-1.csv", "order_id\n3\n4\n", moment=2)
    assert watcher.look() == []
    (again,) = watcher.look()
    assert again.run_key != asked.run_key, "same size, other content"


def test_hidden_and_foreign_files_are_not_waited_for(own: Settings) -> None:
    drop(own.raw_dir, ".orders.csv.part", "x")
    drop(own.raw_dir, "readme.txt", "x")
    assert sensors.listing(own.raw_dir) == []


def test_the_sensor_waits_for_the_run_that_is_under_way(own: Settings) -> None:
    watcher = Watcher()
    drop(own.raw_dir, "orders.csv", "order_id\n1\n")
    watcher.look()
    with writer_lock(own):
        assert watcher.look() == []
    assert len(watcher.look()) == 1


@pytest.fixture
def hook():
    with webhook() as told:
        yield told


def test_a_failure_is_posted_without_personal_data(settings: Settings, hook, caplog) -> None:
    url, bodies = hook
    hooked = settings.model_copy(update={"alert_webhook_url": url})
    assert alert(hooked, "The night", "bad row: +1 (202) 555-0143 of\nann@example.com")
    assert bodies == [{"text": "The night failed: bad row: ***43 of ***@***"}]


@pytest.mark.parametrize("place", ["/broken", None, "http://127.0.0.1:9/hook?token=secret"])
def test_a_webhook_that_fails_or_is_not_set_leaves_a_line_in_the_log(
    settings: Settings, hook, caplog, place: str | None
) -> None:
    url, _ = hook
    target = url + place if place and place.startswith("/") else place
    hooked = settings.model_copy(update={"alert_webhook_url": target})
    assert not alert(hooked, "The night", "no space left")
    assert "The night failed: no space left" in caplog.text
    assert "secret" not in caplog.text


def test_a_failed_run_is_told_with_its_step(
    own: Settings, hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, bodies = hook
    hooked = own.model_copy(update={"alert_webhook_url": url})
    monkeypatch.setattr(sensors, "_settings", hooked)

    @dg.op
    def landing() -> None:
        raise dg.Failure("orders.csv is no CSV")

    @dg.job
    def nightly_job() -> None:
        landing()

    with dg.DagsterInstance.ephemeral() as instance:
        result = nightly_job.execute_in_process(
            instance=instance, raise_on_error=False, tags={"dagster/partition": "2026-07-01"}
        )
        sensors.failed_run_sensor(
            dg.build_run_status_sensor_context(
                sensor_name="failed_run_sensor",
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=result.get_run_failure_event(),
            ).for_run_failure()
        )
    (body,) = bodies
    assert body["text"].startswith("The VIP night of 2026-07-01 at landing failed: ")
    assert "orders.csv is no CSV" in body["text"]


def test_as_of_is_today_for_a_brand(own: Settings) -> None:
    drop(own.raw_dir, "orders.csv", "order_id\n1\n")
    watcher = Watcher()
    watcher.look()
    (asked,) = watcher.look()
    assert date.fromisoformat(asked.partition_key) == datetime.now(UTC).date()


def test_what_a_platform_did_not_take_is_pushed_again_when_its_time_has_come(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look() -> dg.SensorResult | dg.SkipReason:
        with dg.DagsterInstance.local_temp() as instance:
            return sensors.failed_push_sensor(dg.build_sensor_context(instance=instance))

    assert isinstance(look(), dg.SkipReason), "no ledger, no night"
    build(own, members(1))
    with open_ledger(own) as ledger:
        run = ledger.start("outbox", AS_OF, is_sample=True)
        ledger.intend(run, "outbox", [("vip", "k", "c", "Gold", "on", False)])
        ledger.record("outbox", "vip", ["k"], "retry", code="busy")
        ledger.finish(run, "done", {})
    assert isinstance(look(), dg.SkipReason), "not yet"

    class Later(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) + timedelta(hours=1)

    monkeypatch.setattr(sensors, "datetime", Later)
    (request,) = look().run_requests
    assert request.partition_key == str(AS_OF)
    assert request.asset_selection == [dg.AssetKey("push_outbox")]
    with writer_lock(own):
        assert isinstance(look(), dg.SkipReason), "a run is at work"
    with open_ledger(own) as ledger:
        run = ledger.start("outbox", AS_OF, is_sample=True)
        ledger.finish(run, "refused", {}, "a brake")
    assert isinstance(look(), dg.SkipReason), "a brake waits for a person"
    with open_ledger(own) as ledger:
        run = ledger.start("outbox", AS_OF, is_sample=True)
        ledger.intend(run, "outbox", [("vip", "k", "c", "Gold", "off", True)])
        ledger.record("outbox", "vip", ["k"], "retry", code="busy")
        ledger.finish(run, "refused", {}, "a brake")
    (request,) = look().run_requests
    assert request.tags[delivery.AGAIN] == "outbox", "who said stop waits for nobody"


def test_a_brake_that_holds_still_fails_no_run_that_tries_the_removals_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RefusedError("a brake")

    monkeypatch.setattr(delivery, "landed_night", lambda *_: AS_OF)
    monkeypatch.setattr(delivery, "push", refuse)
    monkeypatch.setattr(delivery.quality, "write_page", lambda *_: None)
    asset = delivery._push_asset(DESTINATIONS["outbox"])
    resources = {"warehouse": Warehouse(home=str(settings.home))}

    def runs(tags: dict[str, str]) -> bool:
        return dg.materialize(
            [asset],
            resources=resources,
            partition_key=AS_OF.isoformat(),
            tags=tags,
            raise_on_error=False,
        ).success

    for outcome, is_known in (("done", False), ("refused", True)):
        with open_ledger(settings) as ledger:
            ledger.finish(ledger.start("outbox", AS_OF, is_sample=True), outcome, {}, "")
        assert runs({delivery.AGAIN: "outbox"}) is is_known, "a new brake is told"
        assert not runs({})


def test_a_push_is_an_asset_where_the_environment_may_push_and_nowhere_else(
    settings: Settings,
) -> None:
    from orchestration.assets.delivery import pushes
    from orchestration.errors import UserError

    def names(**changes) -> list[str]:
        made = pushes(settings.model_copy(update=changes))
        return [asset.key.to_user_string() for asset in made]

    both = ("outbox", "klaviyo")
    assert names() == ["push_outbox"]
    assert names(destinations=both) == ["push_outbox"], "VIP_ENV is not declared"
    assert names(destinations=both, env="development") == ["push_outbox"]
    assert names(destinations=both, env="production") == ["push_outbox", "push_klaviyo"]
    assert names(destinations=("attentive",), env="production") == ["push_attentive"]
    assert names(destinations=("files",), env="production") == ["push_files"]
    with pytest.raises(UserError, match="VIP_DESTINATIONS names nowhere"):
        names(destinations=("nowhere",))
