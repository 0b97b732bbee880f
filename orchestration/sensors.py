"""What is watched: raw files that arrive, and runs that fail."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb

from orchestration.alerts import alert
from orchestration.assets.delivery import AGAIN
from orchestration.errors import UserError
from orchestration.jobs import nightly_job, push_job
from orchestration.landing import resolve_as_of
from orchestration.ledger import open_ledger
from orchestration.night import BUILT, read_night
from orchestration.platforms import may_push
from orchestration.schedules import in_flight
from orchestration.settings import Settings
from orchestration.warehouse import connect

_settings = Settings()


def listing(folder: Path) -> list[tuple[str, int, int]]:
    """Path, size and time of change of each raw file, hidden ones and half-copied ones left out."""
    if not folder.is_dir():
        return []
    found = []
    for path in folder.rglob("*"):
        if path.suffix in (".csv", ".parquet") and not path.name.startswith("."):
            status = path.stat()
            found.append((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns))
    return sorted(found)


def digest(files: list[tuple[str, int, int]]) -> str:
    """One word for a listing; another one as soon as any file was written to."""
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]


@dg.sensor(
    job=nightly_job,
    minimum_interval_seconds=60,
    description="Runs the night when raw files have arrived and no longer change.",
)
def raw_files_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Two looks a minute apart must agree, or a file half copied would be taken for whole."""
    files = listing(_settings.raw_dir)
    if not files:
        return dg.SkipReason(f"no raw files in {_settings.raw_dir}")
    now = digest(files)
    seen = json.loads(context.cursor or "{}")
    if now == seen.get("done"):
        return dg.SkipReason("nothing new since the last run")
    if now != seen.get("last"):
        return dg.SensorResult(
            skip_reason="files have changed: waiting until they stay as they are",
            cursor=json.dumps({**seen, "last": now}),
        )
    if in_flight(context.instance, _settings):
        return dg.SkipReason("a night is still running")
    as_of_date = resolve_as_of(_settings.raw_dir, datetime.now(UTC).date())
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=now, partition_key=as_of_date.isoformat())],
        cursor=json.dumps({"last": now, "done": now}),
    )


@dg.sensor(
    job=push_job,
    minimum_interval_seconds=300,
    description="Pushes again what a platform did not take, when its time has come.",
)
def failed_push_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """What a brake has refused waits for a person, but for removals for want of consent."""
    if in_flight(context.instance, _settings):
        return dg.SkipReason("a night is still running")
    now = datetime.now(UTC)
    try:
        with open_ledger(_settings, read_only=True) as ledger:
            due = [
                name
                for name in _settings.destinations
                if may_push(name, _settings)
                and ledger.due(name, now, consent_alone=ledger.last_outcome(name) == "refused")
            ]
        if not due:
            return dg.SkipReason("nothing has failed that may be tried again")
        with connect(_settings, read_only=True) as connection:
            as_of_date = read_night(connection, BUILT)["as_of_date"]
    except (UserError, duckdb.Error) as error:
        return dg.SkipReason(str(error).splitlines()[0])
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{name} {now:%Y-%m-%dT%H:%M}",
                partition_key=as_of_date.isoformat(),
                asset_selection=[dg.AssetKey(f"push_{name}")],
                tags={AGAIN: name},
            )
            for name in due
        ]
    )


@dg.run_failure_sensor(
    monitored_jobs=[nightly_job, push_job], description="Says at once when a night failed."
)
def failed_run_sensor(context: dg.RunFailureSensorContext) -> None:
    """Post the first failed step and its reason."""
    as_of_date = context.dagster_run.tags.get("dagster/partition", "an unknown date")
    failed = context.get_step_failure_events()
    why = failed[0].step_failure_data.error.message if failed else context.failure_event.message
    step = f" at {failed[0].step_key}" if failed else ""
    alert(_settings, f"The VIP night of {as_of_date}{step}", why or "no reason given")
