"""The dbt models, seeds and tests as assets and checks: a step and a dbt process for each phase.

What hangs on no fit is built in the first phase, what hangs on a fit to the history of tiers in the
last, everything else between them. A test runs in the phase that builds the last of what it reads.
"""

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from orchestration import fits, quality
from orchestration.assets.common import landed_night, plain_errors
from orchestration.dbt_runner import prepare_manifest
from orchestration.errors import mask
from orchestration.fits.fit import SCHEMA, declared
from orchestration.ledger import copy_to_warehouse, open_ledger
from orchestration.night import LANDED, read_night
from orchestration.partitions import as_of_partitions, one_night_a_run
from orchestration.quality.wording import masked
from orchestration.resources import Dbt, Warehouse
from orchestration.settings import Settings
from orchestration.warehouse import connect

ON_FITS = f"source:{SCHEMA}+"
"""What the later phases build, in dbt's words; sources are theirs, the rest follows."""

ON_LATE_FITS = " ".join(f"source:{SCHEMA}.{table}+" for fit in fits.LATE for table in fit.writes)
"""What the last phase builds: what hangs on fits to what the second one built."""

Events = Iterator[dg.Output | dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckResult]

# A test of several models is shown at the one nearest to what leaves the house.
_LAYERS = ("staging", "policy", "reference", "intermediate", "marts_private", "marts", "activation")


