"""AWS on loopback: how soon it answers, how soon it has taken a job, and what it adds to one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.paired import Command, Comparison, Target, compare, plain_environment
from benchmarks.project import HARNESS, ROOT, trivial, workspace

ROUNDS = 10
SDK = "sagemaker==2.257.7"
_FIT = """
import sys
from sagemaker.sklearn import SKLearn

role, source, train = sys.argv[1:]
estimator = SKLearn("script.py", source_dir=source, role=role, framework_version="1.2-1", instance_type="ml.m5.large")
estimator.fit({"train": train}, wait=False)
"""
_RUN = """
import json, os, subprocess, sys, tempfile, time, uuid
import boto3

how, given = sys.argv[1:]
client = boto3.client("sagemaker")
client.list_training_jobs()
if how == "bare":
    with tempfile.TemporaryDirectory() as data:
        subprocess.run([sys.executable, given], env={**os.environ, "SM_CHANNEL_TRAIN": data}, check=True)
else:
    with open(given) as file:
        request = json.load(file) | {"TrainingJobName": f"bench-{uuid.uuid4().hex}"}
    client.create_training_job(**request)
    while (job := client.describe_training_job(TrainingJobName=request["TrainingJobName"])) and (
        job["TrainingJobStatus"] == "InProgress"
    ):
        time.sleep(0.02)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
"""


def measure(rounds: int) -> Iterator[Comparison]:
    """Its start, the way to an accepted job against SDK v2's, and a job against its bare script."""
    yield compare(
        "The stand-in: started, ended, and nothing left, against an idle interpreter",
        Command("python -c pass", (sys.executable, "-c", "pass"), ROOT),
        Command("harness standin", (HARNESS, "standin", "--", "true"), ROOT),
        rounds,
        Target(difference=2.0),
    )
    sdk = environment_of_sdk()
    with workspace() as folder, standin(folder) as environment:
        config = trivial(folder / "project")
        ours = {**environment, "HARNESS_RUNS_DIR": str(folder / "runs")}
        train = (HARNESS, "train", "--on", "remote", "--no-wait", "--config", str(config))
        # Once by hand: then data and code are there, and the request that asked for the job.
        subprocess.run(train, cwd=config.parent, env={**plain_environment(), **ours}, check=True, capture_output=True)
        (request,) = (folder / "runs").glob("*/request.json")
        uri = json.loads(request.read_text())["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
        code = config.parent / "code"
        fit = (str(sdk), "-c", _FIT, environment["HARNESS_ROLE"], str(code), uri)
        yield compare(
            "From the command to an accepted CreateTrainingJob: harness train --no-wait against SDK v2's fit",
            Command("fit(wait=False)", fit, folder, environment),
            Command("harness train", train, config.parent, ours),
            rounds,
            Target(ratio=0.25),
        )
        yield compare(
            "A script that does nothing: from CreateTrainingJob to Completed against the bare script",
            Command("bare", (sys.executable, "-c", _RUN, "bare", str(code / "script.py")), folder, environment),
            Command("job", (sys.executable, "-c", _RUN, "job", str(request)), folder, environment),
            rounds,
            Target(difference=1.0),
        )


@contextmanager
def standin(folder: Path) -> Iterator[Mapping[str, str]]:
    """A stand-in while the block runs: what its clients have to find in their environment."""
    process = subprocess.Popen(
        [HARNESS, "standin", "--json", "--state", str(folder / "state")],
        cwd=folder,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        yield json.loads("".join(lines))
    finally:
        process.terminate()
        process.communicate(timeout=60)


def environment_of_sdk() -> Path:
    """The interpreter of an environment with SDK v2, built if it is not there.

    Raises:
        RuntimeError: it cannot be built.
    """
    from tests.oracle.venvs import ensure

    return ensure("sdk-v2", (SDK,)) / "bin" / "python"
