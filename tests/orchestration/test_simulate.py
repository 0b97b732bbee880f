"""A draft of the policy is replayed beside the one in force; nothing of the night is touched."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dbt_runs import create_source_tables, run_dbt

from orchestration import cli
from orchestration.assets import governance
from orchestration.errors import UserError
from orchestration.landing import land
from orchestration.plots import shares_svg
from orchestration.policy import POLICY_DIR
from orchestration.resources import Warehouse
from orchestration.sample import generate
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.simulate import Simulation, TierFigures, _shares, _tiers, simulate, warnings_of
from orchestration.warehouse import connect

AS_OF = date(2026, 7, 1)
EXAMPLES = PROJECT_DIR / "examples" / "policies"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A night of 300 customers, as far as the simulation reads it."""
    folder = tmp_path_factory.mktemp("simulate")
    settings = Settings(home=folder / "var", raw_dir=folder / "raw", _env_file=None)
    generate(settings.raw_dir, 300, AS_OF, seed=5)
    with connect(settings) as connection:
        create_source_tables(connection)
    land(settings, settings.raw_dir, AS_OF, "test")
    wanted = ("+customer_tiers", "+tier_movements", "+run_context", "+int_customer_margin_days")
    run_dbt(settings, "build", "--quiet", "--resource-type", "model", "--resource-type", "seed",
            "--select", *wanted)  # fmt: skip
    return settings


def fingerprint(settings: Settings) -> list[str]:
    """What the files of the night hold."""
    files = (settings.paths.warehouse, settings.paths.build)
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


@pytest.mark.slow
def test_the_policy_in_force_moves_nobody(built: Settings, tmp_path: Path) -> None:
    before = fingerprint(built)
    made = simulate(built, POLICY_DIR, tmp_path / "moves.csv")
    assert fingerprint(built) == before
    assert made.as_of_date == AS_OF
    assert made.policy_version == made.draft_version == "2026.1"
    assert made.now == made.draft
    assert sum(tier.members for tier in made.now) > 10
    assert {was == becomes for was, becomes, _ in made.moves} == {True}
    assert (made.joiners, made.leavers) == (0, 0)
    by_month = {day: {} for day, _, _ in made.history}
    for day, policy, share in made.history:
        by_month[day][policy] = share
    assert len(by_month) > 12
    assert all(shares["now"] == shares["draft"] for shares in by_month.values())
    assert (tmp_path / "moves.csv").read_text() == "customer_id,tier,draft_tier\n"


@dataclass(frozen=True)
class Replayed:
    """A draft, what came of it, and the list of who moves."""

    draft: Path
    made: Simulation
    moves: Path


