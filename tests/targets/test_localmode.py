"""``--on localmode``: pure parts everywhere, and the whole of it in a real engine with SDK v2 and v3."""

import os
import signal
import subprocess
import tarfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.engine.client import EngineClient
from harness.engine.leftovers import MARK, remove_leftovers
from harness.engine.settings import EngineSettings
from harness.engine.store import Job
from harness.errors import MissingCapability, RefusedError
from harness.targets.localmode import machine, refusals
from harness.targets.localmode.client import LocalModeClient
from harness.targets.localmode.compose import adjusted, containers
from harness.targets.localmode.inputs import mountable, sdk_uri
from tests.conftest import Finished
from tests.docker_engine import client_or_skip, image_or_skip
from tests.oracle.venvs import ensure_for_test

REPOSITORY = Path(__file__).parents[2]
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"

COMPOSED = {
    "version": "2.3",
    "services": {
        "algo-1-abcde": {
            "image": "image",
            "container_name": "0123456789-algo-1-abcde",
            "command": "train",
            "environment": ["A=1", "PRICE=5$", "HOME_IS=${HOME}"],
            "networks": {"sagemaker-local": {"aliases": ["algo-1-abcde"]}},
            "ports": ["8081:8080"],
            "tty": True,
            "volumes": ["/data/train:/opt/ml/input/data/train", "/home/me/model:/opt/ml/model"],
        }
    },
    "networks": {"sagemaker-local": {"name": "sagemaker-local"}},
}


class TestTheComposeFile:
    @pytest.fixture
    def service(self):
        return self.adjust()["services"]["algo-1-abcde"]

    @staticmethod
    def adjust():
        return adjusted(COMPOSED, read_only=["/opt/ml/input/data/train"], labels={"of": "job"}, network="its-own")

    def test_mounts_inputs_read_only_and_nothing_else(self, service):
        assert service["volumes"] == ["/data/train:/opt/ml/input/data/train:ro", "/home/me/model:/opt/ml/model"]

    def test_publishes_ports_on_the_loopback(self, service):
        assert service["ports"] == ["127.0.0.1:8081:8080"]

    def test_names_no_variable_for_compose_to_replace(self, service):
        assert service["environment"] == ["A=1", "PRICE=5$$", "HOME_IS=$${HOME}"]

    def test_marks_containers_and_network(self, service):
        assert service["labels"] == {"of": "job"}
        assert self.adjust()["networks"] == {"sagemaker-local": {"name": "its-own", "labels": {"of": "job"}}}

    def test_keeps_the_rest(self, service):
        changed = {"volumes", "ports", "environment", "labels"}
        before = COMPOSED["services"]["algo-1-abcde"]
        assert {k: v for k, v in service.items() if k not in changed} == {
            k: v for k, v in before.items() if k not in changed
        }

    def test_says_what_containers_are_called(self):
        assert containers(COMPOSED) == {"algo-1-abcde": "0123456789-algo-1-abcde"}


class TestAnInput:
    def test_that_is_a_folder_of_files_is_mounted_where_it_lies(self, tmp_path):
        (tmp_path / "data" / "deep").mkdir(parents=True)
        (tmp_path / "data" / "deep" / "a").touch()
        assert mountable(_prefix(tmp_path / "data"), tmp_path / "view") == tmp_path / "data"
        assert not (tmp_path / "view").exists()

    def test_that_is_a_file_is_shown_without_its_neighbours(self, tmp_path):
        (tmp_path / "mine").write_text("mine")
        (tmp_path / "other").write_text("other")
        view = mountable(_prefix(tmp_path / "mine"), tmp_path / "view")
        assert {file.name: file.read_text() for file in view.iterdir()} == {"mine": "mine"}

    def test_with_a_link_in_it_is_shown_with_the_file_that_it_leads_to(self, tmp_path):
        (tmp_path / "elsewhere").write_text("content")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
        view = mountable(_prefix(tmp_path / "data"), tmp_path / "view")
        assert not (view / "link").is_symlink()
        assert (view / "link").read_text() == "content"

    def test_that_holds_another_has_room_for_it(self, tmp_path):
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "a").write_text("a")
        view = mountable(_prefix(tmp_path / "data"), tmp_path / "view", inside=["deep/er"])
        assert sorted(str(each.relative_to(view)) for each in view.rglob("*")) == ["a", "deep", "deep/er"]
        assert not (tmp_path / "data" / "deep").exists()

    def test_has_a_uri_that_the_sdk_reads_as_its_path(self, tmp_path):
        assert sdk_uri(tmp_path / "with a blank").endswith("/with a blank")


