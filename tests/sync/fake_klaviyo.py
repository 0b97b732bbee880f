"""A stand-in of Klaviyo that remembers, over real HTTP on loopback, and fails as it is told.

Every request is held against the vendor's strict description where that lies beside the project.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema

DESCRIPTION = Path("platform/klaviyo-audience-strict-openapi.json")
KEY = "pk_stand_in"
ARGUMENT = re.compile(r'"([^"]*)"' + r"|'([^']*)'")


class Oracle:
    """Holds requests against an OpenAPI description; what breaks it is kept in `breaches`."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8").replace('"nullable": true', '"x-nullable": true')
        self.spec = json.loads(text)
        self.breaches: list[str] = []
        self._patterns = []
        for template, operations in self.spec["paths"].items():
            pattern = re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(template)) + "$")
            self._patterns.append((pattern, operations))

    def judge(self, method: str, path: str, query: dict[str, str], headers: Any, body: Any) -> None:
        for pattern, operations in self._patterns:
            operation = operations.get(method.lower()) if pattern.match(path) else None
            if operation:
                self._judge(f"{method} {path}", operation, query, headers, body)
                return
        self.breaches.append(f"{method} {path} is no operation")

    def _judge(self, what: str, operation: Any, query: Any, headers: Any, body: Any) -> None:
        known = {each["name"]: each for each in operation.get("parameters", ())}
        for name, value in query.items():
            if known.get(name, {}).get("in") != "query":
                self.breaches.append(f"{what}: no parameter {name}")
                continue
            schema = known[name]["schema"]
            given: Any = value
            if schema.get("type") == "array":
                given = value.split(",")
            elif schema.get("type") == "integer":
                given = int(value)
            self._check(f"{what} {name}", given, schema)
        revision = known.get("revision")
        if revision:
            self._check(f"{what} revision", headers.get("revision"), revision["schema"])
        content = operation.get("requestBody", {}).get("content")
        if content:
            kind = headers.get("Content-Type")
            if kind not in content:
                self.breaches.append(f"{what}: content type {kind}")
            else:
                self._check(what, body, content[kind]["schema"])
        elif body is not None:
            self.breaches.append(f"{what} takes no body")

    def _check(self, what: str, value: Any, schema: Any) -> None:
        validator = jsonschema.Draft202012Validator(
            {**schema, "components": self.spec["components"]}
        )
        for error in validator.iter_errors(value):
            self.breaches.append(f"{what}: {error.message[:200]}")


@cache
def oracle_of(path: Path) -> Oracle:
    return Oracle(path)


@dataclass
class Person:
    id: str
    external_id: str | None = None
    phone: str | None = None
    email: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    consent: str = "SUBSCRIBED"


@dataclass
class Faults:
    """What goes wrong. Shares are chances by request; `at` maps the n-th write to a fault."""

    busy: float = 0.0
    broken: float = 0.0
    cut: float = 0.0
    slow_jobs: int = 0
    cancelled: int = 0
    bad_contacts: set[str] = field(default_factory=set)
    refuse_contacts: set[str] = field(default_factory=set)
    no_scope: set[str] = field(default_factory=set)
    clock: timedelta = timedelta(0)
    only_writes: bool = False


