"""What `make bench` measures by: a day that comes in, and whose models took how long."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import duckdb
from bench import OF_A_DAY, add_a_day, subjects_of

from orchestration.contract import load_contract
from orchestration.dbt_runner import prepare_manifest
from orchestration.sample import generate
from orchestration.settings import Settings

AS_OF = date(2026, 7, 1)


def test_a_day_comes_in_with_orders_and_lines_of_its_own(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    generate(raw, 300, AS_OF, seed=5)
    added = add_a_day(raw, AS_OF)
    assert set(added) == {*OF_A_DAY, "order_lines"}
    assert min(added[table] for table in ("orders", "order_lines", "site_events")) > 0
    with duckdb.connect() as connection:

        def ask(question: str) -> tuple[int, ...]:
            return connection.execute(question).fetchone()

        for table, moment in OF_A_DAY.items():
            if not added[table]:
                continue  # no campaign on that weekday
            new, every = (f"'{raw / table / name}.parquet'" for name in ("next-day", "*"))
            (key,) = load_contract()[table].key
            days = f"count(distinct {moment}::date), min({moment}::date)"
            assert ask(f"select {days} from {new}") == (1, AS_OF), table
            (found,) = ask(f"select count(*) from {every} where {key} in (select {key} from {new})")
            assert found == added[table], f"{table}: keys that were there before"
        orders, lines = (
            f"'{raw / name / 'next-day.parquet'}'" for name in ("orders", "order_lines")
        )
        assert ask(f"select count(*) from {lines} anti join {orders} using (order_id)") == (0,)
        assert ask(f"select count(*) from {orders} anti join {lines} using (order_id)") == (0,)


def test_models_are_told_by_subject_and_what_they_read_with_them(settings: Settings) -> None:
    nodes = json.loads(prepare_manifest().read_bytes())["nodes"]
    subject_of = {nodes[key]["name"]: subject for key, subject in subjects_of(nodes).items()}
    for name, subject in {
        "int_order_lines_costed": "value",
        "int_customer_rfm_history": "rfm",
        "int_tier_walk": "tiers",
        "int_customer_histories": "lifetime values",
        "int_segment_lines": "segments",
        "int_contact_consents": "decisions",
        "int_audience_tier_upgrade": "decisions",
        "sync_email_segment": "decisions",
        "message_saturation": "readouts",
        "int_text_outcomes": "readouts",
        "load_report": "other",
        "policy_tiers_add_benefits": "tests",
    }.items():
        assert subject_of[name] == subject, name
