"""The two ends of a job, its caller's and its supervisor's: what each learns of the other. Real processes."""

import json
import os
import select
import subprocess
import sys
from contextlib import suppress

import pytest

from harness import submission
from harness.config import load

PROGRAM = """
import atexit, json, os, shutil, sys, threading, time
from pathlib import Path
from harness.engine.nursery import Nursery
from harness.engine.settings import EngineSettings
from harness.engine.store import Store
from harness.engine.supervisor import start
from harness.engine.training import describe_new

request = json.loads(Path("request.json").read_text())
settings = EngineSettings(stop_grace=0, cache="cache")
store = Store(Path("runs"))
def breed(*prepare):
    nursery = Nursery(*prepare)
    atexit.register(nursery.close)
    return nursery

nursery = breed() if "nursery" in sys.argv else None
if "threads" in sys.argv or nursery:
    threading.Thread(target=threading.Event().wait, daemon=True).start()

def begin(name):
    job, lock = store.create(name, "Create", request, describe_new({**request, "TrainingJobName": name}, settings))
    settings.write(job.path)
    shutil.copytree("src", job.path / "source")
    return job, start(job, lock, nursery)

def over(job):
    while job.held():
        time.sleep(0.01)
"""
SLEEPS = "import time; print('started', flush=True); time.sleep(600)"


def run(made, body: str, *arguments: str) -> str:
    """Run a program that is a caller; what it printed."""
    made.write("request.json", planned(made))
    command = [sys.executable, "-W", "error", "-c", PROGRAM + body, *arguments]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("path", ["fork", "threads", "nursery"])
class TestACaller:
    def test_is_woken_until_the_job_has_ended_and_then_told_so_every_time(self, project, path):
        made = project("print('hello')")
        body = "job, attached = begin('j')\nwhile attached.wait(): pass\nprint(attached.wait(), job.status)"
        assert run(made, body, path) == "False Completed\n"

    def test_waits_no_longer_than_it_wants_to(self, project, path):
        made = project("import time; time.sleep(600)")
        body = """
job, attached = begin('j')
while job.description["SecondaryStatus"] != "Training":
    attached.wait()
attached.wait(0)
print(attached.wait(0.01))
attached.abandon()
print(job.held(), job.status)
"""
        assert run(made, body, path) == "True\nFalse Stopped\n"

    def test_that_abandons_a_job_finds_nothing_of_it_running(self, project, path):
        body = "job, attached = begin('j')\nattached.abandon()\nattached.abandon()\nprint(job.held(), job.status)"
        assert run(project(SLEEPS), body, path) == "False Stopped\n"

    @pytest.mark.slow
    def test_that_detaches_a_job_may_end_before_it(self, project, path):
        made = project("import time; time.sleep(0.5); open('/opt/ml/model/m', 'w')")
        run(made, "begin('j')[1].detach()", path)
        assert made.here("runs", "follow", "j").code == 0
        assert made.describe("j")["TrainingJobStatus"] == "Completed"

    def test_that_just_ends_takes_its_job_along(self, project, path):
        made = project(SLEEPS)
        run(made, "job, attached = begin('j')\nos._exit(0)", path)
        made.here("runs", "follow", "j")
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"

    def test_reads_of_a_killed_supervisor_by_its_end(self, project, path):
        body = """
import signal
from harness.engine.supervisor import fail
job, attached = begin('j')
while job.owner() is None:
    pass
os.kill(job.owner(), signal.SIGKILL)
while attached.wait():
    pass
print(job.held(), job.status)
print(store.bury(lambda lost: fail(lost, "lost")), job.status)
"""
        assert run(project(SLEEPS), body, path) == "False InProgress\n['j'] Failed\n"

    def test_with_more_than_a_thousand_open_files_can_wait_too(self, project, path):
        body = """
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1500)]
job, attached = begin('j')
while attached.wait():
    pass
print(job.status)
"""
        assert run(project("pass"), body, path) == "Completed\n"


def test_a_job_of_several_does_not_hear_of_the_end_of_another(project):
    body = """
first, second = begin('a'), begin('b')
first[1].abandon()
print(first[0].status, second[0].held())
second[1].abandon()
print(second[0].status)
"""
    assert run(project(SLEEPS), body) == "Stopped True\nStopped\n"


