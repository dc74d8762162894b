"""``--on remote`` as a user runs it, against the stand-in: real jobs behind AWS's wire protocol, no credentials."""

from __future__ import annotations

import json
import re
import signal
import sys
import tarfile
import uuid
from pathlib import Path

import pytest

from tests.conftest import NOWHERE

pytestmark = pytest.mark.slow

TRAINS = """
import os, shutil, sys
import helper
print("helper says", helper.WORD)
for name in sorted(os.listdir(os.environ["SM_CHANNEL_TRAIN"])):
    print("found", name)
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("a model")
open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "report.txt"), "w").write("a report")
print("score=0.5", flush=True)
"""

WAITS = """
import time
print("started", flush=True)
time.sleep(600)
"""

PROCESSES = """
import pathlib
given = pathlib.Path("/opt/ml/processing/input/raw/a.csv").read_text()
pathlib.Path("/opt/ml/processing/output/clean/b.csv").write_text(given.upper())
"""

SERVES = """
import os

def model_fn(model_dir):
    return open(os.path.join(model_dir, "model.txt")).read()

def input_fn(body, content_type):
    return body.decode() if isinstance(body, bytes) else body

def predict_fn(data, model):
    return [model for line in data.splitlines()]

def output_fn(prediction, accept):
    return "\\n".join(prediction) + "\\n", "text/csv"
"""


@pytest.fixture
def remote(project, standin):
    """A project whose commands run on the stand-in, under a name that no other test uses."""

    def make(script: str = TRAINS, **more):
        made = project(script, **more)
        made.write("src/helper.py", "WORD = 'yes'\n")
        made.variables.update(standin.env, HARNESS_ON="remote")
        return made

    return make


@pytest.fixture
def name() -> str:
    return f"r-{uuid.uuid4().hex[:12]}"


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def files(folder: Path) -> list[str]:
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())


class TestTraining:
    def test_leaves_the_same_run_folder_as_a_local_job(self, remote, name):
        made = remote(config='metric_definitions = [{Name = "score", Regex = "score=([0-9.]+)"}]')
        done = made.harness("train", "--job-name", name)
        assert done.code == 0, done.err
        here = made.harness("train", "--on", "local", "--job-name", f"{name}-local")
        assert here.code == 0, here.err
        there, local = made.run_folder(name), made.run_folder(f"{name}-local")
        wanted = ["describe.json", "log.txt", "output/model.tar.gz", "output/output.tar.gz", "request.json"]
        assert [each for each in files(there) if each in wanted] == files(there) == wanted
        assert set(wanted) <= set(files(local))
        for archive in ("model.tar.gz", "output.tar.gz"):
            assert members(there / "output" / archive) == members(local / "output" / archive)
        assert (there / "log.txt").read_bytes() == (local / "log.txt").read_bytes()
        assert (there / "log.txt").read_text() in done.out
        assert "score" in done.out

    def test_asks_for_what_plan_shows(self, remote, name):
        made = remote()
        planned = made.here("plan", "--job-name", name)
        assert planned.code == 0, planned.err
        assert made.here("train", "--job-name", name).code == 0
        assert json.loads((made.run_folder(name) / "request.json").read_text()) == planned.json

    def test_uploads_nothing_a_second_time(self, remote, name):
        made = remote("import os, helper; print('once')  # " + name)
        first = made.here("train", "--job-name", name)
        second = made.here("train", "--job-name", f"{name}-2")
        assert "uploaded source: 1 of 1 files" in first.err
        assert "uploaded" not in second.err

    def test_prints_the_description_of_aws_as_one_document(self, remote, name):
        done = remote().harness("train", "--job-name", name, "--json")
        assert done.json["TrainingJobStatus"] == "Completed"
        assert done.json["ModelArtifacts"]["S3ModelArtifacts"].startswith("s3://sagemaker-")
        assert "ResponseMetadata" not in done.json
        assert "algo-1 | found part-1.csv" in done.err

    def test_carries_the_lines_of_all_hosts(self, remote, name):
        script = "import os; print('I am', os.environ['SM_CURRENT_HOST'])"
        done = remote(script).here("train", "--job-name", name, "--instance-count", "2")
        assert done.code == 0, done.err
        assert "algo-1 | I am algo-1\n" in done.out
        assert "algo-2 | I am algo-2\n" in done.out

    def test_loses_no_line_of_a_loud_script(self, remote, name):
        script = "for number in range(30_000): print('line', number)"
        made = remote(script)
        assert made.here("train", "--job-name", name).code == 0
        lines = (made.run_folder(name) / "log.txt").read_text().splitlines()
        assert lines == [f"algo-1 | line {number}" for number in range(30_000)]

    def test_that_fails_says_why_and_exits_with_one(self, remote, name):
        made = remote("raise ValueError('no good')")
        done = made.here("train", "--job-name", name)
        assert done.code == 1
        assert "AlgorithmError" in done.err
        assert "no good" in done.out
        assert made.describe(name)["TrainingJobStatus"] == "Failed"

    def test_with_dependencies_finds_them_beside_the_script(self, remote, name):
        made = remote(files={"lib/extra/__init__.py": "WORD = 'extra'\n"}, config='dependencies = ["lib/extra"]')
        made.write("src/train.py", "import extra; print('it is', extra.WORD)")
        done = made.here("train", "--job-name", name)
        assert "algo-1 | it is extra" in done.out, done.err
        here = made.harness("train", "--on", "local")
        assert "algo-1 | it is extra" in here.out, here.err

    @pytest.mark.parametrize("on", ["remote", "local"])
    def test_goes_on_from_checkpoints_in_a_folder_and_delivers_to_one(self, remote, name, on):
        counts = """
import os, sys
count = "/opt/ml/checkpoints/epochs/count"
done = int(open(count).read()) if os.path.exists(count) else 0
os.makedirs(os.path.dirname(count), exist_ok=True)
open(count, "w").write(str(done + 1))
print("epoch", done)
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write(str(done))
sys.exit(done == 1)
"""
        made = remote(counts, config='checkpoint_s3_uri = "kept"\noutput_path = "artifacts"')
        done = [made.here("train", "--on", on, "--job-name", f"{name}-{run}") for run in range(3)]
        assert [each.code for each in done] == [0, 1, 0], done
        assert [f"epoch {run}" in each.out for run, each in enumerate(done)] == [True] * 3
        assert (made.folder / "kept/epochs/count").read_text() == "3"
        assert members(made.folder / f"artifacts/{name}-2/output/model.tar.gz") == {"model.txt": b"2"}


