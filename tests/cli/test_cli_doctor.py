"""``harness doctor`` as a user runs it."""

import json
import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


def diagnose(project, *arguments, **variables):
    """``harness doctor`` in this process, on a machine without an engine."""
    return project.here("doctor", *arguments, **NO_ENGINE, **variables)


def test_a_target_that_can_run_ends_with_0(project):
    done = project().harness("doctor", "--on", "local")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"--on local +can run", done.out)


def test_a_target_that_lacks_something_ends_with_4_and_says_what_mends_it(project):
    done = diagnose(project(), "--on", "container")
    assert done.code == 4
    assert re.search(r"--on container +needs engine", done.out)
    assert "-> Start Docker Desktop, or `sudo systemctl start docker`" in done.out


def test_the_target_is_the_configured_one(project):
    made = project(config='on = "container"')
    assert diagnose(made).code == 4
    assert diagnose(made, "--on", "local").code == 0
    assert diagnose(made, HARNESS_ON="local").code == 0


def test_a_document_says_the_same(project):
    done = diagnose(project(), "--on", "container", "--json")
    document = done.json
    assert (done.code, document["On"], done.err) == (4, "container", "")
    assert document["CanRun"] == {"local": True, "container": False, "localmode": False, "remote": False}
    (engine,) = [each for each in document["Checks"] if (each["Area"], each["Name"]) == ("containers", "engine")]
    assert engine["Status"] == "missing"
    assert engine["Finding"] == "No Docker engine answers at unix:///nowhere/docker.sock"
    assert engine["Remedy"].startswith("Start Docker Desktop")
    for each in document["Checks"]:
        assert each.keys() == {"Area", "Name", "Status", "Finding", "Remedy"}
        assert each["Remedy"] or each["Status"] != "missing"


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_the_table_fits_a_terminal_but_for_commands_to_copy(project, columns):
    done = diagnose(project(), COLUMNS=str(columns))
    lines = [line for line in done.out.splitlines() if "->" not in line]
    assert max(map(len, lines)) <= columns
    assert len(done.out.splitlines()) <= 50


def test_there_is_colour_in_a_terminal_alone(project):
    made = project()
    assert "\x1b[" not in made.harness("doctor").out
    assert "\x1b[32m" in in_a_terminal(made)
    assert "\x1b[" not in in_a_terminal(made, NO_COLOR="1")


def in_a_terminal(project, **variables: str) -> str:
    ours, theirs = os.openpty()
    environment = {**os.environ, **NO_ENGINE, "TERM": "xterm", **variables}
    command = [sys.executable, "-m", "harness", "doctor"]
    process = subprocess.Popen(command, cwd=project.folder, env=environment, stdout=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not data:
            break
        shown += data
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()


def test_no_secret_is_shown(project):
    keys = {
        "AWS_SECRET_ACCESS_KEY": "do-not-show",
        "AWS_SESSION_TOKEN": "do-not-show",
        "AWS_ACCESS_KEY_ID": "do-not-show",
    }
    for arguments in ((), ("--json",), ("--online", "--region", "us-east-1")):
        done = project().harness("doctor", *arguments, **keys, **NO_ENGINE)
        assert "do-not-show" not in done.out + done.err


def test_against_the_stand_in_remote_can_run_and_says_as_whom(project, standin):
    done = project().harness("doctor", "--on", "remote", "--online", "--json", **standin.env)
    found = {each["Name"]: each for each in done.json["Checks"] if each["Area"] == "aws"}
    assert (done.code, found["role"]["Finding"]) == (0, standin.role)
    assert found["identity"]["Finding"].endswith("of account 123456789012")
    assert found["endpoint"]["Finding"] == f"{standin.url} is asked, not AWS"


def test_a_job_that_was_killed_is_found_and_its_remedy_works(project):
    made = project()
    assert made.harness("train", "--job-name", "j").code == 0
    description = made.run_folder("j") / "describe.json"
    running = {**json.loads(description.read_text()), "TrainingJobStatus": "InProgress"}
    description.write_text(json.dumps(running))
    (made.folder / "runs/_active/j").touch()  # as the kernel leaves it behind: there, and nobody's
    assert leftovers(made) == ("1 lost their process: j", "harness clean")
    made.harness("clean")
    assert leftovers(made) == ("no job has lost its process", None)


def leftovers(project):
    checks = diagnose(project, "--json").json["Checks"]
    (found,) = [each for each in checks if (each["Area"], each["Name"]) == ("machine", "leftovers")]
    return found["Finding"], found["Remedy"]


def test_nothing_heavy_is_imported_to_look_for_it(project):
    program = """
import sys
from harness.cli import main
try:
    main(["doctor"])
finally:
    print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project().folder,
        env={**os.environ, **NO_ENGINE},
        capture_output=True,
        text=True,
    )
    heavy = {"sklearn", "pandas", "numpy", "scipy", "joblib", "moto", "sagemaker", "flask", "gunicorn", "gevent"}
    assert done.returncode == 0
    assert heavy.isdisjoint(done.stderr.split())


def test_nothing_is_written(project):
    made = project()
    before = sorted(made.folder.rglob("*"))
    diagnose(made)
    assert sorted(made.folder.rglob("*")) == before


def test_a_broken_configuration_is_said_first(project):
    done = project(config="no_such_setting = 1").here("doctor")
    assert (done.code, "no_such_setting" in done.err) == (2, True)
