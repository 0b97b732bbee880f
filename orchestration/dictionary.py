"""The data dictionary: every table that others rely on, written out of the YAML that declares it.

`python -m orchestration.dictionary` writes docs/data_dictionary.md anew; a test fails when it is
stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import UserError
from orchestration.settings import PROJECT_DIR

DICTIONARY = PROJECT_DIR / "docs" / "data_dictionary.md"

LAYERS = {
    "marts": "Marts: what is read",
    "activation": "Activation: what leaves the house",
}

INTRODUCTION = """\
# Data dictionary

Written by `make docs` out of the YAML beside the models: change it there.
Tables of `marts` are published for everybody. Those of `marts_private` and `activation` hold
personal data and stay in the private warehouse.
"""


def doc_blocks(models_dir: Path) -> dict[str, str]:
    """Every doc block below a folder by name, on one line each."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(models_dir.rglob("*.md")))
    blocks = re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", text, flags=re.DOTALL)
    return {name: " ".join(words.split()) for name, words in blocks}


def resolve(description: str, blocks: dict[str, str]) -> str:
    """Return a description with each `{{ doc('name') }}` replaced by its block, on one line.

    Raises `UserError` when a block is named that does not exist.
    """

    def block(match: re.Match[str]) -> str:
        if match[1] not in blocks:
            raise UserError(f"a description names the doc block {match[1]}, which models/ has not")
        return blocks[match[1]]

    return " ".join(re.sub(r"{{ *doc\(['\"](\w+)['\"]\) *}}", block, description).split())


def render(models_dir: Path = PROJECT_DIR / "models") -> str:
    """The dictionary as Markdown: for each table its grain, and each column's type and meaning."""
    blocks = doc_blocks(models_dir)
    parts = [INTRODUCTION]
    for layer, title in LAYERS.items():
        parts.append(f"## {title}\n")
        parts += [_table(layer, model, models_dir, blocks) for model in _models(models_dir / layer)]
    return "\n".join(parts)


def _models(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.yml")):
        yield from yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])


def _table(layer: str, model: dict[str, Any], models_dir: Path, blocks: dict[str, str]) -> str:
    schema = _schema(models_dir / layer / f"{model['name']}.sql") or layer
    rows = [_row(column, blocks) for column in model.get("columns", [])]
    return "\n".join(
        [
            f"### {schema}.{model['name']}",
            "",
            resolve(model["description"], blocks),
            "",
            "| column | type | may be null | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _schema(model_file: Path) -> str | None:
    """The schema that a model asks for instead of its folder's."""
    asked = re.search(r"config\(.*?schema=[\"'](\w+)[\"']", model_file.read_text(encoding="utf-8"))
    return asked and asked[1]


def _row(column: dict[str, Any], blocks: dict[str, str]) -> str:
    kinds = {constraint["type"] for constraint in column.get("constraints", [])}
    meaning = resolve(column["description"], blocks).replace("|", "\\|")
    nullable = "no" if "not_null" in kinds else "yes"
    return f"| {column['name']} | {column['data_type']} | {nullable} | {meaning} |"


if __name__ == "__main__":
    DICTIONARY.write_text(render(), encoding="utf-8")
    print(f"wrote {DICTIONARY.relative_to(PROJECT_DIR)}")
