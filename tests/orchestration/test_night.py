"""The night as a person runs it: one process, its figures, its files, and its refusals."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from hook import webhook

from orchestration.settings import Settings

pytestmark = pytest.mark.slow


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def published(settings: Settings, query: str) -> list[tuple]:
    with duckdb.connect(str(settings.paths.published), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_figures_add_up(night) -> None:
    told = night.told
    stopped = sum(row["customers"] for row in told["exclusions"] if row["audience_id"] == "vip")
    assert told["success"]
    assert told["vips"] == told["audience"] + told["holdout"] + stopped
    assert told["vips"] == sum(tier["customers"] for tier in told["tiers"])
    # Whoever keeps a tier by grace, or is staff, is a VIP and no part of the share.
    assert told["vip_share"] == told["vips_active"] / told["customers_active"]
    assert sum(tier["share"] for tier in told["tiers"]) == pytest.approx(told["vip_share"])
    ((bought,),) = published(
        night.home.settings,
        "select count(*) from marts.customer_tiers join marts.customer_value using (customer_id) "
        "where tier_rank > 0 and orders_12m > 0 and not is_test",
    )
    assert told["vips_active"] == bought < told["vips"]
    assert told["checks"]["failed"] == 0
    assert told["checks"]["passed"] > 50


def test_all_that_was_promised_lies_there(night) -> None:
    paths = night.home.settings.paths
    assert published(night.home.settings, "select as_of_date::varchar from marts.run_context") == [
        ("2026-07-01",)
    ]
    audience = list(csv.DictReader((paths.exports / "latest" / "vip_audience.csv").open()))
    vips = [row for row in audience if "vip" in row["audience_ids"].split(",")]
    assert len(vips) == night.told["audience"]
    told = {each["audience_id"]: each["members"] for each in night.told["audiences"]}
    for name, members in told.items():
        path = paths.exports / "latest" / "audiences" / f"{name}.csv"
        rows = list(csv.DictReader(path.open())) if path.exists() else []
        assert len(rows) == members, name
    assert any(told.values()) and list(paths.outbox.rglob("*.csv"))
    rows = {
        name: sum(1 for _ in csv.DictReader((paths.exports / "latest" / f"{name}.csv").open()))
        for name in ("vip_email", "vip_flags", "vip_prices")
    }
    vips = night.told["vips"]
    assert rows == {"vip_email": night.told["mailed"], "vip_flags": vips, "vip_prices": vips}
    assert 0 < night.told["mailed"] < vips
    assert (paths.quality / "2026-07-01.html").stat().st_size > 1000
    assert Path(night.told["files"]["exports"]).is_dir()


def test_progress_goes_to_stderr_and_json_keeps_quiet(night) -> None:
    assert night.stderr == ""


def test_the_log_is_kept_and_shows_nobody(night) -> None:
    settings = night.home.settings
    (log,) = (settings.home / "logs").iterdir()
    text = log.read_text()
    assert "STEP_SUCCESS" in text
    assert "Completed successfully" in text, "dbt's own lines belong to the log as well"
    audience = list(csv.DictReader((settings.paths.exports / "latest" / "vip_audience.csv").open()))
    for person in audience:
        assert person["phone"] not in text
        assert not person["email"] or person["email"] not in text


def test_dagster_keeps_the_run_without_personal_data(night) -> None:
    settings = night.home.settings
    runs = sqlite3.connect(settings.paths.dagster / "history" / "runs.db")
    assert runs.execute("select status from runs").fetchall() == [("SUCCESS",)]
    events = b"".join(path.read_bytes() for path in settings.paths.dagster.rglob("*.db"))
    audience = list(csv.DictReader((settings.paths.exports / "latest" / "vip_audience.csv").open()))
    for person in audience:
        assert person["phone"].encode() not in events
    assert b"data:image/svg+xml" in events


def test_after_a_push_the_plan_is_empty(night) -> None:
    result = night.home.vip("plan", "--json")
    assert result.returncode == 0, result.stderr
    counts = json.loads(result.stdout)["counts"]
    assert counts["unchanged"] > 0
    assert counts["add"] == counts["change"] == counts["remove"] == 0


def test_a_shut_gate_stops_everything_behind_it(copy, tmp_path: Path) -> None:
    """A raw folder that cannot be right: the last good night still stands."""
    raw = tmp_path / "raw"
    shutil.copytree(copy.settings.raw_dir, raw)
    before = content(copy.settings.paths.exports), copy.settings.paths.published.stat().st_ino
    shutil.rmtree(raw / "orders")
    (raw / "orders.csv").write_text("order_id,ordered_at\n")
    result = copy.vip("nightly", "--raw", str(raw), "--as-of", "2026-07-01", "--json")
    assert result.returncode == 1
    told = json.loads(result.stdout)
    assert (told["success"], told["failed_step"]) == (False, "landing_checks")
    assert "blocking check failed" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    now = content(copy.settings.paths.exports), copy.settings.paths.published.stat().st_ino
    assert now == before

    push = copy.vip("push")
    assert push.returncode == 1, "the marts do not know what has landed since"
    assert "newer raw data have landed" in push.stderr


def test_pushing_alone_cannot_pass_the_gate(copy) -> None:
    """Someone texts a customer who said stop, by hand, behind the models' back."""
    with duckdb.connect(str(copy.settings.paths.warehouse)) as connection:
        connection.execute(
            "update activation.sync_vip_audience set phone = '12' where customer_id = "
            "(select min(customer_id) from activation.sync_vip_audience)"
        )
    outbox = content(copy.settings.paths.outbox)
    result = copy.vip("push")
    assert result.returncode == 1
    assert "vip: the gate is shut, nothing is sent: " in result.stderr
    assert content(copy.settings.paths.outbox) == outbox


