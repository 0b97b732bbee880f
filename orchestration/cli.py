"""`vip`: the programme by hand. Each verb reads its arguments, calls who does it, and tells.

Nothing heavy is imported before a verb needs it. Figures go to stdout, progress and errors to
stderr; the exit status is 0 only when all went well.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.errors import UserError, mask

if TYPE_CHECKING:
    from orchestration.landing import LandingReport
    from orchestration.nightly import Outcome
    from orchestration.settings import Settings
    from orchestration.summary import Summary
    from orchestration.sync import Plan

app = typer.Typer(
    help="The VIP text-message programme, run from the brand's own warehouse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_DEFAULT_SAMPLE_DATE = "2026-07-01"

Raw = Annotated[Path | None, typer.Option(help="Folder of the raw tables. [default: VIP_RAW_DIR]")]
Home = Annotated[
    Path | None, typer.Option(help="Folder of everything written. [default: VIP_HOME]")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]
AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="As-of date: what happened before it counts."),
]
Destination = Annotated[str, typer.Option(help="Which platform; `vip doctor` lists them.")]


def main() -> None:
    """Run `vip`; every error ends in one line on stderr and exit status 1."""
    warnings.simplefilter("ignore")  # a library's plans for its next version are not the user's
    try:
        app()
    except UserError as error:
        _end(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("VIP_DEBUG"):
            raise
        _end(f"unexpected {type(error).__name__}: {_first_line(error)} ({_keep_traceback(error)})")


@app.command()
def sample(
    out: Annotated[Path | None, typer.Option(help="Folder to fill. [default: VIP_RAW_DIR]")] = None,
    customers: Annotated[int, typer.Option(min=1, help="How many customers.")] = 5000,
    as_of: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Day after the newest order.")
    ] = datetime.fromisoformat(_DEFAULT_SAMPLE_DATE),  # noqa: B008
    seed: Annotated[int, typer.Option(help="The same seed gives the same brand.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Generate a brand in the raw contract, with its planted truths in truth.json."""
    settings = _settings()
    from orchestration.sample import generate

    folder = out or settings.raw_dir
    with _Steps(quiet=as_json) as steps:
        steps.begin("Inventing a brand")
        made = generate(
            folder, customers, as_of.date(), seed, threads=settings.threads, progress=steps.detail
        )
    rows = sum(made.rows.values())
    if as_json:
        _print_json(
            {
                "folder": str(folder),
                "as_of_date": as_of.date().isoformat(),
                "customers": customers,
                "seed": seed,
                "rows": dict(made.rows),
            }
        )
    else:
        typer.echo(f"{customers:,} customers, {rows:,} rows up to {as_of:%Y-%m-%d} in {folder}")


@app.command()
def check(raw: Raw = None, as_json: AsJson = False) -> None:
    """Judge the written policy and, in a temporary place, the raw data; nothing else is written."""
    settings = _settings(raw=raw)
    from orchestration import quality
    from orchestration.erasure.identifiers import read as read_erased
    from orchestration.landing import land, resolve_as_of
    from orchestration.policy import require_in_force, require_sound

    require_sound()
    as_of_date = resolve_as_of(settings.raw_dir, _today())
    require_in_force(as_of_date)
    with tempfile.TemporaryDirectory(prefix="vip-check-") as folder:
        trial = type(settings)(home=Path(folder))  # a home of its own; all else as it is
        with _Steps(quiet=as_json) as steps:
            steps.begin("Landing the raw tables")
            erased = read_erased(settings, read_only=True)
            report = land(trial, settings.raw_dir, as_of_date, "check", erased)
            steps.begin("Checking what landed")
            results = quality.run_boundary(trial, "landing", as_of_date, "check")
        rejects = _rejects(trial)
    bad = [result for result in results if not result.passed]
    if as_json:
        _print_json(_check_json(report, rejects, results))
    else:
        from orchestration import terminal

        terminal.print_check(report, rejects, results)
    stops = [result.spec.name for result in bad if result.stops]
    if stops:
        raise UserError(f"a blocking check failed: {', '.join(stops)}")


