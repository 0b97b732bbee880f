"""The fit of lifetime values: how customers buy and leave, from grouped histories."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.fits.clv import fit_buying
from orchestration.fits.fit import Fit, Tables


def compute(inputs: Tables) -> Tables:
    """Fit the buying model to each set of histories; no customers, no row."""
    counts = inputs["int_history_counts"]
    fits = []
    for name in pc.unique(counts["fit"]).to_pylist():
        histories = counts.filter(pc.equal(counts["fit"], name))
        x, t_x, age, customers = (
            histories[column].to_numpy()
            for column in ("repeat_orders", "weeks_to_last_order", "age_weeks", "customers")
        )
        fit = fit_buying(x, t_x, age, customers)
        fits.append(
            {
                "fit": name,
                "customers": int(customers.sum()),
                "repeat_customers": int(customers[x > 0].sum()),
                "r": fit.r,
                "alpha": fit.alpha,
                "a": fit.a,
                "b": fit.b,
                "log_likelihood": fit.log_likelihood,
                "is_at_bound": fit.is_at_bound,
            }
        )
    return {"buying_fits": pa.Table.from_pylist(fits)}


LIFETIME = Fit(
    name="lifetime_fits",
    reads=("intermediate.int_history_counts",),
    writes=("buying_fits",),
    compute=compute,
)
