"""Tier rules over columns of customer_value: asked on evaluations, of the night of each of them.

A small sample brand is built to its tiers under a policy of such rules, on a night in mid-history;
what it says of other dates is held against nights of those dates, and its tiers against its values.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_runs import create_source_tables, run_dbt

from orchestration import dated_values
from orchestration.landing import land
from orchestration.sample import generate
from orchestration.settings import Settings
from orchestration.warehouse import connect

pytestmark = pytest.mark.slow

NIGHT, NEWEST = date(2026, 4, 1), date(2026, 7, 1)
EARLIER = date(2025, 11, 20)
BORDER = date(2025, 11, 15)
VERSIONS = {"first": (date(2000, 1, 1), BORDER), "second": (BORDER, None)}
RULES = {
    "first": [("silver", 1, "all", "net_revenue_per_year", "at_least", "150")],
    "second": [
        ("silver", 1, "all", "net_revenue_per_year", "at_least", "100"),
        ("silver", 1, "all", "tenure_days", "at_least", "60"),
        ("gold", 2, "all", "rfm_monetary", "top_share", "0.2"),
        ("gold", 2, "all", "orders_12m", "at_least", "1"),
        ("platinum", 3, "rank_blend", "margin_percentile_12m", "top_share", "0.02"),
        ("platinum", 3, "rank_blend", "revenue_trend_6m", "top_share", "0.02"),
    ],
}
FOLLOWED = (
    "cm1_12m",
    "cm1_lifetime",
    "cm2_12m",
    "cm2_lifetime",
    "cm3_12m",
    "cm3_lifetime",
    "cost_to_serve_12m",
)
"""Sums of what customers earn, which need no evaluation."""
EXCLUSIONS = {
    "second": [
        ("gone", "overdue_ratio", "3"),
        ("needy", "tickets_12m", "2"),
        ("needy", "support_minutes_12m", "30"),
        # Met by nobody: so that they are measured.
        *(("rich", metric, "99999999") for metric in FOLLOWED),
    ]
}
METRICS = {
    "first": {"net_revenue_per_year"},
    "second": {
        "net_revenue_per_year",
        "tenure_days",
        "rfm_monetary",
        "margin_percentile_12m",
        "revenue_trend_6m",
        "overdue_ratio",
        "tickets_12m",
        "support_minutes_12m",
    },
}
Values = Mapping[str, Mapping[str, Decimal]]
"""By customer, and by metric; without what is not known."""


@dataclass(frozen=True)
class Brand:
    """Where the nights of one brand are, by date; built to the tiers as far as they are."""

    folder: Path

    def settings(self, night: date) -> Settings:
        home = self.folder / night.isoformat()
        return Settings(home=home, raw_dir=self.folder / "raw", _env_file=None)

    def ask(self, night: date, query: str) -> list[tuple[Any, ...]]:
        with connect(self.settings(night), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def begin(self, night: date) -> Settings:
        """Land a night and write the policy."""
        settings = self.settings(night)
        with connect(settings) as connection:
            create_source_tables(connection)
        land(settings, settings.raw_dir, night, "test")
        run_dbt(settings, "seed", "--quiet", as_of=night)
        with connect(settings) as connection:
            write_policy(connection)
        return settings

    def build(self, night: date) -> Settings:
        """Build a night from what is landed to its tiers, the dates between the phases."""
        settings = self.begin(night)
        first = ("--select", "+customer_value", "+int_tier_metric_dates")
        run_dbt(settings, "run", "--quiet", *first, as_of=night)
        dated_values.run(settings, night)
        last = ("+tier_history", "+customer_tiers", "+tier_rule_values", "+tier_requirements")
        run_dbt(settings, "run", "--quiet", "--select", *last, "--exclude", *first[1:], as_of=night)
        return settings

    def value(self, night: date) -> Values:
        """What customer_value says on a night of its own, of all metrics."""
        settings = self.begin(night)
        run_dbt(settings, "run", "--quiet", "--select", "+customer_value", as_of=night)
        told: dict[str, dict[str, Decimal]] = {}
        for metric in (*METRICS["second"], *FOLLOWED):
            for who, value in self.ask(
                night,
                f"select customer_id, {metric}::decimal(18, 4) from vip_sms.marts.customer_value",
            ):
                if value is not None:
                    told.setdefault(who, {})[metric] = value
        return told

    def kept(self, night: date, asked_on: date) -> Values:
        """What a night keeps of another date."""
        told: dict[str, dict[str, Decimal]] = {}
        for who, metric, value in self.ask(
            night,
            "select customer_id, metric, metric_value from fitted.dated_values "
            f"where asked_on = '{asked_on}'",
        ):
            told.setdefault(who, {})[metric] = value
        return told

    def dates(self, night: date) -> list[date]:
        """The dates that a night asks."""
        return [
            day
            for (day,) in self.ask(
                night, "select distinct asked_on from fitted.dated_values order by 1"
            )
        ]


def write_policy(connection: duckdb.DuckDBPyConnection) -> None:
    """In place of the seeds: quarterly evaluations, whoever falls short drops the same day."""
    connection.execute("create temp table written as from policy.policy_versions")
    for table in ("policy_versions", "tier_rules", "tier_exclusions"):
        connection.execute(f"delete from policy.{table}")
    for name, (begins, ends) in VERSIONS.items():
        connection.execute(
            "insert into policy.policy_versions select * replace (? as policy_version, "
            "? as effective_from, ? as effective_to, 0 as grace_months, 'daily' as "
            "demotion_cadence, 'drop' as demotion_mode, 'quarterly' as reevaluation) from written",
            [name, begins, ends],
        )
        for rule in RULES[name]:
            connection.execute(
                "insert into policy.tier_rules (policy_version, tier, tier_rank, combiner, metric, "
                "rule, threshold) values (?, ?, ?, ?, ?, ?, ?)",
                [name, *rule],
            )
        for condition in EXCLUSIONS.get(name, []):
            connection.execute(
                "insert into policy.tier_exclusions (policy_version, exclusion_id, metric, "
                "threshold, rule) values (?, ?, ?, ?, 'at_least')",
                [name, *condition],
            )


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brand]:
    folder = tmp_path_factory.mktemp("dated")
    generate(folder / "raw", 300, NEWEST, seed=5)
    brand = Brand(folder)
    brand.build(NIGHT)
    yield brand
    shutil.rmtree(folder)


def test_it_is_asked_on_evaluations_and_for_the_year_to_come(brand: Brand) -> None:
    asked = brand.dates(NIGHT)
    assert asked[-8:] == [
        date(2025, 10, 1),
        BORDER,
        date(2026, 1, 1),
        NIGHT,
        date(2026, 7, 1),
        date(2026, 10, 1),
        date(2027, 1, 1),
        date(2027, 4, 1),
    ]
    assert len(asked) > 10
    metrics = brand.ask(
        NIGHT, "select asked_on, list(distinct metric) from fitted.dated_values group by all"
    )
    for day, told in metrics:
        assert set(told) <= METRICS["first" if day < BORDER else "second"]
    assert {day: set(told) for day, told in metrics}[BORDER] == METRICS["second"]


@pytest.mark.parametrize("day", [date(2025, 10, 1), BORDER, NIGHT])
def test_a_date_that_is_past_says_what_its_own_night_says(brand: Brand, day: date) -> None:
    other = Brand(brand.folder / "others")
    other.folder.mkdir(exist_ok=True)
    if not (other.folder / "raw").exists():
        (other.folder / "raw").symlink_to(brand.folder / "raw")
    value = other.value(day)
    names = METRICS["first" if day < BORDER else "second"]
    expected = {
        who: {name: known for name, known in told.items() if name in names}
        for who, told in value.items()
    }
    spans = brand.ask(
        NIGHT,
        "select customer_id, metric, metric_value from intermediate.int_tier_metric_spans "
        f"where metric in {FOLLOWED} and metric_value <> 0 and valid_from <= '{day}' "
        f"and coalesce(valid_to > '{day}', true)",
    )
    assert {(who, name): known for who, name, known in spans} == {
        (who, name): told[name]
        for who, told in value.items()
        for name in FOLLOWED
        if told.get(name)
    }
    assert len({name for _, name, _ in spans}) == len(FOLLOWED)
    kept = brand.kept(NIGHT, day)
    assert kept == {who: told for who, told in expected.items() if told}
    assert len(kept) > 100


def test_a_date_to_come_knows_no_more_than_the_night(brand: Brand) -> None:
    """Later orders have landed; whoever had one before has only aged."""
    firsts = dict(
        brand.ask(
            NIGHT,
            "select customer_id, first_order_at::date from vip_sms.marts.customer_value "
            "where first_order_at is not null",
        )
    )
    (later,) = brand.ask(NIGHT, f"select count(*) from raw.orders where ordered_at >= '{NIGHT}'")
    assert later[0] > 20
    tonight = brand.kept(NIGHT, NIGHT)
    for day in (date(2026, 7, 1), date(2026, 10, 1)):
        kept = brand.kept(NIGHT, day)
        tenures = {who: told["tenure_days"] for who, told in kept.items() if "tenure_days" in told}
        assert tenures == {who: (day - first).days for who, first in firsts.items()}
        for who, told in tonight.items():
            # The same revenue, spread over more days.
            if "net_revenue_per_year" in told:
                grown = tenures[who] / told["tenure_days"]
                spread = kept[who]["net_revenue_per_year"] * grown
                assert spread == pytest.approx(told["net_revenue_per_year"], abs=Decimal("0.01"))


def buyers(brand: Brand, night: date, day: date) -> set[str]:
    """Who had an order in the twelve months before a date, as far as a night knows."""
    orders = brand.ask(
        night,
        "select customer_id, ordered_at::date from intermediate.int_orders_costed "
        "where customer_id is not null",
    )
    return {who for who, ordered in orders if day.replace(year=day.year - 1) <= ordered < day}


def ranked(brand: Brand, night: date, day: date) -> list[str]:
    """Who is in the population of a share."""
    tests = brand.ask(night, "select customer_id from vip_sms.marts.customer_value where is_test")
    return sorted(buyers(brand, night, day) - {who for (who,) in tests})


def is_out(told: Mapping[str, Decimal]) -> bool:
    """Whether an exclusion of the second version holds by these values."""
    is_needy = told.get("tickets_12m", 0) >= 2 and told.get("support_minutes_12m", 0) >= 30
    return told.get("overdue_ratio", 0) >= 3 or is_needy


def qualified(brand: Brand, night: date, day: date) -> dict[str, int]:
    """The rank of each customer whom the values of a date give silver or gold, worked out plainly.

    Of a date to come the cut is the last one that was taken.
    """
    kept = brand.kept(night, day)
    if day < BORDER:
        return {who: 1 for who, told in kept.items() if told.get("net_revenue_per_year", 0) >= 150}
    then, bought = brand.kept(night, min(day, night)), buyers(brand, night, day)
    people = ranked(brand, night, min(day, night))
    scores = sorted((then.get(who, {}).get("rfm_monetary", 0) for who in people), reverse=True)
    cut = scores[-(-len(scores) // 5) - 1]
    ranks = {}
    for who, told in kept.items():
        if is_out(told):
            continue
        if told.get("rfm_monetary", 0) >= cut and who in bought:
            ranks[who] = 2
        elif told.get("net_revenue_per_year", 0) >= 100 and told.get("tenure_days", 0) >= 60:
            ranks[who] = 1
    return ranks


def blended(brand: Brand, night: date, day: date) -> set[str]:
    """Who is among the top of the blend on the last evaluation up to a date."""
    kept, people = brand.kept(night, day), ranked(brand, night, day)
    places = dict.fromkeys(people, 0)
    for metric in ("margin_percentile_12m", "revenue_trend_6m"):
        values = {who: kept.get(who, {}).get(metric) for who in people}
        for who in people:
            own = values[who]
            places[who] += 1 + sum(
                other is not None and (own is None or other > own) for other in values.values()
            )
    worst = sorted(places.values())[-(-len(people) * 2 // 100) - 1]
    return {who for who, place in places.items() if place <= worst}


@pytest.mark.parametrize("day", [date(2025, 7, 1), date(2025, 10, 1), BORDER, NIGHT])
def test_tiers_follow_from_the_values_of_each_evaluation(brand: Brand, day: date) -> None:
    held = dict(
        brand.ask(
            NIGHT,
            "select customer_id, tier_rank from vip_sms.marts.tier_history where tier_rank > 0 "
            f"and valid_from <= '{day}' and coalesce(valid_to > '{day}', true)",
        )
    )
    expected = qualified(brand, NIGHT, day)
    if day >= BORDER:
        out = {who for who, told in brand.kept(NIGHT, day).items() if is_out(told)}
        top = blended(brand, NIGHT, day)
        assert top
        expected |= dict.fromkeys(top - out, 3)
        assert out and set(expected.values()) == {1, 2, 3}
    assert held == expected
    assert held


def test_a_tier_is_lost_on_the_evaluation_to_come_that_it_falls_short_of(brand: Brand) -> None:
    """Of silver, which hangs on values alone: who keeps a fixed amount keeps it to the next."""
    expected = {}
    silver = [
        who
        for (who,) in brand.ask(
            NIGHT, "select customer_id from vip_sms.marts.customer_tiers where tier_rank = 1"
        )
    ]
    coming = [day for day in brand.dates(NIGHT) if day > NIGHT]
    ranks = {day: qualified(brand, NIGHT, day) for day in coming}
    for who in silver:
        short = [day for day in coming if ranks[day].get(who, 0) < 1]
        expected[who] = short[0] if short else None
    told = dict(
        brand.ask(
            NIGHT,
            "select customer_id, projected_demotion_on from vip_sms.marts.customer_tiers "
            "where tier_rank = 1",
        )
    )
    assert told == expected
    assert len({day for day in told.values() if day}) > 1


def test_progress_and_rules_are_told_by_the_last_evaluation(brand: Brand) -> None:
    rules = brand.ask(
        NIGHT,
        "select metric, rule, unit, measured_on from vip_sms.marts.tier_requirements order by all",
    )
    assert rules == [
        ("net_revenue_per_year", "at_least", None, NIGHT),
        ("orders_12m", "at_least", None, None),
        ("rank_blend", "top_share", "places", NIGHT),
        ("rfm_monetary", "top_share", "points", NIGHT),
        ("tenure_days", "at_least", None, NIGHT),
    ]
    kept = brand.kept(NIGHT, NIGHT)
    told = brand.ask(
        NIGHT,
        "select customer_id, metric, metric_value from vip_sms.marts.tier_rule_values "
        "where metric <> 'rank_blend'",
    )
    names = {"net_revenue_per_year", "rfm_monetary", "tenure_days"}
    assert {(who, name): value for who, name, value in told} == {
        (who, name): value
        for who, values in kept.items()
        for name, value in values.items()
        if name in names
    }
    ways = brand.ask(
        NIGHT,
        "select customer_id, progress_to_next_tier from vip_sms.marts.customer_tiers "
        "where next_tier = 'silver'",
    )
    assert len(ways) > 20
    for who, progress in ways:
        own = kept.get(who, {})
        parts = [own.get("net_revenue_per_year", 0) / 100, own.get("tenure_days", 0) / Decimal(60)]
        assert progress == pytest.approx(float(min(1, *(max(0, part) for part in parts)))), who


def test_a_past_night_gives_the_same_and_nothing_is_left_of_the_work(brand: Brand) -> None:
    history = (
        "select customer_id, tier_rank, valid_from, change_reason, exclusion_id "
        f"from vip_sms.marts.tier_history where valid_from <= '{EARLIER}' order by all"
    )
    before = brand.settings(EARLIER).paths
    scratch = before.tmp / "dated_values.duckdb"
    before.tmp.mkdir(parents=True)
    scratch.write_text("what a killed run left")
    brand.build(EARLIER)
    assert not scratch.exists()
    assert brand.ask(EARLIER, history) == brand.ask(NIGHT, history) != []
    day = date(2025, 10, 1)
    assert brand.kept(EARLIER, day) == brand.kept(NIGHT, day)
    with connect(brand.settings(EARLIER), read_only=True) as connection:
        catalogs = connection.execute("select database_name from duckdb_databases()").fetchall()
    assert not any(name == "dated" for (name,) in catalogs)


def test_a_night_whose_rules_ask_nothing_of_it_keeps_nothing(
    brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = brand.settings(NIGHT)
    other = Settings(home=brand.folder / "fixed", raw_dir=settings.raw_dir, _env_file=None)
    shutil.copytree(settings.paths.home, other.paths.home)
    with connect(other) as connection:
        connection.execute("delete from intermediate.int_tier_metric_dates")
    monkeypatch.setattr(dated_values, "compile_models", None)
    assert dated_values.run(other, NIGHT) == 0
    with connect(other, read_only=True) as connection:
        assert connection.execute("select count(*) from fitted.dated_values").fetchone() == (0,)
