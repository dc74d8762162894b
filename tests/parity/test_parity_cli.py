"""``harness parity`` as a user calls it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.docker_engine import client_or_skip, image_or_skip

pytestmark = pytest.mark.slow

WRITES = """
import os
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("m")
os.makedirs(os.environ["SM_OUTPUT_DATA_DIR"], exist_ok=True)
"""
STAMPS = WRITES + "open(os.environ['SM_OUTPUT_DATA_DIR'] + '/stamp.txt', 'w').write(os.urandom(9).hex())\n"


@pytest.fixture(scope="module")
def agreeing(shared_project):
    """A project whose job agrees, and how the command ended."""
    made = shared_project(WRITES)
    return made, made.harness("parity", "--on", "local", "--html", "page.html")


class TestAJobThatAgrees:
    def test_is_shown_and_ends_with_0(self, agreeing):
        _, done = agreeing
        assert (done.code, done.err) == (0, "")
        assert "Environment variables" in done.out
        assert "agrees with AWS's contract" in done.out

    def test_has_a_page(self, agreeing):
        made, _ = agreeing
        assert (made.folder / "page.html").read_text("utf-8").lstrip().lower().startswith("<!doctype html>")

    def test_leaves_nothing_in_the_project(self, agreeing):
        made, _ = agreeing
        assert not (made.folder / "runs").exists()


@pytest.fixture(scope="module")
def told(shared_project):
    """The document of a job given by options, on the targets of the configuration."""
    made = shared_project(WRITES, files={"src/other.py": WRITES}, channels=(), config='parity.on = ["local"]')
    return made.harness("parity", "--entry-point", "other.py", "--hyperparameter", "n=3", "--json").json


class TestTheDocument:
    def test_is_one(self, told):
        assert told["Verdict"] == "agrees"

    def test_has_the_targets_of_the_configuration(self, told):
        assert [each["Name"] for each in told["Targets"]] == ["local"]

    def test_has_the_job_that_options_have_given(self, told):
        assert told["Job"]["EntryPoint"] == "other.py"
        assert told["Job"]["Hyperparameters"] == {"n": 3}


def test_a_difference_ends_it_with_3(project):
    done = project(STAMPS, channels=()).harness("parity", "--on", "local")

    assert done.code == 3
    assert "nondeterministic" in done.out
    assert "stamp.txt" in done.out


def test_a_difference_that_an_option_accepts_does_not(project):
    accept = ("--accept", "output-archive", "stamp*", "*", "a stamp")
    done = project(STAMPS, channels=()).harness("parity", "--on", "local", *accept)

    assert done.code == 0


def test_an_option_accepts_besides_what_the_configuration_accepts(project):
    config = 'parity.accept = [{ aspect = "output-archive", where = "stamp*", reason = "a stamp" }]'
    made = project(STAMPS, config=config, channels=())

    done = made.harness("parity", "--on", "local", "--accept", "metrics", "*", "*", "noise", "--json")

    assert {each["Kind"] for each in done.json["Findings"]} >= {"accepted", "stale-acceptance"}


def test_a_job_that_fails_everywhere_alike_ends_it_with_1_and_its_reason(project):
    done = project("raise SystemExit(3)").harness("parity", "--on", "local")

    assert done.code == 1
    assert "ExitCode 3" in done.out
    assert "`harness train --on local` shows all that it prints" in done.err


def test_a_job_that_fails_for_a_reason_that_lint_knows_is_told_it(project):
    done = project("name = input()").harness("parity", "--on", "local")

    assert done.code == 1
    assert "HRN403 error: input waits for the keyboard" in done.err


def test_a_job_that_fails_shows_its_last_words_and_how_to_run_this_very_job(project):
    script = "import sys\nraise SystemExit('no good: ' + ' '.join(sys.argv[1:]))"
    done = project(script).harness("parity", "--on", "local", "--hyperparameter", "depth=1")

    assert "algo-1 | no good: --depth 1" in done.out
    assert "`harness train --on local --hyperparameter depth=1` shows" in done.err


@pytest.mark.parametrize(("form", "shown"), [((), True), (("--json",), False)], ids=["people", "json"])
def test_on_a_terminal_people_see_how_far_it_is(project, form, shown):
    made = project(WRITES)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "harness", "parity", "--on", "local", *form]
    with subprocess.Popen(command, cwd=made.folder, stdout=subprocess.DEVNULL, stderr=theirs):
        os.close(theirs)
        told = b""
        with suppress(OSError):  # the terminal is gone
            while data := os.read(ours, 4096):
                told += data
    os.close(ours)

    assert (b"local: train  Completed" in told) is shown
    assert bool(told) is shown


def test_a_script_that_never_ends_is_stopped(project):
    made = project("import time\nwhile True: time.sleep(1)", config="stop_grace = 0")

    done = made.harness("parity", "--on", "local", "--deadline", "1")

    assert done.code == 1
    assert "deadline" in done.err


class TestASecret:
    SCRIPT = WRITES + (
        "secret = os.environ['DB_PASSWORD']\n"
        "print('password', secret)\n"
        "open(os.environ['SM_OUTPUT_DATA_DIR'] + '/notes.txt', 'w').write(secret + os.urandom(8).hex())\n"
        "open('/opt/ml/output/failure', 'w').write('cannot log in with ' + secret)\n"
        "raise SystemExit(1)\n"
    )

    @pytest.mark.parametrize("form", [(), ("--json",), ("--github",)], ids=["terminal", "json", "github"])
    def test_is_in_no_report(self, project, form):
        config = (
            'environment = { DB_PASSWORD = "hunter22secret\\nhunter22too" }\n'
            'hyperparameters = { api_key = "hunter22key" }'
        )
        made = project(self.SCRIPT, config=config)

        done = made.harness("parity", "--on", "local", "--html", "page.html", *form)

        page = (made.folder / "page.html").read_text("utf-8")
        assert "hunter22" not in done.out + done.err + page
        assert "(redacted)" in page


def test_annotations_are_printed_for_github(project):
    done = project(STAMPS, channels=()).harness("parity", "--on", "local", "--github")

    assert "::error file=src/train.py" in done.out
    assert done.code == 3


def test_a_page_that_cannot_be_written_is_a_wrong_configuration_before_anything_runs(project):
    done = project("import time; time.sleep(600)").harness(
        "parity", "--on", "local", "--html", "no/such/folder/page.html"
    )

    assert done.code == 2
    assert "no/such/folder" in done.err


def test_a_target_that_this_machine_lacks_ends_it_with_4_if_it_was_asked_for(project):
    done = project(WRITES).harness("parity", "--on", "container", DOCKER_HOST="unix:///nonexistent/docker.sock")

    assert done.code == 4
    assert "No Docker engine answers" in done.err


@pytest.mark.parametrize("named", ["dockr", "local,local", "local --on local"], ids=["unknown", "twice", "by and by"])
def test_a_wrong_target_is_told(project, named):
    done = project(WRITES).harness("parity", "--on", *named.split())

    assert done.code == 2
    assert "local, container, localmode, remote" in done.err


def test_a_sample_is_trained_on_and_the_data_is_left_alone(project):
    lines = "".join(f"{number}\n" for number in range(1000))
    script = WRITES + "print('rows=%d' % len(open('/opt/ml/input/data/train/part-1.csv').readlines()))\n"
    config = "metric_definitions = [{ Name = 'rows', Regex = 'rows=([0-9]+)' }]"
    made = project(script, config=config, files={"data/train/part-1.csv": lines})

    done = made.harness("parity", "--on", "local", "--sample", "10", "--json")

    assert done.json["Targets"][0]["Metrics"] == {"rows": 11}
    assert (made.folder / "data/train/part-1.csv").read_text() == lines


def test_without_credentials_remote_is_a_stand_in_and_says_so(project, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    done = project(WRITES).harness("parity", "--on", "local,remote", "--json")

    assert done.code == 0, done.err
    remote = done.json["Targets"][1]
    assert (remote["Name"], remote["State"]) == ("remote", "ran")
    assert "stand-in" in remote["Note"]


def test_a_job_without_a_model_is_compared_on_a_stand_in_by_what_else_it_leaves(project, monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    script = (
        "import os\nkept = len(os.listdir('/opt/ml/checkpoints'))\nopen('/opt/ml/checkpoints/one', 'w')\n"
        "open(os.environ['SM_OUTPUT_DATA_DIR'] + '/kept.txt', 'w').write(str(kept))\n"
    )
    config = 'checkpoint_s3_uri = "s3://mine/checkpoints"'

    done = project(script, config=config).harness("parity", "--on", "local,remote", "--json")

    assert done.code == 0, done.out + done.err
    assert [[file["Name"] for file in each["Files"]["output"]] for each in done.json["Targets"]] == [["kept.txt"]] * 2


@pytest.mark.docker
def test_a_container_agrees_with_plain_processes(project):
    with closing(client_or_skip()) as client:
        image_or_skip(client)
    done = project(WRITES).harness("parity", "--on", "local,container", "--json")

    assert done.code == 0, done.out
    assert [each["State"] for each in done.json["Targets"]] == ["ran", "ran"]


def test_ctrl_c_ends_it_and_leaves_nothing(project):
    made = project("import time\nprint('up', flush=True)\nwhile True: time.sleep(1)", config="stop_grace = 0")
    running = made.start("parity", "--on", "local")
    with running:
        while not _printed():
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, complaint = running.communicate(timeout=120)

    assert running.returncode == 130, complaint
    assert not list(Path(os.environ["TMPDIR"]).iterdir())


def _printed() -> list[Path]:
    """Logs of jobs that have printed something."""
    return [log for log in Path(os.environ["TMPDIR"]).glob("*/local/runs/*/log.txt") if log.stat().st_size]
