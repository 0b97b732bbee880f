"""The quality gate as asset checks, one step a boundary; a blocking one stops what is behind it."""

from collections.abc import Iterator

import dagster as dg

from orchestration import quality
from orchestration.assets.common import landed_night, plain_errors
from orchestration.assets.models import as_table
from orchestration.quality.suites import Boundary
from orchestration.resources import Warehouse

_SPECS = quality.suite_specs()

# What leaves the house depends on these, so that their blocking checks stop it.
GATE_KEYS = sorted({dg.AssetKey(spec.asset_key) for spec in _SPECS if spec.boundary == "gate"})


def _boundary(boundary: Boundary) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            spec.name,
            asset=dg.AssetKey(spec.asset_key),
            description=spec.description,
            blocking=spec.blocking,
        )
        for spec in _SPECS
        if spec.boundary == boundary
    ]

    @dg.multi_asset_check(name=f"{boundary}_checks", specs=specs, can_subset=False)
    def checks(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.AssetCheckResult]:
        settings = warehouse.settings
        with plain_errors():
            as_of_date = landed_night(context, settings)
            results = quality.run_boundary(settings, boundary, as_of_date, context.run.run_id)
        quality.write_page(settings, as_of_date)
        yield from map(_told, results)

    return checks


def _told(result: quality.CheckResult) -> dg.AssetCheckResult:
    severity = (
        dg.AssetCheckSeverity.ERROR
        if result.severity == "error" or result.spec.blocking
        else dg.AssetCheckSeverity.WARN
    )
    metadata: dict[str, dg.RawMetadataValue] = {
        "observed": result.observed,
        "expected": result.expected,
    }
    if result.unexpected_rows:
        metadata["rows"] = dg.MetadataValue.md(as_table(result.unexpected_rows))
    return dg.AssetCheckResult(
        passed=result.passed,
        asset_key=dg.AssetKey(result.spec.asset_key),
        check_name=result.spec.name,
        severity=severity,
        metadata=metadata,
    )


landing_checks = _boundary("landing")
gate_checks = _boundary("gate")
