"""``--on localmode``, as a user runs it, in a real engine with SDK v2 and v3.

What every target owes is in ``tests/conformance``; here is what this one adds, and a trip through each kind of job.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.engine.leftovers import remove_leftovers
from harness.engine.store import Job
from tests.conftest import Finished
from tests.docker_engine import client_or_skip, image_or_skip, marked
from tests.oracle.local_mode import REQUIREMENTS
from tests.oracle.venvs import ensure_for_test

pytestmark = [pytest.mark.docker, pytest.mark.oracle, pytest.mark.slow]

REPOSITORY = Path(__file__).parents[2]
TRAINS = """
import argparse, json, os, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--factor", type=float)
factor = parser.parse_args().factor
print("score=%s; a dollar: $HOME %s" % (factor, os.environ["PRICE"]), flush=True)
print("credentials:", [name for name in os.environ if "KEY" in name or "TOKEN" in name], flush=True)
train = os.environ["SM_CHANNEL_TRAIN"]
try:
    open(train + "/written", "w")
except OSError as error:
    print("input:", error.strerror, flush=True)
open("/opt/ml/code/written", "w").close()
with open(os.environ["SM_MODEL_DIR"] + "/factor", "w") as file:
    file.write(str(factor))
with open(os.environ["SM_OUTPUT_DATA_DIR"] + "/report.json", "w") as file:
    json.dump({"factor": factor}, file)
if "NAP" in os.environ:
    print("napping", flush=True)
    time.sleep(float(os.environ["NAP"]))
if "FAIL" in os.environ:
    print("about to fail", flush=True)
    sys.exit(int(os.environ["FAIL"]))
"""

SERVES = """
import numpy, os

def model_fn(model_dir):
    with open(os.path.join(model_dir, "factor")) as file:
        return float(file.read())

def predict_fn(data, factor):
    if numpy.any(data < 0):
        raise ValueError("negative")
    return numpy.atleast_2d(data).sum(axis=1) * factor
"""

PROCESSES = """
import os, sys
print("arguments:", sys.argv[1:], flush=True)
os.makedirs("/opt/ml/processing/output/made/deep", exist_ok=True)
with open("/opt/ml/processing/output/made/deep/result.txt", "w") as file:
    file.write(open("/opt/ml/processing/input/raw/part-1.csv").read().upper())
sys.exit(int(os.environ.get("FAIL", "0")))
"""

CONFIG = """
entry_point = "train.py"
source_dir = "src"
base_job_name = "job"
channels = { train = "data/train" }
stop_grace = 0
hyperparameters = { factor = 2.5 }
environment = { PRICE = "5$ ${HOME}" }

[[metric_definitions]]
Name = "score"
Regex = "score=([0-9.]+)"

[deploy]
entry_point = "inference.py"

[transform]
content_type = "text/csv"
accept = "text/csv"
split_type = "Line"

