"""Speaking HTTP to a vendor: pace, patience and plain words, the same for every adapter.

A call comes back with an answer or raises one of four: `Busy` (try again later), `Rejected` (this
very request is wrong), `Missing` (what it speaks of is not there), `PlatformError` (nothing will
work: key, rights, version). What to ask is the adapter's business.
"""

from __future__ import annotations

import email.utils
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from pydantic import SecretStr

from orchestration.platforms import Finding, PlatformError

# Below the documented limits by so much: the account is shared, and clocks do not agree.
_SHARE = 0.97
_ATTEMPTS = 6
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_LONGEST_RETRY_AFTER = 600.0
_JITTER = 0.2
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)

_log = logging.getLogger(__name__)
# At its own level httpx writes every address with its query to the log.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Busy(Exception):  # noqa: N818
    """The platform did not answer, or not now: nothing is known of what it did."""


class Missing(Exception):  # noqa: N818
    """What the request speaks of is not there (404)."""


class Rejected(Exception):  # noqa: N818
    """The platform refuses this very request; `code` is its own word for why."""

    def __init__(self, status: int, code: str) -> None:
        """Nothing but the vendor's code is kept: its sentences may quote the data."""
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


def require_key(key: SecretStr | None, needs: str) -> str:
    """A key without what stands around it. Raises `PlatformError`, saying `needs`, for none."""
    told = key.get_secret_value().strip() if key else ""
    if not told:
        raise PlatformError(needs)
    return told


@dataclass(frozen=True)
class Limit:
    """Calls that a vendor allows in a second and in a minute."""

    a_second: int
    a_minute: int


