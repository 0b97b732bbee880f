"""The dbt project keeps its promises, and each check of one can tell when it does not."""

from __future__ import annotations

import conventions as that
import pytest
from conventions import CHECKS, Check, Column, Node, Project


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_project_keeps_its_conventions(check: Check, project: Project) -> None:
    assert check(project) == []


def test_the_project_is_read_whole(project: Project) -> None:
    kinds = {node.kind for node in project}
    assert kinds == {"model", "seed", "source", "macro", "test", "unit_test"}
    by_key = {node.key: node for node in project}
    # One of each thing that the checks look at, so that none of them looks at nothing.
    assert by_key["model.stg_orders"].reads == ("source.orders",)
    assert by_key["model.customer_value"].is_contract_enforced
    assert by_key["model.customer_value"].columns["cm1_12m"].data_type == "decimal(18, 4)"
    assert by_key["model.customer_value"].schema == "marts"
    assert by_key["model.customer_contacts"].columns["email"].contains_pii
    assert by_key["model.customer_contacts"].schema == "marts_private"
    assert by_key["source.holdout_log"].is_system
    assert by_key["seed.holdouts"].columns["effective_from"].data_type == "date"
    assert "salt" in by_key["seed.holdouts"].header
    assert "cast" in by_key["macro.as_of_date"].sql
    assert by_key["macro.hash_bucket"].arguments["salt"]


def model(name: str, folder: str = "marts", **parts: object) -> Node:
    return Node("model", name, f"models/{folder}/{name}.sql", **parts)


RAW = Node("source", "orders")
LOG = Node("source", "holdout_log", is_system=True)
STG_ORDERS = model("stg_orders", "staging", reads=("source.orders",))
STG_LOG = model("stg_holdout_log", "staging", reads=("source.holdout_log",))
LIST = model("customers", reads=("model.stg_customers",))
BARE = {"no_text": Column("string")}

