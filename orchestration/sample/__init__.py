"""A generated brand in the raw contract, with its planted truths: `generate` writes one.

`brand` holds the planted constants, `catalogue` lays them out over time, `sql/` turns them into
rows set-wise, `writer` puts the rows into files, `dirty` adds those that do not fit, `truth` works
out what a correct programme must find again. Chance is md5 over seed and key, and every file is
written in the order of a full key: the same arguments give the same bytes, whatever the number of
threads.

The people are invented; their phone numbers are not all reserved. Numbers of the United States and
Canada lie in exchange 555, those of other countries in ranges that pass validation and may belong
to somebody: the ranges kept for fiction are too small, or no valid numbers at all. Nobody may ever
be texted from a sample.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.errors import UserError
from orchestration.sample import brand, catalogue
from orchestration.sample.truth import (
    MICROS,
    add_months,
    read_parameter,
    read_policies,
    write_truth,
)
from orchestration.sample.writer import CATALOGUE, PARTS, SMALL, Writer
from orchestration.settings import PROJECT_DIR
from orchestration.warehouse import quiet

SQL = Path(__file__).parent / "sql"

# What truths hang on: by the policy as written, else by these.
READ_OF_POLICY: dict[str, float] = {
    "max_customers_per_phone": 5,
    "incident_open_days": 60,
    "quiet_days_after_incident": 7,
    "quiet_days_after_complaint": 30,
    "very_dissatisfied_csat": 1,
    "very_dissatisfied_sentiment": -0.6,
    "very_dissatisfied_score": 2,
}


@dataclass(frozen=True)
class SampleSummary:
    """What was written: rows per table, dirty and repeated ones included, and the seconds taken."""

    folder: Path
    as_of: date
    rows: Mapping[str, int]
    dirty_rows: int
    seconds: float


def generate(
    out: Path,
    customers: int,
    as_of: date,
    seed: int,
    months: int = 36,
    *,
    progress: Callable[[str], None] | None = None,
    threads: int | None = None,
    memory_limit: str = "4GB",
    policy_dir: Path = PROJECT_DIR / "seeds" / "policy",
) -> SampleSummary:
    """Write a brand of `customers` over the `months` before `as_of` into folder `out`.

    Out: every table of the raw contract, large ones as `<table>/part-*.parquet` with the dirty
    rows in `<table>/late.csv`, small ones as `<table>.csv`; and truth.json, which defines each of
    its lists. Some events, and one order, lie at or after 00:00 of `as_of`: they must not count.
    A sample that stands in `out` is replaced at the very end. `progress` hears of each step in a
    few words.

    Raises `UserError` when `out` holds anything but a sample or cannot be written, or a number
    makes no sense.
    """
    if customers < 1 or months < 1:
        raise UserError("a sample needs at least one customer and one month")
    _check_replaceable(out)
    started = time.monotonic()
    draft = out.with_name(f".{out.name}.draft")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        spill = draft / "spill"
        config = {"temp_directory": str(spill), "memory_limit": memory_limit}
        config |= {"threads": threads} if threads else {}
        # DuckDB 2.0.0 stops at 400,000 customers where it builds a hash table on `person`, whose
        # names come in two encodings ("dict-surviving join", their issue 24807).
        config |= {"disabled_optimizers": "build_side_probe_side"}
        with quiet(duckdb.connect(config=config)) as connection:
            writer = Writer(connection, draft, copies=max(1, round(customers**0.5 / 25)))
            _write(
                connection,
                writer,
                Plan(customers, as_of, seed, months, policy_dir),
                progress or (lambda _: None),
            )
        shutil.rmtree(spill, ignore_errors=True)
        if out.exists():
            shutil.rmtree(out)
        draft.rename(out)
    except (OSError, duckdb.IOException) as error:
        raise UserError(f"the sample could not be written to {out}: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return SampleSummary(
        out, as_of, dict(writer.rows), writer.dirty.total(), time.monotonic() - started
    )


def _check_replaceable(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: choose a folder for the sample")
    names = {entry.name for entry in out.iterdir()} if out.exists() else set()
    if names - {".gitkeep"} and "truth.json" not in names:
        raise UserError(f"{out} holds data that is no sample: empty it or choose another folder")


@dataclass(frozen=True)
class Plan:
    """What is asked for, and what follows from it."""

    customers: int
    as_of: date
    seed: int
    months: int
    policy_dir: Path

    @property
    def start(self) -> date:
        """First day of the data."""
        return add_months(self.as_of, -self.months)

    @property
    def guests(self) -> int:
        """Buyers without an account, numbered after the customers."""
        return round(self.customers * brand.GUESTS_PER_CUSTOMER)


def _write(
    connection: duckdb.DuckDBPyConnection,
    writer: Writer,
    plan: Plan,
    tell: Callable[[str], None],
) -> None:
    policies = read_policies(plan.policy_dir)
    (_, lowest), *_ = policies[-1].tiers

    tell("customers and catalogue")
    _set_variables(
        connection,
        {
            **_constants(plan),
            "threshold": lowest * 100 // MICROS,
            **{
                name: read_parameter(plan.policy_dir, name, default)
                for name, default in READ_OF_POLICY.items()
            },
        },
    )
    for table, rows in _plan_tables(plan):
        _load(connection, table, rows)
    for step in ("macros", "customers", "catalogue"):
        _run(connection, step)
    for table in CATALOGUE:
        writer.csv(table)

    # At least two parts of every large table, so that the reading of parts is always exercised.
    total = plan.customers + plan.guests
    size = min(brand.CHUNK, -(-total // 2))
    for part, first in enumerate(range(1, total + 1, size)):
        last = min(total, first + size - 1)
        tell(f"orders and events of {last:,} of {total:,} buyers")
        _set_variables(connection, {"first_n": first, "last_n": last})
        for step in ("orders", "messages", "events", "keep"):
            _run(connection, step)
        for table in PARTS:
            writer.part(table, part, f"n between {first} and {last}")
        for table in SMALL:
            connection.execute(
                f"create table if not exists all_{table} as from {table} limit 0;"
                f"insert into all_{table} from {table}"
            )
    for table in SMALL:
        writer.csv(table, f"all_{table}")

    tell("dirty rows and planted truths")
    connection.execute(
        "create table unreadable as select unnest($1::varchar[]) as customer_id",
        [writer.dirty_rows(plan.as_of)],
    )
    write_truth(
        connection,
        writer.folder / "truth.json",
        facts={
            "as_of_date": plan.as_of.isoformat(),
            "seed": plan.seed,
            "customers": plan.customers,
            "months": plan.months,
            **writer.counts(),
        },
        as_of=plan.as_of,
        policies=policies,
    )


def _constants(plan: Plan) -> dict[str, Any]:
    """What the SQL reads as variables."""
    days = (plan.as_of - plan.start).days
    return {
        "seed": str(plan.seed),
        "customers": plan.customers,
        "guests": plan.guests,
        "digits": max(7, len(str(plan.customers + plan.guests))),
        "as_of": catalogue.midnight(plan.as_of),
        "start": catalogue.midnight(plan.start),
        "this_month": catalogue.midnight(plan.as_of.replace(day=1)),
        "days": days,
        "minutes": days * 1440,
        "slots": brand.SLOTS,
        **{
            each.name: number
            for number, each in enumerate(brand.ARCHETYPES)
            if each.name in ("guest", "on_the_line")
        },
        "household_share": brand.HOUSEHOLD_SHARE,
        "household_share_of_core": brand.HOUSEHOLD_SHARE_OF_CORE,
        "wide_groups": max(1, plan.customers // brand.WIDE_EVERY),
        "wide_size": brand.WIDE_SIZE,
        "test_accounts": brand.TEST_ACCOUNTS,
        "no_phone": brand.NO_PHONE,
        "bad_phone": brand.BAD_PHONE,
        "landlines": brand.LANDLINES,
        "landlines_of_core": brand.LANDLINES_OF_CORE,
        "suppressed": brand.SUPPRESSED,
        "wear": brand.WEAR,
        "before_window": brand.BEFORE_WINDOW,
        "growth": brand.GROWTH,
        "hours": list(brand.HOURS),
        "first_names": brand.FIRST_NAMES,
        "last_names": brand.LAST_NAMES,
        "channels": list(brand.CHANNELS),
        "unusable_phones": list(brand.UNUSABLE_PHONES),
    }


def _plan_tables(plan: Plan) -> Iterable[tuple[str, Iterable[Mapping[str, Any]]]]:
    """What the SQL reads as tables."""
    yield (
        "archetype",
        ({"archetype": i} | asdict(each) for i, each in enumerate(brand.ARCHETYPES)),
    )
    yield "region", ({"region_number": i} | asdict(each) for i, each in enumerate(brand.REGIONS))
    yield "market", (asdict(each) for each in brand.MARKETS)
    yield (
        "touch_weight",
        ({"channel": name, "weight": weight} for name, weight in brand.TOUCH_WEIGHTS.items()),
    )
    for table, column, shares in (
        ("archetype_slot", "archetype", {i: a.share for i, a in enumerate(brand.ARCHETYPES)}),
        ("region_slot", "region_number", {i: r.weight for i, r in enumerate(brand.REGIONS)}),
        ("consent_slot", "consent", brand.CONSENT),
    ):
        yield table, ({"slot": s, column: v} for s, v in enumerate(brand.slots(shares)))
    for table in ("articles", "rates", "campaigns", "calendar", "clock"):
        yield f"{table.removesuffix('s')}", getattr(catalogue, table)(plan.start, plan.as_of)


def _run(connection: duckdb.DuckDBPyConnection, step: str) -> None:
    connection.execute((SQL / f"{step}.sql").read_text(encoding="utf-8"))


def _load(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Mapping[str, Any]]
) -> None:
    connection.register("arriving", pa.Table.from_pylist(list(rows)))
    connection.execute(f"create table {table} as from arriving")
    connection.unregister("arriving")


def _set_variables(connection: duckdb.DuckDBPyConnection, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        connection.execute(f"set variable {name} = $value", {"value": value})
