"""The sample brand, read back from its files: same bytes, the contract kept, and its truths true.

What is checked here against truth.json is worked out again from the files alone, one customer and
one day at a time, by means that share nothing with the generator.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import phonenumbers
import pytest
import yaml

from orchestration import sample
from orchestration.contract import Table, load_contract, raw_tables
from orchestration.errors import UserError
from orchestration.landing import land
from orchestration.sample import generate
from orchestration.sample.dirty import CONFLICTS
from orchestration.settings import Settings

AS_OF = date(2026, 7, 1)
THRESHOLDS = {"silver": 2000, "gold": 5000, "platinum": 10000}


class Brand:
    """A generated sample and SQL over its files, dirty rows and repeated ones left out."""

    def __init__(self, folder: Path, customers: int, seed: int = 7) -> None:
        self.summary = generate(folder, customers, AS_OF, seed)
        self.folder = folder
        self.truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        self.con = duckdb.connect()
        # Good rows among the dirty: the first of two with one key, and a guest's order.
        dirty = self.truth["dirty_rows"]
        self.hooks = Counter({table: dirty[table]["duplicate_key"] for table, *_ in CONFLICTS})
        self.hooks["orders"] += 1
        for table in raw_tables():
            parts = folder / table.name
            if parts.is_dir():
                self.con.execute(
                    f"create table {table.name} as select distinct * from '{parts}/*.parquet'"
                )
            else:
                self._load_csv(table)

    def _load_csv(self, table: Table) -> None:
        """Load the good rows, typed by the contract: the dirty ones are the last of the file."""
        rows = _csv(self.folder / f"{table.name}.csv")
        dirty = sum(self.truth["dirty_rows"].get(table.name, {}).values()) + self.hooks[table.name]
        names = list(rows[0])
        types = {column.name: column.data_type for column in table.file_columns}
        marks = ", ".join(f"cast(nullif(?, '') as {types[name]}) as {name}" for name in names)
        for number, row in enumerate(rows[: len(rows) - dirty]):
            verb = f"insert into {table.name}" if number else f"create table {table.name} as"
            self.con.execute(f"{verb} select {marks}", list(row.values()))
        self.con.execute(
            f"create or replace table {table.name} as from {table.name} select distinct *"
        )

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        found = self.con.execute(sql, list(values))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def value(self, sql: str) -> Any:
        return self.con.execute(sql).fetchone()[0]


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Brand:
    return Brand(tmp_path_factory.mktemp("sample") / "raw", 1000)


# --- Same arguments, same bytes ----------------------------------------------------------------


def test_same_bytes_whatever_the_threads_and_others_for_another_seed(tmp_path: Path) -> None:
    for name, seed, threads in (("one", 3, 1), ("four", 3, 4), ("other", 4, 4)):
        generate(tmp_path / name, 600, AS_OF, seed, 18, threads=threads)
    assert _digests(tmp_path / "one") == _digests(tmp_path / "four")
    other = _digests(tmp_path / "other")
    assert _digests(tmp_path / "one").keys() == other.keys()
    assert _digests(tmp_path / "one")["orders/part-0000.parquet"] != other[
        "orders/part-0000.parquet"
    ]  # fmt: skip


@pytest.mark.slow
def test_same_bytes_when_tables_are_large_and_of_many_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.sample.brand.CHUNK", 20_000)
    for threads in (1, 3):
        generate(tmp_path / str(threads), 40_000, AS_OF, 3, threads=threads)
    assert _digests(tmp_path / "1") == _digests(tmp_path / "3")
    assert len(list((tmp_path / "1" / "orders").glob("*.parquet"))) == 3
    rows = f"select num_row_groups from parquet_file_metadata('{tmp_path}/1/order_lines/*.parquet')"
    assert max(count for (count,) in duckdb.execute(rows).fetchall()) > 1


# --- The contract ------------------------------------------------------------------------------

_UNKNOWN = {"customers": {"shoe_size"}}  # planted: a loader must name and leave it


def _check_columns(
    brand: Brand, table: str, columns: dict[str, str], values: dict[str, list[str]]
) -> None:
    found = {row["column_name"]: row["column_type"] for row in brand.rows(f"describe {table}")}
    assert found.keys() - columns.keys() == _UNKNOWN.get(table, set()), table
    assert columns.keys() <= found.keys(), f"{table} lacks columns"
    for name, wanted in columns.items():
        kind = found[name].split("(")[0].lower()
        assert kind == wanted or (wanted == "decimal" and kind == "integer"), f"{table}.{name}"
    for name, allowed in values.items():
        unknown = brand.rows(
            f"select distinct {name} from {table} where not list_contains($1, {name})", allowed
        )
        assert unknown == [], f"{table}.{name}"


def test_every_table_and_column_of_the_contract_is_there(brand: Brand) -> None:
    tables = {table.name: table for table in raw_tables()}
    assert set(brand.truth["rows"]) == set(tables)
    for name, table in tables.items():
        _check_columns(
            brand,
            name,
            {column.name: column.data_type.split("(")[0] for column in table.file_columns},
            {column.name: list(column.values) for column in table.columns if column.values},
        )


def test_good_rows_fulfil_the_contract(brand: Brand) -> None:
    contract = load_contract()
    for table in raw_tables():
        key = ", ".join(table.key)
        assert brand.value(f"select count(*) = count(distinct ({key})) from {table.name}"), key
        for column in table.file_columns:
            bad = {
                "required": f"{column.name} is null" if column.required else "false",
                "minimum": f"{column.name} < {column.minimum}"
                if column.minimum is not None
                else "false",
                "exclusive_minimum": f"{column.name} <= {column.exclusive_minimum}"
                if column.exclusive_minimum is not None
                else "false",
                "maximum": f"{column.name} > {column.maximum}"
                if column.maximum is not None
                else "false",
            }
            if column.references:
                (parent_key,) = contract[column.references].key
                bad["references"] = (
                    f"{column.name} not in (select {parent_key} from {column.references})"
                )
            for what, condition in bad.items():
                count = brand.value(f"select count(*) from {table.name} where {condition}")
                assert count == 0, f"{table.name}.{column.name}: {what}"


def test_contract_as_handed_over(brand: Brand, shared_dir: Path) -> None:
    tables = yaml.safe_load((shared_dir / "contract" / "raw_tables.yml").read_text())["tables"]
    assert set(brand.truth["rows"]) == set(tables)
    ours = load_contract()
    for name, table in tables.items():
        columns = table["columns"]
        # Ours may ask for more, as long as nobody has to have it.
        more = {
            column.name: column.data_type.split("(")[0]
            for column in ours[name].file_columns
            if column.name not in columns and not column.required
        }
        _check_columns(
            brand,
            name,
            {column: meta["type"] for column, meta in columns.items()} | more,
            {column: meta["values"] for column, meta in columns.items() if "values" in meta},
        )


# --- Counts ------------------------------------------------------------------------------------


def test_rows_dirty_and_repeated_add_up(brand: Brand) -> None:
    for table, count in brand.truth["rows"].items():
        dirty = sum(brand.truth["dirty_rows"].get(table, {}).values())
        repeated = brand.truth["exact_duplicates"][table]
        parts = brand.folder / table
        if parts.is_dir():
            late = len(_csv(parts / "late.csv"))
            written = late + brand.con.execute(
                f"select count(*) from '{parts}/*.parquet'"
            ).fetchone()[0]  # fmt: skip
            assert late == dirty + brand.hooks[table]
        else:
            written = len(_csv(brand.folder / f"{table}.csv"))
        assert written == count == brand.summary.rows[table]
        distinct = brand.value(f"select count(*) from {table}")
        assert distinct == count - dirty - repeated - brand.hooks[table], table
    assert brand.summary.dirty_rows == sum(
        sum(reasons.values()) for reasons in brand.truth["dirty_rows"].values()
    )


def test_every_kind_of_dirt_is_there_and_the_loader_calls_it_so(
    brand: Brand, tmp_path: Path
) -> None:
    kinds = {reason for reasons in brand.truth["dirty_rows"].values() for reason in reasons}
    assert kinds == {
        "unparsable",
        "missing",
        "out_of_range",
        "not_allowed",
        "no_rate",
        "orphan",
        "duplicate_key",
    }
    assert all(count > 0 for count in brand.truth["exact_duplicates"].values())

    report = land(Settings(home=tmp_path, _env_file=None), brand.folder, AS_OF, "test")
    rejects: dict[str, Counter[str]] = defaultdict(Counter)
    for table, _, reason, count in report.rejects:
        rejects[table][reason] += count
    assert rejects == brand.truth["dirty_rows"]
    duplicates: Counter[str] = Counter()
    for file in report.files:
        duplicates[file.table_name] += file.exact_duplicates
    assert +duplicates == brand.truth["exact_duplicates"]


def test_dirty_rows_carry_no_money(brand: Brand) -> None:
    orders = {row["order_id"] for row in brand.rows("select order_id from orders")}
    for line in _csv(brand.folder / "order_lines" / "late.csv"):
        assert line["order_id"] not in orders
    for back in _csv(brand.folder / "returns" / "late.csv"):
        assert back.get("order_id") not in orders and not back.get("customer_id")
    assert not orders & {row["order_id"] for row in _csv(brand.folder / "orders" / "late.csv")}


def test_data_runs_up_to_the_as_of_date_and_a_little_past_it(brand: Brand) -> None:
    day_before = "select count(*) from orders where ordered_at::date = date '2026-06-30'"
    assert brand.value(day_before) > 0
    future = brand.rows("select * from orders where ordered_at >= date '2026-07-01'")
    assert [(row["customer_id"], row["ordered_at"]) for row in future] == [
        ("C0000018", datetime(2026, 7, 1))
    ]
    for table in ("consent_events", "site_events"):
        after = f"select count(*) from {table} where occurred_at >= date '2026-07-01'"
        assert brand.value(after) > 0, table


# --- A believable brand ------------------------------------------------------------------------


@pytest.mark.parametrize(("customers", "seed"), [(500, 1), (1000, 2), (2000, 3)])
def test_share_of_vips_is_what_the_policy_wants(
    tmp_path: Path, customers: int, seed: int
) -> None:  # fmt: skip
    generate(tmp_path / "raw", customers, AS_OF, seed)
    truth = json.loads((tmp_path / "raw" / "truth.json").read_text())
    assert 0.10 <= truth["vip_share"]["share"] <= 0.20
    tiers = Counter(vip["tier"] for vip in truth["vips"].values())
    assert tiers["silver"] > tiers["gold"] > tiers["platinum"] > 0
    assert "none" in truth["tiers"].values(), "nobody was ever demoted"
    assert any(vip["grace_until"] for vip in truth["vips"].values())


def test_spend_is_heavy_tailed_and_many_buy_once(brand: Brand) -> None:
    share, once = brand.con.execute(
        """
        with spend as (
            select
                customer_id,
                sum(quantity * unit_price - coalesce(line_discount_amount, 0)) as spend,
                count(distinct order_id) as orders
            from order_lines inner join orders using (order_id)
            where customer_id is not null
            group by customer_id
        )
        select
            sum(spend) filter (where spend >= (select quantile_cont(spend, 0.8) from spend))
            / sum(spend),
            avg((orders = 1)::int)
        from spend
        """
    ).fetchone()
    assert 0.60 <= share <= 0.85
    assert 0.25 <= once <= 0.55


def test_seasons_show(brand: Brand) -> None:
    months = {
        row["month"]: row["orders"]
        for row in brand.rows(
            """
            select month(ordered_at) as month, count(*) as orders from orders
            where ordered_at >= date '2024-07-01' group by all
            """
        )
    }
    ordinary = sum(months[month] for month in (2, 3, 4, 5, 8, 9)) / 6
    assert months[11] > 1.2 * ordinary and months[12] > 1.2 * ordinary


def test_variety_of_every_kind(brand: Brand) -> None:
    def some(sql: str) -> bool:
        return brand.value(f"select count(*) from {sql}") > 0

    assert {row["currency"] for row in brand.rows("select distinct currency from orders")} == {
        "USD", "CAD", "GBP", "EUR", None,
    }  # fmt: skip
    assert {row["s"] for row in brand.rows("select distinct status as s from orders")} >= {
        "completed", "cancelled", "shipped", None,
    }  # fmt: skip
    assert some("orders where customer_id is null")
    assert some("orders where order_discount_amount > 0 and discount_code is not null")
    assert some("order_lines where line_discount_amount > 0")
    assert some(
        "order_lines l join products p using (product_id) where l.unit_price < p.list_price"
    )
    assert some("returns where order_id is null and customer_id is not null")
    assert some("returns where order_id is not null and order_line_id is null")
    assert some("consent_events where customer_id is null and action = 'opt_out'")
    assert some("consent_events where action = 'opt_in' and proof is null")
    assert some("suppressions where customer_id is null")
    assert some("sms_events where event_type = 'opt_out'")
    assert some("subscriptions where renewal_failed_at is not null")
    assert some("site_events where event_type = 'back_in_stock_request'")
    assert brand.value("select count(distinct region_code) from customers") > 40
    assert brand.value(
        "select bool_and(email like '%@example.com' or email like '%@example.org') from customers"
    )


def test_a_stop_by_text_is_a_consent_event_and_a_complaint_a_suppression(brand: Brand) -> None:
    stops = brand.rows(
        """
        select e.customer_id from sms_events e
        where e.event_type = 'opt_out' and not exists (
            from consent_events c where c.action = 'opt_out' and c.occurred_at = e.occurred_at
        )
        """
    )
    assert stops == []
    complaints = brand.rows(
        """
        select e.customer_id from sms_events e
        where e.event_type = 'complaint' and not exists (
            from suppressions s where s.reason = 'complaint' and s.from_at = e.occurred_at
        )
        """
    )
    assert complaints == []


def test_nobody_is_texted_for_marketing_without_consent(brand: Brand) -> None:
    assert brand.value("select count(*) from sms_messages where purpose = 'marketing'") > 1000
    wrong = brand.rows(
        """
        with words as (
            select coalesce(customer_id, '') as customer_id, action, occurred_at
            from consent_events where coalesce(purpose, 'marketing') = 'marketing'
        ),
        last_word as (
            select m.message_id, arg_max(w.action, w.occurred_at) as action
            from sms_messages m
            left join words w on w.customer_id = m.customer_id and w.occurred_at <= m.sent_at
            where m.purpose = 'marketing'
            group by m.message_id
        )
        select * from last_word where action is distinct from 'opt_in'
        """
    )
    assert wrong == []


# --- Truths, worked out again ------------------------------------------------------------------


def _rate(brand: Brand, order: dict[str, Any]) -> Decimal:
    if order["currency"] in (None, "USD"):
        return Decimal(1)
    (row,) = brand.rows(
        """
        select rate_to_reporting as rate from fx_rates
        where currency = $1 and valid_from <= $2 order by valid_from desc limit 1
        """,
        order["currency"],
        order["ordered_at"].date(),
    )
    return row["rate"]


@pytest.fixture(scope="module")
def orders(brand: Brand) -> dict[str, dict[str, Any]]:
    """Orders by id, each with its rate and its net revenue in the reporting currency."""
    found = {row["order_id"]: row for row in brand.rows("select * from orders")}
    for order in found.values():
        order["rate"] = _rate(brand, order)
        order["net"] = -(order["order_discount_amount"] or Decimal(0)) * order["rate"]
    for line in brand.rows("select * from order_lines"):
        order = found[line["order_id"]]
        order["net"] += order["rate"] * (
            line["quantity"] * line["unit_price"] - (line["line_discount_amount"] or 0)
        )
    return found


@pytest.fixture(scope="module")
def flows(
    brand: Brand, orders: dict[str, dict[str, Any]]
) -> dict[str, list[tuple[date, Decimal]]]:  # fmt: skip
    """Money by customer and day, order by order, from the files."""
    money = defaultdict(list)
    for order in orders.values():
        if order["customer_id"] and order["status"] != "cancelled":
            money[order["customer_id"]].append((order["ordered_at"].date(), order["net"]))
    for back in brand.rows("select * from returns"):
        order = orders.get(back["order_id"], {"rate": Decimal(1)} | back)
        if order["customer_id"]:
            refund = -back["refund_amount"] * order["rate"]
            money[order["customer_id"]].append((back["returned_at"].date(), refund))
    return money


def _reference_tier(
    money: list[tuple[date, Decimal]], months_before: dict[date, date]
) -> tuple[str, Decimal, str | None]:
    """Hold one customer's tier day by day, with the window summed anew each day."""
    names = ["none", *THRESHOLDS]
    held, grace_until = 0, None
    spend = Decimal(0)
    for day in sorted(months_before):
        spend = sum(
            (amount for when, amount in money if months_before[day] <= when < day), Decimal(0)
        )
        qualified = sum(spend >= least for least in THRESHOLDS.values())
        if qualified >= held:
            held, grace_until = qualified, None
            continue
        grace_until = grace_until or _plus_three_months(day)
        if day.day == 1 and day >= grace_until:
            held = max(held - 1, qualified)
            grace_until = _plus_three_months(day) if qualified < held else None
    return names[held], spend, grace_until and grace_until.isoformat()


