"""Files of a sample: tables in the order of their key, some rows repeated, dirty ones added."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration.sample.dirty import dirty_rows
from orchestration.warehouse import one

# Large tables are folders of Parquet parts, small ones a CSV file: both readers are exercised.
PARTS = (
    "customers",
    "orders",
    "order_lines",
    "returns",
    "consent_events",
    "sms_messages",
    "sms_events",
    "channel_touches",
    "site_events",
)
CATALOGUE = ("products", "fx_rates", "campaigns", "inventory_events")
SMALL = (
    "suppressions",
    "support_tickets",
    "service_incidents",
    "benefit_redemptions",
    "subscriptions",
    "surveys",
    "loyalty_accounts",
)


@dataclass
class Writer:
    """Puts tables into files in the order of their key, and counts what it puts there."""

    connection: duckdb.DuckDBPyConnection
    folder: Path
    copies: int  # of each flaw, and of the rows repeated per table, where tables grow
    rows: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    dirty: Counter[tuple[str, str]] = field(default_factory=Counter)

    def csv(self, table: str, source: str | None = None) -> None:
        """Write all of `source` (default: the table of that name) into one CSV file."""
        path = self.folder / f"{table}.csv"
        self._copy(table, source or table, "true", path, "format csv, header")

    def part(self, table: str, number: int, condition: str) -> None:
        """Write the rows that fulfil `condition` as one Parquet part."""
        path = self.folder / table / f"part-{number:04d}.parquet"
        path.parent.mkdir(exist_ok=True)
        self._copy(table, table, condition, path, "format parquet, compression zstd")

    def _copy(self, table: str, source: str, condition: str, path: Path, options: str) -> None:
        """Write rows without their ordering columns; the first file of a table repeats a few."""
        repeated = 0 if self.rows[table] else self._copies_of(table)
        escaped = str(path).replace("'", "''")
        (written,) = one(
            self.connection,
            f"""
            copy (
                with kept as (select * from {source} where {condition})
                select * exclude (n, k, l)
                from (
                    from kept
                    union all
                    (from kept order by n, k, l limit {repeated})
                )
                order by n, k, l
            ) to '{escaped}' ({options})
            """,
        )
        if repeated:
            self.repeated[table] = min(repeated, written // 2)
        self.rows[table] += written

    def dirty_rows(self, as_of: date) -> list[str]:
        """Add the rows that do not fit; return the customer_id of each whose consent they blur."""
        vips = self.connection.execute(
            """
            select name_of('C', n), e164 from who
            where
                name = 'vip' and can_be_texted and not is_household and not is_test
                and consent = 'opted_in' and suppressed_at is null
            order by n
            """
        ).fetchall()
        (somebody,) = one(self.connection, "select name_of('C', 1)")
        yesterday = (as_of - timedelta(days=1)).isoformat()
        rows = list(dirty_rows(self._copies_of, yesterday, somebody, iter(vips)))
        for table in (*PARTS, *CATALOGUE, *SMALL):
            own = [row for row in rows if row.table == table]
            if own:
                self._append(table, [row.values for row in own])
                self.rows[table] += len(own)
                self.dirty.update((table, row.reason) for row in own if row.reason)
        return [row.about for row in rows if row.about]

    def counts(self) -> dict[str, Any]:
        """Rows by table; dirty rows by table and reason; repeated rows by table."""
        dirty: dict[str, dict[str, int]] = {}
        for (table, reason), count in sorted(self.dirty.items()):
            dirty.setdefault(table, {})[reason] = count
        return {"rows": self.rows, "dirty_rows": dirty, "exact_duplicates": self.repeated}

    def _copies_of(self, table: str) -> int:
        # The catalogue has one size: more dirt in it would be no typing error but a broken feed.
        return min(self.copies, 2) if table in CATALOGUE else self.copies

    def _append(self, table: str, rows: list[dict[str, str]]) -> None:
        """Below the good rows of a CSV table, or as one more part of a large one."""
        path = self.folder / f"{table}.csv"
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                columns = next(csv.reader(file))
        else:
            path = self.folder / table / "late.csv"
            columns = list(dict.fromkeys(column for row in rows for column in row))
        is_new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            lines = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            if is_new:
                lines.writeheader()
            lines.writerows(rows)
