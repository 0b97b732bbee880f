"""The page of a night: what was judged, what stopped and why, as one HTML file that needs no other.

Drawn from what `nights` keeps, so that any page can be drawn again without the warehouse. Only what
to show is decided here; how it looks stands in `page.html.jinja`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from jinja2 import Template

from orchestration.errors import mask
from orchestration.files import write_private
from orchestration.pages import environment
from orchestration.quality import nights, wording
from orchestration.quality.boundaries import SHOWN_ROWS
from orchestration.settings import Settings

State = Literal["passed", "warned", "stopped", "absent"]

SHOWN_NIGHTS = 60

_STAGES = {
    "landing": ("Landing", "The files as they came in, before anything is built from them."),
    "dbt": ("dbt tests", "Row, relation and accounting truths of every model."),
    "gate": ("Gate", "Audience, holdout and tiers, held against the raw facts once more."),
    "push": ("Push", "The very rows about to leave, through the audience checks again."),
}
_STOPPED = {
    "landing": (
        "Stopped at landing",
        "Nothing was built from these files; what was published, exported and sent before stands.",
    ),
    "dbt": (
        "Stopped by the dbt tests",
        "The models contradict themselves; nothing behind them was published, exported or sent.",
    ),
    "gate": (
        "Stopped at the gate",
        "Nothing was published, exported or sent on; the last good night still stands.",
    ),
    "push": ("Stopped at the push", "The rows on their way out did not pass; nothing was sent."),
}
_DBT_STATES: dict[str, State] = {"pass": "passed", "fail": "stopped", "error": "stopped"}


class DbtResult(TypedDict):
    """One dbt test: `status` pass, warn, fail, error or skipped; `failures` are offending rows."""

    name: str
    status: str
    model: NotRequired[str]
    failures: NotRequired[int | None]
    message: NotRequired[str | None]


@dataclass(frozen=True)
class Stage:
    """One step of the night as the page shows it; a step not reached is absent, without checks."""

    key: str
    title: str
    about: str
    checks: list[dict[str, Any]]

    @property
    def state(self) -> State:
        """The worst that any of its checks came to."""
        order: tuple[State, ...] = ("stopped", "warned", "passed")
        return next((state for state in order if self.count(state)), "absent")

    def count(self, state: State) -> int:
        """How many of its checks came out so."""
        return sum(check["state"] == state for check in self.checks)


def write_page(
    settings: Settings, as_of_date: date, dbt_results: list[DbtResult] | None = None
) -> Path:
    """Draw `var/quality/<as_of_date>.html` from what is kept of the night and return its path.

    `dbt_results` are kept with the night, in place of those of the same tests and beside all others
    that earlier calls brought: dbt runs in phases. The newest night is `index.html` as well. A
    night of which nothing is kept gets a page that says so.
    """
    night = nights.read(settings, as_of_date)
    if dbt_results is not None:
        masked = [{**each, "message": mask(each.get("message") or "")} for each in dbt_results]
        told = {each["name"] for each in masked}
        earlier = [each for each in night.get("dbt", []) if each["name"] not in told]
        night |= {"as_of_date": as_of_date.isoformat(), "dbt": earlier + masked}
        nights.save(settings, as_of_date, night)
    kept = nights.dates(settings)
    page = render(night, as_of_date, _earlier(settings, as_of_date, kept)).encode()
    settings.paths.quality.mkdir(parents=True, exist_ok=True)
    target = settings.paths.quality / f"{as_of_date.isoformat()}.html"
    write_private(target, page)
    if not kept or as_of_date >= kept[0]:
        write_private(target.with_name("index.html"), page)
    return target


def render(night: dict[str, Any], as_of_date: date, earlier: list[tuple[str, State]]) -> str:
    """The page as text; `earlier` are the nights to link to and how they went, newest first."""
    steps = stages(night)
    boundaries = night.get("boundaries", {})
    state, headline, sentence = verdict(night, steps)
    return _template().render(
        as_of_date=as_of_date,
        state=state,
        headline=headline,
        sentence=sentence,
        stages=steps,
        findings=[
            check
            for state in ("stopped", "warned")
            for step in steps
            for check in step.checks
            if check["state"] == state
        ],
        shown_rows=SHOWN_ROWS,
        load_report=[
            {"rows_erased": 0} | row for row in boundaries.get("landing", {}).get("load_report", [])
        ],
        run_id=next((each["run_id"] for each in boundaries.values() if each["run_id"]), None),
        earlier=earlier,
    )


def stages(night: dict[str, Any]) -> list[Stage]:
    """The four steps of a night, in their order."""
    found = []
    for key, (title, about) in _STAGES.items():
        if key == "dbt":
            checks = [_dbt_check(result) for result in night.get("dbt", [])]
        else:
            judged = night.get("boundaries", {}).get(key, {"checks": []})
            checks = [_check(check, title) for check in judged["checks"]]
        found.append(Stage(key, title, about, checks))
    return found


def verdict(night: dict[str, Any], steps: list[Stage]) -> tuple[State, str, str]:
    """How the whole night went, a headline, and a sentence on what was sent on or stopped."""
    for step in steps:
        if step.state == "stopped":
            headline, consequence = _STOPPED[step.key]
            failed = step.count("stopped")
            checks = "check" if failed == 1 else "checks"
            return "stopped", headline, f"{failed} blocking {checks} failed. {consequence}"
    boundaries = night.get("boundaries", {})
    if "gate" not in boundaries:
        landed = "Landing passed; the gate has not run." if "landing" in boundaries else ""
        return "absent", "Not judged to the end", landed or "Nothing of this night was judged."
    members = boundaries["gate"]["volumes"].get("sync_vip_audience", 0)
    sentence = f"{members:,} members passed the gate."
    if "push" in boundaries:
        rows = boundaries["push"]["volumes"]["rows"]
        sentence += f" {rows:,} rows passed it once more on their way out."
    warnings = sum(step.count("warned") for step in steps)
    if warnings:
        headline = f"Cleared, with {warnings} warning{'' if warnings == 1 else 's'}"
        return "warned", headline, sentence
    return "passed", "Cleared", sentence


def _check(check: dict[str, Any], stage: str) -> dict[str, Any]:
    state = "passed" if check["passed"] else "stopped" if check["blocking"] else "warned"
    return check | {"state": state, "title": wording.title(check["name"]), "stage": stage}


def _dbt_check(result: DbtResult) -> dict[str, Any]:
    failures = result.get("failures")
    return {
        "title": result["name"],
        "table": result.get("model", ""),
        "stage": "dbt tests",
        "state": _DBT_STATES.get(result["status"], "warned"),
        "why": result.get("message") or "",
        "expected": "0 rows",
        "observed": result["status"] if failures is None else wording.count(failures, failures),
        "unexpected_rows": [],
    }


def _earlier(settings: Settings, as_of_date: date, kept: list[date]) -> list[tuple[str, State]]:
    links: list[tuple[str, State]] = []
    for each in kept:
        if each < as_of_date and nights.file_of(settings, each).with_suffix(".html").exists():
            night = nights.read(settings, each)
            links.append((each.isoformat(), verdict(night, stages(night))[0]))
        if len(links) == SHOWN_NIGHTS:
            break
    return links


def _cell(value: Any, column: str) -> str:
    """A value of an offending row, short enough for a table."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return wording.figure(column, value)
    text = re.sub(r"^(\d{4}-\d{2}-\d{2})T", r"\1 ", str(value)).removesuffix(" 00:00:00")
    return text if len(text) <= 80 else text[:79] + "…"


@cache
def _template() -> Template:
    made = environment(Path(__file__).parent)
    made.filters["cell"] = _cell
    made.filters["words"] = lambda column: column.replace("_", " ")
    return made.get_template("page.html.jinja")
