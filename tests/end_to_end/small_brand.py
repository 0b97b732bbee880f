"""Three CSV files: all that a shop must have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DAY = "2026-07-01"
TABLES = {
    "customers": "customer_id,first_name,phone,country_code\n"
    + "".join(f"c{n},Ann,(212) 555-0{n},US\n" for n in range(100, 160)),
    "orders": "order_id,customer_id,ordered_at\n"
    + "".join(f"o{n},c{n},2026-06-{n % 28 + 1:02}\n" for n in range(100, 160)),
    "order_lines": "order_line_id,order_id,quantity,unit_price\n"
    + "".join(f"l{n},o{n},1,{2050 if n < 110 else 20}.50\n" for n in range(100, 160)),
}
ROWS = 60


def write(folder: Path, changes: Mapping[str, str | bytes] | None = None) -> Path:
    """Write the three tables; `changes` take the place of those they name, as `<table>.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, text in (TABLES | dict(changes or {})).items():
        content = text.encode() if isinstance(text, str) else text
        (folder / f"{table}.csv").write_bytes(content)
    return folder
