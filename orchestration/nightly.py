"""One night run in this process: the same job as the schedule's, without a daemon.

What the steps do belongs to the assets; how it looks in a terminal belongs to `cli`.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from orchestration.dbt_runner import prepare_manifest
from orchestration.errors import UserError, mask
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warm_dbt import warm_dbt

if TYPE_CHECKING:
    import dagster as dg
    from dagster._utils.error import SerializableErrorInfo

_NO_REASON = "no reason given"

STOPPED = "stopped by hand; what was published and exported before still stands"
STEPS = {
    "landing": "Landing the raw tables",
    "landing_checks": "Checking what landed",
    "raw__platform_opt_outs": "Hearing who said stop",
    "dbt_models": "Building and testing what customers are worth",
    "dated_values": "Asking what customers were worth on other dates",
    "lifetime_fits": "Fitting lifetime values",
    "spend_breaks": "Finding the natural breaks of spend",
    "dbt_models_on_fits": "Building and testing tiers and audiences",
    "lookalike_fit": "Fitting look-alikes of VIPs",
    "dbt_models_on_late_fits": "Building and testing look-alikes",
    "gate_checks": "Checking the audience and the holdout",
    "holdout_log": "Logging the holdout draws",
    "published_marts": "Publishing the marts",
    "exports": "Writing the files",
    "push_outbox": "Delivering to the outbox",
}


@dataclass(frozen=True)
class Check:
    """One evaluated check: `state` is passed, warned or failed; `told`: seen and expected."""

    name: str
    asset: str
    state: str
    told: str = ""


@dataclass
class Outcome:
    """What became of a night: its run, its checks, and the first failure where there was one."""

    run_id: str = ""
    success: bool = False
    checks: list[Check] = field(default_factory=list)
    failed_step: str | None = None
    why: str | None = None
    metadata: dict[str, dict[str, object]] = field(default_factory=dict)

    def count(self, state: str) -> int:
        """How many checks came out as `state`."""
        return sum(check.state == state for check in self.checks)


# Told of each event: the step, and what it did (started, done, failed, built, checked).
Listener = Callable[[str, str], None]


def run_night(settings: Settings, as_of_date: date, listener: Listener) -> Outcome:
    """Run the night of `as_of_date` and return what became of it; a job that fails raises nothing.

    The environment must say what `settings` say: the assets read it. Raises `UserError` when
    the date is out of range, and when another run is at work.
    """
    from orchestration.warehouse import writer_lock

    _admit(settings, as_of_date)
    home = prepare_dagster_home(settings)

    with writer_lock(settings):
        pass  # another run at work ends this one before it costs anything
    # dbt reads the project while this process does: both take seconds, on a core each.
    prepare_manifest()
    with warm_dbt() as address:
        return _run(settings, as_of_date, listener, home, address)


def _run(
    settings: Settings, as_of_date: date, listener: Listener, home: Path, dbt_address: str
) -> Outcome:
    from sqlalchemy.exc import OperationalError

    from orchestration.definitions import build_defs
    from orchestration.jobs import nightly_job
    from orchestration.resources import Dbt
    from orchestration.warehouse import writer_lock

    outcome = Outcome()
    with _instance(home) as instance:
        with writer_lock(settings):  # a run at work keeps its log and is not called dead
            log = _log_of(settings, as_of_date)
            _retire_dead_runs(instance, nightly_job.name)
        definitions = build_defs(
            resources={"dbt": Dbt.of_project(address=dbt_address)},
            loggers={"night": _logger(outcome, listener, log)},
        )
        printed = _LogStream(log)
        with redirect_stdout(printed), redirect_stderr(printed):
            try:
                result = definitions.resolve_job_def(nightly_job.name).execute_in_process(
                    instance=instance,
                    partition_key=as_of_date.isoformat(),
                    run_config={"loggers": {"night": {}}},
                    raise_on_error=False,
                )
            except OperationalError as error:
                raise UserError(
                    f"the history of runs cannot be written ({error.orig}): look for room in "
                    f"{home} and run again; what was published before still stands"
                ) from error
    outcome.run_id, outcome.success = result.run_id, result.success
    if not outcome.success and outcome.why is None:
        # A run that could not even begin has no logger yet that would have told.
        for event in result.all_events:
            _note(event, outcome, listener)
    return outcome


def prepare_dagster_home(settings: Settings) -> Path:
    """Write Dagster's settings beside its history, in `<VIP_HOME>/dagster`; return that folder."""
    home = settings.paths.dagster
    home.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_load((PROJECT_DIR / "dagster.yaml").read_text(encoding="utf-8"))
    del content["storage"]  # beside this file, which is where Dagster looks by itself
    text = yaml.safe_dump(content, sort_keys=False)
    target = home / "dagster.yaml"
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
    return home


