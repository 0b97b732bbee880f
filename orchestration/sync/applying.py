"""A plan applied: in the safe order, each answer in the ledger before the next question.

Removals come first and additions last, so that a stop half-way leaves too few messaged, never too
many: who is newly held out is off every list before anybody is added to one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.ledger import Ledger
from orchestration.platforms import UNSURE, Ack, Member, SmsPlatform
from orchestration.sync.planning import HOLDOUT, PROFILE, Plan, one_of

# So many rows are written to the ledger and handed to an adapter at a time.
_SLICE = 100_000
# A list of more contacts than this is not read as a whole each night: 50,000 are 500 calls.
_LONGEST_LOOK = 50_000
_STATES = {
    "accepted": "complete",
    "pending": "processing",
    "rejected": "rejected",
    "retry": "retry",
}


class Applying:
    """One push under way.

    `outcome` counts rows by answer and who said stop meanwhile, `done` rows by what was asked;
    `troubles`: what a platform says of more than one row, in a line each.
    """

    def __init__(self, platform: SmsPlatform, ledger: Ledger, plan: Plan, sync_run_id: int) -> None:
        """Nothing is sent yet."""
        self._platform, self._ledger, self._plan = platform, ledger, plan
        self._run = sync_run_id
        self._unsure: set[str] = set()
        self.outcome: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.troubles: set[str] = set()
        lists = set(plan.rows["audience"].unique().to_pylist()) - {PROFILE}
        self._holdouts = sorted(name for name in lists if name.startswith(HOLDOUT))
        self._audiences = sorted(lists - set(self._holdouts))

    def everything(self) -> None:
        """Send the whole plan."""
        plan = self._plan
        self._unsure = set(plan.part(PROFILE, "waiting", "parked")["contact_id"].to_pylist())
        for name in self._audiences:
            self._remove(name, plan.part(name, "remove"))
        held_out = plan.profiles["is_held_out"]
        self._tell(plan.profiles.filter(held_out))
        for name in self._holdouts:
            self._add(name, plan.part(name, "add"))
        self._tell(plan.profiles.filter(pc.invert(held_out)))
        for name in self._holdouts:
            self._remove(name, plan.part(name, "remove"))
        for name in self._audiences:
            self._add_who_may_be_texted(name)

    def consent_removals(self) -> None:
        """Send the removals for want of consent alone: no brake holds them."""
        for name in self._audiences:
            rows = self._plan.part(name, "remove")
            self._remove(name, rows.filter(rows["is_consent"]))

    def verify(self, limits: Mapping[str, float]) -> dict[str, dict[str, int]]:
        """Hold each audience of the platform against the ledger; return what differs.

        `beyond`: on the list and not decided; they are taken off, unless they are more than a push
        may change unapproved. `left`: decided but no longer there; they are not put back, because
        it may have been their own wish.
        """
        drift, rows = {}, None
        for name in sorted(set(self._plan.wanted) | set(self._plan.held)):
            if name.startswith(HOLDOUT):
                continue
            standing = self._platform.standing(name, _LONGEST_LOOK)
            if standing is None:
                continue
            if rows is None:
                rows = self._ledger.rows(self._plan.destination)
            known, may_stand, must_stand = _expected(rows, name)
            beyond = sorted(standing - may_stand)
            drift[name] = {"beyond": len(beyond), "left": len(must_stand - standing)}
            limit = max(limits["push_change_limit"], limits["push_share_limit"] * len(must_stand))
            if beyond and len(beyond) <= limit:
                members = [Member(known.get(vendor_id, ""), vendor_id) for vendor_id in beyond]
                for _ in self._platform.remove_members(name, members):
                    pass
        return drift

    def _add_who_may_be_texted(self, name: str) -> None:
        """Ask once more just before: a profile now known may be that of someone who said stop."""
        rows = self._sure(self._plan.part(name, "add"))
        if not rows.num_rows:
            return
        stops = self._platform.opted_out(rows["contact_id"].to_pylist())
        said = [stop for stop in stops if stop.how != UNSURE]
        self._ledger.note_opt_outs(self._plan.destination, said)
        self.outcome["opted_out"] += len({stop.contact_id for stop in said})
        out = sorted({stop.contact_id for stop in stops})
        rows = rows.filter(pc.invert(one_of(rows["contact_id"], out)))
        self._ledger.note_sure(self._plan.destination, rows["contact_id"].to_pylist())
        self._add(name, rows)

    def _add(self, name: str, rows: pa.Table) -> None:
        self._send(
            name,
            "added",
            self._sure(rows),
            lambda part: self._platform.add_members(name, part["contact_id"].to_pylist()),
        )

    def _remove(self, name: str, rows: pa.Table) -> None:
        self._send(
            name,
            "removed",
            rows,
            lambda part: self._platform.remove_members(name, _members(part)),
        )

    def _tell(self, profiles: pa.Table) -> None:
        for action, what in (("change", "changed"), ("add", "added")):
            rows = profiles.filter(pc.equal(profiles["action"], action))
            self._send(PROFILE, what, rows, self._platform.upsert_profiles)

    def _sure(self, rows: pa.Table) -> pa.Table:
        """Leave out those whose profile the platform has not taken."""
        return rows.filter(pc.invert(one_of(rows["contact_id"], sorted(self._unsure))))

    def _send(
        self,
        name: str,
        what: str,
        rows: pa.Table,
        call: Callable[[pa.Table], Iterator[Ack]],
    ) -> None:
        columns = ("contact_id", "customer_id", "tier", "desired_hash", "is_consent")
        for start in range(0, rows.num_rows, _SLICE):
            part = rows.slice(start, _SLICE)
            sent = [part[column].to_pylist() for column in columns]
            self._ledger.intend(
                self._run, self._plan.destination, zip(repeat(name), *sent, strict=False)
            )
            self.done[what] += part.num_rows
            pending: set[str] = set()
            for ack in call(part):
                note(self._ledger, self._plan.destination, name, ack)
                self.outcome[ack.state] += len(ack.contact_ids)
                if ack.error:
                    self.troubles.add(ack.error)
                if ack.state == "pending":
                    pending.update(ack.contact_ids)
                else:
                    self.outcome["pending"] -= len(pending.intersection(ack.contact_ids))
                if name == PROFILE and ack.state == "accepted":
                    self._unsure.difference_update(ack.contact_ids)
                elif name == PROFILE:
                    self._unsure.update(ack.contact_ids)


def note(ledger: Ledger, destination: str, name: str, ack: Ack) -> None:
    """Put an answer about rows of an audience into the ledger."""
    ledger.record(
        destination,
        name,
        ack.contact_ids,
        _STATES[ack.state],
        vendor_ids=ack.vendor_ids,
        job_id=ack.job_id if ack.state == "pending" else None,
        code=ack.code,
        error=ack.error,
    )


def _expected(rows: pa.Table, name: str) -> tuple[dict[str, str], set[str], set[str]]:
    """By the ledger: contact by vendor's id, the ids that may be on a list, those that must be."""
    wanted = rows.filter(one_of(rows["audience"], [PROFILE, name]))
    columns = ("audience", "contact_id", "vendor_id", "accepted_hash", "desired_hash", "state")
    ids: dict[str, str] = {}
    may, must = [], []
    for audience, contact_id, vendor_id, accepted, desired, state in zip(
        *(wanted[column].to_pylist() for column in columns), strict=True
    ):
        if audience == PROFILE:
            ids[contact_id] = vendor_id or contact_id
        elif state == "complete" and accepted == "on":
            must.append(contact_id)
        elif desired == "on":
            may.append(contact_id)
    must_stand = {ids.get(contact_id, contact_id) for contact_id in must}
    may_stand = must_stand | {ids.get(contact_id, contact_id) for contact_id in may}
    return {vendor_id: contact_id for contact_id, vendor_id in ids.items()}, may_stand, must_stand


def _members(rows: pa.Table) -> list[Member]:
    return list(map(Member, rows["contact_id"].to_pylist(), rows["vendor_id"].to_pylist()))
