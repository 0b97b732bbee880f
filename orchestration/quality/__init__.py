"""The quality gate: what must hold at the boundaries, judged by Great Expectations inside DuckDB.

`suites` reads what is expected, `engine` judges, `boundaries` runs them over a boundary, `wording`
says what came out, `nights` keeps it, `page` shows it. The expectations themselves are the
hand-written files under `expectations/`; what a single model promises is a dbt test instead.
Importing this package does not import Great Expectations.
"""

from orchestration.quality.boundaries import gate_rows, run_boundary
from orchestration.quality.page import DbtResult, write_page
from orchestration.quality.suites import CheckResult, CheckSpec, suite_specs

__all__ = [
    "CheckResult",
    "CheckSpec",
    "DbtResult",
    "gate_rows",
    "run_boundary",
    "suite_specs",
    "write_page",
]
