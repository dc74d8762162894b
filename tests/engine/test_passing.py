"""What of this machine's environment enters a container."""

import sys

import pytest

from harness.engine.image_toolkit import ImageToolkit
from harness.engine.passing import into_container
from harness.engine.settings import EngineSettings
from harness.errors import ConfigurationError

NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
OF_THE_LOGIN = dict(zip(NAMES, ("AKIALOGIN", "secret", "token"), strict=True))
OF_THE_SHELL = dict(zip(NAMES, ("AKIASHELL", "other", "more"), strict=True))


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with a profile, as a login leaves it, and nothing in its environment."""
    file = tmp_path / "credentials"
    keys = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    lines = [f"{key} = {value}" for key, value in zip(keys, OF_THE_LOGIN.values(), strict=True)]
    file.write_text("\n".join(["[login]", *lines]))
    for name in (*NAMES, "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def passed(*names, profile=None):
    return into_container(EngineSettings(pass_environment=names, profile=profile))


def export(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_no_credential_enters_that_was_not_named(machine):
    export(machine, {**OF_THE_SHELL, "MINE": "1"})
    assert passed("MINE", profile="login") == {"MINE": "1"}


def test_credentials_that_are_named_are_those_of_the_chain(machine):
    export(machine, {"MINE": "1"})
    assert passed("MINE", *NAMES, profile="login") == {"MINE": "1", **OF_THE_LOGIN}


def test_the_chain_begins_with_the_environment_and_a_profile_is_stronger(machine):
    export(machine, OF_THE_SHELL)
    assert passed(*NAMES) == OF_THE_SHELL
    assert passed(*NAMES, profile="login") == OF_THE_LOGIN


def test_only_what_is_named_enters(machine):
    assert passed("AWS_ACCESS_KEY_ID", profile="login") == {"AWS_ACCESS_KEY_ID": "AKIALOGIN"}


def test_where_there_are_none_none_enter():
    assert passed(*NAMES) == {}


def test_without_boto3_the_environment_is_all_there_is(machine):
    machine.setitem(sys.modules, "boto3", None)
    export(machine, OF_THE_SHELL)
    assert passed(*NAMES) == OF_THE_SHELL


def test_a_profile_that_does_not_exist_is_named():
    with pytest.raises(ConfigurationError, match="nobody"):
        passed(*NAMES, profile="nobody")


def test_a_training_container_gets_them():
    settings = EngineSettings(pass_environment=NAMES, profile="login")
    description = {"TrainingJobName": "j", "TrainingJobArn": "arn"}
    toolkit = ImageToolkit({"AlgorithmSpecification": {}}, description, settings, "image")
    assert OF_THE_LOGIN.items() <= toolkit.ready(None).environment.items()
