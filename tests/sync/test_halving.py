"""Halving finds each bad row, answers for every row once, and knows when it is not the rows."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from orchestration.platforms import Ack
from orchestration.platforms.halving import ALIKE, Halving
from orchestration.platforms.http import Rejected

Row = tuple[str, int]


class Vendor:
    """Takes a batch whole, or refuses it for the first bad row in it."""

    def __init__(self, bad: dict[int, str]) -> None:
        self.bad, self.calls = bad, 0

    def take(self, rows: list[Row]) -> Iterator[tuple[list[str], str | Ack]]:
        self.calls += 1
        for _, number in rows:
            if number in self.bad:
                raise Rejected(400, self.bad[number])
        yield [name for name, _ in rows], "job"

    def states(self, count: int) -> dict[str, str]:
        """What is said of each row; each is answered once."""
        rows = [(f"k{number}", number) for number in range(count)]
        told = list(Halving("vendor", "rows").send(rows, self.take))
        answers = [(one, what) for names, what in told for one in names]
        assert sorted(one for one, _ in answers) == sorted(name for name, _ in rows)
        return {one: what.state if isinstance(what, Ack) else "taken" for one, what in answers}


@given(st.integers(1, 200), st.sets(st.integers(0, 199), max_size=ALIKE - 1))
def test_a_few_bad_rows_stand_alone_wherever_they_are(count: int, bad: set[int]) -> None:
    states = Vendor(dict.fromkeys(bad, "invalid")).states(count)
    assert {one for one, state in states.items() if state == "rejected"} == {
        f"k{number}" for number in bad if number < count
    }
    assert "retry" not in states.values()


@given(st.integers(100, 200), st.integers(0, 100))
def test_many_that_are_neighbours_do_not_speak_for_all(count: int, first: int) -> None:
    """Half of them are bad, side by side: good ones are taken in between."""
    bad = range(first, first + count // 2)
    states = Vendor(dict.fromkeys(bad, "invalid")).states(count)
    assert "retry" not in states.values()
    assert list(states.values()).count("rejected") == len(set(bad) & set(range(count)))


def test_where_all_are_refused_alike_the_calls_end() -> None:
    vendor = Vendor(dict.fromkeys(range(10_000), "invalid"))
    states = list(vendor.states(10_000).values())
    assert ALIKE <= states.count("rejected") < ALIKE + 5
    assert states.count("retry") == 10_000 - states.count("rejected")
    assert vendor.calls < 100


def test_reasons_of_many_kinds_are_those_of_the_rows() -> None:
    vendor = Vendor({number: f"reason_{number % 7}" for number in range(300)})
    assert set(vendor.states(300).values()) == {"rejected"}
