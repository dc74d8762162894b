"""Runs killed with ``kill -9`` at moments spread over their life: what is left is true, and nobody is left running."""

import gzip
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.engine.store import ENDED, LOST

MOMENTS, AT_ONCE = 25, 4
VICTIMS = ("command line", "supervisor", "everything")
WRITES = """
import os
for number in range(4):
    with open(os.path.join(os.environ["SM_MODEL_DIR"], f"{number}.bin"), "wb") as file:
        file.write(os.urandom(200_000))
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]


def processes_of(made) -> list[int]:
    """Every process whose command line or open lock is the project's: command line tools and supervisors alike."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if (entry / "cwd").readlink().is_relative_to(made.folder):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def descendants(pid: int) -> list[int]:
    below = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            direct = [int(child) for child in children.read_text().split()]
        except OSError:
            continue
        below += [*direct, *(each for child in direct for each in descendants(child))]
    return below


def kill(made, name: str, delay: float, victim: str) -> None:
    """Start a run and kill it, or its supervisor, or all of its processes, ``delay`` seconds after it has begun to be.

    Before there is a run folder, there is nothing that a kill could leave untrue.
    """
    with made.start("train", "--job-name", name) as running:
        wait_for_folder(made, name, running)
        try:
            running.wait(delay)
        except subprocess.TimeoutExpired:
            below = descendants(running.pid)
            targets = {
                "command line": [running.pid],
                "supervisor": below[:1],
                "everything": [running.pid, *below],
            }[victim]
            for pid in targets:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        running.communicate()


def wait_for_folder(made, name: str, running) -> None:
    while not made.run_folder(name).exists():
        assert running.poll() is None, running.communicate()
        time.sleep(0.001)


def seconds_of(made, name: str) -> float:
    """How long a run has a folder and has not ended, if nobody disturbs it."""
    with made.start("train", "--job-name", name) as running:
        wait_for_folder(made, name, running)
        began = time.monotonic()
        running.communicate()
        assert running.returncode == 0
        return time.monotonic() - began


def wait_until_nobody_runs(made) -> None:
    """The engine's own word for it: no lock is held. Bounded by the test's time-out."""
    while processes_of(made):
        time.sleep(0.01)


def whole(archive: Path) -> bool:
    with gzip.open(archive) as content:
        content.read()
    with tarfile.open(archive) as members:
        return sorted(members.getnames()) == [f"{number}.bin" for number in range(4)]


def test_killed_runs_leave_nothing_untrue_and_nothing_running(project):
    made = project(WRITES)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # As many side by side as are killed later: alone, a run is faster, and every kill would come early.
        usual = max(pool.map(lambda number: seconds_of(made, f"undisturbed-{number}"), range(AT_ONCE)))
    plan = [
        (f"run-{moment}-{number}", 1.1 * usual * (moment + number / len(VICTIMS)) / MOMENTS, victim)
        for moment in range(MOMENTS)
        for number, victim in enumerate(VICTIMS)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda case: kill(made, *case), plan))

    wait_until_nobody_runs(made)
    listed = made.here("runs", "--json")
    assert listed.code == 0, listed.err
    statuses = {each["Name"]: each["Status"] for each in listed.json}
    assert set(statuses.values()) <= ENDED
    assert len(set(statuses.values())) > 1, "the moments were not spread over the life of a run"

    runs = made.folder / "runs"
    assert [path.name for path in (runs / "_active").iterdir()] == [".lock"]
    assert {path.name for path in runs.iterdir() if not path.name.startswith(("_", "."))} == set(statuses)
    for name, status in statuses.items():
        archive, description = runs / name / "output/model.tar.gz", made.describe(name)
        if status == "Completed":
            assert description["ModelArtifacts"]["S3ModelArtifacts"] == archive.as_uri()
            assert whole(archive), name
            assert not (runs / name / "hosts").exists()
        else:
            assert "ModelArtifacts" not in description
            assert not archive.exists(), name
        if status == "Failed":
            assert description["FailureReason"] == LOST
        assert not list((runs / name).rglob(".*")), name
        json.loads((runs / name / "request.json").read_text())
    assert made.harness("train", "--job-name", "afterwards").code == 0
