"""A stand-in of Attentive: see `stand_in` for what it has in common with others.

Jobs run late and in any order, each by itself, whether or not anybody asks for them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import stand_in
from stand_in import Oracle, Person, serve

__all__ = ["DESCRIPTION", "KEY", "Account", "serve"]

DESCRIPTION = Path("platform/attentive-v2-openapi.yaml")
KEY = "token-of-the-stand-in"


@cache
def oracle_of(path: Path) -> Oracle:
    """The vendor's description, and no property beyond those that it names."""
    oracle = Oracle(path)
    _close(oracle.spec["components"]["schemas"])
    return oracle


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            schema.setdefault("additionalProperties", False)
        for each in schema.values():
            _close(each)
    elif isinstance(schema, list):
        for each in schema:
            _close(each)


class Account(stand_in.Account):
    """The state of an account, and the rules it keeps. `lists`: name by our id of a segment."""

    key = KEY

    def __init__(self, description: Path | None = None, seed: int = 0) -> None:
        super().__init__(None, seed)
        if description and description.exists():
            self.oracle = oracle_of(description)
        self.types: dict[str, type] = {}
        self.knows_everybody = True
        self.stray = False

    def authorization(self) -> str:
        return f"Bearer {self.key}"

    def answer(self, method, path, query, headers, raw):
        with self._lock:
            self.work()
            if path.startswith("/results/"):
                self.requests.append((method, path))
                if headers.get("Authorization"):
                    self.violations.append("the token was shown to whoever stores results")
                return self._result(path.split("/")[2])
            return super().answer(method, path, query, headers, raw)

    def judge(self, method: str, path: str, query: dict[str, str], headers: Any, body: Any) -> None:
        if path == "/v1/subscriptions":
            if method != "GET" or set(query) - {"phone", "email"}:
                self.violations.append(f"{method} {path} texts people")
        elif "subscri" in path:
            self.violations.append(f"{method} {path} texts people")
        elif self.oracle:
            self.oracle.judge(method, path, query, headers, body)

    def serve(self, method, path, query, body, raw):
        parts = path.strip("/").split("/")
        match (method, parts):
            case ("GET", ["v2", "me"]):
                return 200, {"companyName": "Stand-in"}, {"x-ratelimit-remaining": "99"}
            case ("GET", ["v1", "subscriptions"]):
                return self._subscriptions(query.get("phone"))
            case ("GET", ["v2", "segments"]):
                rows = [{"externalId": key, "name": name} for key, name in self.lists.items()]
                return 200, {"segments": rows, "hasMore": False}, {}
            case ("POST", ["v2", "segments"]):
                if body["externalId"] in self.lists:
                    return refused(400)
                self.lists[body["externalId"]] = body["name"]
                self.members[body["externalId"]] = set()
                return 201, {"externalId": body["externalId"], "name": body["name"]}, {}
            case ("GET", ["v2", "segments", "external", key]):
                if key not in self.lists:
                    return refused(404)
                return 200, {"externalId": key, "name": self.lists[key]}, {}
            case ("POST", ["v2", "bulk", "user", "attributes"]):
                return self._take("know", None, body["users"], raw)
            case ("POST" | "DELETE", ["v2", "bulk", "segments", "members"]):
                if body["externalId"] not in self.lists:
                    return refused(404)
                what = "add" if method == "POST" else "remove"
                return self._take(what, body["externalId"], body["members"], raw)
            case ("GET", ["v2", "bulk", "job", job_id]):
                return self._status(job_id)
        return refused(404)

    def work(self, *, everything: bool = False) -> None:
        """Run the jobs whose time has come, in any order."""
        due = [
            job
            for job in self.jobs.values()
            if job["status"] == "IN_PROGRESS" and (everything or job["due"] <= self.now())
        ]
        self._random.shuffle(due)
        for job in due:
            job["status"] = "COMPLETED"
            job["lines"] = [self._do(job["what"], job["segment"], one) for one in job["items"]]
            self._look(f"job {job['what']}")

    def _take(self, what: str, segment: str | None, items: list[Any], raw: bytes):
        ids = [(each.get("identifiers") or each).get("clientUserId") for each in items]
        if self.faults.refuse_contacts.intersection(ids):
            return refused(400)
        if b":null" in raw or b':""' in raw:
            self.violations.append("an empty value")
        self._numbers += 1
        job_id = f"{self._numbers:08x}-job"
        late = self._random.random() * self.faults.late
        self.jobs[job_id] = {
            "what": what,
            "segment": segment,
            "items": items,
            "status": "IN_PROGRESS",
            "due": float("inf") if self.stray else self.now() + late,
        }
        if self.faults.cancelled > 0:
            self.faults.cancelled -= 1
            self.jobs[job_id]["status"] = "FAILED"
        elif not late and not self.stray:
            self.work()
        return 202, {"message": "taken", "batchJobId": job_id}, {}

    def _status(self, job_id: str):
        if job_id not in self.jobs:
            return refused(404)
        job = self.jobs[job_id]
        told = {"bulkJobId": job_id, "status": job["status"], "totalRecords": len(job["items"])}
        if job["status"] == "COMPLETED":
            told["url"] = f"{self.base}/results/{job_id}"
        return 200, told, {}

    def _result(self, job_id: str):
        lines = self.jobs[job_id]["lines"]
        return 200, "\n".join(map(json.dumps, lines)).encode(), {}

    def _do(self, what: str, segment: str | None, item: dict[str, Any]) -> dict[str, Any]:
        """One row of a job done; its line of the results."""
        ids = item.get("identifiers") or item
        if ids.get("clientUserId") in self.faults.bad_contacts:
            return line(item, 400, f"phone {ids.get('phone')} is no number")
        person = self.by("external_id", ids.get("clientUserId")) or self.by(
            "phone", ids.get("phone")
        )
        if what == "know":
            return self._know(item, person or self.add())
        if person is None:
            return line(item, 404)
        members = self.members.get(segment or "", set())
        members.add(person.id) if what == "add" else members.discard(person.id)
        return line(item, 200)

    def _know(self, item: dict[str, Any], person: Person) -> dict[str, Any]:
        ids = item["identifiers"]
        person.external_id = ids.get("clientUserId") or person.external_id
        person.phone = ids.get("phone") or person.phone
        person.email = ids.get("email") or person.email
        self.place(person)
        custom = item["attributes"]["custom"]
        for name, value in custom.items():
            kind = float if type(value) is int else type(value)
            if self.types.setdefault(name, kind) is not kind or len(self.types) > 100:
                return line(item, 400, "another type")
        person.properties |= custom
        return line(item, 200)

    def _subscriptions(self, phone: str | None):
        if not phone:
            return refused(400)
        person = self.by("phone", phone)
        if person is None and not self.knows_everybody:
            return refused(404)
        consent = person.consent if person else "SUBSCRIBED"
        text = {"type": "MARKETING", "channel": "TEXT"}
        told = {"SUBSCRIBED": True, "UNSUBSCRIBED": False}.get(consent)
        rows = [
            {
                "subscription": {"type": "TRANSACTIONAL", "channel": "TEXT"},
                "eligibility": {"isEligible": True},
            }
        ]
        if told is not None:
            rows.append({"subscription": text, "eligibility": {"isEligible": told}})
        return 200, {"subscriptionEligibilities": rows}, {}


def line(item: dict[str, Any], status: int, message: str = "") -> dict[str, Any]:
    return {"request": item, "response": {"status": status, "message": message}}


def refused(status: int) -> tuple[int, Any, dict[str, str]]:
    return status, {"message": "no"}, {}
