"""The one partition of the graph: a day, the as-of date of a night."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg

from orchestration.settings import Settings


def _by_as_of(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Every day from the first as-of date to today, or to the newest one that the settings name.

    As-of date D counts what happened before D began, so today's night is complete: end_offset 1.
    """
    today = datetime.now(UTC).date()
    ahead = (max(settings.newest_as_of or today, today) - today).days
    return dg.DailyPartitionsDefinition(start_date=str(settings.first_as_of), end_offset=1 + ahead)


as_of_partitions = _by_as_of(Settings())

# Nights built again run one after the other: each begins with what the ledger knew by then.
one_night_a_run = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)


def night_of(partition_key: str) -> date:
    """The as-of date that a partition key names."""
    return date.fromisoformat(partition_key)
