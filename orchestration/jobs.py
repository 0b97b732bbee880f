"""The jobs: the night, and what the owners of the policy ask for beside it."""

from __future__ import annotations

import dagster as dg

from orchestration.assets.delivery import pushes
from orchestration.assets.governance import GROUP, policy_audit

nightly_job = dg.define_asset_job(
    "nightly_job",
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups(GROUP),
    description="The night of one as-of date: land, build, check, publish, export, push.",
)

audit_job = dg.define_asset_job(
    "audit_job",
    selection=dg.AssetSelection.assets(policy_audit),
    description="The audit of the policy over the last night that was built.",
)

push_job = dg.define_asset_job(
    "push_job",
    selection=dg.AssetSelection.assets(*pushes()),
    description="The push alone, of the night that was built last: for what failed before.",
)
