"""How uploads look: a line that is written over on a terminal, one line at the end of each everywhere."""

from __future__ import annotations

import sys
import threading

import click

_TO_THE_END_OF_THE_LINE = "\x1b[K"


class Uploading:
    """``storage.Progress`` for people, on stderr."""

    def __init__(self, what: str) -> None:
        """``what``: the source, a channel, as people call it."""
        self._what = what
        self._lock = threading.Lock()
        self._terminal = sys.stderr.isatty()
        self._files = self._of_files = self._sent = self._size = self._of_size = 0

    def begin(self, files: int, size: int) -> None:
        """So many files and bytes have to be looked at."""
        self._of_files, self._of_size = files, size

    def advance(self, name: str, size: int, *, sent: bool) -> None:
        """A file is done."""
        with self._lock:
            self._files += 1
            self._size += size
            self._sent += sent
            if self._terminal:
                files = f"{self._files:,} of {self._of_files:,} files"
                unit, bytes_ = ("MB", 1e6) if self._of_size >= 1e6 else ("kB", 1e3)
                size_text = f"{self._size / bytes_:,.1f} of {self._of_size / bytes_:,.1f} {unit}"
                line = f"\ruploading {self._what}: {files}, {size_text}{_TO_THE_END_OF_THE_LINE}"
                click.echo(line, nl=False, err=True)

    def end(self) -> None:
        """Say what came of it, unless all was there."""
        if self._terminal and self._files:
            click.echo(f"\r{_TO_THE_END_OF_THE_LINE}", nl=False, err=True)
        if self._sent:
            there = f", {self._files - self._sent:,} were there already" if self._files > self._sent else ""
            click.echo(f"uploaded {self._what}: {self._sent:,} of {self._of_files:,} files{there}", err=True)