class Translator(DagsterDbtTranslator):
    """dbt's names as Dagster's: key = schema and name, group = first folder."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`raw/<table>` for a source, `<schema>/<model>` for the rest."""
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The first folder under `models` or `seeds`."""
        return dbt_resource_props["fqn"][1]


def _load_manifest() -> dict[str, Any]:
    """Read the manifest, with each test that names several models hung on the last of them."""
    manifest = json.loads(prepare_manifest().read_bytes())
    fitted = {*declared()}
    fitted_late = {table for fit in fits.LATE for table in fit.writes}
    later = [_downstream_of(manifest, tables) for tables in (fitted, fitted_late)]

    def phase(name: str) -> int:
        return sum(name in each for each in later)

    def nearness(node: dict[str, Any]) -> tuple[int, int, str]:
        schema = node["schema"]
        layer = _LAYERS.index(schema) if schema in _LAYERS else 0
        return (phase(node["unique_id"]), layer, node["name"])

    for test in manifest["nodes"].values():
        if test["resource_type"] == "test":
            named = [manifest["nodes"].get(name) for name in test["depends_on"]["nodes"]]
            models = [node for node in named if node]
            attached = test.get("attached_node")
            # One that is declared at an early model and reads a late one can only run late.
            if models and (not attached or phase(test["unique_id"]) > phase(attached)):
                test["attached_node"] = max(models, key=nearness)["unique_id"]
    return manifest


def _downstream_of(manifest: dict[str, Any], tables: AbstractSet[str]) -> set[str]:
    """The ids of these tables of the fits and of all nodes that hang on them."""
    found: set[str] = set()
    coming = [
        name
        for name in manifest["sources"]
        if name.split(".")[2] == SCHEMA and name.split(".")[3] in tables
    ]
    while coming:
        name = coming.pop()
        if name not in found:
            found.add(name)
            coming += manifest["child_map"][name]
    return found


MANIFEST = _load_manifest()


def keys_in(*schemas: str) -> list[dg.AssetKey]:
    """The keys of the models in these schemas."""
    return [
        dg.AssetKey([node["schema"], node["name"]])
        for node in MANIFEST["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] in schemas
    ]


def _phase(name: str, **selection: str) -> dg.AssetsDefinition:
    """The models and tests of a selection as one step that builds them with one dbt process.

    Of some models only, dbt takes every test that reads one of them: never one of a later phase.
    """

    @dbt_assets(
        manifest=MANIFEST,
        dagster_dbt_translator=Translator(),
        partitions_def=as_of_partitions,
        backfill_policy=one_night_a_run,
        name=name,
        **selection,
    )
    def phase(context: dg.AssetExecutionContext, warehouse: Warehouse, dbt: Dbt) -> Events:
        later = selection.get("exclude") if context.is_subset else None
        arguments = ["--exclude", *later.split()] if later else []
        yield from _build(context, warehouse.settings, dbt, name, arguments)

    return phase


def _build(
    context: dg.AssetExecutionContext,
    settings: Settings,
    dbt: Dbt,
    phase: str,
    arguments: list[str],
) -> Events:
    with plain_errors():
        as_of_date = landed_night(context, settings)
        with open_ledger(settings) as ledger, connect(settings) as connection:
            is_sample = read_night(connection, LANDED)["is_sample"]
            copy_to_warehouse(ledger, connection, as_of_date, is_sample=is_sample)
    run_results(settings).unlink(missing_ok=True)
    invocation = dbt.build(context, settings, as_of_date, *arguments)
    failed = None
    try:
        yield from invocation.stream()
    except DagsterDbtCliRuntimeError as error:
        failed = error
    results = _results(settings, phase)
    quality.write_page(settings, as_of_date, _tests(results))
    if failed:
        raise _failure(settings, results) or failed
    yield from _row_counts(settings, context.selected_asset_keys)


dbt_models = _phase("dbt_models", exclude=ON_FITS)
dbt_models_on_fits = _phase("dbt_models_on_fits", select=ON_FITS, exclude=ON_LATE_FITS)
dbt_models_on_late_fits = _phase("dbt_models_on_late_fits", select=ON_LATE_FITS)
PHASES = (dbt_models, dbt_models_on_fits, dbt_models_on_late_fits)


def run_results(settings: Settings, phase: str | None = None) -> Path:
    """Where dbt writes what became of each node; where that of a phase is kept for `make bench`."""
    name = f"run_results_{phase}" if phase else "run_results"
    return settings.paths.dbt_target / f"{name}.json"


def _results(settings: Settings, phase: str) -> list[dict[str, Any]]:
    """What became of each node of the build just done, with its place in the project."""
    try:
        text = run_results(settings).replace(run_results(settings, phase)).read_bytes()
    except FileNotFoundError:
        return []
    results = json.loads(text)["results"]
    return [
        {**result, "node": MANIFEST["nodes"][result["unique_id"]]}
        for result in results
        if result["unique_id"] in MANIFEST["nodes"]
    ]


def _tests(results: list[dict[str, Any]]) -> list[quality.DbtResult]:
    return [
        quality.DbtResult(
            name=result["node"]["name"],
            status=result["status"],
            model=_model_of(result["node"]),
            failures=result["failures"],
            message=result["message"],
        )
        for result in results
        if result["node"]["resource_type"] == "test"
    ]


def _model_of(test: dict[str, Any]) -> str:
    return MANIFEST["nodes"].get(test.get("attached_node"), {}).get("name", "")


def _failure(settings: Settings, results: list[dict[str, Any]]) -> dg.Failure | None:
    """Say which models and tests failed, with a few of the offending rows."""
    bad = [result for result in results if result["status"] in ("error", "fail")]
    if not bad:
        return None
    metadata: dict[str, dg.RawMetadataValue] = {}
    with connect(settings, read_only=True) as connection:
        for result in bad[:10]:
            name, query = result["node"]["name"], result.get("compiled_code")
            message = mask(" ".join((result["message"] or "").split()))[:500]
            metadata[name] = message
            if result["status"] == "fail" and query:
                metadata[f"{name} rows"] = dg.MetadataValue.md(_sample(connection, query))
    names = ", ".join(result["node"]["name"] for result in bad[:5])
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    first = mask(" ".join((bad[0]["message"] or "").split()))[:300]
    return dg.Failure(
        f"dbt stopped at {names}{more}: {first}; nothing behind it was published or sent",
        metadata=metadata,
        allow_retries=False,
    )


def _sample(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Up to five rows of a failed test as a table, with what is personal left out or masked."""
    try:
        rows = connection.sql(f"select * from ({query}) limit 5").to_arrow_table().to_pylist()
    except duckdb.Error:
        return "the rows cannot be read again"
    return as_table([masked(row) for row in rows])


def as_table(rows: list[dict[str, Any]]) -> str:
    """Rows as a markdown table; `none` where there are none."""
    if not rows:
        return "none"
    lines = [[str(name) for name in rows[0]], ["---"] * len(rows[0])]
    lines += [[str(value).replace("|", "\\|") for value in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row_counts(
    settings: Settings, built: AbstractSet[dg.AssetKey]
) -> Iterator[dg.AssetObservation]:
    """The rows of each table just built that others read, by one look at the catalog."""
    with connect(settings, read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name, estimated_size from duckdb_tables() "
            "where schema_name in ('marts', 'activation') order by all"
        ).fetchall()
    for schema, name, rows in tables:
        key = dg.AssetKey([schema, name])
        if key in built:
            yield dg.AssetObservation(asset_key=key, metadata={"dagster/row_count": rows})
