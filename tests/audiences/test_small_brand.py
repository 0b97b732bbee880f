"""A small brand through the real models: whole, with tables left out, and on the night after.

The loader lands it, dbt compiles the models once, and their SQL runs in memory. What Python fits
stays empty: no audience asks for it. Left out is every optional table but the rates of currencies,
which the loader asks for and no model reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from amount import amount
from compiled import Compiled
from dbt_runs import create_source_tables
from saturation import Log, Text, bands
from scipy.stats import binomtest

from orchestration.contract import load_contract, raw_tables
from orchestration.landing import land
from orchestration.ledger import (
    append_holdout_log,
    append_message_log,
    copy_to_warehouse,
    open_ledger,
)
from orchestration.sample import generate
from orchestration.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("audiences")]

AS_OF = date(2026, 6, 11)  # the last day of a month's early access
NEXT = AS_OF + timedelta(days=1)
OPTIONAL = sorted(
    table.name for table in raw_tables() if not table.required and table.name != "fx_rates"
)
# Whoever loses a rival may go instead, and who gains one may not.
ROOM = {"member", "lower_priority", "frequency_cap"}


@dataclass(frozen=True)
class Part:
    """What a table has a part in: audiences that ask it who qualifies, reasons it gives or takes.

    `is_spend`: tiers hang on it, and with them everything.
    """

    audiences: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    is_spend: bool = False


def part(audiences: str = "", reasons: str = "", **more: Any) -> Part:
    return Part(frozenset(audiences.split()), frozenset(reasons.split()), **more)


PARTS = {
    "benefit_redemptions": part(),
    "campaigns": part("early_access private_sale event_invitation"),
    "channel_touches": part(reasons="other_channel"),
    "consent_events": part(reasons="no_consent"),
    "inventory_events": part("back_in_stock"),
    "loyalty_accounts": part(),
    "products": part("replenishment new_arrival price_drop"),
    "returns": part(is_spend=True),
    "service_incidents": part("service_recovery fixed_it delay_notice", "service_quiet"),
    "site_events": part("back_in_stock cart price_drop referral_ask"),
    "sms_events": part(reasons="opted_out service_quiet consent_unreadable"),
    "sms_messages": part(
        reasons="cooldown already_told opted_out service_quiet consent_unreadable"
    ),
    "subscriptions": part("renewal_rescue renewal_window"),
    "support_tickets": part("care", "service_quiet opted_out"),
    "suppressions": part(reasons="suppressed consent_unreadable"),
    "surveys": part("care referral_ask", "service_quiet"),
}


class Shop(Compiled):
    """The brand in memory, and what became of it on a night."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            settings,
            "audience_decisions",
            "audience_overview",
            "holdout_balance",
            "frequency_cap_proposals",
        )

    def take(self, landed: Settings) -> None:
        """Take the raw tables of a warehouse over."""
        create_source_tables(self.connection)
        self.connection.execute(f"attach '{landed.paths.warehouse}' as landed (read_only)")
        for name in load_contract():
            self.connection.execute(f"create or replace table raw.{name} as from landed.raw.{name}")
        self.connection.execute("detach landed")

    def plant(self, table: str, **row: Any) -> None:
        self.insert(f"raw.{table}", row)

    @contextmanager
    def without(self, *tables: str) -> Iterator[Told]:
        """The same night had these tables not been handed over; it never was, afterwards."""
        self.connection.execute("begin")
        for name in tables:
            self.connection.execute(f"delete from raw.{name}")
            self.connection.execute("delete from raw.rejects where table_name = ?", [name])
            self.connection.execute(
                "update raw.contract_tables set is_present = false where table_name = ?", [name]
            )
        self.build(AS_OF)
        yield self.told()
        self.connection.execute("rollback")

    def told(self) -> Told:
        occurrences: dict[str, set[tuple]] = {}
        for row in self.rows("from marts.audience_occurrences"):
            seen = occurrences.setdefault(row["audience_id"], set())
            seen.add((row["customer_id"], row["subject_id"]))
        return Told(
            occurrences,
            {
                (row["audience_id"], row["customer_id"]): row
                for row in self.rows("from marts.audience_decisions")
            },
            {row["audience_id"]: row for row in self.rows("from marts.audience_overview")},
        )


