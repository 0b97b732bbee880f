"""Files that appear whole or not at all: durable writes, private modes, swaps in one step.

Only the handling of files belongs here; what stands in them is the caller's business.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.errors import UserError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_ASIDE = ".old"


def flush(path: Path) -> None:
    """Make a file or folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_folder(path: Path) -> Path:
    """Create `path` where it is missing and close it to everybody else, whatever the umask."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(PRIVATE_FOLDER)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Put `content` in place of `path` in one step, readable by its owner alone."""
    with writing_private(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def writing_private(path: Path) -> Iterator[Path]:
    """The file to write to: it takes the place of `path` in one step, for its owner alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with saving(path.parent):
        try:
            temporary.touch(PRIVATE_FILE)
            temporary.chmod(PRIVATE_FILE)
            yield temporary
            flush(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    flush(path.parent)


def remove(path: Path) -> None:
    """Remove a file or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Say in one line that the disk is full, whoever meets it first: Python or DuckDB.

    Raises `UserError`; every other error passes unchanged.
    """
    try:
        yield
    except Exception as error:
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if full or any(sign in str(error) for sign in ("No space left", "File too large")):
            raise UserError(
                f"no space left while writing to {folder}: free some and run again; "
                "what stood there before is untouched"
            ) from error
        raise


def put_folder(new: Path, target: Path) -> None:
    """Make the finished folder `new` appear as `target`, in one step; an older one goes away.

    On Linux the two are exchanged, so that `target` is never missing. Where the system cannot do
    that the old one is set aside first, and `recover_folders` puts it back after a kill in between.
    """
    if not target.exists():
        new.rename(target)
    elif _exchange(new, target):
        shutil.rmtree(new)
    else:
        aside = target.with_name(f".{target.name}{_ASIDE}")
        target.rename(aside)
        new.rename(target)
        shutil.rmtree(aside)
    flush(target.parent)


def recover_folders(root: Path) -> None:
    """Put back what a killed `put_folder` had set aside under `root`, or drop it where done."""
    for aside in root.glob(f".*{_ASIDE}"):
        target = root / aside.name.removeprefix(".").removesuffix(_ASIDE)
        if target.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(target)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two paths atomically (renameat2 of Linux); False where that is not to be had."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    failed = rename(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_RENAME_EXCHANGE)
    )
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(other))
