"""Every setting, read once from the environment or `.env`, and every path that follows from it.

Modules take settings from here; the environment itself only carries them to child processes.
"""

from __future__ import annotations

import os
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """Settings of one process; each field is the environment variable `VIP_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="VIP_", env_file=PROJECT_DIR / ".env", extra="ignore", frozen=True
    )

    home: Path = Field(PROJECT_DIR / "var", description="Folder of everything the program writes.")
    raw_dir: Path = Field(PROJECT_DIR / "data" / "raw", description="Folder of the raw tables.")
    opt_out_dir: Path | None = Field(
        None, description="Folder of files of opt-outs handed over; unset: there are none."
    )
    reporting_currency: str | None = Field(
        None, description="Currency of every amount; unset: USD, or the one currency of the orders."
    )
    default_country: str = Field(
        "US", description="Country of a phone number whose customer names none."
    )
    memory_limit: str = Field("5GB", description="What DuckDB may hold in memory before it spills.")
    threads: int = Field(
        default_factory=lambda: min(os.cpu_count() or 2, 8),
        description="Threads of DuckDB and dbt.",
    )
    disabled_optimizers: str = Field(
        "", description="Steps of DuckDB's planner to leave out, comma-separated; see the runbook."
    )
    schedule_hour: int = Field(2, ge=0, le=23, description="Hour at which the nightly run starts.")
    schedule_timezone: str = Field("UTC", description="IANA zone of that hour.")
    first_as_of: date = Field(
        date(2009, 1, 1), description="Oldest date that the daily partitions offer."
    )
    newest_as_of: date | None = Field(
        None, description="Newest one, for data that run ahead of the clock; unset: today."
    )
    env: Literal["production", "development"] | None = Field(
        None, description="What this machine is; real people are texted from production alone."
    )
    destinations: Annotated[tuple[str, ...], NoDecode] = Field(
        ("outbox",), description="Where the night delivers to, comma-separated."
    )
    files_url: SecretStr | None = Field(
        None, description="Folder of the file drop: a path, or s3://, gs://, sftp:// and the like."
    )
    files_preset: Literal["klaviyo", "attentive", "postscript"] = Field(
        "klaviyo", description="Whose columns the files of the drop have."
    )
    ledger_key: SecretStr | None = Field(
        None, description="Secret of the hashes in the ledger; unset: a private file of the home."
    )
    code_key: SecretStr | None = Field(
        None, description="Secret that early-access codes are made from; unset: a private file."
    )
    policy_draft: Path | None = Field(
        None, description="Folder of a policy draft that the asset policy_simulation replays."
    )
    alert_webhook_url: str | None = Field(
        None, repr=False, description="Where a failed run is posted; unset: the log."
    )

    @field_validator("destinations", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @cached_property
    def paths(self) -> Paths:
        """Where each file of the programme lies."""
        return Paths(self.home.resolve())

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for the dbt process."""
        return {
            "VIP_HOME": str(self.paths.home),
            "VIP_MEMORY_LIMIT": self.memory_limit,
            "VIP_THREADS": str(self.threads),
            "VIP_DISABLED_OPTIMIZERS": self.disabled_optimizers,
        }


class Paths:
    """The files under `VIP_HOME`. Nothing is created by asking."""

    def __init__(self, home: Path) -> None:
        """Lay out the files under `home`."""
        self.home = home
        self.warehouse = home / "warehouse.duckdb"
        self.build = home / "build" / "vip_sms.duckdb"
        self.published = home / "published" / "vip_sms.duckdb"
        self.exports = home / "exports"
        self.ledger = home / "ledger.sqlite"
        self.ledger_key = home / "ledger.key"
        self.code_key = home / "code.key"
        self.outbox = home / "outbox"
        self.quality = home / "quality"
        self.audits = home / "audits"
        self.erasures = home / "erasures"
        self.dagster = home / "dagster"
        self.tmp = home / "tmp"
        self.lock = home / "nightly.lock"
        self.dbt_target = home / "dbt"
