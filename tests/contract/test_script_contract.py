"""The one function, beyond what the oracle's records hold: its document, its refusals, its defaults."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.contract.environment import (
    TOOLKIT_VERSIONS,
    Contract,
    ContractError,
    Dialect,
    JobConfig,
    Machine,
    script_contract,
)

MACHINE = Machine(num_cpus=2)
RESOURCES = {
    "current_host": "algo-1",
    "current_instance_type": "ml.m5.large",
    "hosts": ["algo-1"],
    "network_interface_name": "eth0",
}


def contract(hyperparameters: dict[str, Any], environment: dict[str, str] | None = None, **more: Any) -> Contract:
    config = JobConfig({"sagemaker_program": '"train.py"', **hyperparameters}, {}, RESOURCES)
    return script_contract(config, environment=environment or {}, machine=MACHINE, **more)


def test_the_document_has_four_keys_and_is_json() -> None:
    document = contract({"depth": "1"}).to_json()

    assert json.loads(json.dumps(document)) == document
    assert list(document) == ["environment", "argv", "command", "cwd"]
    assert document["argv"] == ["--depth", "1"]
    assert document["cwd"] == "/opt/ml/code"


def test_an_unknown_toolkit_version_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"4\.9\.0.*4\.0\.1, 4\.8\.0, 5\.1\.4"):
        contract({}, toolkit_version="4.9.0")


@pytest.mark.parametrize("version", TOOLKIT_VERSIONS)
def test_every_path_follows_the_base_directory(version: str) -> None:
    environment = contract({}, base_dir="/run/ml", toolkit_version=version).environment

    assert environment["SM_MODEL_DIR"] == "/run/ml/model"
    assert "/opt/ml" not in " ".join(environment.values())


def test_the_drivers_follow_the_base_directory_too() -> None:
    given = {"TRAINING_JOB_NAME": "job"}
    seen = contract({}, given, dialect=Dialect.V3, base_dir="/run/ml", entry_script="train.py")

    assert seen.cwd == "/run/ml/input/data/code"
    assert "/opt/ml" not in " ".join(seen.environment.values())


def test_what_was_given_is_not_changed() -> None:
    given = {"SM_MODEL_DIR": "/mine"}

    assert contract({}, given).environment["SM_MODEL_DIR"] == "/opt/ml/model"
    assert given == {"SM_MODEL_DIR": "/mine"}


def test_a_region_from_the_machines_files_comes_last() -> None:
    machine = Machine(num_cpus=1, region="eu-north-1")
    config = JobConfig({"sagemaker_program": "train.py"}, {}, RESOURCES)

    def region(environment: dict[str, str]) -> str:
        return script_contract(config, environment=environment, machine=machine).environment["SAGEMAKER_REGION"]

    assert region({}) == "eu-north-1"
    assert region({"AWS_DEFAULT_REGION": "us-west-2"}) == "us-west-2"
    assert region({"AWS_REGION": "us-west-2"}) == "eu-north-1"


@pytest.mark.parametrize(
    "resources",
    [{}, {**RESOURCES, "hosts": []}, {**RESOURCES, "instance_groups": None}, {**RESOURCES, "instance_groups": [{}]}],
)
def test_a_malformed_cluster_is_the_toolkits_framework_error(resources: dict[str, Any]) -> None:
    config = JobConfig({"sagemaker_program": "train.py"}, {}, resources)

    with pytest.raises(ContractError, match=r"resourceconfig\.json") as caught:
        script_contract(config, environment={}, machine=MACHINE)

    assert caught.value.exit_code == 1
    assert str(caught.value.failure).startswith("Framework Error: \nTraceback (most recent call last):\n")