BREACHES: list[tuple[Check, Project, str]] = [
    (that.staging_alone_reads_sources, [RAW, model("m", reads=("source.orders",))], "model.m"),
    (that.staging_reads_one_source, [STG_ORDERS, model("stg_b", "staging")], "stg_b"),
    (
        that.staging_reads_one_source,
        [STG_ORDERS, model("stg_b", "staging", reads=("model.stg_orders",))],
        "stg_b",
    ),
    (
        that.marts_read_staging_of_the_program_only,
        [
            RAW,
            LOG,
            STG_ORDERS,
            STG_LOG,
            LIST,
            model("m", reads=("model.stg_orders", "model.stg_holdout_log")),
        ],
        "model.m reads model.stg_orders",
    ),
    (
        that.sync_reads_marts_and_seeds_only,
        [
            Node("seed", "s"),
            model("m"),
            model("int_m", "intermediate"),
            model("sync_m", "activation", reads=("seed.s", "model.m", "model.int_m")),
        ],
        "model.sync_m reads model.int_m",
    ),
    (
        that.nothing_reads_sync,
        [model("sync_m", "activation"), model("m", reads=("model.sync_m",))],
        "model.m reads",
    ),
    (that.models_are_named_by_layer, [model("orders", "staging")], "stg_"),
    (that.models_are_named_by_layer, [model("int_orders")], "model.int_orders"),
    (that.models_are_named_by_layer, [model("stg_orders", "intermediate")], "int_"),
    (that.models_are_named_by_layer, [model("orders", "elsewhere")], "no such layer"),
    (that.files_are_named_by_model, [Node("model", "m", "models/marts/n.sql")], "models/marts/n"),
    (
        that.last_cte_bears_the_models_name,
        [
            model("m", sql="with\n\na as (\n\n),\n\nm as (\n\n)\n\nselect * from m\n"),
            model("n", sql="with\n\nn as (\n\n),\n\na as (\n\n)\n\nselect * from n\n"),
        ],
        "model.n",
    ),
    (
        that.last_cte_bears_the_models_name,
        [model("m", sql="with\n\nm as (\n\n)\n\nselect * from m where true\n")],
        "model.m",
    ),
    *(
        (
            that.columns_are_typed_by_name,
            [model("m", is_contract_enforced=True, columns={name: Column(data_type)})],
            f"model.m.{name} is {data_type}",
        )
        for name, data_type in [
            ("order_id", "bigint"),
            ("is_test", "string"),
            ("has_proof", "int"),
            ("ordered_at", "date"),
            ("assigned_on", "timestamp"),
            ("as_of_date", "string"),
            ("grace_until", "timestamp"),
            ("valid_from", "timestamp"),
            ("valid_to", "timestamp"),
            ("return_rate_12m", "decimal(18, 4)"),
            ("restocked_share", "decimal(18, 4)"),
        ]
    ),
    (
        that.columns_are_typed_by_name,
        [Node("seed", "s", columns={"effective_to": Column("string")})],
        "seed.s.effective_to",
    ),
    (that.tables_say_what_a_row_is, [model("m", description="All orders.")], "model.m"),
    (that.tables_say_what_a_row_is, [Node("seed", "s", description="Rules.")], "seed.s"),
    (that.tables_say_what_a_row_is, [Node("source", "s", description="Rows.")], "source.s"),
    (that.columns_are_described, [model("m", columns=BARE)], "model.m.no_text"),
    (that.columns_are_described, [Node("source", "s", columns=BARE)], "source.s.no_text"),
    (
        that.seeds_declare_the_columns_of_their_file,
        [Node("seed", "s", header=("a", "b"), columns={"a": Column()})],
        "seed.s",
    ),
    (that.macros_and_tests_are_described, [Node("macro", "m")], "macro.m"),
    (that.macros_and_tests_are_described, [Node("test", "t", description=" ")], "test.t"),
    (
        that.macros_and_tests_are_described,
        [Node("macro", "m", description="Text.", arguments={"column": ""})],
        "column",
    ),
    (that.what_others_read_is_under_contract, [model("m")], "model.m"),
    (that.what_others_read_is_under_contract, [model("sync_m", "activation")], "model.sync_m"),
    (that.logic_has_unit_tests, [model("int_m", "intermediate")], "int_m has no unit test"),
    (that.logic_has_unit_tests, [Node("unit_test", "m_adds_up", tests="m")], "test_m__"),
    *(
        (that.nothing_reads_the_clock, [Node("macro", "m", sql=f"select {words}")], "macro.m")
        for words in [
            "now()",
            "today()",
            "current_date",
            "CURRENT_TIMESTAMP",
            "{{ dbt.current_timestamp() }}",
            "{{ run_started_at }}",
            "{{ modules.datetime.date.today() }}",
        ]
    ),
    *(
        (that.engines_are_named_in_portable_macros_only, [model("m", sql=words)], "names an engine")
        for words in [
            "{% if target.type == 'x' %}",
            "{% if target.name == 'x' %}",
            "select * from duckdb_tables() -- or: duckdb",
            "{{ adapter.dispatch('m')() }}",
            "{% if x == 'spark' %}",
        ]
    ),
    (
        that.published_marts_hold_nobodys_data,
        [model("m", schema="marts", columns={"phone_e164": Column()})],
        "model.m.phone_e164",
    ),
    (
        that.published_marts_hold_nobodys_data,
        [model("m", schema="marts", columns={"nickname": Column(contains_pii=True)})],
        "model.m.nickname",
    ),
    (
        that.personal_columns_are_marked,
        [model("m", is_contract_enforced=True, schema="private", columns={"email": Column()})],
        "model.m.email",
    ),
]


@pytest.mark.parametrize(
    ("check", "project", "words"), BREACHES, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_breach_is_named(check: Check, project: Project, words: str) -> None:
    (breach,) = check(project)
    assert words in breach


def test_every_check_has_been_seen_to_fail() -> None:
    assert {check for check, _, _ in BREACHES} == set(CHECKS)


def test_comments_may_speak_of_clocks_and_engines() -> None:
    spoken = model("m", sql="-- now(), not on duckdb\n{# today() #}\n/* spark */ select 1")
    assert that.nothing_reads_the_clock([spoken]) == []
    assert that.engines_are_named_in_portable_macros_only([spoken]) == []


def test_names_that_only_look_personal_may_be_published() -> None:
    columns = {"table_name": Column(), "file_name": Column(), "column_name": Column()}
    published = model("m", schema="marts", columns=columns)
    assert that.published_marts_hold_nobodys_data([published]) == []
