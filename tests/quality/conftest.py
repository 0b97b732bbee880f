"""A minimal brand in both DuckDB files, good enough to pass every check, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from orchestration.contract import load_contract
from orchestration.quality import CheckResult, boundaries, run_boundary
from orchestration.quality.suites import Suite, load_suites
from orchestration.settings import Settings
from orchestration.warehouse import connect

AS_OF = date(2026, 7, 1)

MARTS = """
create schema if not exists vip_sms.marts;
create table vip_sms.marts.customer_tiers (customer_id varchar, tier varchar, tier_rank integer);
create table vip_sms.marts.customer_value (customer_id varchar, orders_12m bigint);
create table vip_sms.marts.customer_consent (
    customer_id varchar, contact_id varchar, purpose varchar, is_opted_in boolean, state varchar,
    has_proof boolean
);
create table vip_sms.marts.opt_outs (
    contact_id varchar, opted_out_at timestamp, source varchar, last_text_at timestamp,
    texts_after bigint, hours_to_last_text double, deadline_hours double, heeding varchar
);
create table vip_sms.marts.holdout_assignments (
    experiment_id varchar, contact_id varchar, customer_id varchar, arm varchar, bucket double,
    assigned_on date
);
create schema activation;
create table activation.sync_vip_audience (
    as_of_date date, customer_id varchar, contact_id varchar, phone varchar, email varchar,
    first_name varchar, tier varchar, tier_rank integer, audience_ids varchar
);
create table activation.sync_audience_members (
    audience_id varchar, customer_id varchar, send_window_opens_at timestamp,
    send_window_closes_at timestamp, ends_at timestamp
);
create table activation.sync_access_windows (
    campaign_id varchar, customer_id varchar, audience_id varchar, tier varchar, tier_rank integer,
    opens_at timestamp, closes_at timestamp
);
create table vip_sms.marts.holdout_balance (
    experiment_id varchar, stratum_kind varchar, stratum varchar, treated bigint, held_out bigint,
    expected_held_out double, z double, is_within_bounds boolean
);
create table activation.sync_vip_holdout (
    experiment_id varchar, customer_id varchar, contact_id varchar, arm varchar
);
create schema intermediate;
create table intermediate.int_contact_send_windows (
    contact_id varchar, message_class varchar, opens_at timestamp, closes_at timestamp
);
create schema reference;
create table reference.sms_stop_words as from (
    values ('STOP', true, true), ('END', true, false), ('NO MORE', false, true)
) as t(stop_word, is_stop_alone, is_refusal_within);
create table reference.stop_ticket_categories as select 'OPT OUT' as ticket_category;
create table reference.phone_lines as from (
    values ('442', 'fixed_line'), ('447', 'mobile'), ('1415555', 'mobile')
) as t(phone_prefix, line_type);
create table reference.line_types as from (
    values ('fixed_line', false), ('mobile', true)
) as t(line_type, is_textable);
create table reference.sms_rules as
    select 'US' as region_code, 'us_tcpa' as rule_id, 'primary' as confidence, 'law' as source,
        cast(null as date) as effective_from, cast(null as date) as effective_to;
create table reference.public_holidays as select date '2027-12-25' as holiday_on;
create schema policy;
create table policy.policy_parameters as from (
    values ('max_customers_per_phone', 5.0), ('opt_out_watch_days', 7.0)
) as t(parameter, value);
create table policy.audiences as
    select 'vip' as audience_id, 1 as tier_floor_rank, 'promotional' as message_class,
        false as is_message;
create table policy.tier_rules as from (
    values ('silver', 1), ('gold', 2), ('platinum', 3)
) as t(tier, tier_rank);
create table policy.holdouts as
    select 'global' as experiment_id, 0.1 as share, date '2000-01-01' as effective_from,
        cast(null as date) as effective_to;
"""

# Customers c0001 to c2000, each with a phone, a yes and one order. The first 300 are VIPs: c0001 to
# c0030 are held out, c0031 to c0300 are the audience.
BRAND = """
insert into raw.run_context by name select 'run' as run_id, date '2026-07-01' as as_of_date,
    'USD' as reporting_currency, true as is_sample;
create temp table people as
    select i, format('c{:04d}', i) as customer_id, format('+1415{:07d}', 5550000 + i) as phone,
        if(i <= 300, 1 + i % 3, 0) as tier_rank
    from range(1, 2001) as r(i);
insert into raw.customers by name
    select customer_id, timestamp '2024-01-01' as created_at, phone, phone as phone_e164,
        'Ada' as first_name, 'ada@example.com' as email
    from people;
insert into raw.orders by name
    select 'o' || i as order_id, customer_id, timestamp '2026-06-30 12:00:00' as ordered_at,
        'completed' as status, 1 as fx_rate
    from people;
insert into raw.order_lines by name
    select 'l' || i as order_line_id, 'o' || i as order_id, 2 as quantity, 1500 as unit_price
    from people;
