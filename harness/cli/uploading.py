"""How uploads look: a line that is written over on a terminal, one line for each upload elsewhere."""

from __future__ import annotations

import sys
import threading

import click

_TO_THE_END_OF_THE_LINE = "\x1b[K"


class Uploading:
    """``storage.Progress`` for people, on stderr."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._terminal = sys.stderr.isatty()
        self._files = self._of_files = self._sent = self._size = self._of_size = 0

    def begin(self, files: int, size: int) -> None:
        """So many files and bytes have to be looked at."""
        self._files = self._sent = self._size = 0
        self._of_files, self._of_size = files, size

    def advance(self, name: str, size: int, *, sent: bool) -> None:
        """A file is done."""
        with self._lock:
            self._files += 1
            self._size += size
            self._sent += sent
            if self._terminal:
                done = (
                    f"\ruploading {self._files:,} of {self._of_files:,} files, {_megabytes(self._size, self._of_size)}"
                )
                click.echo(done + _TO_THE_END_OF_THE_LINE, nl=False, err=True)

    def end(self) -> None:
        """Say what came of it, unless there was nothing to do."""
        if self._terminal and self._files:
            click.echo(f"\r{_TO_THE_END_OF_THE_LINE}", nl=False, err=True)
        if self._sent:
            there = self._of_files - self._sent
            click.echo(f"uploaded {self._sent:,} files" + (f", {there:,} were there" if there else ""), err=True)


def _megabytes(size: int, of_size: int) -> str:
    return f"{size / 1e6:,.1f} of {of_size / 1e6:,.1f} MB"
