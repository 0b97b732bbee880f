"""What surrounds the checks: rows of a push, memory of nights, masking, cost of the import."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from datetime import date, timedelta

import pyarrow as pa
import pytest

from orchestration.errors import UserError
from orchestration.quality import CheckResult, gate_rows, nights, run_boundary, suite_specs, wording
from orchestration.quality.suites import load_suites, policy_parameters
from orchestration.settings import Settings
from orchestration.warehouse import connect

AS_OF = date(2026, 7, 1)
REQUIRED = "no_required_table_has_shrunk"
PERSONAL = ("415555", "ada@example.com", "Ada")


def changed(rows: pa.Table, column: str, value: object) -> pa.Table:
    """`rows` with `value` in the first row of `column`."""
    values = [value, *rows[column].to_pylist()[1:]]
    return rows.set_column(
        rows.column_names.index(column), column, pa.array(values, rows[column].type)
    )


def test_specs_are_what_the_boundaries_answer(brand):
    for boundary in ("landing", "gate"):
        expected = [spec for spec in suite_specs() if spec.boundary == boundary]
        results = run_boundary(brand.settings, boundary, AS_OF, "run")
        assert [result.spec for result in results] == expected


def test_names_are_unique_and_every_check_says_why():
    specs = suite_specs()
    names = [spec.name for spec in specs]
    assert len(set(names)) == len(names)
    assert all(spec.description.endswith(".") for spec in specs)
    assert all(name == name.lower() and name.isidentifier() for name in names)


def test_only_critical_checks_block():
    for suite in load_suites():
        for each in suite.expectations:
            assert each.spec.blocking == (each.severity == "error"), each.spec.name


def test_parameters_stand_in_the_policy():
    parameters = policy_parameters()
    for suite in load_suites():
        for each in suite.expectations:
            for value in each.kwargs.values():
                if isinstance(value, dict):
                    assert value["$PARAMETER"] in parameters


def test_specs_and_pages_do_not_import_great_expectations():
    script = (
        "import sys; from orchestration.quality import suite_specs; suite_specs();"
        "print([m for m in ('great_expectations', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what a judge imports
def test_judging_is_quiet(brand, capfd, caplog):
    brand.judge("gate")
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_a_reader_of_the_same_process_does_not_matter(brand):
    with closing(connect(brand.settings, read_only=True)) as reader:
        for _ in range(2):
            reader.execute("detach vip_sms")
            assert brand.check("holdout_share_is_as_designed").passed


# the rows of a push


def test_rows_that_passed_may_be_sent(brand, rows):
    results = gate_rows(rows, brand.settings, AS_OF)
    assert [result.spec.name for result in results if not result.passed] == []
    assert len(results) >= 12


def test_fewer_rows_may_be_sent(brand, rows):
    assert not any(result.stops for result in gate_rows(rows[:5], brand.settings, AS_OF))
    assert not any(result.stops for result in gate_rows(rows[:0], brand.settings, AS_OF))


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("phone", "+14155550001", "every_phone_is_its_members_own"),
        ("phone", "5550031", "every_member_has_an_e164_phone"),
        ("customer_id", "nobody", "no_member_is_a_test_account"),
        ("contact_id", "c0001", "no_member_is_in_the_holdout"),
        ("tier", "platinum", "every_member_holds_a_vip_tier"),
        ("as_of_date", date(2026, 6, 30), "every_row_is_of_tonight"),
    ],
)
def test_rows_are_judged_not_the_table(brand, rows, column, value, check):
    results = {
        r.spec.name: r for r in gate_rows(changed(rows, column, value), brand.settings, AS_OF)
    }
    assert results[check].stops


def test_a_stop_that_arrived_since_the_gate_is_seen(brand, rows):
    brand.judge("gate")
    brand.sql(
        "insert into raw.sms_events by name select 's' as sms_event_id, 'c0100' as customer_id,"
        " 'opt_out' as event_type, timestamp '2026-06-30' as occurred_at"
    )
    results = {result.spec.name: result for result in gate_rows(rows, brand.settings, AS_OF)}
    assert results["no_member_has_opted_out"].unexpected_rows[0]["customer_id"] == "c0100"


def test_rows_without_a_column_may_not_be_sent(brand, rows):
    results = gate_rows(rows.drop_columns(["contact_id"]), brand.settings, AS_OF)
    assert all(result.stops for result in results if result.spec.name != "audience_size_is_usual")


def test_nothing_to_hold_rows_against(settings, rows):
    empty = Settings(home=settings.home / "elsewhere", _env_file=None)
    with pytest.raises(UserError, match="vip nightly"):
        gate_rows(rows, empty, AS_OF)
    with closing(connect(empty)):
        pass
    with pytest.raises(UserError, match="vip nightly"):
        gate_rows(rows, empty, AS_OF)


# the memory of nights


def before(days: int) -> date:
    return AS_OF - timedelta(days=days)


def volume(brand, as_of_date: date, table: str, rows: int, check: str = REQUIRED) -> CheckResult:
    """The result of a landing at which `table` had that many rows."""
    brand.sql(f"update raw.load_report set rows_loaded = {rows} where table_name = '{table}'")
    return brand.check(check, as_of_date)


@pytest.mark.parametrize(
    ("table", "enough", "short", "check", "stops"),
    [
        ("orders", 1600, 1599, "no_required_table_has_shrunk", True),
        ("suppressions", 1960, 1959, "no_consent_table_has_shrunk", True),
        ("consent_events", 1960, 0, "no_consent_table_has_shrunk", True),
        ("returns", 1600, 1599, "no_optional_table_has_shrunk", False),
    ],
)
def test_a_table_that_shrinks_is_found(brand, table, enough, short, check, stops):
    volume(brand, before(1), table, 2000)
    assert volume(brand, AS_OF, table, enough, check).passed
    result = volume(brand, AS_OF, table, short, check)
    assert not result.passed
    assert result.stops is stops
    assert result.unexpected_rows[0]["table_name"] == table
    assert result.unexpected_rows[0]["usual_rows"] == 2000


def test_a_table_that_vanishes_is_found(brand):
    volume(brand, before(1), "orders", 2000)
    brand.sql("delete from raw.load_report where table_name = 'suppressions'")
    assert brand.check("no_consent_table_has_shrunk").stops


def test_an_erasure_of_a_few_rows_is_forgiven(brand):
    volume(brand, before(1), "suppressions", 20)
    check = "no_consent_table_has_shrunk"
    assert volume(brand, AS_OF, "suppressions", 15, check).passed
    assert volume(brand, AS_OF, "suppressions", 14, check).stops


def test_the_median_of_earlier_nights_counts(brand):
    for days, rows in ((3, 1000), (2, 2000), (1, 2100)):
        volume(brand, before(days), "orders", rows)
    result = volume(brand, AS_OF, "orders", 1500)
    assert result.observed == "up to 25 %"


def test_a_stopped_night_is_no_measure(brand):
    volume(brand, before(2), "orders", 2000)
    assert volume(brand, before(1), "orders", 10).stops
    assert volume(brand, AS_OF, "orders", 10).stops


def test_a_rerun_replaces_its_night_and_later_nights_do_not_count(brand):
    volume(brand, AS_OF, "orders", 2000)
    result = volume(brand, AS_OF, "orders", 10)
    assert result.observed == "no earlier night to compare with"
    assert volume(brand, before(1), "orders", 10).passed
    kept = nights.read(brand.settings, AS_OF)["boundaries"]["landing"]["volumes"]
    assert kept["orders"] == 10


def test_the_sample_is_no_measure_for_a_brand(brand):
    volume(brand, before(1), "orders", 2000)
    brand.sql("update raw.run_context set is_sample = false")
    assert volume(brand, AS_OF, "orders", 10).passed


def test_a_torn_or_foreign_file_is_no_night(brand):
    folder = brand.settings.paths.quality
    folder.mkdir(parents=True)
    (folder / "2026-06-30.json").write_text('{"as_of')
    (folder / "2026-13-99.json").write_text("{}")
    assert nights.usual_rows(brand.settings, "landing", AS_OF, "sample") == {}


def test_an_unusual_audience_warns(brand):
    def judged(as_of_date: date, keep: int) -> tuple[str, bool]:
        brand.sql(
            f"delete from activation.sync_vip_audience where customer_id > 'c{30 + keep:04d}';"
            f"update activation.sync_vip_audience set as_of_date = '{as_of_date}'"
        )
        result = brand.check("audience_size_is_usual", as_of_date)
        assert not result.stops
        return result.observed, result.passed

    assert judged(before(3), 270) == ("no earlier night to compare with", True)
    assert judged(before(2), 135) == ("-50 %", True)
    assert judged(before(1), 80) == ("-60.49 %", False)
    assert judged(AS_OF, 0) == ("-100 %", False)


def test_a_night_keeps_its_boundaries_and_landing_begins_it_anew(judged, rows):
    gate_rows(rows, judged.settings, AS_OF)
    night = nights.read(judged.settings, AS_OF)
    assert list(night["boundaries"]) == ["landing", "gate", "push"]
    assert night["boundaries"]["gate"]["volumes"] == {"sync_vip_audience": 270}
    assert night["boundaries"]["push"]["volumes"] == {"rows": 270}
    judged.check("every_order_has_one_row")
    assert list(nights.read(judged.settings, AS_OF)["boundaries"]) == ["landing"]


# masking


def test_no_personal_data_is_kept(brand, rows):
    brand.sql(
        "update activation.sync_vip_audience set phone = '415 555 0100';"
        "insert into raw.rejects by name select 'suppressions' as table_name,"
        " 'ada@example.com.csv' as file_name, 1 as row_number, 'phone 4155550100' as reason"
    )
    for boundary in ("landing", "gate"):
        brand.judge(boundary)
    gate_rows(changed(rows, "phone", "4155550100"), brand.settings, AS_OF)
    kept = nights.file_of(brand.settings, AS_OF)
    assert json.loads(kept.read_text())["boundaries"]["push"]["checks"][0]["unexpected_rows"]
    assert not any(word in kept.read_text() for word in PERSONAL)
    assert kept.stat().st_mode & 0o077 == 0


def test_masked_rows():
    row = {
        "customer_id": "7001234567",
        "contact_id": "ada@example.com",
        "consent_event_id": "+14155550100",
        "phone": "+14155550100",
        "first_name": "Ada",
        "reply_to_email": "ada@example.com",
        "table_name": "customers",
        "customers_on_phone": 7,
        "reason": "4155550100 is on the list",
        "last_opt_in_at": "2026-06-30 23:59:59",
        "code": "VIP-AB12",
        "message_code": "VIP-CD34",
        "country_code": "US",
    }
    assert wording.masked(row) == {
        "customer_id": "7001234567",
        "contact_id": "***@***",
        "consent_event_id": "***00",
        "table_name": "customers",
        "customers_on_phone": 7,
        "reason": "***00 is on the list",
        "last_opt_in_at": "2026-06-30 23:59:59",
        "code": "",
        "message_code": "",
        "country_code": "US",
    }


def test_at_most_ten_rows_are_shown(brand):
    brand.sql("update activation.sync_vip_audience set tier = 'bronze'")
    result = brand.check("every_member_holds_a_vip_tier")
    assert result.observed == "270 rows"
    assert [row["customer_id"] for row in result.unexpected_rows] == [
        f"c{i:04d}" for i in range(31, 41)
    ]