@app.command()
def nightly(
    as_of: AsOf = None, raw: Raw = None, home: Home = None, as_json: AsJson = False
) -> None:
    """Run the night: land, build, check, publish, export, push. What the schedule runs."""
    started = time.monotonic()
    settings = _settings(home=home, raw=raw)
    from orchestration.landing import resolve_as_of
    from orchestration.locking import wait_for_warehouse
    from orchestration.warehouse import writer_lock

    with writer_lock(settings):  # say so at once, not after seconds of loading
        wait_for_warehouse(settings)
    with _Steps(quiet=as_json) as steps:
        steps.begin("Reading the project")

        as_of_date = as_of.date() if as_of else resolve_as_of(settings.raw_dir, _today())
        outcome = _run_night(settings, as_of_date, steps)
    seconds = time.monotonic() - started
    figures = _figures(settings, as_of_date, outcome)
    if as_json:
        _print_json(_night_json(settings, as_of_date, outcome, figures, seconds))
    elif figures:
        from orchestration import terminal

        terminal.print_night(settings, figures, outcome, seconds)
    if not outcome.success:
        from orchestration.alerts import alert
        from orchestration.nightly import STOPPED

        step = f" at {outcome.failed_step}" if outcome.failed_step else ""
        why = outcome.why or "no reason given"
        if settings.alert_webhook_url and why != STOPPED:
            alert(settings, f"The VIP night of {as_of_date}{step}", why)
        raise UserError(f"the night of {as_of_date} failed{step}: {why}")


