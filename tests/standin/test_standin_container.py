"""``harness standin --executor container``: what a script sees that AWS's protocol has brought into a container."""

from __future__ import annotations

import json
import os

import pytest

from tests.conftest import end_standin, start_standin
from tests.docker_engine import client_or_skip, image_or_skip, marked

pytestmark = [pytest.mark.docker, pytest.mark.slow]

TELLS = """
import json, os
data = os.environ["SM_CHANNEL_TRAIN"]
seen = {"aws": {name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        "files": {name: open(f"{data}/{name}").read() for name in os.listdir(data)},
        "contained": any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv")))}
print("SEEN " + json.dumps(seen))
open("/opt/ml/model/weights", "w").write("7")
"""


@pytest.fixture(scope="module")
def containers(tmp_path_factory):
    """A stand-in whose jobs run in containers; none of them is left."""
    client = client_or_skip()
    image_or_skip(client)
    folder = tmp_path_factory.mktemp("containers")
    started = start_standin(folder, "--executor", "container")
    yield started
    assert end_standin(started) == 0
    left = marked(client, folder)
    client.close()
    assert not left


@pytest.fixture
def lab(containers, make_lab):
    opened = make_lab(containers)
    yield opened
    opened.close()


def channel(uri):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]


def test_a_script_has_its_data_out_of_s3_and_no_credentials(lab):
    lab.put("data/a.csv", "1,2")
    described = lab.train(TELLS, InputDataConfig=channel(f"s3://{lab.name}/data"))
    assert described["TrainingJobStatus"] == "Completed", described.get("FailureReason")
    [line] = [
        line
        for lines in lab.lines("/aws/sagemaker/TrainingJobs").values()
        for line in lines
        if line.startswith("SEEN ")
    ]
    seen = json.loads(line.removeprefix("SEEN "))
    assert seen == {"aws": {"AWS_REGION": "us-east-1"}, "files": {"a.csv": "1,2"}, "contained": True}
    assert described["ModelArtifacts"]["S3ModelArtifacts"] in [f"s3://{lab.name}/{key}" for key in lab.keys("out/")]


def test_a_model_out_of_s3_is_served(lab):
    assert lab.deploy(f"{lab.name}-e", "answer to ")["EndpointStatus"] == "InService"
    runtime = lab.standin.client("sagemaker-runtime")
    assert runtime.invoke_endpoint(EndpointName=f"{lab.name}-e", Body=b"x")["Body"].read() == b"answer to x"


def test_an_update_changes_what_answers(lab):
    lab.deploy(lab.name, "old ")
    config = lab.endpoint_config(f"{lab.name}-2", "new ")
    lab.sagemaker.update_endpoint(EndpointName=lab.name, EndpointConfigName=config)
    described = lab.wait("endpoint", lab.name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", config)
    runtime = lab.standin.client("sagemaker-runtime")
    assert runtime.invoke_endpoint(EndpointName=lab.name, Body=b"x")["Body"].read() == b"new x"


def test_an_image_that_is_not_here_is_refused_when_it_is_asked_for(lab):
    request = lab.training("pass")
    request["AlgorithmSpecification"]["TrainingImage"] = "nowhere/none:1"
    with pytest.raises(Exception, match="docker pull nowhere/none:1"):
        lab.sagemaker.create_training_job(**request)


def test_without_an_engine_it_does_not_start(project):
    options = ("standin", "--executor", "container", "--", "true")
    done = project().harness(*options, DOCKER_HOST=f"unix://{os.devnull}/docker.sock")
    assert done.code == 4
    assert "Traceback" not in done.err
    assert "Docker" in done.err
