"""Two commands as whole processes, run in turn, and how much more the second costs than the first.

Each round runs both, in an order that alternates, so that a machine which slows down or speeds up does so for
both; what is compared is the difference within a round. Wall time is what a user waits for, CPU time (of the
command and of every process that it waited for) is what a busy machine blurs least.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True)
class Command:
    """What is run."""

    label: str
    arguments: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """On top of the caller's, from which ``PYTHON…`` is taken: PYTHONDONTWRITEBYTECODE alone would double a start."""


@dataclass(frozen=True)
class Cost:
    """What one run took, in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Target:
    """What is aimed at. A report shows it beside the figure; nothing fails because of it."""

    ratio: float | None = None
    """Median of the second command by that of the first."""
    difference: float | None = None
    """Seconds by which the second may be dearer."""

    def __str__(self) -> str:
        ratio = f"ratio ≤ {self.ratio:g}" if self.ratio else ""
        return " and ".join(filter(None, (ratio, f"≤ {self.difference * 1e3:g} ms" if self.difference else "")))


@dataclass(frozen=True)
class Spread:
    """Seconds; quartiles tell how far a figure can be trusted."""

    minimum: float
    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, sample: list[float]) -> Spread:
        """Of two values at least."""
        lower, middle, upper = quantiles(sample, n=4, method="inclusive")
        return cls(min(sample), lower, middle, upper)


@dataclass(frozen=True)
class Comparison:
    """Every round's costs of both commands."""

    title: str
    first: Command
    second: Command
    rounds: tuple[tuple[Cost, Cost], ...]
    target: Target | None = None

    def figures(self, cost: Callable[[Cost], float]) -> dict[str, Any]:
        """Spreads of both and of a round's difference, in seconds; the medians' ratio; the minima's difference.

        The minima are the runs that were disturbed least: their difference is the overhead of a machine at rest.
        """
        firsts, seconds = [cost(a) for a, _ in self.rounds], [cost(b) for _, b in self.rounds]
        differences = [b - a for a, b in zip(firsts, seconds, strict=True)]
        return {
            "first": Spread.of(firsts),
            "second": Spread.of(seconds),
            "difference": Spread.of(differences),
            "ratio": median(seconds) / median(firsts),
            "difference_of_minima": min(seconds) - min(firsts),
        }

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        measured = {name: self.figures(cost) for name, cost in _MEASURES.items()}
        return {
            "title": self.title,
            "first": self.first.label,
            "second": self.second.label,
            "rounds": len(self.rounds),
            "target": asdict(self.target) if self.target else None,
            **{
                name: {key: asdict(value) if isinstance(value, Spread) else value for key, value in figures.items()}
                for name, figures in measured.items()
            },
        }

    def __str__(self) -> str:
        aim = f"; target: {self.target}" if self.target else ""
        width = max(len(self.first.label), len(self.second.label))
        lines = [
            f"{self.title} ({len(self.rounds)} pairs{aim})",
            f"  {'':4}  {self.first.label:>{width}}  {self.second.label:>{width}}  ratio   dearer by"
            "  (quartiles)           by the minima",
        ]
        for name, cost in _MEASURES.items():
            figures = self.figures(cost)
            difference = figures["difference"]
            quartiles = f"({_ms(difference.lower)} … {_ms(difference.upper)})"
            lines.append(
                f"  {name:4}  {_ms(figures['first'].median):>{width}}  {_ms(figures['second'].median):>{width}}"
                f"  {figures['ratio']:5.2f}  {_ms(difference.median):>10}  {quartiles:20}"
                f"  {_ms(figures['difference_of_minima']):>13}"
            )
        return "\n".join(lines)


_MEASURES: Mapping[str, Callable[[Cost], float]] = {"wall": lambda cost: cost.wall, "cpu": lambda cost: cost.cpu}


def compare(title: str, first: Command, second: Command, rounds: int, target: Target | None = None) -> Comparison:
    """Run both once to warm the caches, then ``rounds`` times in turn.

    Raises:
        RuntimeError: a command failed; its output is in the message.
    """
    run(first), run(second)
    costs = []
    for index in range(rounds):
        if index % 2:
            b, a = run(second), run(first)
        else:
            a, b = run(first), run(second)
        costs.append((a, b))
    return Comparison(title, first, second, tuple(costs), target)


def run(command: Command) -> Cost:
    """What one run costs.

    Raises:
        RuntimeError: it failed.
    """
    environment = {**plain_environment(), **command.environment}
    before, start = _cpu(), time.perf_counter()
    done = subprocess.run(command.arguments, cwd=command.cwd, env=environment, capture_output=True)
    wall = time.perf_counter() - start
    if done.returncode:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        raise RuntimeError(f"{command.label} ended with {done.returncode}:\n{said}")
    return Cost(wall, _cpu() - before)


def plain_environment() -> dict[str, str]:
    """The caller's environment without what changes how an interpreter starts."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def machine() -> dict[str, Any]:
    """What figures depend on; the load tells whether others were at work meanwhile."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms"
