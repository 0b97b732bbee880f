"""What must be true of a push to any platform, in good weather, in bad, and with a wrong key."""

from __future__ import annotations

import pytest
import stand_in
from amount import amount
from night import AS_OF, Vip, add_customers, members
from vendor import actions
from worlds import (
    ATTENTIVE,
    KLAVIYO,
    NIGHT,
    WORLDS,
    World,
    ids,
    ledger_rows,
    night,
    writes,
)

from orchestration import sync
from orchestration.erasure.forgetting import forget
from orchestration.errors import UserError
from orchestration.platforms import PlatformError
from orchestration.settings import Settings
from orchestration.sync.doctor import examine


@pytest.fixture(params=WORLDS, ids=lambda world: world.name)
def world(request: pytest.FixtureRequest) -> World:
    return request.param


def test_a_night_without_change_writes_nothing(
    settings: Settings, world: World, account: stand_in.Account
) -> None:
    night(settings, members(5))
    pushed = world.push(settings, AS_OF)
    assert (pushed.accepted, pushed.pending, pushed.failed) == (14, 0, 0)
    assert account.on("VIP - vip") == ids(1, 2, 3, 4, 5)
    assert account.on("Holdout - global") == ids(9001, 9002)
    account.requests.clear()
    night(settings, members(5), as_of=NIGHT)
    assert world.push(settings, NIGHT, approve=0).accepted == 0
    assert writes(account) == []


def test_a_plan_reads_only_and_says_what_the_push_does(
    settings: Settings, world: World, account: stand_in.Account
) -> None:
    night(settings, members(5))
    world.push(settings, AS_OF)
    account.stop("k-c2")
    vips = [Vip("c1", "Platinum"), Vip("c2"), Vip("c3"), Vip("c7"), Vip("c8")]
    more = {"decisions": {"c4": "opted_out"}, "holdout": ["c9001", "c5"]}
    night(settings, vips, as_of=NIGHT, **more)
    account.requests.clear()
    before = settings.paths.ledger.read_bytes()
    planned = sync.make_plan(settings, world.name, NIGHT)
    assert settings.paths.ledger.read_bytes() == before
    assert account.requests
    assert writes(account) == []
    pushed = world.push(settings, NIGHT)
    assert pushed.plan.summary() == planned.summary()
    assert actions(planned, "vip") == {
        "c2": ("remove", "opted out at the platform"),
        "c4": ("remove", "opted_out"),
        "c5": ("remove", "no longer qualifies"),
        "c7": ("add", "new"),
        "c8": ("add", "new"),
    }
    assert account.on("VIP - vip") == ids(1, 3, 7, 8)
    assert account.on("Holdout - global") == ids(9001, 5)
    left = account.by("external_id", "k-c4")
    assert (left.properties["vip"], left.properties["vip_tier"]) == (False, "none")
    assert account.by("external_id", "k-c9002").properties["exp_global"] == "none"
    assert left.consent == "SUBSCRIBED", "consent is not ours to write"


def test_who_asked_to_be_forgotten_is_off_every_list_there(
    settings: Settings, world: World, account: stand_in.Account
) -> None:
    night(settings, members(3))
    add_customers(settings)
    world.push(settings, AS_OF)
    assert forget(settings, "k-c1", None).platforms == {world.name: "done"}
    assert account.on("VIP - vip") == ids(2, 3)
    assert account.by("external_id", "k-c1").properties["vip"] is False
    assert b"k-c1" not in settings.paths.ledger.read_bytes()


def test_a_refused_batch_is_halved_until_the_bad_row_stands_alone(
    settings: Settings, world: World, account: stand_in.Account
) -> None:
    account.faults.refuse_contacts = {"k-c7", "k-c30"}
    night(settings, members(64), holdout=[])
    assert world.push(settings, AS_OF).failed == 2
    assert account.on("VIP - vip") == {f"k-c{n}" for n in range(1, 65)} - {"k-c7", "k-c30"}


def test_where_every_row_is_refused_alike_nobody_asks_for_each(
    settings: Settings, world: World, account: stand_in.Account
) -> None:
    """A property that the account does not take: the rows are not what is wrong."""
    everybody = members(100)
    account.faults.refuse_contacts = {f"k-{vip.customer_id}" for vip in everybody}
    night(settings, everybody)
    with pytest.raises(PlatformError, match=rf"^{world.name} refuses .* stood alone .*waits"):
        world.push(settings, AS_OF)
    assert len(writes(account)) < 75
    assert account.on("Holdout - global") == ids(9001, 9002), "what can be done is done"
    states = [state for _, state in ledger_rows(settings, "contact_id, state")]
    assert (states.count("rejected") // 10, states.count("retry") // 10) == (2, 7)
    account.faults.refuse_contacts = set()
    world.push(settings, AS_OF)
    assert len(account.on("VIP - vip")) == 100


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"API_KEY": ""}, "set .*_API_KEY"),
        ({"API_KEY": "pk_of_last_year"}, "does not know the key"),
        ({"API_BASE": "http://127.0.0.1:1"}, "does not answer"),
    ],
)
def test_a_key_or_a_network_that_is_wrong_is_one_clear_line(
    settings: Settings,
    world: World,
    account: stand_in.Account,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    says: str,
) -> None:
    night(settings, members(3))
    world.push(settings, AS_OF)
    before = ledger_rows(settings, "*")
    for name, value in change.items():
        monkeypatch.setenv(f"{world.name.upper()}_{name}", value)
    night(settings, members(5), as_of=NIGHT)
    with pytest.raises(UserError, match=says) as told:
        world.push(settings, NIGHT)
    assert "\n" not in str(told.value)
    assert ledger_rows(settings, "*") == before


