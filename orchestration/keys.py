"""The secrets of a home: what hashes in the ledger are keyed with, and what codes are made from.

No phone can be guessed from such a hash, and no code from another one. Each comes from the
environment (`VIP_LEDGER_KEY`, `VIP_CODE_KEY`), or from a private file of the home, made when first
needed.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from orchestration.errors import UserError
from orchestration.files import PRIVATE_FILE
from orchestration.settings import Settings

_BYTES = 32


def ledger_key(settings: Settings, *, create: bool) -> bytes:
    """Return the key; without `create` nothing is written: a home that has none gets a passing one.

    Raises `UserError` for a key file that others may read, or that holds no key.
    """
    without = "every profile is sent once more"
    return _key(settings.ledger_key, settings.paths.ledger_key, create, without)


def code_key(settings: Settings, *, create: bool) -> bytes:
    """Return the key that codes are made from; as `ledger_key`."""
    without = "every code told so far is another one"
    return _key(settings.code_key, settings.paths.code_key, create, without)


def _key(given: SecretStr | None, path: Path, create: bool, without: str) -> bytes:
    if given:
        return given.get_secret_value().encode()
    if not path.exists():
        key = secrets.token_hex(_BYTES)
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            with os.fdopen(descriptor, "w") as file:
                file.write(key)
                file.flush()
                os.fsync(file.fileno())
        return key.encode()
    if path.stat().st_mode & 0o077:
        raise UserError(f"{path} may be read by others: chmod 600 it")
    key = path.read_text(encoding="ascii").strip()
    if len(key) < _BYTES:
        raise UserError(
            f"{path} holds no key: restore it from a backup, or remove it and {without}"
        )
    return key.encode()
