"""The destination for platforms without an adapter: CSV files at an address of the brand's own.

`<VIP_FILES_URL>/<as_of_date>/<push>/` holds one file for each step of a push: who joins a list, who
leaves it, whose profile changed, and after each change of a list everybody who stands on it then. A
file counts when `manifest.json` names it, with rows and sha256: the manifest is written last, after
each step, and a row is accepted after that. So whoever reads at any moment reads a safe state:
leavers first.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
from fsspec.implementations.local import LocalFileSystem

from orchestration.codes import attach_codes
from orchestration.files import private_folder, write_private
from orchestration.keys import code_key
from orchestration.ledger import open_ledger
from orchestration.platforms import Ack, Finding, Member, PlatformError, each_profile
from orchestration.platforms.folder import Silent, find_writable
from orchestration.platforms.names import PHONE, property_name, title
from orchestration.platforms.phones import phones_of
from orchestration.settings import Settings
from orchestration.warehouse import connect

MANIFEST = "manifest.json"
_NO_PHONE = "no_phone"

# What has to be installed for an address that begins so.
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
_PACKAGES |= dict.fromkeys(("sftp", "ssh"), "paramiko") | dict.fromkeys(("abfs", "az"), "adlfs")


@dataclass(frozen=True)
class Preset:
    """What a platform calls the columns that it knows people by; None where it takes no such one.

    `list_name`: column that names the list, for platforms that read it there. Where a list has no
    merge fields it is ids alone.
    """

    contact: str | None
    phone: str
    email: str
    list_name: str | None = None
    has_header: bool = True
    has_fields: bool = True


PRESETS = {
    "klaviyo": Preset("external_id", "phone_number", "email"),
    # Its segment upload takes two columns without a header, and reads a file as the whole segment.
    "attentive": Preset(
        None, "phone", "email", list_name="segment", has_header=False, has_fields=False
    ),
    "postscript": Preset(None, "phone_number", "email"),
}


class FileDrop(Silent):
    """Files in place of calls; a row is accepted when the manifest that names its file is there."""

    name = "files"

    def __init__(self, settings: Settings, memory: MutableMapping[str, str]) -> None:
        """Nothing is created before a push begins.

        Raises `PlatformError` where there is no address, or a package for it is missing.
        """
        url = settings.files_url.get_secret_value().strip() if settings.files_url else ""
        if not url:
            raise PlatformError("files needs an address: set VIP_FILES_URL")
        self._settings = settings
        self._preset = PRESETS[settings.files_preset]
        self._scheme = url.partition("://")[0] if "://" in url else "file"
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except ImportError:
            package = _PACKAGES.get(self._scheme, "the package that fsspec names for it")
            raise PlatformError(
                f"VIP_FILES_URL begins with {self._scheme}://: install {package} to write there"
            ) from None
        except Exception as error:
            # Whatever it says may hold the address, and that a password.
            raise PlatformError(
                f"VIP_FILES_URL cannot be used ({type(error).__name__}): "
                f"is its beginning, {self._scheme}, right?"
            ) from None

    def begin(self, as_of_date: date, sync_run_id: int) -> None:
        """Choose the folder of the push; sweep what a killed one left half-written that night."""
        night = f"{self._root}/{as_of_date.isoformat()}"
        self._folder = f"{night}/{sync_run_id:04d}"
        self._step = 0
        self._manifest: dict[str, Any] = {
            "as_of_date": as_of_date.isoformat(),
            "push": sync_run_id,
            "preset": self._settings.files_preset,
            "files": [],
        }
        with self._said_plainly("written to"):
            for leftover in self._files.glob(f"{night}/*/.*.tmp"):
                self._files.rm_file(leftover)

    def check(self) -> Iterator[Finding]:
        """Whether the address can be reached; for a folder of this machine, whether written to."""
        if isinstance(self._files, LocalFileSystem):
            yield find_writable(Path(self._root))
            return
        try:
            there = self._files.exists(self._root)
        except Exception as error:
            yield Finding("address", False, f"{self._scheme}: {type(error).__name__}")
            return
        told = "is there" if there else "nothing there yet: the first push makes it"
        yield Finding("address", True, f"{self._scheme}: {told}")

    def upsert_profiles(self, profiles: pa.Table) -> Iterator[Ack]:
        """One row per profile: ids and merge fields.

        Where people are known by their phone alone, who left is named by it too, and the lists that
        any of these stands on are written anew: the phone may be what changed. Who left and has no
        phone any more is named by no file; the whole lists do without them.
        """
        everyone = list(each_profile(profiles))
        phones = {one.contact_id: one.phone for one in everyone if one.phone}
        if not self._preset.contact:
            leavers = [one.contact_id for one in everyone if not one.phone]
            phones |= phones_of(self._settings, leavers) if leavers else {}
        good, bad = self._split([one.contact_id for one in everyone], phones)
        left = {one.contact_id for one in everyone if not one.phone and not one.email}
        yield Ack([one for one in bad if one in left], "accepted")
        yield Ack([one for one in bad if one not in left], "rejected", code=_NO_PHONE)
        if good:
            told = set(good)
            rows = [
                (one.contact_id, phones.get(one.contact_id), one.email, one.properties)
                for one in sorted(everyone, key=lambda one: one.contact_id)
                if one.contact_id in told
            ]
            header, table = self._table(rows, has_email=True)
            self._step += 1
            self._put("profiles", None, header, table)
            if not self._preset.contact:
                for list_name, standing in sorted(self._standing().items()):
                    if not standing.isdisjoint(told):
                        self._put_list("full", list_name, standing)
            self._publish()
        yield Ack(good, "accepted")

    def add_members(self, list_name: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        """Who joins a list, and the whole list with them."""
        yield from self._change("add", list_name, contact_ids)

    def remove_members(self, list_name: str, members: Sequence[Member]) -> Iterator[Ack]:
        """Who leaves a list, and the whole list without them."""
        yield from self._change("remove", list_name, [one.contact_id for one in members])

    def _change(self, action: str, list_name: str, contact_ids: Sequence[str]) -> Iterator[Ack]:
        good, bad = self._split(contact_ids, phones_of(self._settings, contact_ids))
        yield Ack(bad, "rejected", code=_NO_PHONE) if action == "add" else Ack(bad, "accepted")
        if good or action == "remove":
            standing = self._standing()[list_name]
            self._step += 1
            self._put_list(action, list_name, set(good))
            self._put_list("full", list_name, standing | set(good if action == "add" else ()))
            self._publish()
        yield Ack(good, "accepted")

    def _split(
        self, contact_ids: Sequence[str], phones: dict[str, str | None]
    ) -> tuple[list[str], list[str]]:
        """Who can be named in a file, and who cannot."""
        good = [one for one in contact_ids if self._can_be_named(phones.get(one))]
        return good, sorted(set(contact_ids).difference(good))

    def _can_be_named(self, phone: str | None) -> bool:
        return bool(PHONE.fullmatch(phone)) if phone else self._preset.contact is not None

    def _standing(self) -> defaultdict[str, set[str]]:
        """Who stands on each list by the files that were accepted so far."""
        with open_ledger(self._settings, read_only=True) as ledger:
            rows = ledger.rows(self.name)
        on = rows.filter(
            pc.and_(pc.equal(rows["accepted_hash"], "on"), pc.equal(rows["state"], "complete"))
        )
        found: defaultdict[str, set[str]] = defaultdict(set)
        for name, who in zip(on["audience"].to_pylist(), on["contact_id"].to_pylist(), strict=True):
            found[name].add(who)
        return found

    def _fields(self, list_name: str, contact_ids: set[str]) -> dict[str, dict[str, Any]]:
        """Merge fields by contact, as a plan has them; of those in tonight's audience."""
        # Here, not above: `sync` takes the adapters' types from this package.
        from orchestration.sync.planning import HOLDOUT, merge_fields

        if list_name.startswith(HOLDOUT) or not self._preset.has_fields:
            return {}
        with connect(self._settings, read_only=True) as connection:
            attach_codes(connection, code_key(self._settings, create=False))
            connection.register(
                "standing", pa.table({"contact_id": pa.array(sorted(contact_ids), pa.string())})
            )
            found = connection.execute(
                f"select contact_id, {merge_fields(connection)} from coded_audience "
                "semi join standing using (contact_id)"
            ).fetchall()
        return {contact_id: json.loads(fields) for contact_id, fields in found}

    def _table(
        self,
        rows: Sequence[tuple[str, str | None, str | None, dict[str, Any]]],
        *,
        list_name: str | None = None,
        has_email: bool = False,
    ) -> tuple[list[str], list[list[Any]]]:
        """Header and rows in the columns of the preset; what is not known is an empty cell."""
        names = sorted({name for *_, fields in rows for name in fields})
        preset = self._preset
        header = [preset.contact] if preset.contact else []
        header += [preset.phone] + ([preset.email] if has_email else [])
        header += [preset.list_name] if preset.list_name and list_name else []
        table = []
        for contact_id, phone, email, fields in rows:
            line: list[Any] = [contact_id] if preset.contact else []
            line += [phone] + ([email] if has_email else [])
            line += [title(list_name)] if preset.list_name and list_name else []
            table.append(line + [_cell(fields.get(name)) for name in names])
        return header + [property_name(name) for name in names], table

    def _put_list(self, content: str, list_name: str, contact_ids: set[str]) -> None:
        """The members of a list, with merge fields where the platform takes them there."""
        phones = phones_of(self._settings, contact_ids)
        fields = self._fields(list_name, contact_ids) if content != "remove" else {}
        rows = [
            (one, phones.get(one), None, fields.get(one, {}))
            for one in sorted(contact_ids)
            if self._can_be_named(phones.get(one))
        ]
        header, table = self._table(rows, list_name=list_name)
        self._put(content, list_name, header if self._preset.has_header else None, table)

    def _put(
        self, content: str, list_name: str | None, header: list[str] | None, table: list[list[Any]]
    ) -> None:
        """Write one file and note it for the manifest."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *table] if header else table)
        data = text.getvalue().encode()
        plain = re.sub(r"[^a-z0-9_-]", "_", list_name) if list_name else ""
        name = "-".join(filter(None, (f"{self._step:02d}", content, plain))) + ".csv"
        self._write(name, data)
        self._manifest["files"].append(
            {
                "file": name,
                "content": content,
                "list": title(list_name) if list_name else None,
                "rows": len(table),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )

    def _publish(self) -> None:
        text = json.dumps(self._manifest, indent=2) + "\n"
        self._write(MANIFEST, text.encode())

    def _write(self, name: str, data: bytes) -> None:
        """A file whole or not at all: under another name first."""
        if isinstance(self._files, LocalFileSystem):
            write_private(private_folder(Path(self._folder)) / name, data)
            return
        with self._said_plainly("written to"):
            self._files.makedirs(self._folder, exist_ok=True)
            temporary = f"{self._folder}/.{name}.tmp"
            self._files.pipe_file(temporary, data)
            self._files.mv(temporary, f"{self._folder}/{name}")

    @contextmanager
    def _said_plainly(self, what: str) -> Iterator[None]:
        """Say what went wrong by its kind alone: its words may hold the address and a password."""
        try:
            yield
        except Exception as error:
            raise PlatformError(
                f"the file drop at {self._scheme} cannot be {what} ({type(error).__name__}): "
                "`vip doctor` looks at its address; push again when it can"
            ) from None


def _cell(value: Any) -> Any:
    """Truth as a word that every platform reads."""
    return str(value).lower() if isinstance(value, bool) else value
