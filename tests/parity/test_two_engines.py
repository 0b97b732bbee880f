"""The same models, the same rows: DuckDB and Spark on one small brand.

The project under test is this one with `overlay/` on top: a policy that changes its period, basis,
cadence, mode and kinds of rules under way, awkward text in a seed, and a model that asks every
portable macro for the values on which engines part.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import pytest
import tier_brands
import yaml
from amount import amount
from tier_reference import World

from orchestration import dated_values, fits
from orchestration.errors import mask
from orchestration.landing import land
from orchestration.sample import generate
from orchestration.second_engine import missing, spark_folder
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warehouse import connect

AS_OF = date(2026, 7, 1)
OVERLAY = Path(__file__).parent / "overlay"
PARTS = ("dbt_project.yml", "profiles.yml", "macros", "models", "seeds", "tests/dbt")
FOLDERS = ("policy", "reference", "intermediate", "marts", "activation")
TIMELINES = amount(usual=1, long=10)
"""Random brands whose tiers Spark makes too, each under a policy of four random versions."""
BUYERS = 100
TIERS_FROM = tier_brands.GIVEN | {
    "int_ltv_projections": "projected_on date, customer_id varchar, "
    "projected_ltv_12m decimal(18,4)",
}
"""What the tiers are made from there; what is projected, the sample brand asks for."""
SHOWN = 8
"""Differences that are printed for each table."""


@dataclass(frozen=True)
class Table:
    """A table that both engines built: what names a row, and what must not be printed."""

    schema: str
    name: str
    database: str
    key: tuple[str, ...]
    personal: frozenset[str]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Night:
    """One night built twice."""

    settings: Settings
    tables: list[Table]


Rows = list[dict[str, object]]

# What so small a brand leaves empty: no push went before, its policies name no exclusion, nothing
# went wrong for a VIP lately, and no early access is open.
UNFILLED = {
    "marts.sync_failures",
    "marts.sync_plans",
    "marts.sync_runs",
    "activation.sync_access_windows",
    "activation.sync_support_tasks",
    "policy.tier_exclusions",
}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A sample brand of 300 customers through both engines."""
    lack = missing()
    if lack:
        pytest.skip(lack)
    folder = tmp_path_factory.mktemp("parity")
    project = folder / "project"
    for part in PARTS:
        source, target = PROJECT_DIR / part, project / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    shutil.copytree(OVERLAY, project, dirs_exist_ok=True)
    # The models of lifetime value are to be held against each other, not the baseline alone.
    parameters = project / "seeds/policy/policy_parameters.csv"
    few = parameters.read_text()
    for known in ("repeat_customers_least,1000,", "signal_customers_least,2000,"):
        few = few.replace(known, f"{known.split(',')[0]},10,")
    parameters.write_text(few)

    settings = Settings(home=folder / "var", raw_dir=folder / "raw", _env_file=None)
    generate(settings.raw_dir, 300, AS_OF, seed=11)
    land(settings, settings.raw_dir, AS_OF, "parity")
    with closing(connect(settings)) as connection:
        # Nights before this one drew some: half of them the other way round than tonight would.
        connection.execute(
            "insert into raw.holdout_log by name "
            "select 'global' as experiment_id, customer_id, customer_id as contact_id, bucket, "
            "if(bucket < 0.5, 'holdout', 'treatment') as arm, date '2026-05-01' as assigned_on "
            "from (select *, row_number() over (order by customer_id) / 97 as bucket "
            "from raw.customers) where bucket < 1"
        )
    environment = {**os.environ, **settings.environment(), "VIP_AS_OF_DATE": AS_OF.isoformat()}
    environment |= {"DBT_PROJECT_DIR": str(project), "DBT_PROFILES_DIR": str(project)}
    built = ["build", "--exclude-resource-type", "test", "unit_test"]
    late = [f"source:fitted.{table}+" for fit in fits.LATE for table in fit.writes]
    for selection, behind in (
        (["--exclude", "source:fitted+"], fits.EARLY),
        (["--select", "source:fitted+", "--exclude", *late], fits.LATE),
        (["--select", *late], ()),
    ):
        run(["orchestration.dbt_runner", *built, *selection], project, environment)
        for fit in behind:
            fits.run(settings, fit, AS_OF)
        if behind == fits.EARLY:
            assert dated_values.run(settings, AS_OF) > 0
    run(["orchestration.second_engine"], project, environment)
    return Night(settings, tables_of(project / "target" / "manifest.json"))