def _plus_three_months(day: date) -> date:
    month = day.month + 3
    year, month = day.year + (month > 12), (month - 1) % 12 + 1
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError


def test_tiers_are_those_of_a_plain_reference(
    brand: Brand, flows: dict[str, list[tuple[date, Decimal]]]
) -> None:
    days = [
        date(2023, 7, 1) + timedelta(days=n) for n in range((AS_OF - date(2023, 7, 1)).days + 1)
    ]
    months_before = dict(
        duckdb.execute(
            "select d, (d - interval 12 month)::date from (select unnest($1) as d)", [days]
        ).fetchall()
    )
    checked = Counter()
    for customer, money in flows.items():
        if sum(amount for _, amount in money if amount > 0) < 1900:
            assert customer not in brand.truth["tiers"]
            continue
        tier, spend, grace_until = _reference_tier(money, months_before)
        assert brand.truth["tiers"].get(customer, "none") == tier, customer
        vip = brand.truth["vips"].get(customer)
        assert (vip is not None) == (tier != "none"), customer
        if vip:
            assert Decimal(vip["qualifying_spend"]) == spend, customer
            assert vip["grace_until"] == grace_until, customer
        checked[tier] += 1
    assert min(checked[tier] for tier in ("none", "silver", "gold", "platinum")) > 1


