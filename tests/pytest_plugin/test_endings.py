"""However pytest ends: nothing that a fixture has started outlives it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = "pytester"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

SCRIPT = """
import time

def model_fn(model_dir):
    return model_dir

if __name__ == "__main__":
    print("running", flush=True)
    time.sleep(600)
"""

TESTS = {
    "an endpoint": "def test_it(endpoint, tmp_path):\n    (tmp_path / 'm').touch(); print('', endpoint(tmp_path).url)",
    "the stand-in": "def test_it(sagemaker_standin):\n    print('', sagemaker_standin.url)",
    "a job": "def test_it(training_job):\n    training_job()",
}
"""A test that starts something."""


def start(pytester: pytest.Pytester, what: str) -> subprocess.Popen[bytes]:
    """A pytest whose test has started something, and has no end."""
    pytester.makefile(".py", **{"src/script": SCRIPT})
    config = 'entry_point = "script.py"\nsource_dir = "src"\nmodel_server_workers = 1\n'
    pytester.makepyprojecttoml(f"[tool.harness]\n{config}")
    pytester.makepyfile(f"import time\n{TESTS[what]}\n    time.sleep(600)\n")
    process = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-m",
            "pytest",
            "-s",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={pytester.path / 'base'}",
        ],
        cwd=pytester.path,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line in {b"algo-1 | running\n", b".algo-1 | running\n"} or b" http://127.0.0.1" in line:
            break
    return process


def below(pid: int) -> set[int]:
    """Every process that one has started, or that those have."""
    direct = {
        int(child)
        for children in Path(f"/proc/{pid}/task").glob("*/children")
        for child in children.read_text().split()
    }
    return direct.union(*map(below, direct))


class Descendants:
    """Every process below one, held so that its end can be waited for whoever its parent is by then."""

    def __init__(self, pid: int) -> None:
        self._files = [os.pidfd_open(each) for each in below(pid)]
        assert self._files

    def wait(self) -> None:
        """Return when none of them runs; bounded by the test's time-out."""
        for file in self._files:
            ended = select.poll()
            ended.register(file, select.POLLIN)
            ended.poll()
            os.close(file)


@pytest.mark.parametrize("what", TESTS)
def test_killed_it_leaves_nothing_running(pytester: pytest.Pytester, what: str) -> None:
    with start(pytester, what) as process:
        started = Descendants(process.pid)
        process.kill()
    started.wait()


def test_interrupted_in_a_job_it_ends_as_pytest_does_and_not_with_a_failed_test(pytester: pytest.Pytester) -> None:
    with start(pytester, "a job") as process:
        started = Descendants(process.pid)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate()
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert b"KeyboardInterrupt" in said
    assert b"failed" not in said.splitlines()[-1]
    started.wait()
