"""What the sample brand hid in its data comes back from a night, exactly; nobody else leaves."""

from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal

import pytest
from bench import SUBJECTS, by_subject
from vip_process import csv_rows, exported, query

from orchestration.platforms.names import EMAIL

pytestmark = pytest.mark.slow

HOLDOUT_SHARE, SALT = 0.10, "vip-global-1"  # of seeds/policy/holdouts.csv


def test_tiers(night) -> None:
    told = dict(query(night.home, "select customer_id, tier from marts.customer_tiers"))
    held = {customer: tier for customer, tier in night.truth["tiers"].items() if tier != "none"}
    assert {customer: tier for customer, tier in told.items() if tier != "none"} == held
    assert set(night.truth["tiers"]) <= set(told), (
        "who fell out of the programme is still a customer"
    )
    assert set(held.values()) == {"silver", "gold", "platinum"}


def test_spend_and_grace_of_each_vip(night) -> None:
    told = query(
        night.home,
        "select customer_id, qualifying_spend, grace_until from marts.customer_tiers "
        "where tier_rank > 0 order by all",
    )
    cent = Decimal("0.01")
    planted = [
        (customer, Decimal(vip["qualifying_spend"]).quantize(cent), vip["grace_until"])
        for customer, vip in night.truth["vips"].items()
    ]
    assert [
        (customer, spend.quantize(cent), until and until.isoformat())
        for customer, spend, until in told
    ] == planted
    assert any(until for *_, until in planted) and not all(until for *_, until in planted)


def test_why_each_vip_may_or_may_not_be_texted(night) -> None:
    """The holdout is drawn anew here, as the design says it in words."""
    contacts = dict(
        query(night.home, "select customer_id, contact_id from marts.audience_decisions")
    )

    def expected(customer: str, reason: str) -> tuple[str, str]:
        if reason != "eligible":
            return "excluded", reason
        digest = hashlib.md5(f"{SALT}:{contacts[customer]}".encode()).hexdigest()
        if int(digest[:8], 16) / 2**32 < HOLDOUT_SHARE:
            return "holdout", "global_holdout"
        return "member", "member"

    told = {
        customer: (decision, reason)
        for customer, decision, reason in query(
            night.home,
            "select customer_id, decision, reason_code from marts.audience_decisions "
            "where audience_id = 'vip'",
        )
    }
    vips = night.truth["vips"]
    assert told == {customer: expected(customer, vip["reason"]) for customer, vip in vips.items()}
    reasons = Counter(reason for _, reason in told.values())
    assert len(reasons) == 11, f"the sample no longer shows every reason: {reasons}"


def test_the_last_word_on_consent(night) -> None:
    told = {
        customer: (state, is_willing)
        for customer, state, is_willing in query(
            night.home,
            "select customer_id, state, is_opted_in from marts.customer_consent "
            "where purpose = 'marketing'",
        )
    }
    unreadable = set(night.truth["consent_unreadable"])
    stopped = {customer for customer, (state, _) in told.items() if state == "opted_out"}
    willing = {customer for customer, (_, is_willing) in told.items() if is_willing}
    assert stopped - unreadable == set(night.truth["opted_out"]) - unreadable
    assert len(willing) > 100
    assert not willing & {*night.truth["opted_out"], *night.truth["never_consented"]}


def test_how_customers_buy(night) -> None:
    """Who was made to buy what is new, or marked down, is found once there are a few orders."""
    told = {
        customer: (behaviours or "", orders)
        for customer, behaviours, orders in query(
            night.home,
            "select customer_id, behaviours_shown, window_orders from marts.customer_segments",
        )
    }
    buyers = {customer for customer, (_, orders) in told.items() if orders >= 3}
    # Chance gives some of them too few launches or sales to see, and some others as many.
    for segment, least in (("trend_leader", 0.5), ("sale_shopper", 0.3)):
        planted = buyers & set(night.truth[f"{segment}s"])
        shown = {customer for customer, (behaviours, _) in told.items() if segment in behaviours}
        assert len(planted) > 8
        found = len(shown & planted) / len(planted)
        by_chance = len(shown - planted) / len(buyers - planted)
        assert found >= least and found >= 4 * by_chance, (segment, found, by_chance)


def test_who_is_left_in_peace_after_trouble(night) -> None:
    told = {
        customer
        for (customer,) in query_private(
            night.home,
            "select customer_id from intermediate.int_contacts_in_quiet "
            "inner join intermediate.int_customer_contacts using (contact_id)",
        )
    }
    suppressed = set(night.truth["suppressed"])  # who complained to the carrier is one of them
    planted = set(night.truth["in_quiet"])
    assert told - suppressed == planted - suppressed and len(planted) > 2
    going = query(
        night.home,
        "select customer_id from marts.audience_decisions where decision = 'member' and is_message "
        "and message_class = 'promotional'",
    )
    assert not planted & {customer for (customer,) in going}


