"""Fixtures of the landing tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from brand import Brand

from orchestration.landing import LandingReport
from orchestration.settings import Settings


@pytest.fixture
def brand(settings: Settings) -> Brand:
    return Brand(settings)


@pytest.fixture
def adds_up() -> Callable[[LandingReport], None]:
    def check(report: LandingReport) -> None:
        for file in report.files:
            parts = file.rows_loaded + file.rows_rejected + file.exact_duplicates + file.rows_erased
            assert parts == file.rows_read, file

    return check