def _prefix(path):
    return {"S3DataType": "S3Prefix", "S3Uri": path.as_uri(), "S3DataDistributionType": "FullyReplicated"}


def training_request(**members):
    return {
        "TrainingJobName": "job",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::000000000000:role/role",
        "OutputDataConfig": {"S3OutputPath": "file:///out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "HyperParameters": {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": '"file:///src"'},
        **members,
    }


def channel(**members):
    source = {"S3DataType": "S3Prefix", "S3Uri": "file:///data", "S3DataDistributionType": "FullyReplicated"}
    source |= {key: members.pop(key) for key in list(members) if key in {*source}}
    return {"InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}, **members}]}


class TestATrainingRequest:
    def test_without_anything_special_is_not_refused(self):
        assert not list(refusals.training(training_request(**channel())))

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2}}, "InstanceCount"),
            (channel(InputMode="FastFile"), "channel 'train': localmode knows File input alone, and this is FastFile"),
            (channel(InputMode="Pipe"), "this is Pipe"),
            (channel(CompressionType="Gzip"), "channel 'train': localmode ignores CompressionType"),
            (channel(RecordWrapperType="RecordIO"), "channel 'train': localmode ignores RecordWrapperType"),
            (channel(S3DataDistributionType="ShardedByS3Key"), "channel 'train': localmode knows FullyReplicated"),
            (channel(S3DataType="ManifestFile"), "channel 'train': localmode reads no ManifestFile"),
            (channel(S3Uri="file:///a:b"), "/a:b: localmode cannot use a path with ':'"),
            ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation"),
            ({"CheckpointConfig": {"S3Uri": "file:///c"}}, "CheckpointConfig"),
            ({"EnableManagedSpotTraining": True}, "EnableManagedSpotTraining"),
            ({"HyperParameters": {"sagemaker_s3_output": '"s3://b"'}}, "sagemaker_s3_output"),
        ],
    )
    def test_is_refused_by_the_name_of_what_local_mode_would_ignore(self, members, named):
        (said,) = refusals.training(training_request(**members))
        assert named in said

    def test_is_refused_before_the_sdk_or_docker_are_looked_for(self, tmp_path, monkeypatch):
        monkeypatch.setattr(machine, "installed_sdk", pytest.fail)
        client = LocalModeClient(tmp_path / "runs", EngineSettings())
        with pytest.raises(RefusedError, match="EnableNetworkIsolation: in localmode containers keep the network"):
            client.create_training_job(**training_request(EnableNetworkIsolation=True))
        assert not (tmp_path / "runs").exists()


def transform_request(folder, **members):
    given = {"ContentType": "text/csv", "DataSource": {"S3DataSource": _prefix(folder)}}
    given |= {key: members.pop(key) for key in list(members) if key in {"ContentType", "CompressionType", "SplitType"}}
    return {"TransformJobName": "job", "ModelName": "model", "TransformInput": given, **members}


