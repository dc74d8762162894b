"""Folders that are copied to S3 while a job writes to them: checkpoints, and outputs of upload mode Continuous."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from harness.errors import HarnessError

EVERY = 10.0
"""Seconds between two copies. AWS does not say how often it looks."""


class Syncing:
    """``hosts.Companion`` that copies folders in a thread, and once more when it is over."""

    def __init__(
        self, folders: Mapping[Path, str], copy: Callable[[Path, str], object], *, every: float = EVERY
    ) -> None:
        """Nothing happens yet.

        Args:
            folders: folder -> the ``s3://`` URI that it is copied to.
            copy: copies one.
            every: seconds between two copies.
        """
        self._folders, self._copy, self._every = folders, copy, every
        self._over = threading.Event()
        self._silent, self._other = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="syncing", daemon=True)

    def start(self) -> None:
        """See ``hosts.Companion``."""
        if self._folders:
            self._thread.start()

    def fileno(self) -> int:
        """Never readable: the loop has nothing to hear from us."""
        return self._silent.fileno()

    def receive(self) -> bool:
        """See ``hosts.Companion``."""
        return False

    def cancel(self) -> None:
        """A stopped script may still write in its time of grace, so copying goes on."""

    def finish(self) -> None:
        """Copy what there is now, and end.

        Raises:
            HarnessError: this last copy failed.
        """
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._silent.close()
        self._other.close()
        self._sync()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            with suppress(HarnessError):  # a file may be half written; the next round, or the last one, tells
                self._sync()

    def _sync(self) -> None:
        for folder, uri in self._folders.items():
            self._copy(folder, uri)
