"""`make bench-delivery`: what a plan of a million costs, and at what pace a push goes.

The night is written straight into the tables that delivery reads, and its gate is left open: what
is measured is the difference to the ledger and the talk with the platform. Klaviyo is the stand-in
of the tests, on loopback, which counts calls by the documented windows. Nothing is asserted.

    python -m tests.bench_delivery [MEMBERS [PROFILES]]      default: 1,000,000 200,000
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS / "sync")]

from fake_klaviyo import KEY, Account  # noqa: E402
from night import AS_OF, Vip, build  # noqa: E402
from rich.console import Console  # noqa: E402
from stand_in import serve  # noqa: E402

from orchestration import quality, sync  # noqa: E402
from orchestration.settings import Settings  # noqa: E402
from orchestration.sync import pushing  # noqa: E402

CHANGED = 0.01
HELD_OUT = 0.1
MANY = 10**9
# Calls a second and a minute: ../shared is not needed to run this.
LIMITS = {
    "POST /api/profile-bulk-import-jobs": (10, 150),
    "GET /api/profile-bulk-import-jobs.*": (10, 150),
    "(POST|DELETE) /api/lists/[^/]*/relationships/profiles": (10, 150),
    "GET /api/profiles": (75, 750),
    "GET /api/events": (350, 3500),
}


def vips(first: int, last: int, tier: str = "Gold") -> list[Vip]:
    """Members by number, each with a phone of their own."""
    return [Vip(f"c{n}", tier, phone=f"+1{2_000_000_000 + n}") for n in range(first, last + 1)]


def night(settings: Settings, members: list[Vip], *, later: int = 0, held_out: int = 100) -> None:
    """Build a night of real people, and open its gate; `later` nights after the first."""
    on = AS_OF + timedelta(days=later)
    holdout = [f"c{90_000_000 + n}" for n in range(held_out)]
    build(settings, members, as_of=on, holdout=holdout, is_sample=False)
    open_gate(later)


def open_gate(later: int) -> None:
    """Let the push of a night `later` than the first be judged on its own day."""
    moment = datetime(AS_OF.year, AS_OF.month, AS_OF.day, 4, tzinfo=UTC) + timedelta(days=later)
    quality.gate_rows = lambda *_: []
    pushing._now = lambda: moment


def in_process(task: Callable[..., object], *arguments: object) -> object:
    """Run a task in a process of its own, so that its peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(task, arguments)


def prepare(settings: Settings, members: int) -> None:
    """A first push to the outbox, then a night on which one in a hundred has changed."""
    held_out, few = int(members * HELD_OUT), int(members * CHANGED / 2)
    night(settings, vips(1, members), held_out=held_out)
    sync.push(settings, "outbox", AS_OF, approve=MANY)
    changed = vips(few + 1, 2 * few, "Platinum") + vips(2 * few + 1, members + few)
    night(settings, changed, later=1, held_out=held_out)


def plan(settings: Settings) -> tuple[float, float, dict[str, int]]:
    """Seconds, peak GiB and rows by action of a plan."""
    open_gate(1)
    started = time.monotonic()
    made = sync.make_plan(settings, "outbox", AS_OF + timedelta(days=1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return time.monotonic() - started, peak, made.counts()


def push(settings: Settings, profiles: int, console: Console) -> None:
    """Push to the stand-in of Klaviyo, and say how near each kind of call came to its limit."""
    account = Account()
    account.limits, account.is_watched = LIMITS, False
    calls: dict[str, list[float]] = defaultdict(list)
    answer = account.answer

    def noted(method: str, path: str, *rest: object) -> object:
        kind = "/".join(path.split("/")[2:3] + path.split("/")[4:5])
        calls[f"{method} {kind}"].append(time.monotonic())
        return answer(method, path, *rest)

    account.answer = noted
    server, base = serve(account)
    os.environ |= {"KLAVIYO_API_KEY": KEY, "KLAVIYO_API_BASE": base}
    night(settings, vips(1, profiles))
    started = time.monotonic()
    pushed = sync.push(settings, "klaviyo", AS_OF, approve=MANY)
    console.print(
        f"push of {profiles:,} profiles: {time.monotonic() - started:.0f} s, "
        f"{pushed.accepted:,} rows accepted, {pushed.failed:,} failed, "
        f"{account.throttled:,} calls turned away"
    )
    for kind, moments in calls.items():
        if len(moments) > 100:
            a_minute = 60 * (len(moments) - 1) / (moments[-1] - moments[0])
            console.print(f"  {kind}: {len(moments):,} calls, {a_minute:.0f} a minute")
    server.shutdown()


def main() -> None:
    """Measure both and print them."""
    members, profiles = [int(number.replace("_", "")) for number in sys.argv[1:]] or (
        1_000_000,
        200_000,
    )
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="vip-bench-") as folder:
        settings = Settings(home=Path(folder) / "plan", _env_file=None)
        in_process(prepare, settings, members)
        seconds, peak, counts = in_process(plan, settings)
        console.print(f"plan of {members:,} members: {seconds:.1f} s, {peak:.2f} GiB, {counts}")
        settings = Settings(home=Path(folder) / "push", env="production", _env_file=None)
        push(settings, profiles, console)


if __name__ == "__main__":
    main()
