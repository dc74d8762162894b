"""A folder of run folders that is none, or that this user may not use: every verb says so, and what to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.deployments import archive
from tests.cli.test_cli_clean import NO_DOCKER, UNPRIVILEGED

VERBS = {
    "train": ("train",),
    "process": ("process",),
    "deploy": ("deploy", "--job", "j"),
    "deploy a file": ("deploy", "--model-data", "harness.toml"),
    "transform": ("transform", "--job", "j", "--input", "data"),
    "transform a file": ("transform", "--model-data", "harness.toml", "--input", "data"),
    "invoke": ("invoke", "--endpoint-name", "e", "harness.toml"),
    "delete-endpoint": ("delete-endpoint", "e"),
    "runs": ("runs",),
    "runs show": ("runs", "show"),
    "runs follow": ("runs", "follow", "j"),
    "runs stop": ("runs", "stop"),
    "contract": ("contract", "--job", "j"),
    "clean": ("clean",),
    "clean stop": ("clean", "--stop"),
    "clean runs": ("clean", "--runs", "--yes"),
}


@pytest.fixture(scope="module")
def made(shared_project):
    made = shared_project(config='runs_dir = "harness.toml"\n[process]\nentry_point = "train.py"')
    made.write("train.py", "")
    return made


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_that_is_a_file_is_refused_in_one_line(made, verb):
    done = made.here(*verb, **NO_DOCKER)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1] == (
        f"harness: runs_dir: {made.folder}/harness.toml is no folder. Name another in [tool.harness], or as "
        "HARNESS_RUNS_DIR."
    )
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_that_is_a_file_is_found_by_the_doctor(made):
    found = [
        each for each in made.harness("doctor", "--json", **NO_DOCKER).json["Checks"] if "run folders" in str(each)
    ]
    assert "harness.toml is no folder" in str(found)


@pytest.mark.parametrize(
    ("mode", "verb", "told"),
    [
        (0o300, "runs", "is a folder that this user may not look into. Name another"),
        (0o600, "clean", "is a folder that this user may not look into. Name another"),
        (0o500, "train", "cannot be made: Permission denied. Set runs_dir to a folder that can be written"),
        (0o500, "deploy", "_models cannot be written: Permission denied. Set runs_dir to a folder that can be written"),
    ],
)
def test_whose_mode_forbids_it_is_refused_in_one_line(project, mode, verb, told):
    made = project()
    made.write("data/model.tar.gz", "")
    (made.folder / "runs").mkdir(mode)
    more = {"deploy": ("--model-data", "data/model.tar.gz")}.get(verb, ())
    command = [*UNPRIVILEGED, sys.executable, "-m", "harness", verb, *more]
    environment = {**os.environ, **NO_DOCKER}
    done = subprocess.run(command, cwd=made.folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_whose_failed_endpoint_may_not_be_removed_has_its_name_taken(project):
    made = project("import not_there")
    archive(made.folder / "data" / "model.tar.gz", m="")
    arguments = ("deploy", "--endpoint-name", "e", "--model-data", "data/model.tar.gz")
    assert made.harness(*arguments).code == 1
    made.run_folder("_endpoints/e").chmod(0o500)
    command = [*UNPRIVILEGED, sys.executable, "-m", "harness", *arguments]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, timeout=60)
    made.run_folder("_endpoints/e").chmod(0o700)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert f"{made.run_folder('_endpoints/e')} cannot be removed: Permission denied. Choose" in done.stderr
