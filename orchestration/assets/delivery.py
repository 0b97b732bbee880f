"""What leaves the warehouse: published marts, the holdout log, the files, the push."""

from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from orchestration import plots, quality, summary
from orchestration.assets.checks import GATE_KEYS
from orchestration.assets.common import RETRY, landed_night, plain_errors
from orchestration.assets.models import as_table, keys_in
from orchestration.errors import UserError
from orchestration.exporting import export
from orchestration.ledger import append_holdout_log, append_message_log, open_ledger
from orchestration.night import require_night
from orchestration.partitions import as_of_partitions, one_night_a_run
from orchestration.platforms import DESTINATIONS, Destination, may_push
from orchestration.publishing import publish
from orchestration.quality.wording import masked
from orchestration.resources import Warehouse
from orchestration.settings import Settings
from orchestration.sync import OlderNightError, Pushed, RefusedError, push
from orchestration.warehouse import connect

# What leaves the house waits for the tests of everything that others read, in any phase of dbt.
_WHOLE_NIGHT = {*keys_in("marts", "marts_private", "activation"), *GATE_KEYS}

# The tag of a run that the sensor asked for, with the destination as its value.
AGAIN = "vip/push_again"

_COMMON = {
    "partitions_def": as_of_partitions,
    "backfill_policy": one_night_a_run,
    "group_name": "delivery",
    "retry_policy": RETRY,
}


@dg.asset(
    deps=sorted(_WHOLE_NIGHT),
    owners=["team:analytics"],
    kinds={"duckdb"},
    **_COMMON,
)
def published_marts(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> dg.MaterializeResult:
    """One read-only DuckDB file with the marts of the night: what BI, dashboard and lookup read."""
    settings = warehouse.settings
    with plain_errors():
        as_of_date = landed_night(context, settings)
        published = publish(settings, as_of_date)
        night = summary.read(settings, as_of_date)
    tiers = [
        {"tier": row.tier, "customers": f"{row.customers:,}", "share": f"{row.share:.1%}"}
        for row in night.tiers
    ]
    rows = [{"table": name, "rows": f"{count:,}"} for name, count in published.rows.items()]
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(published.path),
            "megabytes": round(published.bytes / 1e6, 1),
            "rows": dg.MetadataValue.md(as_table(rows)),
            "tiers": dg.MetadataValue.md(as_table(tiers)),
            "tier_distribution": dg.MetadataValue.md(plots.tiers_markdown(night.tiers)),
        }
    )


@dg.asset(
    deps=sorted(_WHOLE_NIGHT),
    owners=["team:analytics"],
    kinds={"sqlite"},
    **_COMMON,
)
def holdout_log(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    """Tonight's draws and messages into the ledger, before anything is sent: they stand."""
    settings = warehouse.settings
    with plain_errors():
        as_of_date = landed_night(context, settings)
        with open_ledger(settings) as ledger, connect(settings, read_only=True) as connection:
            night = require_night(connection, as_of_date)
            added = append_holdout_log(ledger, connection, is_sample=night["is_sample"])
            messages = append_message_log(ledger, connection, is_sample=night["is_sample"])
    return dg.MaterializeResult(metadata={"new_assignments": added, "new_messages": messages})


@dg.asset(
    deps=sorted({*_WHOLE_NIGHT, holdout_log.key}),
    owners=["team:marketing"],
    kinds={"csv", "parquet"},
    **_COMMON,
)
def exports(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    """The files of the night for whoever acts on it, with a manifest; private, whole or absent."""
    settings = warehouse.settings
    with plain_errors():
        as_of_date = landed_night(context, settings)
        exported = export(settings, as_of_date)
    files = [
        {"file": entry["file"], "rows": f"{entry['rows']:,}", "sha256": entry["sha256"][:12]}
        for entry in exported.manifest["files"]
    ]
    first = pq.read_table(exported.folder / "vip_audience.parquet").slice(0, 5).to_pylist()
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(exported.folder),
            "preview": dg.MetadataValue.md(as_table([masked(row) for row in first])),
            "files": dg.MetadataValue.md(as_table(files)),
            "policy_version": exported.manifest["policy_version"],
            "bytes_changed": exported.is_changed,
        }
    )


def _push_asset(destination: Destination) -> dg.AssetsDefinition:
    """The push to one destination as an asset of its own."""

    @dg.asset(
        name=f"push_{destination.name}",
        description=f"The difference to what it holds, gated and noted. {destination.description}.",
        deps=sorted({*_WHOLE_NIGHT, holdout_log.key, exports.key}),
        owners=["team:marketing"],
        kinds={destination.name if destination.is_live else "csv"},
        **_COMMON,
    )
    def push_destination(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> dg.MaterializeResult:
        settings = warehouse.settings
        with plain_errors():
            as_of_date = landed_night(context, settings)
            is_told = AGAIN in context.run.tags and _was_refused(settings, destination.name)
            try:
                pushed = push(settings, destination.name, as_of_date)
            except OlderNightError as older:
                # A past night built again is a look back, not an order to send.
                return dg.MaterializeResult(metadata={"sent": False, "why": str(older)})
            except RefusedError as refused:
                if not is_told:
                    raise
                # A person knows of the brake; what no brake holds was tried again.
                return dg.MaterializeResult(metadata={"sent": False, "why": str(refused)})
            finally:
                quality.write_page(settings, as_of_date)
        return dg.MaterializeResult(metadata=_told(pushed))

    return push_destination


def _was_refused(settings: Settings, destination: str) -> bool:
    with open_ledger(settings, read_only=True) as ledger:
        return ledger.last_outcome(destination) == "refused"


def _told(pushed: Pushed) -> dict[str, Any]:
    plan = [
        {name: value if value is not None else "" for name, value in row.items()}
        for row in pushed.plan.summary()
        if row["action"] != "unchanged"
    ]
    drift = [{"list": name, **counts} for name, counts in pushed.drift.items()]
    counts = pushed.plan.counts()
    return {
        "sent": True,
        "added": counts["add"],
        "changed": counts["change"],
        "removed": counts["remove"],
        "waiting": counts["waiting"],
        "parked": counts["parked"],
        "plan": dg.MetadataValue.md(as_table(plan)),
        "rows_accepted": pushed.accepted,
        "rows_pending": pushed.pending,
        "rows_failed": pushed.failed,
        "said_stop_meanwhile": pushed.opted_out,
        "drift": dg.MetadataValue.md(as_table(drift)),
    }


def pushes(settings: Settings | None = None) -> list[dg.AssetsDefinition]:
    """One asset for each destination of the settings that this environment may push to.

    Raises `UserError` for a destination that there is not.
    """
    settings = settings or Settings()
    unknown = sorted(set(settings.destinations) - set(DESTINATIONS))
    if unknown:
        raise UserError(
            f"setting VIP_DESTINATIONS names {', '.join(unknown)}: "
            f"choose from {', '.join(DESTINATIONS)}"
        )
    return [
        _push_asset(DESTINATIONS[name])
        for name in settings.destinations
        if may_push(name, settings)
    ]
