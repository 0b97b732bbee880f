"""When the night, and the quarterly audit of the policy, start by themselves."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.jobs import audit_job, nightly_job
from orchestration.locking import is_locked
from orchestration.settings import Settings

_WAITING = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
)
_LONGEST_WAIT = timedelta(hours=1)
_settings = Settings()


def in_flight(instance: dg.DagsterInstance, settings: Settings) -> bool:
    """Whether a night is under way or about to be.

    Who runs holds the lock; a run that Dagster believes started but does not hold it has died, and
    so has one that is still about to start after an hour.
    """
    waiting = instance.get_runs_count(
        dg.RunsFilter(
            job_name=nightly_job.name,
            statuses=list(_WAITING),
            updated_after=datetime.now(UTC) - _LONGEST_WAIT,
        )
    )
    return waiting > 0 or is_locked(settings)


@dg.schedule(
    job=nightly_job,
    cron_schedule=f"0 {_settings.schedule_hour} * * *",
    execution_timezone=_settings.schedule_timezone,
    description="Every night at the hour of the settings; skips itself while a run is in flight.",
)
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the night of today, in UTC."""
    if in_flight(context.instance, _settings):
        return dg.SkipReason("a night is still running")
    as_of_date = context.scheduled_execution_time.astimezone(UTC).date()
    return dg.RunRequest(partition_key=as_of_date.isoformat())


# The second day of a quarter, when the night of its first day stands, and half an hour after the
# night of the second has begun, so that both do not ask for the warehouse at once.
audit_schedule = dg.ScheduleDefinition(
    name="audit_schedule",
    job=audit_job,
    cron_schedule=f"30 {_settings.schedule_hour} 2 1,4,7,10 *",
    execution_timezone=_settings.schedule_timezone,
    description="Each quarter: does the written policy still fit the customers?",
)
