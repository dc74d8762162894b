"""What the server's tests share."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.server.settings import Settings
from tests.server.running import Running, Start

_numbers = itertools.count()


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Settings]]:
    """A user's module from its source: the settings of a server over it. The model directory is not there
    yet."""
    names = []

    def write(source: str) -> Settings:
        names.append(f"user_module_{next(_numbers)}")
        (tmp_path / f"{names[-1]}.py").write_text(source)
        return Settings(names[-1], str(tmp_path), str(tmp_path / "model"))

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Running] = []

    def launch(source: str, *options: str, pass_fds: tuple[int, ...] = (), **environment: str) -> Running:
        running.append(Running(tmp_path, source, *options, pass_fds=pass_fds, **environment))
        return running[-1]

    yield launch
    for server in running:
        if server.process.poll() is None:
            server.end()
