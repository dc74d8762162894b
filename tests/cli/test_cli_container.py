"""``harness train --on container``, as a user runs it, in a real Docker engine."""

from __future__ import annotations

import json
import os
import signal
import tarfile

import pytest

from tests.docker_engine import client_or_skip, image_or_skip, marked

pytestmark = pytest.mark.docker

TELLS = """
import json, os
seen = {name: value for name, value in os.environ.items() if name.startswith("SM_")}
with open("/opt/ml/model/" + os.environ["SM_CURRENT_HOST"] + ".json", "w") as file:
    json.dump(seen, file)
print("loss=0.25")
"""
METRIC = """metric_definitions = [{Name = "loss", Regex = "loss=([0-9.]+)"}]"""
OF_THE_IMAGE = {"SM_INPUT", "SM_INPUT_TRAINING_CONFIG_FILE", "SM_INPUT_DATA_CONFIG_FILE", "SM_CHECKPOINT_CONFIG_FILE"}


@pytest.fixture(autouse=True)
def engine(tmp_path):
    """The engine; nothing of a test's jobs is left in it."""
    client = client_or_skip()
    image_or_skip(client)
    yield client
    left = marked(client, tmp_path)
    client.close()
    assert not left


def model(made, job) -> dict[str, bytes]:
    with tarfile.open(made.run_folder(job) / "output/model.tar.gz") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def train(made, on, job, *arguments):
    return made.harness("train", "--on", on, "--job-name", job, "--json", *arguments)


class TestAJobInAContainer:
    def test_ends_like_one_of_a_plain_process(self, project):
        made = project(TELLS, config=METRIC)
        local, container = train(made, "local", "l"), train(made, "container", "c")
        assert (local.code, container.code) == (0, 0), container.err
        values = [[each["Value"] for each in done.json["FinalMetricDataList"]] for done in (local, container)]
        assert values == [[0.25], [0.25]]
        names = [
            sorted(str(path.relative_to(made.run_folder(job))) for path in made.run_folder(job).rglob("*"))
            for job in ("l", "c")
        ]
        assert names[0] == names[1]

    def test_sees_the_variables_that_harness_contract_tells(self, project):
        script = TELLS + "import shutil; shutil.copytree('/opt/ml/input/config', '/opt/ml/model/config')\n"
        made = project(script)
        assert train(made, "container", "j", "--hyperparameter", "n=30", "--hyperparameter", "x=a b").code == 0
        found = model(made, "j")
        for name, content in found.items():
            if name.startswith("config/"):
                made.write(name, content)
        given = ("TRAINING_JOB_NAME=j", "SAGEMAKER_TRAINING_MODULE=sagemaker_sklearn_container.training:main")
        options = [word for each in given for word in ("--environment", each)]
        ours = made.harness("contract", "config", "--json", *options).json["environment"]
        ours = {name: value for name, value in ours.items() if name.startswith("SM_")}
        theirs = json.loads(found["algo-1.json"])
        assert {name: value for name, value in theirs.items() if name not in OF_THE_IMAGE - set(ours)} == ours

    def test_that_fails_says_why_in_the_toolkit_s_words(self, project):
        done = train(project("raise SystemExit(3)"), "container", "j")
        assert done.code == 1
        assert done.json["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 3\n")

    def test_leaves_files_that_are_the_user_s(self, project):
        made = project(TELLS)
        assert train(made, "container", "j").code == 0
        assert {path.stat().st_uid for path in made.run_folder("j").rglob("*")} == {os.getuid()}

    def test_without_network_reaches_nobody(self, project):
        script = "import os; print('interfaces', sorted(os.listdir('/sys/class/net')))"
        done = project(script).harness("train", "--on", "container", "--enable-network-isolation")
        assert done.code == 0, done.err
        assert "eth0" not in next(line for line in done.out.splitlines() if "| interfaces" in line)

    def test_by_ctrl_c_is_removed(self, project):
        made = project("import time; print('started', flush=True); time.sleep(600)")
        running = made.start("train", "--on", "container", "--job-name", "j")
        while b"started" not in running.stdout.readline():
            assert running.poll() is None
        os.kill(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=60)
        assert running.returncode == 130
        assert b"Traceback" not in err
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"

    @pytest.mark.parametrize(
        ("options", "variables"),
        [(["--image-uri", "nowhere/none:1"], {}), ([], {"DOCKER_HOST": "unix:///nowhere/docker.sock"})],
    )
    def test_that_lacks_engine_or_image_is_refused_before_anything_starts(self, project, options, variables):
        made = project()
        done = made.harness("train", "--on", "container", *options, **variables)
        assert done.code == 4, done.err
        assert "Traceback" not in done.err
        assert not list((made.folder / "runs").glob("[!_.]*"))
