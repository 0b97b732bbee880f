"""The brakes: why a plan must not be sent, whatever it says.

Pure judgement of a plan and a few facts. Removals for want of consent are never held back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import pyarrow.compute as pc

from orchestration.errors import UserError
from orchestration.sync.planning import HOLDOUT, Plan


class RefusedError(UserError):
    """A brake held a push: nothing was sent but removals for want of consent."""


def check_volume(plan: Plan, limits: Mapping[str, float], approve: int | None) -> list[str]:
    """Say which lists would change by more than is usual, or lose everybody.

    Held are additions and removals above both `push_change_limit` and `push_share_limit` of what
    stands on the list by the platform's last word. `approve` is a ceiling for this plan: up to it
    the plan passes, above it nothing does.
    """
    counts = plan.counts()
    changes = counts["add"] + counts["change"] + counts["remove"]
    look = f"look at `vip plan --destination {plan.destination}`"
    if approve is not None:
        if changes <= approve:
            return []
        return [
            f"the plan has {changes:,} changes and {approve:,} are approved: nothing is sent; "
            f"{look}"
        ]
    found = []
    for name in sorted(set(plan.held) | set(plan.wanted)):
        if name.startswith(HOLDOUT):
            continue
        held = plan.held.get(name, 0)
        rows = plan.rows
        rows = rows.filter(pc.equal(rows["audience"], name))
        removed = rows.filter(
            pc.and_(pc.equal(rows["action"], "remove"), pc.invert(rows["is_consent"]))
        ).num_rows
        added = rows.filter(pc.equal(rows["action"], "add")).num_rows
        if held and not plan.wanted.get(name):
            found.append(f"nobody is left in {name}, which held {held:,}")
        for count, what in ((removed, "leave"), (added, "join")):
            if count > limits["push_change_limit"] and count > limits["push_share_limit"] * held:
                found.append(f"{count:,} would {what} {name}, which holds {held:,}")
    if found:
        found[-1] += f": nothing is sent; {look}, then `vip push --approve {changes}`"
    return found


def check_age(plan: Plan, limits: Mapping[str, float], today: date) -> list[str]:
    """Say that the night is too long ago to be sent today."""
    days = (today - plan.as_of_date).days
    if plan.is_sample or days <= limits["push_age_days"]:
        return []
    return [
        f"the night of {plan.as_of_date} is {days} days old, nothing is sent: "
        "run `vip nightly` first"
    ]


def check_opt_outs(
    read_at: Mapping[str, datetime | None], limits: Mapping[str, float], now: datetime
) -> list[str]:
    """Say of which platforms the opt-outs were not read lately; a stop there counts everywhere."""
    oldest = now - timedelta(hours=limits["opt_out_age_hours"])
    return [
        f"the opt-outs of {name} were last read "
        f"{f'{when:%Y-%m-%d %H:%M} UTC' if when else 'never'}: nothing is sent"
        for name, when in sorted(read_at.items())
        if when is None or when < oldest
    ]
