"""Landing: each raw table of the contract is an asset, all of them loaded by one step."""

from collections.abc import Iterator

import dagster as dg

from orchestration.assets.common import landed_night, plain_errors, table_spec
from orchestration.contract import load_contract
from orchestration.errors import UserError
from orchestration.landing import LOGS, land
from orchestration.partitions import as_of_partitions, night_of, one_night_a_run
from orchestration.policy import require_in_force, require_sound
from orchestration.resources import Warehouse
from orchestration.sync import hear_handed_over, hear_opt_outs
from orchestration.warehouse import connect

OPT_OUTS = "platform_opt_outs"


def raw_key(table: str) -> dg.AssetKey:
    """The key of a raw table, the one that dbt's source of that name gets as well."""
    return dg.AssetKey(["raw", table])


_specs = {table.name: table_spec("raw", table) for table in load_contract().values()}

# The ledger's, copied by the step that builds the models: always what the ledger says just then.
_opt_outs_spec = _specs.pop(OPT_OUTS)
log_sources = [_specs.pop(name) for name in LOGS if name != OPT_OUTS]


@dg.multi_asset(
    specs=list(_specs.values()),
    partitions_def=as_of_partitions,
    backfill_policy=one_night_a_run,
    name="landing",
    can_subset=False,
)
def landing(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult]:
    """Load the raw folder into typed tables, all or none; what does not fit is kept apart."""
    settings = warehouse.settings
    with plain_errors():
        night = night_of(context.partition_key)
        require_sound()  # a policy that contradicts itself builds nothing, from the first step on
        require_in_force(night)
        report = land(settings, settings.raw_dir, night, context.run_id)
    if report.unused_files:
        context.log.warning("files that no table claims: %s", ", ".join(report.unused_files))
    with connect(settings, read_only=True) as connection:
        rows = dict(
            connection.execute(
                "select table_name, estimated_size from duckdb_tables() where schema_name = 'raw'"
            ).fetchall()
        )
    for name in _specs:
        files = [file for file in report.files if file.table_name == name]
        metadata: dict[str, dg.RawMetadataValue] = {"dagster/row_count": rows[name]}
        if files:
            unknown = sorted({file.unknown_columns for file in files if file.unknown_columns})
            metadata |= {
                "files": len(files),
                "rows_rejected": sum(file.rows_rejected for file in files),
                "exact_duplicates": sum(file.exact_duplicates for file in files),
                "unknown_columns": ", ".join(unknown) or "none",
            }
        yield dg.MaterializeResult(asset_key=raw_key(name), metadata=metadata)


@dg.asset(
    key=_opt_outs_spec.key,
    deps=[raw_key("run_context"), raw_key("handed_opt_outs")],
    description=_opt_outs_spec.description,
    group_name=_opt_outs_spec.group_name,
    owners=["team:data"],
    kinds={"sqlite", "table"},
    metadata=_opt_outs_spec.metadata,
    partitions_def=as_of_partitions,
    backfill_policy=one_night_a_run,
)
def platform_opt_outs(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> dg.MaterializeResult:
    """Ask each platform who said stop, before anything is decided on what they said before.

    A platform that cannot be asked stops no night: its opt-outs are too old then for any push.
    """
    settings = warehouse.settings
    with plain_errors():
        landed_night(context, settings)
        told: dict[str, dg.RawMetadataValue] = {"handed over": hear_handed_over(settings)}
    for name in settings.destinations:
        try:
            told[name] = hear_opt_outs(settings, name)
        except UserError as error:
            context.log.warning("the opt-outs of %s: %s", name, error)
            told[name] = str(error)
    return dg.MaterializeResult(metadata=told)