@dataclass(frozen=True)
class Told:
    """One night: occasions by audience, decisions by audience and customer, the overview."""

    occurrences: dict[str, set[tuple]]
    decisions: dict[tuple[str, str], dict[str, Any]]
    overview: dict[str, dict[str, Any]]

    def no_data(self) -> dict[str, set[str]]:
        """The tables that each audience without data says it misses."""
        return {
            name: set(row["missing_tables"].split(","))
            for name, row in self.overview.items()
            if row["state"] == "no data"
        }

    def messages(self) -> list[dict[str, Any]]:
        return [
            row
            for row in self.decisions.values()
            if row["is_message"] and row["decision"] == "member"
        ]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home into which the brand was landed."""
    folder = tmp_path_factory.mktemp("shop")
    settings = Settings(home=folder / "var", raw_dir=folder / "raw", _env_file=None)
    generate(settings.raw_dir, 500, date(2026, 7, 1), 1)
    land(settings, settings.raw_dir, AS_OF, "whole")
    return settings


@pytest.fixture(scope="module")
def shop(landed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The brand with an occasion of every kind, its night built."""
    home = tmp_path_factory.mktemp("compiled")
    made = Shop(Settings(home=home, raw_dir=home, _env_file=None))
    made.take(landed)
    made.build(AS_OF)
    somebody = min(customer for name, customer in made.told().decisions if name == "vip")
    sold = made.rows(
        "select product_id from raw.order_lines inner join raw.orders using (order_id) "
        f"where ordered_at between date '{AS_OF}' - 30 and date '{AS_OF}' - 3 "
        "and product_id is not null and unit_price > 1 order by product_id limit 1"
    )
    plant_everything(made, somebody, sold[0]["product_id"])
    made.build(AS_OF)
    return made


def plant_everything(shop: Shop, who: str, product: str) -> None:
    """Rows of each optional table that make the triggers speak, about one VIP."""

    def days(number: float) -> datetime:
        return datetime(AS_OF.year, AS_OF.month, AS_OF.day) + timedelta(days=number)

    happened = [("add_to_cart", -0.1), ("back_in_stock_request", -5), ("product_view", -1)]
    for number, (kind, when) in enumerate([*happened, *[("review", -2)] * 5]):
        shop.plant(
            "site_events",
            site_event_id=f"p{number}",
            customer_id=who,
            event_type=kind,
            product_id=product,
            occurred_at=days(when),
        )
    shop.plant(
        "inventory_events",
        inventory_event_id="p",
        product_id=product,
        event_type="back_in_stock",
        occurred_at=days(-0.01),
    )
    shop.connection.execute(
        "update raw.products set list_price = 0.01 where product_id = ?", [product]
    )
    of_subscription = {"customer_id": who, "product_id": product, "started_at": days(-300)}
    shop.plant(
        "subscriptions",
        subscription_id="p1",
        status="past_due",
        renewal_failed_at=days(-1),
        **of_subscription,
    )
    shop.plant(
        "subscriptions", subscription_id="p2", status="active", renews_at=days(3), **of_subscription
    )
    for number, (kind, end) in enumerate([("damage", None), ("damage", days(-1)), ("delay", None)]):
        shop.plant(
            "service_incidents",
            incident_id=f"p{number}",
            customer_id=who,
            incident_type=kind,
            opened_at=days(-2),
            resolved_at=end,
        )
    shop.plant("support_tickets", ticket_id="p", customer_id=who, opened_at=days(-1), csat=1)
    shop.plant("surveys", survey_id="p", customer_id=who, answered_at=days(-1), score=1)
    for kind, begins in (("private_sale", -0.5), ("event_invitation", 5)):
        shop.plant("campaigns", campaign_id=kind, message_type=kind, starts_at=days(begins))


@pytest.fixture(scope="module")
def whole(shop: Shop) -> Told:
    """What the night with every table says."""
    return shop.told()


def test_with_every_table_each_that_needs_one_speaks(whole: Told) -> None:
    asked = {name for each in PARTS.values() for name in each.audiences}
    assert asked <= whole.occurrences.keys()
    assert whole.no_data() == {}
    assert sorted(PARTS) == OPTIONAL


