"""The fits as assets, one step each; what a fit does is its own function's."""

from collections.abc import Iterator

import dagster as dg

from orchestration import fits
from orchestration.assets.common import landed_night, plain_errors, table_spec
from orchestration.fits.fit import SCHEMA, declared
from orchestration.partitions import as_of_partitions, one_night_a_run
from orchestration.resources import Warehouse


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


all_fits = [_asset(fit) for fit in fits.ALL]