[process]
entry_point = "process.py"
source_dir = "src"
arguments = ["a b", "$c"]
inputs = { raw = "data/train" }
outputs = { made = "made" }
"""


FILES = {
    "harness.toml": CONFIG,
    "src/train.py": TRAINS,
    "src/inference.py": SERVES,
    "src/broken.py": "raise ImportError('no such thing')\n",
    "src/process.py": PROCESSES,
    "data/train/part-1.csv": "0,5.1\n1,7.0\n",
    "batch/a.csv": "1,2\n3,4\n",
    "bad/a.csv": "-1,2\n",
}


@dataclass(frozen=True)
class Local:
    """A project whose harness has an SDK in its environment."""

    folder: Path
    python: Path

    def start(self, *arguments, **variables):
        credentials = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
        return subprocess.Popen(
            [self.python, "-m", "harness", *arguments, "--on", "localmode"],
            cwd=self.folder,
            env={**os.environ, **credentials, "PYTHONPATH": str(REPOSITORY), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def finish(self, process):
        out, err = process.communicate(timeout=280)
        return Finished(process.returncode, out.decode(), err.decode())

    def harness(self, *arguments, **variables):
        return self.finish(self.start(*arguments, **variables))

    def napping(self, name):
        """A job that has printed all that it prints, and would go on for minutes."""
        process, job = self.start("train", "--job-name", name, "--environment", "NAP=300", "--json"), self.job(name)
        deadline = time.monotonic() + 120
        while not (job.log.is_file() and b"napping" in job.log.read_bytes()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, job.log.read_bytes()
            threading.Event().wait(0.05)
        return process, job

    def job(self, name):
        return Job(self.folder / "runs" / name)

    @functools.cached_property
    def trained(self):
        """A job that has been run to its end, once."""
        return self.harness("train", "--job-name", "trained", "--json")


@pytest.fixture
def engine():
    client = client_or_skip()
    image_or_skip(client)
    yield client
    client.close()


@pytest.fixture(scope="session")
def locals_by_sdk(tmp_path_factory) -> Callable[[str], Local]:
    """A project for each SDK, made when it is first asked for."""

    @functools.cache
    def make(sdk):
        python = ensure_for_test(f"localmode-{sdk}", REQUIREMENTS[sdk]) / "bin" / "python"
        folder = tmp_path_factory.mktemp(sdk) / "project"
        for name, content in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        return Local(folder, python)

    return make


@pytest.fixture(params=REQUIREMENTS)
def local(request, engine, locals_by_sdk):
    """The project of an SDK; nothing of its jobs is in the engine afterwards."""
    made = locals_by_sdk(request.param)
    yield made
    assert not marked(engine, made.folder)


@pytest.fixture
def trained(local):
    assert local.trained.code == 0, local.trained.err
    return local.trained.json


def members(archive):
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar if member.isfile()}


class TestATrainingJob:
    def test_completes_and_says_so_as_json(self, trained):
        assert trained["TrainingJobStatus"] == "Completed"
        assert trained["ModelArtifacts"]["S3ModelArtifacts"].endswith("/runs/trained/output/model.tar.gz")
        (metric,) = trained["FinalMetricDataList"]
        assert (metric["MetricName"], metric["Value"]) == ("score", 2.5)
        assert [each["Status"] for each in trained["SecondaryStatusTransitions"]] == [
            *("Starting", "Downloading", "Training", "Uploading", "Completed")
        ]

    def test_has_the_run_folder_of_a_local_job(self, local, trained):
        folder = local.job("trained").path
        assert {each.name for each in folder.iterdir()} == {
            *("request.json", "describe.json", "settings.json", "log.txt", "output")
        }
        assert members(folder / "output" / "model.tar.gz") == {"factor": "2.5"}
        assert members(folder / "output" / "output.tar.gz") == {"report.json": '{"factor": 2.5}'}

    @pytest.mark.parametrize(
        "line",
        ["score=2.5; a dollar: $HOME 5$ ${HOME}", "credentials: []", "input: Read-only file system"],
        ids=["its words as they are", "no credentials in a container", "data that cannot be written to"],
    )
    def test_has_in_its_log(self, local, trained, line):
        assert f"algo-1 | {line}" in local.job("trained").log.read_text().splitlines()

    def test_writes_neither_to_data_nor_to_the_source(self, local, trained):
        assert {each.name for each in (local.folder / "data" / "train").iterdir()} == {"part-1.csv"}
        sources = {Path(name).name for name in FILES if name.startswith("src/")}
        assert {each.name for each in (local.folder / "src").iterdir()} == sources

    def test_fails_in_the_toolkits_words_even_with_130_which_the_sdk_takes_for_success(self, local):
        done = local.harness("train", "--job-name", "fails", "--environment", "FAIL=130", "--json")
        assert done.code == 1, done.err
        assert done.json["TrainingJobStatus"] == "Failed"
        assert done.json["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 130\n")

    def test_that_is_stopped_keeps_its_model(self, local):
        process, job = local.napping("stopped")
        os.kill(job.owner(), signal.SIGTERM)
        done = local.finish(process)
        assert (done.json["TrainingJobStatus"], done.json["SecondaryStatus"]) == ("Stopped", "Stopped")
        assert members(job.path / "output" / "model.tar.gz") == {"factor": "2.5"}

    def test_leaves_nothing_after_ctrl_c(self, local):
        process, job = local.napping("interrupted")
        process.send_signal(signal.SIGINT)
        assert local.finish(process).code == 130
        assert job.status == "Stopped"

    def test_that_kill_9_ends_is_found_and_removed(self, local, engine):
        process, job = local.napping("killed")
        assert marked(engine, local.folder)
        os.kill(job.owner(), signal.SIGKILL)
        process.kill()
        process.communicate(timeout=60)
        job.wait_for_end(60)
        while marked(engine, local.folder):  # another process may have begun with it, and not ended
            remove_leftovers(engine)


class TestAModel:
    def test_answers_at_its_endpoint_until_it_is_deleted(self, local, trained):
        try:
            done = local.harness("deploy", "--job", "trained", "--endpoint-name", "endpoint", "--json")
            assert done.code == 0, done.err
            assert done.json["EndpointUrl"].startswith("http://127.0.0.1:")
            asked = ("invoke", "--endpoint-name", "endpoint", "--content-type", "text/csv", "--accept", "text/csv")
            answered = local.harness(*asked, "batch/a.csv")
            assert (answered.out, answered.err) == ("7.5\n17.5\n", "")
            failed = local.harness(*asked, "bad/a.csv")
            assert failed.code == 1
            assert "ModelError" in failed.err
        finally:
            deleted = local.harness("delete-endpoint", "--endpoint-name", "endpoint")
        assert deleted.code == 0, deleted.err
        assert not (local.folder / "runs" / "_endpoints" / "endpoint").exists()

    def test_that_cannot_be_served_fails_its_endpoint_with_the_servers_words(self, local, trained):
        arguments = ("--job", "trained", "--endpoint-name", "broken", "--entry-point", "broken.py")
        try:
            done = local.harness("deploy", *arguments, "--json")
            assert done.code == 1, done.err
            assert done.json["EndpointStatus"] == "Failed"
            assert "no such thing" in done.json["FailureReason"]
        finally:
            local.harness("delete-endpoint", "--endpoint-name", "broken")

    def test_transforms_a_file_into_a_file(self, local, trained):
        done = local.harness("transform", "--job", "trained", "--input", "batch", "--output", "predicted", "--json")
        assert done.code == 0, done.err
        assert done.json["TransformJobStatus"] == "Completed"
        assert {each.name: each.read_text() for each in (local.folder / "predicted").iterdir()} == {
            "a.csv.out": "7.5\n17.5\n"
        }

    def test_that_answers_500_fails_its_transform_job(self, local, trained):
        done = local.harness("transform", "--job", "trained", "--input", "bad", "--output", "unpredicted", "--json")
        assert done.code == 1, done.err
        assert "the model answered with status 500" in done.json["FailureReason"]
        assert not (local.folder / "unpredicted").exists()


class TestAProcessingJob:
    def test_puts_its_outputs_where_they_are_wanted(self, local):
        done = local.harness("process", "--job-name", "processed", "--json")
        assert done.code == 0, done.err
        assert done.json["ProcessingJobStatus"] == "Completed"
        assert (local.folder / "made" / "deep" / "result.txt").read_text() == "0,5.1\n1,7.0\n"
        assert "algo-1 | arguments: ['a b', '$c']" in local.job("processed").log.read_text().splitlines()

    def test_that_fails_says_how(self, local):
        variables = ("--environment", "FAIL=4", "--output", "made=unmade")
        done = local.harness("process", "--job-name", "unprocessed", *variables, "--json")
        assert done.code == 1, done.err
        assert done.json["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 4"
        assert not (local.folder / "unmade").exists()
