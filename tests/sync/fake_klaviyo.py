"""A stand-in of Klaviyo: see `stand_in` for what it has in common with others."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stand_in
from stand_in import error, serve

__all__ = ["ARGUMENT", "DESCRIPTION", "KEY", "Account", "serve"]

DESCRIPTION = Path("platform/klaviyo-audience-strict-openapi.json")
KEY = "pk_stand_in"
ARGUMENT = re.compile(r'"([^"]*)"' + r"|'([^']*)'")


class Account(stand_in.Account):
    """The state of an account, and the rules it keeps."""

    key = KEY

    def __init__(self, description: Path | None = None, seed: int = 0) -> None:
        super().__init__(description, seed)
        self.events: list[tuple[datetime, str]] = []
        self.metrics = {"M1": "Placed Order", "M2": "Unsubscribed from SMS Marketing"}

    def stop(self, external_id: str, *, silently: bool = False) -> None:
        """Somebody says stop at the platform."""
        super().stop(external_id)
        if not silently:
            person = self.by("external_id", external_id)
            assert person
            self.events.append((datetime.now(UTC) + self.faults.clock, person.id))

    def authorization(self) -> str:
        return f"Klaviyo-API-Key {self.key}"

    def judge(self, method: str, path: str, query: dict[str, str], headers: Any, body: Any) -> None:
        super().judge(method, path, query, headers, body)
        if re.search("subscription|suppression", path):
            self.violations.append(f"{method} {path} changes consent")

    def serve(self, method, path, query, body, raw):
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
            "created_at": (datetime.now(UTC) + self.faults.clock).isoformat(),
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
            "created_at": job["created_at"],
            "total_count": job["total"],
            "completed_count": job["total"] - failed if is_done else 0,
            "failed_count": failed,
        },
    }


def ok(data: Any) -> tuple[int, Any, dict[str, str]]:
    return 200, {"data": data, "links": {}}, {"RateLimit-Remaining": "140"}


def arguments(text: str | None) -> list[str]:
    return [one or other for one, other in ARGUMENT.findall(text or "")]