@pytest.mark.parametrize("table", OPTIONAL)
def test_a_table_left_out_silences_who_needs_it_and_changes_nothing_else(
    shop: Shop, whole: Told, table: str
) -> None:
    its = PARTS[table]
    with shop.without(table) as told:
        pass
    silent = {name for name in its.audiences if name not in told.occurrences}
    assert told.no_data() == {name: {table} for name in silent}, "who is silent says so"
    # Where another table is as good, or has a part in it, somebody is still found.
    still = {"support_tickets": {"care"}, "surveys": {"care", "referral_ask"}}
    assert silent == its.audiences - still.get(table, set())
    if its.is_spend:
        return
    changed = {
        name
        for name in whole.occurrences.keys() | told.occurrences.keys()
        if whole.occurrences.get(name) != told.occurrences.get(name)
    }
    assert changed <= its.audiences
    for key in whole.decisions.keys() & told.decisions.keys():
        if key[0] in changed:
            continue
        reasons = {each.decisions[key]["reason_code"] for each in (whole, told)}
        assert len(reasons) == 1 or reasons <= ROOM or reasons & its.reasons, (key, reasons)


def test_three_tables_alone_are_enough_to_say_who_is_silent(shop: Shop, whole: Told) -> None:
    with shop.without(*OPTIONAL) as told:
        pass
    asked = {name for each in PARTS.values() for name in each.audiences}
    assert not asked & told.occurrences.keys()
    assert told.no_data().keys() == asked
    assert told.no_data()["care"] == {"support_tickets", "surveys"}
    assert {"vip", "halfway", "win_back"} <= told.occurrences.keys()
    reasons = {row["reason_code"] for row in told.decisions.values()}
    without_a_yes = {"no_consent", "no_phone", "not_textable", "shared_phone", "test_account"}
    assert reasons <= without_a_yes, "nobody said yes"


# ---- the night after


@pytest.fixture(scope="module")
def after(shop: Shop, whole: Told, landed: Settings) -> Iterator[tuple[Told, Told]]:
    """The next night as the ledger has it remember the first, and as one that remembers nothing."""
    connection = shop.connection
    connection.execute("attach ':memory:' as vip_sms; create schema vip_sms.marts")
    for name in ("holdout_assignments", "audience_decisions"):
        connection.execute(f"create table vip_sms.marts.{name} as from marts.{name}")
    forgetful = _night_after(shop)
    with open_ledger(landed) as ledger:
        assert append_holdout_log(ledger, connection, is_sample=True) > 0
        assert append_message_log(ledger, connection, is_sample=True) == len(whole.messages())
        copy_to_warehouse(ledger, connection, NEXT, is_sample=True)
    yield _night_after(shop), forgetful


def _night_after(shop: Shop) -> Told:
    shop.build(NEXT)
    return shop.told()


def of_contacts(messages: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(row["audience_id"], row["contact_id"]) for row in messages}


def test_the_night_after_respects_cool_downs_and_caps(
    shop: Shop, whole: Told, after: tuple[Told, Told]
) -> None:
    second, forgetful = after
    days = {
        row["audience_id"]: row["cooldown_days"]
        for row in shop.rows("select audience_id, cooldown_days from policy.audiences")
    }
    told = {pair for pair in of_contacts(whole.messages()) if days[pair[0]] > 1}
    again = of_contacts(forgetful.messages()) & told
    assert len(again) > 10, "without a memory they would be told twice"
    assert not of_contacts(second.messages()) & told
    reasons = {
        row["reason_code"]
        for key, row in second.decisions.items()
        if (row["audience_id"], row["contact_id"]) in again
    }
    assert {"cooldown", "already_told"} & reasons
    assert "member" not in reasons

    # One offer a day at most, whatever it is about, counted over both nights.
    sent: dict[str, list[datetime]] = {}
    for row in [*whole.messages(), *second.messages()]:
        if row["message_class"] == "promotional":
            sent.setdefault(row["contact_id"], []).append(row["send_at"])
    caps = {
        row["tier_rank"]: row["max_messages"]
        for row in shop.rows(
            "select tier_rank, max_messages from policy.frequency_caps "
            "where message_class = 'promotional' and window_hours = 24"
        )
    }
    ranks = {row["contact_id"]: row["tier_rank"] for row in second.messages()}
    assert any(len(times) > 1 for times in sent.values()), "somebody is texted on both nights"
    for contact, times in sent.items():
        cap = caps.get(ranks.get(contact, 0))
        if cap is None:
            continue
        for last in times:
            inside = [at for at in times if last - timedelta(hours=24) < at <= last]
            assert len(inside) <= cap, (contact, times)