class TestRefusals:
    def test_of_the_same_name_again(self, remote, name):
        made = remote("pass")
        assert made.here("train", "--job-name", name).code == 0
        again = made.here("train", "--job-name", name)
        assert again.code == 2
        assert "ResourceInUse" in again.err
        assert "Choose another --job-name" in again.err

    def test_of_a_name_that_another_machine_has_used(self, remote, name, standin):
        made = remote("pass")
        assert made.here("train", "--job-name", name).code == 0
        (made.run_folder(name) / "describe.json").unlink()
        again = made.here("train", "--job-name", name)
        assert again.code == 2
        assert "(ResourceInUse)" in again.err

    def test_of_a_role_that_is_missing(self, remote):
        done = remote("pass").here("train", HARNESS_ROLE="")
        assert done.code == 2
        assert "needs a role" in done.err
        assert "Without an account: `harness standin -- COMMAND…`." in done.err

    def test_of_a_role_that_is_no_arn(self, remote):
        done = remote("pass").here("train", HARNESS_ROLE="admin")
        assert done.code == 2
        assert "is not the ARN of a role" in done.err

    def test_of_a_region_that_is_missing(self, remote):
        done = remote("pass").here("train", AWS_REGION="", AWS_DEFAULT_REGION="", HARNESS_REGION="")
        assert done.code == 2
        assert "needs a region" in done.err

    def test_of_missing_credentials(self, remote):
        done = remote("pass").here("train", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SESSION_TOKEN="")
        assert done.code == 4
        assert "There are no AWS credentials" in done.err
        assert "aws configure" in done.err

    def test_of_a_profile_that_is_not_there(self, remote):
        done = remote("pass").here("train", "--profile", "nobody")
        assert done.code == 2
        assert "nobody" in done.err

    def test_of_a_private_key_in_the_source(self, remote, name):
        made = remote("pass", files={"src/key.pem": "-----BEGIN PRIVATE KEY-----\nabc\n"})
        done = made.here("train", "--job-name", name)
        assert done.code == 2
        assert "key.pem" in done.err
        allowed = made.here("train", "--job-name", name, HARNESS_ALLOW_SECRETS='["key.pem"]')
        assert allowed.code == 0, allowed.err

    def test_of_a_channel_without_files(self, remote):
        made = remote("pass")
        (made.folder / "none").mkdir()
        done = made.here("train", "--channel", "train=none")
        assert done.code == 2
        assert "Channel 'train'" in done.err
        assert "has no files" in done.err

    def test_of_a_request_that_breaks_aws_s_rules(self, remote):
        done = remote("pass").here("train", "--instance-type", "ml.m5.enormous")
        assert done.code == 2
        assert "AWS would refuse this CreateTrainingJob request" in done.err
        assert "uploaded" not in done.err

    def test_of_a_bucket_that_is_not_there(self, remote):
        done = remote("pass").here("train", HARNESS_DEFAULT_BUCKET="nobody-has-this-bucket")
        assert done.code == 2
        assert "NoSuchBucket" in done.err

    def test_when_nobody_answers(self, remote):
        done = remote("pass").here("train", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
        assert done.code == 4
        assert "AWS cannot be reached" in done.err


class TestWithoutWaiting:
    def test_a_job_goes_on_and_is_followed_later(self, remote, name):
        made = remote()
        done = made.harness("train", "--job-name", name, "--no-wait")
        assert (done.code, done.out) == (0, f"{name}\n"), done.err
        followed = made.here("runs", "follow", name)
        assert followed.code == 0, followed.err
        assert "algo-1 | found part-1.csv" in followed.out
        assert (made.run_folder(name) / "output/model.tar.gz").is_file()

    def test_what_a_job_leaves_in_folders_of_this_machine_comes_with_following_it(self, remote, name):
        script = """
import os
open("/opt/ml/checkpoints/epoch", "w").write("1")
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("a model")
"""
        made = remote(script, config='checkpoint_s3_uri = "kept"\noutput_path = "artifacts"')
        assert made.here("train", "--job-name", name, "--no-wait").code == 0
        followed = made.here("runs", "follow", name)
        assert followed.code == 0, followed.err
        assert (made.folder / "kept/epoch").read_text() == "1"
        assert members(made.folder / f"artifacts/{name}/output/model.tar.gz") == {"model.txt": b"a model"}
        made.write("kept/epoch", "2, of a later job")
        again = made.here("runs", "follow", name)
        assert "kept has files younger than this job, and stays as it is; what it left is at s3://" in again.err
        assert (made.folder / "kept/epoch").read_text() == "2, of a later job"

    def test_a_local_job_goes_on_too(self, project, name):
        made = project("print('went on')")
        done = made.harness("train", "--job-name", name, "--no-wait", "--json")
        assert done.code == 0, done.err
        assert done.json["TrainingJobName"] == name
        followed = made.harness("runs", "follow", name)
        assert "algo-1 | went on" in followed.out

    def test_ctrl_c_stops_nothing_and_says_how_to_go_on(self, remote, name):
        made = remote(WAITS)
        started = made.start("train", "--job-name", name)
        assert started.stdout is not None
        for line in started.stdout:
            if b"started" in line:
                break
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=120)
        assert started.returncode == 130
        assert f"harness runs follow {name} --on remote" in said.decode()
        assert f"harness runs stop {name} --on remote" in said.decode()
        assert made.here("runs", "show", name, "--on", "remote").json["TrainingJobStatus"] == "InProgress"
        assert name in made.here("runs").out
        assert made.here("runs", "stop", name).code == 0
        followed = made.here("runs", "follow", name)
        assert followed.code == 1
        assert f"{name} was stopped" in followed.err


