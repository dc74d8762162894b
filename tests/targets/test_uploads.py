"""What travels before a request, under which name, and what is refused before anything does."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from harness import requests
from harness.config import load
from harness.errors import ConfigurationError
from harness.storage import local_path
from harness.targets import uploads

ROLE = "arn:aws:iam::123456789012:role/jobs"
BASE = "s3://sagemaker-eu-west-1-123456789012"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, content in {
        "src/train.py": "print(1)\n",
        "src/sub/helper.py": "x = 1\n",
        "extra/__init__.py": "",
        "data/train/a.csv": "1,2\n",
        "data/train/sub/b.csv": "3,4\n",
        "data/one.csv": "5\n",
        "p.py": "print(2)\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def config(project: Path, toml: str = "", **flags):
    lines = 'entry_point = "train.py"\nsource_dir = "src"\n'
    (project / "harness.toml").write_text(f"{lines}{toml}")
    given = {"on": "remote", "role": ROLE, "region": "eu-west-1", **flags}
    environ = {"XDG_CONFIG_HOME": str(project), "XDG_CONFIG_DIRS": str(project)}
    return load(project_dir=project, flags=given, environ=environ)


TRAIN = '[channels]\ntrain = "data/train"\n'


def planned(project: Path, toml: str = TRAIN, kind: str = "TrainingJob", **flags) -> uploads.Plan:
    return uploads.plan(config(project, toml, **flags), kind, "j")


class TestTheSource:
    def test_goes_under_the_hash_of_its_content(self, project):
        first = planned(project).locations.source
        assert first.startswith(f"{BASE}/source/")
        assert first.endswith("/sourcedir.tar.gz")
        assert planned(project).locations.source == first
        (project / "src/sub/helper.py").write_text("x = 2\n")
        assert planned(project).locations.source != first

    def test_of_a_processing_job_is_a_folder(self, project):
        toml = '[process]\nentry_point = "p.py"\n'
        plan = planned(project, toml, "ProcessingJob")
        assert plan.locations.source.endswith("/code/")
        assert [file.name for file in plan.source.files] == ["p.py"]

    def test_without_dependencies_does_not_travel_on_this_machine(self, project):
        assert planned(project, on="local") == uploads.Plan()

    def test_with_dependencies_is_packed_once_on_this_machine(self, project):
        plan = planned(project, 'dependencies = ["extra"]\n', on="local")
        packed = local_path(plan.locations.source)
        with tarfile.open(packed) as archive:
            assert archive.getnames() == ["extra/__init__.py", "sub/helper.py", "train.py"]
        before = packed.stat()
        assert planned(project, 'dependencies = ["extra"]\n', on="local").locations == plan.locations
        assert packed.stat().st_mtime_ns == before.st_mtime_ns
        assert [each.name for each in packed.parent.iterdir()] == ["sourcedir.tar.gz"]

    def test_with_a_secret_is_refused_unless_it_is_allowed_by_name(self, project):
        (project / "src/id_rsa").write_text("x")
        with pytest.raises(ConfigurationError, match="allow_secrets"):
            planned(project)
        names = [file.name for file in planned(project, 'allow_secrets = ["id_rsa"]\n').source.files]
        assert "id_rsa" in names


class TestChannels:
    def test_go_under_a_name_made_of_folder_and_content(self, project):
        plan = planned(project)
        (upload,) = [each for each in plan.uploads if each.what == "train"]
        assert upload.uri.startswith(f"{BASE}/data/train-")
        assert upload.uri.endswith("/")
        assert (upload.files, upload.size) == (2, 8)
        (project / "data/train/a.csv").write_text("9,9\n")
        assert planned(project).uploads[1].uri != upload.uri

    def test_of_one_file_keep_its_name(self, project):
        (upload,) = planned(project, '[channels]\ntrain = "data/one.csv"\n').uploads[1:]
        assert upload.uri.endswith("/one.csv")

    def test_in_s3_do_not_travel(self, project):
        plan = planned(project, '[channels]\ntrain = "s3://theirs/train"\n')
        assert [each.what for each in plan.uploads] == ["source"]

    def test_appear_in_the_request_where_they_will_be(self, project):
        settings = config(project, TRAIN)
        plan = uploads.plan(settings, "TrainingJob", "j")
        request = requests.create_training_job(settings, job_name="j", locations=plan.locations)
        source = request["InputDataConfig"][0]["DataSource"]["S3DataSource"]
        assert source["S3Uri"] == plan.uploads[1].uri
        assert request["OutputDataConfig"]["S3OutputPath"] == BASE
        assert "file://" not in str(request)

    def test_of_a_transform_that_are_missing_are_called_as_their_option(self, project):
        settings = config(project, TRAIN + '[transform]\ninput = "nowhere"\n')
        with pytest.raises(ConfigurationError, match=r"TransformInput \(--input\): .*nowhere does not exist"):
            uploads.plan(settings, "TransformJob", "j")

    def test_of_processing_that_are_missing_are_called_inputs(self, project):
        toml = '[process]\nentry_point = "train.py"\nsource_dir = "src"\ninputs = { raw = "nowhere" }\n'
        with pytest.raises(ConfigurationError, match=r"Input 'raw': .*nowhere does not exist"):
            planned(project, toml, "ProcessingJob")

    def test_a_model_that_is_missing_is_called_so(self, project):
        gone = (project / "nowhere.tar.gz").as_uri()
        with pytest.raises(ConfigurationError, match=r"The model: .*nowhere\.tar\.gz does not exist"):
            uploads.plan(config(project, TRAIN), "Endpoint", "j", model_data=gone)

    @pytest.mark.parametrize(
        ("toml", "says"),
        [
            ('[channels]\ntrain = "nowhere"\n', "Channel 'train': .*nowhere does not exist"),
            ('[channels.train]\nuri = "data/one.csv"\ns3_data_type = "ManifestFile"\n', "are not uploaded with it"),
        ],
    )
    def test_that_cannot_travel_are_refused(self, project, toml, says):
        with pytest.raises(ConfigurationError, match=says):
            planned(project, toml)


class TestPlaces:
    def test_are_the_default_bucket_of_the_role_s_account(self, project):
        assert planned(project).bucket == "sagemaker-eu-west-1-123456789012"

    def test_are_where_the_configuration_says_and_then_nothing_is_made(self, project):
        plan = planned(project, 'default_bucket = "mine"\ndefault_bucket_prefix = "/a/b/"\n')
        assert plan.bucket is None
        assert plan.locations.output == "s3://mine/a/b"

    def test_of_outputs_are_brought_back_to_folders_of_this_machine(self, project):
        toml = '[process]\nentry_point = "p.py"\n[process.outputs]\nclean = "clean"\nraw = "s3://theirs/raw"\n'
        plan = planned(project, toml, "ProcessingJob")
        assert plan.fetched == {f"{BASE}/j/output/clean": project / "clean"}
        assert plan.locations.of((project / "clean").as_uri()) == f"{BASE}/j/output/clean"

    def test_of_storage_are_owned_by_the_role_s_account(self, project):
        storage = uploads.storage_of(config(project))
        assert storage.s3.owners == {"sagemaker-eu-west-1-123456789012": "123456789012"}
        assert uploads.storage_of(config(project, 'default_bucket = "mine"\n')).s3.owners == {}

    @pytest.mark.parametrize("role", ["admin", "arn:aws:iam:::role/x", "arn:aws:iam"])
    def test_need_the_arn_of_a_role(self, project, role):
        with pytest.raises(ConfigurationError, match="is not the ARN of a role"):
            planned(project, role=role)


def test_a_model_of_this_machine_travels_too(project):
    model = (project / "data/one.csv").as_uri()
    plan = uploads.plan(config(project, TRAIN), "Endpoint", "e", model_data=model)
    assert [each.what for each in plan.uploads] == ["source", "model"]
    assert plan.locations.of(model) == plan.uploads[1].uri


class TestFoldersForWhatAJobWrites:
    TOML = 'checkpoint_s3_uri = "kept"\noutput_path = "artifacts"\n'

    def test_are_fetched_from_below_the_default_bucket(self, project):
        plan = planned(project, self.TOML)
        assert plan.fetched == {f"{BASE}/j/output": project / "artifacts/j/output"}
        assert plan.checkpoints == {f"{BASE}/j/checkpoints": project / "kept"}
        request = requests.create_training_job(config(project, self.TOML), job_name="j", locations=plan.locations)
        assert request["OutputDataConfig"]["S3OutputPath"] == BASE
        assert request["CheckpointConfig"] == {"S3Uri": f"{BASE}/j/checkpoints"}
        assert [each.what for each in plan.uploads] == ["source"]

    def test_travel_as_far_as_there_are_checkpoints_already(self, project):
        (project / "kept").mkdir()
        (project / "kept/first").write_text("1")
        assert planned(project, self.TOML).uploads[1:] == (
            uploads.Upload("checkpoints", project / "kept", f"{BASE}/j/checkpoints", 1, 1),
        )

    def test_are_told_again_from_what_a_job_writes(self, project):
        settings = config(project, self.TOML)
        job = {
            "TrainingJobName": "j",
            "CheckpointConfig": {"S3Uri": f"{BASE}/j/checkpoints"},
            "ModelArtifacts": {"S3ModelArtifacts": "s3://elsewhere/j/output/model.tar.gz"},
        }
        told = uploads.results(settings, "TrainingJob", job)
        assert (dict(told.fetched), dict(told.checkpoints)) == ({}, {f"{BASE}/j/checkpoints": project / "kept"})

    def test_that_are_files_are_refused(self, project):
        (project / "kept").write_text("")
        with pytest.raises(ConfigurationError, match=r"checkpoint_s3_uri: .*kept is a file"):
            planned(project, self.TOML)

    def test_in_s3_are_left_there(self, project):
        plan = planned(project, 'checkpoint_s3_uri = "s3://b/c"\noutput_path = "s3://b/a"\n')
        assert (dict(plan.fetched), dict(plan.checkpoints)) == ({}, {})
