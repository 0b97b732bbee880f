"""A finished night in miniature: the tables that delivery reads, without landing or dbt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow as pa

from orchestration.contract import load_contract
from orchestration.landing.loading import create_table
from orchestration.settings import Settings

AS_OF = date(2026, 7, 1)


@dataclass(frozen=True)
class Vip:
    """One member of the audience."""

    customer_id: str
    tier: str = "Gold"
    phone: str = ""
    spend_to_next_tier: str = "123.4500"
    preferred_hour: int | None = None

    @property
    def number(self) -> str:
        return self.phone or f"+1202555{int(self.customer_id.strip('c')):04d}"


def members(count: int, tier: str = "Gold") -> list[Vip]:
    return [Vip(f"c{number}", tier) for number in range(1, count + 1)]


def insert(
    con: duckdb.DuckDBPyConnection, table: str, select: str, rows: list[tuple], day: str
) -> None:
    """Insert what `select` makes of the columns of `rows`; one by one would take minutes."""
    if rows:
        names = [f"column{number}" for number in range(len(rows[0]))]
        con.register("rows", pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))))
        con.execute(f"insert into {table} {select} from rows", [day])
        con.unregister("rows")


# Where somebody may say stop, and who has which phone.
SAID = (
    "customers",
    "consent_events",
    "sms_events",
    "sms_messages",
    "suppressions",
    "support_tickets",
)


def add_customers(settings: Settings) -> None:
    """Give each member of a night that was built a row in the raw customers, named by contact."""
    with duckdb.connect(str(settings.paths.warehouse)) as con:
        con.execute(
            "insert into raw.customers by name select contact_id as customer_id, "
            "phone as phone_e164, email from activation.sync_vip_audience"
        )


def build(
    settings: Settings,
    vips: list[Vip],
    *,
    as_of: date = AS_OF,
    holdout: list[str] = ("c9001", "c9002"),
    decisions: dict[str, str] | None = None,
    coded: list[str] = (),
    is_sample: bool = True,
    fingerprint: str = "f1",
) -> None:
    """Write warehouse and marts as a nightly run leaves them.

    `decisions`: reason by customer. `coded`: who has a code in campaign ea.
    """
    paths = settings.paths
    for path in (paths.warehouse, paths.build):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    day = as_of.isoformat()
    with duckdb.connect(str(paths.warehouse)) as con:
        con.execute(f"attach '{paths.build}' as vip_sms")
        con.execute(
            "create schema raw; create schema activation; create schema policy;"
            "create schema reference; create schema vip_sms.marts"
        )
        con.execute(
            "create table raw.run_context as select 'r' as run_id, "
            f"date '{day}' as as_of_date, 'USD' as reporting_currency, {is_sample} as is_sample, "
            f"'{fingerprint}' as raw_fingerprint"
        )
        con.execute(
            "create table raw.holdout_log (experiment_id varchar, contact_id varchar, "
            "customer_id varchar, arm varchar, bucket double, assigned_on date)"
        )
        con.execute(
            "create table raw.message_log (audience_id varchar, contact_id varchar, "
            "customer_id varchar, subject_id varchar, message_class varchar, send_at timestamp, "
            "ends_at timestamp, as_of_date date)"
        )
        for table in SAID:
            create_table(con, load_contract()[table])
        con.execute(
            "create table reference.stop_ticket_categories as "
            "select 'STOP TEXTS' as ticket_category"
        )
        con.execute(
            "create table vip_sms.marts.run_context as "
            "select *, '2026.1' as policy_version from raw.run_context"
        )
        con.execute("create table policy.audiences as select 'vip' as audience_id")
        con.execute(
            "create table activation.sync_vip_audience (as_of_date date, customer_id varchar, "
            "contact_id varchar, phone varchar, email varchar, first_name varchar, tier varchar, "
            "tier_rank integer, audience_ids varchar, tier_since date, next_tier varchar, "
            "spend_to_next_tier decimal(18, 4), progress_to_next_tier double, "
            "benefits varchar, preferred_hour integer, message_campaign_id varchar)"
        )
        insert(
            con,
            "activation.sync_vip_audience",
            "select ?, column0, column1, column2, column3, 'Ann', column4, 2, 'vip', "
            "'2026-01-01', null, column5, 0.3333333333, 'discount', column6, 'ea'",
            [
                (
                    vip.customer_id,
                    f"k-{vip.customer_id}",
                    vip.number,
                    f"{vip.customer_id}@example.com",
                    vip.tier,
                    vip.spend_to_next_tier,
                    vip.preferred_hour,
                )
                for vip in vips
            ],
            day,
        )
        con.execute(
            "create table vip_sms.marts.holdout_assignments (as_of_date date, "
            "experiment_id varchar, contact_id varchar, customer_id varchar, arm varchar, "
            "bucket double, assigned_on date)"
        )
        assigned = [(one, "holdout", 0.01) for one in holdout]
        assigned += [(vip.customer_id, "treatment", 0.5) for vip in vips]
        insert(
            con,
            "vip_sms.marts.holdout_assignments",
            "select $1, 'global', column0, column1, column2, column3, $1",
            [(f"k-{one}", one, arm, bucket) for one, arm, bucket in assigned],
            day,
        )
        con.execute(
            "create view activation.sync_vip_holdout as select as_of_date, experiment_id, "
            "contact_id, customer_id, arm, cast(null as varchar) as phone, "
            "cast(null as varchar) as email from vip_sms.marts.holdout_assignments"
        )
        con.execute(
            "create schema marts_private;"
            "create table marts_private.customer_contacts "
            "(as_of_date date, customer_id varchar, contact_id varchar, phone_e164 varchar)"
        )
        known = {vip.customer_id: vip.number for vip in vips}
        gone = [*holdout, *(decisions or ())]
        known |= {one: Vip(one).number for one in gone if one not in known}
        insert(
            con,
            "marts_private.customer_contacts",
            "select $1, column0, 'k-' || column0, column1",
            list(known.items()),
            day,
        )
        con.execute(
            "create table vip_sms.marts.customer_consent as select as_of_date, customer_id, "
            "contact_id, 'marketing' as purpose, 'opted_in' as state, true as is_opted_in, "
            "timestamp '2026-01-01' as changed_at from activation.sync_vip_audience"
        )
        con.execute(
            "create view activation.sync_audience_members as select as_of_date, "
            "'vip' as audience_id, customer_id, contact_id, 'promotional' as message_class, "
            "'ea' as campaign_id, 12.3450::decimal(18, 4) as amount "
            "from activation.sync_vip_audience"
        )
        con.execute(
            "create table activation.sync_access_windows (campaign_id varchar, "
            "customer_id varchar, campaign_name varchar, tier varchar, opens_at timestamp, "
            "closes_at timestamp)"
        )
        insert(
            con,
            "activation.sync_access_windows",
            "select 'ea', column0, 'Early', 'Gold', $1::date - 1, $1::date + 1",
            [(one,) for one in coded],
            day,
        )
        con.execute(
            "create view activation.sync_email_segment as select as_of_date, customer_id, "
            "contact_id, email, first_name, tier, benefits from activation.sync_vip_audience;"
            "create view activation.sync_vip_flags as select as_of_date, customer_id, tier, "
            "tier_rank, benefits from activation.sync_vip_audience;"
            "create view activation.sync_vip_prices as select as_of_date, as_of_date as valid_on, "
            "customer_id, tier, 0.15::double as discount_share from activation.sync_vip_audience;"
            "create table activation.sync_expedited_orders as select as_of_date, "
            "row_number() over (order by customer_id) as place, 'o-' || customer_id as order_id, "
            "customer_id, tier from activation.sync_vip_audience;"
            "create table activation.sync_support_tasks as select as_of_date, customer_id, "
            "'care' as reason, 't-' || customer_id as subject_id, tier, "
            "as_of_date::timestamp as due_at, 75::decimal(18, 4) as authority_amount "
            "from activation.sync_vip_audience"
        )
        reasons = {vip.customer_id: "member" for vip in vips} | (decisions or {})
        con.execute(
            "create table vip_sms.marts.audience_decisions (as_of_date date, audience_id varchar, "
            "customer_id varchar, contact_id varchar, decision varchar, reason_code varchar, "
            "is_message boolean, message_class varchar, subject_id varchar, send_at timestamp, "
            "ends_at timestamp)"
        )
        insert(
            con,
            "vip_sms.marts.audience_decisions",
            "select $1, 'vip', column0, 'k-' || column0, column1, column2, false, 'promotional', "
            "'gold', $1, null",
            [
                (customer, "member" if reason == "member" else "excluded", reason)
                for customer, reason in reasons.items()
            ],
            day,
        )
        con.execute(
            "create table vip_sms.marts.customer_tiers as select as_of_date, customer_id, tier, "
            "tier_rank from activation.sync_vip_audience"
        )