def test_the_night_after_moves_nobody_between_the_arms(shop: Shop, after: Any) -> None:
    moved = shop.rows(
        "select * from vip_sms.marts.holdout_assignments as before "
        "inner join marts.holdout_assignments as now using (experiment_id, contact_id) "
        "where before.arm <> now.arm or before.assigned_on <> now.assigned_on"
    )
    kept = shop.rows(
        "select * from vip_sms.marts.holdout_assignments "
        "inner join marts.holdout_assignments using (experiment_id, contact_id, arm)"
    )
    assert moved == [] and len(kept) > 50


# ---- how many texts are too many


OF_SATURATION = (
    "int_contact_texts",
    "int_decided_messages",
    "int_contact_messages",
    "int_contact_touches",
    "int_consent_events_by_contact",
    "int_contact_opt_outs",
    "int_text_outcomes",
    "int_text_pressure",
    "int_saturation_bands",
    "message_saturation",
    "frequency_cap_proposals",
)
MIDNIGHT = datetime(AS_OF.year, AS_OF.month, AS_OF.day)


def _add_texts(shop: Shop, chance: Random) -> None:
    """Texts on the hour, many at one moment or on the edge of a window, and reactions."""
    people = [
        row["customer_id"]
        for row in shop.rows(
            "(select customer_id from marts.customer_tiers where tier_rank > 0 limit 12) union all "
            "(select customer_id from marts.customer_tiers where tier_rank = 0 limit 8)"
        )
    ]
    for number in range(amount(usual=500, long=3000)):
        who, sent_at = chance.choice(people), MIDNIGHT - timedelta(hours=chance.randrange(2000))
        shop.plant(
            "sms_messages",
            message_id=f"z{number:05}",
            customer_id=who,
            purpose=chance.choice(["marketing", "marketing", "transactional"]),
            status=chance.choice(["delivered", "delivered", "sent", "failed", None]),
            sent_at=sent_at,
        )
        if chance.random() < 0.6:
            shop.plant(
                "sms_events",
                sms_event_id=f"z{number}",
                message_id=f"z{number:05}",
                event_type=chance.choice(["click"] * 12 + ["complaint", "opt_out"]),
                occurred_at=sent_at + timedelta(hours=chance.choice([0, 1, 24, 167, 168, 300])),
            )
        if chance.random() < 0.2:
            shop.plant(
                "channel_touches",
                touch_id=f"z{number}",
                customer_id=who,
                channel=chance.choice(["email", "mail", "phone", "pigeon"]),
                sent_at=sent_at - timedelta(hours=chance.randrange(800)),
            )


def _log(shop: Shop) -> Log:
    """The raw log as the reference wants it."""
    contacts = {
        row["customer_id"]: (row["contact_id"], row["is_test"])
        for row in shop.rows("from intermediate.int_customer_contacts")
    }
    tiers: dict[str, list[tuple[date, date, int]]] = {}
    for row in shop.rows("from marts.tier_history"):
        span = (row["valid_from"], row["valid_to"] or date.max, row["tier_rank"])
        tiers.setdefault(row["customer_id"], []).append(span)
    audiences = {
        row["audience_id"]: row["message_class"] for row in shop.rows("from policy.audiences")
    }
    campaigns = {
        row["campaign_id"]: row["audience_id"]
        for row in shop.rows(f"from raw.campaigns where starts_at < date '{NEXT}'")
    }

    def about(row: dict[str, Any]) -> str:
        of_campaign = audiences.get(campaigns.get(row["campaign_id"], ""))
        return audiences.get(row["message_type"]) or of_campaign or "promotional"

    def rank(customer: str, day: date) -> int:
        spans = tiers.get(customer, [])
        return next((rank for begin, end, rank in spans if begin <= day < end), 0)

    purposes = {"marketing": "promotional", "transactional": "service"}
    weights = {
        row["channel"]: float(row["weight"]) for row in shop.rows("from policy.channel_weights")
    }
    events = shop.rows(f"from raw.sms_events where occurred_at < date '{AS_OF}'")
    return Log(
        [
            Text(
                row["message_id"],
                contacts[row["customer_id"]][0],
                purposes.get(row["purpose"]) or about(row),
                row["sent_at"],
                rank(row["customer_id"], row["sent_at"].date()),
                row["status"] not in ("failed", "undelivered")
                and not contacts[row["customer_id"]][1],
            )
            for row in shop.rows(f"from raw.sms_messages where sent_at < date '{AS_OF}'")
        ],
        [
            (
                contacts[row["customer_id"]][0],
                about(row),
                row["sent_at"],
                weights.get(row["channel"], 1),
            )
            for row in shop.rows(f"from raw.channel_touches where sent_at < date '{AS_OF}'")
        ],
        [(row["message_id"], row["occurred_at"]) for row in events if row["event_type"] == "click"],
        [
            (row["message_id"], row["occurred_at"])
            for row in events
            if row["event_type"] == "complaint"
        ],
        [
            (row["contact_id"], row["opted_out_at"])
            for row in shop.rows("from intermediate.int_contact_opt_outs")
        ],
        timedelta(days=7),
        MIDNIGHT - timedelta(days=365),
        MIDNIGHT,
    )


