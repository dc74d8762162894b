"""What a run in a container says before it starts, where a model may not load both here and in the image."""

import json

import pytest

from harness.cli import drift
from harness.config import load
from harness.submission import Submission

AWS = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
RISK = "scikit-learn 1.4.2 (image: 1.9.0): a model pickled in one may not load in the other; `harness doctor` says"


def submissions(image):
    return [
        Submission("TrainingJob", {"TrainingJobName": "j", "AlgorithmSpecification": {"TrainingImage": image}}),
        Submission("ProcessingJob", {"ProcessingJobName": "j", "AppSpecification": {"ImageUri": image}}),
        Submission("TransformJob", {"TransformJobName": "j"}, {"PrimaryContainer": {"Image": image}}),
        Submission("Endpoint", {"EndpointName": "j"}, {"PrimaryContainer": {"Image": image}}),
    ]


@pytest.fixture
def python(tmp_path):
    """Makes an interpreter in which a version of scikit-learn is installed."""

    def make(scikit_learn):
        (tmp_path / f"scikit_learn-{scikit_learn}.dist-info").mkdir()
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\necho '{json.dumps(['3.12.1', [str(tmp_path)]])}'\n")
        path.chmod(0o755)
        return path

    return make


def said(tmp_path, capsys, submission, **flags):
    drift.tell(load(project_dir=tmp_path, flags=flags, environ={}), submission)
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize("on", ["container", "localmode"])
@pytest.mark.parametrize("submission", submissions(AWS), ids=lambda each: each.kind)
def test_a_model_that_may_not_load_is_told_of(tmp_path, capsys, python, submission, on):
    assert said(tmp_path, capsys, submission, on=on, python=str(python("1.4.2"))).startswith(f"j: {RISK}")


@pytest.mark.parametrize("on", ["local", "remote"])
def test_nothing_is_said_where_no_container_of_this_machine_runs(tmp_path, capsys, python, on):
    assert said(tmp_path, capsys, submissions(AWS)[0], on=on, python=str(python("1.4.2"))) == ""


def test_nothing_is_said_where_models_load(tmp_path, capsys, python):
    assert said(tmp_path, capsys, submissions(AWS)[0], on="container", python=str(python("1.9.1"))) == ""


@pytest.mark.parametrize("submission", [*submissions("mine:1"), Submission("TransformJob", {"TransformJobName": "j"})])
def test_nothing_is_said_of_an_image_that_is_not_known(tmp_path, capsys, python, submission):
    assert said(tmp_path, capsys, submission, on="container", python=str(python("1.4.2"))) == ""


def test_an_interpreter_that_no_container_needs_may_be_missing(tmp_path, capsys):
    assert said(tmp_path, capsys, submissions(AWS)[0], on="container", python=str(tmp_path / "none")) == ""


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["train", "deploy", "transform"])
def test_the_command_line_says_it_first(project, python, verb):
    made = project("open('/opt/ml/model/m', 'w')")
    made.harness("train", "--job-name", "j")
    options = {"train": (), "deploy": ("--job", "j"), "transform": ("--job", "j", "--input", "data/train")}[verb]
    nowhere = "unix:///nowhere/docker.sock"
    done = made.harness(
        verb, "--on", "container", "--json", *options, HARNESS_PYTHON=str(python("1.4.2")), DOCKER_HOST=nowhere
    )
    assert RISK in done.err
    assert done.json["Error"]["ExitCode"] == 4
