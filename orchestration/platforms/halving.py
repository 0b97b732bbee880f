"""Halving of a refused batch until the bad row stands alone, and when to leave that.

Where every row is refused, as for a property that an account does not take, it is not the rows:
each further half is a call that ends the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from orchestration.platforms import Ack
from orchestration.platforms.http import Missing, Rejected

# So many rows that stood alone one after another, refused for one reason and none taken between
# them, speak for all: the others wait for the next push.
ALIKE = 20

_Row = TypeVar("_Row", bound=tuple[str, Any])
_Told = TypeVar("_Told")


class Halving:
    """What a vendor said of one kind of call so far in a push."""

    def __init__(self, name: str, what: str) -> None:
        """`name`: the vendor; `what`: the rows of these calls, as people call them."""
        self._name, self._what = name, what
        self._alone: list[str] = []

    def send(
        self,
        rows: list[_Row],
        call: Callable[[list[_Row]], Iterator[tuple[list[str], _Told | Ack]]],
        alone: Callable[[_Row], Ack | None] = lambda _: None,
    ) -> Iterator[tuple[list[str], _Told | Ack]]:
        """Send rows, each with its contact first; contacts with what was said of them.

        `call` sends some, or raises `Rejected` or `Missing`. `alone`: a last try for a row that
        stands alone, with its answer; None where there is none.
        """
        try:
            yield from call(rows)
            self._alone.clear()
            return
        except (Rejected, Missing) as error:
            code = getattr(error, "code", "not_found")
        if len(rows) == 1:
            ack = alone(rows[0]) or Ack([], "rejected", code=code)
            if ack.state == "accepted":
                self._alone.clear()
            elif ack.state == "rejected":
                self._alone.append(str(ack.code))
            yield [rows[0][0]], ack
        elif len(self._alone) >= ALIKE and len(set(self._alone)) == 1:
            yield [row[0] for row in rows], Ack([], "retry", code=code, error=self._why(code))
        else:
            # By turns, because rows that stand together may be bad for one reason.
            for part in (rows[::2], rows[1::2]):
                yield from self.send(part, call, alone)

    def _why(self, code: str) -> str:
        return (
            f"{self._name} refuses {self._what} alike ({code}): {len(self._alone)} stood alone and "
            "none was taken, the rest waits; mend what they have in common and push again"
        )
