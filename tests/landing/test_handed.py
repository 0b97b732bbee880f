"""Files of opt-outs that were handed over: what lands, what does not, and what stops the night."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from brand import AS_OF, Brand

from orchestration import quality
from orchestration.errors import UserError
from orchestration.landing import LandingReport, land
from orchestration.settings import Settings

ROWS = "select phone_e164, customer_id, opted_out_at, source from raw.handed_opt_outs order by all"
JUNE, MAY = datetime(2026, 6, 20, 8), datetime(2026, 5, 1)


@pytest.fixture
def folder(brand: Brand) -> Path:
    folder = brand.settings.home.parent / "opt outs"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, text: str, when: datetime = JUNE) -> Path:
    path = folder / name
    path.write_text(text)
    os.utime(path, (when.replace(tzinfo=UTC).timestamp(),) * 2)
    return path


def load(brand: Brand, folder: Path) -> LandingReport:
    settings = brand.settings.model_copy(update={"opt_out_dir": folder})
    return land(settings, brand.raw, AS_OF, "run-1")


def stops(brand: Brand) -> list[str]:
    results = quality.run_boundary(brand.settings, "landing", AS_OF, "run-1")
    return [result.spec.name for result in results if result.stops]


def test_good_files_land_with_their_time_and_source(
    brand: Brand, folder: Path, adds_up: Callable[[LandingReport], None]
) -> None:
    put(
        folder,
        "attentive-2026-06.csv",
        "Phone,opted_out_at,source,name of the list\n"
        "(212) 555-0143,2026-05-01T02:00:00+02:00,attentive,x\n"
        "+447400123456,,attentive,x\n"
        "(212) 555-0143,2026-05-01,attentive,x\n",
    )
    put(folder, "postscript.csv", "customer_id\nc3\n", MAY)
    put(folder, ".half-copied.csv", "phone\n")
    report = load(brand, folder)
    adds_up(report)
    assert brand.rows(ROWS) == [
        ("+12125550143", None, MAY, "attentive"),
        ("+447400123456", None, None, "attentive"),
        (None, "c3", None, "hand-over"),
    ]
    files = {file.file_name: file for file in report.files if file.table_name == "handed_opt_outs"}
    assert set(files) == {"attentive-2026-06.csv", "postscript.csv"}
    assert files["attentive-2026-06.csv"].exact_duplicates == 1
    assert "every_stop_names_someone" not in stops(brand)


def test_what_does_not_fit_is_kept_counted_and_puts_its_phone_in_doubt(
    brand: Brand, folder: Path, adds_up: Callable[[LandingReport], None]
) -> None:
    put(
        folder,
        "a.csv",
        "phone,customer_id,opted_out_at\n+12125550143,,when she called\n,c3,2026-13-01\n"
        "+12125550143,,2026-05-01,with a field more\n+447400123456,,\n",
    )
    report = load(brand, folder)
    adds_up(report)
    assert brand.rows(
        "select reason, customer_id, phone_e164 from raw.rejects "
        "where table_name = 'handed_opt_outs' order by row_number"
    ) == [
        ("unparsable", None, "+12125550143"),
        ("unparsable", "c3", None),
        ("malformed_record", None, "+12125550143"),
    ]
    assert len(brand.rows(ROWS)) == 1
    assert "every_stop_names_someone" not in stops(brand)


def test_a_stop_that_names_nobody_stops_the_night(brand: Brand, folder: Path) -> None:
    records = ["4155550199999999,,", ",,", "(no phone),,2026-13-01"]
    put(folder, "a.csv", "\n".join(["phone,customer_id,opted_out_at", *records]) + "\n")
    load(brand, folder)
    results = quality.run_boundary(brand.settings, "landing", AS_OF, "run-1")
    (check,) = [each for each in results if each.spec.name == "every_stop_names_someone"]
    assert check.stops and check.observed == "3 rows"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"mobile\n+12125550143\n", "neither a column phone nor customer_id"),
        (b"", "is empty"),
        (b"phone\n\xff\xfe\n", "is not UTF-8"),
        (b'phone\n"+1212\n', "ends inside a quoted field"),
    ],
)
def test_a_file_that_cannot_be_read_stops_the_night(
    brand: Brand, folder: Path, content: bytes, complaint: str
) -> None:
    (folder / "a.csv").write_bytes(content)
    with pytest.raises(UserError, match=complaint):
        load(brand, folder)


def test_a_folder_that_is_not_there_stops_the_night(brand: Brand, folder: Path) -> None:
    with pytest.raises(UserError, match="VIP_OPT_OUT_DIR"):
        load(brand, folder / "elsewhere")


def test_without_a_folder_nothing_is_asked_for(brand: Brand, settings: Settings) -> None:
    brand.land()
    assert brand.rows(ROWS) == []
    present = "select is_present from raw.contract_tables where table_name = 'handed_opt_outs'"
    assert brand.rows(present) == [(False,)]