class Pace:
    """Lets callers through no faster than a limit, in any second and any minute. Threads share it.

    A log of the last calls rather than a bucket of tokens: a bucket that has filled up would let
    more through in one minute than the vendor counts.
    """

    def __init__(
        self, limit: Limit, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        """`clock` tells seconds; `sleep` waits some."""
        self._windows = [
            (1.0, max(1, int(limit.a_second * _SHARE)), deque[float]()),
            (60.0, max(1, int(limit.a_minute * _SHARE)), deque[float]()),
        ]
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when a call may be made."""
        while True:
            with self._lock:
                now = self._clock()
                pause = 0.0
                for seconds, most, calls in self._windows:
                    while calls and calls[0] <= now - seconds:
                        calls.popleft()
                    if len(calls) >= most:
                        pause = max(pause, calls[0] + seconds - now)
                if not pause:
                    for _, _, calls in self._windows:
                        calls.append(now)
                    return
            self._sleep(pause)


@dataclass(frozen=True)
class Answer:
    """What came back: parsed JSON (an empty dictionary where there was none) and the headers.

    Of JSON lines the body is a list, one entry a line.
    """

    body: Any
    headers: Mapping[str, str]


class Api:
    """One vendor's interface at one address."""

    def __init__(
        self,
        name: str,
        base: str,
        headers: Mapping[str, str],
        limits: Mapping[str, Limit],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`limits`: by kind of call, as `call` names it."""
        self.name = name
        self._client = httpx.Client(base_url=base, headers=headers, timeout=_TIMEOUT)
        self._paces = {kind: Pace(limit, clock, sleep) for kind, limit in limits.items()}
        self.clock, self.sleep = clock, sleep

    def call(
        self,
        kind: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        may_repeat: bool = True,
        is_lines: bool = False,
        lost: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Make one call and return its answer.

        `lost` is called for each try that may have been taken without our hearing of it. Raises
        `Busy` after several tries, or after the first such one where the call may not be repeated;
        `Rejected`, `Missing`, and `PlatformError` for key and version.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            self._paces[kind].wait()
            started = self.clock()
            try:
                response = self._client.request(method, path, params=params, content=body)
            except httpx.TransportError as error:
                _log.debug("%s %s %s: %s", self.name, method, kind, type(error).__name__)
                if isinstance(error, httpx.UnsupportedProtocol):
                    raise PlatformError(f"{self.name}: the address is no URL") from None
                if not isinstance(error, httpx.ConnectError):
                    lost()
                    if not may_repeat:
                        raise Busy(type(error).__name__) from None
                last = type(error).__name__
                self._pause(attempt)
                continue
            _log.debug(
                "%s %s %s: %d in %.2f s",
                self.name,
                method,
                kind,
                response.status_code,
                self.clock() - started,
            )
            if response.is_success:
                try:
                    return Answer(_parse(response, is_lines=is_lines), response.headers)
                except orjson.JSONDecodeError:
                    if method != "GET":
                        lost()
                        raise Busy("no JSON") from None
                    raise PlatformError(
                        f"{self.name} answered with something that is no JSON: "
                        "is its address right?"
                    ) from None
            last = str(response.status_code)
            if response.status_code == 429:
                self._wait_as_told(response, attempt)
            elif response.status_code >= 500:
                lost()
                if not may_repeat:
                    raise Busy(last)
                self._pause(attempt)
            else:
                raise self._refusal(response)
        raise Busy(last)

    def read(self, kind: str, path: str, params: Mapping[str, str]) -> Any:
        """The body of a read without which nothing goes on.

        Raises `PlatformError` where `call` raises `Busy` or `Rejected`; `Missing` as it does.
        """
        try:
            return self.call(kind, "GET", path, params=params).body
        except Busy as error:
            raise PlatformError(
                f"{self.name} does not answer ({error}): push again later; what was sent is noted"
            ) from None
        except Rejected as error:
            raise PlatformError(
                f"{self.name} refuses to be read ({error}): the ledger is as it was"
            ) from None

    def granted(
        self,
        reads: Sequence[tuple[str, str, str, dict[str, str]]],
        left: tuple[str, str],
        refuses: str = "",
    ) -> Generator[Finding, None, bool]:
        """What a key may read: what, kind, path and parameters of a call each, the key's own first.

        Returns whether the key is known at all. `left`: the header that counts calls left, and what
        to say after it. `refuses`: what is granted where the call itself is refused.
        """
        for what, kind, path, params in reads:
            try:
                answer = self.call(kind, "GET", path, params=params)
            except (PlatformError, Busy, Rejected, Missing) as error:
                is_good = what == refuses and isinstance(error, Rejected)
                told = "no answer" if isinstance(error, Busy) else str(error)
                yield Finding(what, is_good, "granted" if is_good else told)
                if what == reads[0][0]:
                    return False
                continue
            header, unit = left
            count = answer.headers.get(header)
            yield Finding(what, True, f"{count} {unit}" if count else "granted")
        return True

    def _refusal(self, response: httpx.Response) -> Exception:
        """A 4xx in the form that says who can help."""
        status, code = response.status_code, _code(response)
        if status == 401:
            return PlatformError(f"{self.name} does not know the key: it is wrong or was revoked")
        if status == 403:
            return PlatformError(
                f"the key may not {response.request.method} "
                f"{_template(response.request.url.path)} at {self.name}: give it the scope"
            )
        if status == 410:
            return PlatformError(
                f"{self.name} has retired the revision this program speaks: update the program"
            )
        return Missing(code) if status == 404 else Rejected(status, code)

    def _wait_as_told(self, response: httpx.Response, attempt: int) -> None:
        """Raises `Busy` when told to wait longer than there is patience for."""
        told = response.headers.get("Retry-After", "")
        try:
            seconds = float(told)
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(told).timestamp() - time.time()
            except (ValueError, TypeError):
                seconds = -1.0
        if seconds > _LONGEST_RETRY_AFTER:
            raise Busy(str(response.status_code))
        if not seconds >= 0:
            self._pause(attempt)
        elif attempt < _ATTEMPTS:
            self.sleep(seconds + random.uniform(0, _JITTER))  # noqa: S311

    def _pause(self, attempt: int) -> None:
        """Exponential with full jitter: clients that failed together do not come back together."""
        if attempt < _ATTEMPTS:
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
            self.sleep(random.uniform(0, longest))  # noqa: S311


def _parse(response: httpx.Response, *, is_lines: bool) -> Any:
    if is_lines:
        return [orjson.loads(line) for line in response.content.splitlines() if line]
    return orjson.loads(response.content) if response.content else {}


def _code(response: httpx.Response) -> str:
    try:
        return str(orjson.loads(response.content)["errors"][0]["code"])[:60]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return str(response.status_code)


def _template(path: str) -> str:
    """A path without the ids in it."""
    return "/".join(part if part.islower() else "…" for part in path.split("/") if part)
