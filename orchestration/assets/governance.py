"""What the owners of the policy look at, beside the night and never in its way."""

from dataclasses import asdict
from pathlib import Path

import dagster as dg
from pydantic import Field

from orchestration import audit, plots
from orchestration.assets.common import plain_errors
from orchestration.assets.models import as_table, keys_in
from orchestration.errors import UserError
from orchestration.night import BUILT, read_night
from orchestration.resources import Warehouse
from orchestration.simulate import simulate
from orchestration.warehouse import connect

GROUP = "governance"


@dg.asset(
    deps=sorted(
        key
        for key in keys_in("marts")
        if key.path[-1]
        in (
            "customer_tiers",
            "customer_value",
            "benefit_usage",
            "inactive_vips",
            "tier_requirements",
            "tier_rule_values",
            "frequency_cap_proposals",
        )
    ),
    owners=["team:marketing"],
    kinds={"html"},
    group_name=GROUP,
)
def policy_audit(warehouse: Warehouse) -> dg.MaterializeResult:
    """A page for the owner of the policy: thresholds, inactive VIPs, benefits, caps, review."""
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


class PolicyDraft(dg.Config):
    """Which draft of the policy to replay."""

    folder: str = Field(
        default="", description="Folder of the draft's policy files; empty: VIP_POLICY_DRAFT."
    )


@dg.asset(
    deps=sorted(
        key for key in keys_in("marts") if key.path[-1] in ("customer_tiers", "tier_movements")
    ),
    owners=["team:marketing"],
    group_name=GROUP,
)
def policy_simulation(config: PolicyDraft, warehouse: Warehouse) -> dg.MaterializeResult:
    """The last built night under a draft of the policy, beside the one in force."""
    with plain_errors():
        folder = Path(config.folder) if config.folder else warehouse.settings.policy_draft
        if folder is None:
            raise UserError("name the folder of the draft: in the launchpad, or VIP_POLICY_DRAFT")
        made = simulate(warehouse.settings, folder)
    tiers = [
        {"policy": policy, **asdict(tier)}
        for policy, rows in (("now", made.now), ("draft", made.draft))
        for tier in rows
    ]
    moves = [dict(zip(("from", "to", "customers"), move, strict=True)) for move in made.moves]
    return dg.MaterializeResult(
        metadata={
            "as_of_date": made.as_of_date.isoformat(),
            "draft_version": made.draft_version,
            "joiners": made.joiners,
            "leavers": made.leavers,
            "tiers": dg.MetadataValue.md(as_table(tiers)),
            "moves": dg.MetadataValue.md(as_table(moves)),
            "warnings": dg.MetadataValue.md("\n".join(f"- {each}" for each in made.warnings)),
            "share of active customers": dg.MetadataValue.md(plots.shares_markdown(made.history)),
        }
    )
