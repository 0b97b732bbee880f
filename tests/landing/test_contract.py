"""The contract file itself: what the loader, the docs and the checks rely on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orchestration.contract import load_contract, raw_tables


def test_every_description_says_something_and_a_table_begins_with_its_grain():
    for table in load_contract().values():
        assert table.description.startswith("One row per "), table.name
        assert table.columns
        for column in table.columns:
            assert column.description.endswith("."), (table.name, column.name)


def test_a_table_comes_after_those_it_refers_to():
    seen: set[str] = set()
    for table in raw_tables():
        for column in table.columns:
            assert column.references is None or column.references in seen
            if column.references:  # the loader joins on a column of the same name
                assert load_contract()[column.references].key == (column.name,)
        seen.add(table.name)


def test_keys_are_required_columns():
    for table in raw_tables():
        assert table.key
        assert set(table.key) <= {c.name for c in table.file_columns if c.required}


def test_a_misspelt_rule_does_not_pass_in_silence(tmp_path: Path):
    column = {"name": "a", "data_type": "varchar", "description": "A."}
    column["config"] = {"meta": {"requried": True}}
    table = {"name": "t", "description": "One row per a.", "columns": [column]}
    path = tmp_path / "sources.yml"
    path.write_text(yaml.safe_dump({"sources": [{"name": "raw", "tables": [table]}]}))
    with pytest.raises(TypeError, match="requried"):
        load_contract(path)


def test_it_says_what_the_reference_says(shared_dir: Path):
    reference = yaml.safe_load((shared_dir / "contract" / "raw_tables.yml").read_text())["tables"]
    ours = {table.name: table for table in raw_tables()}
    assert ours.keys() == reference.keys()
    for name, table in reference.items():
        assert ours[name].required == table.get("required", False)
        assert list(ours[name].key) == table["key"]
        columns = {column.name: column for column in ours[name].file_columns}
        # What we take besides comes after it, and nobody has to hand it over.
        assert list(columns)[: len(table["columns"])] == list(table["columns"])
        assert not any(columns[extra].required for extra in columns.keys() - table["columns"])
        for column, expected in table["columns"].items():
            assert columns[column].data_type.split("(")[0] == expected["type"]
            assert columns[column].required == expected.get("required", False)
            assert list(columns[column].values) == expected.get("values", [])
