"""The night in figures: what a person wants to know when it is over.

Read from the marts just built. How the figures come to be belongs to the models.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from orchestration.night import require_night
from orchestration.settings import Settings
from orchestration.warehouse import connect, one


@dataclass(frozen=True)
class Tier:
    """One tier: its customers, and the share of those of them who are active in all who are."""

    tier: str
    customers: int
    share: float


@dataclass(frozen=True)
class Exclusion:
    """How many candidates of an audience one reason stopped, in the order of the reasons."""

    audience_id: str
    reason_code: str
    description: str
    customers: int


@dataclass(frozen=True)
class Audience:
    """One occasion to write: who is told tonight, who is held out, who is left out.

    `state` is live, nobody, or no data: tables that its condition needs were not handed over.
    """

    audience_id: str
    state: str
    members: int
    held_out: int
    excluded: int


@dataclass(frozen=True)
class Summary:
    """Figures of one night. `tiers` holds the VIP tiers, highest first; shares are 0 to 1.

    `vips` are all who hold a tier, by grace and as test accounts too; the active are those of them
    who bought in the last 12 months and are no test, and `vip_share` is theirs of all who did.
    """

    as_of_date: date
    policy_version: str
    reporting_currency: str
    is_sample: bool
    rows_read: int
    rows_rejected: int
    customers: int
    customers_active: int
    vips: int
    vips_active: int
    vip_share: float
    tiers: list[Tier]
    audience: int
    holdout: int
    mailed: int
    exclusions: list[Exclusion]
    audiences: list[Audience]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return {**asdict(self), "as_of_date": self.as_of_date.isoformat()}


def read(settings: Settings, as_of_date: date) -> Summary:
    """Return the figures of the night. Raises `UserError` when the warehouse holds another."""
    with connect(settings, read_only=True) as connection:
        night = require_night(connection, as_of_date)
        rows_read, rows_rejected = one(
            connection,
            "select coalesce(sum(rows_read), 0), coalesce(sum(rows_rejected), 0) "
            "from vip_sms.marts.load_report",
        )
        tiers = connection.execute(
            """
            select
                tiers.tier,
                tiers.tier_rank,
                count(*) as customers,
                count(*) filter (value.orders_12m > 0 and not value.is_test) as customers_active,
            from vip_sms.marts.customer_tiers as tiers
            inner join vip_sms.marts.customer_value as value using (customer_id)
            group by tiers.tier, tiers.tier_rank
            order by tiers.tier_rank desc
            """
        ).fetchall()
        (audience,) = one(
            connection,
            "select count(*) from vip_sms.marts.audience_members where audience_id = 'vip'",
        )
        (holdout,) = one(
            connection,
            "select count(distinct contact_id) from vip_sms.marts.audience_decisions "
            "where audience_id = 'vip' and decision = 'holdout'",
        )
        (mailed,) = one(
            connection,
            "select count(*) from vip_sms.marts.email_decisions where decision = 'member'",
        )
        exclusions = connection.execute(
            """
            select
                waterfall.audience_id,
                waterfall.reason_code,
                reasons.description,
                waterfall.customers,
            from vip_sms.marts.audience_waterfall as waterfall
            inner join policy.decision_reasons as reasons using (reason_code)
            where waterfall.decision = 'excluded' and waterfall.customers > 0
            order by waterfall.audience_id, waterfall.step
            """
        ).fetchall()
        audiences = connection.execute(
            """
            select audience_id, state, members, held_out, excluded,
            from vip_sms.marts.audience_overview
            where is_message
            order by priority desc, audience_id
            """
        ).fetchall()
    active = sum(row[3] for row in tiers)
    vips = [row for row in tiers if row[1] > 0]
    vips_active = sum(row[3] for row in vips)
    return Summary(
        as_of_date=as_of_date,
        policy_version=night["policy_version"],
        reporting_currency=night["reporting_currency"],
        is_sample=night["is_sample"],
        rows_read=int(rows_read),
        rows_rejected=int(rows_rejected),
        customers=sum(row[2] for row in tiers),
        customers_active=active,
        vips=sum(row[2] for row in vips),
        vips_active=vips_active,
        vip_share=_share(vips_active, active),
        tiers=[Tier(tier, customers, _share(some, active)) for tier, _, customers, some in vips],
        audience=audience,
        holdout=holdout,
        mailed=mailed,
        exclusions=[Exclusion(*row) for row in exclusions],
        audiences=[Audience(*row) for row in audiences],
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
