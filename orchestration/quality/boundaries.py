"""A boundary judged: its suites run over the warehouse, or over rows about to be sent.

What comes out is plain data with the offending rows masked, kept for the night's page. What must
hold is written in `expectations/`; how a question is answered is the business of `engine`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.errors import UserError
from orchestration.quality import nights, wording
from orchestration.quality.suites import (
    QUERY,
    Boundary,
    CheckResult,
    Expectation,
    Suite,
    load_suites,
    policy_parameters,
)
from orchestration.settings import Settings
from orchestration.warehouse import connect, one

AUDIENCE = "activation.sync_vip_audience"
SHOWN_ROWS = 10


def run_boundary(
    settings: Settings, boundary: Boundary, as_of_date: date, run_id: str
) -> list[CheckResult]:
    """Judge the tables of one boundary as they stand in the warehouse, and keep the results.

    One result for each `CheckSpec` of the boundary; a check that could not be judged has failed.
    Nothing may hold the warehouse open for writing meanwhile. Raises `UserError` where there is
    none, or nothing was landed in it.
    """
    suites = [(suite, suite.relation) for suite in load_suites() if suite.boundary == boundary]
    with _warehouse(settings, boundary, as_of_date) as (connection, source):
        if boundary == "gate":
            _look_for_erased(connection, settings)
        results = _judge(connection, suites)
        volumes = _volumes(connection, boundary)
        report = _load_report(connection) if boundary == "landing" else []
    nights.keep(settings, as_of_date, source, boundary, run_id, results, volumes, report)
    return results


def gate_rows(rows: pa.Table, settings: Settings, as_of_date: date) -> list[CheckResult]:
    """Judge the very rows that are about to be sent by the suite of `activation.sync_vip_audience`.

    `rows` carry the columns of that table. Nothing may leave when any result `stops`.
    Raises `UserError` where there is no warehouse to hold them against.
    """
    suites = [(suite, "rows_to_send") for suite in load_suites() if suite.table == AUDIENCE]
    with _warehouse(settings, "gate", as_of_date) as (connection, source):
        connection.register("rows_to_send", rows)
        results = _judge(connection, suites)
    nights.keep(settings, as_of_date, source, "push", "", results, {"rows": rows.num_rows}, [])
    return results


def binomial_quantile(probability: float, trials: int, share: float) -> int:
    """The smallest k with P(X <= k) >= `probability`, X being binomial of `trials` and `share`.

    At a/2 and 1 - a/2 these are the bounds that X leaves, on both sides together, with a chance of
    at most a.
    """
    from scipy.stats import binom  # a second of CPU: only where an experiment is judged

    return int(binom.ppf(probability, trials, share))


@contextmanager
def _warehouse(
    settings: Settings, boundary: Boundary, as_of_date: date
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """The warehouse, with what facts may use besides its tables; and whose data it holds."""
    if not settings.paths.warehouse.exists():
        raise UserError(
            f"nothing to judge: {settings.paths.home} holds no warehouse; run `vip nightly` first"
        )
    with closing(connect(settings, read_only=True)) as connection:
        source = _source(connection)
        usual_rows = nights.usual_rows(settings, boundary, as_of_date, source)
        connection.execute(f"set variable as_of_date = date '{as_of_date.isoformat()}'")
        connection.execute(
            "create temp table quality_history (relation varchar, median_rows double)"
        )
        for pair in usual_rows.items():
            connection.execute("insert into quality_history values (?, ?)", pair)
        name = binomial_quantile.__name__
        connection.create_function(
            name, binomial_quantile, ["DOUBLE", "BIGINT", "DOUBLE"], "BIGINT"
        )
        try:
            yield connection, source
        finally:
            # It belongs to the file, not to the connection: another one would find it taken.
            connection.remove_function(name)


def _look_for_erased(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Create temp table `erased_found`: where somebody stands who asked to be forgotten."""
    from orchestration.erasure.finding import find

    connection.execute(
        "create temp table erased_found "
        "(place varchar, table_name varchar, column_name varchar, row_count bigint)"
    )
    found = find(settings, connection)
    if found:
        connection.executemany("insert into erased_found values (?, ?, ?, ?)", found)


def _source(connection: duckdb.DuckDBPyConnection) -> str:
    """Whose data this is: nights of the sample are nothing to compare a brand with."""
    try:
        landed = one(connection, "select is_sample from raw.run_context")
    except duckdb.CatalogException:
        landed = ()
    if not landed:
        raise UserError("nothing to judge: nothing was landed yet; run `vip nightly` first")
    (is_sample,) = landed
    return "sample" if is_sample else "brand"