ANEW = """
job, attachment = begin("j")
while b"started" not in job.log.read_bytes():
    time.sleep(0.01)
shutil.rmtree(job.path)
Path("src/train.py").write_text("import time; print('anew', flush=True); time.sleep(600)")
again, other = begin("j")
while b"anew" not in again.log.read_bytes():
    time.sleep(0.01)
there = set(again.path.rglob("[!.]*"))
Path("end").touch()
while attachment.wait():
    pass
print(again.status, *set(again.path.rglob("[!.]*")) ^ there, again.log.read_text())
other.abandon()
"""


@pytest.mark.parametrize("ends", ["exit(0)", "exit(1)"], ids=["completed", "failed"])
def test_a_job_whose_folder_was_removed_and_made_anew_writes_nothing_into_it(project, ends):
    made = project()
    made.write(
        "src/train.py",
        "import os, time; open('/opt/ml/model/m', 'w'); print('started', flush=True)\n"
        f"while not os.path.exists({str(made.folder / 'end')!r}): time.sleep(0.01)\n{ends}",
    )
    assert run(made, ANEW) == "InProgress algo-1 | anew\n\n"


class TestANursery:
    def test_gives_supervisors_the_environment_of_the_moment(self, project):
        body = """
os.environ["LATER"] = "said"
job, attached = begin('j')
status = Path(f"/proc/{job.owner()}/status").read_text()
print(f"PPid:\\t{nursery._pid}\\n" in status)
while "said" not in job.log.read_text():
    attached.wait()
attached.abandon()
print(job.status)
"""
        passes = "settings = EngineSettings(pass_environment=('LATER',), cache='cache')"
        made = project("import os, time; print(os.environ['LATER'], flush=True); time.sleep(600)")
        assert run(made, passes + body, "nursery") == "True\nStopped\n"

    def test_that_has_been_killed_is_said_and_leaves_no_job_that_seems_to_run(self, project):
        body = """
import signal
os.kill(nursery._pid, signal.SIGKILL)
os.waitpid(nursery._pid, 0)
try:
    begin('j')
except RuntimeError as error:
    print(error)
from harness.engine.supervisor import lose
print(store.bury(lose), store.job('j').status)
"""
        said = "the process that forks supervisors has ended; start the harness again\n['j'] Failed\n"
        assert run(project("pass"), body, "nursery") == said

    @pytest.mark.parametrize("end", ["nursery.close()", "os._exit(0)", "os.kill(os.getpid(), 9)"])
    def test_ends_with_its_caller_however_that_ends(self, project, end):
        made = project("pass")
        made.write(
            "end.py", PROGRAM.replace("request = ", "request = None  # ", 1) + f"print(nursery._pid, flush=True)\n{end}"
        )
        process = subprocess.Popen(
            [sys.executable, "end.py", "nursery"], cwd=made.folder, stdout=subprocess.PIPE, text=True
        )
        nursery = int(process.communicate(timeout=120)[0])
        with suppress(ProcessLookupError):
            pidfd = os.pidfd_open(nursery)
            assert select.select([pidfd], [], [], 60)[0]
            os.close(pidfd)

    def test_whose_preparation_fails_forks_all_the_same(self, project):
        body = """
nursery = breed(lambda: 1 / 0)
job, attached = begin('j')
while attached.wait():
    pass
print(job.status)
"""
        assert run(project("pass"), body) == "Completed\n"


def test_a_spawned_supervisor_is_not_deceived_by_what_lies_in_the_caller_s_folder(project):
    made = project("pass", files={"json.py": "raise SystemExit", "harness/__init__.py": "raise SystemExit"})
    made.write("request.json", planned(made))
    body = "job, attached = begin('j')\nwhile attached.wait(): pass\nprint(job.status)"
    command = [sys.executable, "-P", "-c", PROGRAM + body, "threads"]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, timeout=120)
    assert done.stdout == "Completed\n", done.stderr


def planned(made) -> str:
    """The request of the project's job."""
    given = {"on": "local", "job_name": "j", "runs_dir": str(made.folder / "runs")}
    config = load(config_file=made.folder / "harness.toml", flags=given, environ={})
    return json.dumps(submission.job(config, "TrainingJob").request)
