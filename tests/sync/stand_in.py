"""A stand-in of a platform that remembers, over real HTTP on loopback, and fails as it is told.

What every vendor's has in common; what its calls do is in `fake_klaviyo` and `fake_attentive`.
Every request is held against the vendor's own description where that lies beside the project.
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
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema


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
    """What goes wrong. Shares are chances by request; `late`: seconds that a job may take."""

    busy: float = 0.0
    broken: float = 0.0
    cut: float = 0.0
    slow_jobs: int = 0
    late: float = 0.0
    cancelled: int = 0
    bad_contacts: set[str] = field(default_factory=set)
    refuse_contacts: set[str] = field(default_factory=set)
    no_scope: set[str] = field(default_factory=set)
    clock: timedelta = timedelta(0)
    only_writes: bool = False


class Account:
    """The state of an account, and the rules that any platform keeps."""

    key = ""
    base = ""

    def __init__(self, description: Path | None = None, seed: int = 0) -> None:
        self.people: dict[str, Person] = {}
        self.lists: dict[str, str] = {}
        self.members: dict[str, set[str]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.faults = Faults()
        self.oracle = oracle_of(description) if description and description.exists() else None
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
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

    # --- what a vendor's own has to say

    def authorization(self) -> str:
        raise NotImplementedError

    def serve(self, method: str, path: str, query: dict[str, str], body: Any, raw: bytes) -> Any:
        raise NotImplementedError

    def judge(self, method: str, path: str, query: dict[str, str], headers: Any, body: Any) -> None:
        if self.oracle:
            self.oracle.judge(method, path, query, headers, body)

    # --- what a test says and sees

    def stop(self, external_id: str) -> None:
        """Somebody says stop at the platform."""
        with self._lock:
            person = self.by("external_id", external_id)
            assert person
            person.consent = "UNSUBSCRIBED"

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
        self.judge(method, path, query, headers, body)
        if headers.get("Authorization") != self.authorization():
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
        found = self.serve(method, path, query, body, raw)
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


def error(status: int, code: str) -> tuple[int, Any, dict[str, str]]:
    told = {"id": "x", "status": status, "code": code, "title": code, "detail": code}
    return status, {"errors": [told]}, {}


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
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            content = b"" if body is None else content
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
    account.base = f"http://127.0.0.1:{server.server_port}"
    return server, account.base
