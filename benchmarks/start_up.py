"""How long the command line takes to start, and which imports it spends that on (``python -X importtime``)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.paired import Command, Comparison, Target, compare, plain_environment
from benchmarks.project import HARNESS, ROOT

ROUNDS = 30
SHOWN = 12
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


@dataclass(frozen=True)
class Imports:
    """What a command imports beyond the interpreter's own start."""

    title: str
    seconds: Mapping[str, float]
    """Module -> the least that executing it took in any run, without what it imports in turn; the dearest first."""

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"title": self.title, "total": sum(self.seconds.values()), "modules": dict(self.seconds)}

    def __str__(self) -> str:
        total = sum(self.seconds.values()) * 1e3
        rows = [f"  {seconds * 1e3:6.2f} ms  {name}" for name, seconds in list(self.seconds.items())[:SHOWN]]
        return "\n".join([f"{self.title}: {len(self.seconds)} modules, {total:.0f} ms; the dearest:", *rows])


def measure(rounds: int) -> Iterator[Comparison | Imports]:
    """``harness --help`` and ``harness train --help`` against an interpreter that does nothing."""
    nothing = Command("python -c pass", (sys.executable, "-c", "pass"), ROOT)
    for arguments in (("--help",), ("train", "--help")):
        words = f"harness {' '.join(arguments)}"
        command = Command(words, (HARNESS, *arguments), ROOT)
        target = Target(difference=0.080)
        yield compare(f"Start of {words} against an idle interpreter's", nothing, command, rounds, target)
        yield Imports(f"Imports of {words}", _imports((HARNESS, *arguments), rounds))


def _imports(arguments: tuple[str, ...], rounds: int) -> dict[str, float]:
    idle = _timed(("-c", "pass"))
    fastest: dict[str, float] = {}
    for _ in range(rounds):
        for name, seconds in _timed(arguments).items():
            if name not in idle:
                fastest[name] = min(seconds, fastest.get(name, seconds))
    return dict(sorted(fastest.items(), key=lambda item: -item[1]))


def _timed(arguments: tuple[str, ...]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=ROOT,
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: int(microseconds) / 1e6 for microseconds, name in _LINE.findall(done.stderr)}