def _judge(
    connection: duckdb.DuckDBPyConnection, suites: list[tuple[Suite, str]]
) -> list[CheckResult]:
    from orchestration.quality.engine import judging

    with judging(connection, policy_parameters()) as judge:
        return [
            result
            for suite, batch in suites
            for result in _judge_suite(connection, judge, suite, batch)
        ]


def _judge_suite(
    connection: duckdb.DuckDBPyConnection,
    judge: Callable[..., dict[str, Any]],
    suite: Suite,
    batch: str,
) -> Iterator[CheckResult]:
    """The results of one suite over `batch`; facts are gathered when the first check needs them."""
    relations: dict[str, str] = {}
    for expectation in suite.expectations:
        started = time.perf_counter()
        try:
            if expectation.of not in relations:
                relations[expectation.of] = _gather(connection, suite, expectation.of, batch)
            relation = relations[expectation.of]
            columns = expectation.meta.get("rows", [])
            answer = judge(relation, expectation.type, expectation.kwargs, columns)
            passed, observed, expected, rows = _read(connection, expectation, relation, answer)
        except duckdb.Error as error:
            passed, expected, rows = False, "an answer", []
            observed = f"could not be judged: {wording.first_line(str(error))}"
        yield CheckResult(
            spec=expectation.spec,
            passed=passed,
            severity=expectation.severity,
            observed=observed,
            expected=expected,
            unexpected_rows=[wording.masked(row) for row in rows[:SHOWN_ROWS]],
            seconds=round(time.perf_counter() - started, 3),
        )


def _gather(connection: duckdb.DuckDBPyConnection, suite: Suite, name: str, batch: str) -> str:
    """Put the facts of that name into a temporary table and return what it is called."""
    relation = f"{suite.table.replace('.', '_')}__{name}"
    if name == "table":
        connection.execute(f"create temp view {relation} as select * from {batch}")
    else:
        query = suite.facts[name].replace("{batch}", batch)
        connection.execute(f"create temp table {relation} as {query}")
    return relation


def _read(
    connection: duckdb.DuckDBPyConnection,
    expectation: Expectation,
    relation: str,
    answer: dict[str, Any],
) -> tuple[bool, str, str, list[dict[str, Any]]]:
    """What an answer says: passed, observed, expected, offending rows as they came."""
    error = _error(answer)
    if error:
        return False, f"could not be judged: {wording.first_line(error)}", "an answer", []
    result, kwargs, meta = answer["result"], expectation.kwargs, expectation.meta
    if expectation.type == QUERY:
        (total,) = one(connection, f"select count(*) from {relation}")
        observed, expected = wording.count(result["observed_value"], total), "0 rows"
        rows = result["details"]["unexpected_rows"]
    else:
        column = kwargs["column"]
        judged, low, high = one(
            connection, f"select count({column}), min({column}), max({column}) from {relation}"
        )
        nothing = meta.get("if_none", "nothing to judge")
        observed = wording.figures(kwargs, low, high) if judged else nothing
        expected = wording.bounds(kwargs, policy_parameters())
        rows = result.get("partial_unexpected_index_list") or []
        rows = sorted(rows, key=lambda row: row[column], reverse="max_value" in kwargs)
    if "observed" in meta:
        (told,) = one(connection, f"select {meta['observed']} from {relation}")
        observed = told or observed
    if "expected" in meta:
        (told,) = one(connection, f"select {meta['expected']} from {relation}")
        expected = told or expected
    return bool(answer["success"]), observed, expected, rows


def _error(answer: dict[str, Any]) -> str | None:
    """The message of an exception that Great Expectations caught, of one metric or of the whole."""
    info = answer.get("exception_info") or {}
    for each in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if each.get("raised_exception"):
            return str(each.get("exception_message"))
    return None


def _volumes(connection: duckdb.DuckDBPyConnection, boundary: Boundary) -> dict[str, int]:
    """Rows by table, which later nights are compared with."""
    if boundary == "landing":
        query = "select table_name, sum(rows_loaded)::bigint from raw.load_report group by all"
    else:
        query = f"select 'sync_vip_audience', count(*) from {AUDIENCE}"
    try:
        return dict(connection.execute(query).fetchall())
    except duckdb.Error:  # the check that needed the table has said so
        return {}


def _load_report(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The load report by table, for the page."""
    query = """
        select
            table_name,
            count(*) as files,
            sum(rows_read)::bigint as rows_read,
            sum(rows_loaded)::bigint as rows_loaded,
            sum(rows_rejected)::bigint as rows_rejected,
            sum(exact_duplicates)::bigint as exact_duplicates,
            sum(rows_erased)::bigint as rows_erased,
            string_agg(distinct unknown_columns, ', ' order by unknown_columns) as unknown_columns
        from raw.load_report
        group by table_name
        order by table_name
    """
    return connection.sql(query).to_arrow_table().to_pylist()
