"""The data dictionary says what the YAML says."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.dictionary import DICTIONARY, doc_blocks, render, resolve
from orchestration.errors import UserError


def test_the_dictionary_is_fresh() -> None:
    written = DICTIONARY.read_text(encoding="utf-8") if DICTIONARY.exists() else ""
    assert written == render(), "docs/data_dictionary.md is stale: run `make docs`"


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """A project of one mart, one private mart and one table that leaves the house."""
    for folder in ("marts", "activation"):
        (tmp_path / folder).mkdir()
    (tmp_path / "docs.md").write_text("{% docs key %}\nKey of\nthe thing.\n{% enddocs %}\n")
    (tmp_path / "marts" / "_marts.yml").write_text(
        """\
models:
  - name: things
    description: "One row per thing."
    columns:
      - name: thing_id
        data_type: string
        description: "{{ doc('key') }}"
        constraints: [{type: not_null}]
      - name: kind
        data_type: string
        description: "a | b"
  - name: secrets
    description: "One row per secret."
"""
    )
    (tmp_path / "marts" / "_tests.yml").write_text("unit_tests: []\n")
    (tmp_path / "marts" / "things.sql").write_text("select 1")
    (tmp_path / "marts" / "secrets.sql").write_text('{{ config(schema="marts_private") }}')
    (tmp_path / "activation" / "_activation.yml").write_text(
        "models:\n  - {name: sync_things, description: One row per thing., columns: []}\n"
    )
    (tmp_path / "activation" / "sync_things.sql").write_text("select 1")
    return tmp_path


def test_each_table_is_written_with_its_columns(models_dir: Path) -> None:
    lines = render(models_dir).splitlines()
    assert [line for line in lines if line.startswith("##")] == [
        "## Marts: what is read",
        "### marts.things",
        "### marts_private.secrets",
        "## Activation: what leaves the house",
        "### activation.sync_things",
    ]
    assert "One row per thing." in lines
    assert "| thing_id | string | no | Key of the thing. |" in lines
    assert "| kind | string | yes | a \\| b |" in lines


def test_a_change_of_the_yaml_makes_it_stale(models_dir: Path) -> None:
    before = render(models_dir)
    (models_dir / "docs.md").write_text("{% docs key %}Another key.{% enddocs %}")
    assert render(models_dir) != before


def test_a_doc_block_that_does_not_exist_is_named(models_dir: Path) -> None:
    with pytest.raises(UserError, match="no_such_block"):
        resolve("{{ doc('no_such_block') }}", doc_blocks(models_dir))