def _admit(settings: Settings, as_of_date: date) -> None:
    if as_of_date < settings.first_as_of:
        raise UserError(
            f"as-of date {as_of_date} lies before the first one on offer, {settings.first_as_of}: "
            "set VIP_FIRST_AS_OF"
        )
    if as_of_date > datetime.now(UTC).date():
        # A sample may run ahead of the clock; the partitions must know before they are made.
        os.environ["VIP_NEWEST_AS_OF"] = as_of_date.isoformat()


def _retire_dead_runs(instance: dg.DagsterInstance, job_name: str) -> None:
    """Close the runs that a kill left open: who calls holds the lock, so none is alive."""
    import dagster as dg

    left = dg.RunsFilter(job_name=job_name, statuses=[dg.DagsterRunStatus.STARTED])
    for run in instance.get_runs(left):
        instance.report_run_failed(run, "the process of this run was killed")


def _instance(home: Path) -> dg.DagsterInstance:
    """Dagster's history in `home`, written the cheap way; what steps print goes to our own log."""
    import dagster as dg
    from dagster._core.instance import InstanceRef

    print_nowhere = {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
    light = {
        "module": "orchestration.history",
        "class": "NightlyEventLog",
        "config": {"base_dir": str(home / "history" / "runs")},
    }
    overrides = {"compute_logs": print_nowhere, "event_log_storage": light}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=overrides))


def _log_of(settings: Settings, as_of_date: date) -> logging.Handler:
    """The log file of the night, begun anew, everything in it masked."""
    path = settings.paths.home / "logs" / f"nightly-{as_of_date}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    # Appending, because the libraries configure logging and close what they find: it opens again.
    handler = logging.FileHandler(path, mode="a", encoding="utf-8")
    handler.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


class _LogStream(io.TextIOBase):
    """What a step prints, dbt's own lines above all, as lines of the log."""

    def __init__(self, handler: logging.Handler) -> None:
        self._handler = handler

    def write(self, text: str) -> int:
        if text.strip():
            self._handler.handle(
                logging.LogRecord("stdout", logging.INFO, "", 0, text.rstrip(), None, None)
            )
        return len(text)


def _logger(outcome: Outcome, listener: Listener, log: logging.Handler) -> dg.LoggerDefinition:
    """A Dagster logger that writes to `log` and tells the listener of events."""
    import dagster as dg

    class Events(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            event = getattr(record, "dagster_meta", {}).get("dagster_event")
            if event:
                _note(event, outcome, listener)

    @dg.logger(description="The night's log file, and its progress in the terminal.")
    def night(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("vip")
        logger.addHandler(log)
        logger.addHandler(Events())
        return logger

    return night


class MaskingFormatter(logging.Formatter):
    """Formats records, tracebacks included, without phones and e-mail addresses."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the masked text of a record."""
        return mask(super().format(record))


def _note(event: dg.DagsterEvent, outcome: Outcome, listener: Listener) -> None:
    import dagster as dg

    step = event.step_key or ""
    kind = event.event_type
    if kind == dg.DagsterEventType.STEP_START:
        listener(step, "started")
    elif kind == dg.DagsterEventType.STEP_SUCCESS:
        listener(step, "done")
    elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
        materialization = event.step_materialization_data.materialization
        outcome.metadata[materialization.asset_key.to_user_string()] = {
            name: value.value for name, value in materialization.metadata.items()
        }
        listener(step, "built")
    elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        found = event.asset_check_evaluation_data
        bad = "failed" if found.severity == dg.AssetCheckSeverity.ERROR else "warned"
        seen, wanted = (found.metadata.get(name) for name in ("observed", "expected"))
        outcome.checks.append(
            Check(
                found.check_name,
                found.asset_key.to_user_string(),
                "passed" if found.passed else bad,
                f"{seen.value}, expected {wanted.value}" if seen and wanted else "",
            )
        )
        listener(step, "checked")
    elif kind == dg.DagsterEventType.STEP_FAILURE and outcome.why is None:
        outcome.failed_step = step
        outcome.why = _reason(event.step_failure_data, outcome)
        listener(step, "failed")
    elif kind == dg.DagsterEventType.RUN_FAILURE and outcome.why is None:
        error = event.job_failure_data.error
        outcome.why = _last_words(error) if error else _first_line(event.message or _NO_REASON)


def _reason(failure: dg.StepFailureData, outcome: Outcome) -> str:
    """The failure of a step in one line: our own words where it has any, else the last error's."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    if error and error.cls_name == "DagsterExecutionInterruptedError":
        return STOPPED
    if error and error.cls_name == "DagsterAssetCheckFailedError":
        failed = [
            f"{check.name} ({check.told or check.asset})"
            for check in outcome.checks
            if check.state == "failed"
        ]
        return f"a blocking check failed: {', '.join(failed)}; nothing behind it was done"
    return _last_words(error) if error else _NO_REASON


def _last_words(error: SerializableErrorInfo) -> str:
    """The error behind all others in one line; our own are sentences and go without their class."""
    while error.cause:
        error = error.cause
    return re.sub(r"^orchestration\.[\w.]+: ", "", _first_line(error.message))


def _first_line(text: str) -> str:
    return mask(" ".join(text.strip().splitlines()[:1]))
