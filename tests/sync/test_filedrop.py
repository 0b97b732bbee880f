"""The file drop: what stands in the files is what was decided, and no file counts half-written."""

from __future__ import annotations

import builtins
import csv
import hashlib
import io
import json
from collections.abc import Iterator

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from night import AS_OF, Vip, members
from vendor import read_hand_over
from worlds import MANY, NIGHT, ids, ledger_rows, night

from orchestration import sync
from orchestration.platforms import PlatformError, open_platform
from orchestration.settings import Settings
from orchestration.sync.doctor import examine

SECRET = "p4ssw0rd"


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """A store that is no disk: files appear there by other means than renaming."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


@pytest.fixture(params=["memory", "local"])
def dropping(
    settings: Settings, memory: MemoryFileSystem, request: pytest.FixtureRequest
) -> Settings:
    folder = settings.home.parent / "drop"
    url = "memory://drop/vip" if request.param == "memory" else str(folder)
    return with_drop(settings, url)


def with_drop(settings: Settings, url: str, preset: str = "klaviyo") -> Settings:
    """Settings with a drop, and a hand-over of opt-outs as young as can be."""
    handed = settings.home.parent / "handed"
    handed.mkdir(exist_ok=True)
    (handed / "stops.csv").write_text("phone\n")
    values = settings.model_dump() | {"env": "production", "files_url": url, "files_preset": preset}
    return Settings(**values | {"opt_out_dir": handed}, _env_file=None)


def push(settings: Settings, as_of=AS_OF, approve: int | None = MANY) -> sync.Pushed:
    if settings.opt_out_dir:
        read_hand_over(settings)
    return sync.push(settings, "files", as_of, approve=approve)


def dropped(settings: Settings, place: str) -> dict[str, list[list[str]]]:
    """The rows of each file that the manifest of a push names; each is as it says."""
    files, root = fsspec.core.url_to_fs(settings.files_url.get_secret_value())
    manifest = json.loads(files.cat_file(f"{root}/{place}/manifest.json"))
    found = {}
    for entry in manifest["files"]:
        data = files.cat_file(f"{root}/{place}/{entry['file']}")
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        rows = list(csv.reader(io.StringIO(data.decode())))
        assert len(rows) - entry["rows"] in (0, 1)
        found[entry["file"]] = rows
    there = {path.rsplit("/", 1)[1] for path in files.find(f"{root}/{place}")}
    assert there == {*found, "manifest.json"}, "nothing half-written, nothing unnamed"
    return found


def test_full_and_delta_of_each_push(dropping: Settings) -> None:
    night(dropping, members(3))
    pushed = push(dropping)
    assert (pushed.accepted, pushed.failed) == (10, 0)
    first = dropped(dropping, "2026-07-01/0001")
    assert list(first) == [
        "01-profiles.csv",
        "02-add-holdout-global.csv",
        "02-full-holdout-global.csv",
        "03-profiles.csv",
        "04-add-vip.csv",
        "04-full-vip.csv",
    ]
    assert first["02-full-holdout-global.csv"] == [
        ["external_id", "phone_number"],
        ["k-c9001", "+12025559001"],
        ["k-c9002", "+12025559002"],
    ]
    header, ann, *rest = first["04-full-vip.csv"]
    assert first["04-add-vip.csv"] == [header, ann, *rest]
    told = {
        name: value
        for name, value in zip(header, ann, strict=True)
        if not name.startswith("vip_message")
    }
    assert told == {
        "external_id": "k-c1",
        "phone_number": "+12025550001",
        "vip": "true",
        "vip_audience_ids": "vip",
        "vip_benefits": "discount",
        "vip_first_name": "Ann",
        "vip_next_tier": "",
        "vip_preferred_hour": "",
        "vip_progress_to_next_tier": "0.333333",
        "vip_spend_to_next_tier": "123.45",
        "vip_tier": "Gold",
        "vip_tier_rank": "2",
        "vip_tier_since": "2026-01-01",
    }
    profiles = first["03-profiles.csv"]
    ann = dict(zip(profiles[0], profiles[1], strict=True))
    assert {name: ann[name] for name in told} == told, "the same as in the list"

    night(dropping, members(2), as_of=NIGHT, decisions={"c3": "opted_out"})
    push(dropping, NIGHT)
    second = dropped(dropping, "2026-07-02/0002")
    assert list(second) == ["01-remove-vip.csv", "01-full-vip.csv", "02-profiles.csv"]
    assert second["01-remove-vip.csv"] == [
        ["external_id", "phone_number"],
        ["k-c3", "+12025550003"],
    ]
    assert [row[0] for row in second["01-full-vip.csv"][1:]] == ["k-c1", "k-c2"]
    left = dict(zip(*second["02-profiles.csv"], strict=True))
    assert (left["external_id"], left["phone_number"], left["vip"]) == ("k-c3", "", "false")

    night(dropping, members(2), as_of=NIGHT, fingerprint="f2")
    assert push(dropping, NIGHT, approve=0).accepted == 0


def test_a_list_as_attentive_loads_it(settings: Settings, memory: MemoryFileSystem) -> None:
    drop = with_drop(settings, "memory://drop", "attentive")
    night(drop, members(2), holdout=[])
    push(drop)
    found = dropped(drop, "2026-07-01/0001")
    whole = [["+12025550001", "VIP - vip"], ["+12025550002", "VIP - vip"]]
    assert found["02-full-vip.csv"] == whole, "no header, and the segment in each row"
    night(drop, [Vip("c1"), Vip("c2", phone="+12025557777")], as_of=NIGHT, holdout=[])
    push(drop, NIGHT)
    found = dropped(drop, "2026-07-02/0002")
    assert list(found) == ["01-profiles.csv", "01-full-vip.csv"]
    assert found["01-full-vip.csv"][1][0] == "+12025557777", "the old number is on it no longer"


def test_who_has_no_phone_is_not_named_by_one(settings: Settings, memory: MemoryFileSystem) -> None:
    drop = with_drop(settings, "memory://drop", "postscript")
    night(drop, [Vip("c1"), Vip("c2", phone="0202")], holdout=[])
    assert push(drop).failed == 1
    found = dropped(drop, "2026-07-01/0001")
    assert [row[0] for row in found["02-full-vip.csv"]] == ["phone_number", "+12025550001"]
    codes = ledger_rows(drop, "contact_id, error_code", "error_code is not null")
    assert codes == [("k-c2", "no_phone")]


def test_who_left_and_has_no_phone_any_more_is_off_the_whole_list(
    settings: Settings, memory: MemoryFileSystem
) -> None:
    drop = with_drop(settings, "memory://drop", "postscript")
    night(drop, members(3), holdout=[])
    push(drop)
    night(drop, members(2), as_of=NIGHT, holdout=[])  # c3 is known to nobody
    assert push(drop, NIGHT).failed == 0
    found = dropped(drop, "2026-07-02/0002")
    assert found["01-remove-vip.csv"] == [["phone_number"]]
    assert [row[0][-4:] for row in found["01-full-vip.csv"][1:]] == ["0001", "0002"]
    assert sync.make_plan(drop, "files", NIGHT).counts()["unchanged"] == 4


@pytest.mark.parametrize("name", ["manifest.json", "03-profiles.csv", "04-full-vip.csv"])
def test_what_no_manifest_names_was_never_accepted(
    settings: Settings, memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The store fails at one file; what stands there is whole, and the next push goes on."""
    drop = with_drop(settings, "memory://drop")
    night(drop, members(3))
    mv = MemoryFileSystem.mv

    def fail(self: MemoryFileSystem, one: str, other: str, **more: object) -> None:
        if other.endswith(name):
            raise OSError(f"{other} with {SECRET}: quota")
        mv(self, one, other, **more)

    monkeypatch.setattr(MemoryFileSystem, "mv", fail)
    with pytest.raises(PlatformError, match=r"memory cannot be written to \(OSError\)") as told:
        push(drop)
    assert SECRET not in str(told.value)
    accepted = ledger_rows(drop, "contact_id", "audience = 'vip' and state = 'complete'")
    assert accepted == []
    monkeypatch.setattr(MemoryFileSystem, "mv", mv)
    push(drop)
    found = dropped(drop, "2026-07-01/0002")
    assert {row[0] for row in found[list(found)[-1]][1:]} == ids(1, 2, 3)
    assert not [path for path in memory.find("/drop") if path.endswith(".tmp")]
    assert sync.make_plan(drop, "files", AS_OF).counts()["unchanged"] == 10