insert into raw.consent_events by name
    select 'e' || i as consent_event_id, customer_id, phone, phone as phone_e164,
        'opt_in' as action, timestamp '2024-02-01' as occurred_at
    from people;
insert into raw.contract_tables
    select unnest(['customers', 'orders', 'order_lines', 'consent_events', 'suppressions',
        'sms_events', 'returns']), unnest([true, true, true, false, false, false, false]), true;
insert into raw.load_report
    select unnest(['customers', 'orders', 'order_lines', 'consent_events', 'suppressions',
        'sms_events', 'returns']), 'file.csv', 2000, 2000, 0, 0, 0, null;
insert into vip_sms.marts.customer_tiers
    select customer_id, ['none', 'silver', 'gold', 'platinum'][tier_rank + 1], tier_rank
    from people;
insert into vip_sms.marts.customer_value select customer_id, 1 from people;
insert into vip_sms.marts.customer_consent
    select customer_id, customer_id, 'marketing', true, 'opted_in', true from people
    union all
    select customer_id, customer_id, 'transactional', false, 'unknown', false from people;
insert into vip_sms.marts.holdout_assignments
    select 'global', customer_id, customer_id, if(i <= 30, 'holdout', 'treatment'), 0.5,
        date '2026-07-01'
    from people where tier_rank > 0;
insert into activation.sync_vip_holdout by name
    select experiment_id, customer_id, contact_id, arm from vip_sms.marts.holdout_assignments;
insert into activation.sync_vip_audience
    select date '2026-07-01', customer_id, customer_id, phone, 'ada@example.com', 'Ada', tier,
        tier_rank, 'vip'
    from people inner join vip_sms.marts.customer_tiers using (customer_id, tier_rank)
    where i > 30 and tier_rank > 0;
drop table people;
"""


class Brand:
    """The warehouse of one test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.paths.build.parent.mkdir(parents=True)
        with closing(connect(settings)) as connection:
            connection.execute(f"attach '{settings.paths.build}' as vip_sms")
            connection.execute("create schema raw")
            for table in load_contract().values():
                columns = ", ".join(f"{each.name} {each.data_type}" for each in table.columns)
                connection.execute(f"create table raw.{table.name} ({columns})")
            for script in (MARTS, BRAND):
                connection.execute(script)

    def sql(self, query: str) -> list[tuple]:
        """Run a statement with write access and return its rows."""
        with closing(connect(self.settings)) as connection:
            return connection.execute(query).fetchall()

    def judge(
        self, boundary: str = "landing", as_of_date: date = AS_OF, only: str | None = None
    ) -> dict[str, CheckResult]:
        """The results of a boundary by check; `only` one of them is quicker."""
        with pytest.MonkeyPatch.context() as patch:
            if only:
                patch.setattr(boundaries, "load_suites", lambda: _suites_of(only))
            results = run_boundary(self.settings, boundary, as_of_date, "run")
        return {result.spec.name: result for result in results}

    def check(self, name: str, as_of_date: date = AS_OF) -> CheckResult:
        """The result of one check, judged alone."""
        (suite,) = _suites_of(name)
        return self.judge(suite.boundary, as_of_date, only=name)[name]

    def copy(self, settings: Settings) -> Brand:
        """The same brand and its nights in another home."""
        other = object.__new__(Brand)
        other.settings = settings
        for source in self.settings.paths.home.rglob("*.*"):
            target = settings.paths.home / source.relative_to(self.settings.paths.home)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        return other


def _suites_of(name: str) -> list[Suite]:
    return [
        replace(suite, expectations=(each,))
        for suite in load_suites()
        for each in suite.expectations
        if each.spec.name == name
    ]


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Brand:
    home = tmp_path_factory.mktemp("brand")
    return Brand(Settings(home=home / "var", raw_dir=home / "raw", _env_file=None))


@pytest.fixture
def brand(_template: Brand, settings: Settings) -> Brand:
    """A brand that passes every check, in files of this test's own."""
    return _template.copy(settings)


@pytest.fixture(scope="session")
def _judged_template(_template: Brand, tmp_path_factory: pytest.TempPathFactory) -> Brand:
    home = tmp_path_factory.mktemp("judged")
    judged = _template.copy(Settings(home=home / "var", raw_dir=home / "raw", _env_file=None))
    for boundary in ("landing", "gate"):
        judged.judge(boundary)
    return judged


@pytest.fixture
def judged(_judged_template: Brand, settings: Settings) -> Brand:
    """That brand when landing and gate were judged."""
    return _judged_template.copy(settings)


@pytest.fixture(scope="session")
def rows(_template: Brand) -> pa.Table:
    """The audience of that brand as a push would read it."""
    with closing(connect(_template.settings, read_only=True)) as connection:
        query = "from activation.sync_vip_audience order by customer_id"
        return connection.sql(query).to_arrow_table()


@pytest.fixture
def failed() -> Callable[[dict[str, CheckResult]], set[str]]:
    """The names of the checks that did not pass."""
    return lambda results: {name for name, result in results.items() if not result.passed}
