"""Models and endpoint configurations: named documents on disk, with AWS's words where one is missing or there.

    NAME.json       the document
    .NAME.made      there if a command has made it for a job or an endpoint; locked as long as the command runs

A command forgets what it has made, unless it is killed: what nobody uses then goes with ``sweep``.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.engine.store import Document, now, read_json, write_json
from harness.errors import ConfigurationError, ServiceError
from harness.folders import make_own


@dataclass(frozen=True)
class Resources:
    """All resources of one kind."""

    folder: Path
    kind: str
    """``Model``, ``EndpointConfig``: as in the names of AWS's operations and members."""
    words: str
    """The same in the words of AWS's messages: ``model``, ``endpoint configuration``."""
    arn: str
    """What comes before the name in an ARN."""
    for_command: bool = False
    """Whether they are made for a command's job or endpoint, and not asked for by themselves."""
    _locks: dict[str, int] = field(default_factory=dict)
    """Of the marks of what this process has made."""

    def create(self, request: Document) -> Document:
        """Keep a request as what ``Describe…`` answers; gives ``{"…Arn": …}``.

        Raises:
            ServiceError: the name is taken.
            ConfigurationError: the folder cannot be written.
        """
        name = request[f"{self.kind}Name"]
        path = self._path(name)
        if path.exists():
            raise ServiceError(
                "ValidationException",
                f'Cannot create already existing {self.words} "{self.arn}{name}".',
                f"Create{self.kind}",
            )
        arn = {f"{self.kind}Arn": f"{self.arn}{name}"}
        with self._writing():
            make_own(self.folder.parent)
            self.folder.mkdir(exist_ok=True)
            if self.for_command:
                self._let_go(name)
                self._locks[name] = _held(self._mark(name))
            write_json(path, {**{k: v for k, v in request.items() if k != "Tags"}, **arn, "CreationTime": now()})
        return arn

    def describe(self, name: str) -> Document:
        """The resource's ``Describe…`` document."""
        return read_json(self._existing(name, "Describe"))

    def delete(self, name: str) -> Document:
        """Forget the resource. Errors as for ``create``."""
        path, mark = self._existing(name, "Delete"), self._mark(name)
        with self._writing():
            path.unlink()
            self._let_go(name)
            with _claimed(mark) as claimed:
                if claimed:
                    mark.unlink(missing_ok=True)
        return {}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(path.stem for path in self.folder.glob("[!.]*.json"))

    def made_for_commands(self) -> list[Path]:
        """The marks of what commands have made, whether they have ended or not."""
        return sorted(self.folder.glob(".*.made"))

    def sweep(self, used: Collection[str]) -> list[str]:
        """Forget what commands have made that have ended, unless it is used; its names."""
        swept = []
        for mark in self.made_for_commands():
            name = mark.name[1:].removesuffix(".made")
            with suppress(OSError), _claimed(mark) as claimed:  # another user's may not be removed
                if claimed and name not in used:
                    if self._path(name).exists():
                        self._path(name).unlink()
                        swept.append(name)
                    mark.unlink()
        return swept

    def close(self) -> None:
        """The command has ended."""
        for name in list(self._locks):
            self._let_go(name)

    def _let_go(self, name: str) -> None:
        if name in self._locks:
            os.close(self._locks.pop(name))

    def _existing(self, name: str, verb: str) -> Path:
        path = self._path(name)
        if not path.is_file():
            raise ServiceError(
                "ValidationException", f'Could not find {self.words} "{self.arn}{name}".', f"{verb}{self.kind}"
            )
        return path

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _mark(self, name: str) -> Path:
        return self.folder / f".{name}.made"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"{self.folder} cannot be written: {error.strerror}. Set runs_dir to a folder that can be written, on "
                "a disk with room."
            ) from error


def _held(mark: Path) -> int:
    """Make a file, and keep others from removing it as long as what is returned is open."""
    while True:
        lock = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(lock, fcntl.LOCK_SH)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), mark.stat()):
                return lock
        os.close(lock)


@contextmanager
def _claimed(mark: Path) -> Iterator[bool]:
    """Whether a mark is there and no command holds it, nor will meanwhile."""
    try:
        lock = os.open(mark, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _lock_is_free(lock)
    finally:
        os.close(lock)


def _lock_is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
