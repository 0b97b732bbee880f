"""`vip forget`: nothing of the person is left in any file, whatever moment it was broken off at."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from night import AS_OF, Vip, build
from typer.testing import CliRunner

from orchestration import quality, sync
from orchestration.cli import app
from orchestration.erasure import finding, forgetting
from orchestration.erasure.finding import find
from orchestration.erasure.forgetting import Receipt, forget
from orchestration.errors import UserError
from orchestration.exporting import export, read_manifest
from orchestration.ledger import StopSaid, open_ledger
from orchestration.publishing import publish
from orchestration.quality import boundaries, nights
from orchestration.quality.suites import load_suites
from orchestration.settings import Settings
from orchestration.warehouse import connect, writer_lock

GONE, PHONE, EMAIL = "c91000001", "+12125550143", "ann.ray@example.com"
OLD_PHONE, OLD_EMAIL = "+12125550199", "ann.old@example.com"
STAYS = "c91000002"
WHO = (GONE, PHONE, EMAIL, OLD_PHONE, OLD_EMAIL, "o-ann-1")

VIPS = [
    Vip(GONE, "Gold", PHONE),
    Vip(STAYS, "Gold", "+12125550144"),
    Vip("c91000003", "Silver", "+12125550145"),
]


@pytest.fixture(autouse=True)
def gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "gate_rows", lambda *_: [])


def raw_tables(settings: Settings) -> None:
    """What a landing would have left of the three, in the tables that the miniature has not."""
    with duckdb.connect(str(settings.paths.warehouse)) as con:
        con.execute(f"attach '{settings.paths.build}' as vip_sms")
        con.execute(
            "insert into raw.customers by name "
            "select customer_id, phone, phone as phone_e164, "
            "case customer_id when $1 then upper($2) else email end as email, "
            "case customer_id when $3 then $1 end as referred_by_customer_id "
            "from activation.sync_vip_audience",
            [GONE, EMAIL, STAYS],
        )
        con.execute(
            "update activation.sync_vip_audience set email = $1 where customer_id = $2",
            [EMAIL, GONE],
        )
        con.execute(
            "create table raw.orders as select * from (values ('o-ann-1', $1), ('o-bob-1', $2)) "
            "as t(order_id, customer_id)",
            [GONE, STAYS],
        )
        con.execute(
            "create table raw.order_lines as select * from (values ('l1', 'o-ann-1'), "
            "('l2', 'o-bob-1')) as t(order_line_id, order_id)"
        )
        con.execute(
            "insert into raw.consent_events by name "
            "select 'e1' as consent_event_id, $1 as customer_id,"
            " $2 as phone, $2 as phone_e164, 'opt_in' as action",
            [GONE, OLD_PHONE],
        )
        con.execute(
            "create table raw.rejects as select 'customers' as table_name, "
            "cast(null as varchar) as customer_id, $1 as row_data union all "
            "select 'customers', 'x', '[\"bob\", 7]'",
            [json.dumps({"first_name": "Ann", "phone": "(212) 555-0143"})],
        )
        # A contact is named by its oldest account.
        for table in (
            "activation.sync_vip_audience",
            "vip_sms.marts.holdout_assignments",
            "vip_sms.marts.audience_decisions",
            "vip_sms.marts.customer_consent",
        ):
            con.execute(f"update {table} set contact_id = customer_id")
        con.execute("create schema intermediate; create schema staging")
        con.execute(
            "create table intermediate.int_lists as select customer_id, "
            "[customer_id, 'x'] as friends from raw.customers"
        )
        con.execute(
            "create table intermediate.int_lines as select order_id, 5 as revenue from raw.orders"
        )
        con.execute(
            "create table vip_sms.marts.order_notes as select order_id, true as is_gift "
            "from raw.orders"
        )
        con.execute("create view staging.stg_customers as select * from warehouse.raw.customers")
        con.execute(
            "create table vip_sms.marts.shared as select customer_id, $1 as contact_id "
            "from raw.customers where customer_id = 'c91000003'",
            [GONE],
        )


def night(settings: Settings, as_of: date = AS_OF, vips: list[Vip] = VIPS) -> None:
    build(settings, vips, as_of=as_of, holdout=["c91000009"])
    raw_tables(settings)
    publish(settings, as_of)
    export(settings, as_of)
    sync.push(settings, "outbox", as_of)


@pytest.fixture
def home(two_nights: Settings, settings: Settings) -> Settings:
    """A copy of the two nights for one test."""
    shutil.copytree(two_nights.home, settings.home, symlinks=True)
    return settings


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two nights, the older one under another phone and e-mail address; pages, logs and draws."""
    settings = Settings(home=tmp_path_factory.mktemp("nights") / "var", _env_file=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "gate_rows", lambda *_: [])
        return make_two_nights(settings)


