"""One compiled law for all tests of this folder that a process runs."""

from __future__ import annotations

import pytest
from law import Law

from orchestration.settings import Settings


@pytest.fixture(scope="session")
def law(tmp_path_factory: pytest.TempPathFactory) -> Law:
    """The models as written, over the seeds as written."""
    folder = tmp_path_factory.mktemp("law")
    settings = Settings(home=folder / "var", raw_dir=folder / "raw", _env_file=None)
    settings.paths.home.mkdir(parents=True)
    return Law(settings)