def run(module: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a module of ours; what it printed is shown only where it failed."""
    result = subprocess.run(
        [sys.executable, "-m", *module], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, mask(result.stdout + result.stderr)


def tables_of(manifest: Path) -> list[Table]:
    """Seeds, the probe, marts and activation tables; the key is what a test holds unique."""
    nodes = json.loads(manifest.read_text())["nodes"].values()
    keys = {"portable_probe": ("day",)}
    for node in nodes:
        test = node.get("test_metadata") or {}
        if test.get("name") == "unique":
            keys.setdefault(node["attached_node"], (node["column_name"],))
        elif test.get("name") == "expect_unique_key":
            keys[node["attached_node"]] = tuple(test["kwargs"]["columns"])
    compared = [
        node
        for node in nodes
        if node["resource_type"] in ("model", "seed")
        and node["fqn"][1] in FOLDERS
        and (node["fqn"][1] != "intermediate" or node["name"] == "portable_probe")
    ]
    return [
        Table(
            node["schema"],
            node["alias"],
            node["database"],
            keys.get(node["unique_id"]) or keys.get(node["name"], ()),
            frozenset(
                name
                for name, column in node["columns"].items()
                if column["config"]["meta"].get("contains_pii")
            ),
        )
        for node in sorted(compared, key=lambda node: FOLDERS.index(node["fqn"][1]))
    ]


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> Rows:
    """The rows of a query as dicts."""
    answer = connection.execute(query)
    names = [column[0] for column in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def differences(table: Table, ours: Rows, theirs: Rows) -> list[str]:
    """One line for each row that only one engine has, and each value that is not the same.

    Doubles may part by 1e-9 of their size, everything else by nothing. Without a key, the whole row
    names it.
    """
    places = [placed(rows, table.key) for rows in (ours, theirs)]
    found = [
        f"{table} {place}: only on {engine}"
        for engine, here, there in (("DuckDB", *places), ("Spark", *places[::-1]))
        for place in here
        if place not in there
    ]
    for place, row in places[0].items():
        other = places[1].get(place, row)
        if row.keys() != other.keys():
            return [*found, f"{table}: columns {list(row)} on DuckDB, {list(other)} on Spark"]
        for column, value in row.items():
            if not same(value, other[column]):
                values = f"{value!r} on DuckDB, {other[column]!r} on Spark"
                found.append(
                    f"{table} {place} {column}: "
                    + ("personal, differs" if column in table.personal else values)
                )
    return found


def placed(rows: Rows, key: tuple[str, ...]) -> dict[tuple[object, ...], dict[str, object]]:
    """The rows by key; a second row of one key gets a place of its own."""
    index: dict[tuple[object, ...], dict[str, object]] = {}
    for row in rows:
        place = tuple(row[column] for column in key or row)
        while place in index:
            place = (*place, "again")
        index[place] = row
    return index


def same(one: object, other: object) -> bool:
    """Equal in type and value, doubles to nine digits."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and one == other


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_table_has_the_same_rows_on_both_engines(night: Night) -> None:
    spark = spark_folder(night.settings)
    found, empty = [], []
    with closing(connect(night.settings, read_only=True)) as connection:
        for table in night.tables:
            ours = rows_of(connection, f"from {table.database}.{table}")
            if not ours and str(table) in UNFILLED:
                continue  # it has built on both, and that is all that is shown
            files = spark / f"{table.schema}.db" / table.name / "*.parquet"
            here = differences(table, ours, rows_of(connection, f"from '{files}'"))
            found += [*here[:SHOWN], f"{table}: {len(here)} differences"] if here else []
            empty += [] if ours else [str(table)]
    assert not empty, "nothing was compared: the brand fills no row of these"
    if found:
        pytest.fail("\n".join(found), pytrace=False)


# ---- the tiers of random brands


def tier_models(night: Night) -> dict[str, Any]:
    """The models of the tiers as compiled for Spark, by name, each behind what it reads."""
    dbt = spark_folder(night.settings) / "dbt"
    nodes = json.loads((dbt / "manifest.json").read_text())["nodes"]
    by_name = {
        node["name"]: node for node in nodes.values() if node["resource_type"] in ("model", "seed")
    }
    needed, parents = list(tier_brands.TARGETS), {}
    while needed:
        name = needed.pop()
        if name not in parents:
            is_given = name in TIERS_FROM or name in tier_brands.SEEDS
            keys = [] if is_given else by_name[name]["depends_on"]["nodes"]
            parents[name] = [nodes[key]["name"] for key in keys]
            needed += parents[name]
    found = {name: by_name[name] for name in TopologicalSorter(parents).static_order()}
    # Longest first: no name is found within another.
    places = sorted(
        ((node["relation_name"], name) for name, node in found.items()),
        key=lambda each: -len(each[0]),
    )
    for name, node in found.items():
        file = dbt / "compiled" / "vip_sms" / node["original_file_path"]
        node["sql"] = file.read_text() if parents[name] else ""
        for place, view in places:
            node["sql"] = node["sql"].replace(place, view)
    return found


def hand_over(spark: Any, models: dict[str, Any], world: World, folder: Path) -> None:
    """Show a brand and its policy to Spark: the very tables that DuckDB is given, as Parquet."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as vip_sms; set TimeZone = 'UTC'")
        columns = {name: kinds for name, kinds in TIERS_FROM.items() if name in models}
        for name in tier_brands.SEEDS:
            types = models[name]["config"]["column_types"]
            columns[name] = ", ".join(f"{column} {kind}" for column, kind in types.items())
        places = {
            name: f"{'vip_sms' if models[name]['schema'] == 'marts' else 'memory'}."
            f"{models[name]['schema']}.{name}"
            for name in columns
        }
        for name, place in places.items():
            connection.execute(f"create schema if not exists {place.rpartition('.')[0]}")
            connection.execute(f"create table {place} ({columns[name]})")
            if name in tier_brands.REGISTRIES:
                file = PROJECT_DIR / models[name]["original_file_path"]
                connection.execute(f"copy {place} from '{file}' (header)")
        tier_brands.fill(connection, world)
        for name, place in places.items():
            parts = [
                f"{column}::bigint as {column}" if kind == "HUGEINT" else column
                for column, kind, *_ in connection.execute(f"describe {place}").fetchall()
            ]
            file = folder / f"{name}.parquet"
            connection.execute(f"copy (select {', '.join(parts)} from {place}) to '{file}'")
            rows = spark.read.parquet(str(file))
            parts = [
                f"cast({column} as timestamp) as {column}" if kind == "timestamp_ntz" else column
                for column, kind in rows.dtypes
            ]
            rows.selectExpr(*parts).createOrReplaceTempView(name)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_random_policies_over_random_customers_follow_the_rules_on_spark(
    night: Night, tmp_path: Path
) -> None:
    from pyspark.sql import SparkSession

    models = tier_models(night)
    settings = yaml.safe_load((PROJECT_DIR / "profiles.yml").read_text())["vip_sms"]["outputs"]
    builder = SparkSession.builder.master("local[2]").appName("tiers")
    for name, value in settings["spark"]["server_side_parameters"].items():
        if "{{" not in value:
            builder = builder.config(name, value)
    spark = builder.config("spark.sql.warehouse.dir", str(tmp_path / "spark")).getOrCreate()
    met: Counter[str] = Counter()
    try:
        for seed in range(1, 1 + TIMELINES):
            rng = random.Random(seed)
            policy = tier_brands.some_policy(rng, changes=3)
            world = tier_brands.some_world(rng, BUYERS, policy)
            folder = tmp_path / str(seed)
            folder.mkdir()
            hand_over(spark, models, world, folder)
            for name, node in models.items():
                if node["sql"]:
                    sql = node["sql"].replace(AS_OF.isoformat(), world.as_of.isoformat())
                    spark.sql(sql).localCheckpoint().createOrReplaceTempView(name)
            histories = spark.sql(tier_brands.HISTORY.format(place="tier_history")).collect()
            standings = spark.table("customer_tiers").collect()
            rows = [row.asDict() for row in standings]
            met += tier_brands.hold(world, [tuple(row) for row in histories], rows, seed)
    finally:
        spark.stop()
    assert met["customers"] == TIMELINES * BUYERS
    reasons = ("qualified", "upgraded", "demoted", "excluded", "policy_changed")
    assert min(met[reason] for reason in reasons) > TIMELINES, met


def test_a_difference_is_named_by_table_key_and_column() -> None:
    table = Table("marts", "t", "vip_sms", ("id",), frozenset({"phone"}))
    ours = [
        {"id": 1, "share": 0.1, "phone": "a"},
        {"id": 2, "share": None, "phone": "b"},
        {"id": 3, "share": 2.0, "phone": "c"},
    ]
    near = [ours[2] | {"share": 2.0 + 1e-12}, ours[0], ours[1]]
    far = [ours[0] | {"share": 0.1 + 1e-9}, ours[1] | {"phone": "d"}, ours[2] | {"id": 4}]
    assert differences(table, ours, near) == []
    assert differences(table, ours, far) == [
        "marts.t (3,): only on DuckDB",
        "marts.t (4,): only on Spark",
        "marts.t (1,) share: 0.1 on DuckDB, 0.100000001 on Spark",
        "marts.t (2,) phone: personal, differs",
    ]
    twice = differences(table, [ours[0], ours[0]], ours[:1])
    assert twice == ["marts.t (1, 'again'): only on DuckDB"]
