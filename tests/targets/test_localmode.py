"""``--on localmode`` as far as it needs neither the SDK nor an engine."""

import pytest

from harness.engine.client import EngineClient
from harness.engine.settings import EngineSettings
from harness.errors import MissingCapability, RefusedError
from harness.targets.localmode import machine, refusals
from harness.targets.localmode.client import LocalModeClient
from harness.targets.localmode.compose import adjusted, containers
from harness.targets.localmode.host import last_words
from harness.targets.localmode.inputs import mountable, sdk_uri
from harness.targets.localmode.sdk import FAILED

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
        return adjusted(
            COMPOSED,
            read_only=["/opt/ml/input/data/train"],
            labels={"of": "job"},
            network="its-own",
            commands={"train": "train --quietly"},
        )

    def test_mounts_inputs_read_only_and_nothing_else(self, service):
        assert service["volumes"] == ["/data/train:/opt/ml/input/data/train:ro", "/home/me/model:/opt/ml/model"]

    def test_publishes_ports_on_the_loopback(self, service):
        assert service["ports"] == ["127.0.0.1:8081:8080"]

    def test_names_no_variable_for_compose_to_replace(self, service):
        assert service["environment"] == ["A=1", "PRICE=5$$", "HOME_IS=$${HOME}"]

    def test_marks_containers_and_network(self, service):
        assert service["labels"] == {"of": "job"}
        assert self.adjust()["networks"] == {"sagemaker-local": {"name": "its-own", "labels": {"of": "job"}}}

    def test_runs_another_command_where_there_is_one(self, service):
        assert service["command"] == "train --quietly"

    def test_keeps_the_rest(self, service):
        changed = {"command", "volumes", "ports", "environment", "labels"}
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

    def test_whose_docker_command_hangs_is_told_so(self, commands, monkeypatch):
        monkeypatch.setattr(machine, "_PATIENCE", 0.2)
        commands(docker="exec /bin/sleep 60")
        with pytest.raises(MissingCapability, match=r"`docker compose version` has not ended within 0\.2 s"):
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

    @pytest.mark.parametrize(
        "said",
        [
            'ERROR: for x-algo-1  Cannot start service algo-1-x: exec: "train": executable file not found in $PATH',
            'Error response from daemon: exec: "train": executable file not found in $PATH',
        ],
        ids=["Compose 1", "Compose 2"],
    )
    def test_says_what_its_engine_has_refused_and_the_remedy(self, said):
        lines = [f"algo-1 | {said}", f"algo-1 | {FAILED}RuntimeError: Failed to run: ['docker', 'compose']"]
        assert last_words(lines) == (
            "exec: \"train\": executable file not found in $PATH. Has the image no 'train'? `pip install "
            "sagemaker-training` in it brings one."
        )
        assert last_words(lines[1:]) == "RuntimeError: Failed to run: ['docker', 'compose']"
        assert last_words([]) is None

    def test_lets_jobs_be_described_without_an_sdk(self, tmp_path, monkeypatch):
        monkeypatch.setattr(machine, "_version", lambda name: "")
        client: EngineClient = LocalModeClient(tmp_path / "runs", EngineSettings())
        assert client.list_training_jobs() == {"TrainingJobSummaries": []}


def test_a_harness_without_the_sdk_ends_with_4_and_the_command_that_mends_it(project):
    done = project().harness("train", "--on", "localmode")
    assert done.code == 4
    assert "pip install 'sagemaker-harness[localmode]'" in done.err
