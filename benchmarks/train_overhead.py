"""What the harness adds to a script: the iris sample through ``harness train`` and by hand."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.paired import Command, Comparison, Target, compare
from benchmarks.project import ROOT, train, trivial, workspace

ROUNDS = 20


def measure(rounds: int) -> Iterator[Comparison]:
    """The harness against the bare script, and a private /opt/ml against none."""
    with workspace() as folder:
        runs = folder / "runs"
        yield compare(
            "The iris sample: harness train --on local against the bare script",
            _bare(folder),
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


def _bare(folder: Path) -> Command:
    """The script in a folder of its own, with the variables that it reads set by hand."""
    code = folder / "bare"
    shutil.copytree(ROOT / "entry", code, ignore=shutil.ignore_patterns("__pycache__"))
    variables = {
        "SM_CHANNEL_TRAIN": ROOT / "data" / "train",
        "SM_CHANNEL_TEST": ROOT / "data" / "test",
        "SM_MODEL_DIR": folder / "model",
        "SM_OUTPUT_DATA_DIR": folder / "output",
    }
    return Command(
        "bare script",
        (sys.executable, "train.py", "--max_leaf_nodes", "30"),
        code,
        {name: str(path) for name, path in variables.items()},
    )