def test_opt_outs_that_cannot_be_read_hold_everything_back(
    settings: Settings, world: World, account: stand_in.Account
) -> None:
    night(settings, members(4))
    account.faults.no_scope = {"read events", "read subscriptions"}
    with pytest.raises(sync.RefusedError, match="cannot be read, nothing is sent: the key may not"):
        world.push(settings, AS_OF)
    assert writes(account) == []


@pytest.mark.parametrize("place", [0, 1])
def test_a_key_without_a_right_stops_in_a_line_and_goes_on_with_a_better_one(
    settings: Settings, world: World, account: stand_in.Account, place: int
) -> None:
    scopes = {
        "klaviyo": ["write profile-bulk-import-jobs", "write lists"],
        "attentive": ["write bulk", "write segments"],
    }
    account.faults.no_scope = {scopes[world.name][place]}
    night(settings, members(3))
    with pytest.raises(PlatformError, match=r"the key may not POST .*give it the scope"):
        world.push(settings, AS_OF)
    account.faults.no_scope = set()
    world.push(settings, AS_OF)
    assert account.on("VIP - vip") == ids(1, 2, 3)


def test_a_destination_that_may_not_be_pushed_to_is_not_well(
    settings: Settings, world: World, account: stand_in.Account
) -> None:
    assert examine(settings, world.name).is_well
    found = examine(settings.model_copy(update={"env": None}), world.name)
    assert not found.is_well
    assert found.findings[0].told.startswith("VIP_ENV is not declared")
    assert not settings.home.exists(), "looking leaves nothing behind"
    with pytest.raises(UserError, match="no destination 'nowhere'"):
        examine(settings, "nowhere")


STORMS = [
    {"busy": 0.3},
    {"broken": 0.4},
    {"cut": 0.3},
    {"busy": 0.15, "broken": 0.2, "cut": 0.2, "slow_jobs": 2, "late": 0.1, "cancelled": 2},
]
# How to wait for a busy platform is the transport's business: once is enough.
CASES = [(KLAVIYO, storm) for storm in STORMS]
CASES += [(ATTENTIVE, storm) for storm in STORMS[amount(usual=2, long=0) :]]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(amount(usual=1, long=4)))
@pytest.mark.parametrize(
    ("world", "storm"),
    CASES,
    indirect=["world"],
    ids=lambda case: case.name if isinstance(case, World) else "+".join(case),
)
def test_after_a_storm_the_lists_are_what_was_decided(
    settings: Settings, world: World, account: stand_in.Account, storm: dict, seed: int
) -> None:
    account._random.seed(seed)
    night(settings, members(60))
    for name, value in storm.items():
        setattr(account.faults, name, value)
    account.add(external_id="k-c3", phone="+12025550003", consent="UNSUBSCRIBED")
    world.weather(settings, AS_OF)
    if account.by("external_id", "k-c5"):
        account.stop("k-c5")
    later = [*members(60)[5:50], *(Vip(f"c{number}") for number in range(61, 75))]
    more = {"holdout": ["c9001", "c1", "c2"], "decisions": {"c4": "opted_out"}}
    night(settings, later, as_of=NIGHT, **more)
    world.weather(settings, NIGHT)
    account.faults = type(account.faults)()
    world.settle(settings, NIGHT)
    assert account.on("VIP - vip") == {f"k-{vip.customer_id}" for vip in later}
    assert account.on("Holdout - global") == {"k-c9001", "k-c1", "k-c2"}
    counts = sync.make_plan(settings, world.name, NIGHT).counts()
    assert {action for action, count in counts.items() if count} == {"unchanged"}
    assert len(account.lists) == 2, "no list was made twice"


def test_the_key_is_in_no_text(
    settings: Settings, world: World, account: stand_in.Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    night(settings, members(2))
    world.push(settings, AS_OF)
    assert world.fake.KEY not in caplog.text
    assert "1202555" not in caplog.text
    assert "k-c1" not in caplog.text
    group = getattr(world.adapter, f"{world.name.title()}Settings")
    assert world.fake.KEY not in repr(group())
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    assert not [path for path in files if world.fake.KEY.encode() in path.read_bytes()]
