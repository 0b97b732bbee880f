"""The quarterly audit: does the written policy still fit the customers it was written for?

Read from the marts of the last night and told as a page for the owner of the policy. Nothing is
changed: a policy changes by its files, reviewed like any other change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

import duckdb
from jinja2 import Template

from orchestration.files import write_private
from orchestration.night import require_night
from orchestration.pages import environment
from orchestration.settings import Settings
from orchestration.warehouse import connect, records

_PERCENTILES = (0.5, 0.8, 0.9, 0.95, 0.99)

# Every figure is about customers who bought in the window and are no test account, unless it says
# otherwise: the same people that the share of VIPs is a share of.
_ACTIVE = """
    select value.*, tiers.tier, tiers.tier_rank, tiers.qualified_tier_rank,
    from vip_sms.marts.customer_value as value
    inner join vip_sms.marts.customer_tiers as tiers using (customer_id)
    where value.orders_12m > 0 and not value.is_test"""


@dataclass(frozen=True)
class Finding:
    """One thing that an audit has to say; `warned` asks the owner for a decision."""

    state: Literal["passed", "warned"]
    title: str
    told: str


@dataclass(frozen=True)
class Audit:
    """What the audit saw on one night.

    `policy` is the version in force; `tiers` has a row a tier, highest first (tier, tier_rank,
    customers, active, share, qualified, inactive, cm3_12m); `spend` are percentiles of qualifying
    spend of active customers; `benefits` are the rows of benefit_usage, `caps` those of
    frequency_cap_proposals; `parameters` the numbers that findings are judged by. Money is in
    `currency`.
    """

    as_of_date: date
    currency: str
    policy: dict[str, Any]
    rules: list[dict[str, Any]]
    tiers: list[dict[str, Any]]
    spend: dict[float, float | None]
    benefits: list[dict[str, Any]]
    caps: list[dict[str, Any]]
    parameters: dict[str, float]

    @property
    def vip_share(self) -> float:
        """VIPs among the customers who bought in the last twelve months, 0 to 1."""
        # Shares of whole customers may add up to a hair less than a tenth.
        return round(sum(tier["share"] or 0 for tier in self.tiers), 9)


def write(settings: Settings, as_of_date: date) -> Path:
    """Audit the night of `as_of_date` and return the page, `var/audits/<as_of_date>.html`.

    Raises `UserError` when the warehouse holds another night.
    """
    audit = read(settings, as_of_date)
    settings.paths.audits.mkdir(parents=True, exist_ok=True)
    page = settings.paths.audits / f"{as_of_date.isoformat()}.html"
    write_private(page, render(audit).encode())
    return page


def read(settings: Settings, as_of_date: date) -> Audit:
    """Return what the warehouse says. Raises `UserError` when it holds another night."""
    with connect(settings, read_only=True) as connection:
        night = require_night(connection, as_of_date)
        version = night["policy_version"]
        (policy,) = records(
            connection, "select * from policy.policy_versions where policy_version = ?", version
        )
        (spend,) = records(
            connection,
            "select "
            + ", ".join(f'quantile_cont(qualifying_spend, {p}) as "{p}"' for p in _PERCENTILES)
            + f" from ({_ACTIVE})",
        )
        return Audit(
            as_of_date=as_of_date,
            currency=night["reporting_currency"],
            policy=policy,
            rules=_rules(connection, version),
            tiers=_tiers(connection, version),
            spend={float(share): value for share, value in spend.items()},
            benefits=records(
                connection,
                "select usage.* from vip_sms.marts.benefit_usage as usage inner join "
                "(select distinct tier, tier_rank from policy.tier_rules where policy_version = ?) "
                "as ranks using (tier) order by ranks.tier_rank desc, usage.benefit_id",
                version,
            ),
            caps=records(
                connection,
                "from vip_sms.marts.frequency_cap_proposals "
                "order by message_class, window_hours desc, tier_rank desc",
            ),
            parameters=dict(
                connection.execute(
                    "select parameter, cast(value as double) from policy.policy_parameters"
                ).fetchall()
            ),
        )


def findings(audit: Audit) -> list[Finding]:
    """Judge an audit against the policy's own numbers; what asks for a decision comes first."""
    found = [_review(audit), _share(audit), *_benefits(audit), *_caps(audit)]
    found += [finding for tier in audit.tiers for finding in (_members(tier), _idle(audit, tier))]
    return sorted(found, key=lambda finding: finding.state != "warned")


def render(audit: Audit) -> str:
    """The page as text, complete in itself."""
    found = findings(audit)
    open_ = sum(finding.state == "warned" for finding in found)
    return _template().render(
        audit=audit,
        findings=found,
        state="warned" if open_ else "passed",
        headline=(
            f"{open_} decision{'' if open_ == 1 else 's'} for {audit.policy['owner']}"
            if open_
            else "The policy still fits"
        ),
    )


