"""The command line as a whole: what every verb does alike."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--nope"], "No such option '--nope'"),
        (["train", "--learning-rate", "1"], "If it is the script's: --hyperparameter learning-rate=VALUE."),
        (["train", "--stop-grace", "1"], "It is set as stop_grace in [tool.harness], or HARNESS_STOP_GRACE."),
        (["process", "--volume-size", "1"], "It is set as process.volume_size in [tool.harness], or HARNESS_PROCESS_"),
        (["train", "--hyperparameters", "depth=3"], "No such option '--hyperparameters'. It is --hyperparameter."),
        (["transform", "--split_type", "Line"], "No such option '--split_type'. It is --split-type."),
        (["train", "--hyperparameter", "n-estimators", "10"], "--hyperparameter n-estimators: NAME=VALUE is expected"),
        (["process", "--argument", "x", "y"], "Got unexpected extra argument (y)"),
        (["train", "--max-run", "soon"], "Invalid value for '--max-run'"),
        (["trian"], "Did you mean train?"),
        (["invoke", "nowhere.csv", "--endpoint-name", "e"], "nowhere.csv"),
        (["invoke", "-"], "--endpoint-name"),
        (["delete-endpoint"], "harness delete-endpoint NAME"),
        (["delete-endpoint", "e", "--endpoint-name", "f"], "Name one endpoint"),
    ],
    ids=[
        "unknown option",
        "the script's",
        "a setting",
        "a setting of the verb",
        "a setting with another option",
        "a setting with another spelling",
        "no equals sign",
        "one word too many",
        "wrong value",
        "unknown verb",
        "missing file",
        "missing option",
        "no name",
        "two names",
    ],
)
def test_a_wrong_command_line_is_a_document_too_where_one_is_asked_for(project, arguments, says):
    done = project().here(*arguments, "--json")
    assert done.code == 2
    assert done.json["Error"]["Type"] == "UsageError"
    assert done.json["Error"]["ExitCode"] == 2
    assert says in done.json["Error"]["Message"]
    assert says in done.err


def test_a_training_job_s_setting_is_not_recommended_to_a_verb_that_does_not_train(project):
    assert "max_run" not in project().here("transform", "--max-run", "3").err


def test_an_error_that_quotes_a_stranger_has_no_power_over_the_terminal(project):
    done = project().here("runs", "show", "a\x1b]0;b\x07")
    assert r"There is no job or endpoint a\x1b]0;b\x07" in done.err


def test_what_another_command_is_asked_for_is_not_asked_of_us(project):
    done = project().harness("standin", "--port", "x", "--", "command", "--json")
    assert (done.code, done.out) == (2, "")


def test_a_job_that_there_is_not_is_said_with_the_nearest_that_there_is(project):
    made = project()
    made.harness("train", "--job-name", "iris-job")
    for verb in ("show", "follow", "stop"):
        done = made.here("runs", verb, "iris-jbo", "--json")
        assert done.code == 2
        assert "Did you mean iris-job?" in done.json["Error"]["Message"], verb


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--request", "r.json", "--hyperparameter", "n=1", "--max-run", "9"], "--max-run, --hyperparameter"),
        (["process", "--request", "r.json", "--argument", "x"], "--argument"),
        (["plan", "--request", "r.json", "--instance-count", "2"], "--instance-count"),
        (["transform", "--request", "r.json", "--job", "j"], "--job"),
        (["transform", "--request", "r.json", "--strategy", "MultiRecord"], "--strategy"),
        (["plan", "--process", "--hyperparameter", "n=1"], "--hyperparameter: for training jobs"),
        (["deploy", "--job", "j", "--model-data", "m.tar.gz"], "--job and --model-data"),
        (
            ["plan", "--hyperparameter", "n=1", "--hyperparameter", "n=2"],
            "--hyperparameter n=… is given more than once",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value),
)
def test_an_option_that_would_have_no_effect_is_refused(project, arguments, says):
    done = project(files={"r.json": "{}"}).here(*arguments)
    assert done.code == 2
    assert says in done.err


def test_what_is_no_part_of_a_request_may_stand_beside_a_whole_one(project):
    made = project()
    made.write("r.json", made.here("plan").out)
    assert made.harness("train", "--request", "r.json", "--isolation", "none").code == 0


@pytest.mark.parametrize("depth", [900, 100_000])
@pytest.mark.parametrize("verb", ["train", "process", "transform", "plan"])
def test_a_request_that_is_nested_too_deep_is_refused(project, verb, depth):
    done = project(files={"r.json": f'{{"Environment": {"[" * depth + "]" * depth}}}'}).here(
        verb, "--request", "r.json", "--json"
    )
    assert done.code == 2
    assert "--request r.json is nested deeper than any Create" in done.json["Error"]["Message"]


def test_a_plan_holds_what_would_be_sent_credentials_too_and_its_sources_do_not(project):
    made, given = project(), ("--hyperparameter", "api_token=hunter22", "--environment", "DB_PASSWORD=hunter22")
    assert made.here("plan", *given).out.count("hunter22") == 2
    for form in ((), ("--json",)):
        done = made.here("plan", *given, "--sources", *form)
        assert "DB_PASSWORD" in done.out
        assert "hunter22" not in done.out + done.err


def test_a_name_that_aws_would_refuse_is_called_what_the_user_has_called_it(project):
    made = project()
    done = made.here("plan", HARNESS_BASE_JOB_NAME="churn_model")
    assert (done.code, done.out) == (2, "")
    assert "base_job_name: 'churn_model' may have letters, digits and hyphens" in done.err
    done = made.here("deploy", "--model-data", "m.tar.gz", "--endpoint-name", "my_endpoint")
    assert done.code == 2
    assert "endpoint_name: 'my_endpoint' may have letters, digits and hyphens" in done.err


def test_a_run_folder_is_no_folder_of_config_files_and_says_so(project):
    done = project(files={"runs/j/request.json": "{}"}).here("contract", "runs/j")
    assert done.code == 2
    assert "runs/j is a run folder: harness contract --job j" in done.err


@pytest.mark.parametrize("verb", ["train", "runs", "lint", "doctor", "clean"])
def test_a_folder_that_is_gone_is_left_by_cd(tmp_path, verb):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone}; rmdir {gone}; exec {sys.executable} -m harness {verb}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "harness: The folder that this runs in has been removed; `cd` to one that is there.\n"


@pytest.mark.parametrize("group", ["runs", "image"])
def test_what_a_verb_s_own_verbs_do_is_told_in_whole_sentences(project, group):
    _, commands = project().here(group, "--help", COLUMNS="80").out.split("Commands:")
    assert "..." not in commands


def test_a_plan_that_aws_would_refuse_is_one_document(project):
    done = project().here("plan", "--json", "--job-name", "a_b")
    assert done.code == 2
    assert done.json["Error"]["Type"] == "RequestError"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device here that is always full")
@pytest.mark.parametrize(
    ("verb", "code", "says"),
    [("train", 141, "j was stopped"), ("plan", 1, "There is no room on the disk for the output.")],
)
def test_a_full_disk_under_the_output_is_no_traceback(project, verb, code, says):
    made = project()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "harness", verb, "--job-name", "j"],
            cwd=made.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == code
    assert says in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_streams_that_a_shell_has_closed_are_no_traceback(project):
    made = project()
    command = f"{shlex.quote(sys.executable)} -m harness train --job-name j <&- >&-"
    done = subprocess.run(["sh", "-c", command], cwd=made.folder, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert made.describe("j")["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize("verb", ["plan", "runs"])
def test_a_reader_that_has_gone_ends_a_command_in_silence_as_sigpipe_would(project, verb):
    made = project()
    made.harness("train")
    running = made.start(verb)
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait(60) == 141


def test_an_interruption_while_we_are_still_being_imported_is_no_traceback(tmp_path):
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    command = [sys.executable, "-c", "from harness.__main__ import main; main()"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
