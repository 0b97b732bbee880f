"""Everything Dagster sees, joined and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.assets import checks, delivery, fits, governance, models, raw
from orchestration.jobs import audit_job, nightly_job, push_job
from orchestration.resources import Dbt, Warehouse
from orchestration.schedules import audit_schedule, nightly_schedule
from orchestration.sensors import failed_push_sensor, failed_run_sensor, raw_files_sensor


def build_defs(resources: Mapping[str, Any] | None = None, **others: Any) -> dg.Definitions:
    """Return the graph; `resources` take the place of those of the same name, for a test or a tool.

    One process runs it all: DuckDB lets one process write, and starting more costs more than it
    gives.
    """
    return dg.Definitions(
        assets=[
            raw.landing,
            *raw.log_sources,
            raw.platform_opt_outs,
            models.dbt_models,
            *fits.all_fits,
            fits.dated_values,
            models.dbt_models_on_fits,
            models.dbt_models_on_late_fits,
            delivery.published_marts,
            delivery.holdout_log,
            delivery.exports,
            *delivery.pushes(),
            governance.policy_audit,
            governance.policy_simulation,
        ],
        asset_checks=[checks.landing_checks, checks.gate_checks],
        jobs=[nightly_job, audit_job, push_job],
        schedules=[nightly_schedule, audit_schedule],
        sensors=[raw_files_sensor, failed_run_sensor, failed_push_sensor],
        resources={"warehouse": Warehouse(), "dbt": Dbt.of_project(), **(resources or {})},
        executor=dg.in_process_executor,
        **others,
    )


defs = build_defs()
