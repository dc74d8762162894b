"""A temporary folder that goes with its process, or, if that was killed, with the next one that wants such a folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "harness-standin-"


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder, locked by this process; those of processes that are gone are removed first."""
    sweep()
    folder, lock = _new()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _new() -> tuple[Path, int]:
    """A new folder and its lock; another one if somebody who swept has found it before it had its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            lock = lock_of(folder)
        except (BlockingIOError, FileNotFoundError):
            continue
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), (folder / ".lock").stat()):
                return folder, lock
        os.close(lock)


def sweep() -> list[Path]:
    """Remove the folders whose processes are gone; which these were."""
    swept = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/"):
        with suppress(OSError):  # gone, or in use
            if folder.lstat().st_uid != os.getuid() or folder.is_symlink():
                continue  # somebody else's, who may have put links there
            lock = lock_of(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            swept.append(folder)
    return swept


def lock_of(folder: Path) -> int:
    """Hold a folder's lock, which ends with the process; a file descriptor.

    Raises:
        OSError: another process holds it.
    """
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock
