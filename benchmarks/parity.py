"""What it takes to know before paying: parity against the bare script, lint against an idle interpreter."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.paired import Command, Comparison, Target, compare
from benchmarks.project import HARNESS, ROOT, bare, workspace

ROUNDS = 10
LINES = 1000


def measure(rounds: int) -> Iterator[Comparison]:
    """The iris sample through ``harness parity --on local``; a script of ``LINES`` lines through ``harness lint``."""
    with workspace() as folder:
        parity = (HARNESS, "parity", "--on", "local", "--config", str(ROOT / "pyproject.toml"))
        yield compare(
            "The iris sample: harness parity --on local, everything included, against the bare script",
            bare(folder),
            Command("harness parity", parity, ROOT, {"HARNESS_RUNS_DIR": str(folder / "runs")}),
            rounds,
            Target(ratio=5),
        )
        lint = (HARNESS, "lint", "--config", str(_long(folder / "long")))
        yield compare(
            f"A script of {LINES:,} lines: harness lint against an idle interpreter",
            Command("python -c pass", (sys.executable, "-c", "pass"), folder),
            Command("harness lint", lint, folder),
            rounds * 2,
            Target(difference=0.100),
        )


def _long(folder: Path) -> Path:
    """A project whose script is the sample's with its functions over and over, and its configuration."""
    sample = (ROOT / "entry" / "train.py").read_text()
    start, guard = sample.index("def main"), sample.index('if __name__ == "__main__"')
    text, number = sample[:guard], 0
    while text.count("\n") < LINES:
        number += 1
        text += sample[start:guard].replace("def ", f"def again_{number}_")
    code = folder / "code"
    code.mkdir(parents=True)
    (code / "train.py").write_text(text + sample[guard:])
    config = folder / "pyproject.toml"
    config.write_text(
        '[tool.harness]\nentry_point = "train.py"\nsource_dir = "code"\nhyperparameters = { max_leaf_nodes = 30 }\n'
        f'channels = {{ train = "{ROOT}/data/train" }}\n'
    )
    return config
