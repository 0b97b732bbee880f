"""Random policies over random customers: the tier models against the plain reference.

The models run as compiled SQL in a database of their own, one for each brand: a brand is fifty
customers under one random policy on one random night, so that shares and blends have somebody to
rank. Everything a policy may say is drawn: rules, combiners, windows, cadences, exclusions, changes
in mid-history. Each run plays 2,000 customers so, day by day; `make test-long` plays 10,000.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from amount import amount
from dbt_runs import run_dbt
from tier_brands import (
    ANY_MODEL,
    CADENCES,
    GIVEN,
    HISTORY,
    LONG_AGO,
    REGISTRIES,
    SEEDS,
    TARGETS,
    fill,
    hold,
    looks_ahead,
    some_day,
    some_foreseen_tiers,
    some_policy,
    some_world,
)
from tier_reference import DATED, UNIT, Rule, Tier, Version

from orchestration.fits import empty_tables, run_on
from orchestration.fits.lifetime import LIFETIME
from orchestration.policy import find_problems, read_policy
from orchestration.settings import PROJECT_DIR, Settings

AS_OF = date(1987, 6, 5)
"""The night for which the models are compiled; each case puts its own in its place."""
CUSTOMERS = 50
BRANDS = amount(usual=40, long=200)
FORESEEING = amount(usual=2, long=20)
"""Brands under policies that look at what is projected, by the model where it wins."""
STARTING = amount(usual=5, long=50)
"""Brands whose programme begins when they had customers already."""
SAID = (
    *("daily", *CADENCES),
    *(f"cuts {cadence}" for cadence in CADENCES),
    *(f"grace {months}" for months in (0, 1, 3, 6)),
    *("soft_landing", "drop", "rolling_12_months", "calendar_year"),
    *("gross", "net_of_discounts", "net_of_discounts_and_returns"),
    *("by all", "by any", "by rank_blend", "fixed", "top share", "an amount and a share of it"),
    *("excludes fraud", "excludes returns", "excludes unpaid", "excludes old"),
    *(f"{how} of what is dated" for how in ("an amount", "a share", "a blend")),
    *("begins at a month's end", "asked on a leap day", "changes in mid-history"),
)
"""What the random policies and nights must have had among them."""
FILLED_HERE, FITTED_HERE = "-- filled here", "-- fitted here"
EXAMPLES = PROJECT_DIR / "examples" / "policies"


# ---- the models, compiled once


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What makes the tables of a brand: schemas, inputs, then each model in its order."""
    home = tmp_path_factory.mktemp("compiled_tiers")
    settings = Settings(home=home, raw_dir=home, _env_file=None)
    read_by_fits = [table.split(".")[1] for table in LIFETIME.reads]
    wanted = [f"+{name}" for name in (*TARGETS, *read_by_fits)]
    run_dbt(settings, "compile", "--quiet", "--target", "lint", "--select", *wanted, as_of=AS_OF)
    nodes = json.loads((settings.paths.dbt_target / "manifest.json").read_text())["nodes"]
    by_name = {node["name"]: node for node in nodes.values()}
    needed, parents = [*TARGETS, *read_by_fits], {FITTED_HERE: read_by_fits}
    while needed:
        name = needed.pop()
        if name in parents or name in GIVEN or name in SEEDS:
            continue
        keys = by_name[name]["depends_on"]["nodes"]
        names = [nodes[key]["name"] for key in keys if key in nodes]
        if len(names) < len(keys):  # what is left reads a fit
            names.append(FITTED_HERE)
        parents[name] = names
        needed += names
    made = ["attach ':memory:' as vip_sms", "set TimeZone = 'UTC'"]
    for name in [*GIVEN, *SEEDS, *(name for name in parents if name != FITTED_HERE)]:
        node = by_name[name]
        made.append(f"create schema if not exists {node['database']}.{node['schema']}")
    for name in SEEDS:
        node = by_name[name]
        types = node["config"]["column_types"]
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        made.append(f"create table {place(node)} ({columns})")
        if name in REGISTRIES:
            path = PROJECT_DIR / node["original_file_path"]
            made.append(f"copy {place(node)} from '{path}' (header)")
    made += [f"create table {place(by_name[name])} ({GIVEN[name]})" for name in GIVEN]
    made.append(FILLED_HERE)
    for name in TopologicalSorter(parents).static_order():
        if name == FITTED_HERE:
            made.append(name)
        elif name in parents:
            node = by_name[name]
            root = settings.paths.dbt_target / "compiled" / "vip_sms"
            sql = Path(root / node["original_file_path"]).read_text()
            made.append(f"create table {place(node)} as {sql}")
    return made


