"""A container started by hand on an ``/opt/ml`` made by hand: less than this nobody takes who uses the same image."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from benchmarks.paired import Command
from harness.contract import opt_ml
from harness.storage import local_path

_MODEL_PORT = 8080


def lay_out(tree: Path, request: Mapping[str, Any], code: Path) -> list[str]:
    """``/opt/ml`` as it is before a ``CreateTrainingJob`` request runs; what ``docker run`` is to mount."""
    for inside in ("input/config", "input/data", "model", "output/data"):
        (tree / inside).mkdir(parents=True)
    shutil.copytree(code, tree / "code", ignore=shutil.ignore_patterns("__pycache__"))
    for name, document in (
        ("hyperparameters", opt_ml.hyperparameters_document(request)),
        ("inputdataconfig", opt_ml.input_data_config_document(request)),
        ("resourceconfig", opt_ml.resource_config_document(request, 0)),
    ):
        (tree / "input/config" / f"{name}.json").write_text(json.dumps(document))
    mounts = [f"{tree}:/opt/ml"]
    for channel in request["InputDataConfig"]:
        name, data = channel["ChannelName"], local_path(channel["DataSource"]["S3DataSource"]["S3Uri"])
        (tree / "input/data" / name).mkdir()
        mounts.append(f"{data}:/opt/ml/input/data/{name}:ro")
    return mounts


def train(tree: Path, request: Mapping[str, Any], code: Path, image: str) -> Command:
    """``docker run IMAGE train``."""
    volumes = [part for mount in lay_out(tree, request, code) for part in ("--volume", mount)]
    return Command("docker run", ("docker", "run", "--rm", "--hostname", "algo-1", *volumes, image, "train"), tree)


def first_prediction(model: Path, code: Path, program: str, image: str, body: str) -> float:
    """Seconds from ``docker run IMAGE serve`` to the answer to the first request.

    Args:
        model: folder with the files of the model.
        code: folder with the script.
        program: the script's name.
        image: the image's name.
        body: rows of CSV.
    """
    begun = time.perf_counter()
    started = subprocess.run(
        [
            *("docker", "run", "--detach", "--rm", "--publish", f"127.0.0.1::{_MODEL_PORT}"),
            *("--volume", f"{model}:/opt/ml/model:ro", "--volume", f"{code}:/opt/ml/code:ro"),
            *("--env", f"SAGEMAKER_PROGRAM={program}", image, "serve", "--fail-fast"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    container = started.stdout.strip()
    try:
        ports = subprocess.run(
            ["docker", "port", container, str(_MODEL_PORT)], capture_output=True, text=True, check=True
        )
        address = ports.stdout.split()[0]
        while not _predicts(address, body):
            if time.perf_counter() - begun > 60:
                raise RuntimeError(f"{image} does not answer")
            time.sleep(0.01)
        return time.perf_counter() - begun
    finally:
        subprocess.run(["docker", "kill", container], capture_output=True, check=True)


def _predicts(address: str, body: str) -> bool:
    """Whether the server has come up, and then what it says to the rows."""
    connection = HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", "/ping")
        if connection.getresponse().status != 200:
            return False
        connection.close()
        connection.request("POST", "/invocations", body, {"Content-Type": "text/csv", "Accept": "text/csv"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {answer.read()!r}")
        return True
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
