"""What Python works out between phases of dbt as assets, one step each: fits, and other dates.

What a fit does is its own function's, how another date is asked is `orchestration.dated_values`'.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration import dated_values as dated
from orchestration import fits
from orchestration.assets.common import landed_night, plain_errors, table_spec
from orchestration.fits.fit import SCHEMA, declared
from orchestration.partitions import as_of_partitions, one_night_a_run
from orchestration.resources import Dbt, Warehouse


def _asset(fit: fits.Fit) -> dg.AssetsDefinition:
    reads = [dg.AssetKey(table.split(".")) for table in fit.reads]

    @dg.multi_asset(
        name=fit.name,
        specs=[table_spec(SCHEMA, declared()[name], deps=reads) for name in fit.writes],
        partitions_def=as_of_partitions,
        backfill_policy=one_night_a_run,
        can_subset=False,
    )
    def asset(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult]:
        with plain_errors():
            as_of_date = landed_night(context, warehouse.settings)
            rows = fits.run(warehouse.settings, fit, as_of_date)
        for name, count in rows.items():
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey([SCHEMA, name]), metadata={"dagster/row_count": count}
            )

    return asset


@dg.multi_asset(
    name=dated.NAME,
    specs=[
        table_spec(
            SCHEMA,
            declared()[dated.NAME],
            deps=[dg.AssetKey(table.split(".")) for table in dated.READS],
        )
    ],
    partitions_def=as_of_partitions,
    backfill_policy=one_night_a_run,
    can_subset=False,
)
def dated_values(
    context: dg.AssetExecutionContext, warehouse: Warehouse, dbt: Dbt
) -> dg.MaterializeResult:
    """Ask customer_value of the dates on which tier rules look at it."""
    with plain_errors():
        as_of_date = landed_night(context, warehouse.settings)
        rows = dated.run(warehouse.settings, as_of_date, dbt.waiting_at)
    return dg.MaterializeResult(
        asset_key=dg.AssetKey([SCHEMA, dated.NAME]), metadata={"dagster/row_count": rows}
    )


all_fits = [_asset(fit) for fit in fits.ALL]
