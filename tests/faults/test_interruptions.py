"""What ends the command line: signals, a closed terminal, a reader that has had enough; and what becomes of the job."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

WAITS = """
import subprocess
subprocess.Popen(["setsid", "sleep", "600"])
print("started", flush=True)
subprocess.run(["sleep", "600"])
"""
IGNORES_EVERYTHING = """
import signal, time
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
open("/opt/ml/model/so_far", "w").close()
print("started", flush=True)
while True:
    time.sleep(600)
"""


def started(made, *arguments: str):
    running = made.start("train", "--job-name", "j", *arguments)
    assert b"started" in running.stdout.readline()
    return running


def fate(made) -> str:
    """The job's status when nobody runs it any more."""
    made.here("runs", "follow", "j")
    return made.describe("j")["TrainingJobStatus"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGQUIT])
def test_a_command_line_that_a_signal_ends_takes_its_job_along(project, number):
    made = project(WAITS)
    running = started(made)
    running.send_signal(number)
    _, err = running.communicate(timeout=120)
    assert running.returncode != 0
    assert b"Traceback" not in err
    assert fate(made) == "Stopped"


def test_ctrl_c_twice_in_quick_succession_is_one_clear_end(project):
    made = project(WAITS)
    running = started(made)
    running.send_signal(signal.SIGINT)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert b"Traceback" not in err
    assert fate(made) == "Stopped"


def test_ctrl_c_reaches_the_whole_foreground_group_and_still_says_stopped(project):
    made = project(WAITS)
    running = started(made)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert (running.returncode, b"Traceback" in err) == (130, False)
    assert fate(made) == "Stopped"


@pytest.mark.slow
def test_ctrl_c_at_any_moment_of_the_start_leaves_no_traceback_and_no_running_job(project):
    made = project(WAITS)
    began = time.monotonic()
    running = started(made)
    start = time.monotonic() - began  # the machine's affair; the moments are to be spread over it
    running.terminate()
    running.communicate(timeout=120)
    moments = 20
    for number in range(moments):
        running = made.start("train", "--job-name", f"j{number}")
        try:
            running.wait(1.2 * start * number / moments)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=120)
        if (made.folder / "runs" / f"j{number}" / "describe.json").exists():
            assert running.returncode == 130, err
            assert b"Traceback" not in err
    statuses = {each["Name"]: each["Status"] for each in made.here("runs", "--json").json}
    assert len(statuses) > 1, "none was interrupted late enough to have a job"
    assert set(statuses.values()) <= {"Stopped", "Failed"}


def test_a_terminal_that_closes_takes_the_job_along(project):
    made = project(WAITS)
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", OWNS_THE_TERMINAL, sys.executable, "-m", "harness", "train", "--job-name", "j"],
        cwd=made.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while b"started" not in seen:
        seen += os.read(ours, 4096)
    os.close(ours)
    assert running.wait(120) != 0
    assert fate(made) == "Stopped"


OWNS_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_reader_that_has_read_enough_ends_the_job_without_a_traceback(project):
    made = project("import itertools\nfor number in itertools.count(): print('line', number)")
    running = made.start("train", "--job-name", "j")
    assert running.stdout.readline() == b"algo-1 | line 0\n"
    running.stdout.close()
    err = running.stderr.read()
    running.stderr.close()
    running.wait(120)
    assert b"Traceback" not in err
    assert fate(made) == "Stopped"


@pytest.mark.slow
def test_a_script_that_ignores_everything_is_killed_when_its_grace_is_over(project):
    made = project(IGNORES_EVERYTHING, config="stop_grace = 1")
    running = started(made)
    assert made.harness("runs", "stop", "j").code == 0
    running.communicate(timeout=120)
    description = made.describe("j")
    assert description["TrainingJobStatus"] == "Stopped"
    assert description["Harness"]["ExitCodes"] == {"algo-1": -9}
    stopping = next(each for each in description["SecondaryStatusTransitions"] if each["Status"] == "Stopping")
    assert "1 s (stop_grace)" in stopping["StatusMessage"]
    assert stopping["EndTime"] > stopping["StartTime"]
    assert description["ModelArtifacts"]["S3ModelArtifacts"].endswith("/j/output/model.tar.gz")


@pytest.mark.slow
def test_a_stop_that_is_asked_for_twice_is_one_stop(project):
    made = project(WAITS, config="stop_grace = 600")
    running = started(made)
    assert [made.harness("runs", "stop", "j").code for _ in range(2)] == [0, 0]
    running.terminate()  # whose end no grace delays
    running.communicate(timeout=120)
    assert fate(made) == "Stopped"
    statuses = [each["Status"] for each in made.describe("j")["SecondaryStatusTransitions"]]
    assert statuses.count("Stopping") == statuses.count("Stopped") == 1


def test_a_job_that_has_ended_cannot_be_stopped(project):
    made = project("pass")
    made.harness("train", "--job-name", "j")
    before = made.describe("j")
    done = made.harness("runs", "stop", "j")
    assert done.code == 2
    assert "status Completed" in done.err
    assert made.describe("j") == before