class TestOtherJobs:
    def test_processing_reads_from_here_and_brings_its_outputs_back(self, remote, name):
        made = remote("pass", files={"p.py": PROCESSES, "raw/a.csv": "abc"})
        done = made.harness(
            *("process", "--entry-point", "p.py", "--job-name", name, "--input", "raw=raw", "--output", "clean=clean")
        )
        assert done.code == 0, done.err
        assert (made.folder / "clean/b.csv").read_text() == "ABC"
        assert re.search(r"\n  clean +s3://\S+\n  copied to  clean\n", done.out)
        assert files(made.run_folder(name)) == ["describe.json", "log.txt", "request.json"]
        [listed] = made.here("runs", "--on", "local", "--json").json
        assert (listed["Name"], listed["Kind"], listed["Status"]) == (name, "ProcessingJob", "Completed")

    def test_transform_predicts_with_the_youngest_job_s_model(self, remote, name):
        made = remote(files={"batch/a.csv": "1,2\n3,4\n", "src/serve.py": SERVES})
        assert made.here("train", "--job-name", name).code == 0
        done = made.harness(
            *("transform", "--job", name, "--entry-point", "serve.py", "--job-name", f"{name}-t"),
            *("--input", "batch", "--output", "predicted", "--content-type", "text/csv"),
        )
        assert done.code == 0, done.err
        assert (made.folder / "predicted/a.csv.out").read_text() == "a model\na model\n"
        assert re.search(r"\n  output +s3://\S+\n  copied to  predicted\n", done.out)

    def test_an_endpoint_is_deployed_invoked_and_deleted(self, remote, name):
        made = remote(files={"src/serve.py": SERVES})
        assert made.here("train", "--job-name", name).code == 0
        done = made.harness("deploy", "--job", name, "--entry-point", "serve.py", "--endpoint-name", name)
        assert done.code == 0, done.err
        try:
            asked = made.here("invoke", "--endpoint-name", name, "--content-type", "text/csv", stdin="1\n2\n")
            assert asked.out == "a model\na model\n", asked.err
        finally:
            gone = made.harness("delete-endpoint", "--endpoint-name", name)
        assert gone.code == 0, gone.err


