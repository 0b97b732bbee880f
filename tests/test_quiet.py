"""DuckDB draws progress on stdout from two seconds on; what the program prints there is figures."""

from __future__ import annotations

import pytest

from orchestration.erasure.tables import connection_for
from orchestration.settings import Settings
from orchestration.warehouse import connect, one


@pytest.mark.parametrize("open_one", [connect, connection_for])
def test_no_connection_draws_its_progress(settings: Settings, open_one) -> None:
    with open_one(settings) as connection:
        assert one(connection, "select current_setting('enable_progress_bar')") == (False,)
