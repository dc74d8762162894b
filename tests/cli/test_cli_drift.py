"""What is said of a model that was trained with other versions of its libraries than it is served with."""

import json

import pytest

from harness.cli import drift
from harness.config import load
from harness.submission import Submission
from tests.conftest import NOWHERE

AWS = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:{}-cpu-py3"
TRAINED, SERVED = AWS.format("1.4-2"), AWS.format("1.9-0")
OTHER = "trained with scikit-learn 1.4.2, and is served with scikit-learn 1.9.0, which may not load it"


@pytest.fixture
def trained(tmp_path):
    """Makes the run folder of a training job, as it is after one; the URI of its model."""

    def make(facts, *, account="000000000000"):
        folder = tmp_path / "runs/j"
        (folder / "output").mkdir(parents=True)
        arn = f"arn:aws:sagemaker:us-east-1:{account}:training-job/j"
        described = {"TrainingJobName": "j", "TrainingJobArn": arn, "TrainingJobStatus": "Completed", **facts}
        (folder / "describe.json").write_text(json.dumps(described))
        (folder / "request.json").write_text(json.dumps({"AlgorithmSpecification": {"TrainingImage": TRAINED}}))
        return (folder / "output/model.tar.gz").as_uri()

    return make


@pytest.fixture
def python(tmp_path):
    """Makes an interpreter in which a version of scikit-learn is installed."""

    def make(scikit_learn):
        (tmp_path / f"scikit_learn-{scikit_learn}.dist-info").mkdir()
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\necho '{json.dumps(['3.12.1', [str(tmp_path)]])}'\n")
        path.chmod(0o755)
        return str(path)

    return make


def said(tmp_path, data, *, image=SERVED, on="container", **flags):
    config = load(project_dir=tmp_path, flags={"on": on, "runs_dir": str(tmp_path / "runs"), **flags}, environ={})
    return drift.told(
        config, data, Submission("Endpoint", {"EndpointName": "e"}, {"PrimaryContainer": {"Image": image}})
    )


HERE = {"Harness": {"Versions": {"scikit-learn": "1.4.2", "joblib": "1.5.3"}}}
IN_ITS_IMAGE = {"Harness": {"Image": "sagemaker-harness/sklearn:1.4-2-0123456789ab"}}


@pytest.mark.parametrize("on", ["container", "localmode", "remote"])
@pytest.mark.parametrize("facts", [HERE, IN_ITS_IMAGE, {}], ids=["here", "in a container", "on AWS"])
def test_another_version_in_the_image_that_serves_is_told_of(tmp_path, monkeypatch, trained, facts, on):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert OTHER in said(tmp_path, trained(facts), on=on)


def test_another_version_of_the_interpreter_that_serves_is_told_of(tmp_path, trained, python):
    assert OTHER in said(tmp_path, trained(HERE), on="local", python=python("1.9.0"))


def test_a_job_on_aws_is_found_by_where_its_model_lies(tmp_path, trained):
    trained(HERE)
    assert OTHER in said(tmp_path, "s3://bucket/prefix/j/output/model.tar.gz")
    assert said(tmp_path, "s3://bucket/other.tar.gz") is None


def test_nothing_is_said_where_the_same_serves(tmp_path, trained, python):
    data = trained(HERE)
    assert said(tmp_path, data, image=AWS.format("1.4-2-py312")) is None
    assert said(tmp_path, data, on="local", python=python("1.4.0")) is None


def test_nothing_is_said_of_what_the_source_requires_itself(tmp_path, trained):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/requirements.txt").write_text("Scikit_Learn==1.4.2\n")
    assert said(tmp_path, trained(HERE), source_dir=str(tmp_path / "src"), entry_point="s.py") is None


def test_nothing_is_said_of_what_is_not_known(tmp_path, trained):
    assert said(tmp_path, (tmp_path / "model.tar.gz").as_uri()) is None
    assert said(tmp_path, trained(HERE), image="mine:1") is None


def test_nothing_is_said_of_an_interpreter_that_cannot_be_run(tmp_path, trained):
    assert said(tmp_path, trained(HERE), on="local", python=str(tmp_path / "none")) is None


def test_nothing_is_said_of_what_a_stand_in_trained_or_serves_with(tmp_path, monkeypatch, trained):
    data = trained({}, account="123456789012")
    assert said(tmp_path, data) is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (tmp_path / "runs/j/describe.json").write_text(
        (tmp_path / "runs/j/describe.json").read_text().replace("123456789012", "000000000000")
    )
    assert said(tmp_path, data, on="remote") is None


def as_if_trained_with(project, scikit_learn):
    path = project.run_folder("j") / "describe.json"
    described = json.loads(path.read_text())
    described["Harness"]["Versions"]["scikit-learn"] = scikit_learn
    path.write_text(json.dumps(described))


FAILS = """
import pickle

class Mine:
    pass

def model_fn(model_dir):
    with open(f"{model_dir}/m", "rb") as file:
        return pickle.load(file)

if __name__ == "__main__":
    with open("/opt/ml/model/m", "wb") as file:
        pickle.dump(Mine(), file)
"""


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["deploy", "transform"])
def test_the_command_line_says_it_and_what_lint_knows_of_a_model_that_cannot_be_served(project, verb):
    made = project(FAILS, config="model_server_workers = 1")
    assert made.harness("train", "--job-name", "j").code == 0
    as_if_trained_with(made, "0.23.2")
    options = {"deploy": ("--endpoint-name", "e"), "transform": ("--input", "data/train", "--job-name", "e")}[verb]
    done = made.harness(verb, "--job", "j", *options)
    assert done.code == 1
    before, failed, after = done.err.partition("harness: e failed: ")
    assert failed, done.err
    assert "e: the model was trained with scikit-learn 0.23.2, and is served with scikit-learn 1." in after
    assert "was trained with" not in before
    found = after.split("harness lint says of the script:\n")[1]
    assert "HRN505 error: The pickle names Mine as __main__.Mine" in found


@pytest.mark.slow
def test_the_command_line_says_it_before_a_model_goes_to_aws(project, monkeypatch):
    made = project("open('/opt/ml/model/m', 'w')")
    assert made.harness("train", "--job-name", "j").code == 0
    as_if_trained_with(made, "0.23.2")
    monkeypatch.delenv("AWS_ENDPOINT_URL")  # which a stand-in is known by; nobody is asked all the same
    nobody = {f"AWS_ENDPOINT_URL_{service}": NOWHERE for service in ("S3", "STS", "SAGEMAKER")}
    role = ("--role", "arn:aws:iam::111122223333:role/r", "--region", "us-east-1")
    done = made.here("deploy", "--on", "remote", "--model-data", "runs/j/output/model.tar.gz", *role, **nobody)
    before, _, after = done.err.partition("AWS cannot be reached")
    assert "the model was trained with scikit-learn 0.23.2, and is served with scikit-learn 1.9.0" in before
    assert after