class TestATransformRequest:
    def test_without_anything_special_is_not_refused(self, tmp_path):
        assert not list(refusals.transform(transform_request(tmp_path, SplitType="Line"), is_v2=True))

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"ContentType": None}, "TransformInput.ContentType"),
            ({"CompressionType": "Gzip"}, "TransformInput.CompressionType"),
            ({"SplitType": "TFRecord"}, "TransformInput.SplitType"),
            ({"DataProcessing": {"JoinSource": "Input"}}, "DataProcessing"),
            ({"MaxConcurrentTransforms": 2}, "MaxConcurrentTransforms"),
            ({"ModelClientConfig": {"InvocationsMaxRetries": 1}}, "ModelClientConfig"),
        ],
    )
    def test_is_refused_by_the_name_of_what_local_mode_would_ignore(self, tmp_path, members, named):
        (said,) = refusals.transform(transform_request(tmp_path, **members), is_v2=True)
        assert said.startswith(named)

    @pytest.mark.parametrize("is_v2", [True, False])
    def test_for_recordio_is_one_for_v2_alone(self, tmp_path, is_v2):
        refused = list(refusals.transform(transform_request(tmp_path, SplitType="RecordIO"), is_v2=is_v2))
        assert bool(refused) != is_v2

    def test_for_folders_in_folders_is_refused_because_they_would_be_left_out(self, tmp_path):
        (tmp_path / "deep").mkdir()
        (said,) = refusals.transform(transform_request(tmp_path), is_v2=True)
        assert f"{tmp_path / 'deep'}" in said


CONTINUOUS = {"OutputName": "o", "S3Output": {"S3UploadMode": "Continuous"}}


class TestAProcessingRequest:
    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"ProcessingResources": {"ClusterConfig": {"InstanceCount": 2}}}, "ClusterConfig.InstanceCount"),
            ({"NetworkConfig": {"EnableNetworkIsolation": True}}, "NetworkConfig.EnableNetworkIsolation"),
            (
                {
                    "ProcessingOutputConfig": {
                        "Outputs": [{"OutputName": "o", "S3Output": {"S3UploadMode": "Continuous"}}]
                    }
                },
                "output 'o'",
            ),
            (
                {"ProcessingInputs": [{"InputName": "i", "S3Input": {"S3DataDistributionType": "ShardedByS3Key"}}]},
                "input 'i'",
            ),
        ],
    )
    def test_is_refused_by_the_name_of_what_local_mode_would_ignore(self, members, named):
        (said,) = refusals.processing({"ProcessingResources": {"ClusterConfig": {}}, **members})
        assert said.startswith(named)


V2 = machine.Sdk("sagemaker", "2.257.7", "sagemaker.local.local_session")
V3 = machine.Sdk("sagemaker-core", "2.27.0", "sagemaker.core.local.local_session")


