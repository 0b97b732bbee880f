"""The jobs: there is one, and it is the night."""

from __future__ import annotations

import dagster as dg

nightly_job = dg.define_asset_job(
    "nightly_job",
    selection=dg.AssetSelection.all(),
    description="The night of one as-of date: land, build, check, publish, export, push.",
)
