"""The night's files: for marketers, shop, support and warehouse; all of them or none.

The same raw data, policy and date give the same bytes, so a night can be rebuilt and compared. What
stands in the rows is decided by the models of schema `activation`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from orchestration.codes import FILE, attach_codes
from orchestration.errors import UserError
from orchestration.files import (
    PRIVATE_FILE,
    flush,
    private_folder,
    put_folder,
    recover_folders,
    remove,
    saving,
)
from orchestration.keys import code_key
from orchestration.night import require_night
from orchestration.settings import Settings
from orchestration.warehouse import connect, one

MANIFEST = "manifest.json"
LATEST = "latest"

# Inside the house only: the date stands in the manifest, and no platform knows our contact ids.
_KEPT_BACK = ("as_of_date", "contact_id")
# What the file of an audience has of the customer already.
_PROFILE = ("audience_id", "customer_id")
# Files of one model each: their name, the model, the order of the rows.
_PLAIN_FILES = (
    ("expedited_orders", "sync_expedited_orders", "place"),
    ("support_tasks", "sync_support_tasks", "due_at, customer_id, reason, subject_id"),
    ("vip_email", "sync_email_segment", "customer_id"),
    ("vip_flags", "sync_vip_flags", "customer_id"),
    ("vip_prices", "sync_vip_prices", "customer_id"),
)
_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Exported:
    """The folder of one night, its manifest, and whether this call changed what stood there."""

    folder: Path
    manifest: dict[str, Any]
    is_changed: bool


def export(settings: Settings, as_of_date: date) -> Exported:
    """Write `exports/<as_of_date>/` from the models of schema `activation`.

    Columns are those of the models without the inner ids; rows are ordered by their key; money has
    two decimals. `exports/latest` follows unless it already names a newer night of the same brand.
    Raises `UserError` when the warehouse holds another date or the disk is full.
    """
    root = private_folder(settings.paths.exports)
    target = root / as_of_date.isoformat()
    recover_folders(root)
    for leftover in root.glob(".*.tmp"):
        remove(leftover)

    work = root / f".{target.name}.{os.getpid()}.tmp"
    try:
        with saving(root):
            private_folder(work / "audiences")
            work.chmod(0o700)
            manifest = _write_files(settings, as_of_date, work)
            for path in [*work.rglob("*")]:
                if path.is_file():
                    path.chmod(PRIVATE_FILE)
                flush(path)
            flush(work)
            is_changed = not _same(work, target)
            if is_changed:
                put_folder(work, target)
            _point_latest(root, target.name, manifest)
    finally:
        remove(work)
    return Exported(target, manifest, is_changed)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of an export folder; None where there is none that can be read."""
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_files(settings: Settings, as_of_date: date, folder: Path) -> dict[str, Any]:
    with connect(settings, read_only=True) as connection:
        # One thread and kept order: nothing of the scheduling may show in the bytes.
        connection.execute("set threads = 1; set preserve_insertion_order = true")
        context = require_night(connection, as_of_date)
        attach_codes(connection, code_key(settings, create=True))
        audience = _columns(connection, "coded_audience")
        files = {
            "vip_audience": f"select {audience} from coded_audience order by customer_id",
            FILE: (
                "select campaign_id, code, opens_at, closes_at, customer_id, tier, campaign_name "
                "from activation.sync_access_windows "
                "inner join access_codes using (campaign_id, customer_id) "
                "order by campaign_id, customer_id"
            ),
            "holdout": (
                "select experiment_id, customer_id, arm from activation.sync_vip_holdout "
                "order by experiment_id, customer_id, arm"
            ),
        }
        for name, model, order in _PLAIN_FILES:
            columns = _columns(connection, f"activation.{model}")
            files[name] = f"select {columns} from activation.{model} order by {order}"
        written = [
            _write(connection, query, folder / f"{name}.{extension}")
            for name, query in files.items()
            for extension in ("csv", "parquet")
        ]
        told = _columns(connection, "coded_members", leave_out=_PROFILE)
        for audience_id in _audiences(connection):
            query = (
                f"select {audience}, {told} from coded_audience "
                "inner join coded_members using (as_of_date, customer_id, contact_id) "
                f"where audience_id = '{audience_id}' order by customer_id"
            )
            written.append(_write(connection, query, folder / "audiences" / f"{audience_id}.csv"))
    manifest = {
        "as_of_date": as_of_date.isoformat(),
        # Not Dagster's id: two runs on the same input are the same run to whoever reads the files.
        "run_id": _digest(as_of_date, context["raw_fingerprint"], context["policy_version"]),
        "policy_version": context["policy_version"],
        "reporting_currency": context["reporting_currency"],
        "is_sample": context["is_sample"],
        "files": [
            {
                "file": str(path.relative_to(folder)),
                "rows": rows,
                "columns": columns,
                "sha256": _sha256(path),
            }
            for path, rows, columns in sorted(written)
        ],
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def _columns(
    connection: duckdb.DuckDBPyConnection, table: str, leave_out: tuple[str, ...] = ()
) -> str:
    columns = connection.execute(f"describe {table}").fetchall()
    hidden = (*_KEPT_BACK, *leave_out)
    return ", ".join(_plain(name, kind) for name, kind, *_ in columns if name not in hidden)


def _plain(name: str, kind: str) -> str:
    """A column as people read it: money in cents, shares to six places."""
    if kind in ("DOUBLE", "FLOAT"):
        return f'cast("{name}" as decimal(18, 6)) as "{name}"'
    if kind.startswith("DECIMAL"):
        return f'cast("{name}" as decimal(18, 2)) as "{name}"'
    return f'"{name}"'


def _audiences(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The audiences of the policy, and whatever else the rows name."""
    found = connection.execute(
        "select audience_id from policy.audiences "
        "union select audience_id from activation.sync_audience_members "
        "order by audience_id"
    ).fetchall()
    names = [name for (name,) in found]
    for name in names:
        if not _SAFE_NAME.fullmatch(name):
            raise UserError(
                f"audience_id {name!r} cannot name a file: use lower-case letters, digits, _ and - "
                "in seeds/policy/audiences.csv"
            )
    return names


def _write(
    connection: duckdb.DuckDBPyConnection, query: str, path: Path
) -> tuple[Path, int, list[str]]:
    options = "format csv, header" if path.suffix == ".csv" else "format parquet, compression zstd"
    done = one(connection, f"copy ({query}) to ? ({options})", [str(path)])
    (rows,) = done or (0,)
    columns = [name for name, *_ in connection.execute(f"describe {query}").fetchall()]
    return path, rows, columns


def _same(one: Path, other: Path) -> bool:
    def content(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): _sha256(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return other.is_dir() and content(one) == content(other)


def _point_latest(root: Path, name: str, manifest: dict[str, Any]) -> None:
    latest = root / LATEST
    current = read_manifest(latest)
    if (
        current
        and current["as_of_date"] > name
        # A brand's own night always takes the place of the sample's, and the other way round.
        and current["is_sample"] == manifest["is_sample"]
    ):
        return
    link = root / f".{LATEST}.{os.getpid()}.tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    link.replace(latest)
    flush(root)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(*parts: object) -> str:
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:16]