def make_two_nights(settings: Settings) -> Settings:
    older = [Vip(GONE, "Gold", OLD_PHONE), *VIPS[1:]]
    night(settings, AS_OF - timedelta(days=1), older)
    for path in settings.paths.exports.glob("2026-06-30/*.csv"):
        path.write_text(path.read_text().replace(EMAIL, OLD_EMAIL))
    night(settings)
    with open_ledger(settings) as ledger:
        ledger.log_assignments(
            [
                ("global", GONE, GONE, "treatment", 0.5, "2026-06-30"),
                ("global", "c91000009", GONE, "holdout", 0.01, "2026-06-30"),
            ],
            is_sample=True,
        )
        ledger.log_messages(
            [("2026-06-30", "vip", GONE, GONE, GONE, "promotional", "2026-07-01 10:00:00", None)],
            is_sample=True,
        )
        ledger.note_opt_outs("klaviyo", [StopSaid(GONE, datetime(2026, 6, 1, tzinfo=UTC), "test")])
    check = {
        "name": "x",
        "blocking": False,
        "passed": False,
        "severity": "warn",
        "seconds": 0,
        "table": "t",
        "why": "w",
        "expected": "0 rows",
        "observed": "2 rows",
        "unexpected_rows": [{"customer_id": GONE, "n": 1}, {"customer_id": STAYS, "n": 1}],
    }
    landing = {"run_id": "r", "volumes": {"customers": 3}, "load_report": [], "checks": [check]}
    nights.save(
        settings,
        AS_OF,
        {"source": "sample", "as_of_date": AS_OF.isoformat(), "boundaries": {"landing": landing}},
    )
    quality.write_page(settings, AS_OF)
    (settings.home / "logs").mkdir()
    (settings.home / "logs" / "nightly-2026-07-01.log").write_text(f"a row of {GONE}, {STAYS}.\n")
    history = settings.paths.dagster / "history" / "runs"
    history.mkdir(parents=True)
    with sqlite3.connect(history / "r.db") as con:
        con.execute("create table event_logs (id integer primary key, event text)")
        con.execute(
            "insert into event_logs values (1, ?)",
            (json.dumps({"md": f"a\n{GONE} | Gold | {GONE}."}),),
        )
    return settings