def test_a_step_alone_refuses_another_night_than_the_one_landed(copy, monkeypatch) -> None:
    import dagster as dg

    monkeypatch.setenv("VIP_HOME", str(copy.settings.home))
    from orchestration.definitions import build_defs
    from orchestration.resources import Warehouse

    warehouse = Warehouse(home=str(copy.settings.home), raw_dir=str(copy.settings.raw_dir))
    job = build_defs({"warehouse": warehouse}).resolve_job_def("nightly_job")
    for name in ("exports", "push_outbox", "published_marts"):
        result = job.execute_in_process(
            partition_key="2026-06-30",
            asset_selection=[dg.AssetKey(name)],
            raise_on_error=False,
            instance=dg.DagsterInstance.ephemeral(),
        )
        assert not result.success
        (failure,) = result.filter_events(lambda event: event.is_step_failure)
        assert "run `vip nightly --as-of 2026-06-30`" in failure.step_failure_data.error.message


def test_a_broken_file_is_one_line_and_posted_and_nothing_is_lost(copy, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(copy.settings.raw_dir, raw)
    shutil.rmtree(raw / "orders")
    (raw / "orders.parquet").write_bytes(b"PAR1 not really")
    before = content(copy.settings.paths.exports)
    with webhook() as (url, bodies):
        result = copy.vip(
            "nightly", "--raw", str(raw), "--as-of", "2026-07-01", VIP_ALERT_WEBHOOK_URL=url
        )
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("vip: ")]
    assert "orders.parquet" in line
    assert "Traceback" not in result.stderr
    assert content(copy.settings.paths.exports) == before
    (body,) = bodies
    assert body["text"].startswith("The VIP night of 2026-07-01 at landing failed: ")


def test_the_plot_and_previews_are_small(night) -> None:
    sizes = [path.stat().st_size for path in night.home.settings.paths.dagster.rglob("*.db")]
    assert sum(sizes) < 20_000_000
    assert night.home.settings.paths.published.stat().st_size < 50_000_000


def test_dagster_reads_the_history_of_a_night_as_its_own(night) -> None:
    """The pages of `make dev` open it with Dagster's own storage, without ours."""
    from dagster._core.storage.event_log import SqliteEventLogStorage

    folder = night.home.settings.paths.dagster / "history" / "runs"
    log = SqliteEventLogStorage(str(folder))
    kinds = {
        record.dagster_event.event_type_value
        for record in log.get_logs_for_run(night.told["run_id"])
        if record.dagster_event
    }
    assert {"PIPELINE_START", "ASSET_MATERIALIZATION", "PIPELINE_SUCCESS"} <= kinds
    (record,) = log.get_asset_records([dg.AssetKey(["marts", "customer_tiers"])])
    assert record.asset_entry.last_materialization.run_id == night.told["run_id"]
    assert not list(folder.glob("*.db-wal")), "the log of SQLite was not folded in at the end"
