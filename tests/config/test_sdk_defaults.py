"""The SageMaker SDK's ``config.yaml``: where it is looked for, what is taken from it, and how weak it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.config import explain, load
from harness.errors import ConfigurationError

ADMIN = """
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      Session:
        DefaultS3Bucket: the-bucket
        DefaultS3ObjectKeyPrefix: the/prefix
  TrainingJob:
    RoleArn: arn:aws:iam::123456789012:role/admin
    EnableNetworkIsolation: true
    EnableInterContainerTrafficEncryption: true
    VpcConfig:
      Subnets: [subnet-1, subnet-2]
      SecurityGroupIds: [sg-1]
    OutputDataConfig:
      KmsKeyId: output-key
    ResourceConfig:
      VolumeKmsKeyId: volume-key
    Tags:
    - {Key: team, Value: red}
    - {Key: cost, Value: "7"}
"""
USER = """
SageMaker:
  TrainingJob:
    RoleArn: arn:aws:iam::123456789012:role/user
    Tags: [{Key: team, Value: blue}]
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of one's own: ``machine(admin=…, user=…, **variables)`` loads a project's configuration there."""
    monkeypatch.setattr(sys, "platform", "linux")
    project = tmp_path / "project"
    project.mkdir()

    def make(*, admin: str = "", user: str = "", file: str = "", on: str | None = "remote", **variables: str):
        for text, folder in ((admin, "etc"), (user, "home")):
            if text:
                (tmp_path / folder / "sagemaker").mkdir(parents=True, exist_ok=True)
                (tmp_path / folder / "sagemaker/config.yaml").write_text(text)
        (project / "harness.toml").write_text(file or 'entry_point = "train.py"\n')
        environ = {"XDG_CONFIG_DIRS": str(tmp_path / "etc"), "XDG_CONFIG_HOME": str(tmp_path / "home"), **variables}
        return load(project_dir=project, flags={"on": on}, environ=environ)

    return make


def test_gives_role_network_keys_tags_and_bucket(machine):
    config = machine(admin=ADMIN)
    assert config.role == "arn:aws:iam::123456789012:role/admin"
    assert config.subnets == ("subnet-1", "subnet-2")
    assert config.security_group_ids == ("sg-1",)
    assert (config.output_kms_key, config.volume_kms_key) == ("output-key", "volume-key")
    assert (config.enable_network_isolation, config.encrypt_inter_container_traffic) == (True, True)
    assert config.tags == {"team": "red", "cost": "7"}
    assert (config.default_bucket, config.default_bucket_prefix) == ("the-bucket", "the/prefix")


def test_of_the_user_is_stronger_than_the_administrator_s(machine):
    config = machine(admin=ADMIN, user=USER)
    assert config.role == "arn:aws:iam::123456789012:role/user"
    assert config.tags == {"team": "blue", "cost": "7"}
    assert config.subnets == ("subnet-1", "subnet-2")


def test_is_weaker_than_the_project_s_own_configuration(machine):
    assert machine(admin=ADMIN, file='role = "of-the-file"\n').role == "of-the-file"
    assert machine(admin=ADMIN, HARNESS_ROLE="of-a-variable").role == "of-a-variable"


def test_is_named_as_the_source_of_its_values(machine, tmp_path):
    rows = {row.key: row.source for row in explain(machine(admin=ADMIN))}
    assert str(rows["role"]) == f"{tmp_path}/etc/sagemaker/config.yaml SageMaker.TrainingJob.RoleArn"
    assert str(rows["tags.team"]) == f"{tmp_path}/etc/sagemaker/config.yaml SageMaker.TrainingJob.Tags"


@pytest.mark.parametrize("on", ["local", "container", None])
def test_is_not_for_jobs_of_this_machine(machine, on):
    assert machine(admin="not: [yaml", on=on).role is None


def test_is_read_where_the_switch_is_a_variable_too(machine):
    assert machine(user=USER, on=None, HARNESS_ON="remote").role == "arn:aws:iam::123456789012:role/user"


@pytest.mark.parametrize("name", ["config.yaml", "other.yml", ""])
@pytest.mark.parametrize("variable", ["SAGEMAKER_ADMIN_CONFIG_OVERRIDE", "SAGEMAKER_USER_CONFIG_OVERRIDE"])
def test_is_looked_for_where_a_variable_says(machine, tmp_path, variable, name):
    (tmp_path / (name or "config.yaml")).write_text(USER)
    assert machine(**{variable: str(tmp_path / name)}).role == "arn:aws:iam::123456789012:role/user"


def test_is_looked_for_in_the_platform_s_folders_on_a_mac(machine, monkeypatch, tmp_path):
    folder = tmp_path / "Library/Application Support/sagemaker"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(USER)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert machine().role == "arn:aws:iam::123456789012:role/user"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "cannot be read as YAML"),
        ("- 1", "expected at the top"),
        ("SageMaker: {TrainingJob: {RoleArn: 7}}", "RoleArn: expected text"),
        ("SageMaker: {TrainingJob: {Tags: [team]}}", "a list of Key and Value"),
        ("SageMaker: {TrainingJob: {VpcConfig: {Subnets: one}}}", "Subnets: expected a list"),
    ],
)
def test_that_is_wrong_says_where(machine, text, says):
    with pytest.raises(ConfigurationError, match=says):
        machine(user=text)


@pytest.mark.parametrize("text", ["", "SchemaVersion: '1.0'", "SageMaker: {TrainingJob: }", "# nothing\n"])
def test_that_says_nothing_changes_nothing(machine, text):
    assert machine(user=text).role is None


def test_that_a_variable_names_has_to_be_there(machine):
    with pytest.raises(ConfigurationError, match="SAGEMAKER_USER_CONFIG_OVERRIDE: /nowhere is not there"):
        machine(SAGEMAKER_USER_CONFIG_OVERRIDE="/nowhere")
    with pytest.raises(ConfigurationError, match="is not read from S3"):
        machine(SAGEMAKER_USER_CONFIG_OVERRIDE="s3://bucket/config.yaml")


def test_asks_for_pyyaml_by_name(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'sagemaker-harness\[remote\]'"):
        machine(user=USER)
