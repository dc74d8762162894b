"""``harness clean``: what it removes, what it asks before, and what it leaves alone."""

import os
import pty
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from harness.engine.leftovers import labels
from harness.engine.store import Job
from harness.standin.scratch import lock_of
from tests.cli.deployments import what_is_left, with_model
from tests.docker_engine import client_or_skip, image_or_skip, marked


def test_where_there_is_no_engine_there_is_nothing_of_ours_in_it(project):
    done = project().harness("clean", "--json", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert (done.code, done.err) == (0, "")
    nothing = {key: [] for key in ("Lost", "Stopped", "Forgotten", "Removed", "Containers", "Temporary")}
    assert done.json == {**nothing, "Cache": False}


def test_the_temporary_folder_of_a_killed_comparison_goes_and_that_of_one_that_runs_stays(project):
    killed = Path(tempfile.mkdtemp(prefix="harness-standin-"))
    used = Path(tempfile.mkdtemp(prefix="harness-standin-"))
    with closing(os.fdopen(lock_of(used))):
        done = project().harness("clean", "--json", **NO_DOCKER)
        assert (done.json["Temporary"], killed.exists(), used.exists()) == ([str(killed)], False, True)
    used.joinpath(".lock").unlink()
    used.rmdir()


UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Root may remove everything; without these capabilities permissions hold for it as for anybody."""
NO_DOCKER = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


def runs(made) -> set[str]:
    return {path.name for path in (made.folder / "runs").glob("[!_.]*")}


class TestRunFolders:
    @pytest.mark.slow
    def test_are_shown_and_kept_where_nobody_can_be_asked(self, project):
        made = project()
        made.harness("train", "--job-name", "a")
        done = made.harness("clean", "--runs", **NO_DOCKER)
        assert done.code == 2
        assert "  a  Completed" in done.err
        assert "1 run folder, " in done.err
        assert "--yes" in done.err
        assert runs(made) == {"a"}

    @pytest.mark.slow
    def test_go_unasked_with_yes(self, project):
        made = project()
        made.harness("train", "--job-name", "a")
        made.harness("train", "--job-name", "b")
        done = made.harness("clean", "--runs", "--yes", "--json", **NO_DOCKER)
        assert (done.code, done.json["Removed"]) == (0, ["a", "b"])
        assert runs(made) == set()

    @pytest.mark.slow
    def test_with_files_that_are_anothers_are_named_with_the_remedy(self, project):
        made = project()
        made.harness("train", "--job-name", "a")
        folder = made.run_folder("a")
        folder.chmod(0o555)  # what is in it cannot be removed, as if it were root's
        try:
            command = [*UNPRIVILEGED, sys.executable, "-m", "harness", "clean", "--runs", "--yes"]
            env = {**os.environ, **NO_DOCKER}
            done = subprocess.run(command, cwd=made.folder, env=env, capture_output=True, text=True, timeout=120)
        finally:
            folder.chmod(0o755)
        assert done.returncode == 1
        assert f"`sudo chown -R $USER {folder}`" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.slow
    @pytest.mark.parametrize(("answer", "left"), [("y", set()), ("n", {"a"}), ("", {"a"})], ids=["y", "n", "return"])
    def test_go_if_whoever_sits_at_the_terminal_says_so(self, project, answer, left):
        made = project()
        made.harness("train", "--job-name", "a")
        terminal, end = pty.openpty()
        try:
            os.write(terminal, f"{answer}\n".encode())
            done = subprocess.run(
                [sys.executable, "-m", "harness", "clean", "--runs"],
                cwd=made.folder,
                env={**os.environ, **NO_DOCKER},
                stdin=end,
                stdout=subprocess.PIPE,
                stderr=end,
                timeout=120,
                check=False,
            )
        finally:
            os.close(end)
            os.close(terminal)
        assert done.returncode == 0
        assert runs(made) == left

    @pytest.mark.slow
    def test_of_running_jobs_stay(self, project):
        made = project("print('started', flush=True); import time; time.sleep(600)")
        running = made.start("train", "--job-name", "j")
        assert b"started" in running.stdout.readline()
        done = made.harness("clean", "--runs", "--yes", "--json", **NO_DOCKER)
        assert (done.code, done.json["Removed"]) == (0, [])
        assert made.describe("j")["TrainingJobStatus"] == "InProgress"
        running.terminate()
        running.communicate(timeout=120)

    @pytest.mark.slow
    def test_of_running_jobs_stay_when_these_are_stopped(self, project):
        made = project("print('started', flush=True); import time; time.sleep(600)")
        running = made.start("train", "--job-name", "j")
        assert b"started" in running.stdout.readline()
        done = made.harness("clean", "--stop", "--json", **NO_DOCKER)
        running.communicate(timeout=120)
        assert (done.code, done.json["Stopped"], done.json["Removed"]) == (0, ["j"], [])
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"

    def test_that_are_not_there_need_no_answer(self, project):
        done = project().harness("clean", "--runs", **NO_DOCKER)
        assert (done.code, done.err) == (0, "there was nothing to clean up\n")


class TestWhatAKilledCommandHadMade:
    """The model of a transform job, and the model and the configuration of an endpoint."""

    WAITS = "def model_fn(model_dir):\n    print('waits', flush=True); import time; time.sleep(600)"

    @pytest.fixture(params=["deploy", "transform"])
    def killed(self, project, request):
        made = with_model(project, self.WAITS)
        made.write("in/a.csv", "1,2\n")
        name, where = {"deploy": ("--endpoint-name", "_endpoints/j"), "transform": ("--job-name", "j")}[request.param]
        more = ("--input", "in", "--output", "out") if request.param == "transform" else ()
        running = made.start(request.param, "--model-data", "model.tar.gz", name, "j", *more)
        log, deadline = made.run_folder(where) / "log.txt", time.monotonic() + 120
        while not (log.exists() and "waits" in log.read_text()):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert made.harness("clean", "--json", **NO_DOCKER).json["Forgotten"] == []  # as long as the command runs
        running.kill()
        running.communicate()
        assert what_is_left(made) == []
        assert self.resources(made)
        return made

    def resources(self, made) -> list[str]:
        return [str(path) for kind in ("_models", "_endpoint-configs") for path in made.run_folder(kind).glob("*j*")]

    @pytest.mark.slow
    def test_is_forgotten_when_it_is_cleaned_up(self, killed):
        done = killed.harness("clean", **NO_DOCKER)
        assert (done.code, done.err) == (0, "j: what a killed command had made for it is forgotten\n")
        assert self.resources(killed) == []
        assert killed.harness("clean", **NO_DOCKER).err == "there was nothing to clean up\n"

    @pytest.mark.slow
    def test_is_forgotten_by_the_next_job(self, killed):
        killed.harness("train")
        assert self.resources(killed) == []


@pytest.mark.docker
def test_containers_of_jobs_that_nobody_runs_are_removed(project):
    made, client = project(), client_or_skip()
    image = image_or_skip(client)
    marks = labels(Job(made.folder / "runs" / "dead"), "algo-1")
    client.api.create_container(image, ["sleep", "600"], labels=marks)
    assert marked(client, made.folder)
    made.harness("clean", "--json")
    assert not marked(client, made.folder)
    client.close()
