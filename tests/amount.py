"""How much a long test does: a part of it every time, all of it with VIP_TEST_LONG=1."""

from __future__ import annotations

import os


def amount(*, usual: int, long: int) -> int:
    """The number of cases to run: `make test` runs the usual one, `make test-long` the long one."""
    return long if os.environ.get("VIP_TEST_LONG") else usual