class TestThisMachine:
    @pytest.fixture
    def commands(self, tmp_path, monkeypatch):
        """Commands of our own, and no others: ``commands(docker="sh script")``."""
        folder = tmp_path / "bin"
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder))

        def put(**scripts):
            for name, script in scripts.items():
                (folder / name.replace("_", "-")).write_text(f"#!/bin/sh\n{script}\n")
                (folder / name.replace("_", "-")).chmod(0o755)

        return put

    @pytest.mark.parametrize(
        ("installed", "found"),
        [
            ({"sagemaker": "2.257.7"}, V2),
            ({"sagemaker": "2.257.7", "sagemaker-core": "1.0.78"}, V2),
            ({"sagemaker-core": "2.27.0"}, V3),
            ({"sagemaker": "3.5.0", "sagemaker-core": "2.27.0"}, V3),
        ],
    )
    def test_has_the_sdk_that_is_installed(self, monkeypatch, installed, found):
        monkeypatch.setattr(machine, "_version", lambda name: installed.get(name, ""))
        assert machine.installed_sdk() == found

    @pytest.mark.parametrize("installed", [{}, {"sagemaker-core": "1.0.78"}])
    def test_without_an_sdk_is_told_how_to_get_one(self, monkeypatch, installed):
        monkeypatch.setattr(machine, "_version", lambda name: installed.get(name, ""))
        with pytest.raises(MissingCapability, match=r"pip install 'sagemaker-harness\[localmode\]'"):
            machine.installed_sdk()

    def test_without_docker_is_told_where_it_is(self, commands):
        with pytest.raises(MissingCapability, match="get-docker"):
            machine.check_tools(V2)

    @pytest.mark.parametrize(
        ("sdk", "version"),
        [(V2, "Docker Compose version v2.24.5"), (V3, "Docker Compose version v2.24.5"), (V3, "version 5.0.1")],
    )
    def test_has_a_compose_that_the_sdk_takes(self, commands, sdk, version):
        commands(docker=f"echo {version}")
        machine.check_tools(sdk)

    @pytest.mark.parametrize("version", ["Docker Compose version v5.0.1", "Docker Compose version 2.26.1-4"])
    def test_has_a_compose_that_sdk_v2_does_not_know(self, commands, version):
        commands(docker=f"echo {version}")
        with pytest.raises(MissingCapability, match=f"sagemaker 2.257.7 does not take this Compose .{version}"):
            machine.check_tools(V2)

    @pytest.mark.parametrize("sdk", [V2, V3])
    def test_without_compose_is_told_where_it_is(self, commands, sdk):
        commands(docker="echo unknown command >&2; exit 1")
        with pytest.raises(MissingCapability, match="https://docs"):
            machine.check_tools(sdk)

    @pytest.mark.parametrize("sdk", [V2, V3])
    def test_may_have_the_old_compose_instead(self, commands, sdk):
        commands(docker="exit 1", docker_compose="exit 0")
        machine.check_tools(sdk)

    def test_lets_jobs_be_described_without_an_sdk(self, tmp_path, monkeypatch):
        monkeypatch.setattr(machine, "_version", lambda name: "")
        client: EngineClient = LocalModeClient(tmp_path / "runs", EngineSettings())
        assert client.list_training_jobs() == {"TrainingJobSummaries": []}


def test_a_harness_without_the_sdk_ends_with_4_and_the_command_that_mends_it(project):
    done = project().harness("train", "--on", "localmode")
    assert done.code == 4
    assert "pip install 'sagemaker-harness[localmode]'" in done.err


# -- the real thing ----------------------------------------------------------------------------------------------------

OURS = ("click>=8.1.7", "pathspec>=0.12", "python-dotenv>=1.0.1", "docker>=7.1")
SDKS = {"v2": "sagemaker[local]==2.257.7", "v3": "sagemaker-core==2.27.0"}

TRAINS = """
import argparse, json, os, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--factor", type=float)
factor = parser.parse_args().factor
print("score=%s; a dollar: $HOME %s" % (factor, os.environ["PRICE"]), flush=True)
print("credentials:", [name for name in os.environ if "KEY" in name or "TOKEN" in name], flush=True)
train = os.environ["SM_CHANNEL_TRAIN"]
print("files:", sorted(os.listdir(train)), flush=True)
try:
    open(train + "/written", "w")
except OSError as error:
    print("input:", error.strerror, flush=True)
open("/opt/ml/code/written", "w").close()
with open(os.environ["SM_MODEL_DIR"] + "/factor", "w") as file:
    file.write(str(factor))
with open(os.environ["SM_OUTPUT_DATA_DIR"] + "/report.json", "w") as file:
    json.dump({"factor": factor}, file)
time.sleep(float(os.environ.get("NAP", "0")))
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
stop_grace = 1
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

    def harness(self, *arguments, **variables):
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=280)
        return Finished(process.returncode, out.decode(), err.decode())

    def job(self, name):
        return Job(self.folder / "runs" / name)


@pytest.fixture(scope="module")
def engine():
    client = client_or_skip()
    image_or_skip(client)
    yield client
    client.close()


@pytest.fixture(scope="module", params=SDKS)
def local(request, engine, shared_project):
    python = ensure_for_test(f"localmode-{request.param}", [SDKS[request.param], *OURS]) / "bin" / "python"
    made = shared_project(
        TRAINS,
        files={"src/inference.py": SERVES, "src/process.py": PROCESSES, "batch/a.csv": "1,2\n3,4\n"},
        config=CONFIG,
    )
    return Local(made.folder, python)


@pytest.fixture(scope="module")
def trained(local):
    return local.harness("train", "--job-name", "trained", "--json")


def in_engine(engine, folder):
    """Containers and networks of this folder's jobs."""
    filters = {"label": f"{MARK}.job"}
    found = [*engine.api.containers(all=True, filters=filters), *engine.api.networks(filters=filters)]
    return [each["Id"] for each in found if each["Labels"][f"{MARK}.job"].startswith(f"{folder}/")]