@pytest.fixture(scope="module")
def later(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """One tier, to begin next year; its file has a column more than the models ask for."""
    folder = tmp_path_factory.mktemp("later")
    draft = Path(shutil.copytree(EXAMPLES / "one_tier", folder / "draft"))
    text = (draft / "policy_versions.csv").read_text().replace("2000-01-01", "2027-01-01")
    header, row = text.splitlines()
    (draft / "policy_versions.csv").write_text(f"{header},comment\n{row},as discussed\n")
    return Replayed(draft, simulate(built, draft, folder / "moves.csv"), folder / "moves.csv")


@pytest.mark.slow
def test_a_draft_that_begins_later_is_replayed_from_the_start(later: Replayed) -> None:
    made = later.made
    assert made.is_replayed_from_the_start
    assert made.draft_version == "one-tier"
    # The same 2,000 as Silver, and a drop instead of a soft landing: some fall out of it.
    (vip,) = made.draft
    now = {tier.tier: tier.members for tier in made.now}
    assert 0 < vip.members <= sum(now.values())
    assert made.leavers == sum(now.values()) - vip.members + made.joiners
    with later.moves.open() as file:
        rows = list(csv.DictReader(file))
    changed = sum(customers for was, becomes, customers in made.moves if was != becomes)
    assert len(rows) == changed > 0


@pytest.mark.slow
def test_the_command_tells_it_as_text_and_as_json(
    built: Settings,
    later: Replayed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []
    replay = "orchestration.simulate.simulate"
    monkeypatch.setattr(replay, lambda *given: asked.append(given[1:3]) or later.made)
    cli.simulate(later.draft, home=built.paths.home, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["policy_version"], told["draft_version"]) == ("2026.1", "one-tier")
    (vip,) = told["draft"]
    assert (vip["tier"], vip["members"]) == ("vip", later.made.draft[0].members)
    assert {"share_of_active", "margin_12m", "benefit_cost", "discount_at_most"} < vip.keys()
    matrix = {(each["from"], each["to"]): each["customers"] for each in told["moves"]}
    assert sum(matrix[was, "vip"] for was, becomes in matrix if becomes == "vip") == vip["members"]
    assert {each["policy"] for each in told["history"]} == {"now", "draft"}

    cli.simulate(later.draft, later.moves, home=built.paths.home)
    shown = " ".join(capsys.readouterr().out.split())
    assert "Policy one-tier beside 2026.1, night of 2026-07-01" in shown
    assert f"draft vip {vip['members']:,} {vip['share_of_active']:.1%}" in shown
    assert f"{told['joiners']:,} would join, {told['leavers']:,} would leave" in shown
    assert "moves.csv" in shown
    assert asked == [(later.draft, None), (later.draft, later.moves)]


@pytest.mark.slow
def test_the_asset_shows_tiers_moves_and_a_plot(
    built: Settings, later: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIP_POLICY_DRAFT", raising=False)
    monkeypatch.setattr(governance, "simulate", lambda _, draft: {later.draft: later.made}[draft])

    def materialise(draft: str) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [governance.policy_simulation],
            resources={"warehouse": Warehouse(home=str(built.paths.home))},
            run_config={"ops": {"policy_simulation": {"config": {"folder": draft}}}},
            raise_on_error=False,
        )

    result = materialise(str(later.draft))
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["joiners"].value == later.made.joiners
    assert "| draft | vip |" in metadata["tiers"].value and "| now | silver |" in str(metadata)
    assert "vip" in metadata["moves"].value
    assert "data:image/svg" in metadata["share of active customers"].value
    (failure,) = materialise("").get_step_failure_events()
    assert "name the folder of the draft" in str(failure.event_specific_data)


@pytest.mark.slow
def test_a_draft_by_what_is_projected_is_fitted_on_its_own_days(
    built: Settings, tmp_path: Path
) -> None:
    """The night has one projection; the draft looks at each quarter's, and has them made."""
    made = simulate(built, EXAMPLES / "top_decile_by_projected_value", tmp_path / "moves.csv")
    (vip,) = made.draft
    assert 0.05 < vip.share_of_active < 0.2
    quarters = {day for day, policy, share in made.history if policy == "draft" and share > 0}
    assert len(quarters) > 12


@pytest.mark.slow
def test_a_draft_by_columns_of_customer_value_has_them_asked_on_its_own_days(
    built: Settings, tmp_path: Path
) -> None:
    """The last evaluation is the night's: who earned enough by then is in, and nobody else."""
    draft = Path(shutil.copytree(EXAMPLES / "one_tier", tmp_path / "draft"))
    for file, words in (
        ("tier_rules.csv", ("qualifying_spend,at_least,2000", "net_revenue_per_year,at_least,400")),
        ("policy_versions.csv", (",3,monthly,drop,monthly,", ",0,daily,drop,quarterly,")),
    ):
        text = (draft / file).read_text()
        assert words[0] in text
        (draft / file).write_text(text.replace(*words))
    before, told = fingerprint(built), []
    made = simulate(built, draft, listener=told.append)
    assert fingerprint(built) == before
    with connect(built, read_only=True) as connection:
        (members,) = connection.execute(
            "select count(*) from vip_sms.marts.customer_value "
            "where net_revenue_per_year >= 400 and not is_test"
        ).fetchone()
    (vip,) = made.draft
    assert vip.members == members > 10
    quarters = [word for word in told if word.startswith("Asking what customers were worth on ")]
    assert len(quarters) > 12 and quarters[-1].endswith("2027-07-01")
    shares = [share for _, policy, share in made.history if policy == "draft"]
    assert len({round(share, 9) for share in shares}) > 5


@pytest.mark.slow
def test_a_night_of_another_version_is_no_traceback(built: Settings, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "var", raw_dir=built.raw_dir, _env_file=None)
    shutil.copytree(built.paths.home, settings.paths.home)
    with connect(settings) as connection:
        connection.execute("alter table vip_sms.marts.customer_tiers rename tier to level")
    with pytest.raises(UserError, match="another version of the program"):
        simulate(settings, POLICY_DIR)


def test_a_draft_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    draft = Path(shutil.copytree(EXAMPLES / "one_tier", tmp_path / "draft"))
    text = (draft / "tier_rules.csv").read_text().replace("2000", "-2000")
    (draft / "tier_rules.csv").write_text(text)
    settings = Settings(home=tmp_path / "var", raw_dir=tmp_path, _env_file=None)
    with pytest.raises(UserError, match=r"tier_rules\.csv line 2 \(one-tier vip\): threshold"):
        simulate(settings, draft)
    with pytest.raises(UserError, match="no night has been built"):
        simulate(settings, EXAMPLES / "one_tier")


def test_a_tier_costs_a_parcel_an_order_and_shares_who_bought() -> None:
    """A gift of 25 a year and a parcel of 12 an order; who bought nothing is in no share."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table compared as from (values ('vip', 100, 1000, 4), ('vip', 50, 500, 1), "
            "('vip', 0, 0, 0), ('none', 9, 90, 1)) "
            "as t (draft_tier, cm2_12m, gross_revenue_12m, orders_12m)"
        )
        (vip,) = _tiers(connection, "draft_tier", "one-tier", EXAMPLES / "one_tier", 10)
    assert (vip.members, vip.share_of_active, vip.margin_12m) == (3, 0.2, 150)
    assert (vip.benefit_cost, vip.discount_at_most) == (3 * 25 + 5 * 12, 150)


def test_a_share_of_a_month_is_that_of_all_its_tiers() -> None:
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as vip_sms; create schema vip_sms.marts")
        connection.execute(
            "create table vip_sms.marts.tier_movements as from (values "
            "(date '2026-06-01', 1, 0, 2), (date '2026-07-01', 1, 1, 8), "
            "(date '2026-07-01', 2, 3, 8), (date '2026-01-01', 1, 0, 0)) "
            "as t (month_end_date, tier_rank, active_members_at_end, active_customers)"
        )
        told = _shares(connection, "draft", "vip_sms")
    assert told == [(date(2026, 6, 1), "draft", 0.0), (date(2026, 7, 1), "draft", 0.5)]


def test_a_list_that_cannot_be_written_is_told_before_the_replay(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "var", raw_dir=tmp_path, _env_file=None)
    with pytest.raises(UserError, match=r"cannot write who moves to .*: it is a folder"):
        simulate(settings, EXAMPLES / "one_tier", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write who moves to .*: .*file is no folder"):
        simulate(settings, EXAMPLES / "one_tier", tmp_path / "file" / "moves.csv")


def tier(name: str, members: int, share: float, margin: float = 1e6) -> TierFigures:
    return TierFigures(name, 1, members, share, margin, 100.0, 0.0)


@pytest.mark.parametrize(
    ("tiers", "words"),
    [
        ([tier("vip", 15, 0.15)], None),
        ([tier("vip", 10, 0.10)], None),
        ([tier("vip", 20, 0.20)], None),
        ([tier("vip", 9, 0.09)], "out of reach"),
        ([tier("vip", 21, 0.21)], "less exclusive"),
        ([tier("silver", 40, 40 / 530), tier("gold", 8, 8 / 530), tier("top", 5, 5 / 530)], None),
        ([tier("vip", 41, 0.41)], "a night stops"),
        ([tier("silver", 15, 0.15), tier("gold", 0, 0.0)], "nobody holds gold"),
        ([tier("silver", 5, 0.05), tier("gold", 6, 0.06)], "more members than silver"),
        ([tier("vip", 15, 0.15, margin=99.0)], "benefits may cost 100"),
    ],
)
def test_the_shape_of_a_programme_is_told(tiers: list[TierFigures], words: str | None) -> None:
    told = warnings_of(tiers, 0.10, 0.20, 0.40)
    assert told == [] if words is None else words in told[0]


def test_the_plot_shows_both_policies() -> None:
    history = [
        (date(2026, month, 1), policy, 0.1 * month)
        for month in (1, 2)
        for policy in ("now", "draft")
    ]
    svg = shares_svg(history)
    assert "now" in svg and "draft" in svg
