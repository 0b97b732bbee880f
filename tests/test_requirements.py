"""`docs/requirements.csv` speaks of things that exist, and of every requirement once."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from orchestration.dbt_runner import prepare_manifest

REQUIREMENTS = 184
STATES = {"done", "partial", "planned"}


@pytest.fixture(scope="module")
def known(project_dir: Path) -> dict[str, set[str]]:
    """What a reference may name, by kind."""
    manifest = json.loads(prepare_manifest().read_bytes())
    nodes = list(manifest["nodes"].values())
    commands = (project_dir / "orchestration" / "cli.py").read_text(encoding="utf-8")
    assets = "".join(
        path.read_text(encoding="utf-8")
        for path in (project_dir / "orchestration" / "assets").glob("*.py")
    )
    suites = "".join(
        path.read_text(encoding="utf-8") for path in (project_dir / "expectations").glob("*.json")
    )
    return {
        "model": {node["name"] for node in nodes if node["resource_type"] == "model"},
        "seed": {node["name"] for node in nodes if node["resource_type"] == "seed"},
        "data_test": {node["name"] for node in nodes if node["resource_type"] == "test"},
        "unit_test": {test["name"] for test in manifest["unit_tests"].values()},
        "source": {source["name"] for source in manifest["sources"].values()},
        "macro": {macro["name"] for macro in manifest["macros"].values()},
        "check": set(re.findall(r'"name": "(\w+)"', suites)),
        "command": set(re.findall(r"@app.command\(\)\ndef (\w+)", commands)),
        "asset": set(re.findall(r"\ndef (\w+)\([^)]*\b(?:warehouse: Warehouse)", assets)),
    }


def faults(rows: list[Mapping[str, str]], known: dict[str, set[str]], root: Path) -> Iterator[str]:
    """Say of each row what is wrong with it."""
    for number, row in enumerate(rows, start=1):
        name = row["requirement"]
        if name != f"R{number}":
            yield f"row {number} is {name}, not R{number}"
        if not row["capability"]:
            yield f"{name} does not say what is asked for"
        if row["state"] not in STATES:
            yield f"{name} has the state {row['state']!r}"
        elif (row["state"] == "planned") != (not row["where"] and not row["test"]):
            yield f"{name} is {row['state']}: what is built has place and test, the rest none"
        for reference in f"{row['where']} {row['test']}".split():
            kind, _, target = reference.partition(":")
            if kind in ("module", "pytest"):
                exists = (root / target).exists()
            else:
                exists = target in known.get(kind, set())
            if not exists:
                yield f"{name} names {reference}, which does not exist"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_requirement_is_accounted_for(project_dir: Path, known: dict[str, set[str]]) -> None:
    rows = rows_of(project_dir / "docs" / "requirements.csv")
    assert len(rows) == REQUIREMENTS
    assert list(faults(rows, known, project_dir)) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"where": "model:no_such_model"}, "names model:no_such_model"),
        ({"test": "pytest:tests/no_such_test.py"}, "names pytest:tests/no_such_test.py"),
        ({"test": "check:no_such_check"}, "names check:no_such_check"),
        ({"state": "finished"}, "has the state 'finished'"),
        ({"state": "planned"}, "is planned"),
        ({"where": "", "test": ""}, "is done"),
        ({"capability": ""}, "does not say"),
        ({"requirement": "R2"}, "not R1"),
    ],
)
def test_a_false_row_is_found(
    change: dict[str, str], says: str, project_dir: Path, known: dict[str, set[str]]
) -> None:
    row = rows_of(project_dir / "docs" / "requirements.csv")[0]
    assert row["state"] == "done"
    found = list(faults([row | change], known, project_dir))
    assert len(found) == 1
    assert says in found[0]