@pytest.fixture
def _clean_engine(engine, local):
    """Nothing of these jobs is in the engine afterwards."""
    yield
    assert not in_engine(engine, local.folder)


def members(archive):
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar if member.isfile()}


def wait_for(job, text, process):
    """The log of a job that runs says something."""
    deadline = time.monotonic() + 120
    while not (job.log.is_file() and text in job.log.read_bytes()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, job.log.read_bytes()
        threading.Event().wait(0.05)


@pytest.mark.docker
@pytest.mark.sdk_localmode
@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.usefixtures("_clean_engine")
class TestInARealEngine:
    def test_a_job_completes_and_says_so_as_json(self, local, trained):
        assert trained.code == 0, trained.err
        described = trained.json
        assert described["TrainingJobStatus"] == "Completed"
        assert described["ModelArtifacts"]["S3ModelArtifacts"].endswith("/runs/trained/output/model.tar.gz")
        (metric,) = described["FinalMetricDataList"]
        assert (metric["MetricName"], metric["Value"]) == ("score", 2.5)
        assert [each["Status"] for each in described["SecondaryStatusTransitions"]] == [
            *("Starting", "Downloading", "Training", "Uploading", "Completed")
        ]

    def test_a_jobs_run_folder_is_that_of_a_local_job(self, local, trained):
        folder = local.job("trained").path
        assert {each.name for each in folder.iterdir()} == {
            *("request.json", "describe.json", "settings.json", "log.txt", "output")
        }
        assert members(folder / "output" / "model.tar.gz") == {"factor": "2.5"}
        assert members(folder / "output" / "output.tar.gz") == {"report.json": '{"factor": 2.5}'}

    def test_a_log_holds_what_the_script_printed_with_its_host_in_front(self, local, trained):
        lines = local.job("trained").log.read_text().splitlines()
        assert "algo-1 | score=2.5; a dollar: $HOME 5$ ${HOME}" in lines

    def test_no_credentials_reach_a_container(self, local, trained):
        assert "algo-1 | credentials: []" in local.job("trained").log.read_text().splitlines()

    def test_neither_data_nor_source_is_written_to(self, local, trained):
        assert "algo-1 | input: Read-only file system" in local.job("trained").log.read_text().splitlines()
        assert {each.name for each in (local.folder / "src").iterdir()} == {"train.py", "inference.py", "process.py"}
        assert {each.name for each in (local.folder / "data" / "train").iterdir()} == {"part-1.csv"}

    @pytest.mark.parametrize("code", [3, 130])
    def test_a_script_that_fails_fails_the_job_with_the_toolkits_words(self, local, code):
        done = local.harness("train", "--job-name", f"fails-{code}", "--environment", f"FAIL={code}", "--json")
        assert done.code == 1
        assert done.json["TrainingJobStatus"] == "Failed"
        assert done.json["FailureReason"].startswith(f"AlgorithmError: ExecuteUserScriptError:\nExitCode {code}\n")

    def test_a_job_is_stopped_at_its_deadline_and_its_model_is_kept(self, local):
        done = local.harness("train", "--job-name", "late", "--environment", "NAP=300", "--max-run", "40", "--json")
        assert done.code == 124, done.err
        assert (done.json["TrainingJobStatus"], done.json["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
        assert members(local.job("late").path / "output" / "model.tar.gz") == {"factor": "2.5"}

    def test_nothing_is_left_after_ctrl_c(self, local):
        process = local.start("train", "--job-name", "interrupted", "--environment", "NAP=300")
        wait_for(local.job("interrupted"), b"files:", process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert local.job("interrupted").status == "Stopped"

    def test_what_kill_9_leaves_is_found_and_removed(self, local, engine):
        process = local.start("train", "--job-name", "killed", "--environment", "NAP=300")
        job = local.job("killed")
        wait_for(job, b"files:", process)
        os.kill(job.owner(), signal.SIGKILL)
        process.kill()
        process.communicate(timeout=60)
        job.wait_for_end(60)
        assert len(in_engine(engine, local.folder)) == 2  # a container and a network
        remove_leftovers(engine)
        assert not in_engine(engine, local.folder)

    def test_an_endpoint_answers_until_it_is_deleted(self, local, trained):
        try:
            done = local.harness("deploy", "--job", "trained", "--endpoint-name", "endpoint", "--json")
            assert done.code == 0, done.err
            assert done.json["EndpointUrl"].startswith("http://127.0.0.1:")
            (local.folder / "rows.csv").write_text("1,2\n3,4\n")
            asked = ("invoke", "--endpoint-name", "endpoint", "--content-type", "text/csv", "--accept", "text/csv")
            assert local.harness(*asked, "rows.csv").out == "7.5\n17.5\n"
            (local.folder / "negative.csv").write_text("-1,2\n3,4\n")
            failed = local.harness(*asked, "negative.csv")
            assert failed.code == 2
            assert "ModelError" in failed.err
        finally:
            deleted = local.harness("delete-endpoint", "--endpoint-name", "endpoint")
        assert deleted.code == 0, deleted.err
        assert not (local.folder / "runs" / "_endpoints" / "endpoint").exists()

    def test_a_model_that_cannot_be_served_fails_its_endpoint(self, local, trained):
        (local.folder / "src" / "broken.py").write_text("raise ImportError('no such thing')\n")
        arguments = ("--job", "trained", "--endpoint-name", "broken", "--entry-point", "broken.py")
        try:
            done = local.harness("deploy", *arguments, "--json")
            assert done.code == 1
            assert done.json["EndpointStatus"] == "Failed"
        finally:
            local.harness("delete-endpoint", "--endpoint-name", "broken")
            (local.folder / "src" / "broken.py").unlink()

    def test_a_batch_transform_job_writes_a_file_per_file(self, local, trained):
        done = local.harness("transform", "--job", "trained", "--input", "batch", "--output", "predicted", "--json")
        assert done.code == 0, done.err
        assert done.json["TransformJobStatus"] == "Completed"
        assert {each.name: each.read_text() for each in (local.folder / "predicted").iterdir()} == {
            "a.csv.out": "7.5\n17.5\n"
        }

    def test_a_batch_transform_job_whose_model_answers_500_fails(self, local, trained):
        (local.folder / "bad").mkdir()
        (local.folder / "bad" / "a.csv").write_text("-1,2\n")
        done = local.harness("transform", "--job", "trained", "--input", "bad", "--output", "unpredicted", "--json")
        assert done.code == 1
        assert "the model answered with status 500" in done.json["FailureReason"]
        assert not (local.folder / "unpredicted").exists()

    def test_a_processing_job_puts_its_outputs_where_they_are_wanted(self, local):
        done = local.harness("process", "--job-name", "processed", "--json")
        assert done.code == 0, done.err
        assert done.json["ProcessingJobStatus"] == "Completed"
        assert (local.folder / "made" / "deep" / "result.txt").read_text() == "0,5.1,3.5,1.4,0.2\n1,7.0,3.2,4.7,1.4\n"
        assert "algo-1 | arguments: ['a b', '$c']" in local.job("processed").log.read_text().splitlines()

    def test_a_processing_job_that_fails_says_how(self, local):
        variables = ("--environment", "FAIL=4", "--output", "made=unmade")
        done = local.harness("process", "--job-name", "unprocessed", *variables, "--json")
        assert done.code == 1
        assert done.json["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 4"
        assert not (local.folder / "unmade").exists()
