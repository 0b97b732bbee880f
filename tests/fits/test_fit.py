"""A fit reads what it names in a fixed order and leaves whole tables of this night, or the old."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from orchestration.errors import UserError
from orchestration.fits import Fit, empty_tables, run
from orchestration.fits.fit import declared, parameters
from orchestration.settings import Settings
from orchestration.warehouse import connect

TONIGHT, BEFORE = date(2026, 7, 1), date(2026, 6, 30)


@pytest.fixture
def warehouse(settings: Settings) -> Settings:
    with connect(settings) as connection:
        connection.execute("create schema intermediate")
        connection.execute(
            "create table intermediate.counts as from (values (3), (1), (2)) as t (n)"
        )
    return settings


def fit(compute) -> Fit:
    return Fit("a_fit", ("intermediate.counts",), ("buying_fits",), compute)


def rows(settings: Settings) -> list[tuple]:
    with connect(settings, read_only=True) as connection:
        return connection.execute(
            "select as_of_date, fit, customers, r from fitted.buying_fits"
        ).fetchall()


def test_a_fit_sees_rows_in_order_and_its_tables_are_those_declared(warehouse) -> None:
    def compute(inputs):
        assert inputs["counts"]["n"].to_pylist() == [1, 2, 3]
        return {"buying_fits": pa.table({"customers": [6], "fit": ["tonight"]})}

    assert run(warehouse, fit(compute), TONIGHT) == {"buying_fits": 1}
    assert rows(warehouse) == [(TONIGHT, "tonight", 6, None)]
    with connect(warehouse, read_only=True) as connection:
        columns = connection.execute("describe fitted.buying_fits").fetchall()
    assert [each[0] for each in columns] == [
        each.name for each in declared()["buying_fits"].columns
    ]


def test_nothing_to_learn_from_empties_the_tables(warehouse) -> None:
    run(warehouse, fit(lambda _: {"buying_fits": pa.table({"fit": ["tonight"]})}), BEFORE)
    run(warehouse, fit(lambda _: {"buying_fits": pa.table({})}), TONIGHT)
    assert rows(warehouse) == []


def test_a_fit_that_fails_leaves_the_tables_as_they_were(warehouse) -> None:
    run(warehouse, fit(lambda _: {"buying_fits": pa.table({"fit": ["tonight"]})}), BEFORE)
    with pytest.raises(Exception, match=r"(?i)unknown"):
        run(warehouse, fit(lambda _: {"buying_fits": pa.table({"unknown": [1]})}), TONIGHT)
    assert rows(warehouse) == [(BEFORE, "tonight", None, None)]


def test_every_declared_table_can_stand_empty(warehouse) -> None:
    with connect(warehouse) as connection:
        empty_tables(connection)
        for name, table in declared().items():
            assert connection.execute(f"select * from fitted.{name}").fetchall() == []
            assert table.has("as_of_date")


def test_a_parameter_that_is_not_there_is_named() -> None:
    inputs = {"policy_parameters": pa.table({"parameter": ["a", "b"], "value": [1.5, None]})}
    assert parameters(inputs, "a") == {"a": 1.5}
    with pytest.raises(UserError, match="no value for b"):
        parameters(inputs, "a", "b")