def test_how_texts_wear_each_other_out(night) -> None:
    """Who gets more texts here clicks more: only held against the same people do clicks fall."""
    rows = query(
        night.home,
        "select message_number, click_rate, click_share_kept_low, click_share_kept_high "
        "from marts.message_saturation "
        "where message_class = 'promotional' and window_hours = 720 and tier = 'all' "
        "and message_number in (1, 2, 3) order by message_number",
    )
    (_, first_rate, *_), (_, second_rate, low, high), (_, _, third_low, third_high) = rows
    wear = night.truth["click_wear"]
    assert low < wear < high < 1 and third_low < wear**2 < third_high < 1
    assert second_rate > first_rate * wear * 1.2, "without the same people it would be missed"


def test_nobody_forbidden_is_in_any_file(night) -> None:
    truth = night.truth
    held_out = {
        row["customer_id"]
        for row in csv_rows(night.home / "exports" / night.day / "holdout.csv")
        if row["arm"] == "holdout" and row["experiment_id"] == "global"
    }
    names = ("opted_out", "never_consented", "suppressed", "test", "consent_unreadable")
    of_phones = ("no_phone", "not_textable", "shared_phone")
    forbidden = set().union(*(truth[name] for name in (*names, *of_phones)))
    phones = dict(
        query_private(
            night.home, "select customer_id, phone_e164 from marts_private.customer_contacts"
        )
    )
    forbidden_phones = {phones[customer] for customer in forbidden} - {None}
    assert len(held_out) >= 3 and len(forbidden) > 100

    exports = night.home / "exports" / night.day
    outbox = night.home / "outbox" / night.day
    audience = csv_rows(exports / "vip_audience.csv")
    of_audiences = {path.stem: csv_rows(path) for path in (exports / "audiences").iterdir()}
    sent = [path for path in outbox.iterdir() if "holdout" not in path.name]
    assert len(sent) > 2 and len(audience) > 30
    for rows in (audience, *of_audiences.values()):
        assert not forbidden & {row["customer_id"] for row in rows}
        assert not forbidden_phones & {row["phone"] for row in rows}
    contacts = dict(
        query(night.home, "select customer_id, contact_id from marts.holdout_assignments")
        + query(night.home, "select customer_id, contact_id from marts.audience_members")
    )
    told = {contacts[row["customer_id"]] for row in audience}
    for path in sent:
        rows = csv_rows(path)
        # The held out have a profile too, so that they can stand on the list of those to leave out.
        known = told | set(contacts.values()) if "profiles" in path.name else told
        assert {row["contact_id"] for row in rows} <= known, path.name
        assert not forbidden_phones & {row.get("phone") for row in rows}, path.name
    owed = {name for (name,) in promised(night.home, "message_class <> 'promotional'")}
    for name in of_audiences.keys() - owed:
        assert not held_out & {row["customer_id"] for row in of_audiences[name]}, name
    for row in audience:
        if row["customer_id"] in held_out:
            assert set(row["audience_ids"].split(",")) <= owed
    (withheld,) = [path for path in outbox.iterdir() if "holdout-global" in path.name]
    assert {row["contact_id"] for row in csv_rows(withheld)} == {
        contacts[each] for each in held_out
    }
    assert len({row["phone"] for row in audience}) == len(audience), "one text a phone"


def test_who_is_mailed_is_everybody_at_whose_address_nobody_is_barred(night) -> None:
    truth = night.truth
    exports = night.home / "exports" / night.day
    barred = set().union(*(truth[name] for name in ("opted_out", "suppressed")))
    barred |= {*truth["consent_unreadable"]} | {
        row["customer_id"]
        for row in csv_rows(exports / "holdout.csv")
        if row["arm"] == "holdout" and row["experiment_id"] == "global"
    }
    contacts = query_private(
        night.home, "select customer_id, contact_id, email from marts_private.customer_contacts"
    )
    # A holdout names one customer of a phone; all of them are held out.
    phones = {contact for customer, contact, _ in contacts if customer in barred}
    barred |= {customer for customer, contact, _ in contacts if contact in phones}
    addresses: dict[str, list[str]] = {}
    for customer, _, email in contacts:
        if email and EMAIL.fullmatch(email.strip()):
            addresses.setdefault(email.strip().lower(), []).append(customer)
    standings = {
        customer: (-rank, -spend, customer)
        for customer, rank, spend in query(
            night.home,
            "select customer_id, tier_rank, qualifying_spend from marts.customer_tiers "
            "where tier_rank > 0",
        )
    }
    expected = {}
    for address, customers in addresses.items():
        vips = [each for each in customers if each in standings and each not in truth["test"]]
        if vips and len(customers) <= 5 and not barred & set(customers):
            expected[min(vips, key=standings.__getitem__)] = address
    told = {row["customer_id"]: row["email"] for row in csv_rows(exports / "vip_email.csv")}
    assert told == expected
    assert len(told) > 30 and set(told) & set(truth["never_consented"])


