"""The lab from end to end, as ``make local-lab`` runs it: the real scripts, the real data."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SPLITS = """
import argparse, pathlib, shutil
parser = argparse.ArgumentParser()
for option in ("--input-dir", "--train-dir", "--test-dir"):
    parser.add_argument(option, type=pathlib.Path)
given = parser.parse_args()
for folder in (given.train_dir, given.test_dir):
    shutil.copy(given.input_dir / "iris.csv", folder)
"""
KNOWS_ONE_ANSWER = """
import os, numpy

def model_fn(model_dir):
    return None

def predict_fn(data, model):
    return numpy.zeros(len(data))

if __name__ == "__main__":
    open(os.path.join(os.environ["SM_MODEL_DIR"], "model"), "w").close()
"""
STARTS_FAST = """
import types, numpy

def load_iris():
    rows = numpy.loadtxt({path!r}, delimiter=",", skiprows=1)
    return types.SimpleNamespace(data=rows[:, :4], target=rows[:, 4].astype(int))
"""
"""The iris data as scikit-learn gives it, without the second that it takes to be imported."""

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(tmp_path):
    """The repository's own files in a folder without any data or runs."""
    shutil.copytree(ROOT / "entry", tmp_path / "entry", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "lab.py", tmp_path / "docs")
    return tmp_path


@pytest.fixture
def simple(clone):
    """The lab with scripts that start fast and always predict 0: what it does itself is all that matters."""
    (clone / "entry/preprocess.py").write_text(SPLITS)
    (clone / "entry/train.py").write_text(KNOWS_ONE_ANSWER)
    (clone / "docs/sklearn").mkdir()
    (clone / "docs/sklearn/__init__.py").touch()
    data = Path(find_spec("sklearn").origin).parent / "datasets/data/iris.csv"
    (clone / "docs/sklearn/datasets.py").write_text(STARTS_FAST.format(path=str(data)))
    return clone


def lab(clone: Path, on: str = "local", **variables: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "docs/lab.py", "--on", on],
        cwd=clone,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


def listed(clone: Path) -> dict[str, str]:
    """What ``harness runs`` lists: kind -> status."""
    command = [sys.executable, "-m", "harness", "runs", "--json"]
    done = subprocess.run(command, cwd=clone, capture_output=True, check=True)
    return {each["Kind"]: each["Status"] for each in json.loads(done.stdout)}


def resources(clone: Path) -> list[str]:
    """Models and endpoint configurations that are still there."""
    return [path.name for kind in ("_models", "_endpoint-configs") for path in (clone / "runs" / kind).glob("*")]


def test_the_lab_predicts_what_the_notebook_does_and_leaves_no_endpoint(clone):
    running = lab(clone)
    out, err = running.communicate(timeout=200)
    assert running.returncode == 0, err
    labels = "[0. 0. 0. 0. 0. 0. 0. 0. 0. 0. 1. 1. 1. 1. 1. 1. 1. 1. 1. 1. 2. 2. 2. 2.\n 2. 2. 2. 2. 2.]\n"
    assert f"Predicted:\n{labels}True labels:\n{labels}" in out
    identical = [line for line in out.splitlines() if line.endswith("are identical")]
    assert len(identical) == 10
    assert listed(clone) == dict.fromkeys(("TrainingJob", "ProcessingJob", "TransformJob"), "Completed")
    assert resources(clone) == []
    sources = [json.loads(path.read_text()) for path in (clone / "runs").glob("*/request.json")]
    trained = next(each for each in sources if "TrainingJobName" in each)
    assert trained["HyperParameters"]["max_leaf_nodes"] == "30"
    data = clone / "data/lab"
    rows = [len((data / "features" / part / "iris.csv").read_text().splitlines()) for part in ("train", "test")]
    assert sum(rows) == 150, "training sees every row"
    assert len(list((data / "batch/output").iterdir())) == 10


def test_the_lab_is_not_shipped_with_the_script(clone):
    from harness import source

    manifest = source.manifest(clone / "entry", entry_point="train.py")
    assert [file.name for file in manifest.files] == ["preprocess.py", "train.py"]


def test_the_lab_fails_when_a_prediction_is_wrong_and_says_which(simple):
    running = lab(simple)
    out, err = running.communicate(timeout=200)
    assert running.returncode == 1, err
    assert "the label is 2" in out
    assert "Endpoint" not in listed(simple)


def test_the_lab_goes_through_on_aws_and_looks_at_what_it_has_brought_back(simple, standin):
    running = lab(simple, "remote", **standin.env)
    out, err = running.communicate(timeout=200)
    assert running.returncode == 1, err
    assert "the label is 2" in out
    assert "The whole lab" in out


@pytest.mark.parametrize(
    ("heading", "number"), [("Deployment", signal.SIGINT), ("Predictions of the endpoint", signal.SIGTERM)]
)
def test_the_lab_leaves_no_endpoint_when_it_is_ended(simple, heading, number):
    running = lab(simple)
    for line in running.stdout:
        if line.strip() == heading:
            break
    os.kill(running.pid, number)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert "Endpoint" not in listed(simple)
    assert resources(simple) == []


def test_the_lab_ends_with_a_failed_step_s_own_status(simple):
    (simple / "entry/preprocess.py").write_text("raise SystemExit('no data today')\n")
    running = lab(simple)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "no data today" in err
    assert err.endswith("lab: harness process ended with 1\n")