@app.command()
def plan(
    destination: Destination = "outbox",
    as_of: AsOf = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show what the next push would add, change and remove; touches nothing."""
    settings = _settings(home=home)
    from orchestration.sync import make_plan

    with _readable(settings):
        made = make_plan(settings, destination, _night(settings, as_of))
    if as_json:
        _print_json(_plan_json(made))
    else:
        from orchestration import terminal

        terminal.print_plan(made)


@app.command()
def push(
    destination: Destination = "outbox",
    approve: Annotated[
        int | None,
        typer.Option(
            min=0, help="Approve this one plan, up to so many changes; more, and nothing is sent."
        ),
    ] = None,
    as_of: AsOf = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Send the plan: gate, opt-outs, holdout, removals, properties, additions."""
    settings = _settings(home=home)
    from orchestration import quality
    from orchestration.sync import push as send
    from orchestration.warehouse import writer_lock

    with _Steps(quiet=as_json) as steps, writer_lock(settings):
        steps.begin(f"Delivering to {destination}")
        as_of_date = _night(settings, as_of)
        try:
            pushed = send(settings, destination, as_of_date, approve=approve)
        finally:
            quality.write_page(settings, as_of_date)
    if as_json:
        outcome = {
            "accepted": pushed.accepted,
            "pending": pushed.pending,
            "failed": pushed.failed,
            "opted_out": pushed.opted_out,
            "drift": pushed.drift,
        }
        _print_json({**_plan_json(pushed.plan), **outcome})
    else:
        from orchestration import terminal

        terminal.print_plan(pushed.plan, pushed)
    if pushed.failed:
        raise UserError(
            f"{destination} did not take {pushed.failed:,} rows: they are in the next push again"
        )


@app.command()
def doctor(
    destination: Annotated[
        str | None, typer.Option(help="One platform; else those of VIP_DESTINATIONS.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Check keys, rights, limits and lists of each destination; changes nothing anywhere."""
    settings = _settings(home=home)
    from orchestration.sync.doctor import examine

    names = [destination] if destination else list(settings.destinations)
    with _Steps(quiet=as_json) as steps:
        steps.begin(f"Asking {', '.join(names)}")
        found = [examine(settings, name) for name in names]
    if as_json:
        _print_json({each.destination: each.as_dict() for each in found})
    else:
        from orchestration import terminal

        terminal.print_doctor(found)
    ill = [each.destination for each in found if not each.is_well]
    if ill:
        raise UserError(f"not ready to push: {', '.join(ill)}")


@app.command()
def explain(
    customer: Annotated[str, typer.Argument(help="The brand's own key of the customer.")],
    as_of: AsOf = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Say why a customer stands where they stand: tier, rules, what comes next, each audience."""
    settings = _settings(home=home)
    from orchestration.explain import explain as explained

    told = explained(settings, customer, as_of.date() if as_of else None)
    if as_json:
        _print_json(told.as_dict())
    else:
        from orchestration import terminal

        terminal.print_explanation(told)


@app.command()
def code(
    written: Annotated[str, typer.Argument(metavar="CODE", help="As somebody reads it out.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Say whose an early-access code is, and from when to when it is good."""
    settings = _settings(home=home)
    from orchestration.codes import look_up

    found = look_up(settings, written)
    if as_json:
        _print_json({"codes": found})
    else:
        for row in found:
            typer.echo(
                f"{row['campaign_name'] or row['campaign_id']}: customer {row['customer_id']}, "
                f"{row['tier']}, from {row['opens_at']} until {row['closes_at']} UTC"
            )


@app.command()
def simulate(
    policy_dir: Annotated[Path, typer.Argument(help="Folder of a draft: its policy files.")],
    moves: Annotated[
        Path | None, typer.Option(help="Write who moves to this file: ids and tiers.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show who would move, and what it would cost, before a policy is approved."""
    settings = _settings(home=home)
    from orchestration.simulate import simulate as replay

    with _readable(settings), _Steps(quiet=as_json) as steps:
        steps.begin("Replaying the history under the draft")
        made = replay(settings, policy_dir, moves, steps.detail)
    if as_json:
        _print_json(made.as_dict())
    else:
        from orchestration import terminal

        terminal.print_simulation(made, moves)


@app.command()
def forget(
    customer: Annotated[str | None, typer.Argument(help="The brand's own key.")] = None,
    phone: Annotated[
        str | None,
        typer.Option(help="'-': read the phone of somebody who is no customer from stdin."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person everywhere and for good, and write a receipt."""
    settings = _settings(home=home)
    from orchestration.erasure.forgetting import find_person
    from orchestration.erasure.forgetting import forget as erase
    from orchestration.locking import wait_for_warehouse
    from orchestration.warehouse import writer_lock

    number = _phone_from_stdin(settings, customer, phone, yes)
    with writer_lock(settings):
        wait_for_warehouse(settings)
        if not yes:
            person = find_person(settings, customer, number)
            more = len(person.customer_ids) - bool(customer)
            others = f" and {more} other accounts of the same phone or e-mail" if more else ""
            whom = f"customer {customer}" if customer else "whoever has that phone"
            typer.confirm(f"Erase {whom}{others} everywhere, for good?", abort=True, err=True)
        with _Steps(quiet=as_json) as steps:
            steps.begin("Erasing")
            receipt = erase(settings, customer, number, steps.detail)
    if as_json:
        _print_json(receipt.as_dict())
    else:
        from orchestration import terminal

        terminal.print_receipt(receipt)


def _phone_from_stdin(
    settings: Settings, customer: str | None, phone: str | None, yes: bool
) -> str | None:
    """The phone handed over on standard input, as E.164; on a command line it would be kept."""
    if (customer is None) == (phone is None):
        raise UserError("name a customer, or pass `--phone -` and the phone on standard input")
    if phone is None:
        return None
    if phone != "-":
        raise UserError(
            "a phone on the command line stays in the shell's history: pass `--phone -` and the "
            "phone on standard input"
        )
    if not (yes or sys.stdin.isatty()):
        raise UserError("with the phone on standard input nobody can be asked: add --yes")
    from orchestration.phones import to_e164

    told = typer.prompt("Phone", hide_input=True, err=True) if sys.stdin.isatty() else None
    number = to_e164(told or sys.stdin.readline().strip(), settings.default_country.upper())
    if number is None:
        raise UserError("that is no valid phone: give it with its country code, like +1 ...")
    return number


@app.command("dagster-home", hidden=True)
def dagster_home() -> None:
    """Make the folder of Dagster's history ready and print it, for DAGSTER_HOME."""
    from orchestration.nightly import prepare_dagster_home

    typer.echo(prepare_dagster_home(_settings()))


def _settings(home: Path | None = None, raw: Path | None = None) -> Settings:
    """The settings; folders of the command line go into the environment for all that follows."""
    for name, folder in (("VIP_HOME", home), ("VIP_RAW_DIR", raw)):
        if folder:
            os.environ[name] = str(folder.resolve())
    from pydantic import ValidationError

    from orchestration.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in ("VIP", *first["loc"])).upper()
        raise UserError(f"setting {name}: {first['msg']}") from None
    os.environ["VIP_HOME"] = str(settings.paths.home)
    return settings


def _today() -> date:
    return datetime.now(UTC).date()


def _night(settings: Settings, as_of: datetime | None) -> date:
    """The night asked for, or the one that the warehouse holds."""
    if as_of:
        return as_of.date()
    from orchestration.night import BUILT, read_night
    from orchestration.warehouse import connect

    if not settings.paths.warehouse.exists():
        raise UserError("no night has been built here yet: run `vip nightly`")
    with connect(settings, read_only=True) as connection:
        return read_night(connection, BUILT)["as_of_date"]


@contextmanager
def _readable(settings: Settings) -> Iterator[None]:
    """Say in one line that somebody writes to the warehouse just now."""
    import duckdb

    try:
        yield
    except duckdb.IOException as error:
        if "lock" not in str(error).lower():
            raise
        raise UserError(
            f"a run or another program has {settings.paths.warehouse} open: wait for it to end"
        ) from None


def _run_night(settings: Settings, as_of_date: date, steps: _Steps) -> Outcome:
    from orchestration.nightly import STEPS, run_night

    done = dict.fromkeys(STEPS, 0)

    def listen(step: str, what: str) -> None:
        if what == "started":
            steps.begin(STEPS.get(step, step))
        elif what == "failed":
            steps.fail()
        elif what in ("built", "checked") and step in done:
            done[step] += 1
            steps.detail(f"{done[step]}")

    return run_night(settings, as_of_date, listen)


def _figures(settings: Settings, as_of_date: date, outcome: Outcome) -> Summary | None:
    """The figures of the night; None when it stopped before there were any."""
    from orchestration import summary

    if not outcome.success:
        return None
    return summary.read(settings, as_of_date)


def _rejects(settings: Settings) -> list[dict[str, Any]]:
    """The most frequent reasons for rejects, each with one masked example."""
    from orchestration.warehouse import connect

    with connect(settings, read_only=True) as connection:
        rows = connection.execute(
            "select table_name, column_name, reason, count(*), min_by(value, row_number), "
            "min_by(file_name || ' row ' || row_number, (file_name, row_number)) "
            "from raw.rejects group by all order by 4 desc, 1, 2, 3 limit 20"
        ).fetchall()
    names = ("table", "column", "reason", "rows", "example", "first")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    personal = ("phone", "email", "first_name", "last_name", "birth_date", "postal_code")
    for each in found:
        hidden = each["column"] is None or each["column"] in personal
        each["example"] = "***" if hidden else mask(str(each["example"] or ""))[:40]
    return found


def _check_json(report: LandingReport, rejects: list[dict], results: list) -> dict[str, Any]:
    return {
        "as_of_date": report.as_of_date.isoformat(),
        "reporting_currency": report.reporting_currency,
        "rows_read": report.rows_read,
        "rows_loaded": report.rows_loaded,
        "rows_rejected": report.rows_rejected,
        "exact_duplicates": report.exact_duplicates,
        "rows_erased": report.rows_erased,
        "files": [vars(file) for file in report.files],
        "rejects": rejects,
        "checks": [
            {
                "name": result.spec.name,
                "passed": result.passed,
                "observed": result.observed,
                "expected": result.expected,
            }
            for result in results
        ],
    }


def _night_json(
    settings: Settings,
    as_of_date: date,
    outcome: Outcome,
    figures: Summary | None,
    seconds: float,
) -> dict[str, Any]:
    paths = settings.paths
    return {
        "success": outcome.success,
        "as_of_date": as_of_date.isoformat(),
        "run_id": outcome.run_id,
        "failed_step": outcome.failed_step,
        "why": outcome.why,
        **(figures.as_dict() if figures else {}),
        "checks": {state: outcome.count(state) for state in ("passed", "warned", "failed")},
        "files": {
            "published": str(paths.published),
            "exports": str(paths.exports / as_of_date.isoformat()),
            "quality": str(paths.quality / f"{as_of_date}.html"),
            "outbox": str(paths.outbox),
        },
        "seconds": round(seconds, 1),
    }


def _plan_json(made: Plan) -> dict[str, Any]:
    return {
        "destination": made.destination,
        "as_of_date": made.as_of_date.isoformat(),
        "counts": made.counts(),
        "rows": made.summary(),
    }


def _print_json(content: dict[str, Any]) -> None:
    typer.echo(json.dumps(content, indent=2, default=str))


def _end(line: str) -> None:
    typer.echo(f"vip: {line}", err=True)
    sys.exit(1)


def _first_line(error: Exception) -> str:
    return mask((str(error).strip().splitlines() or [""])[0])[:300]


def _keep_traceback(error: Exception) -> str:
    """Write a traceback, masked, where the person at the keyboard can find it; say where."""
    import traceback

    text = mask("".join(traceback.format_exception(error)))
    try:
        folder = Path(os.environ.get("VIP_HOME", tempfile.gettempdir())) / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "vip-error.log"
        path.write_text(text, encoding="utf-8")
    except OSError:
        return "set VIP_DEBUG=1 to see where"
    return f"see {path}"


class _Steps:
    """Progress on stderr: a spinner with the seconds in a terminal, one line a step otherwise."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._name = ""
        self._failed = False
        self._started = 0.0

    def __enter__(self) -> _Steps:
        from rich.console import Console

        # Bound now: while a night runs, what it prints itself to stderr goes to its log.
        self._console = Console(file=sys.stderr, quiet=self._quiet, highlight=False)
        self._status = self._console.status("") if self._console.is_terminal else None
        if self._status:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._failed = self._failed or kind is not None
        self._close()
        if self._status:
            self._status.stop()

    def begin(self, name: str) -> None:
        """Close the step under way and open the next one."""
        self._close()
        self._name, self._failed, self._started = name, False, time.monotonic()
        self.detail("")

    def detail(self, text: str) -> None:
        """Say how far the step is; only a terminal shows it."""
        if self._status:
            self._status.update(f"{self._name} [dim]{text}[/dim]")

    def fail(self) -> None:
        """Mark the step under way as failed."""
        self._failed = True

    def _close(self) -> None:
        if self._name:
            seconds = time.monotonic() - self._started
            sign = "[red]✗[/red]" if self._failed else "[green]✓[/green]"
            self._console.print(f"{sign} {self._name} [dim]{seconds:.1f} s[/dim]")
        self._name = ""


if __name__ == "__main__":
    main()
