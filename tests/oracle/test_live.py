"""The contract against the real toolkit 4.8.0, over generated jobs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.contract.environment import ContractError, JobConfig, Machine, script_contract

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(600)]

RESERVED = (
    "sagemaker_submit_directory",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_enable_cloudwatch_metrics",
    "_tuning_objective_metric",
    "default_user_module_name",
)
FRAMEWORK = (
    "sagemaker_parameter_server_enabled",
    "sagemaker_torch_distributed_enabled",
    "sagemaker_distribution_instance_groups",
    "sagemaker_anything",
)
ENTRIES = ("train.py", "src/train.py", "train.sh", "run", "a.py.py", "my train.py", "./train.py")


class Toolkit(Protocol):
    home: Path
    base: Path
    environment: dict[str, str]
    machine: dict[str, Any]

    def run(self, job: dict[str, Any]) -> dict[str, Any]: ...


plain_names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.\-]{0,9}", fullmatch=True)
names = st.one_of(plain_names, plain_names, plain_names, plain_names, st.text(max_size=6))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(['"', '"a b"', "it's", "$HOME", "-1", "1e3", "", "\n"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
#: As SDK v2 sends it, as boto3 does, and as no API does but a file may hold.
raw_values = st.one_of(values.map(json.dumps), st.text(max_size=12), values)
hyperparameters = st.dictionaries(names, raw_values, max_size=6)
framework_values = st.sampled_from(
    ["true", "false", "0", "1", '"gpu"', '["gpu"]', "[]", "null", "s3://b/k", "20", '"x"']
)
framework = st.dictionaries(st.sampled_from(RESERVED + FRAMEWORK), framework_values, max_size=2)
channels = st.dictionaries(
    st.from_regex(r"[A-Za-z0-9._\-]{1,12}", fullmatch=True),
    st.fixed_dictionaries(
        {"TrainingInputMode": st.sampled_from(["File", "Pipe"])}, optional={"ContentType": st.text(max_size=8)}
    ),
    max_size=4,
)
plain_texts = st.sampled_from(["x", "", "{}", "eu-west-1", "a b", "é"])
clashing_variables = st.fixed_dictionaries(
    {},
    optional={
        "SAGEMAKER_PROGRAM": st.sampled_from(ENTRIES),
        "SAGEMAKER_CONTAINER_LOG_LEVEL": st.sampled_from(["20", " 30 ", "1_0", "INFO", ""]),
        "SAGEMAKER_SUBMIT_DIRECTORY": plain_texts,
        "TRAINING_JOB_NAME": plain_texts,
        "AWS_DEFAULT_REGION": plain_texts,
        "SM_HP_MP_PARAMETERS": plain_texts,
        "SM_MODEL_DIR": plain_texts,
        "CURRENT_HOST": plain_texts,
    },
)
own_variables = st.dictionaries(st.from_regex(r"MY_[A-Z0-9_]{0,8}", fullmatch=True), plain_texts, max_size=3)
variables = st.builds(dict[str, str].__or__, clashing_variables, own_variables)


@st.composite
def resource_configs(draw: st.DrawFn) -> dict[str, Any]:
    hosts = draw(st.permutations([f"algo-{number}" for number in range(1, draw(st.integers(1, 4)) + 1)]))
    config: dict[str, Any] = {"hosts": hosts, "current_host": draw(st.sampled_from(hosts))}
    if draw(st.booleans()):
        config["current_instance_type"] = draw(st.sampled_from(["ml.m5.large", "local", "ml.trn2.48xlarge"]))
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(hosts)))
        members = {"cpu": hosts[:cut], "gpu": hosts[cut:]}
        config["instance_groups"] = [
            {"instance_group_name": name, "instance_type": "ml.m5.large", "hosts": group}
            for name, group in members.items()
            if group
        ]
        config["current_group_name"] = draw(st.sampled_from(["cpu", "gpu", "other"]))
    if draw(st.booleans()):
        config["network_interface_name"] = draw(st.sampled_from(["eth0", "ethwe"]))
    return config


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    program = {"sagemaker_program": json.dumps(draw(st.sampled_from(ENTRIES)))}
    return {
        "files": {
            "hyperparameters.json": {**draw(hyperparameters), **draw(framework), **program},
            "inputdataconfig.json": draw(channels),
            "resourceconfig.json": draw(resource_configs()),
        },
        "environment": draw(variables),
        "has_setup_py": draw(st.booleans()),
    }


def predicted(toolkit: Toolkit, job: dict[str, Any]) -> dict[str, Any]:
    files = job["files"]
    config = JobConfig(files["hyperparameters.json"], files["inputdataconfig.json"], files["resourceconfig.json"])
    machine = Machine(**{**toolkit.machine, "pythonpath": tuple(toolkit.machine["pythonpath"])})
    try:
        contract = script_contract(
            config, environment=job["environment"], machine=machine, has_setup_py=job["has_setup_py"]
        )
    except ContractError as error:
        return {"exit_code": error.exit_code, "failure": error.failure}
    return {
        "command": list(contract.command),
        "cwd": contract.cwd,
        "environment": contract.environment,
        "arguments": list(contract.argv),
    }


def in_this_toolkit(toolkit: Toolkit, job: dict[str, Any]) -> dict[str, Any]:
    return {**job, "environment": {**toolkit.environment, **job["environment"]}}


def first_lines(failure: str) -> list[str]:
    return failure.split("\n")[:2]


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(job=jobs())
def test_any_job_is_predicted_to_the_letter(live_toolkit: Toolkit, job: dict[str, Any]) -> None:
    job = in_this_toolkit(live_toolkit, job)

    real = live_toolkit.run(job)
    ours = predicted(live_toolkit, job)

    if "failure" in real:
        assert ours.get("exit_code") == real["exit_code"], real["failure"]
        assert first_lines(ours["failure"]) == first_lines(real["failure"])
    else:
        assert ours.get("environment") == real["environment"]
        assert ours["cwd"] == real["cwd"]
        assert ours["command"] == real["command"]


DUMP = """\
import json, os, sys
from pathlib import Path
seen = {"environment": dict(os.environ), "arguments": sys.argv[1:], "cwd": os.getcwd()}
Path(os.environ["SAGEMAKER_BASE_DIR"], "seen.json").write_text(json.dumps(seen))
"""


@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.dictionaries(plain_names, values, min_size=1, max_size=6), config=resource_configs())
def test_a_real_run_of_train_shows_the_same(
    live_toolkit: Toolkit, tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], config: dict[str, Any]
) -> None:
    base = tmp_path_factory.mktemp("opt") / "ml"
    job = {
        "files": {
            "hyperparameters.json": {
                **{name: json.dumps(value) for name, value in values.items()},
                "sagemaker_program": '"train.py"',
            },
            "inputdataconfig.json": {"train": {"TrainingInputMode": "File"}},
            "resourceconfig.json": config,
        },
        "environment": {**live_toolkit.environment, "SAGEMAKER_BASE_DIR": str(base)},
        "has_setup_py": False,
    }
    for folder in ("input/config", "code", "output"):
        (base / folder).mkdir(parents=True)
    for name, document in job["files"].items():
        (base / "input/config" / name).write_text(json.dumps(document))
    (base / "code/train.py").write_text(DUMP)

    train = [live_toolkit.home / "bin/train"]
    end = subprocess.run(train, env=job["environment"], capture_output=True, check=False)
    ours = predicted(live_toolkit, job)

    if "failure" in ours:
        assert ours["exit_code"] == end.returncode
        assert first_lines(ours["failure"]) == first_lines((base / "output/failure").read_text())
    else:
        seen = json.loads((base / "seen.json").read_text())
        assert {name: ours[name] for name in seen} == seen
