"""``harness deploy``, ``invoke`` and ``delete-endpoint`` as a user runs them: each a process of its own."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from http.client import HTTPConnection
from pathlib import Path

import pytest

MULTIPLIES = """
import os
import numpy

def model_fn(model_dir):
    with open(os.path.join(model_dir, "factor")) as file:
        return float(file.read())

def predict_fn(data, factor):
    return numpy.asarray(data) * factor

if __name__ == "__main__":
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "factor"), "w") as file:
        file.write("2")
"""
ONE_WORKER = "model_server_workers = 1"


def archive(path: Path, **files: str) -> str:
    """A model.tar.gz; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return str(path)


def with_model(make, script=MULTIPLIES, *, config="", **more):
    """A project with the archive ``model.tar.gz``."""
    made = make(script, config=f"{ONE_WORKER}\n{config}", **more)
    archive(made.folder / "model.tar.gz", factor="2")
    return made


def deploy(made, name="e", *options, **variables):
    return made.harness("deploy", "--endpoint-name", name, "--model-data", "model.tar.gz", *options, **variables)


def endpoints(made) -> dict[str, str]:
    """What ``harness runs`` says of endpoints: name -> status."""
    return {each["Name"]: each["Status"] for each in made.harness("runs", "--json").json if each["Kind"] == "Endpoint"}


def processes(folder: Path) -> list[int]:
    """All processes that mention a project's folder, or have it open or as their working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [each.readlink() for each in (process / "cwd", *(process / "fd").iterdir())]
            text = (process / "cmdline").read_text()
        except OSError:
            continue
        if int(process.name) != os.getpid() and any(str(folder) in str(each) for each in (text, *links)):
            found.append(int(process.name))
    return found


def server(port: int) -> int:
    """The model server at a port of this machine: the first of those that hold its socket, the supervisor aside."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = [row[9] for row in rows if row[1] == f"0100007F:{port:04X}" and row[3] == "0A"]
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            holds = Path(f"socket:[{inode}]") in [each.readlink() for each in (process / "fd").iterdir()]
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if holds and b"harness.server" in command:
            return int(process.name)
    raise AssertionError(f"nobody serves at {port}")