def test_what_a_job_on_aws_has_left_here_needs_no_aws(remote, name):
    made = remote(files={"batch/a.csv": "1,2\n3,4\n", "src/serve.py": SERVES})
    done = made.here("train", "--job-name", name)
    assert f"copied to  runs/{name}/output\n" in done.out, done.err
    done = made.harness(
        *("transform", "--on", "local", "--entry-point", "serve.py", "--job-name", f"{name}-t"),
        *("--input", "batch", "--output", "predicted", "--content-type", "text/csv"),
        AWS_ENDPOINT_URL=NOWHERE,
    )
    assert done.code == 0, done.err
    assert (made.folder / "predicted/a.csv.out").read_text() == "a model\na model\n"
    listed = made.here("runs", "--json", "--on", "local").json
    assert {each["Name"]: each["Target"] for each in listed} == {name: "remote", f"{name}-t": "local"}


class TestAPlan:
    def test_calls_nothing(self, remote, name):
        made = remote()
        blocked = "import socket\ndef refuse(*a, **k): raise SystemExit('a socket was made')\nsocket.socket = refuse\n"
        made.write("blocked/sitecustomize.py", blocked)
        done = made.harness("plan", "--job-name", name, PYTHONPATH=str(made.folder / "blocked"))
        assert done.code == 0, done.err
        assert done.json["TrainingJobName"] == name

    def test_lists_the_source_and_what_goes_where(self, remote, standin):
        made = remote()
        said = made.here("plan").err
        account, region = standin.role.split(":")[4], standin.environment["AWS_REGION"]
        assert f"-> s3://sagemaker-{region}-{account}/source/" in said
        assert "helper.py" in said
        assert "train.py" in said
        assert f"from {made.folder}/data/train" in said

    def test_follows_the_configured_bucket_and_prefix(self, remote):
        made = remote(config='default_bucket = "mine"\ndefault_bucket_prefix = "team/iris"')
        request = made.here("plan").json
        assert request["OutputDataConfig"]["S3OutputPath"] == "s3://mine/team/iris"
        assert request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"].startswith(
            "s3://mine/team/iris/data/train-"
        )


def test_boto3_is_named_where_it_is_missing(remote):
    made = remote("pass")
    made.write("blocked/boto3.py", "raise ImportError('none')")
    done = made.harness("train", PYTHONPATH=str(made.folder / "blocked"))
    assert done.code == 4
    assert "pip install 'sagemaker-harness[remote]'" in done.err
    assert sys.executable not in done.err


def test_a_job_is_not_paid_for_whose_run_folder_cannot_be_made(remote, name):
    made = remote(config='runs_dir = "harness.toml"')
    done = made.here("train", "--job-name", name)
    assert (done.code, "Traceback" in done.err) == (2, False)
    assert f"runs_dir: {made.folder}/harness.toml is no folder." in done.err
    assert name not in made.here("runs").out
