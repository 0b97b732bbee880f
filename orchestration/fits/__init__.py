"""Fits: what Python works out of aggregates in the middle of the night, between two phases of dbt.

A fit is one pure function from tables of models (and seeds of the policy) to tables of the source
`fitted`, which models/staging/_fitted.yml declares; it never sees a row of a customer. `ALL` names
them, `orchestration.assets.fits` makes an asset of each, staging takes their tables up again.
"""

from orchestration.fits.breaks import BREAKS
from orchestration.fits.fit import Fit, empty_tables, run
from orchestration.fits.lifetime import LIFETIME
from orchestration.fits.lookalike import LOOKALIKE

ALL: tuple[Fit, ...] = (LIFETIME, BREAKS, LOOKALIKE)

__all__ = ["ALL", "Fit", "empty_tables", "run"]
