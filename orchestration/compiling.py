"""Models as plain SQL: compiled by dbt, to be run by whoever asks in a database of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestration import dbt_client
from orchestration.dbt_client import ADDRESS_VARIABLE, PARENT_VARIABLE
from orchestration.dbt_runner import MANIFEST_VARIABLE, prepare_manifest
from orchestration.errors import UserError, mask
from orchestration.settings import PROJECT_DIR, Settings

AS_OF, KNOWN_BEFORE = "VIP_AS_OF_DATE", "VIP_KNOWN_BEFORE"


def compile_models(
    trial: Settings, names: Sequence[str], night: Mapping[str, str], address: str = ""
) -> dict[str, dict[str, Any]]:
    """Compile these models and all that they read, for a night; return the nodes of the project.

    `trial` is a folder that nobody else uses: dbt connects to empty databases in it. A warm dbt is
    used where one waits at `address`. Raises `UserError` when dbt fails.
    """
    trial.paths.build.parent.mkdir(parents=True, exist_ok=True)
    target = str(trial.paths.dbt_target)
    nodes = json.loads(prepare_manifest().read_bytes())["nodes"]
    selected = [f"+{name}" for name in names]
    result = subprocess.run(  # noqa: S603  the names are those of models
        [sys.executable, "-S", dbt_client.__file__, "compile", "--quiet", "--select", *selected],
        cwd=PROJECT_DIR,
        env={
            **os.environ,
            **trial.environment(),
            **night,
            "DBT_PROFILES_DIR": str(PROJECT_DIR),
            "DBT_TARGET_PATH": target,
            "DBT_LOG_PATH": target,
            ADDRESS_VARIABLE: address,
            PARENT_VARIABLE: str(os.getpid()),
            MANIFEST_VARIABLE: "1",
        },
        capture_output=True,
        text=True,
    )
    if result.returncode:
        words = mask(" ".join((result.stdout + result.stderr).split()))
        raise UserError(f"the models do not compile: {words[-400:]}")
    return nodes


def compiled_sql(trial: Settings, node: Mapping[str, Any]) -> str:
    """The SQL of a model that was compiled under `trial`."""
    path = trial.paths.dbt_target / "compiled" / "vip_sms" / Path(node["original_file_path"])
    return path.read_text(encoding="utf-8")