def _review(audit: Audit) -> Finding:
    due = audit.policy["review_on"]
    if due is None:
        return Finding("warned", "No review date", "The policy names no day for its review.")
    if due <= audit.as_of_date:
        return Finding("warned", "Review overdue", f"The policy was to be reviewed on {due}.")
    return Finding("passed", "Review date", f"The next review is due on {due}.")


def _share(audit: Audit) -> Finding:
    low, high = audit.parameters["vip_share_low"], audit.parameters["vip_share_high"]
    share = audit.vip_share
    told = (
        f"{share:.1%} of the customers of the last 12 months are VIPs; "
        f"meant are {low:.0%} to {high:.0%}."
    )
    if share < low:
        return Finding("warned", "Too few VIPs", f"{told} The thresholds are out of reach.")
    if share > high:
        return Finding(
            "warned", "Too many VIPs", f"{told} The thresholds no longer tell anybody apart."
        )
    return Finding("passed", "Share of VIPs", told)


def _members(tier: dict[str, Any]) -> Finding:
    name = tier["tier"].capitalize()
    if not tier["customers"]:
        return Finding(
            "warned", f"{name} is empty", "Nobody holds this tier: is its threshold right?"
        )
    kept = tier["customers"] - tier["qualified"]
    told = f"{_customers(tier['customers'])}, of whom {kept:,} below its rules."
    return Finding("passed", f"{name} holds", told)


def _idle(audit: Audit, tier: dict[str, Any]) -> Finding:
    days = int(audit.parameters["inactive_vip_days"])
    name = tier["tier"].capitalize()
    told = f"Without an order for {days} days: {_customers(tier['inactive'])}"
    if tier["inactive"]:
        return Finding(
            "warned", f"Inactive {name}", f"{told}; who they are stands in inactive_vips."
        )
    return Finding("passed", f"{name} is active", f"{told}.")


def _customers(count: int) -> str:
    return f"{count:,} customer{'' if count == 1 else 's'}"


def _benefits(audit: Audit) -> list[Finding]:
    low = audit.parameters["benefit_use_low"]
    known = [row for row in audit.benefits if row["redeemed_share_12m"] is not None]
    if not known:
        return [Finding("passed", "Use of benefits", "Not known: no redemption is recorded.")]
    silent = [row["benefit_id"] for row in known if not row["customers_redeemed_12m"]]
    found = [
        Finding(
            "warned",
            f"{row['benefit_id']} is hardly used",
            f"{row['redeemed_share_12m']:.1%} of the {row['customers_entitled']:,} entitled used "
            f"it in 12 months; below {low:.0%} a benefit is not one they want.",
        )
        for row in known
        if 0 < row["redeemed_share_12m"] < low
    ]
    if silent:
        told = "In 12 months nobody used them, or the shop does not hand their use over: "
        title = f"{len(silent)} benefit{'' if len(silent) == 1 else 's'} without any use"
        found.append(Finding("warned", title, told + ", ".join(silent) + "."))
    enough = Finding(
        "passed", "Use of benefits", f"{low:.0%} or more of each tier use what it has."
    )
    return found or [enough]


_WHY = {
    "people_leave": "more people leave after it than the policy can bear",
    "hardly_clicked": "the same people click it far less than their first",
}
_FIRST_IS_TOO_MANY = "More people leave after the first one already than the policy can bear."


def _caps(audit: Audit) -> list[Finding]:
    """What the texts of a year say of the caps; none of it moves a cap by itself."""
    found = []
    together: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for cap in audit.caps:
        about = f"{_window(cap)} for {cap['tier'].capitalize()}"
        if cap["verdict"] == "lower" or (
            cap["verdict"] == "unknown_below" and cap["lowest_too_many"] <= cap["max_messages"]
        ):
            proposed = cap["proposed_max_messages"]
            fewer = "Of fewer too little is known." if proposed is None else f"{proposed} would do."
            told = (
                f"The cap is {cap['max_messages']}; number {cap['lowest_too_many']} is no longer "
                f"worth it, because {_WHY[cap['reason']]}. {fewer}"
            )
            found.append(Finding("warned", f"Too many texts: {about}", told))
        elif cap["verdict"] == "first_is_too_many":
            found.append(Finding("warned", f"Unwelcome texts: {about}", _FIRST_IS_TOO_MANY))
        elif (
            cap["verdict"] in ("too_few_texts", "no_limit_seen", "unknown_below")
            and cap["all_tiers_max_messages"] is not None
            and cap["all_tiers_max_messages"] < cap["max_messages"]
        ):
            together.setdefault((cap["message_class"], cap["window_hours"]), []).append(cap)
    for caps in together.values():
        most = caps[0]["all_tiers_max_messages"]
        if most == 0:
            told = f"By the texts of all tiers together: {_FIRST_IS_TOO_MANY}"
            found.append(Finding("warned", f"Unwelcome texts: {_window(caps[0])}", told))
            continue
        written = ", ".join(f"{cap['max_messages']} for {cap['tier'].capitalize()}" for cap in caps)
        told = (
            f"The caps are {written}; by the texts of all tiers together "
            f"{most} would do. Each tier alone has too few to tell."
        )
        found.append(Finding("warned", f"Too many texts: {_window(caps[0])}", told))
    if found:
        return found
    is_judged = any((cap["highest_judged"] or 0) > 1 for cap in audit.caps)
    return [
        Finding(
            "passed",
            "Frequency of texts",
            "No number of texts within a cap is known to be too many."
            if is_judged
            else "Not known: too few texts of the last year, or no reactions to them.",
        )
    ]


