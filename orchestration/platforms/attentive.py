"""Attentive v2: attributes and segments by bulk jobs; opt-outs asked of each person, never written.

The interface is that of the vendor's own OpenAPI description, and the one call of v1 that reads
what somebody is subscribed to. Its calls that subscribe or unsubscribe are never made: each texts
the person.

A job may take half a day, nobody can ask which jobs there are, and nothing promises that two of
them run in the order in which they came. So whatever is asked while an opposite request about the
same person may still be at work is sent at once, and confirmed only when it has been sent again
after that. Nobody is put on one list before their removal from another is confirmed.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
import pyarrow as pa
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestration.platforms import (
    UNSURE,
    Ack,
    Finding,
    Member,
    PlatformError,
    Profile,
    Stops,
    StopSaid,
    each_profile,
)
from orchestration.platforms.halving import Halving
from orchestration.platforms.http import Api, Busy, Limit, Missing, Rejected, require_key
from orchestration.platforms.names import EMAIL, PHONE, batches, property_name, title
from orchestration.platforms.notes import Notes
from orchestration.platforms.phones import audience_phones, phones_of
from orchestration.settings import PROJECT_DIR, Settings

_ALL = Limit(100, 6000)
_LIMITS = dict.fromkeys(("me", "attributes", "members", "segments", "job", "subscriptions"), _ALL)
_USERS = 256
_MEMBERS = 10_000
_ID_LENGTH = 100
_READERS = 8
_TRIES = 3
_JOB_PATIENCE = 1200.0
_JOB_PAUSE = (0.5, 15.0)
# The vendor names twelve hours for a large job; what was sent and never answered gets half as much
# again before it is taken for over.
_LATEST = timedelta(hours=18)
# A sweep asks for each person: one that is younger than this is not made again.
_FRESH = timedelta(hours=6)
_PROFILE = "profile"
_UNTIL = "until="
_ENDED_BADLY = ("FAILED", "CANCELLED", "CANCELED", "ERROR")
_DATES = ("_on", "_at", "_since", "_date")
_CODE = re.compile(r"[A-Za-z][\w.-]{0,59}|[0-9]{3}")
_SAID_WELL = ("success", "succeeded", "accepted", "completed", "ok")


class AttentiveSettings(BaseSettings):
    """How to reach the account; each field is the environment variable `ATTENTIVE_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="ATTENTIVE_", env_file=PROJECT_DIR / ".env", extra="ignore", frozen=True
    )

    api_key: SecretStr | None = Field(
        None, description="Token of an app with attributes, segments and reading of subscriptions."
    )
    api_base: str = Field(
        "https://api.attentivemobile.com", description="Address of the interface."
    )


@dataclass(frozen=True)
class _Request:
    """What was asked about some contacts, as the ledger keeps it in place of the vendor's job id.

    `what`: add, remove, or know (a profile; followed by a digest where it holds no personal data).
    `marks`: the vendor's jobs, or for a request that was never answered `until=` the moment when it
    is over. `after`: others than this one are among them, so that its answer is worth nothing.
    """

    what: str
    place: str
    marks: tuple[str, ...]
    after: bool = False

    def __str__(self) -> str:
        return f"{self.what} {self.place} {'after:' if self.after else ''}{','.join(self.marks)}"

    @staticmethod
    def read(text: str) -> _Request:
        what, rest = text.split(" ", 1)
        place, marks = rest.rsplit(" ", 1)
        told = marks.removeprefix("after:")
        return _Request(what, place, tuple(told.split(",")), told != marks)

    @property
    def is_unheard(self) -> bool:
        """Whether one of them can only be waited for."""
        return any(mark.startswith(_UNTIL) for mark in self.marks)


_Row = tuple[str, dict[str, Any]]


class Attentive:
    """An Attentive account. People are named by our contact id, their `clientUserId`."""

    name = "attentive"

    def __init__(self, settings: Settings, memory: MutableMapping[str, str]) -> None:
        """Raises `PlatformError` where there is no key."""
        account = AttentiveSettings()
        key = require_key(
            account.api_key, "attentive needs the token of an app: set ATTENTIVE_API_KEY"
        )
        self._settings = settings
        self._memory = memory
        self._notes = Notes(settings, memory)
        self._halving: defaultdict[str, Halving] = defaultdict(
            lambda: Halving(self.name, "rows of one kind")
        )
        self._api = Api(
            self.name,
            account.api_base,
            {
                "Authorization": f"Bearer {key}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
            _LIMITS,
        )
        # Results lie at addresses of their own, which must not see the token.
        self._results = Api("the results of attentive", "", {}, {"result": _ALL})
        self._segments: set[str] = set()
        self._leaving: defaultdict[str, set[str]] = defaultdict(set)
        # By hash and place, from notes: what may be at work, and the hash of what it says.
        self._at_work: defaultdict[tuple[str, str], list[tuple[_Request, str]]] = defaultdict(list)

    def check(self) -> Iterator[Finding]:
        """Key, rights to read, and segments. Rights to write show at the first push only."""
        reads = (
            ("key", "me", "/v2/me", {}),
            ("segments:read", "segments", "/v2/segments", {"limit": "1"}),
            ("subscriptions:read", "subscriptions", "/v1/subscriptions", {}),
        )
        # Nobody is named there, which is refused; who may not read is told so before.
        is_known = yield from self._api.granted(
            reads, ("x-ratelimit-remaining", "calls left"), refuses="subscriptions:read"
        )
        for name in sorted(self._memory) if is_known else ():
            if name.startswith("list "):
                list_name = name.removeprefix("list ")
                there = self._is_there(list_name)
                told = "is there" if there else "was archived there"
                yield Finding(title(list_name), there, told)

    def gone(self, list_names: Sequence[str]) -> set[str]:
        """Segments that are not found by our id."""
        return {name for name in list_names if not self._is_there(name)}

    def stops_since(self, newest: datetime | None) -> Stops | None:
        """A sweep of everybody in an audience: the platform tells of stops in no other way.

        None soon after the last one; who would be added is asked about all the same.
        """
        started = _now()
        if newest and started - newest < _FRESH:
            return None
        phones = audience_phones(self._settings)
        told = self._ask(phones)
        if told and all(may is None for may in told.values()):
            raise PlatformError("attentive says of nobody whether they may be texted")
        said = [
            StopSaid(contact_id, started, "subscription")
            for contact_id, may in told.items()
            if may is False
        ]
        unsure = frozenset(contact_id for contact_id, may in told.items() if may is None)
        return Stops(said, started, unsure)

    def opted_out(self, contact_ids: Sequence[str]) -> list[StopSaid]:
        """All but those of whom the platform says that they may be texted.

        Somebody who said stop may look like somebody it never knew; it would text neither.
        """
        may = self._ask(phones_of(self._settings, contact_ids))
        now = _now()
        return [
            StopSaid(contact_id, now, "subscription" if may.get(contact_id) is False else UNSURE)
            for contact_id in contact_ids
            if may.get(contact_id) is not True
        ]

    def begin(self, as_of_date: date, sync_run_id: int) -> None:
        """Begin to wait; learn what is at work, and forget what is over."""
        self._until = self._api.clock() + _JOB_PATIENCE
        self._at_work.clear()
        for name, note in list(self._notes.all()):
            request = _Request.read(note["request"])
            marks = tuple(mark for mark in request.marks if not self._is_over(mark))
            if not marks:
                self._notes.drop(name)
            for hashed, said in _said(note).items() if marks else ():
                self._at_work[hashed, request.place].append((replace(request, marks=marks), said))

    def poll(self, job_id: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        """What became of a request of an earlier push; nothing while it is at work.

        That is noted, because the ledger forgets a request when the next one is on its way.
        """
        request = _Request.read(job_id)
        acks = self._outcome(request, sorted(contact_ids))
        if acks is None:
            told = dict.fromkeys(map(self._notes.hash, contact_ids), "")
            told |= _said(self._notes.get(job_id))
            self._notes.put(job_id, {"request": job_id, "contacts": told})
        else:
            self._notes.drop(job_id)
            yield from acks

    def upsert_profiles(self, profiles: pa.Table) -> Iterator[Ack]:
        """Attributes by 256: all handed over, each job noted, then asked for until it ends."""
        good: defaultdict[str, list[_Row]] = defaultdict(list)
        bad: defaultdict[str, list[str]] = defaultdict(list)
        for profile in sorted(each_profile(profiles), key=lambda profile: profile.contact_id):
            user = _user(profile)
            if isinstance(user, str):
                bad[user].append(profile.contact_id)
            else:
                good[_know(profile)].append((profile.contact_id, user))
        for code, contact_ids in bad.items():
            yield Ack(contact_ids, "rejected", code=code)
        jobs: list[tuple[_Request, list[str]]] = []
        for what, rows in sorted(good.items()):
            yield from self._ask_for(what, _PROFILE, rows, jobs)
        yield from self._wait_for(jobs)

    def add_members(self, list_name: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        """Put people on a segment, making it where it is missing.

        Who may still stand on another one, because a removal is not confirmed, has to wait.
        """
        leaving = [one for one in contact_ids if self._leaving.get(one)]
        if leaving:
            yield Ack(leaving, "retry", code="still_leaving")
        self._make(list_name)
        jobs: list[tuple[_Request, list[str]]] = []
        rows = _rows(one for one in contact_ids if not self._leaving.get(one))
        yield from self._ask_for("add", list_name, rows, jobs)
        yield from self._wait_for(jobs)

    def remove_members(self, list_name: str, members: Sequence[Member]) -> Iterator[Ack]:
        """Take people off a segment; where there is none, all of them are off it."""
        if not self._is_there(list_name):
            yield Ack([one.contact_id for one in members], "accepted")
            return
        for one in members:
            self._leaving[one.contact_id].add(list_name)
        jobs: list[tuple[_Request, list[str]]] = []
        rows = _rows(one.contact_id for one in members)
        yield from self._ask_for("remove", list_name, rows, jobs)
        yield from self._wait_for(jobs)

    def standing(self, list_name: str, at_most: int) -> None:
        """Attentive does not tell who is in a segment."""
        return None

    def _ask(self, phones: dict[str, str]) -> dict[str, bool | None]:
        """Whether each of these may be texted; None where the platform does not know them."""
        found: dict[str, bool | None] = {}
        with ThreadPoolExecutor(_READERS) as readers:
            try:
                for contact_id, may in zip(
                    phones, readers.map(self._may_be_texted, phones.values()), strict=True
                ):
                    found[contact_id] = may
            except BaseException:
                readers.shutdown(wait=False, cancel_futures=True)
                raise
        return found

    def _may_be_texted(self, phone: str) -> bool | None:
        try:
            answer = self._api.read("subscriptions", "/v1/subscriptions", {"phone": phone})
        except Missing:
            return None
        told = answer.get("subscriptionEligibilities")
        if not isinstance(told, list):
            raise PlatformError("attentive does not tell who has opted out: nothing is sent")
        verdicts = [
            (each.get("eligibility") or {}).get("isEligible")
            for each in told
            if _is_marketing_text(each.get("subscription") or {})
        ]
        if False in verdicts:
            return False
        return True if verdicts and all(verdict is True for verdict in verdicts) else None

    def _is_there(self, list_name: str) -> bool:
        try:
            self._api.read(
                "segments", f"/v2/segments/external/{quote(_key(list_name), safe='')}", {}
            )
        except Missing:
            return False
        return True

    def _make(self, list_name: str) -> None:
        """A segment under our own id, made once."""
        if list_name in self._segments:
            return
        body = orjson.dumps({"name": title(list_name), "externalId": _key(list_name)})
        for _ in range(_TRIES):
            if self._is_there(list_name):
                break
            try:
                self._api.call("segments", "POST", "/v2/segments", body=body, may_repeat=False)
            except Busy:
                # It may have been made: look before another one is asked for.
                self._api.sleep(_JOB_PAUSE[0])
            except Rejected as error:
                raise PlatformError(
                    f"attentive will not make the segment {title(list_name)!r} ({error.code}): "
                    "restore it there if it was archived"
                ) from None
            else:
                break
        else:
            raise PlatformError(
                f"attentive does not answer: the segment {title(list_name)!r} is not made"
            )
        self._segments.add(list_name)
        self._memory[f"list {list_name}"] = _key(list_name)

    def _ask_for(
        self, what: str, place: str, rows: list[_Row], jobs: list[tuple[_Request, list[str]]]
    ) -> Iterator[Ack]:
        """Hand rows over in batches; what is at work for good is added to `jobs`.

        A row that was asked for before in the same words is not sent again; one against which an
        opposite request may be at work is sent, and is to be sent again after it.
        """
        asked: defaultdict[tuple[str, ...], list[_Row]] = defaultdict(list)
        waiting: defaultdict[str, list[str]] = defaultdict(list)
        for row in rows:
            known = self._at_work.get((self._notes.hash(row[0]), place), [])
            others = {
                mark
                for one, said in known
                if one.what != what or (what == "know" and said != self._hash_of(row))
                for mark in one.marks
            }
            same = [one for one, _ in known if one.what == what and not one.is_unheard]
            if same and others <= set(same[-1].marks) and what != "know":
                waiting[str(same[-1])].append(row[0])
            elif others:
                marks = dict.fromkeys(mark for one, _ in known for mark in one.marks)
                asked[tuple(marks)].append(row)
            else:
                asked[()].append(row)
        for job_id, contact_ids in waiting.items():
            yield Ack(contact_ids, "pending", job_id=job_id)
        for marks, some in asked.items():
            for batch in batches(some, _USERS if place == _PROFILE else _MEMBERS):
                for contact_ids, told in self._hand_over(what, place, batch):
                    if isinstance(told, Ack):
                        yield replace(told, contact_ids=contact_ids)
                        continue
                    request = _Request(what, place, (*marks, told), after=bool(marks))
                    if not marks:
                        jobs.append((request, contact_ids))
                    yield Ack(contact_ids, "pending", job_id=str(request))

    def _hand_over(
        self, what: str, place: str, rows: list[_Row]
    ) -> Iterator[tuple[list[str], str | Ack]]:
        """Send one batch; contacts with the job that took them, or with what was said instead."""

        def call(some: list[_Row]) -> Iterator[tuple[list[str], str | Ack]]:
            try:
                yield from self._send(what, place, some)
            except Missing:
                if place != _PROFILE and not self._is_there(place):
                    raise PlatformError(
                        f"the segment {title(place)!r} was archived at attentive: push again, and "
                        "it is made anew"
                    ) from None
                raise

        yield from self._halving[f"{what.partition('-')[0]} {place}"].send(rows, call)

    def _send(
        self, what: str, place: str, rows: list[_Row]
    ) -> Iterator[tuple[list[str], str | Ack]]:
        """One request, noted before it is sent.

        The note is taken back when it is known what became of it: a request that nobody has heard
        of again may be at work for hours. Raises `Rejected` and `Missing`.
        """
        contact_ids = [contact_id for contact_id, _ in rows]
        kind, method, path, body = _call(what, place, [row for _, row in rows])
        over = f"{_UNTIL}{(_now() + _LATEST).isoformat()}"
        told = {self._notes.hash(row[0]): self._hash_of(row) for row in rows}
        note = {"request": str(_Request(what, place, (over,))), "contacts": told}
        with self._notes.sending(over, note) as fate:
            try:
                answer = self._api.call(kind, method, path, body=body, lost=fate.lose)
            except Busy as error:
                yield contact_ids, Ack([], "retry", code=str(error))
                fate.is_known = True
                return
            job_id = answer.body.get("batchJobId") if isinstance(answer.body, dict) else None
            if job_id:
                yield contact_ids, str(job_id)
                fate.is_known = True
            else:
                yield contact_ids, Ack([], "retry", code="no_job")

    def _hash_of(self, row: _Row) -> str:
        """What is said of a contact; twice the same does no harm, whichever comes last."""
        return self._notes.hash(orjson.dumps(row[1], option=orjson.OPT_SORT_KEYS).decode())

    def _is_over(self, mark: str) -> bool:
        """Whether nothing of a request is at work any more; of one never answered, by the clock."""
        if mark.startswith(_UNTIL):
            return _now() >= datetime.fromisoformat(mark.removeprefix(_UNTIL))
        try:
            return self._status(mark)[0] in (*_ENDED_BADLY, "COMPLETED")
        except Busy:
            return False
        except (Missing, Rejected):
            return True

    def _status(self, job_id: str) -> tuple[str, str]:
        """The word for where a job is, and the address of its results."""
        job = self._api.call("job", "GET", f"/v2/bulk/job/{quote(job_id, safe='')}").body
        return str(job.get("status") or "").upper(), str(job.get("url") or "")

    def _wait_for(self, jobs: list[tuple[_Request, list[str]]]) -> Iterator[Ack]:
        """Ask for each job until all have ended or patience has: the next push asks again.

        The patience is that of the whole push: there may be many lists.
        """
        pause = _JOB_PAUSE[0]
        while jobs:
            waiting = []
            for request, contact_ids in jobs:
                acks = self._outcome(request, contact_ids, is_new=True)
                if acks is None:
                    waiting.append((request, contact_ids))
                    continue
                for ack in acks if request.what == "remove" else ():
                    for one in ack.contact_ids if ack.state == "accepted" else ():
                        self._leaving[one].discard(request.place)
                yield from acks
            if waiting and self._api.clock() >= self._until:
                return
            if waiting:
                self._api.sleep(pause)
                pause = min(2 * pause, _JOB_PAUSE[1])
            jobs = waiting

    def _outcome(
        self, request: _Request, contact_ids: list[str], *, is_new: bool = False
    ) -> list[Ack] | None:
        """The answers to a request that is over, for all contacts; None while it is at work.

        Accepted is who stands in the results with a good word; who does not stand in them is sent
        again. A job that is new may not be known yet to whoever answers.
        """
        if request.after:
            is_over = all(map(self._is_over, request.marks))
            return [Ack(contact_ids, "retry", code="overtaken")] if is_over else None
        try:
            status, url = self._status(request.marks[0])
            if status in _ENDED_BADLY:
                return [Ack(contact_ids, "retry", code=status.lower())]
            lines = self._result(url) if status == "COMPLETED" else None
        except Busy:
            return None
        except Missing:
            return None if is_new else [Ack(contact_ids, "retry", code="job_gone")]
        except Rejected as error:
            return [Ack(contact_ids, "retry", code=error.code)]
        if lines is None:
            return None
        told: dict[str, Ack] = {}
        ours = frozenset(contact_ids)
        for line in lines:
            ack = _verdict(line, request.what)
            for contact_id in ours.intersection(_named(line)):
                # One bad word about somebody outweighs the good ones.
                if contact_id not in told or ack.state != "accepted":
                    told[contact_id] = ack
        unknown = Ack([], "retry", code="no_result")
        alike: defaultdict[Any, list[str]] = defaultdict(list)
        for one in contact_ids:
            ack = told.get(one, unknown)
            alike[ack.state, ack.code].append(one)
        return [Ack(some, state, code=code) for (state, code), some in alike.items()]

    def _result(self, url: str) -> list[Any] | None:
        """The lines of a result; None where its link has run out: the next look gets another."""
        try:
            return self._results.call("result", "GET", url, is_lines=True).body if url else []
        except (Busy, Missing, Rejected, PlatformError):
            return None


def _now() -> datetime:
    return datetime.now(UTC)


def _key(list_name: str) -> str:
    """The id of a list there, given by us."""
    return f"vip-sms-{list_name}"


def _is_marketing_text(subscription: dict[str, Any]) -> bool:
    return (subscription.get("type"), subscription.get("channel")) == ("MARKETING", "TEXT")


def _said(note: dict[str, Any]) -> dict[str, str]:
    """Hashes of what a note says, by that of the contact; an older program noted contacts alone."""
    told = note.get("contacts", {})
    return told if isinstance(told, dict) else dict.fromkeys(told, "")


def _call(what: str, place: str, items: list[dict[str, Any]]) -> tuple[str, str, str, bytes]:
    """Kind, method, path and body of a bulk request."""
    if place == _PROFILE:
        return "attributes", "POST", "/v2/bulk/user/attributes", orjson.dumps({"users": items})
    body = orjson.dumps({"externalId": _key(place), "members": items})
    return "members", "DELETE" if what == "remove" else "POST", "/v2/bulk/segments/members", body


def _rows(contact_ids: Iterable[str]) -> list[_Row]:
    return [(one, {"clientUserId": one}) for one in contact_ids]


def _know(profile: Profile) -> str:
    """What is asked for a profile; with a digest of it where there is nobody's address in it."""
    if profile.phone or profile.email:
        return "know"
    content = orjson.dumps(profile.properties, option=orjson.OPT_SORT_KEYS)
    return f"know-{hashlib.sha256(content).hexdigest()[:12]}"


def _user(profile: Profile) -> dict[str, Any] | str:
    """A profile as the bulk call takes it, or the code of why it cannot be one.

    The first value that an attribute ever has fixes its type. What is not known is therefore a word
    for a text and left out for a date: an empty one would make a text of it.
    """
    if len(profile.contact_id) > _ID_LENGTH:
        return "id_too_long"
    identifiers = {"clientUserId": profile.contact_id}
    if profile.phone:
        if not PHONE.fullmatch(profile.phone):
            return "invalid_phone"
        identifiers["phone"] = profile.phone
    if profile.email and EMAIL.fullmatch(profile.email):
        identifiers["email"] = profile.email
    custom = {
        property_name(name): value if value != "" else "none"
        for name, value in profile.properties.items()
        if value != "" or not name.endswith(_DATES)
    }
    return {"identifiers": identifiers, "attributes": {"custom": custom}}


def _named(line: Any) -> Iterator[str]:
    """Our ids anywhere in a line of results."""
    if isinstance(line, dict):
        for name, value in line.items():
            if name == "clientUserId" and isinstance(value, str):
                yield value
            else:
                yield from _named(value)
    elif isinstance(line, list):
        for each in line:
            yield from _named(each)


def _verdict(line: Any, what: str) -> Ack:
    """What a line of results says of those named in it; without a good word nobody is accepted.

    The description names the file and not its form, so that words are taken for what they say and
    anything else for a failure.
    """
    answer = line.get("response", line) if isinstance(line, dict) else {}
    answer = answer if isinstance(answer, dict) else {}
    names = ("status", "statusCode", "httpStatus", "success")
    told = [answer[name] for name in names if answer.get(name) is not None]
    if told and all(map(_is_good, told)) and not answer.get("error") and not answer.get("errors"):
        return Ack([], "accepted")
    numbers = [int(each) for each in told if str(each).isdigit()]
    if 404 in numbers:
        return Ack([], "accepted" if what == "remove" else "retry", code="not_found")
    if not told or any(number == 429 or number >= 500 for number in numbers):
        return Ack([], "retry", code=_code(answer, told))
    return Ack([], "rejected", code=_code(answer, told))


def _is_good(told: Any) -> bool:
    if isinstance(told, bool):
        return told
    if str(told).isdigit():
        return 200 <= int(told) < 300
    return str(told).lower() in _SAID_WELL


def _code(answer: dict[str, Any], told: list[Any]) -> str:
    """The vendor's word for why; never a sentence of theirs, which may quote the data."""
    error = answer.get("error")
    words = [error.get("code") if isinstance(error, dict) else error]
    words += [answer.get("code"), answer.get("errorCode"), *told]
    return next((str(one) for one in words if one and _CODE.fullmatch(str(one))), "no_result")
