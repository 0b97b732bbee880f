"""The assets of the graph, one stage a module: `raw`, `models` (dbt), `checks`, `delivery`.

An asset decides nothing: it calls the module that does, and tells Dagster what came of it.
"""

import warnings

import dagster as dg

# Dagster calls backfill policies beta; ours is the plainest one, one night a run.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
