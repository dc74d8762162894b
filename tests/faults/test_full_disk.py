"""Runs on a disk that is too small: a real one, a tmpfs that only the run sees."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

MEGABYTES = 3
FILLS = """
import os
def fill(path):
    with open(path, "wb", 0) as file:
        while True:
            try:
                file.write(os.urandom(4096))
            except OSError:
                return
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs in namespaces of its own")


@dataclass(frozen=True)
class Left:
    """What a run has left on the small disk."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def description(self):
        return json.loads((self.folder / "j/describe.json").read_text())

    @property
    def names(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}


def train(made, *arguments: str, before: str = "true", after: str = "true") -> Left:
    """Run ``harness train --job-name j`` with ``runs`` on a disk of its own; shell commands before and after."""
    (made.folder / "runs").mkdir()
    (made.folder / "left").mkdir()
    script = f"""
        mount -t tmpfs -o size={MEGABYTES}m,mode=755 none runs || exit 99
        {before}
        "$@"
        code=$?
        {after}
        cp -r runs/. left/
        exit $code
    """
    harness = [sys.executable, "-m", "harness", "train", "--job-name", "j", *arguments]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *harness], cwd=made.folder, capture_output=True, timeout=120
    )
    assert done.returncode != 99, done.stderr
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    assert "Traceback" not in err
    return Left(done.returncode, out, err, made.folder / "left")


def assert_failed_for_want_of_room(left: Left) -> None:
    assert left.code == 1, left.err
    assert left.description["TrainingJobStatus"] == "Failed"
    assert "No space left on device" in left.description["FailureReason"]
    assert "ModelArtifacts" not in left.description
    assert not {name for name in left.names if name.startswith("j/output")}
    assert not {name for name in left.names if name.startswith("_active/") and not name.endswith(".lock")}
    assert not {name for name in left.names if "/.describe.json" in name or name.endswith(".partial")}


def test_a_run_with_room_completes_there(project):
    left = train(project("open('/opt/ml/model/m', 'w').write('small')"))
    assert left.code == 0, left.err
    assert "j/output/model.tar.gz" in left.names


def test_a_model_that_cannot_be_packed_fails_the_job(project):
    left = train(project("import os; open('/opt/ml/model/m', 'wb').write(os.urandom(2_000_000))"))
    assert_failed_for_want_of_room(left)
    assert "model.tar.gz" in left.description["FailureReason"]
    assert "Make room" in left.description["FailureReason"]


def test_a_model_is_not_left_behind_when_there_is_no_room_for_the_output_data(project):
    script = "import os; open('/opt/ml/model/m', 'w'); open('/opt/ml/output/data/o', 'wb').write(os.urandom(2_000_000))"
    left = train(project(script))
    assert_failed_for_want_of_room(left)
    assert "output.tar.gz" in left.description["FailureReason"]


def test_a_disk_that_the_script_has_filled_does_not_keep_the_job_from_saying_so(project):
    left = train(project(FILLS + "fill('/opt/ml/model/m')"))
    assert_failed_for_want_of_room(left)


def test_a_script_that_fails_on_a_full_disk_keeps_its_own_reason(project):
    left = train(project(FILLS + "fill('/opt/ml/output/data/o'); raise SystemExit(7)"))
    assert left.code == 1
    assert left.description["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 7\n")


def test_a_log_that_does_not_fit_ends_the_script_and_fails_the_job(project):
    left = train(project("while True: print('x' * 1000)"))
    assert_failed_for_want_of_room(left)
    assert "j/log.txt" in left.description["FailureReason"]


def test_code_that_does_not_fit_is_refused_and_leaves_nothing(project):
    left = train(project(files={"src/large.bin": bytes(4_000_000)}))
    assert left.code == 2
    assert "No space left on device" in left.err
    assert not {name for name in left.names if not name.startswith("_")}
    assert left.names <= {"_active", "_active/.lock"}


def test_a_disk_without_any_room_is_refused_before_anything_starts(project):
    left = train(project(), before="cat /dev/zero > runs/filler 2>/dev/null", after="rm runs/filler")
    assert left.code == 2
    assert "No space left on device" in left.err
    assert left.names <= {"_active", "_active/.lock"}


def test_an_output_path_without_room_fails_the_job_and_leaves_nothing_there(project):
    made = project("import os; open('/opt/ml/model/m', 'wb').write(os.urandom(2_000_000))")
    (made.folder / "elsewhere").mkdir()
    mount = "mount -t tmpfs -o size=1m none elsewhere; mount -o remount,size=20m runs"
    left = train(made, "--output-path", "elsewhere", before=mount, after="find elsewhere -type f > left/elsewhere")
    assert_failed_for_want_of_room(left)
    assert str(made.folder / "elsewhere/j/output/model.tar.gz") in left.description["FailureReason"]
    assert (left.folder / "elsewhere").read_text() == ""