def test_two_customers_stand_on_the_line(brand: Brand) -> None:
    assert brand.truth["vips"]["C0000017"]["qualifying_spend"] == "2000.000000"
    assert "C0000018" not in brand.truth["tiers"]


def _e164(phone: str | None, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(phone or "", country or "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_landline(e164: str | None) -> bool:
    number = phonenumbers.parse(e164) if e164 else None
    landline = phonenumbers.PhoneNumberType.FIXED_LINE
    return number is not None and phonenumbers.number_type(number) == landline


def test_every_number_is_valid_however_it_is_written() -> None:
    con = duckdb.connect()
    con.execute("set variable as_of = timestamp '2026-07-01'")
    con.execute((sample.SQL / "macros.sql").read_text())
    for region in sample.brand.REGIONS:
        written = con.execute(
            """
            select e164, written(e164, $1, style)
            from (
                select mobile_number($1, prefix, seat) as e164
                from (select unnest($2) as prefix), (select unnest($3) as seat)
            ), range(6) as styles(style)
            """,
            [region.country, region.prefixes, [0, 1, 1111, 1112, 9898]],
        ).fetchall()
        for e164, text in written:
            assert _e164(text, region.country) == e164, (region.country, text)
            assert not _is_landline(e164), e164


@pytest.mark.parametrize("country", ["AU", "DE", "GB"])
def test_landlines_are_valid_and_known_as_such_however_they_are_written(country: str) -> None:
    con = duckdb.connect()
    con.execute("set variable as_of = timestamp '2026-07-01'")
    con.execute((sample.SQL / "macros.sql").read_text())
    written = con.execute(
        "select e164, written(e164, $1, style) from ("
        "select landline_number($1, seat) as e164 from (select unnest([0, 1, 999, 9999]) as seat)"
        "), range(6) as styles(style)",
        [country],
    ).fetchall()
    for e164, text in written:
        assert _e164(text, country) == e164, text
        assert _is_landline(e164), e164


@pytest.mark.parametrize("country", sorted({region.country for region in sample.brand.REGIONS}))
def test_unusable_numbers_are_valid_nowhere(country: str) -> None:
    assert [_e164(phone, country) for phone in sample.brand.UNUSABLE_PHONES] == [None] * 6


def test_reasons_are_those_of_a_plain_reference(brand: Brand) -> None:
    as_of = datetime(2026, 7, 1)
    customers = {row["customer_id"]: row for row in brand.rows("select * from customers")}
    phone = {c: _e164(row["phone"], row["country_code"]) for c, row in customers.items()}
    users = Counter(number for number in phone.values() if number)
    contact = {c: p if p and users[p] <= 5 else c for c, p in phone.items()}
    by_phone = {p: p for p, count in users.items() if count <= 5}

    def contacts(row: dict[str, Any]) -> Iterator[str]:
        if row.get("customer_id") in customers:
            yield contact[row["customer_id"]]
        if row.get("phone"):
            number = _e164(row["phone"], "US")
            if number in by_phone:
                yield number

    words: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for row in brand.rows("select * from consent_events"):
        if row["purpose"] != "transactional" and row["occurred_at"] < as_of:
            for who in contacts(row):
                words[who].append((row["occurred_at"], row["action"]))
    suppressed = {
        who
        for row in brand.rows("select * from suppressions")
        if row["from_at"] < as_of and (not row["until_at"] or row["until_at"] >= as_of)
        for who in contacts(row)
    }
    unreadable = {
        who
        for row in (
            *_csv(brand.folder / "consent_events" / "late.csv"),
            *_csv(brand.folder / "suppressions.csv")[
                -sum(brand.truth["dirty_rows"]["suppressions"].values()) :
            ],
        )
        for who in contacts(row)
    }
    last = {who: max(said)[1] for who, said in words.items()}
    lists = defaultdict(set)
    reasons = {}
    for c, row in customers.items():
        who = contact[c]
        checks = {
            "test": ("test_account", bool(row["is_test"])),
            "suppressed": ("suppressed", who in suppressed),
            "no_phone": ("no_phone", phone[c] is None),
            "not_textable": ("not_textable", _is_landline(phone[c])),
            "shared_phone": ("shared_phone", users[phone[c]] > 5),
            "consent_unreadable": ("consent_unreadable", who in unreadable),
            "opted_out": ("opted_out", last.get(who) == "opt_out"),
            "never_consented": ("no_consent", who not in last),
        }
        for name, (_, holds) in checks.items():
            if holds:
                lists[name].add(c)
        reasons[c] = next((reason for reason, holds in checks.values() if holds), None)
    for name in checks:
        assert set(brand.truth[name]) == lists[name], name
        assert lists[name], f"no {name} in the sample"

    ranks = {"silver": 1, "gold": 2, "platinum": 3}
    seen = Counter()
    vips = brand.truth["vips"]
    for c, vip in vips.items():
        rivals = [o for o in vips if contact[o] == contact[c] and reasons[o] is None]
        best = min(
            rivals,
            key=lambda o: (-ranks[vips[o]["tier"]], -Decimal(vips[o]["qualifying_spend"]), o),
            default=None,
        )
        expected = reasons[c] or ("eligible" if best == c else "phone_already_chosen")
        assert vip["reason"] == expected, c
        seen[expected] += 1
    assert seen["eligible"] > 30 and seen["phone_already_chosen"] >= 1


def test_arms_and_effects_of_campaigns(brand: Brand, orders: dict[str, dict[str, Any]]) -> None:
    campaigns = brand.truth["campaigns"]
    assert len(campaigns) >= 30
    texted = defaultdict(set)
    for row in brand.rows("select customer_id, campaign_id from sms_messages"):
        texted[row["campaign_id"]].add(row["customer_id"])
    for campaign, truth in campaigns.items():
        holdout = set(truth["holdout_customer_ids"])
        assert not texted[campaign] & holdout
        assert len(texted[campaign]) == truth["treated"]
        assert len(holdout) == truth["holdout"] == truth["invited"] - truth["treated"]
        for customer in holdout | texted[campaign]:
            digest = hashlib.md5(f"{campaign}:{customer}".encode()).hexdigest()
            assert (int(digest[:8], 16) / 2**32 < 0.2) == (customer in holdout)
        caused = [
            order
            for order in orders.values()
            if order["campaign_id"] == campaign
            and (order["discount_code"] or "").startswith("EARLY")
        ]
        assert len(caused) == truth["caused_orders"]
        assert {order["customer_id"] for order in caused} <= texted[campaign]
        revenue = sum((order["net"] for order in caused), Decimal(0))
        assert Decimal(truth["caused_net_revenue"]) == revenue
        effect = revenue / max(truth["treated"], 1)
        assert abs(effect - Decimal(truth["effect_per_customer"])) < Decimal("0.000002")

    # Chance did what was planted: over all campaigns, and nothing where nothing was.
    planted = sum(truth["planted_chance"] * truth["treated"] for truth in campaigns.values())
    caused = sum(truth["caused_orders"] for truth in campaigns.values())
    assert 0.75 * planted < caused < 1.15 * planted
    idle = [truth for truth in campaigns.values() if truth["planted_chance"] == 0]
    assert idle and all(truth["caused_orders"] == 0 for truth in idle)


def test_rising_stars_rise(brand: Brand, flows: dict[str, list[tuple[date, Decimal]]]) -> None:
    assert brand.truth["rising_stars"]
    for customer in brand.truth["rising_stars"]:
        months = [Decimal(0)] * 7
        for day, amount in flows[customer]:
            ago = (AS_OF.year - day.year) * 12 + AS_OF.month - day.month
            months[7 - ago] += amount
        assert all(a < b for a, b in pairwise(months)), customer


def test_totals_are_those_of_the_files(
    brand: Brand, flows: dict[str, list[tuple[date, Decimal]]]
) -> None:
    amounts = [amount for money in flows.values() for day, amount in money if day < AS_OF]
    totals = brand.truth["totals"]
    spent, refunded = (
        sum(amount for amount in amounts if amount > 0),
        -sum(amount for amount in amounts if amount < 0),
    )
    assert Decimal(totals["customer_net_revenue_before_refunds"]) == spent
    assert Decimal(totals["customer_refunds"]) == refunded


# --- Where it writes ---------------------------------------------------------------------------


def test_replaces_a_sample_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "raw"
    generate(out, 40, AS_OF, 1, 6)
    (out / "stale.csv").write_text("old")
    steps: list[str] = []
    generate(out, 30, AS_OF, 1, 6, progress=steps.append)
    assert not (out / "stale.csv").exists() and steps
    assert [entry.name for entry in tmp_path.iterdir()] == ["raw"], "a draft was left behind"

    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "orders.csv").write_text("order_id\n1\n")
    with pytest.raises(UserError, match="no sample"):
        generate(theirs, 30, AS_OF, 1)
    assert (theirs / "orders.csv").read_text() == "order_id\n1\n"


@pytest.mark.parametrize(("customers", "months"), [(0, 36), (10, 0)])
def test_refuses_numbers_that_make_no_sense(tmp_path: Path, customers: int, months: int) -> None:
    with pytest.raises(UserError):
        generate(tmp_path / "raw", customers, AS_OF, 1, months)
    assert not (tmp_path / "raw").exists()


def test_a_failed_run_leaves_the_old_sample_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "o'raw"
    generate(out, 20, AS_OF, 1, 3)
    before = _digests(out)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orchestration.sample.write_truth", full)
    with pytest.raises(UserError, match="No space left"):
        generate(out, 25, AS_OF, 1, 3)
    assert _digests(out) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["o'raw"]


@pytest.mark.parametrize(
    ("customers", "months", "as_of"), [(1, 1, AS_OF), (7, 2, date(2024, 2, 29)), (60, 120, AS_OF)]
)
def test_any_number_of_customers_and_months(
    tmp_path: Path, customers: int, months: int, as_of: date
) -> None:
    summary = generate(tmp_path / "raw", customers, as_of, 5, months)
    assert summary.rows["customers"] >= customers


@pytest.mark.slow
def test_a_large_brand_gets_its_people(tmp_path: Path) -> None:
    """From some 300,000 customers on DuckDB 2.0.0 stops at a hash join that is built on them."""

    class PeopleAreMadeError(Exception):
        """The step after the people has begun."""

    def tell(step: str) -> None:
        if step.startswith("orders"):
            raise PeopleAreMadeError

    with pytest.raises(PeopleAreMadeError):
        generate(tmp_path / "raw", customers=400_000, as_of=AS_OF, seed=7, progress=tell)
    assert not any(tmp_path.iterdir())