def test_the_audience_is_everybody_who_may_be_texted(night) -> None:
    exported(night.home, night.day)
    eligible = {each for each, vip in night.truth["vips"].items() if vip["reason"] == "eligible"}
    exports = night.home / "exports" / night.day
    vips = set(night.truth["vips"])
    audience = {row["customer_id"]: row for row in csv_rows(exports / "audiences" / "vip.csv")}
    arms = {
        row["customer_id"]: row["arm"]
        for row in csv_rows(exports / "holdout.csv")
        if row["experiment_id"] == "global" and row["customer_id"] in vips
    }
    assert set(arms) == eligible
    assert set(audience) == {each for each, arm in arms.items() if arm == "treatment"}
    for customer, row in audience.items():
        assert row["tier"] == night.truth["tiers"][customer]
        assert "vip" in row["audience_ids"].split(",")


def test_the_arms_of_the_holdout_are_balanced(night) -> None:
    """By each kind everybody drawn is counted once, and the draw favours nobody."""
    drawn = query(
        night.home,
        "select experiment_id, count(*), count(*) filter (arm = 'holdout') "
        "from marts.holdout_assignments group by all",
    )
    strata = query(
        night.home,
        "select experiment_id, sum(contacts)::int, sum(held_out)::int "
        "from marts.holdout_balance group by experiment_id, stratum_kind",
    )
    assert sorted(strata) == sorted(drawn * 4)
    assert not query(night.home, "select * from marts.holdout_balance where not is_within_bounds")


def test_every_audience_has_its_file(night) -> None:
    exports = night.home / "exports" / night.day
    listed: dict[str, set[str]] = {}
    for row in csv_rows(exports / "vip_audience.csv"):
        for name in row["audience_ids"].split(","):
            listed.setdefault(name, set()).add(row["customer_id"])
    for path in (exports / "audiences").iterdir():
        rows = csv_rows(path)
        assert {row["customer_id"] for row in rows} == listed.pop(path.stem, set()), path.stem
    assert not listed
    assert {path.stem for path in (exports / "audiences").iterdir()} == {
        name for (name,) in promised(night.home, "true")
    }


def test_every_row_is_accounted_for(night) -> None:
    truth = night.truth
    told = {
        table: figures
        for table, *figures in query(
            night.home,
            "select table_name, sum(rows_read)::int, sum(rows_rejected)::int, "
            "sum(exact_duplicates)::int, sum(rows_loaded)::int "
            "from marts.load_report group by table_name",
        )
    }
    planted = {}
    for table, rows in truth["rows"].items():
        dirty = sum(truth["dirty_rows"].get(table, {}).values())
        same = truth["exact_duplicates"].get(table, 0)
        planted[table] = [rows, dirty, same, rows - dirty - same]
    assert told == planted
    reasons = query(
        night.home, "select table_name, reason, count(*) from marts.load_rejects group by all"
    )
    assert {(table, reason): count for table, reason, count in reasons} == {
        (table, reason): count
        for table, by_reason in truth["dirty_rows"].items()
        for reason, count in by_reason.items()
    }


def test_the_money_adds_up(night) -> None:
    totals = {name: Decimal(value) for name, value in night.truth["totals"].items()}
    (lifetime,) = query(night.home, "select sum(net_revenue_lifetime) from marts.customer_value")[0]
    lines, refunds = query_private(
        night.home,
        "select 'lines', sum(net_revenue) from intermediate.int_order_lines_costed "
        "where ordered_at < '2026-07-01' union all "
        "select 'refunds', sum(refund_amount) from intermediate.int_returns_costed "
        "where returned_at < '2026-07-01' order by 1",
    )
    cents = Decimal("0.05")  # the models round each line to four places, the truth to six in all
    customers = totals["customer_net_revenue_before_refunds"] - totals["customer_refunds"]
    assert abs(lifetime - customers) < cents
    assert abs(lines[1] - sum(v for k, v in totals.items() if "net_revenue" in k)) < cents
    assert abs(refunds[1] - sum(v for k, v in totals.items() if "net_revenue" not in k)) < cents


def promised(home, condition: str) -> list[tuple]:
    """The audiences of the policy that meet a condition."""
    return query_private(home, f"select audience_id from policy.audiences where {condition}")


def query_private(home, sql: str) -> list[tuple]:
    import duckdb

    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute(f"attach '{home / 'build' / 'vip_sms.duckdb'}' as vip_sms (read_only)")
        return connection.execute(sql).fetchall()


def test_what_each_model_took_is_kept_of_every_phase(night) -> None:
    """For `make bench`; dbt itself keeps its last run alone."""
    took = by_subject(night.home)
    assert set(took) >= {*SUBJECTS, "staging", "seeds", "tests"} and min(took.values()) > 0
