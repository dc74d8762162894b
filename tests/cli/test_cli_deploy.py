"""``harness deploy``, ``invoke`` and ``delete-endpoint`` as a user runs them."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import venv
import zipfile
from http.client import HTTPConnection

import pytest

from tests.cli.deployments import (
    MULTIPLIES,
    ONE_WORKER,
    archive,
    deploy,
    endpoints,
    wait_for_log,
    with_model,
)


@pytest.fixture(scope="module")
def served(shared_project):
    """A project whose trained model is served at the endpoint ``shared``, and what deploying it printed."""
    made = shared_project(
        MULTIPLIES.replace("    return numpy", "    if 666 in data:\n        os._exit(1)\n    return numpy"),
        config=ONE_WORKER,
    )
    assert made.harness("train", "--job-name", "trained").code == 0
    done = made.harness("deploy", "--job", "trained", "--endpoint-name", "shared")
    yield made, done
    assert made.here("delete-endpoint", "shared").code == 0
    assert endpoints(made) == {}


class TestAnEndpoint:
    def test_is_in_service_when_the_command_returns_and_its_url_is_on_stdout(self, served):
        _, done = served
        assert done.code == 0, done.err
        first, second = done.out.strip().splitlines()
        assert first.startswith("shared  InService")
        url = second.split()[-1]
        connection = HTTPConnection(url.removeprefix("http://"), timeout=120)
        connection.request("GET", "/ping")
        assert connection.getresponse().status == 200
        connection.close()

    def test_says_how_to_ask_and_to_end_it(self, served):
        _, done = served
        assert "harness invoke --endpoint-name shared --content-type text/csv FILE\n" in done.err
        assert "harness delete-endpoint shared\n" in done.err

    def test_keeps_the_log_of_its_server_to_itself(self, served):
        made, done = served
        assert "algo-1" not in done.out + done.err
        log = made.run_folder("_endpoints/shared") / "log.txt"
        assert "harness.server listens on http://127.0.0.1:" in log.read_text()

    def test_is_listed_and_shown_with_its_url(self, served):
        made, _ = served
        listed = [each for each in made.here("runs", "--json").json if each["Name"] == "shared"]
        shown = made.here("runs", "show", "shared").json
        assert [each["EndpointUrl"] for each in listed] == [shown["EndpointUrl"]]
        assert shown["EndpointUrl"] in made.harness("runs").out
        assert (shown["EndpointStatus"], shown["EndpointConfigName"]) == ("InService", "shared")

    def test_is_not_stopped_like_a_job(self, served):
        made, _ = served
        done = made.here("runs", "stop", "shared")
        assert done.code == 2
        assert "harness delete-endpoint --endpoint-name shared" in done.err
        assert endpoints(made)["shared"] == "InService"

    @pytest.mark.slow
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
        done = made.here("invoke", "--endpoint-name", "shared", "--content-type", "text/csv", stdin="no number\n")
        assert done.code == 1
        assert done.out == ""
        (line,) = done.err.splitlines()
        assert "Received server error (500) from primary: input_fn failed: ValueError: could not convert" in line
        assert "write input_fn: return np.loadtxt" in line
        assert f"(ModelError). The server's log has the traceback: {made.run_folder('_endpoints/shared')}/log" in line

    def test_that_cannot_read_a_body_without_a_type_says_for_what_it_was_taken(self, served):
        made, _ = served
        done = made.here("invoke", "--endpoint-name", "shared", stdin="1,2\n")
        assert "No --content-type was given, which the container takes for application/json" in done.err

    def test_of_which_a_worker_dies_says_where_to_look_and_answers_the_next(self, served):
        made, _ = served
        done = made.here("invoke", "--endpoint-name", "shared", stdin="[666]")
        assert done.code == 1
        assert "Received server error (0) from primary" in done.err
        assert f"The server's log says why: {made.run_folder('_endpoints/shared')}/log.txt" in done.err
        assert "--content-type" not in done.err
        assert made.here("invoke", "--endpoint-name", "shared", stdin="[1]").out == "[2.0]"

    @pytest.mark.parametrize("option", ["--content-type", "--accept"])
    @pytest.mark.parametrize("text", ["text/c→v", "text/csv\r\nX: y"])
    def test_is_sent_no_type_that_cannot_be_a_header(self, served, option, text):
        made, _ = served
        done = made.here("invoke", "--endpoint-name", "shared", option, text, stdin="[1]")
        assert done.code == 2
        assert "a header is one line of ASCII text. (ValidationError)" in done.err

    def test_answers_in_a_document_what_is_text_and_nothing_else(self, served):
        made, _ = served
        asked = ("invoke", "--endpoint-name", "shared", "--json", "--accept")
        text = made.harness(*asked, "text/csv", stdin="[1]").json
        assert (text["Body"], text["ContentType"]) == ("2.0\n", "text/csv; charset=utf-8")
        done = made.harness(*asked, "application/x-npy", stdin="[1]")
        assert done.code == 2
        assert "The answer (application/x-npy) is no text; leave out --json" in done.json["Error"]["Message"]

    def test_refuses_a_body_beyond_the_limit_of_invoke_endpoint(self, served):
        made, _ = served
        made.write("large", b"0" * (6_291_456 + 1))
        done = made.here("invoke", "--endpoint-name", "shared", "large")
        assert done.code == 2
        assert "6291456 bytes" in done.err

    @pytest.mark.slow
    def test_takes_a_body_of_exactly_that_limit(self, served):
        made, _ = served
        made.write("limit", b"[1" + b" " * (6_291_456 - 3) + b"]")
        done = made.here("invoke", "--endpoint-name", "shared", "limit")
        assert (done.code, done.out) == (0, "[2.0]")

    @pytest.mark.slow
    def test_has_a_name_that_no_other_can_take(self, served):
        made, _ = served
        done = made.harness("deploy", "--job", "trained", "--endpoint-name", "shared")
        assert done.code == 2
        assert "There is an endpoint shared already (InService)" in done.err
        assert "harness delete-endpoint --endpoint-name shared" in done.err
        assert endpoints(made)["shared"] == "InService"

    def test_has_a_port_that_no_other_can_take(self, served):
        made, _ = served
        port = made.here("runs", "show", "shared").json["EndpointUrl"].rpartition(":")[2]
        done = made.harness("deploy", "--job", "trained", "--endpoint-name", "second", "--port", port)
        assert made.here("delete-endpoint", "--endpoint-name", "second").code == 0
        assert done.code == 1
        assert f"Port {port} on this machine: Address already in use. Choose another --port" in done.err

    def test_that_there_is_not_is_an_error_in_aws_s_words(self, served):
        made, _ = served
        asked = made.here("invoke", "--endpoint-name", "none", stdin="[1]")
        deleted = made.here("delete-endpoint", "--endpoint-name", "none")
        assert (asked.code, deleted.code) == (2, 2)
        assert "Endpoint none of account 000000000000 not found. (ValidationError)" in asked.err
        assert 'Could not find endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/none"' in deleted.err


def test_a_body_without_an_end_is_read_no_further_than_it_may_be_sent(project):
    done = project().here("invoke", "--endpoint-name", "none", "/dev/zero")
    assert done.code == 2
    assert "HTTP content length exceeded 6291456 bytes" in done.err


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
        answers = {name: made.here("invoke", "--endpoint-name", name, stdin="[1]").out for name in urls}
        assert answers == {"two": "[2.0]", "three": "[3.0]"}
        assert made.here("delete-endpoint", "--endpoint-name", "two").code == 0
        assert endpoints(made) == {"three": "InService"}
        assert made.here("delete-endpoint", "--endpoint-name", "two").code == 2
        assert made.here("invoke", "--endpoint-name", "three", stdin="[1]").out == "[3.0]"


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
        assert made.here("invoke", "--endpoint-name", "e", stdin="[1]").out == "[112.0]"

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
        assert made.here("invoke", "--endpoint-name", "e", stdin="[1]").out == "[2.0]"
        wait_for_log(made, f"algo-1 | python {other}\n")

    @pytest.mark.slow
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
            answers = [made.here("invoke", "--endpoint-name", n, stdin="[1]").out for n in ("open", "isolated")]
        assert answers[0] == '["connected"]'
        assert "connected" not in answers[1]

    @pytest.mark.slow
    def test_without_network_needs_its_code_in_the_archive(self, project):
        made = with_model(project)
        done = deploy(made, "e", "--enable-network-isolation")
        assert done.code == 2
        assert "Have the training script copy it to SM_MODEL_DIR/code" in done.err
        assert not made.run_folder("_endpoints/e").exists()

    @pytest.mark.slow
    def test_without_a_private_opt_ml_is_given_its_own_folder(self, project, ends):
        made = with_model(project)
        ends(made)
        assert deploy(made, "e", "--isolation", "none").code == 0
        assert made.here("invoke", "--endpoint-name", "e", stdin="[1]").out == "[2.0]"