def test_saturation_is_as_counted_one_text_at_a_time(shop: Shop) -> None:
    shop.connection.execute("begin")
    _add_texts(shop, Random(112))
    shop.build(AS_OF, *OF_SATURATION)
    rows = shop.rows("from marts.message_saturation")
    caps = shop.rows("select distinct message_class, window_hours from policy.frequency_caps")
    expected = bands(_log(shop), [(row["message_class"], row["window_hours"]) for row in caps])
    shop.connection.execute("rollback")
    told = {
        (row["message_class"], row["window_hours"], row["tier_rank"], row["message_number"]): row
        for row in rows
    }
    assert told.keys() == expected.keys() and len(rows) > 80
    for key, row in told.items():
        for name, value in expected[key].items():
            assert row[name] == pytest.approx(value) if value else not row[name], (key, name)
        for name in ("click", "opt_out", "complaint"):
            low, high = binomtest(row[f"{name}s"], row["texts"]).proportion_ci(0.95, "wilson")
            assert row[f"{name}_rate_low"] == pytest.approx(low, abs=1e-4)
            assert row[f"{name}_rate_high"] == pytest.approx(high, abs=1e-4)
    for name in ("clicks", "opt_outs", "complaints", "click_share_kept"):
        assert sum(row[name] or 0 for row in rows) > 10, f"the log tells nothing of {name}"


def test_without_texts_or_reactions_no_cap_is_proposed_and_it_says_why(shop: Shop) -> None:
    def said() -> set[tuple[str, int | None]]:
        rows = shop.rows("select verdict, proposed_max_messages from marts.frequency_cap_proposals")
        return {tuple(row.values()) for row in rows}

    with shop.without("sms_messages"):
        assert said() == {("no_texts", None)}
        assert shop.rows("from marts.message_saturation") == []
    with shop.without("sms_events", "consent_events"):
        assert ("not_known", None) in said() <= {("not_known", None), ("too_few_texts", None)}
        (row,) = shop.rows(
            "select count(*) as bands, count(clicks) as clicks, count(opt_outs) as opt_outs "
            "from marts.message_saturation"
        )
        assert row["bands"] > 20 and row["clicks"] == row["opt_outs"] == 0


# ---- a large draw


def test_a_fair_draw_is_balanced_and_one_that_favours_a_tier_is_told(shop: Shop) -> None:
    """Each customer of the brand forty times over, drawn by the very hash; then silver is not."""

    def outside(favour: str) -> list[tuple[str, str]]:
        shop.connection.execute(f"""
            create or replace table marts.holdout_assignments as
            with contacts as (
                select customer_id, customer_id || '/' || number as contact_id
                from marts.customer_tiers cross join range(40) as copies(number)
            ),
            drawn as (
                select *, ('0x' || left(md5('salt:' || contact_id), 8))::ubigint / 4294967296
                    as bucket
                from contacts
            )
            select 'global' as experiment_id, contact_id, customer_id, bucket,
                if(bucket < 0.1 and ({favour}), 'holdout', 'treatment') as arm,
                date '{AS_OF}' as assigned_on
            from drawn""")
        shop.build(AS_OF, "int_holdout_strata", "holdout_balance")
        rows = shop.rows("from marts.holdout_balance")
        assert sum(row["is_within_bounds"] is not None for row in rows) > 8
        return [
            (row["stratum_kind"], row["stratum"])
            for row in rows
            if row["is_within_bounds"] is False
        ]

    shop.connection.execute("begin")
    assert outside("true") == []
    silver = "customer_id not in (select customer_id from marts.customer_tiers where tier='silver')"
    assert ("tier", "silver") in outside(silver)
    shop.connection.execute("rollback")