class Account:
    """The state of an account, and the rules it keeps."""

    def __init__(self, description: Path | None = None, seed: int = 0) -> None:
        self.people: dict[str, Person] = {}
        self.lists: dict[str, str] = {}
        self.members: dict[str, set[str]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[datetime, str]] = []
        self.metrics = {"M1": "Placed Order", "M2": "Unsubscribed from SMS Marketing"}
        self.faults = Faults()
        self.oracle = oracle_of(description) if description and description.exists() else None
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
        self.key = KEY
        self.limits: dict[str, tuple[int, int]] = {}
        self.now: Callable[[], float] = time.monotonic
        self.calls: Counter[tuple[str, int]] = Counter()
        self.throttled = 0
        self.hook: Callable[[int], None] | None = None
        self.writes = 0
        self.is_watched = True
        self._places: dict[str, dict[str, str]] = {"external_id": {}, "phone": {}}
        self._random = random.Random(seed)
        self._lock = threading.RLock()
        self._numbers = 0

    # --- what a test says and sees

    def stop(self, external_id: str, *, silently: bool = False) -> None:
        """Somebody says stop at the platform."""
        with self._lock:
            person = self.by("external_id", external_id)
            assert person
            person.consent = "UNSUBSCRIBED"
            if not silently:
                self.events.append((datetime.now(UTC) + self.faults.clock, person.id))

    def by(self, name: str, value: str | None) -> Person | None:
        person_id = self._places[name].get(value or "")
        return self.people[person_id] if person_id else None

    def add(self, **attributes: Any) -> Person:
        self._numbers += 1
        person = Person(f"P{self._numbers:06d}", **attributes)
        self.people[person.id] = person
        self.place(person)
        return person

    def place(self, person: Person) -> None:
        """Let a person be found by what they are called now."""
        for name, places in self._places.items():
            if getattr(person, name):
                places[getattr(person, name)] = person.id

    def on(self, title: str) -> set[str]:
        """Our ids of those on a list."""
        with self._lock:
            for list_id, name in self.lists.items():
                if name == title:
                    return {
                        self.people[one].external_id or self.people[one].id
                        for one in self.members[list_id]
                    }
        return set()

    def delete_list(self, title: str) -> None:
        with self._lock:
            for list_id in [each for each, name in self.lists.items() if name == title]:
                del self.lists[list_id], self.members[list_id]

    # --- the interface

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: Any, raw: bytes
    ) -> tuple[int, Any, dict[str, str]] | None:
        """Status, body and headers; None: the connection is closed without an answer."""
        with self._lock:
            return self._answer(method, path, query, headers, raw)

    def _answer(self, method, path, query, headers, raw):
        self.requests.append((method, path))
        body = json.loads(raw) if raw else None
        if self.oracle:
            self.oracle.judge(method, path, query, headers, body)
        if headers.get("Authorization") != f"Klaviyo-API-Key {self.key}":
            return error(401, "not_authenticated")
        scope = f"{'write' if method != 'GET' else 'read'} {path.split('/')[2]}"
        if scope in self.faults.no_scope:
            return error(403, "permission_denied")
        throttled = self._throttle(method, path)
        if throttled:
            return throttled
        is_write = method != "GET"
        may_fail = is_write or not self.faults.only_writes
        if may_fail and self._random.random() < self.faults.busy:
            return (*error(429, "throttled")[:2], {"Retry-After": "0"})
        if may_fail and self._random.random() < self.faults.broken / 2:
            return error(503, "unavailable")
        if is_write:
            self.writes += 1
            if self.hook:
                self.hook(2 * self.writes - 1)
        found = self._serve(method, path, query, body, raw)
        self._look(path)
        if is_write and self.hook:
            self.hook(2 * self.writes)
        if may_fail and self._random.random() < self.faults.broken / 2:
            return error(500, "error")  # after the deed was done
        if is_write and self._random.random() < self.faults.cut:
            return None
        return found

    def _look(self, path: str) -> None:
        """What must hold at any instant."""
        if not self.is_watched:
            return
        held_out: set[str] = set()
        texted: set[str] = set()
        for list_id, title in self.lists.items():
            (held_out if title.startswith("Holdout") else texted).update(self.members[list_id])
        both = held_out & texted
        if both:
            self.violations.append(f"after {path}: {len(both)} held out and on a VIP list")

    def _throttle(self, method: str, path: str):
        """Fixed windows of a second and a minute, as documented."""
        for pattern, (a_second, a_minute) in self.limits.items():
            if re.fullmatch(pattern, f"{method} {path}"):
                now = self.now()
                for window, most in ((1, a_second), (60, a_minute)):
                    key = (f"{pattern} {window}", int(now // window))
                    if self.calls[key] >= most:
                        self.throttled += 1
                        wait = window - now % window
                        return (
                            *error(429, "throttled")[:2],
                            {"Retry-After": str(max(1, round(wait + 0.5)))},
                        )
                for window in (1, 60):
                    self.calls[(f"{pattern} {window}", int(now // window))] += 1
        return None

    def _serve(self, method, path, query, body, raw):
        parts = path.strip("/").split("/")[1:]
        match (method, parts):
            case ("GET", ["accounts"]):
                return ok([{"type": "account", "id": "A1", "attributes": {}}])
            case ("GET", ["metrics"]):
                rows = [
                    {"type": "metric", "id": key, "attributes": {"name": name}}
                    for key, name in self.metrics.items()
                ]
                return ok(rows)
            case ("GET", ["events"]):
                return self._events(query)
            case ("GET", ["lists"]):
                wanted = arguments(query.get("filter"))
                rows = [
                    {"type": "list", "id": key, "attributes": {"name": name}}
                    for key, name in sorted(self.lists.items())
                    if not wanted or name in wanted
                ]
                return self._page(rows, query, 10)
            case ("POST", ["lists"]):
                self._numbers += 1
                list_id = f"L{self._numbers:06d}"
                self.lists[list_id] = body["data"]["attributes"]["name"]
                self.members[list_id] = set()
                return 201, {"data": {"type": "list", "id": list_id, "attributes": {}}}, {}
            case ("GET", ["lists", list_id]):
                if list_id not in self.lists:
                    return error(404, "not_found")
                return ok({"type": "list", "id": list_id, "attributes": {}})
            case ("GET", ["lists", list_id, "relationships", "profiles"]):
                if list_id not in self.lists:
                    return error(404, "not_found")
                rows = [{"type": "profile", "id": one} for one in sorted(self.members[list_id])]
                return self._page(rows, query, 20)
            case ("POST" | "DELETE", ["lists", list_id, "relationships", "profiles"]):
                return self._change(method, list_id, [each["id"] for each in body["data"]])
            case ("GET", ["profiles"]):
                return self._profiles(query)
            case ("POST", ["profile-bulk-import-jobs"]):
                return self._import(body, raw)
            case ("GET", ["profile-bulk-import-jobs"]):
                rows = [
                    job_row(job_id, job)
                    for job_id, job in self.jobs.items()
                    if self._status(job_id) in arguments(query["filter"])
                ]
                return self._page(rows, query, 20)
            case ("GET", ["profile-bulk-import-jobs", job_id]):
                if job_id not in self.jobs:
                    return error(404, "not_found")
                self._status(job_id)
                return ok(job_row(job_id, self.jobs[job_id]))
            case ("GET", ["profile-bulk-import-jobs", job_id, "import-errors"]):
                return self._page(self.jobs[job_id]["errors"], query, 20)
        return error(404, "not_found")

    def _change(self, method, list_id, ids):
        if list_id not in self.lists:
            return error(404, "not_found")
        if any(one not in self.people for one in ids):
            return error(404, "not_found")
        if any(self.people[one].external_id in self.faults.refuse_contacts for one in ids):
            return error(400, "invalid")
        members = self.members[list_id]
        members.update(ids) if method == "POST" else members.difference_update(ids)
        return 204, None, {}

    def _profiles(self, query):
        wanted = arguments(query.get("filter"))
        found = [self.by("external_id", each) for each in wanted]
        rows = []
        for one in filter(None, found if wanted else self.people.values()):
            attributes: dict[str, Any] = {"external_id": one.external_id}
            if "subscriptions" in query.get("additional-fields[profile]", ""):
                attributes["subscriptions"] = {
                    "sms": {
                        "marketing": {
                            "consent": one.consent,
                            "can_receive_sms_marketing": one.consent == "SUBSCRIBED",
                            "consent_timestamp": "2026-06-30T12:00:00+00:00",
                        }
                    }
                }
            rows.append({"type": "profile", "id": one.id, "attributes": attributes})
        return self._page(rows, query, 20)

    def _events(self, query):
        (metric, *_) = arguments(query.get("filter")) or [None]
        since = re.search(r"datetime,([^)]+)\)", query.get("filter", ""))
        oldest = datetime.fromisoformat(since.group(1)) if since else None
        rows = [
            {
                "type": "event",
                "id": f"E{number}",
                "attributes": {"datetime": when.isoformat()},
                "relationships": {"profile": {"data": {"type": "profile", "id": who}}},
            }
            for number, (when, who) in enumerate(sorted(self.events))
            if self.metrics.get(metric, "").startswith("Unsubscribed")
            and (oldest is None or when >= oldest)
        ]
        status, page, headers = self._page(rows, query, 200)
        page["included"] = [
            {
                "type": "profile",
                "id": row["relationships"]["profile"]["data"]["id"],
                "attributes": {
                    "external_id": self.people[
                        row["relationships"]["profile"]["data"]["id"]
                    ].external_id
                },
            }
            for row in page["data"]
        ]
        return status, page, headers

    def _import(self, body, raw):
        profiles = body["data"]["attributes"]["profiles"]["data"]
        if len(raw) > 5_000_000 or len(profiles) > 10_000:
            return error(413, "payload_too_large")
        ids = [each["attributes"].get("external_id") for each in profiles]
        if self.faults.refuse_contacts.intersection(ids):
            return error(400, "invalid")
        if b":null" in raw:
            self.violations.append("a null in a bulk import")
        self._numbers += 1
        job_id = f"J{self._numbers:06d}"
        self.jobs[job_id] = {
            "profiles": profiles,
            "status": "queued",
            "looks": 0,
            "errors": [],
            "total": len(profiles),
        }
        if self.faults.cancelled > 0:
            self.faults.cancelled -= 1
            self.jobs[job_id]["status"] = "cancelled"
        elif not self.faults.slow_jobs:
            self._finish(self.jobs[job_id])
        return 202, {"data": job_row(job_id, self.jobs[job_id])}, {}

    def _status(self, job_id: str) -> str:
        """A slow job goes on each time that somebody looks."""
        job = self.jobs[job_id]
        if job["status"] in ("queued", "processing"):
            job["looks"] += 1
            job["status"] = "processing"
            if job["looks"] > self.faults.slow_jobs:
                self._finish(job)
        return job["status"]

    def _finish(self, job) -> None:
        job["status"] = "complete"
        for place, profile in enumerate(job["profiles"]):
            attributes = profile["attributes"]
            if attributes.get("external_id") in self.faults.bad_contacts:
                job["errors"].append(
                    {
                        "type": "import-error",
                        "id": f"X{place}",
                        "attributes": {
                            "code": "invalid",
                            "title": "Invalid input.",
                            "detail": f"phone {attributes.get('phone_number')} is no number",
                            "source": {"pointer": f"/data/attributes/profiles/data/{place}"},
                            "original_payload": attributes,
                        },
                    }
                )
                continue
            person = self.by("external_id", attributes.get("external_id")) or self.by(
                "phone", attributes.get("phone_number")
            )
            person = person or self.add()
            person.external_id = attributes.get("external_id") or person.external_id
            person.phone = attributes.get("phone_number") or person.phone
            person.email = attributes.get("email") or person.email
            person.properties |= attributes.get("properties", {})
            self.place(person)

    def _page(self, rows, query, size):
        size = int(query.get("page[size]", size))
        start = int(query.get("page[cursor]", 0))
        page: dict[str, Any] = {"data": rows[start : start + size], "links": {}}
        if start + size < len(rows):
            page["links"]["next"] = f"https://a.klaviyo.com/api?page%5Bcursor%5D={start + size}"
        return 200, page, {"RateLimit-Remaining": "700"}


def job_row(job_id: str, job: dict[str, Any]) -> dict[str, Any]:
    failed = len(job["errors"])
    is_done = job["status"] == "complete"
    return {
        "type": "profile-bulk-import-job",
        "id": job_id,
        "attributes": {
            "status": job["status"],
            "created_at": "2026-07-01T02:00:00+00:00",
            "total_count": job["total"],
            "completed_count": job["total"] - failed if is_done else 0,
            "failed_count": failed,
        },
    }


def ok(data: Any) -> tuple[int, Any, dict[str, str]]:
    return 200, {"data": data, "links": {}}, {"RateLimit-Remaining": "140"}


def error(status: int, code: str) -> tuple[int, Any, dict[str, str]]:
    told = {"id": "x", "status": status, "code": code, "title": code, "detail": code}
    return status, {"errors": [told]}, {}


def arguments(text: str | None) -> list[str]:
    return [one or other for one, other in ARGUMENT.findall(text or "")]


def serve(account: Any) -> tuple[ThreadingHTTPServer, str]:
    """Serve an account on a port of its own; call `shutdown` on what comes back."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            found = account.answer(
                self.command, url.path, dict(parse_qsl(url.query)), self.headers, raw
            )
            if found is None:
                self.close_connection = True
                self.connection.close()
                return
            status, body, headers = found
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/vnd.api+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"