def _window(cap: dict[str, Any]) -> str:
    days, hours = divmod(cap["window_hours"], 24)
    length = f"{cap['window_hours']} hours" if hours or days == 1 else f"{days} days"
    return f"{'of any kind' if cap['message_class'] == 'all' else cap['message_class']} in {length}"


def _rules(connection: duckdb.DuckDBPyConnection, version: str) -> list[dict[str, Any]]:
    """The rules in force, a blend as one, with what a share comes to today.

    `share` is the share that a rule names, `met` that of active customers who meet its threshold;
    None where it cannot be known.
    """
    rules = records(
        connection,
        """
        with written as (
            select
                tier,
                tier_rank,
                case when combiner = 'rank_blend' then 'rank_blend' else metric end as metric,
                rule,
                min(unit) as unit,
                cast(min(threshold) filter (rule = 'top_share') as double) as share,
            from policy.tier_rules
            where policy_version = ?
            group by all
        )
        select
            written.tier,
            written.tier_rank,
            written.metric,
            written.rule,
            written.share,
            asked.threshold,
            coalesce(asked.unit, written.unit) as unit,
        from written
        left join vip_sms.marts.tier_requirements as asked using (tier_rank, metric, rule)
        order by written.tier_rank desc, written.metric, written.rule""",
        version,
    )
    columns = {row[0] for row in connection.execute(f"describe {_ACTIVE}").fetchall()}
    for rule in rules:
        own = f'active."{rule["metric"]}"' if rule["metric"] in columns else "own.metric_value"
        sign = "<=" if rule["metric"] == "rank_blend" else ">="
        (row,) = records(
            connection,
            f"""
            select
                count(*) filter ({own} {sign} ?) / nullif(count(*), 0) as met,
                count({own}) as known,
            from ({_ACTIVE}) as active
            left join vip_sms.marts.tier_rule_values as own
                on own.customer_id = active.customer_id and own.tier_rank = ? and own.metric = ?""",
            rule["threshold"],
            rule["tier_rank"],
            rule["metric"],
        )
        is_known = rule["threshold"] is not None and row["known"]
        rule["met"] = row["met"] if is_known else None
    return rules


def _tiers(connection: duckdb.DuckDBPyConnection, version: str) -> list[dict[str, Any]]:
    return records(
        connection,
        f"""
        with tiers as (
            select distinct tier, tier_rank from policy.tier_rules where policy_version = ?
        ),
        held as (
            select
                tiers.tier_rank,
                count(*) as customers,
                count(*) filter (tiers.qualified_tier_rank >= tiers.tier_rank) as qualified,
                sum(value.cm3_12m) as cm3_12m,
            from vip_sms.marts.customer_tiers as tiers
            inner join vip_sms.marts.customer_value as value using (customer_id)
            where not value.is_test
            group by tiers.tier_rank
        ),
        active as (select tier_rank, count(*) as customers from ({_ACTIVE}) group by tier_rank),
        inactive as (
            select tier_rank, count(*) as customers from vip_sms.marts.inactive_vips group by 1
        )
        select
            tiers.tier,
            tiers.tier_rank,
            coalesce(held.customers, 0) as customers,
            coalesce(active.customers, 0) as active,
            coalesce(active.customers, 0) / nullif((select sum(customers) from active), 0) as share,
            coalesce(held.qualified, 0) as qualified,
            coalesce(inactive.customers, 0) as inactive,
            coalesce(held.cm3_12m, 0) as cm3_12m,
        from tiers
        left join held using (tier_rank)
        left join active using (tier_rank)
        left join inactive using (tier_rank)
        order by tiers.tier_rank desc""",
        version,
    )


def _number(value: float | None, digits: int = 0) -> str:
    return "not known" if value is None else f"{value:,.{digits}f}"


def _percent(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1%}"


@cache
def _template() -> Template:
    made = environment(Path(__file__).parent / "pages")
    made.filters["number"] = _number
    made.filters["percent"] = _percent
    return made.get_template("audit.html.jinja")
