"""The three required tables alone: a small shop needs nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_brand import DAY, ROWS, write
from vip_process import csv_rows, exported, query, start

pytestmark = pytest.mark.slow


def test_three_csv_files_make_a_night(tmp_path: Path) -> None:
    """In folders as people name them."""
    raw, home = write(tmp_path / "raw [1]"), tmp_path / "Ann's var, *new*"
    ended = start(tmp_path, "nightly", "--as-of", DAY, "--json", raw_dir=raw, home=home).wait()
    assert ended.code == 0, ended.err
    told = ended.json
    assert (told["customers"], told["vips"], told["audience"], told["holdout"]) == (ROWS, 10, 0, 0)
    assert told["checks"]["failed"] == 0

    exported(home, DAY)
    assert csv_rows(home / "exports" / "latest" / "vip_audience.csv") == []
    (total,) = query(home, "select sum(net_revenue_lifetime) from marts.customer_value")[0]
    assert total == 10 * 2050.5 + 50 * 20.5
    (home_page,) = (home / "quality").glob(f"{DAY}.html")
    assert home_page.stat().st_size > 1000
