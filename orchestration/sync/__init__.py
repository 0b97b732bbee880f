"""Delivery, the same for every platform: what should be true there, what is, and the difference.

`planning` takes the difference between the models of schema `activation` and what the platform last
confirmed (the ledger), `brakes` says what must not be sent, `applying` sends it in the order in
which a stop half-way leaves too few messaged. Here they come together as a push. How a vendor is
spoken to belongs to `platforms`.
"""

from orchestration.sync.brakes import RefusedError
from orchestration.sync.planning import ACTIONS, PROFILE, Plan
from orchestration.sync.pushing import (
    OlderNightError,
    Pushed,
    hear_handed_over,
    hear_opt_outs,
    make_plan,
    push,
    withdraw,
)

__all__ = [
    "ACTIONS",
    "PROFILE",
    "OlderNightError",
    "Plan",
    "Pushed",
    "RefusedError",
    "hear_handed_over",
    "hear_opt_outs",
    "make_plan",
    "push",
    "withdraw",
]
