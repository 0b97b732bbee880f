"""What a bad night is made of: late rows, dirty rows, a full disk, a row slipped in by hand."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import duckdb

# Somebody who is in no name list: wherever one of these words appears, it leaked.
SECRET_NAME, SECRET_EMAIL, SECRET_DIGITS = "Quirinelda", "zephyrotes@example.org", "2025550187"
SPENDERS = 3


def add_spend_and_dirt(raw: Path, truth: dict[str, Any]) -> None:
    """Let a sample grow: orders of some VIPs, and rows about somebody that do not fit."""
    eligible = [each for each, vip in truth["vips"].items() if vip["reason"] == "eligible"]
    orders = ["order_id,customer_id,ordered_at"]
    lines = ["order_line_id,order_id,quantity,unit_price"]
    for number, customer in enumerate(eligible[:SPENDERS]):
        orders.append(f"LATE-{number},{customer},2026-06-15 10:00")
        lines.append(f"LATE-{number}-1,LATE-{number},1,12.34")
    someone = f"{SECRET_NAME},{SECRET_EMAIL},+1 (202) 555-0187"
    stop = "opt_out,12.12.2026 at noon"
    parts = {
        "orders": orders,
        "order_lines": lines,
        "customers": [
            "customer_id,created_at,first_name,email,phone",
            f"LATE-1,yesterday,{someone}",
            f",2026-01-01,{someone}",
            f"LATE-2,2026-01-01,{someone}",
            f"LATE-2,2026-01-02,{someone}",
        ],
        "consent_events": [
            "consent_event_id,phone,action,occurred_at,source,proof",
            f"LATE-1,{SECRET_DIGITS},{stop},{SECRET_EMAIL},{SECRET_NAME}",
            f"LATE-2,+1{SECRET_DIGITS},no more of this,2026-06-01,store,{SECRET_NAME}",
        ],
    }
    for table, rows in parts.items():
        text = "\n".join(rows) + "\n"
        (raw / table / "later.csv").write_text(text, encoding="utf-8")


def no_room_for_files() -> None:
    """Let the system itself refuse every export file that grows beyond 100 bytes."""
    from orchestration import exporting

    write = exporting._write_files

    def limited(*arguments: object) -> object:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        try:
            return write(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    exporting._write_files = limited


def no_room_for_the_warehouse() -> None:
    """Let the system refuse every file beyond 11 MB: a warehouse is larger, a history is not."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (11_000_000, resource.RLIM_INFINITY))


def no_room_for_the_history() -> None:
    """Let the system refuse every file beyond 200 kB, Dagster's history among the first."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))


def slip_in(home: Path, customer: str) -> None:
    """Put a customer among those to be texted, by hand, behind the models' back."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(
            """
            insert into activation.sync_vip_audience
            select
                somebody.* replace (
                    contacts.customer_id as customer_id,
                    contacts.contact_id as contact_id,
                    contacts.phone_e164 as phone,
                    contacts.email as email,
                    contacts.first_name as first_name
                )
            from marts_private.customer_contacts as contacts
            cross join (select * from activation.sync_vip_audience limit 1) as somebody
            where contacts.customer_id = ?
            """,
            [customer],
        )
