"""Whether a destination is ready for a push, without changing anything anywhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow.compute as pc

from orchestration.erasure.identifiers import read as read_erased
from orchestration.errors import UserError
from orchestration.keys import ledger_key
from orchestration.ledger import Ledger, open_ledger
from orchestration.platforms import DESTINATIONS, Finding, may_push, open_platform
from orchestration.settings import Settings


@dataclass
class Examined:
    """What was found at one destination; `held`: contacts by audience, by its last word."""

    destination: str
    description: str = ""
    findings: list[Finding] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Whether nothing that was found stands in the way of a push."""
        return all(finding.is_good for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The findings, for scripts."""
        return {"is_well": self.is_well, **asdict(self)}


def examine(settings: Settings, destination: str) -> Examined:
    """Look at environment, ledger and platform. A bad finding raises nothing.

    Raises `UserError` for a destination that there is not.
    """
    if destination not in DESTINATIONS:
        raise UserError(f"no destination {destination!r}: choose one of {', '.join(DESTINATIONS)}")
    found = Examined(destination, DESTINATIONS[destination].description)
    is_allowed = may_push(destination, settings)
    told = f"VIP_ENV is {settings.env or 'not declared'}"
    if not is_allowed:
        told += ": declare production on the one machine that may push"
    found.findings.append(Finding("environment", is_allowed, told))
    try:
        ledger_key(settings, create=False)
        read_erased(settings, read_only=True)
        with open_ledger(settings, read_only=True) as ledger:
            found.held = _held(ledger, destination)
            jobs = len(ledger.open_jobs(destination))
            found.findings.append(Finding("ledger", True, f"{jobs} jobs open"))
            platform = open_platform(destination, settings, ledger.remembered(destination))
            found.findings += platform.check()
    except UserError as error:
        found.findings.append(Finding("reach", False, str(error)))
    return found


def _held(ledger: Ledger, destination: str) -> dict[str, int]:
    rows = ledger.rows(destination)
    on = rows.filter(
        pc.and_(pc.equal(rows["accepted_hash"], "on"), pc.equal(rows["state"], "complete"))
    )
    counts = on["audience"].value_counts().to_pylist()
    return {
        each["values"]: each["counts"] for each in sorted(counts, key=lambda row: row["values"])
    }
