"""The whole lab, as AWS's sample notebook goes through it: with the command line, on any target.

    python docs/lab.py --on local

Feature engineering, training, an endpoint and its predictions, batch transform, and a comparison with the true labels.
Exit status: 0 if every prediction is the true label, 1 if not, and a step's own if a step fails.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from sklearn.datasets import load_iris

NPY = "application/x-npy"
SAMPLES, SAMPLE_ROWS = 10, 100
INPUT, TRAIN, TEST = (f"/opt/ml/processing/{name}" for name in ("input/raw", "output/train", "output/test"))


class StepFailed(Exception):
    """A command of the harness ended with another status than 0."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"lab: harness {command} ended with {code}")
        self.code = code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the lab; the exit status."""
    parser = argparse.ArgumentParser(description="Process, train, deploy, predict, transform, compare.")
    parser.add_argument("--on", help="target; default: what the harness takes, such as $HARNESS_ON")
    parser.add_argument("--data-dir", type=Path, default=Path("data/lab"), help="default: %(default)s; emptied first")
    parser.add_argument("--seed", type=int, default=0, help="of the random samples; default: %(default)s")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        return Lab(arguments.on, arguments.data_dir.absolute(), arguments.seed).run()
    except StepFailed as failed:
        print(failed, file=sys.stderr)
        return failed.code
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130


class Lab:
    """One pass through the lab; everything that it makes lies in ``folder``."""

    def __init__(self, on: str | None, folder: Path, seed: int) -> None:
        self.options = ("--on", on, "--json") if on else ("--json",)
        self.folder = folder
        self.seed = seed
        self.name = f"lab-{time.strftime('%Y-%m-%d-%H-%M-%S')}-{os.getpid()}"
        self.rows = sample_rows()

    def run(self) -> int:
        """Every step in its order; 1 if a prediction is not the true label."""
        shutil.rmtree(self.folder, ignore_errors=True)
        write_csv(self.folder / "raw" / "iris.csv", self.rows)
        began = time.perf_counter()
        with step("Feature engineering"):
            features = self.process()
        with step("Training"):
            model = self.train(features)
        with self.endpoint(model), step("Predictions of the endpoint"):
            equal = self.predict()
        with step("Batch transform"):
            outputs = self.transform(model)
        same = [self.compare(sample, outputs) for sample in range(SAMPLES)]
        print(f"\nThe whole lab: {time.perf_counter() - began:.1f} s")
        return 0 if equal and all(same) else 1

    def process(self) -> Path:
        """Split the 150 rows into two folders, and give the folder that holds both."""
        features = self.folder / "features"
        job = self.harness(
            "process",
            *("--input", f"raw={self.folder / 'raw'}"),
            *(f"--argument={each}" for each in ("--input-dir", INPUT, "--train-dir", TRAIN, "--test-dir", TEST)),
            *("--output", f"train={features / 'train'}", "--output", f"test={features / 'test'}"),
        )
        print(f"{job['ProcessingJobName']}: {job['ProcessingJobStatus']}")
        return features

    def train(self, features: Path) -> str:
        """Train on all rows, as the notebook does, and give the URI of the model."""
        job = self.harness(
            "train",
            *("--channel", f"train={features}", "--channel", f"test={features / 'test'}"),
            *("--hyperparameter", "max_leaf_nodes=30"),
        )
        uri: str = job["ModelArtifacts"]["S3ModelArtifacts"]
        print(f"{job['TrainingJobName']}: {job['TrainingJobStatus']}\n{uri}")
        return uri

    @contextmanager
    def endpoint(self, model: str) -> Iterator[None]:
        """An endpoint while the block runs; whatever happens, it is gone afterwards."""
        try:
            with step("Deployment"):
                endpoint = self.harness("deploy", "--model-data", model, "--endpoint-name", self.name)
                print(f"{endpoint['EndpointName']}: {endpoint['EndpointStatus']}")
            yield
        except BaseException:
            self._delete_endpoint(quiet=True)  # it may never have come to be
            raise
        with step("Deleting the endpoint"):
            self._delete_endpoint()

    def predict(self) -> bool:
        """Predict the 29 rows that the notebook chooses; whether all are right."""
        rows = self.rows[notebook_indices()]
        body = io.BytesIO()
        np.save(body, rows[:, 1:])
        types = ("--content-type", NPY, "--accept", NPY)
        answer = self._run("invoke", "--endpoint-name", self.name, *types, *self.options[:-1], body=body.getvalue())
        predicted = np.load(io.BytesIO(answer))
        print("Predicted:", predicted, "True labels:", rows[:, 0], sep="\n")
        return np.array_equal(predicted, rows[:, 0])

    def transform(self, model: str) -> Path:
        """Predict ten random samples without their labels; the folder of the outputs."""
        batch = self.folder / "batch"
        random = np.random.default_rng(self.seed)
        for number in range(SAMPLES):
            sample = random.choice(self.rows, SAMPLE_ROWS, replace=False)
            write_csv(batch / "XY" / sample_name(number), sample)
            write_csv(batch / "X" / sample_name(number), sample[:, 1:])
        job = self.harness(
            "transform",
            *("--model-data", model, "--input", str(batch / "X"), "--output", str(batch / "output")),
            *("--content-type", "text/csv", "--accept", "text/csv", "--split-type", "Line", "--assemble-with", "Line"),
        )
        print(f"{job['TransformJobName']}: {job['TransformJobStatus']}")
        return batch / "output"

    def compare(self, number: int, outputs: Path) -> bool:
        """Print a sample's difference to the true labels, as ``diff -s`` does; whether there is none."""
        labels, name = self.folder / "batch" / "XY" / sample_name(number), f"{sample_name(number)}.out"
        true = np.loadtxt(labels, delimiter=",")[:, 0]
        predicted = np.loadtxt(outputs / name, ndmin=1)
        if np.array_equal(true, predicted):
            print(f"Labels of {labels.name} and {name} are identical")
            return True
        if true.shape != predicted.shape:
            print(f"Labels of {labels.name} and {name} differ: {len(true)} rows, {len(predicted)} predictions")
            return False
        for row in np.flatnonzero(true != predicted):
            print(f"{name}, row {row + 1}: {predicted[row]:g}, the label is {true[row]:g}")
        return False

    def harness(self, verb: str, *arguments: str) -> Any:
        """The JSON document that a verb prints.

        Raises:
            StepFailed: it ended with another status than 0.
        """
        return json.loads(self._run(verb, *arguments, *self.options))

    def _delete_endpoint(self, *, quiet: bool = False) -> None:
        before = [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            self._run("delete-endpoint", "--endpoint-name", self.name, *self.options, quiet=quiet)
        except StepFailed:
            if not quiet:
                raise
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
                signal.signal(number, handler)

    def _run(self, *arguments: str, body: bytes = b"", quiet: bool = False) -> bytes:
        """What a command prints on stdout. Ctrl-C is its to deal with first."""
        process = None
        try:
            with signals_later():
                process = subprocess.Popen(
                    [sys.executable, "-m", "harness", *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL if quiet else None,
                    start_new_session=True,
                )
            answer, _ = process.communicate(body)
        except BaseException:
            if process is not None:
                process.send_signal(signal.SIGINT)
                process.communicate()
            raise
        if process.returncode:
            raise StepFailed(arguments[0], process.returncode)
        return answer


@contextmanager
def signals_later() -> Iterator[None]:
    """Ctrl-C while a process is being started would leave one that nobody knows of; so it comes when it has been."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, frame: came.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if came and signal.SIG_IGN not in before:
        raise KeyboardInterrupt


@contextmanager
def step(title: str) -> Iterator[None]:
    """A heading, and how long what follows has taken."""
    print(f"\n{title}", flush=True)
    began = time.perf_counter()
    yield
    print(f"({time.perf_counter() - began:.1f} s)", flush=True)


def sample_rows() -> Any:
    """The iris data in its own order: (150, 5) floats, the label (0, 1, 2) first."""
    iris = load_iris()
    return np.column_stack([iris.target, iris.data])


def notebook_indices() -> list[int]:
    """The last ten rows of each kind but for the very last: the notebook's 29."""
    return [start + offset for start, offset in product((0, 50, 100), range(40, 50))][:-1]


def sample_name(number: int) -> str:
    """The file of a random sample."""
    return f"iris_sample_{number}.csv"


def write_csv(path: Path, rows: Any) -> None:
    """Rows as numbers with the data's one decimal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, rows, fmt="%.1f", delimiter=",")


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
