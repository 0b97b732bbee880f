"""What became of each night, kept as `var/quality/<as_of_date>.json`.

The memory that volumes are compared with and that the pages are drawn from. No personal data comes
here.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from orchestration.files import write_private
from orchestration.quality.suites import CheckResult
from orchestration.settings import Settings

COMPARED_NIGHTS = 14


def file_of(settings: Settings, as_of_date: date) -> Path:
    """Where a night is kept."""
    return settings.paths.quality / f"{as_of_date.isoformat()}.json"


def read(settings: Settings, as_of_date: date) -> dict[str, Any]:
    """A night, or an empty one. What cannot be read counts as absent: it is a memory only."""
    try:
        return json.loads(file_of(settings, as_of_date).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def save(settings: Settings, as_of_date: date, night: dict[str, Any]) -> None:
    """Put a night in place of what stood there, in one step."""
    settings.paths.quality.mkdir(parents=True, exist_ok=True)
    text = json.dumps(night, indent=1, default=str)
    write_private(file_of(settings, as_of_date), text.encode())


def dates(settings: Settings) -> list[date]:
    """The nights that are kept, newest first."""
    found = []
    for file in settings.paths.quality.glob("????-??-??.json"):
        try:
            found.append(date.fromisoformat(file.stem))
        except ValueError:
            continue
    return sorted(found, reverse=True)


def keep(
    settings: Settings,
    as_of_date: date,
    source: str,
    boundary: str,
    run_id: str,
    results: list[CheckResult],
    volumes: dict[str, int],
    load_report: list[dict[str, Any]],
) -> None:
    """Add a boundary to its night.

    Landing begins the night anew, since what followed an earlier run is void. `source` says whose
    data it is, `volumes` are rows by table.
    """
    night = {} if boundary == "landing" else read(settings, as_of_date)
    night |= {"as_of_date": as_of_date.isoformat(), "source": source}
    night.setdefault("boundaries", {})[boundary] = {
        "run_id": run_id,
        "volumes": volumes,
        "load_report": load_report,
        "checks": [_plain(result) for result in results],
    }
    save(settings, as_of_date, night)


def usual_rows(
    settings: Settings, boundary: str, as_of_date: date, source: str
) -> dict[str, float]:
    """Median rows by table over the last 14 earlier nights of that source that were not stopped."""
    nights: list[dict[str, int]] = []
    for each in dates(settings):
        if each >= as_of_date:
            continue
        night = read(settings, each)
        judged = night.get("boundaries", {}).get(boundary)
        if judged and night.get("source") == source and not _stopped(judged):
            nights.append(judged["volumes"])
        if len(nights) == COMPARED_NIGHTS:
            break
    tables = {table for volumes in nights for table in volumes}
    return {
        table: median(volumes[table] for volumes in nights if table in volumes) for table in tables
    }


def _plain(result: CheckResult) -> dict[str, Any]:
    return {
        "name": result.spec.name,
        "table": result.spec.table,
        "blocking": result.spec.blocking,
        "why": result.spec.description,
        **{key: value for key, value in asdict(result).items() if key != "spec"},
    }


def _stopped(judged: dict[str, Any]) -> bool:
    return any(check["blocking"] and not check["passed"] for check in judged["checks"])