def test_a_folder_tells_of_no_stops_and_somebody_else_has_to(
    settings: Settings, memory: MemoryFileSystem
) -> None:
    drop = with_drop(settings, "memory://drop").model_copy(update={"opt_out_dir": None})
    night(drop, members(3))
    assert drop.destinations == ("outbox",)
    with pytest.raises(sync.RefusedError, match="the opt-outs of files were last read never"):
        push(drop)
    assert memory.find("/drop") == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "set VIP_FILES_URL"),
        (f"s3://bucket/{SECRET}", "begins with s3://: install s3fs"),
        (f"gs://bucket/{SECRET}", "begins with gs://: install gcsfs"),
        (f"sftp://me:{SECRET}@host/in", "begins with sftp://: install paramiko"),
        (f"nonsense://me:{SECRET}@host/in", r"cannot be used \(ValueError\).*nonsense, right"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_clear_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str, says: str
) -> None:
    missing = {"s3fs", "gcsfs", "paramiko"}
    real = builtins.__import__

    def load(name: str, *more: object, **yet: object) -> object:
        if name.partition(".")[0] in missing:
            raise ImportError(f"no {name}")
        return real(name, *more, **yet)

    monkeypatch.setattr(builtins, "__import__", load)
    with pytest.raises(PlatformError, match=says) as told:
        open_platform("files", with_drop(settings, url), {})
    assert SECRET not in str(told.value)
    assert "\n" not in str(told.value)
    assert SECRET not in repr(with_drop(settings, url))


def test_the_doctor_looks_and_changes_nothing(dropping: Settings) -> None:
    found = examine(dropping, "files")
    assert found.is_well
    assert not dropping.home.exists()
    assert not (dropping.home.parent / "drop").exists()
    night(dropping, members(2))
    push(dropping)
    assert examine(dropping, "files").held == {"holdout-global": 2, "vip": 2}


def test_files_on_this_machine_are_private(settings: Settings) -> None:
    drop = with_drop(settings, str(settings.home.parent / "drop"))
    night(drop, members(2))
    push(drop)
    made = [path for path in (settings.home.parent / "drop").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
