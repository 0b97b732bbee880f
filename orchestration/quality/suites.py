"""What is expected, as written by hand in `expectations/<schema>.<table>.json`.

Only the reading of those files belongs here. In each of them:

- `table` and `boundary` (landing, gate) say what is judged and when; `asset_key` names the Dagster
  asset that carries the checks where it is not the table itself.
- `facts` are queries over `{batch}`, the table: each is run once and kept while the suite runs, so
  that any number of expectations costs one scan. They may use `getvariable('as_of_date')`, the
  table `quality_history` and the function `binomial_quantile`.
- `expectations` are Great Expectations' own, with `of` naming the facts they look at, or `table`.
  `meta.name` is the property that holds, `meta.notes` why it must; `meta.rows` are the columns to
  show of an offending row, `meta.if_none` what to say when there was nothing to judge.
  `meta.observed` and `meta.expected` are SQL aggregates over the facts that say it better.

SQL may be a list of lines, which keeps differences readable.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from orchestration.settings import PROJECT_DIR

Boundary = Literal["landing", "gate"]

FOLDER = PROJECT_DIR / "expectations"
POLICY_PARAMETERS = PROJECT_DIR / "seeds" / "policy" / "policy_parameters.csv"
QUERY = "unexpected_rows_expectation"


@dataclass(frozen=True)
class CheckSpec:
    """One check, known before anything ran: its name, the asset it hangs on, whether it stops.

    `table` is the one it judges: the asset's, or one that came with it.
    """

    name: str
    asset_key: tuple[str, ...]
    boundary: Boundary
    blocking: bool
    description: str
    table: str


@dataclass(frozen=True)
class CheckResult:
    """What became of one check.

    `unexpected_rows` are at most 10 and masked; `seconds` of wall time include the facts that the
    check was the first to need.
    """

    spec: CheckSpec
    passed: bool
    severity: Literal["warn", "error"]
    observed: str
    expected: str
    unexpected_rows: list[dict[str, Any]]
    seconds: float

    @property
    def stops(self) -> bool:
        """Whether what lies behind the boundary must not happen."""
        return self.spec.blocking and not self.passed


@dataclass(frozen=True)
class Expectation:
    """One expectation: the check it makes and what Great Expectations needs to judge it."""

    spec: CheckSpec
    type: str
    of: str
    kwargs: dict[str, Any]
    severity: Literal["warn", "error"]
    meta: dict[str, Any]


@dataclass(frozen=True)
class Suite:
    """The expectations of one table, and the facts (name to SQL) they look at."""

    table: str
    boundary: Boundary
    facts: dict[str, str]
    expectations: tuple[Expectation, ...]

    @property
    def relation(self) -> str:
        """The table as DuckDB knows it: the marts lie in a catalog of their own."""
        return f"vip_sms.{self.table}" if self.table.startswith("marts.") else self.table


def _sql(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "\n".join(text)


def _expectation(content: dict[str, Any], suite: dict[str, Any]) -> Expectation:
    meta, kwargs, table = content["meta"], dict(content["kwargs"]), suite["table"]
    if content["type"] == QUERY:
        kwargs["unexpected_rows_query"] = _sql(kwargs["unexpected_rows_query"])
    return Expectation(
        spec=CheckSpec(
            name=meta["name"],
            asset_key=tuple(suite.get("asset_key", table.split("."))),
            boundary=suite["boundary"],
            blocking=meta["blocking"],
            description=meta["notes"],
            table=table,
        ),
        type=content["type"],
        of=content["of"],
        kwargs=kwargs,
        severity="error" if content["severity"] == "critical" else "warn",
        meta=meta,
    )


def _suite(path: Path) -> Suite:
    content = json.loads(path.read_text(encoding="utf-8"))
    return Suite(
        content["table"],
        content["boundary"],
        {name: _sql(query) for name, query in content["facts"].items()},
        tuple(_expectation(each, content) for each in content["expectations"]),
    )


@cache
def load_suites(folder: Path = FOLDER) -> tuple[Suite, ...]:
    """Every suite of the folder, in the order of the file names."""
    return tuple(_suite(path) for path in sorted(folder.glob("*.json")))


def suite_specs() -> list[CheckSpec]:
    """Every check that `run_boundary` will answer for; reads the files and nothing else."""
    return [expectation.spec for suite in load_suites() for expectation in suite.expectations]


def policy_parameters(path: Path = POLICY_PARAMETERS) -> dict[str, float]:
    """The numbers of the written policy, for `{"$PARAMETER": name}` in an expectation."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["parameter"]: float(row["value"]) for row in csv.DictReader(file)}