def place(node: dict[str, Any]) -> str:
    """Where a node's table lies."""
    return f"{node['database']}.{node['schema']}.{node['alias']}"


# ---- one brand, built and followed


def compare(
    statements: list[str],
    seed: int,
    versions: list[Version] | None = None,
    limits: dict[str, float] | None = None,
    size: int = CUSTOMERS,
    regulars: int = 0,
    night: date | None = None,
) -> Counter[str]:
    """Build one brand both ways; fail at the first customer who differs; tell what was met.

    `limits` are parameters of what is projected.
    """
    world = some_world(random.Random(seed), size, versions, regulars, night)
    world.projected.limits = world.projected.limits | (limits or {})
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        for statement in statements:
            if statement == FILLED_HERE:
                fill(connection, world)
            elif statement == FITTED_HERE:
                empty_tables(connection)
                if any(looks_ahead(version) for version in world.versions):
                    run_on(connection, LIFETIME, world.as_of)
            else:
                connection.execute(statement.replace(AS_OF.isoformat(), world.as_of.isoformat()))
        histories = connection.execute(HISTORY.format(place="vip_sms.marts.tier_history"))
        histories = histories.fetchall()
        found = connection.sql("select * from vip_sms.marts.customer_tiers").to_arrow_table()
    return hold(world, histories, found.to_pylist(), seed)


def read_version(folder: Path) -> Version:
    """The one version of a ready-made policy."""
    read = read_policy(folder)
    (version,) = read.versions
    tiers: dict[str, list[Rule]] = {}
    for row in sorted(read.rules, key=lambda row: row["tier_rank"]):
        units = Decimal(row["threshold"])
        tiers.setdefault(row["tier"], []).append(
            Rule(
                row["metric"],
                0 if row["rule"] == "top_share" else int(units * UNIT),
                units if row["rule"] == "top_share" else None,
                int(row["weight"] or 1),
            )
        )
    exclusions: dict[str, list[Rule]] = {}
    for row in read.exclusions:
        rule = Rule(row["metric"], int(Decimal(row["threshold"]) * UNIT))
        exclusions.setdefault(row["exclusion_id"], []).append(rule)
    return Version(
        date.fromisoformat(version["effective_from"]),
        None,
        int(version["grace_months"]),
        version["demotion_cadence"],
        version["demotion_mode"],
        version["qualification_period"],
        version["qualifying_spend_basis"],
        tuple(Tier(name, tuple(rules), read.rules[0]["combiner"]) for name, rules in tiers.items()),
        version["reevaluation"],
        tuple((name, tuple(conditions)) for name, conditions in exclusions.items()),
    )


@pytest.mark.parametrize("folder", sorted(EXAMPLES.iterdir()), ids=lambda folder: folder.name)
def test_the_ready_made_policies_do_what_they_say(statements: list[str], folder: Path) -> None:
    assert find_problems(folder) == []
    version = read_version(folder)
    met: Counter[str] = Counter()
    for seed in range(3):
        met += compare(statements, seed, [version])
    assert met["qualified"] > 3 and met["demoted"] > 0, met