def everything(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Every file of the home as bytes, and what databases and Parquet files hold as text."""
    for path in sorted(settings.home.rglob("*")):
        name = path.relative_to(settings.home).as_posix()
        if not path.is_file() or path.is_symlink() or name.startswith("erasures/"):
            continue
        yield name, path.read_bytes()
        if path.suffix == ".parquet":
            yield f"{name} rows", repr(duckdb.execute(f"from '{path}'").fetchall()).encode()
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as con:
                for (table,) in con.execute(
                    "select schema_name || '.' || table_name from duckdb_tables()"
                ).fetchall():
                    yield f"{name} {table}", repr(con.execute(f"from {table}").fetchall()).encode()
        if path.suffix in (".sqlite", ".db"):
            with sqlite3.connect(path) as con:
                yield f"{name} rows", "\n".join(con.iterdump()).encode()


def shown(settings: Settings) -> set[str]:
    """The places that still name the person, in any of the ways they were known by."""
    written = [*WHO, EMAIL.upper(), "(212) 555-0143"]
    return {
        name
        for name, content in everything(settings)
        if any(each.encode() in content for each in written)
    }


def erase(settings: Settings, customer: str | None = GONE, phone: str | None = None) -> Receipt:
    with writer_lock(settings):
        return forget(settings, customer, phone)


def test_the_search_of_these_tests_finds_every_place(home: Settings) -> None:
    places = shown(home)
    for part in (
        "warehouse.duckdb raw.customers",
        "warehouse.duckdb raw.rejects",
        "warehouse.duckdb raw.order_lines",
        "warehouse.duckdb intermediate.int_lines",
        "warehouse.duckdb intermediate.int_lists",
        "build/vip_sms.duckdb marts.shared",
        "published/vip_sms.duckdb marts.customer_tiers",
        "exports/2026-06-30/",
        "exports/2026-07-01/vip_audience.parquet rows",
        "exports/2026-07-01/vip_email.csv",
        "exports/2026-07-01/vip_email.parquet rows",
        "outbox/2026-07-01/",
        "exports/2026-07-01/audiences/vip.csv",
        "quality/2026-07-01.json",
        "quality/index.html",
        "logs/",
        "dagster/history",
        "ledger.sqlite rows",
    ):
        assert any(name.startswith(part) for name in places), part


def test_nothing_is_left_anywhere(home: Settings) -> None:
    receipt = erase(home)
    assert shown(home) == set()
    assert receipt.identifiers == {"customer_id": 1, "phone": 2, "email": 2}
    assert all(receipt.erased[place] > 0 for place in (*forgetting._PLACES, "ledger"))
    kept = receipt.path.read_text()
    assert json.loads(kept) == receipt.as_dict() and receipt.finished_at
    assert GONE in kept
    assert not any(each in kept for each in (PHONE, EMAIL, OLD_PHONE, OLD_EMAIL))
    assert receipt.path.stat().st_mode & 0o777 == 0o600


def test_everybody_else_stays_as_they_were(home: Settings) -> None:
    before = {path: path.read_bytes() for path in home.paths.exports.rglob("*.csv")}
    erase(home)
    for path, content in before.items():
        lines = content.decode().splitlines(keepends=True)
        assert path.read_text() == "".join(line for line in lines if GONE not in line), path.name
    for folder in ("2026-06-30", "2026-07-01"):
        manifest = read_manifest(home.paths.exports / folder)
        rows = {entry["file"]: entry["rows"] for entry in manifest["files"]}
        for name in ("vip_audience", "vip_email", "vip_prices", "expedited_orders"):
            assert rows[f"{name}.csv"] == rows[f"{name}.parquet"] == 2, name
    fresh = export(home, AS_OF)
    assert not fresh.is_changed, "what is left is what an export of what is left would write"
    with connect(home, read_only=True) as con:
        assert con.execute("select order_id from raw.order_lines").fetchall() == [("o-bob-1",)]
        assert con.execute("select revenue from intermediate.int_lines").fetchall() == [(5,)]
        assert con.execute("from vip_sms.marts.shared").fetchall() == [("c91000003", "c91000003")]
        assert con.execute(
            "select customer_id, referred_by_customer_id from staging.stg_customers order by 1"
        ).fetchall() == [(STAYS, "erased"), ("c91000003", None)]
        assert con.execute("select row_data from raw.rejects").fetchall() == [('["bob", 7]',)]
    with open_ledger(home) as ledger:
        (draw,) = ledger.holdout_log(AS_OF, is_sample=True).to_pylist()
        assert (draw["contact_id"], draw["customer_id"]) == ("c91000009", "c91000009")
    with sqlite3.connect(home.paths.ledger) as con:
        assert con.execute("select * from erased_assignments").fetchall() == [
            (1, "global", "treatment", 1)
        ]
    assert f'"customer_id": "{STAYS}"' in nights.file_of(home, AS_OF).read_text()
    assert STAYS in (home.home / "logs" / "nightly-2026-07-01.log").read_text()
    assert home.paths.published.stat().st_mode & 0o777 == 0o444


def test_a_second_time_changes_nothing(home: Settings) -> None:
    first = erase(home)
    second = erase(home)
    assert (second.erased, second.asked_at) == (first.erased, first.asked_at)
    assert shown(home) == set()


class Killed(BaseException):
    """Not an error that anybody handles."""


def test_killed_at_one_place_after_another_it_goes_on_each_time(home: Settings) -> None:
    for place in ("platforms", *forgetting._PLACES, "ledger"):

        def die(name: str, at: str = place) -> None:
            if name == at:
                raise Killed

        with pytest.raises(Killed), writer_lock(home):
            forget(home, GONE, None, die)
        with connect(home, read_only=True) as con:
            assert con.execute("from staging.stg_customers").fetchall(), "the warehouse still works"
    assert shown(home) == {"ledger.sqlite", "ledger.sqlite rows"}
    receipt = erase(home)
    assert shown(home) == set()
    assert all(receipt.erased[place] > 0 for place in (*forgetting._PLACES, "ledger"))


def test_killed_between_two_databases_a_second_run_finishes(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warehouse goes last: without it nobody knows whose order o-ann-1 was."""
    put, left = forgetting.Cleared.put_in_place, []

    def die(self: forgetting.Cleared) -> None:
        if not left:
            raise Killed
        left.pop()
        put(self)

    with monkeypatch.context() as patch:
        patch.setattr(forgetting.Cleared, "put_in_place", die)
        for files in range(3):
            left[:] = [None] * files
            with pytest.raises(Killed):
                erase(home)
    erase(home)
    assert shown(home) == set()


def test_somebody_unknown_is_not_put_on_the_list(home: Settings) -> None:
    with pytest.raises(UserError, match="nothing is known here of a customer c91000077"):
        erase(home, "c91000077")
    with open_ledger(home) as ledger:
        assert ledger.erased_digests() == frozenset()


def test_accounts_of_one_phone_go_together_and_a_phone_of_many_is_nobodys(home: Settings) -> None:
    with connect(home) as con:
        con.execute("update raw.customers set phone_e164 = $1", [PHONE])
    person = forgetting.find_person(home, GONE, None)
    assert person.customer_ids == {GONE, STAYS, "c91000003"}
    with connect(home) as con:
        con.execute(
            "insert into raw.customers by name "
            "select 'n' || i as customer_id, "
            "$1 as phone_e164 from range(3) as t(i)",
            [PHONE],
        )
    person = forgetting.find_person(home, GONE, None)
    assert (person.customer_ids, PHONE in person.phones) == ({GONE}, False)


def test_a_phone_of_nobody_known_goes_on_the_list(home: Settings) -> None:
    receipt = erase(home, None, "+12125550177")
    assert receipt.identifiers == {"customer_id": 0, "phone": 1, "email": 0}
    assert "+12125550177" not in receipt.path.read_text()
    assert sum(receipt.erased.values()) == 0


def test_the_command_reads_a_phone_from_standard_input_and_asks_else(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIP_HOME", str(home.home))
    run = CliRunner()
    said = run.invoke(app, ["forget", "--phone", "-", "--yes", "--json"], input="(202) 555-0177\n")
    assert said.exit_code == 0 and json.loads(said.stdout)["identifiers"]["phone"] == 1
    assert "5550177" not in said.output
    with pytest.raises(UserError, match="nobody can be asked"):
        run.invoke(app, ["forget", "--phone", "-"], input="x\n", catch_exceptions=False)
    with pytest.raises(UserError, match="no valid phone"):
        run.invoke(app, ["forget", "--phone", "-", "--yes"], input="12\n", catch_exceptions=False)
    refused = run.invoke(app, ["forget", GONE], input="n\n")
    assert refused.exit_code == 1 and "warehouse.duckdb" in shown(home)
    agreed = run.invoke(app, ["forget", GONE], input="y\n")
    assert agreed.exit_code == 0 and shown(home) == set()
    assert GONE in agreed.output and PHONE not in agreed.output


def test_the_nightly_check_finds_each_place_anew(home: Settings) -> None:
    erase(home)

    def places() -> set[str]:
        with connect(home, read_only=True) as con:
            return {place for place, *_ in find(home, con)}

    assert places() == set()
    with connect(home) as con:
        con.execute("insert into raw.orders values ('o3', $1)", [GONE])
        con.execute("insert into vip_sms.marts.shared values ($1, 'x')", [PHONE])
    assert places() == {"warehouse", "marts"}
    publish_what_is_built(home)
    (home.paths.exports / "2026-06-30" / "vip_audience.csv").write_text(f"phone\n{PHONE}\n")
    (home.paths.outbox / "2026-07-01" / "9.csv").write_text(f"contact_id\n{GONE}\n")
    with open_ledger(home) as ledger:
        ledger.note_opt_outs("klaviyo", [StopSaid(GONE, datetime(2026, 6, 1, tzinfo=UTC), "test")])
    page = nights.file_of(home, AS_OF)
    page.write_text(page.read_text().replace(STAYS, GONE))
    assert places() == {
        "warehouse",
        "marts",
        "published marts",
        "exports",
        "outbox",
        "ledger",
        "quality",
    }
    erase(home)
    assert places() == set()


def test_a_file_that_was_clean_is_not_looked_through_each_night(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year of nights would be read every night; a change of a file or of the list reads it."""
    read: list[Path] = []
    pick = finding._Clean.pick

    def picked(self: finding._Clean, paths: Iterable[Path]) -> list[Path]:
        fresh = pick(self, paths)
        read.extend(fresh)
        return fresh

    monkeypatch.setattr(finding._Clean, "pick", picked)

    def places() -> set[str]:
        read.clear()
        with connect(home, read_only=True) as con:
            return {place for place, *_ in find(home, con)}

    erase(home)
    assert (places(), len(read) > 10) == (set(), True)
    assert (places(), read) == (set(), [])
    changed = home.paths.exports / "2026-06-30" / "vip_audience.csv"
    changed.write_text(f"phone\n{PHONE}\n")
    for _ in range(2):  # what is not clean is found each time
        assert (places(), read) == ({"exports"}, [changed])
    changed.write_text("phone\n+12125550144\n")
    assert (places(), read) == (set(), [changed])
    changed.unlink()
    assert (places(), read) == (set(), [])
    page = nights.file_of(home, AS_OF)
    page.write_text(page.read_text().replace(STAYS, GONE))
    for _ in range(2):
        assert (places(), read) == ({"quality"}, [page])
    page.write_text(page.read_text().replace(GONE, STAYS))
    with open_ledger(home) as ledger:
        ledger.begin_erasure("another", {"of somebody": "phone"})
    assert (places(), len(read) > 10) == (set(), True)


def test_the_nightly_check_shuts_the_gate(home: Settings) -> None:
    erase(home)

    def stops() -> list[str]:
        (suite,) = (each for each in load_suites() if each.table == "marts.run_context")
        with boundaries._warehouse(home, "gate", AS_OF) as (connection, _):
            boundaries._look_for_erased(connection, home)
            results = boundaries._judge(connection, [(suite, suite.relation)])
        assert GONE not in repr(results)
        return [result.spec.name for result in results if result.stops]

    assert stops() == []
    with connect(home) as con:
        con.execute("insert into raw.orders values ('o3', $1)", [GONE])
    assert stops() == ["nobody_erased_is_anywhere"]


def test_an_empty_home_knows_nobody_and_takes_a_phone(settings: Settings) -> None:
    with pytest.raises(UserError, match="nothing is known here"):
        erase(settings)
    receipt = erase(settings, None, "+12125550177")
    assert receipt.identifiers["phone"] == 1 and not any(receipt.erased.values())


def publish_what_is_built(home: Settings) -> None:
    home.paths.published.chmod(0o600)
    home.paths.published.write_bytes(home.paths.build.read_bytes())
