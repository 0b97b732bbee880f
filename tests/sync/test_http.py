"""Pace and patience: never faster than documented, hardly slower, and no key in an error."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.platforms import PlatformError
from orchestration.platforms import http as transport
from orchestration.platforms.http import Api, Busy, Limit, Missing, Pace, Rejected


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def tell(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@given(st.integers(1, 40), st.integers(10, 400), st.integers(0, 2**32))
def test_no_window_of_any_place_holds_more_than_the_limit(
    a_second: int, a_minute: int, seed: int
) -> None:
    """Held against counting: the vendor's windows may begin at any moment."""
    clock, dice, calls = Clock(), random.Random(seed), []
    pace = Pace(Limit(a_second, a_minute), clock.tell, clock.sleep)
    for _ in range(min(600, 3 * a_minute)):
        pace.wait()
        calls.append(clock.now)
        clock.now += dice.choice([0.0, 0.0, 0.01, 0.3])
    for offset in (0.0, 0.25, 0.5):
        for window, most in ((1, a_second), (60, a_minute)):
            counts = Counter(int((when + offset * window) // window) for when in calls)
            assert max(counts.values()) <= most


@pytest.mark.parametrize(("a_second", "a_minute"), [(10, 150), (75, 750)])
def test_the_documented_steady_rate_is_kept_to_95_percent(a_second: int, a_minute: int) -> None:
    clock = Clock()
    pace = Pace(Limit(a_second, a_minute), clock.tell, clock.sleep)
    started, calls = clock.now, 20 * a_minute
    for _ in range(calls):
        pace.wait()
    assert calls / ((clock.now - started) / 60) >= 0.95 * a_minute


def api(monkeypatch: pytest.MonkeyPatch, answers: list) -> tuple[Api, Clock, list[str]]:
    """An interface that gives these answers, or raises them."""
    clock, seen, rest = Clock(), [], iter(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        answer = next(rest)
        if isinstance(answer, Exception):
            raise answer
        return answer

    made = Api(
        "vendor",
        "https://vendor.test",
        {"Authorization": "secret"},
        {"x": Limit(100, 1000)},
        clock=clock.tell,
        sleep=clock.sleep,
    )
    made._client = httpx.Client(
        base_url="https://vendor.test", transport=httpx.MockTransport(handle)
    )
    return made, clock, seen


def busy(told: str | None = None) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": told} if told else {})


GOOD = httpx.Response(200, json={"data": 1})


def test_it_waits_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made, clock, _ = api(monkeypatch, [busy("7"), GOOD])
    assert made.call("x", "GET", "/a").body == {"data": 1}
    assert 7 <= sum(clock.slept) < 7.5


def test_a_date_is_an_answer_too_and_nonsense_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    made, clock, _ = api(monkeypatch, [busy(soon), GOOD])
    made.call("x", "GET", "/a")
    assert 25 <= sum(clock.slept) <= 31
    for nonsense in (None, "-5", "nan", "soon", "Wed, 99 Foo 2026"):
        made, clock, _ = api(monkeypatch, [busy(nonsense), GOOD])
        made.call("x", "GET", "/a")
        assert sum(clock.slept) <= transport._LONGEST_PAUSE


def test_who_is_told_to_wait_for_long_does_not_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    for told in ("86400", "inf", later):
        made, clock, seen = api(monkeypatch, [busy(told), GOOD])
        with pytest.raises(Busy, match="429"):
            made.call("x", "GET", "/a")
        assert (len(seen), clock.slept) == (1, [])


def test_after_the_last_try_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    made, clock, seen = api(monkeypatch, [busy("7")] * transport._ATTEMPTS)
    with pytest.raises(Busy):
        made.call("x", "GET", "/a")
    assert len(clock.slept) == len(seen) - 1


def test_it_gives_up_and_its_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.random, "uniform", lambda low, high: high)
    down = [httpx.Response(503), httpx.ReadTimeout("x"), httpx.ConnectError("x")] * 2
    made, clock, seen = api(monkeypatch, down)
    with pytest.raises(Busy):
        made.call("x", "GET", "/a")
    assert len(seen) == transport._ATTEMPTS
    assert all(later == 2 * sooner for sooner, later in pairwise(clock.slept))


@pytest.mark.parametrize("fate", [httpx.ReadTimeout("x"), httpx.Response(500)])
def test_what_may_not_be_repeated_is_not(monkeypatch: pytest.MonkeyPatch, fate) -> None:
    made, _, seen = api(monkeypatch, [fate, GOOD])
    with pytest.raises(Busy):
        made.call("x", "POST", "/a", may_repeat=False)
    assert seen == ["POST"]
    made, _, seen = api(monkeypatch, [httpx.ConnectError("x"), busy("1"), GOOD])
    made.call("x", "POST", "/a", may_repeat=False)
    assert len(seen) == 3, "what never arrived may be sent again"


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (400, Rejected, "400 invalid"),
        (404, Missing, "invalid"),
        (401, PlatformError, "does not know the key"),
        (403, PlatformError, "may not GET api/lists/…"),
        (410, PlatformError, "retired the revision"),
    ],
)
def test_a_refusal_says_who_can_help(
    monkeypatch: pytest.MonkeyPatch, status: int, kind: type[Exception], says: str
) -> None:
    told = {"errors": [{"code": "invalid", "detail": "+12025550001 is no number"}]}
    made, _, seen = api(monkeypatch, [httpx.Response(status, json=told)])
    with pytest.raises(kind, match=says) as raised:
        made.call("x", "GET", "/api/lists/Y6nRLr")
    assert len(seen) == 1, "no second try"
    assert "+1202" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_page_that_is_no_json_is_a_wrong_address(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, _ = api(monkeypatch, [httpx.Response(200, text="<html>")])
    with pytest.raises(PlatformError, match="is its address right"):
        made.call("x", "GET", "/a")