@pytest.mark.timeout(900)
def test_what_is_projected_is_what_was_known_on_each_evaluation(statements: list[str]) -> None:
    """Fitted anew on each evaluation, by the model where it won, and standing until the next."""
    met: Counter[str] = Counter()
    for seed in range(FORESEEING):
        rng = random.Random(seed)
        border = some_day(rng)
        versions = [
            Version(
                begins,
                ends,
                rng.choice([0, 1, 3]),
                rng.choice(["daily", "monthly", "quarterly"]),
                rng.choice(["soft_landing", "drop"]),
                tiers=some_foreseen_tiers(rng),
                reevaluation=rng.choice(["quarterly", "every_2_months", "yearly"]),
            )
            for begins, ends in ((LONG_AGO, border), (border, None))
        ]
        met += compare(statements, seed, versions, ANY_MODEL, size=20, regulars=80)
    assert met["baseline"] and met["mbg_nbd_own_margin"] + met["mbg_nbd_gamma_gamma"], met
    assert min(met[each] for each in ("qualified", "demoted", "projected")) > FORESEEING, met


@pytest.mark.timeout(900)
def test_a_programme_that_begins_in_mid_history_lets_in_whoever_qualifies_on_that_day(
    statements: list[str],
) -> None:
    met: Counter[str] = Counter()
    for seed in range(STARTING):
        rng = random.Random(seed)
        start = some_day(rng)
        later = [version for version in some_policy(rng, changes=2) if version.begins > start]
        first = replace(some_policy(rng, changes=0)[0], begins=start, ends=None)
        if later:
            first = replace(first, ends=later[0].begins)
        met += compare(statements, seed, [first, *later], night=date(2025, 7, 1))
    assert min(met[each] for each in ("qualified", "demoted", "policy_changed")) >= STARTING, met


def said(versions: list[Version]) -> Counter[str]:
    """What a policy says, a count for each version that says it."""
    found: Counter[str] = Counter()
    for version in versions:
        rules = [rule for tier in version.tiers for rule in tier.rules]
        found.update(
            {
                version.cadence,
                version.mode,
                version.period,
                version.basis,
                f"cuts {version.reevaluation}",
                f"grace {version.grace_months}",
                *(f"by {tier.combiner}" for tier in version.tiers),
                *("top share" if rule.share else "fixed" for rule in rules),
                *(
                    "an amount and a share of it"
                    for tier in version.tiers
                    if tier.combiner != "rank_blend"
                    and len({rule.metric for rule in tier.rules}) < len(tier.rules)
                ),
                *(f"excludes {name}" for name, _ in version.exclusions),
            }
        )
        for tier in version.tiers:
            for rule in tier.rules:
                if rule.metric in DATED:
                    blend = tier.combiner == "rank_blend"
                    how = "a blend" if blend else "a share" if rule.share else "an amount"
                    found[f"{how} of what is dated"] += 1
        found["begins at a month's end"] += (version.begins + timedelta(1)).day == 1
    return found


@pytest.mark.timeout(900)
def test_random_policies_over_random_customers(statements: list[str]) -> None:
    """2,000 cases: a random customer under a random policy, whose days and standing must agree."""
    met: Counter[str] = Counter()
    drawn: Counter[str] = Counter()
    for seed in range(BRANDS):
        world = some_world(random.Random(seed), CUSTOMERS)
        met += compare(statements, seed)
        drawn += said(world.versions)
        drawn["asked on a leap day"] += world.as_of == date(2024, 2, 29)
        drawn["changes in mid-history"] += sum(v.begins < world.as_of for v in world.versions) > 1
    # Customers are no test of a rule that none of them meets, nor policies of what none says.
    assert met["customers"] == BRANDS * CUSTOMERS >= 2000
    reasons = ("qualified", "upgraded", "demoted", "excluded", "policy_changed")
    assert min(met[reason] for reason in (*reasons, "projected", "to keep")) >= BRANDS, met
    assert set(SAID) <= set(+drawn), set(SAID) - set(+drawn)
