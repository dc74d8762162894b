"""What a channel's size costs: nothing, since it is shown to the script where it lies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.paired import Comparison, compare
from benchmarks.project import SMALL, train, trivial, workspace

ROUNDS = 20
FILES = 100_000
BYTES = 10 * 10**9


def measure(rounds: int) -> Iterator[Comparison]:
    """A script that does nothing, with a channel of one small file against one of many and one of a huge one."""
    with workspace() as folder:
        small, many, huge = (trivial(folder / name) for name in ("small", "many", "huge"))
        for index in range(FILES):
            _data(many, f"{index:06d}").touch()
        os.truncate(_data(huge, SMALL), BYTES)  # a hole: nothing is written
        one = train("one small file", folder / "runs", config=small)
        for title, label, config in (
            (f"A channel of {FILES:,} files against one of one", "many files", many),
            (f"A channel of one file of {BYTES / 1e9:g} GB against a small one", "one huge file", huge),
        ):
            yield compare(title, one, train(label, folder / "runs", config=config), rounds)


def _data(config: Path, name: str) -> Path:
    return config.parent / "data" / name
