"""What the harness adds to a script: the iris sample through ``harness train`` and by hand."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.paired import Command, Comparison, Target, compare
from benchmarks.project import ROOT, train, workspace

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
        yield compare(
            "The same with a private /opt/ml against without",
            train("isolation none", runs, "--isolation", "none"),
            train("isolation auto", runs, "--isolation", "auto"),
            rounds,
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