def what_is_left(made) -> list[str]:
    """Wait for a project's last process to end, for what is killed takes a moment; those that do not."""
    deadline = time.monotonic() + 10
    while processes(made.folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [told(pid) for pid in processes(made.folder)]


def told(pid: int) -> str:
    """What there is to know of a process that should not be there."""
    process = Path(f"/proc/{pid}")
    try:
        state = re.sub(r"(?s).*(State:[^\n]*).*(PPid:[^\n]*).*", r"\1, \2", (process / "status").read_text())
        return f"{pid}: {state}, {(process / 'wchan').read_text()}, {(process / 'cmdline').read_text()!r}"
    except OSError:
        return f"{pid}: gone"


@pytest.fixture
def ends(request):
    """Have a project's endpoints deleted when the test is over."""
    made = []
    yield made.append
    for project in made:
        for name in endpoints(project):
            project.harness("delete-endpoint", "--endpoint-name", name)


@pytest.fixture(scope="module")
def served(shared_project):
    """A project whose trained model is served at the endpoint ``shared``, and what deploying it printed."""
    made = shared_project(MULTIPLIES, config=ONE_WORKER)
    assert made.harness("train", "--job-name", "trained").code == 0
    done = made.harness("deploy", "--job", "trained", "--endpoint-name", "shared")
    yield made, done
    assert made.harness("delete-endpoint", "--endpoint-name", "shared").code == 0
    assert endpoints(made) == {}


class TestAnEndpoint:
    def test_is_in_service_when_the_command_returns_and_its_url_is_on_stdout(self, served):
        _, done = served
        assert done.code == 0, done.err
        first, second = done.out.strip().splitlines()
        assert first.startswith("shared  InService")
        url = second.split()[-1]
        connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/ping")
        assert connection.getresponse().status == 200
        connection.close()

    def test_keeps_the_log_of_its_server_to_itself(self, served):
        made, done = served
        assert "algo-1" not in done.out + done.err
        log = made.run_folder("_endpoints/shared") / "log.txt"
        assert "harness.server listens on http://127.0.0.1:" in log.read_text()

    def test_is_listed_and_shown_with_its_url(self, served):
        made, _ = served
        listed = [each for each in made.harness("runs", "--json").json if each["Name"] == "shared"]
        shown = made.harness("runs", "show", "shared").json
        assert [each["EndpointUrl"] for each in listed] == [shown["EndpointUrl"]]
        assert shown["EndpointUrl"] in made.harness("runs").out
        assert (shown["EndpointStatus"], shown["EndpointConfigName"]) == ("InService", "shared")

    def test_is_not_stopped_like_a_job(self, served):
        made, _ = served
        done = made.harness("runs", "stop", "shared")
        assert done.code == 2
        assert "harness delete-endpoint --endpoint-name shared" in done.err
        assert endpoints(made)["shared"] == "InService"

    def test_answers_csv_from_stdin_as_json(self, served):
        made, _ = served
        arguments = ("invoke", "--endpoint-name", "shared", "--content-type", "text/csv", "-")
        done = made.harness(*arguments, stdin="1,2\n3,4\n")
        assert (done.code, json.loads(done.out)) == (0, [[2.0, 4.0], [6.0, 8.0]])

    def test_answers_a_file_in_the_wanted_type(self, served):
        made, _ = served
        made.write("body.json", "[[1, 2]]")
        done = made.harness("invoke", "--endpoint-name", "shared", "--accept", "text/csv", "body.json")
        assert (done.code, done.out) == (0, "2.0,4.0\n")

    def test_answers_numpy_s_format_to_the_byte(self, served):
        numpy = pytest.importorskip("numpy")
        made, _ = served
        body = io.BytesIO()
        numpy.save(body, numpy.array([[1.5, 2.0]]))
        made.write("body.npy", body.getvalue())
        types = ("--content-type", "application/x-npy", "--accept", "application/x-npy")
        done = subprocess.run(
            [sys.executable, "-m", "harness", "invoke", "--endpoint-name", "shared", *types, "body.npy"],
            cwd=made.folder,
            capture_output=True,
            check=True,
        )
        assert numpy.load(io.BytesIO(done.stdout)).tolist() == [[3.0, 4.0]]

    def test_answers_what_the_model_cannot_take_with_a_model_error(self, served):
        made, _ = served
        done = made.harness("invoke", "--endpoint-name", "shared", "--content-type", "text/csv", stdin="no number\n")
        assert done.code == 2
        assert done.out == ""
        assert "(ModelError)" in done.err
        assert "Received server error (500) from primary" in done.err
        assert "Traceback" not in done.err

    def test_refuses_a_body_beyond_the_limit_of_invoke_endpoint(self, served):
        made, _ = served
        made.write("large", b"0" * (6_291_456 + 1))
        done = made.harness("invoke", "--endpoint-name", "shared", "large")
        assert done.code == 2
        assert "6291456 bytes" in done.err

    def test_takes_a_body_of_exactly_that_limit(self, served):
        made, _ = served
        made.write("limit", b"[1" + b" " * (6_291_456 - 3) + b"]")
        done = made.harness("invoke", "--endpoint-name", "shared", "limit")
        assert (done.code, done.out) == (0, "[2.0]")

    def test_has_a_name_that_no_other_can_take(self, served):
        made, _ = served
        done = made.harness("deploy", "--job", "trained", "--endpoint-name", "shared")
        assert done.code == 2
        assert "There is an endpoint shared already (InService)" in done.err
        assert "harness delete-endpoint --endpoint-name shared" in done.err
        assert endpoints(made)["shared"] == "InService"

    def test_has_a_port_that_no_other_can_take(self, served):
        made, _ = served
        port = made.harness("runs", "show", "shared").json["EndpointUrl"].rpartition(":")[2]
        done = made.harness("deploy", "--job", "trained", "--endpoint-name", "second", "--port", port)
        assert made.harness("delete-endpoint", "--endpoint-name", "second").code == 0
        assert done.code == 1
        assert f"Port {port} on this machine: Address already in use. Choose another --port" in done.err

    def test_that_there_is_not_is_an_error_in_aws_s_words(self, served):
        made, _ = served
        asked = made.harness("invoke", "--endpoint-name", "none", stdin="[1]")
        deleted = made.harness("delete-endpoint", "--endpoint-name", "none")
        assert (asked.code, deleted.code) == (2, 2)
        assert "Endpoint none of account 000000000000 not found. (ValidationError)" in asked.err
        assert 'Could not find endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/none"' in deleted.err


@pytest.mark.slow
class TestSeveralEndpoints:
    def test_live_side_by_side_at_ports_of_their_own_and_end_one_by_one(self, project, ends):
        made = with_model(project)
        ends(made)
        urls = {}
        for name, factor in (("two", "2"), ("three", "3")):
            archive(made.folder / "model.tar.gz", factor=factor)
            urls[name] = deploy(made, name, "--json").json["EndpointUrl"]
        assert len(set(urls.values())) == 2
        answers = {name: made.harness("invoke", "--endpoint-name", name, stdin="[1]").out for name in urls}
        assert answers == {"two": "[2.0]", "three": "[3.0]"}
        assert made.harness("delete-endpoint", "--endpoint-name", "two").code == 0
        assert endpoints(made) == {"three": "InService"}
        assert made.harness("delete-endpoint", "--endpoint-name", "two").code == 2
        assert made.harness("invoke", "--endpoint-name", "three", stdin="[1]").out == "[3.0]"


class TestTheEndOfAnEndpoint:
    def test_leaves_no_process_model_configuration_or_folder(self, project):
        made = with_model(project)
        assert deploy(made).code == 0
        assert processes(made.folder)
        assert made.harness("delete-endpoint", "--endpoint-name", "e").code == 0
        assert what_is_left(made) == []
        for kind in ("_endpoints", "_endpoint-configs", "_models"):
            assert [path.name for path in made.run_folder(kind).iterdir() if path.name != "_active"] == []

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
        answer, err = asking.communicate(timeout=60)
        assert (asking.returncode, answer) == (0, b"42.0"), err
        assert deleting.communicate(timeout=60)[1] == b"e is gone\n"
        assert what_is_left(made) == []

    def test_ends_whoever_follows_its_log(self, project):
        made = with_model(project)
        deploy(made)
        following = made.start("runs", "follow", "e")
        assert b"harness.server listens" in following.stdout.readline()
        made.harness("delete-endpoint", "--endpoint-name", "e")
        _, err = following.communicate(timeout=30)
        assert (following.returncode, err) == (0, b"e is gone\n")

    def test_is_not_brought_about_by_the_end_of_following(self, project, ends):
        made = with_model(project)
        ends(made)
        deploy(made)
        following = made.start("runs", "follow", "e")
        following.stdout.readline()
        os.kill(following.pid, signal.SIGINT)
        _, err = following.communicate(timeout=30)
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
        shown = made.harness("runs", "show", "e").json
        assert shown["EndpointStatus"] == "Failed"
        assert "has ended" in shown["FailureReason"]
        assert "EndpointUrl" not in shown
        assert "not found" in made.harness("invoke", "--endpoint-name", "e", stdin="[1]").err
        assert deploy(made).code == 0
        assert made.harness("invoke", "--endpoint-name", "e", stdin="[1]").out == "[2.0]"

    def test_by_kill_9_of_its_supervisor_leaves_nothing_running(self, project):
        made = with_model(project)
        deploy(made)
        os.kill(int((made.run_folder("_endpoints/_active") / "e").read_text()), signal.SIGKILL)
        assert what_is_left(made) == []
        assert endpoints(made) == {"e": "Failed"}
        shown = made.harness("runs", "show", "e").json
        assert "the name is free" in shown["FailureReason"]
        assert "EndpointUrl" not in shown
        assert made.harness("delete-endpoint", "--endpoint-name", "e").code == 0
        assert endpoints(made) == {}

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
    def test_comes_with_that_of_the_command_before_it_is_in_service(self, project, number):
        script = MULTIPLIES + "\nprint('loading', flush=True)\nimport time; time.sleep(60)\n"
        made = with_model(project, script)
        deploying = made.start("deploy", "--endpoint-name", "e", "--model-data", "model.tar.gz")
        log = made.run_folder("_endpoints/e") / "log.txt"
        deadline = time.monotonic() + 30
        while not (log.exists() and "loading" in log.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(deploying.pid, number)
        _, err = deploying.communicate(timeout=30)
        assert deploying.returncode == (130 if number == signal.SIGINT else -9)
        assert b"Traceback" not in err
        assert what_is_left(made) == []
        assert endpoints(made) == {}
        if number == signal.SIGINT:
            for kind in ("_endpoint-configs", "_models"):
                assert list(made.run_folder(kind).iterdir()) == []


class TestADeploymentThatIsKilled:
    def test_leaves_a_name_that_can_be_deployed_to_again(self, project, ends):
        script = "def model_fn(model_dir):\n    print('loading', flush=True)\n    import time; time.sleep(600)"
        made = with_model(project, script)
        ends(made)
        deploying = made.start("deploy", "--endpoint-name", "e", "--model-data", "model.tar.gz")
        log = made.run_folder("_endpoints/e") / "log.txt"
        deadline = time.monotonic() + 60
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
        assert reason in done.err.splitlines()[-1]
        assert "did not pass the ping health check" in done.err
        assert "harness.server failed: " in done.err, "the log is shown when it explains a failure"
        assert done.out.startswith("\ne  Failed")
        assert what_is_left(made) == []

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
        done = deploy(made)
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
        done = made.harness("deploy", "--model-data", name)
        assert done.code in {1, 2}
        assert name in done.err
        assert "Traceback" not in done.err
        assert endpoints(made) == {}

    def test_because_there_is_no_such_job_names_the_nearest(self, project):
        made = project()
        made.harness("train", "--job-name", "iris-job")
        done = made.harness("deploy", "--job", "iris-jbo")
        assert done.code == 2
        assert "There is no training job iris-jbo on local. Did you mean iris-job?" in done.err
        assert "harness runs" in done.err

    def test_because_there_is_no_model_says_how_to_name_one(self, project):
        done = project().harness("deploy")
        assert done.code == 2
        assert "--job or --model-data" in done.err


class TestWhatServes:
    @pytest.mark.slow
    def test_is_what_requirements_ask_for_and_the_environment_says(self, project, ends):
        script = MULTIPLIES.replace("import numpy\n", "import greeting\nimport numpy\n").replace(
            "* factor", "* factor + greeting.NUMBER + int(os.environ['OFFSET'])"
        )
        made = with_model(
            project,
            script,
            files={"src/requirements.txt": "--no-index\n--find-links .\ngreeting\n"},
            config="[deploy.environment]\nOFFSET = '100'",
        )
        ends(made)
        with zipfile.ZipFile(made.folder / "src/greeting-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("greeting.py", "NUMBER = 10\n")
            info = "greeting-1.0.dist-info"
            wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        done = deploy(made)
        assert done.code == 0, done.err
        assert made.harness("invoke", "--endpoint-name", "e", stdin="[1]").out == "[112.0]"

    @pytest.mark.slow
    def test_fails_with_the_reason_when_requirements_cannot_be_installed(self, project):
        made = with_model(project, files={"src/requirements.txt": "--no-index\nthere-is-no-such-thing\n"})
        done = deploy(made)
        assert done.code == 1
        assert "requirements.txt could not be installed" in done.err
        assert "there-is-no-such-thing" in done.err

    @pytest.mark.slow
    def test_is_the_interpreter_that_python_names(self, project, ends):
        """Another environment of the same Python, which has the server's libraries and nothing of the harness."""
        script = MULTIPLIES.replace("return numpy", "import sys; print('python', sys.prefix, flush=True); return numpy")
        made = with_model(project, script)
        ends(made)
        other = made.folder / "other"
        venv.create(other, symlinks=True)
        (inside,) = (other / "lib").glob("python*/site-packages")
        (inside / "libraries.pth").write_text(next(p for p in sys.path if p.endswith("site-packages")) + "\n")
        done = deploy(made, "e", "--python", str(other / "bin/python"))
        assert done.code == 0, done.err
        assert made.harness("invoke", "--endpoint-name", "e", stdin="[1]").out == "[2.0]"
        assert f"algo-1 | python {other}\n" in (made.run_folder("_endpoints/e") / "log.txt").read_text()

    def test_without_network_is_reached_and_reaches_nobody(self, project, ends):
        script = """
import os, shutil, socket

def model_fn(model_dir):
    return int(os.environ["PORT"])

def predict_fn(data, port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError as error:
        return [str(error)]
    return ["connected"]

if __name__ == "__main__":
    shutil.copytree(".", os.path.join(os.environ["SM_MODEL_DIR"], "code"))
"""
        with socket.create_server(("127.0.0.1", 0)) as somebody:
            port = somebody.getsockname()[1]
            made = project(script, config=f"{ONE_WORKER}\n[deploy.environment]\nPORT = '{port}'")
            ends(made)
            assert made.harness("train").code == 0
            for name, options in (("open", ()), ("isolated", ("--enable-network-isolation",))):
                done = made.harness("deploy", "--endpoint-name", name, *options)
                assert done.code == 0, done.err
            answers = [made.harness("invoke", "--endpoint-name", n, stdin="[1]").out for n in ("open", "isolated")]
        assert answers[0] == '["connected"]'
        assert "connected" not in answers[1]

    def test_without_network_needs_its_code_in_the_archive(self, project):
        made = with_model(project)
        done = deploy(made, "e", "--enable-network-isolation")
        assert done.code == 2
        assert "Have the training script copy it to SM_MODEL_DIR/code" in done.err
        assert not made.run_folder("_endpoints/e").exists()

    def test_without_a_private_opt_ml_is_given_its_own_folder(self, project, ends):
        made = with_model(project)
        ends(made)
        assert deploy(made, "e", "--isolation", "none").code == 0
        assert made.harness("invoke", "--endpoint-name", "e", stdin="[1]").out == "[2.0]"
