"""The models on Spark: raw and fitted tables handed over as Parquet, the same project built there.

`python -m orchestration.second_engine` runs in the environment of requirements-spark.lock and needs
Java. What differs between the engines in SQL belongs to macros/portable/.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import closing
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from orchestration.contract import load_contract
from orchestration.errors import UserError
from orchestration.fits.fit import SCHEMA, declared
from orchestration.settings import PROJECT_DIR, Settings
from orchestration.warehouse import connect, one


def missing() -> str | None:
    """What this machine or environment lacks for Spark, in one line; None when nothing."""
    if not os.environ.get("JAVA_HOME") and not shutil.which("java"):
        return "no Java here: install a runtime of version 17 or later, or set JAVA_HOME"
    if not find_spec("pyspark") or not find_spec("dbt.adapters.spark"):
        return "no pyspark or dbt-spark in this environment: use .venv-spark (make test-spark)"
    return None


def spark_folder(settings: Settings) -> Path:
    """The folder of Spark's tables: `<schema>.db/<table>/*.parquet`, made anew by each build."""
    return settings.paths.home / "spark"


def export_sources(settings: Settings, folder: Path) -> date:
    """Write each source table to `folder/<schema>/<table>/` as Parquet; return the as-of date.

    Raises `UserError` when nothing has been landed.
    """
    if not settings.paths.warehouse.exists():
        raise UserError(f"nothing landed in {settings.paths.home} yet: run `vip nightly` first")
    with closing(connect(settings, read_only=True)) as connection:
        for schema, names in (("raw", load_contract()), (SCHEMA, declared())):
            for name in names:
                (folder / schema / name).mkdir(parents=True)
                file = str(folder / schema / name / "rows.parquet")
                connection.execute(f"copy {schema}.{name} to ?", [file])
        (as_of,) = one(connection, "select as_of_date from raw.run_context")
    return as_of


def build(settings: Settings) -> None:
    """Build every seed and model in a Spark of this process, from what the last night left.

    The project is that of `DBT_PROJECT_DIR`, by default this one. Raises `UserError` when something
    is missing or dbt fails; dbt itself has printed why.
    """
    lack = missing()
    if lack:
        raise UserError(lack)
    from dbt.cli.main import dbtRunner  # slow to load, and not needed for `missing`

    home = spark_folder(settings)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700, parents=True)  # phones and names are in there
    as_of = export_sources(settings, home / "sources")
    os.environ |= settings.environment() | {
        "VIP_DBT_TARGET": "spark",
        "VIP_AS_OF_DATE": as_of.isoformat(),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    project = os.environ.get("DBT_PROJECT_DIR", str(PROJECT_DIR))
    places = ["--project-dir", project, "--profiles-dir", project]
    places += ["--target-path", str(home / "dbt"), "--log-path", str(home / "dbt")]
    tables = f"{{folder: '{home / 'sources'}'}}"
    for command in (
        ["run-operation", "create_source_tables", "--args", tables],
        ["build", "--exclude-resource-type", "test", "unit_test"],
    ):
        if not dbtRunner().invoke([*command, *places]).success:
            raise UserError(f"dbt {command[0]} failed on Spark: see its lines above")


if __name__ == "__main__":
    try:
        build(Settings())
    except UserError as error:
        sys.exit(str(error))
