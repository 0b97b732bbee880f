"""Klaviyo: profiles by bulk import, lists by their members, opt-outs read back and never written.

The interface is that of the vendor's own OpenAPI description of `REVISION`. Four of its calls are
never made: subscribe, unsubscribe, suppress and unsuppress change what people consented to.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pyarrow as pa
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestration.platforms import (
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
from orchestration.settings import PROJECT_DIR, Settings

# A revision is served for two years; then the platform answers 410 and this line moves on.
REVISION = "2026-07-15"

_JSON_API = "application/vnd.api+json"
_LIMITS = {
    "import": Limit(10, 150),
    "job": Limit(10, 150),
    "members": Limit(10, 150),
    "profiles": Limit(75, 750),
    "lists": Limit(75, 750),
    "make list": Limit(10, 150),
    "metrics": Limit(10, 150),
    "events": Limit(350, 3500),
    "account": Limit(1, 15),
}
_IMPORT_PROFILES = 10_000
_IMPORT_BYTES = 4_900_000  # of 5 MB, the frame included
_PROFILE_BYTES = 100_000
_MEMBERS = 1_000
_PAGE = 100
_READERS = 6
_JOB_PATIENCE = 1200.0
_JOB_PAUSE = (0.5, 10.0)
# What was sent and never answered has come to the account by then, or never will; the job that it
# became was made within so much of that moment, by clocks that do not agree.
_LATEST = timedelta(minutes=10)
_APART = timedelta(hours=12)
# Before the job, in the ledger, of contacts of whom an earlier one may yet say something else.
_AFTER = "after:"
_OVERLAP = timedelta(days=1)
_UNSUBSCRIBED_METRICS = ("Unsubscribed from SMS Marketing", "Unsubscribed from SMS")
_METRIC_SEEN = "unsubscribe metric"
_MAY_BE_TEXTED = (None, "", "SUBSCRIBED", "NEVER_SUBSCRIBED")


class KlaviyoSettings(BaseSettings):
    """How to reach the account; each field is the environment variable `KLAVIYO_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="KLAVIYO_", env_file=PROJECT_DIR / ".env", extra="ignore", frozen=True
    )

    api_key: SecretStr | None = Field(None, description="Private key, without subscriptions:write.")
    api_base: str = Field("https://a.klaviyo.com", description="Address of the interface.")


@dataclass(frozen=True)
class _Known:
    """A profile of the platform: its id there, and whether the person said stop."""

    profile_id: str
    said_stop: bool
    since: datetime | None


class Klaviyo:
    """A Klaviyo account. Profiles are found by our contact id, their `external_id`."""

    name = "klaviyo"

    def __init__(self, settings: Settings, memory: MutableMapping[str, str]) -> None:
        """Raises `PlatformError` where there is no key."""
        account = KlaviyoSettings()
        key = require_key(account.api_key, "klaviyo needs a private key: set KLAVIYO_API_KEY")
        self._memory = memory
        self._notes = Notes(settings, memory)
        # By hash of a contact: hashes of what earlier imports may yet say of it.
        self._doubt: defaultdict[str, set[str]] = defaultdict(set)
        self._known: dict[str, _Known] = {}
        self._imports = Halving(self.name, "profiles")
        self._members: defaultdict[str, Halving] = defaultdict(
            lambda: Halving(self.name, "members of a list")
        )
        self._api = Api(
            self.name,
            account.api_base,
            {
                "Authorization": f"Klaviyo-API-Key {key}",
                "revision": REVISION,
                "X-Klaviyo-Revision-Fall-Forward-Opt-Out": "1",
                "Accept": _JSON_API,
                "Content-Type": _JSON_API,
            },
            _LIMITS,
        )

    def check(self) -> Iterator[Finding]:
        """Key, rights to read, limits and lists. Rights to write show at the first push only."""
        reads = (
            ("key", "account", "/api/accounts", {}),
            ("lists:read", "lists", "/api/lists", {"page[size]": "10"}),
            ("profiles:read", "profiles", "/api/profiles", {"page[size]": "1"}),
            ("metrics:read", "metrics", "/api/metrics", {}),
            ("events:read", "events", "/api/events", {"page[size]": "1"}),
        )
        is_known = yield from self._api.granted(
            reads, ("RateLimit-Remaining", "calls left this minute")
        )
        for name in sorted(self._memory) if is_known else ():
            if name.startswith("list "):
                list_name = name.removeprefix("list ")
                there = not self.gone([list_name])
                yield Finding(title(list_name), there, "is there" if there else "was deleted there")

    def gone(self, list_names: Sequence[str]) -> set[str]:
        """Lists that are found neither by the id remembered nor by name."""
        found = set()
        for name in list_names:
            list_id = self._memory.get(f"list {name}")
            try:
                if list_id is None:
                    if self._find(name) is None:
                        found.add(name)
                else:
                    self._api.read("lists", f"/api/lists/{list_id}", {"fields[list]": "name"})
            except Missing:
                del self._memory[f"list {name}"]
                found.add(name)
        return found

    def stops_since(self, newest: datetime | None) -> Stops:
        """The unsubscribe events, with a day's overlap: events may arrive late."""
        now = _now()
        never = datetime.fromtimestamp(0, UTC)
        said, last = [], newest or never
        metrics = self._unsubscribe_metrics()
        if metrics:
            self._memory[_METRIC_SEEN] = metrics[0]
        elif _METRIC_SEEN in self._memory or last > never:
            raise PlatformError(
                "klaviyo has no metric of unsubscribing from SMS any more: was it renamed there?"
            )
        for metric_id in metrics:
            wanted = f'equals(metric_id,"{metric_id}")'
            if newest:
                wanted += f",greater-or-equal(datetime,{_moment(newest - _OVERLAP)})"
            pages = self._pages(
                "events",
                "/api/events",
                {
                    "filter": wanted,
                    "include": "profile",
                    "fields[event]": "datetime",
                    "fields[profile]": "external_id",
                    "sort": "datetime",
                    "page[size]": "1000",
                },
            )
            for page in pages:
                ids = {
                    each["id"]: each["attributes"].get("external_id")
                    for each in page.get("included") or ()
                    if each["type"] == "profile"
                }
                for event in page["data"]:
                    told = (event.get("attributes") or {}).get("datetime")
                    when = _in_utc(told) if told else now
                    if told:
                        last = max(last, when)
                    whose = (event.get("relationships") or {}).get("profile") or {}
                    contact_id = ids.get((whose.get("data") or {}).get("id"))
                    if contact_id:
                        said.append(StopSaid(contact_id, when, "unsubscribe event"))
        # An event of the future would hide those that come before it.
        return Stops(said, min(last, now))

    def opted_out(self, contact_ids: Sequence[str]) -> list[StopSaid]:
        """Those whose profile says UNSUBSCRIBED, or a word that nobody has documented."""
        self._look_up(contact_ids)
        stops = []
        for contact_id in contact_ids:
            known = self._known.get(contact_id)
            if known and known.said_stop:
                since = known.since or _now()
                stops.append(StopSaid(contact_id, since, "profile"))
        return stops

    def begin(self, as_of_date: date, sync_run_id: int) -> None:
        """Learn which earlier imports may still be at work, and forget those that are over.

        Nothing waits for them: what is told of their contacts meanwhile is told once more later.
        """
        self._doubt.clear()
        notes = dict(self._notes.all())
        try:
            at_work = list(self._unfinished_jobs()) if notes else []
        except PlatformError:
            at_work = None
        ours = {note.get("job") for note in notes.values()}
        for name, note in notes.items():
            if at_work is None:
                is_over = False  # whoever is removed waits for no answer about imports
            elif note.get("job"):
                is_over = all(job["id"] != note["job"] for job in at_work)
            else:
                is_over = _is_over(note, [job for job in at_work if job["id"] not in ours])
            if is_over:
                self._notes.drop(name)
            for hashed, content in note["contacts"].items() if not is_over else ():
                self._doubt[hashed].add(content)

    def poll(self, job_id: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        """What became of an import job of an earlier push; nothing while it is at work.

        That is noted, because the ledger forgets a job when the next one is on its way.
        """
        acks = self._outcome(job_id, sorted(contact_ids))
        if acks is None:
            told = dict.fromkeys(map(self._notes.hash, contact_ids), "")
            told |= self._notes.get(job_id).get("contacts", {})
            self._notes.put(job_id, {"job": job_id.removeprefix(_AFTER), "contacts": told})
        else:
            self._notes.drop(job_id)
            yield from acks

    def upsert_profiles(self, profiles: pa.Table) -> Iterator[Ack]:
        """Bulk imports: all handed over first, each job noted, then asked for until it ends."""
        jobs: list[tuple[str, list[str]]] = []
        good, bad = [], defaultdict(list)
        for profile in sorted(each_profile(profiles), key=lambda profile: profile.contact_id):
            content = _profile(profile)
            if isinstance(content, str):
                bad[content].append(profile.contact_id)
            else:
                good.append((profile.contact_id, content))
        for code, contact_ids in bad.items():
            yield Ack(contact_ids, "rejected", code=code)
        doubtful = self._in_doubt(good)
        for mark, rows in (
            (_AFTER, [row for row in good if row[0] in doubtful]),
            ("", [row for row in good if row[0] not in doubtful]),
        ):
            for chunk in _chunks(rows):
                for contact_ids, told in self._imports.send(chunk, self._import):
                    if isinstance(told, Ack):
                        yield replace(told, contact_ids=contact_ids)
                    else:
                        jobs.append((mark + told, contact_ids))
                        yield Ack(contact_ids, "pending", job_id=mark + told)
        yield from self._wait_for(jobs)

    def add_members(self, list_name: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        """Put profiles on a list, making it where it is missing."""
        list_id = self._list(list_name)
        self._look_up([one for one in contact_ids if one not in self._known])
        for batch in batches(contact_ids, _MEMBERS):
            ids = {one: self._known[one].profile_id for one in batch if one in self._known}
            unknown = [one for one in batch if one not in ids]
            if unknown:
                yield Ack(unknown, "retry", code="not_found")
            if ids:
                yield from self._change("POST", list_name, list_id, list(ids.items()))

    def remove_members(self, list_name: str, members: Sequence[Member]) -> Iterator[Ack]:
        """Take profiles off a list; who is not on it, or not there at all, is off it."""
        list_id = self._memory.get(f"list {list_name}") or self._find(list_name)
        if list_id is None:
            yield Ack([one.contact_id for one in members], "accepted")
            return
        self._look_up([one.contact_id for one in members if not one.vendor_id])
        for batch in batches(members, _MEMBERS):
            # Pairs, because strangers on a list have no contact id of ours to tell them apart.
            pairs, nobody = [], []
            for one in batch:
                known = self._known.get(one.contact_id)
                profile_id = one.vendor_id or (known.profile_id if known else None)
                if profile_id:
                    pairs.append((one.contact_id, profile_id))
                else:
                    nobody.append(one.contact_id)
            if nobody:
                yield Ack(nobody, "accepted")
            if pairs:
                yield from self._change("DELETE", list_name, list_id, pairs)

    def standing(self, list_name: str, at_most: int) -> set[str] | None:
        """Profile ids of the list's members."""
        list_id = self._memory.get(f"list {list_name}") or self._find(list_name)
        if list_id is None:
            return set()
        found: set[str] = set()
        path = f"/api/lists/{list_id}/relationships/profiles"
        for page in self._pages("lists", path, {"page[size]": str(_PAGE)}):
            found.update(each["id"] for each in page["data"])
            if len(found) > at_most:
                return None
        return found

    def _unsubscribe_metrics(self) -> list[str]:
        """Found by name: the vendor has renamed this metric before."""
        return sorted(
            each["id"]
            for page in self._pages("metrics", "/api/metrics", {})
            for each in page["data"]
            if each["attributes"].get("name") in _UNSUBSCRIBED_METRICS
        )

    def _look_up(self, contact_ids: Sequence[str]) -> None:
        """Ask for profile ids and consent by our ids, a hundred a call."""

        def ask(some: list[str]) -> list[tuple[str, _Known]]:
            params = {
                "filter": f"any(external_id,[{','.join(map(_quoted, some))}])",
                "additional-fields[profile]": "subscriptions",
                "fields[profile]": "external_id,subscriptions",
                "page[size]": str(_PAGE),
            }
            return [
                (each["attributes"]["external_id"], _consent(each))
                for page in self._pages("profiles", "/api/profiles", params)
                for each in page["data"]
            ]

        wanted = sorted(set(contact_ids))
        for contact_id in wanted:
            self._known.pop(contact_id, None)
        with ThreadPoolExecutor(_READERS) as readers:
            for found in readers.map(ask, batches(wanted, _PAGE)):
                for contact_id, known in found:
                    other = self._known.get(contact_id)
                    if other is None or known.said_stop:
                        self._known[contact_id] = known

    def _in_doubt(self, rows: list[tuple[str, bytes]]) -> set[str]:
        """Those of whom an earlier import that may come later says something else."""
        return {
            contact_id
            for contact_id, content in rows
            if self._doubt
            and self._doubt.get(self._notes.hash(contact_id), set())
            - {self._notes.hash(content.decode())}
        }

    def _import(self, chunk: list[tuple[str, bytes]]) -> Iterator[tuple[list[str], str | Ack]]:
        """Hand a chunk over, noted before; contacts with their job, or with what was said."""
        body = _IMPORT_HEAD + b",".join(content for _, content in chunk) + _IMPORT_TAIL
        contact_ids = [contact_id for contact_id, _ in chunk]
        sent = _now().isoformat()
        told = {
            self._notes.hash(contact_id): self._notes.hash(content.decode())
            for contact_id, content in chunk
        }
        note = {"at": sent, "size": len(chunk), "contacts": told}
        with self._notes.sending(sent, note) as fate:
            path = "/api/profile-bulk-import-jobs"
            try:
                answer = self._api.call("import", "POST", path, body=body, lost=fate.lose)
            except Busy as error:
                yield contact_ids, Ack([], "retry", code=str(error))
            else:
                yield contact_ids, str(answer.body["data"]["id"])
            fate.is_known = True

    def _wait_for(self, jobs: list[tuple[str, list[str]]]) -> Iterator[Ack]:
        """Ask for each job until all have ended or patience has: the next push asks again."""
        until = self._api.clock() + _JOB_PATIENCE
        pause = _JOB_PAUSE[0]
        while jobs and self._api.clock() < until:
            waiting = []
            for job_id, contact_ids in jobs:
                acks = self._outcome(job_id, contact_ids)
                if acks is None:
                    waiting.append((job_id, contact_ids))
                else:
                    yield from acks
            if waiting:
                self._api.sleep(pause)
                pause = min(2 * pause, _JOB_PAUSE[1])
            jobs = waiting

    def _outcome(self, job_id: str, contact_ids: list[str]) -> list[Ack] | None:
        """The answers of a job that has ended, for all contacts; None while it is at work.

        A row is accepted only when every failure that the platform counts has been read and joined
        to its contact: else nobody knows whose it was, and all but the known ones are tried again.
        So are those of a job that an earlier one may come after.
        """
        path = f"/api/profile-bulk-import-jobs/{job_id.removeprefix(_AFTER)}"
        try:
            job = self._api.call("job", "GET", path).body["data"]["attributes"]
            if job["status"] in ("queued", "processing"):
                return None
            if job["status"] != "complete":
                return [Ack(contact_ids, "retry", code=str(job["status"]))]
            params = {"page[size]": str(_PAGE)}
            errors = [
                each["attributes"]
                for page in self._pages("job", f"{path}/import-errors", params, is_vital=False)
                for each in page["data"]
            ]
        except Busy:
            return None
        except Missing:
            return [Ack(contact_ids, "retry", code="job_gone")]
        except Rejected as error:
            return [Ack(contact_ids, "retry", code=error.code)]
        failed: dict[str, str] = {}
        ours, strangers = frozenset(contact_ids), 0
        for error in errors:
            whose = _whose(error, contact_ids, ours)
            if whose is None:
                strangers += 1
            else:
                failed[whose] = str(error.get("code") or "invalid")[:60]
        is_sure = not strangers and len(failed) >= (job.get("failed_count") or 0)
        counted = job.get("completed_count")
        if counted is not None:
            is_sure = is_sure and counted + len(failed) >= len(contact_ids)
        rest = ("accepted", None) if is_sure else ("retry", "unknown_failure")
        if job_id.startswith(_AFTER):
            rest = ("retry", "overtaken")
        alike: defaultdict[Any, list[str]] = defaultdict(list)
        for one in contact_ids:
            alike[("rejected", failed[one]) if one in failed else rest].append(one)
        return [Ack(some, state, code=code) for (state, code), some in alike.items()]

    def _unfinished_jobs(self) -> Iterator[dict[str, Any]]:
        """The imports of the account that are at work, whoever asked for them."""
        params = {"filter": 'any(status,["queued","processing"])', "page[size]": str(_PAGE)}
        for page in self._pages("job", "/api/profile-bulk-import-jobs", params):
            yield from page["data"]

    def _list(self, name: str) -> str:
        """The id of a list: remembered, else found by name, else made once and remembered."""
        list_id = self._memory.get(f"list {name}") or self._find(name)
        body = orjson.dumps({"data": {"type": "list", "attributes": {"name": title(name)}}})
        for _ in range(3):
            if list_id:
                break
            try:
                answer = self._api.call(
                    "make list", "POST", "/api/lists", body=body, may_repeat=False
                )
                list_id = str(answer.body["data"]["id"])
            except Busy:
                # It may have been made: a second one of the same name would split its members.
                self._api.sleep(_JOB_PAUSE[0])
                list_id = self._find(name)
            except Rejected as error:
                raise PlatformError(
                    f"klaviyo will not make the list {title(name)!r} ({error.code})"
                ) from None
        if not list_id:
            raise PlatformError(f"klaviyo does not answer: the list {title(name)!r} is not made")
        self._memory[f"list {name}"] = list_id
        return list_id

    def _find(self, name: str) -> str | None:
        """The id of the one list of that name, where there is one."""
        params = {"filter": f'equals(name,["{title(name)}"])', "page[size]": "10"}
        ids = [
            each["id"]
            for page in self._pages("lists", "/api/lists", params)
            for each in page["data"]
            if each["attributes"].get("name") == title(name)
        ]
        if len(ids) > 1:
            raise PlatformError(
                f"klaviyo has {len(ids)} lists called {title(name)!r}: keep one of them"
            )
        return ids[0] if ids else None

    def _change(
        self, method: str, list_name: str, list_id: str, pairs: list[tuple[str, str]]
    ) -> Iterator[Ack]:
        """Add or remove up to a thousand, as pairs of contact and profile id."""
        path = f"/api/lists/{list_id}/relationships/profiles"
        ids = dict(pairs)

        def call(some: list[tuple[str, str]]) -> Iterator[tuple[list[str], Ack]]:
            data = [{"type": "profile", "id": profile_id} for _, profile_id in some]
            contact_ids = [contact_id for contact_id, _ in some]
            try:
                self._api.call("members", method, path, body=orjson.dumps({"data": data}))
                yield contact_ids, Ack([], "accepted")
            except Busy as error:
                yield contact_ids, Ack([], "retry", code=str(error))
            except Missing:
                if self._is_gone(list_id):
                    raise PlatformError(
                        f"the list {title(list_name)!r} was deleted at klaviyo: push again, and it "
                        "is made anew"
                    ) from None
                raise

        def alone(pair: tuple[str, str]) -> Ack | None:
            """Profiles are merged and deleted there: the id that we know may be that of nobody."""
            contact_id, profile_id = pair
            if contact_id:  # a stranger's is not known
                self._look_up([contact_id])
            known = self._known.get(contact_id)
            if known is None and method == "DELETE":
                return Ack([], "accepted")
            if known is None or known.profile_id == profile_id:
                return None
            ids[contact_id] = known.profile_id
            try:
                ((_, ack),) = call([(contact_id, known.profile_id)])
            except (Rejected, Missing):
                return None
            return ack

        for contact_ids, told in self._members[f"{method} {list_name}"].send(pairs, call, alone):
            known_as = {one: ids[one] for one in contact_ids} if told.state == "accepted" else {}
            yield replace(told, contact_ids=contact_ids, vendor_ids=known_as)

    def _is_gone(self, list_id: str) -> bool:
        try:
            self._api.read("lists", f"/api/lists/{list_id}", {"fields[list]": "name"})
        except Missing:
            return True
        return False

    def _pages(
        self, kind: str, path: str, params: dict[str, str], *, is_vital: bool = True
    ) -> Iterator[Any]:
        """Every page of a reading, to the last; `is_vital`: without which nothing goes on."""
        while True:
            if is_vital:
                page = self._api.read(kind, path, params)
            else:
                page = self._api.call(kind, "GET", path, params=params).body
            yield page
            following = (page.get("links") or {}).get("next")
            if not following:
                return
            cursor = dict(parse_qsl(urlsplit(following).query)).get("page[cursor]")
            if not cursor or cursor == params.get("page[cursor]"):
                raise PlatformError("klaviyo names a next page that leads nowhere")
            params = {**params, "page[cursor]": cursor}


_IMPORT_HEAD = b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":['
_IMPORT_TAIL = b"]}}}}"


def _profile(profile: Profile) -> bytes | str:
    """A profile as the import takes it, or the code of why it cannot be one.

    No value is ever null: the vendor's word on what null does contradicts what others have seen.
    """
    attributes: dict[str, Any] = {"external_id": profile.contact_id}
    if profile.phone:
        if not PHONE.fullmatch(profile.phone):
            return "invalid_phone"
        attributes["phone_number"] = profile.phone
    if profile.email and EMAIL.fullmatch(profile.email):
        attributes["email"] = profile.email
    attributes["properties"] = {
        property_name(name): value for name, value in profile.properties.items()
    }
    content = orjson.dumps({"type": "profile", "attributes": attributes})
    return content if len(content) <= _PROFILE_BYTES else "too_large"


def _chunks(profiles: list[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Imports that keep both limits: so many profiles and so many bytes."""
    chunk: list[tuple[str, bytes]] = []
    size = 0
    for contact_id, content in profiles:
        if chunk and (len(chunk) == _IMPORT_PROFILES or size + len(content) + 1 > _IMPORT_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((contact_id, content))
        size += len(content) + 1
    if chunk:
        yield chunk


def _quoted(value: str) -> str:
    """A value inside a filter. Raises `PlatformError` for one that no quotes can hold."""
    for quote in ('"', "'"):
        if quote not in value:
            return f"{quote}{value}{quote}"
    raise PlatformError("a customer id holds both kinds of quotes: klaviyo cannot be asked for it")


def _is_over(note: dict[str, Any], at_work: list[dict[str, Any]]) -> bool:
    """Whether an import that was never answered is over: it is none of those at work.

    The platform does not tell who asked for a job: one that came at about that time and is as large
    may be it.
    """
    sent = datetime.fromisoformat(note["at"])
    if _now() < sent + _LATEST:
        return False
    return not any(
        job["attributes"].get("total_count") in (None, note["size"])
        and abs(_in_utc(job["attributes"]["created_at"]) - sent) < _APART
        for job in at_work
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _in_utc(told: str) -> datetime:
    when = datetime.fromisoformat(told)
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")


def _consent(profile: dict[str, Any]) -> _Known:
    """Who a profile is and whether the person said stop; an undocumented word counts as a stop.

    Raises `PlatformError` when the answer does not tell: in doubt nobody is texted.
    """
    subscriptions = profile["attributes"].get("subscriptions")
    if not isinstance(subscriptions, dict):
        raise PlatformError("klaviyo does not tell who has opted out: nothing is sent")
    sms = (subscriptions.get("sms") or {}).get("marketing") or {}
    said_stop = sms.get("consent") not in _MAY_BE_TEXTED
    told = sms.get("consent_timestamp") or sms.get("last_updated")
    return _Known(profile["id"], said_stop, _in_utc(told) if said_stop and told else None)


def _whose(error: dict[str, Any], contact_ids: list[str], ours: Collection[str]) -> str | None:
    """The contact an import error is about: by our id in the payload, else by its place in it."""
    payload = error.get("original_payload") or {}
    nested = payload.get("attributes") or (payload.get("data") or {}).get("attributes") or {}
    contact_id = payload.get("external_id") or nested.get("external_id")
    if contact_id:
        return contact_id if contact_id in ours else None
    place = re.search(r"/data/(\d+)", (error.get("source") or {}).get("pointer") or "")
    index = int(place.group(1)) if place else -1
    return contact_ids[index] if 0 <= index < len(contact_ids) else None
