"""The training script knows SageMaker by its environment alone, and serves the model that it leaves."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.pytest_plugin import MakeContract, RunTrainingJob, SageMakerContract

ENTRY = Path(__file__).parents[2] / "entry"
ROWS = "0.0, 1.000, 0.000\n0.0, 2.000, 0.000\n1.0, 8.000, 0.000\n1.0, 9.000, 0.000\n"

pytestmark = pytest.mark.slow  # pandas and scikit-learn come into this process, and stay


@pytest.fixture(scope="module")
def train() -> ModuleType:
    spec = importlib.util.spec_from_file_location("entry_train", ENTRY / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of channels: ``train`` has two files."""
    (tmp_path / "train" / "below").mkdir(parents=True)
    (tmp_path / "train" / "a.csv").write_text(ROWS)
    (tmp_path / "train" / "below" / "b.csv").write_text(ROWS)
    return tmp_path


@pytest.fixture
def job(sagemaker_contract: MakeContract, data: Path, monkeypatch: pytest.MonkeyPatch) -> SageMakerContract:
    """The sample's job with that one channel, as this process sees it."""
    contract = sagemaker_contract(channels={"train": data / "train", "test": None})
    contract.apply(monkeypatch)
    return contract


@pytest.fixture
def wrong_third(sagemaker_contract: MakeContract, data: Path, monkeypatch: pytest.MonkeyPatch) -> SageMakerContract:
    """The same with an optional second channel, with one row of three that the model gets wrong."""
    (data / "test").mkdir()
    (data / "test" / "c.csv").write_text("0.0, 1.000, 0.000\n1.0, 9.000, 0.000\n1.0, 1.000, 0.000\n")
    contract = sagemaker_contract(channels={"train": data / "train", "test": data / "test"})
    contract.apply(monkeypatch)
    return contract


def test_metrics_are_printed_so_that_a_regular_expression_finds_them(
    train: ModuleType, wrong_third: SageMakerContract, capsys: pytest.CaptureFixture[str]
) -> None:
    train.main([])
    assert capsys.readouterr().out == "train_accuracy=1.0000\ntest_accuracy=0.6667\n"


def test_the_metrics_file_has_them_in_full(train: ModuleType, wrong_third: SageMakerContract) -> None:
    train.main([])
    metrics = json.loads((wrong_third.output_dir / "metrics.json").read_text())
    assert metrics == {"train_accuracy": 1.0, "test_accuracy": pytest.approx(2 / 3)}


def test_the_test_channel_is_optional(
    train: ModuleType, job: SageMakerContract, capsys: pytest.CaptureFixture[str]
) -> None:
    train.main([])
    assert capsys.readouterr().out == "train_accuracy=1.0000\n"
    assert "train channel" in (job.output_dir / "confusion_matrix.svg").read_text()


def test_all_files_of_a_channel_become_one_frame_and_hidden_ones_do_not_count(train: ModuleType, data: Path) -> None:
    (data / "train" / ".DS_Store").write_bytes(b"\0\1")
    (data / "train" / ".ipynb_checkpoints").mkdir()
    (data / "train" / ".ipynb_checkpoints" / "a.csv").write_text("0, 0, 0\n")
    frame = train.read_channel("train", str(data / "train"))
    assert frame.shape == (8, 3)
    assert frame.index.is_unique


def test_the_picture_shows_every_count_of_the_confusion_matrix(
    train: ModuleType, wrong_third: SageMakerContract
) -> None:
    train.main([])
    picture = ElementTree.fromstring((wrong_third.output_dir / "confusion_matrix.svg").read_text())
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [
        *["Confusion matrix, test channel", "predicted", "true"],
        *["0", "0", "1", "0"],  # the first label's two names, then its row: one right, none wrong
        *["1", "1", "1", "1"],
    ]


def test_a_label_that_only_the_model_knows_has_its_place_in_the_picture(
    train: ModuleType, job: SageMakerContract, data: Path
) -> None:
    model = train.fit(train.read_channel("train", str(data / "train")), train.parse_arguments([]))
    (data / "train" / "below" / "b.csv").unlink()
    (data / "train" / "a.csv").write_text("0.0, 9.000, 0.000\n")
    counts = train.confusion_matrix(model, train.read_channel("train", str(data / "train")))
    assert counts.to_numpy().tolist() == [[0, 1], [0, 0]]


def test_the_model_that_is_left_is_the_model_that_is_served(train: ModuleType, job: SageMakerContract) -> None:
    train.main([])
    assert [path.name for path in job.model_dir.iterdir()] == ["model.joblib"]
    served = train.model_fn(str(job.model_dir))
    assert served.predict(np.array([[1, 0], [9, 0]], dtype=np.float32)).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("option", "value"), [("max_leaf_nodes", 3), ("max_depth", 2), ("min_samples_leaf", 2), ("random_state", 7)]
)
def test_hyperparameters_reach_the_tree(
    train: ModuleType, data: Path, sagemaker_contract: MakeContract, option: str, value: int
) -> None:
    job = sagemaker_contract(hyperparameters={option: value}, channels={"train": data / "train", "test": None})
    with job.applied():
        train.main()
    assert train.model_fn(str(job.model_dir)).get_params()[option] == value


