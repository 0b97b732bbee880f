"""A real shop's year: the figures of a night agree with its books to a tenth of a penny."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from vip_process import exported, query, start

pytestmark = pytest.mark.slow

DAY = "2010-12-10"


class Year(NamedTuple):
    home: Path
    facts: dict


@pytest.fixture(scope="module")
def year(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Year:
    raw, folder = shared_dir / "data" / "online_retail_2010", tmp_path_factory.mktemp("year")
    if not raw.is_dir():
        pytest.skip("the shop's year is not here")
    ended = start(folder, "nightly", "--as-of", DAY, raw_dir=raw, home=folder / "var").wait()
    assert ended.code == 0, ended.err
    return Year(folder / "var", json.loads((raw / "facts.json").read_text()))


def test_lines_and_returns_that_fit_and_that_do_not(year: Year) -> None:
    told = {
        table: figures
        for table, *figures in query(
            year.home,
            "select table_name, sum(rows_read)::int, sum(rows_rejected)::int, "
            "sum(exact_duplicates)::int, sum(rows_loaded)::int "
            "from marts.load_report group by table_name",
        )
    }
    lines, bad = year.facts["lines"], year.facts["bad_lines"]
    assert told["order_lines"] == [lines, bad, 0, lines - bad]
    assert told["returns"][1:3] == [year.facts["bad_returns"], 0]
    for table in told.keys() - {"order_lines", "returns"}:
        assert told[table][1:3] == [0, 0], table


def test_gross_value_and_refunds(year: Year) -> None:
    with duckdb.connect(str(year.home / "warehouse.duckdb"), read_only=True) as connection:
        (gross, known) = connection.execute(
            "select sum(gross_revenue), sum(gross_revenue) filter (where customer_id is not null) "
            "from intermediate.int_order_lines_costed"
        ).fetchone()
        (refunds, refunds_known, of_nobody) = connection.execute(
            "select sum(refund_amount), sum(refund_amount) filter (where customer_id is not null), "
            "count(*) filter (where customer_id is null) from intermediate.int_returns_costed"
        ).fetchone()
    facts = year.facts
    assert gross == Decimal(facts["gross_good"])
    assert known == Decimal(facts["gross_good_known"])
    assert refunds == Decimal(facts["refunds"])
    # The return that cannot be used is one of nobody's.
    assert of_nobody == facts["returns_no_customer"] - facts["bad_returns"]
    # There are no discounts in these books: what the marts call net is gross less refunds.
    (net,) = query(year.home, "select sum(net_revenue_lifetime) from marts.customer_value")[0]
    assert net == known - refunds_known


def test_the_span_and_the_currency(year: Year) -> None:
    (context,) = query(year.home, "select as_of_date::varchar, is_sample from marts.run_context")
    assert context == (DAY, False)
    first, last = query(
        year.home,
        "select min(first_order_at)::varchar, max(last_order_at)::varchar "
        "from marts.customer_value",
    )[0]
    begin, end = year.facts["span"]
    assert begin <= first and last <= end
    exported(year.home, DAY)
