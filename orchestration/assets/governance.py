"""What the owners of the policy look at, beside the night and never in its way."""

import dagster as dg

from orchestration import audit
from orchestration.assets.common import plain_errors
from orchestration.assets.models import as_table, keys_in
from orchestration.night import BUILT, read_night
from orchestration.resources import Warehouse
from orchestration.warehouse import connect

GROUP = "governance"


@dg.asset(
    deps=sorted(
        key
        for key in keys_in("marts")
        if key.path[-1] in ("customer_tiers", "customer_value", "benefit_usage", "inactive_vips")
    ),
    owners=["team:marketing"],
    kinds={"html"},
    group_name=GROUP,
)
def policy_audit(warehouse: Warehouse) -> dg.MaterializeResult:
    """A page for the owner of the policy: thresholds, inactive VIPs, benefits, review date."""
    settings = warehouse.settings
    with plain_errors():
        with connect(settings, read_only=True) as connection:
            as_of_date = read_night(connection, BUILT)["as_of_date"]
        page = audit.write(settings, as_of_date)
        found = audit.findings(audit.read(settings, as_of_date))
    rows = [{"finding": each.title, "state": each.state, "told": each.told} for each in found]
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(page),
            "as_of_date": as_of_date.isoformat(),
            "decisions": sum(each.state == "warned" for each in found),
            "findings": dg.MetadataValue.md(as_table(rows)),
        }
    )
