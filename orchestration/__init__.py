"""The VIP SMS programme as one Dagster graph and one command, `vip`.

One concept a module: `settings` says where things are, `contract` what a brand hands over,
`landing` brings it in, `quality` judges it, `publishing` and `exporting` hand it on, `sync` and
`platforms` deliver it, `definitions` joins them. The business rules are the dbt models.
"""

import os

# The fits are small: threads of the linear algebra wait for each other seven times longer than they
# work. It reads this once, when numpy is first loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
