"""A small raw folder to damage, and a way to look at what landed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from orchestration.landing import LandingReport, land
from orchestration.settings import Settings

AS_OF = date(2026, 7, 1)
CUSTOMERS = "customer_id,phone,country_code\nc1,(212) 555-0143,US\nc2,07400 123456,GB\nc3,,\n"
ORDERS = "order_id,customer_id,ordered_at\no1,c1,2026-01-02 10:00:00\no2,,2026-01-03\n"
LINES = "order_line_id,order_id,quantity,unit_price\nl1,o1,2,10.50\nl2,o2,1,3\n"


class Brand:
    """A raw folder that lands without trouble until a test puts something else in it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.raw = settings.raw_dir
        self.raw.mkdir(parents=True)
        self.put("customers.csv", CUSTOMERS)
        self.put("orders.csv", ORDERS)
        self.put("order_lines.csv", LINES)

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.raw / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def put_parquet(self, name: str, query: str) -> Path:
        path = self.raw / name
        path.parent.mkdir(exist_ok=True)
        duckdb.execute(f"copy ({query}) to '{path}' (format parquet)")
        return path

    def land(self, **changes: Any) -> LandingReport:
        settings = self.settings.model_copy(update=changes)
        return land(settings, self.raw, AS_OF, "run-1")

    def rows(self, query: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.paths.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def rejects(self, columns: str = "column_name, value, reason, row_number") -> list[tuple]:
        return self.rows(
            f"select {columns} from raw.rejects order by table_name, file_name, row_number"
        )
