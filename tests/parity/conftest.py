"""A real job and a real probe on this machine, run once for all tests of a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.config import Config, load
from harness.parity import run
from harness.parity.run import Report

SCRIPT = """
import json, os, sys

def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.json")) as file:
        return json.load(file)

def predict_fn(data, model):
    return [row[0] * model["factor"] for row in data]

if __name__ == "__main__":
    print("accuracy=0.75")
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.json"), "w") as file:
        json.dump({"factor": 2.0}, file)
    os.makedirs(os.environ["SM_OUTPUT_DATA_DIR"], exist_ok=True)
    with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "notes.txt"), "w") as file:
        file.write("accuracy 0.75\\n")
"""
CONFIG = """
entry_point = "train.py"
source_dir = "src"
base_job_name = "job"
hyperparameters = { depth = 3, rate = 0.5, kind = "plain" }
channels.train = "data/train"
metric_definitions = [{ Name = "accuracy", Regex = "accuracy=([0-9.]+)" }]
"""
Compared = Callable[..., Report]


def make_job(
    folder: Path,
    script: str = SCRIPT,
    *,
    entry_point: str = "train.py",
    more: str = "",
    files: Mapping[str, str] | None = None,
) -> Callable[[str], Config]:
    """Write a project; what gives its configuration for a target.

    Only a script with a ``model_fn`` has rows that its model could be asked for.
    """
    rows = "rows.csv" if "model_fn" in script else "rows.bin"
    texts = {
        f"src/{entry_point}": script,
        f"data/train/{rows}": "0,5.1,3.5\n1,7.0,3.2\n",
        "harness.toml": CONFIG.replace("train.py", entry_point) + more,
        **(files or {}),
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return lambda target: load(config_file=folder / "harness.toml", flags={"on": target}, environ={})


@pytest.fixture
def compare(tmp_path: Path) -> Compared:
    """Run a comparison of a job's: ``compare(script, targets=("local",), more="…")``."""

    def call(script: str = SCRIPT, *, targets: tuple[str, ...] = ("local",), asked: bool = True, **job: Any) -> Report:
        return run.run(make_job(tmp_path / "project", script, **job), targets, asked=asked)

    return call


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A comparison in which nothing differs that is not known."""
    return run.run(make_job(tmp_path_factory.mktemp("clean")), ("local",), asked=True)
