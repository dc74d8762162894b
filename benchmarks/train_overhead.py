"""What the harness adds to a script: the iris sample through ``harness train`` and by hand."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.paired import Comparison, Target, compare
from benchmarks.project import bare, train, trivial, workspace

ROUNDS = 20


def measure(rounds: int) -> Iterator[Comparison]:
    """The harness against the bare script, and a private /opt/ml against none."""
    with workspace() as folder:
        runs = folder / "runs"
        yield compare(
            "The iris sample: harness train --on local against the bare script",
            bare(folder),
            train("harness", runs),
            rounds,
            Target(ratio=1.15, difference=0.150),
        )
        trivial_project = trivial(folder / "trivial")
        without, private = (
            train(f"isolation {word}", runs, "--isolation", word, config=trivial_project) for word in ("none", "auto")
        )
        yield compare(
            "A script that does nothing: with a private /opt/ml against without",
            without,
            private,
            rounds * 2,
            Target(difference=0.010),
        )