def test_an_option_wins_over_its_variable(train: ModuleType, job: SageMakerContract, tmp_path: Path) -> None:
    train.main(["--model-dir", str(tmp_path / "elsewhere")])
    assert (tmp_path / "elsewhere" / "model.joblib").exists()
    assert list(job.model_dir.iterdir()) == []


@pytest.mark.parametrize("present", [True, False], ids=["empty", "missing"])
def test_a_channel_without_files_is_explained(
    train: ModuleType, job: SageMakerContract, tmp_path: Path, present: bool
) -> None:
    empty = tmp_path / "empty"
    if present:
        empty.mkdir()
    with pytest.raises(ValueError, match=r"Channel 'train' has no files: .*empty is empty or missing.*S3 prefix"):
        train.main(["--train", str(empty)])
    assert list(job.model_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("label, width, length\n0, 1, 2\n", r"a\.csv is not label-first CSV of numbers without a header"),
        ("", r"a\.csv is not label-first CSV of numbers without a header: No columns"),
        ("0, 1\n", r"differ in their number of columns \(a\.csv: 2, b\.csv: 3\)"),
    ],
    ids=["a header", "an empty file", "fewer columns"],
)
def test_a_file_that_cannot_be_used_is_named(
    train: ModuleType, job: SageMakerContract, data: Path, content: str, message: str
) -> None:
    (data / "train" / "a.csv").write_text(content)
    with pytest.raises(ValueError, match=rf"Channel 'train': .*{message}"):
        train.main([])


def test_without_its_variables_the_command_line_says_which(
    train: ModuleType, job: SageMakerContract, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SM_MODEL_DIR")
    with pytest.raises(SystemExit) as caught:
        train.main([])
    assert caught.value.code == 2
    assert "required: --model-dir" in capsys.readouterr().err


def test_a_hyperparameter_that_it_does_not_know_is_an_error(train: ModuleType, job: SageMakerContract) -> None:
    with pytest.raises(SystemExit) as caught:
        train.main(["--max_leaves", "3"])
    assert caught.value.code == 2


@pytest.mark.parametrize("module", ["train", "preprocess"])
def test_importing_runs_nothing_and_never_needs_the_harness(module: str, tmp_path: Path) -> None:
    code = f"""
import builtins, os, sys
sys.path.insert(0, {str(ENTRY)!r})
class Watched(dict):
    def __getitem__(self, name): self.check(name); return super().__getitem__(name)
    def get(self, name, default=None): self.check(name); return super().get(name, default)
    def check(self, name): assert not str(name).startswith("SM_"), name
os.environ = Watched(os.environ)
import {module}
print(sorted(name for name in sys.modules if name.split(".")[0] in ("harness", "matplotlib", "boto3", "sagemaker")))
"""
    result = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", ["train.py", "preprocess.py"])
def test_the_oldest_images_python_can_read_it(script: str) -> None:
    ast.parse((ENTRY / script).read_text(), feature_version=(3, 8))


def by_hand(folder: Path, script: str, *arguments: str) -> str:
    """Run a script with the variables that one sets oneself; what it prints."""
    environment = {
        **os.environ,
        "SM_CHANNEL_TRAIN": "data/train",
        "SM_CHANNEL_TEST": "data/test",
        "SM_MODEL_DIR": "model",
        "SM_OUTPUT_DATA_DIR": "output",
    }
    command = [sys.executable, "-B", "-W", "error", str(ENTRY / script), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_sample_trains_to_a_realistic_accuracy_by_hand_and_to_the_same_as_a_job(
    training_job: RunTrainingJob, tmp_path: Path
) -> None:
    by_hand(tmp_path, "preprocess.py", "--output-dir", "data")
    printed = by_hand(tmp_path, "train.py", "--max_leaf_nodes", "30")
    accuracy = re.search(r"^test_accuracy=([0-9.]+)$", printed, re.MULTILINE)
    assert accuracy is not None
    assert 0.9 <= float(accuracy[1]) < 1
    job = training_job(channels={name: tmp_path / "data" / name for name in ("train", "test")})
    assert job.status == "Completed"
    assert job.log == "".join(f"algo-1 | {line}\n" for line in printed.splitlines())
    assert job.metrics == {"test:accuracy": float(accuracy[1])}
    for mine, the_job_s in ((tmp_path / "model", job.model_dir), (tmp_path / "output", job.output_dir)):
        assert contents(mine) == contents(the_job_s)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
