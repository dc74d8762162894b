"""How endpoints and deployments end: deleted, killed, or failed before they served; nothing of them is left."""

from __future__ import annotations

import io
import os
import shutil
import signal
import tarfile
import time
from pathlib import Path

import pytest

from tests.cli.deployments import (
    MULTIPLIES,
    deploy,
    endpoints,
    processes,
    server,
    wait_for_log,
    what_is_left,
    with_model,
)


class TestTheEndOfAnEndpoint:
    @pytest.mark.slow
    def test_leaves_no_process_model_configuration_or_folder(self, project):
        made = with_model(project)
        assert deploy(made).code == 0
        assert processes(made.folder)
        assert made.harness("delete-endpoint", "--endpoint-name", "e").code == 0
        assert what_is_left(made) == []
        for kind in ("_endpoints", "_endpoint-configs", "_models"):
            assert [path.name for path in made.run_folder(kind).iterdir() if path.name != "_active"] == []

    @pytest.mark.slow
    def test_comes_with_that_of_all_runs_that_are_stopped(self, project):
        made = with_model(project)
        assert deploy(made).code == 0
        done = made.harness("clean", "--stop", "--json", DOCKER_HOST="unix:///nowhere/docker.sock")
        assert (done.code, done.json["Stopped"]) == (0, ["e"])
        assert what_is_left(made) == []
        assert not list(made.folder.glob("runs/_*/[!_]*"))

    @pytest.mark.slow
    def test_comes_with_that_of_its_folder_and_of_no_other_one_of_its_name(self, project, ends):
        made = with_model(project)
        assert deploy(made).code == 0
        first = processes(made.folder)
        shutil.rmtree(made.folder / "runs")
        assert deploy(made).code == 0
        ends(made)
        deadline = time.monotonic() + 120
        while set(first) & set(processes(made.folder)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not set(first) & set(processes(made.folder))
        assert endpoints(made) == {"e": "InService"}

    @pytest.mark.slow
    def test_waits_for_what_it_has_begun_to_answer(self, project, tmp_path, ends):
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        made = with_model(
            project, f"{MULTIPLIES}\ndef input_fn(body, kind):\n    open({str(gate)!r}).read(); return 21"
        )
        ends(made)
        assert deploy(made).code == 0
        made.write("body", "[1]")
        asking = made.start("invoke", "--endpoint-name", "e", "body")
        with gate.open("w"):  # returns when the model is at it
            deleting = made.start("delete-endpoint", "--endpoint-name", "e")
            while made.describe("_endpoints/e")["EndpointStatus"] != "Deleting":
                assert deleting.poll() is None, deleting.communicate()
                time.sleep(0.01)
        answer, err = asking.communicate(timeout=120)
        assert (asking.returncode, answer) == (0, b"42.0"), err
        assert deleting.communicate(timeout=120)[1] == b"e is gone\n"
        assert what_is_left(made) == []

    @pytest.mark.slow
    def test_ends_whoever_follows_its_log(self, project):
        made = with_model(project)
        deploy(made)
        following = made.start("runs", "follow", "e")
        assert b"harness.server listens" in following.stdout.readline()
        made.here("delete-endpoint", "--endpoint-name", "e")
        _, err = following.communicate(timeout=120)
        assert (following.returncode, err) == (0, b"e is gone\n")

    @pytest.mark.slow
    def test_is_not_brought_about_by_the_end_of_following(self, project, ends):
        made = with_model(project)
        ends(made)
        deploy(made)
        following = made.start("runs", "follow", "e")
        following.stdout.readline()
        os.kill(following.pid, signal.SIGINT)
        _, err = following.communicate(timeout=120)
        assert following.returncode == 130
        assert b"e goes on" in err
        assert endpoints(made) == {"e": "InService"}

    @pytest.mark.slow
    def test_by_kill_9_of_its_server_is_described_as_failed_and_frees_the_name(self, project, ends):
        made = with_model(project)
        ends(made)
        port = int(deploy(made, "e", "--json").json["EndpointUrl"].rpartition(":")[2])
        os.kill(server(port), signal.SIGKILL)
        assert what_is_left(made) == []
        shown = made.here("runs", "show", "e").json
        assert shown["EndpointStatus"] == "Failed"
        assert "has ended" in shown["FailureReason"]
        assert "EndpointUrl" not in shown
        assert "not found" in made.here("invoke", "--endpoint-name", "e", stdin="[1]").err
        assert deploy(made).code == 0
        assert made.here("invoke", "--endpoint-name", "e", stdin="[1]").out == "[2.0]"

    @pytest.mark.slow
    def test_by_kill_9_of_its_supervisor_leaves_nothing_running(self, project):
        made = with_model(project)
        deploy(made)
        os.kill(int((made.run_folder("_endpoints/_active") / "e").read_text()), signal.SIGKILL)
        assert what_is_left(made) == []
        assert endpoints(made) == {"e": "Failed"}
        shown = made.here("runs", "show", "e").json
        assert "the name is free" in shown["FailureReason"]
        assert "EndpointUrl" not in shown
        assert made.here("delete-endpoint", "--endpoint-name", "e").code == 0
        assert endpoints(made) == {}

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
    def test_comes_with_that_of_the_command_before_it_is_in_service(self, project, number):
        script = MULTIPLIES + "\nprint('loading', flush=True)\nimport time; time.sleep(60)\n"
        made = with_model(project, script)
        deploying = made.start("deploy", "--endpoint-name", "e", "--model-data", "model.tar.gz")
        wait_for_log(made, "loading")
        os.kill(deploying.pid, number)
        _, err = deploying.communicate(timeout=120)
        assert deploying.returncode == (130 if number == signal.SIGINT else -9)
        assert b"Traceback" not in err
        assert what_is_left(made) == []
        assert endpoints(made) == {}
        if number == signal.SIGINT:
            for kind in ("_endpoint-configs", "_models"):
                assert list(made.run_folder(kind).iterdir()) == []


@pytest.mark.slow
class TestADeploymentThatIsKilled:
    def test_leaves_a_name_that_can_be_deployed_to_again(self, project, ends):
        script = "def model_fn(model_dir):\n    print('loading', flush=True)\n    import time; time.sleep(600)"
        made = with_model(project, script)
        ends(made)
        deploying = made.start("deploy", "--endpoint-name", "e", "--model-data", "model.tar.gz")
        log = made.run_folder("_endpoints/e") / "log.txt"
        deadline = time.monotonic() + 120
        while not (log.exists() and "loading" in log.read_text()):
            assert deploying.poll() is None, deploying.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        deploying.kill()
        deploying.communicate()
        assert what_is_left(made) == []
        made.write("src/train.py", MULTIPLIES)
        done = deploy(made)
        assert done.code == 0, done.err
        assert endpoints(made) == {"e": "InService"}


class TestADeploymentThatFails:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("script", "reason"),
        [
            ("", "has no model_fn, and scikit-learn images have no default one"),
            ("def model_fn(model_dir): raise ValueError('no such tree')", "ValueError: no such tree"),
            ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
            ("def model_fn(d): pass\ndef input_fn(a, b): pass\ndef transform_fn(a, b, c, d): pass", "transform_fn"),
            ("import os; os._exit(7)", "the module ended the process that imported it"),
        ],
    )
    def test_says_why_at_once(self, project, script, reason):
        made = with_model(project, script)
        began = time.monotonic()
        done = deploy(made)
        assert time.monotonic() - began < 30, "AWS waits 4 minutes"
        assert done.code == 1
        said = next(line for line in done.err.splitlines() if "did not pass the ping health check" in line)
        assert reason in said
        assert "harness.server failed: " in done.err, "the log is shown when it explains a failure"
        assert done.out.startswith("\ne  Failed")
        assert what_is_left(made) == []

    @pytest.mark.slow
    def test_leaves_a_name_that_can_be_deployed_to_again(self, project, ends):
        made = with_model(project, "")
        ends(made)
        assert deploy(made, "e", "--json").json["EndpointStatus"] == "Failed"
        made.write("src/train.py", MULTIPLIES)
        assert deploy(made).code == 0
        assert endpoints(made) == {"e": "InService"}

    @pytest.mark.parametrize(
        "member",
        [
            {"name": "../escaped"},
            {"name": "/tmp/harness-escaped"},
            {"name": "link", "type": tarfile.SYMTYPE, "linkname": "../../../../src"},
            {"name": "link", "type": tarfile.LNKTYPE, "linkname": "/etc/passwd"},
            {"name": "device", "type": tarfile.CHRTYPE},
        ],
        ids=lambda member: member["name"] + str(member.get("linkname", "")),
    )
    def test_because_the_archive_reaches_out_writes_nothing_anywhere(self, project, member):
        made = with_model(project)
        with tarfile.open(made.folder / "model.tar.gz", "w:gz") as tar:
            info = tarfile.TarInfo(member["name"])
            for attribute, value in member.items():
                setattr(info, attribute, value)
            tar.addfile(info, io.BytesIO(b""))
        before = sorted(path for path in made.folder.parent.rglob("*") if "runs" not in path.parts)
        done = made.here("deploy", "--endpoint-name", "e", "--model-data", "model.tar.gz")
        assert done.code in {1, 2}
        assert member["name"] in done.err
        assert "Traceback" not in done.err
        assert endpoints(made) == {}
        after = [path for path in made.folder.parent.rglob("*") if not {"runs", ".harness"} & {*path.parts}]
        assert sorted(after) == before
        assert not Path("/tmp/harness-escaped").exists()
        assert list(made.run_folder("_models").iterdir()) == []

    @pytest.mark.parametrize(
        ("name", "content"), [("none.tar.gz", None), ("text.tar.gz", b"no archive"), ("half.tar.gz", "half")]
    )
    def test_because_there_is_no_whole_archive_names_it(self, project, name, content):
        made = with_model(project)
        if content == "half":
            content = (made.folder / "model.tar.gz").read_bytes()[:-20]
        if content is not None:
            made.write(name, content)
        done = made.here("deploy", "--model-data", name)
        assert done.code in {1, 2}
        assert name in done.err
        assert "Traceback" not in done.err
        assert endpoints(made) == {}

    def test_because_there_is_no_such_job_names_the_nearest(self, project):
        made = project()
        made.harness("train", "--job-name", "iris-job")
        done = made.here("deploy", "--job", "iris-jbo")
        assert done.code == 2
        assert "There is no training job iris-jbo on local. Did you mean iris-job?" in done.err
        assert "harness runs" in done.err

    def test_because_there_is_no_model_says_how_to_name_one(self, project):
        done = project().here("deploy")
        assert done.code == 2
        assert "--job or --model-data" in done.err
