"""Fits: what Python works out of aggregates in the middle of the night, between phases of dbt.

A fit is one pure function from tables of models (and seeds of the policy) to tables of the source
`fitted`, which models/staging/_fitted.yml declares; it never sees a row of a customer. `EARLY` and
`LATE` name them, `orchestration.assets.fits` makes an asset of each, staging takes their tables up.
"""

from orchestration.fits.breaks import BREAKS
from orchestration.fits.fit import SCHEMA, Fit, empty_tables, run, run_on
from orchestration.fits.lifetime import LIFETIME
from orchestration.fits.lookalike import LOOKALIKE

EARLY: tuple[Fit, ...] = (LIFETIME, BREAKS)
"""What tiers may hang on: fitted behind the first phase."""
LATE: tuple[Fit, ...] = (LOOKALIKE,)
"""What learns from the history of the tiers: fitted behind the second phase."""
ALL = EARLY + LATE

__all__ = ["ALL", "EARLY", "LATE", "SCHEMA", "Fit", "empty_tables", "run", "run_on"]
