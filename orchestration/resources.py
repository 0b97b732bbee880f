"""What the assets share in a run: the right to write, and dbt.

Only the lifetime of things belongs here; what is done with them belongs to the assets.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliInvocation, DbtCliResource
from packaging.version import Version, parse
from pydantic import PrivateAttr

from orchestration import dbt_client
from orchestration.dbt_client import ADDRESS_VARIABLE, PARENT_VARIABLE
from orchestration.dbt_runner import MANIFEST_VARIABLE
from orchestration.locking import wait_for_warehouse
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warehouse import writer_lock
from orchestration.warm_dbt import warm_dbt


class Warehouse(dg.ConfigurableResource):
    """The one right to write under `VIP_HOME`, held from the first step of a run to the last."""

    home: str = ""
    raw_dir: str = ""

    @cached_property
    def settings(self) -> Settings:
        """The settings of this process, with the folders of this resource where it names any."""
        folders = {"home": self.home, "raw_dir": self.raw_dir}
        return Settings(**{name: Path(value) for name, value in folders.items() if value})

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Warehouse]:
        """Take the lock for the time of the run. Raises `BusyError` where another run has it."""
        with writer_lock(self.settings):
            wait_for_warehouse(self.settings)
            yield self


class Dbt(DbtCliResource):
    """dbt of this very environment, told the night through the project's environment variables.

    Two habits of its parent are left out: asking the network for dbt's version, and loading dbt a
    second time in this process for row counts that the warehouse tells for nothing.
    """

    address: str = ""
    """Where a warm dbt waits already; else each run starts its own."""

    _address: str = PrivateAttr()

    @classmethod
    def of_project(cls, address: str = "") -> Dbt:
        """The dbt of the project beside this package; needs no dbt on the PATH."""
        return cls(
            address=address,
            project_dir=PROJECT_DIR,
            profiles_dir=PROJECT_DIR,
            dbt_executable=sys.executable,
            global_config_flags=["-S", dbt_client.__file__],
        )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Dbt]:
        """Let a process read the project while the run does other things."""
        with nullcontext(self.address) if self.address else warm_dbt() as self._address:
            yield self

    @property
    def waiting_at(self) -> str:
        """Where the dbt of this run waits, for who asks it for something else than a build."""
        return self._address

    @cached_property
    def _cli_version(self) -> Version:
        return parse(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: object) -> None:
        return None

    def build(
        self,
        context: dg.AssetExecutionContext,
        settings: Settings,
        as_of_date: date,
        *arguments: str,
    ) -> DbtCliInvocation:
        """Start `dbt build` for one night, with what the context selects and further arguments.

        Its results and what it compiled are under `VIP_HOME`, the same folder each night.
        """
        with _environment(
            {
                **settings.environment(),
                "VIP_AS_OF_DATE": as_of_date.isoformat(),
                # At dbt's default, debug, the file grows by megabytes a night.
                "DBT_LOG_LEVEL_FILE": os.environ.get("DBT_LOG_LEVEL_FILE", "info"),
                ADDRESS_VARIABLE: self._address,
                PARENT_VARIABLE: str(os.getpid()),
                MANIFEST_VARIABLE: "1",
            }
        ):
            return self.cli(
                ["build", "--exclude-resource-type", "unit_test", *arguments],
                context=context,
                target_path=settings.paths.dbt_target,
            )


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
