"""What the benchmarks run: the harness of this environment, on the sample or on a project made for the purpose."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.paired import Command

ROOT = Path(__file__).resolve().parents[1]
SMALL = "file"
"""Name of the one file of a trivial project's channel."""

_CONFIGURATION = """\
[tool.harness]
entry_point = "script.py"
source_dir = "code"
channels = { train = "data" }
"""
_SCRIPT = "import os\nassert os.path.isdir(os.environ['SM_CHANNEL_TRAIN'])\n"

HARNESS = str(Path(sys.executable).with_name("harness"))


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder on the repository's own disk, whose speed counts where artifacts are written; removed afterwards."""
    parent = ROOT / ".harness"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder:
        yield Path(folder)


def train(label: str, runs: Path, *options: str, config: Path = ROOT / "pyproject.toml") -> Command:
    """``harness train --on local`` of a project, its run folders kept apart from the user's."""
    arguments = (HARNESS, "train", "--on", "local", "--config", str(config), *options)
    return Command(label, arguments, config.parent, {"HARNESS_RUNS_DIR": str(runs)})


def trivial(folder: Path) -> Path:
    """Make a project whose script does nothing, so that only the harness's own work varies; its configuration."""
    for inside in ("code", "data"):
        (folder / inside).mkdir(parents=True)
    (folder / "code" / "script.py").write_text(_SCRIPT)
    (folder / "data" / SMALL).write_text("1\n")
    config = folder / "pyproject.toml"
    config.write_text(_CONFIGURATION)
    return config


def planned(config: Path) -> dict[str, Any]:
    """The ``CreateTrainingJob`` request that a project's configuration becomes."""
    arguments = (HARNESS, "plan", "--on", "container", "--json", "--config", str(config))
    done = subprocess.run(arguments, cwd=config.parent, capture_output=True, text=True, check=True)
    request: dict[str, Any] = json.loads(done.stdout)
    return request


def bare(folder: Path) -> Command:
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
