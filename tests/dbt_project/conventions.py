"""What the dbt project promises about its own shape, each promise one function.

A check takes the project as a list of `Node` and returns one line for each breach, naming the node
at fault; no line, no breach. They hold layers, names, descriptions and contracts, and that no SQL
reads a clock, names an engine or publishes whom it speaks of.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Column:
    data_type: str = ""
    description: str = ""
    contains_pii: bool = False


@dataclass(frozen=True)
class Node:
    """Anything the project declares; `reads` are keys such as `model.stg_orders`."""

    kind: str
    name: str
    path: str = ""
    description: str = ""
    columns: dict[str, Column] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    sql: str = ""
    schema: str = ""
    is_contract_enforced: bool = False
    is_system: bool = False
    arguments: dict[str, str] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    tests: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}.{self.name}"

    @property
    def folder(self) -> str:
        """The first folder below models/, which is the layer."""
        return self.path.split("/")[1] if self.kind == "model" else ""


Project = list[Node]
Check = Callable[[Project], list[str]]

LAYERS = {"staging": "stg_", "intermediate": "int_", "marts": "", "activation": "sync_"}

# The record of what was delivered is named for it, and is read like any mart.
MARTS_OF_PUSHES = {"model.sync_runs", "model.sync_plans", "model.sync_failures"}

# Nothing stands between the list of customers and the marts that have a row for each.
STAGING_OF_MARTS = {"model.stg_customers"}

TYPES_BY_NAME = [
    (re.compile(r"_id$"), {"string"}),
    (re.compile(r"^(is|has)_"), {"boolean"}),
    (re.compile(r"_at$"), {"timestamp"}),
    (re.compile(r"_(on|date|until|from|to)$"), {"date"}),
    (re.compile(r"_(share|rate)$"), {"double"}),
]
WINDOW = re.compile(r"_(3m|6m|12m|90d|lifetime)$")

PERSONAL = re.compile(r"(^|_)(phone|email|first_name|last_name|birth_date|postal_code)(_|$)")

CLOCK = re.compile(
    r"\b(now|today|getdate|sysdate|current_date|current_time|current_timestamp|localtime"
    r"|localtimestamp|get_current_timestamp|run_started_at|datetime\.(date|datetime))\b",
    re.IGNORECASE,
)
ENGINE = re.compile(r"\b(duckdb|spark|target\.(type|name)|adapter\.dispatch)", re.IGNORECASE)


def read_manifest(manifest: dict[str, Any], project_dir: Path) -> Project:
    """The nodes of the project itself, out of dbt's manifest."""
    package = manifest["metadata"]["project_name"]
    kinds = ("nodes", "sources", "macros", "unit_tests")
    own = [
        raw
        for kind in kinds
        for raw in manifest[kind].values()
        if raw["package_name"] == package
        # Generic tests are described where their macro is.
        and not (raw["resource_type"] == "test" and raw.get("test_metadata"))
    ]
    return [_node(raw, project_dir) for raw in own]


def _node(raw: dict[str, Any], project_dir: Path) -> Node:
    path = raw["original_file_path"]
    config = raw.get("config", {})
    columns = {
        name: Column(
            column.get("data_type") or "",
            column["description"],
            bool(column["config"]["meta"].get("contains_pii")),
        )
        for name, column in raw.get("columns", {}).items()
    }
    if raw["resource_type"] == "seed":
        types = config["column_types"]
        columns = {
            name: Column(types.get(name, ""), each.description) for name, each in columns.items()
        }
    return Node(
        kind=raw["resource_type"],
        name=raw["name"],
        path=path,
        description=raw.get("description") or "",
        columns=columns,
        reads=tuple(
            f"{parent.split('.')[0]}.{parent.split('.')[-1]}"
            for parent in raw.get("depends_on", {}).get("nodes", [])
        ),
        sql=raw.get("macro_sql") or raw.get("raw_code") or "",
        schema=raw.get("schema") or "",
        is_contract_enforced=bool(config.get("contract", {}).get("enforced")),
        is_system=bool(config.get("meta", {}).get("system")),
        arguments={each["name"]: each["description"] for each in raw.get("arguments", [])},
        header=_header(project_dir / path) if raw["resource_type"] == "seed" else (),
        tests=raw.get("model", ""),
    )


