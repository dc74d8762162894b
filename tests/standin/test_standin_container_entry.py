"""Training jobs that name their container's own entry point, as SDK v3's do."""

from __future__ import annotations

import json

import pytest


def train(lab, command, **members):
    lab.put("code/run.sh", "#!/bin/sh\necho ran in $PWD\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{lab.name}/code", "S3DataDistributionType": "FullyReplicated"}
    request = lab.training("", **members)
    request["AlgorithmSpecification"] |= {
        "ContainerEntrypoint": ["/bin/bash"],
        "ContainerArguments": ["-c", command],
    }
    request |= {
        "HyperParameters": {"a": "1"},
        "InputDataConfig": [{"ChannelName": "code", "DataSource": {"S3DataSource": source}}],
    }
    lab.sagemaker.create_training_job(**request)
    return lab.wait("training_job", lab.name)


def printed(lab):
    return [line for each in lab.lines("/aws/sagemaker/TrainingJobs").values() for line in each]


def test_it_runs_what_is_in_a_channel_and_may_change_it(lab):
    command = "cd /opt/ml/input/data/code && chmod +x run.sh && ./run.sh && touch new && echo 1 > /opt/ml/model/m"
    description = train(lab, command)
    assert description["TrainingJobStatus"] == "Completed", description.get("FailureReason")
    assert printed(lab) == ["ran in /opt/ml/input/data/code"]
    assert lab.keys("out") == [f"out/{lab.name}/output/model.tar.gz"]
    assert lab.keys("code") == ["code/run.sh"]


def test_it_finds_the_environment_of_image_platform_and_request_and_no_toolkits(lab):
    train(lab, 'python3 -c "import os, json; print(json.dumps(dict(os.environ)))"', Environment={"MINE": "x"})
    environment = json.loads(printed(lab)[0])
    assert environment["TRAINING_JOB_NAME"] == lab.name
    assert environment["MINE"] == "x"
    assert environment["SM_MODEL_DIR"] == "/opt/ml/model"
    assert not {"SM_HPS", "SM_CHANNELS", "SM_TRAINING_ENV", "SM_USER_ARGS"} & set(environment)


@pytest.mark.slow
def test_it_installs_into_an_environment_that_goes_with_the_job(lab):
    command = "command -v python3 pip3; python3 -c 'import sys, sklearn; print(sys.prefix)'; python3 -m pip --version"
    description = train(lab, command)
    assert description["TrainingJobStatus"] == "Completed"
    python, pip, prefix, version = printed(lab)
    assert {python, pip} == {f"{prefix}/bin/python3", f"{prefix}/bin/pip3"}
    assert str(lab.standin.state) in prefix
    assert version.startswith("pip ")
    assert not (lab.standin.state / "runs" / lab.name / "hosts").exists()


def test_its_failure_file_is_the_reason(lab):
    description = train(lab, "echo said; echo because > /opt/ml/output/failure; exit 3")
    assert description["TrainingJobStatus"] == "Failed"
    assert description["FailureReason"] == "AlgorithmError: because\n"


def test_without_one_its_exit_code_is(lab):
    description = train(lab, "exit 3")
    assert description["FailureReason"] == "AlgorithmError: exit code 3"
