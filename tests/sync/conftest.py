"""What the tests of delivery share: see `vendor`."""

from vendor import clock, gate, vendor

__all__ = ["clock", "gate", "vendor"]