def _header(path: Path) -> tuple[str, ...]:
    with path.open(newline="", encoding="utf-8") as lines:
        return tuple(next(csv.reader(lines)))


def _models(project: Project, folder: str | None = None) -> Iterable[Node]:
    return (
        node
        for node in project
        if node.kind == "model" and (folder is None or node.folder == folder)
    )


def _without_comments(sql: str) -> str:
    return re.sub(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", "", sql, flags=re.DOTALL)


# ---- layers


def staging_alone_reads_sources(project: Project) -> list[str]:
    return [
        f"{node.key} reads {read}: source() belongs in staging"
        for node in _models(project)
        if node.folder != "staging"
        for read in node.reads
        if read.startswith("source.")
    ]


def staging_reads_one_source(project: Project) -> list[str]:
    return [
        f"{node.key} reads {', '.join(node.reads) or 'nothing'}: staging is a source's, one to one"
        for node in _models(project, "staging")
        if len(node.reads) != 1 or not node.reads[0].startswith("source.")
    ]


def marts_read_staging_of_the_program_only(project: Project) -> list[str]:
    """Marts take the brand's data from intermediates and marts, never straight from staging."""
    system = {node.key for node in project if node.kind == "source" and node.is_system}
    staging = {node.key: node for node in _models(project, "staging")}
    allowed = STAGING_OF_MARTS | {key for key, node in staging.items() if set(node.reads) <= system}
    return [
        f"{node.key} reads {read}: between a mart and a brand's own table stands an intermediate"
        for node in _models(project, "marts")
        for read in node.reads
        if read in staging and read not in allowed
    ]


def sync_reads_marts_and_seeds_only(project: Project) -> list[str]:
    allowed = {node.key for node in _models(project, "marts")}
    allowed |= {node.key for node in project if node.kind == "seed"}
    return [
        f"{node.key} reads {read}: what leaves the house is made of marts"
        for node in _models(project, "activation")
        for read in node.reads
        if read not in allowed
    ]


def nothing_reads_sync(project: Project) -> list[str]:
    return [
        f"{node.key} reads {read}: nothing is built on what leaves the house"
        for node in _models(project)
        for read in node.reads
        if read.startswith("model.sync_")
    ]


# ---- names


def models_are_named_by_layer(project: Project) -> list[str]:
    breaches = []
    for node in _models(project):
        prefix = LAYERS.get(node.folder)
        others = tuple(each for each in LAYERS.values() if each and each != prefix)
        if node.key in MARTS_OF_PUSHES and node.folder == "marts":
            continue
        if prefix is None:
            breaches.append(f"{node.key} is in {node.path}: no such layer")
        elif not node.name.startswith(prefix) or node.name.startswith(others):
            breaches.append(f"{node.key} is in {node.folder}: its name begins with '{prefix}'")
    return breaches


def files_are_named_by_model(project: Project) -> list[str]:
    return [
        f"{node.key} is in {node.path}: the file bears the model's name"
        for node in _models(project)
        if Path(node.path).name != f"{node.name}.sql"
    ]


def last_cte_bears_the_models_name(project: Project) -> list[str]:
    breaches = []
    for node in _models(project):
        ctes = re.findall(r"^(\w+) as \($", node.sql, flags=re.MULTILINE)
        ends_well = node.sql.rstrip().endswith(f"\nselect * from {node.name}")
        if not ends_well or not ctes or ctes[-1] != node.name:
            breaches.append(f"{node.key}: its last CTE is {node.name}, and it selects all of that")
    return breaches


def columns_are_typed_by_name(project: Project) -> list[str]:
    """In contracts and seeds: keys are text, times are times, shares and rates are doubles."""
    breaches = []
    for node in project:
        if not (node.is_contract_enforced or node.kind == "seed"):
            continue
        for name, column in node.columns.items():
            for pattern, types in TYPES_BY_NAME:
                if pattern.search(WINDOW.sub("", name)) and column.data_type not in types:
                    breaches.append(
                        f"{node.key}.{name} is {column.data_type or 'untyped'}, not {min(types)}"
                    )
    return breaches


# ---- words


def tables_say_what_a_row_is(project: Project) -> list[str]:
    return [
        f"{node.key}: its description begins with its grain, 'One row ...'"
        for node in project
        if node.kind in ("model", "seed", "source") and not node.description.startswith("One row")
    ]


def columns_are_described(project: Project) -> list[str]:
    """Every column of a mart, of activation, of a seed and of a source."""
    return [
        f"{node.key}.{name} has no description"
        for node in project
        if node.kind in ("seed", "source") or node.folder in ("marts", "activation")
        for name, column in node.columns.items()
        if not column.description.strip()
    ]


def seeds_declare_the_columns_of_their_file(project: Project) -> list[str]:
    return [
        f"{node.key}: its file has {', '.join(node.header)}, its YAML {', '.join(node.columns)}"
        for node in project
        if node.kind == "seed" and list(node.header) != list(node.columns)
    ]


def macros_and_tests_are_described(project: Project) -> list[str]:
    breaches = [
        f"{node.key} has no description"
        for node in project
        if node.kind in ("macro", "test", "unit_test")
        # An adapter's own form of a macro is described with the macro.
        and not re.match(r"(default|duckdb|spark)__", node.name)
        and not node.description.strip()
    ]
    return breaches + [
        f"{node.key} does not describe its argument {name}"
        for node in project
        for name, description in node.arguments.items()
        if not description.strip()
    ]


# ---- contracts and tests


def what_others_read_is_under_contract(project: Project) -> list[str]:
    return [
        f"{node.key} has no enforced contract"
        for node in _models(project)
        if node.folder in ("marts", "activation") and not node.is_contract_enforced
    ]


def logic_has_unit_tests(project: Project) -> list[str]:
    """Every intermediate model has one, and a test is called after its model and what it does."""
    tested = {node.tests for node in project if node.kind == "unit_test"}
    untested = [
        f"{node.key} has no unit test"
        for node in _models(project)
        if node.folder == "intermediate" and node.name not in tested
    ]
    return untested + [
        f"{node.key}: a unit test of {node.tests} is called test_{node.tests}__<behaviour>"
        for node in project
        if node.kind == "unit_test" and not node.name.startswith(f"test_{node.tests}__")
    ]


# ---- what the SQL may not say


def nothing_reads_the_clock(project: Project) -> list[str]:
    return [
        f"{node.key} reads the clock: {found.group()}"
        for node in project
        if node.kind in ("model", "macro", "test")
        for found in [CLOCK.search(_without_comments(node.sql))]
        if found
    ]


def engines_are_named_in_portable_macros_only(project: Project) -> list[str]:
    return [
        f"{node.key} names an engine: {found.group()}"
        for node in project
        if node.kind in ("model", "macro", "test") and not node.path.startswith("macros/portable/")
        for found in [ENGINE.search(_without_comments(node.sql))]
        if found
    ]


def published_marts_hold_nobodys_data(project: Project) -> list[str]:
    return [
        f"{node.key}.{name} is personal data in a published table"
        for node in _models(project)
        if node.schema == "marts"
        for name, column in node.columns.items()
        if column.contains_pii or PERSONAL.search(name)
    ]


def personal_columns_are_marked(project: Project) -> list[str]:
    return [
        f"{node.key}.{name} is not marked contains_pii"
        for node in _models(project)
        if node.is_contract_enforced and node.schema != "marts"
        for name, column in node.columns.items()
        if PERSONAL.search(name) and not column.contains_pii
    ]


CHECKS: list[Check] = [
    staging_alone_reads_sources,
    staging_reads_one_source,
    marts_read_staging_of_the_program_only,
    sync_reads_marts_and_seeds_only,
    nothing_reads_sync,
    models_are_named_by_layer,
    files_are_named_by_model,
    last_cte_bears_the_models_name,
    columns_are_typed_by_name,
    tables_say_what_a_row_is,
    columns_are_described,
    seeds_declare_the_columns_of_their_file,
    macros_and_tests_are_described,
    what_others_read_is_under_contract,
    logic_has_unit_tests,
    nothing_reads_the_clock,
    engines_are_named_in_portable_macros_only,
    published_marts_hold_nobodys_data,
    personal_columns_are_marked,
]
