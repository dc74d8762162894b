"""The server as processes: how it starts, answers, fails and ends."""

from __future__ import annotations

import ast
import concurrent.futures
import contextlib
import http.client
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.server.report import FAILED
from tests.server.cases import MODULES
from tests.server.running import PATIENCE, ROOT, Running, Start

GOOD = MODULES["strict"]


@pytest.fixture(scope="module", params=["gevent", "gthread"])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of each kind of worker, for tests that only ask it; it serves with --fail-fast, as its model loads."""
    options = ("--worker-class", request.param, "--fail-fast", "--read-timeout", "2")
    server = Running(tmp_path_factory.mktemp("asked"), GOOD, *options)
    assert server.ask("GET", "/ping") == (200, b"")
    yield server
    assert server.end() == 0


@pytest.mark.slow
class TestServing:
    def test_the_first_ping_waits_for_the_model_and_sigterm_ends_it_with_status_0_and_frees_the_port(
        self, start: Start
    ) -> None:
        server = start(GOOD)
        assert server.ask("GET", "/ping") == (200, b"")
        assert server.end() == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))

    def test_workers_of_either_kind_predict(self, asked: Running) -> None:
        assert asked.invoke(b"1,2\n3,4") == (200, b"[3.0, 7.0]")

    def test_chunked_bodies_are_read_whole(self, asked: Running) -> None:
        answer = asked.raw(
            CSV + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1,2\n\r\n3\r\n3,4\r\n0\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"[3.0, 7.0]")

    @pytest.mark.parametrize("worker_class", ["gevent", "gthread"])
    def test_told_through_a_pipe_it_answers_what_it_has_begun_and_ends_with_status_0(
        self, start: Start, tmp_path: Path, worker_class: str
    ) -> None:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        source = f"def model_fn(d): pass\ndef predict_fn(data, model):\n    open({str(gate)!r}).read()\n    return data"
        told, tell = os.pipe()
        server = start(source, "--stop-fd", str(told), "--worker-class", worker_class, pass_fds=(told,))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(server.invoke, b"1,2\n3,4")
            with gate.open("w"):  # which returns when the handler is at it
                os.write(tell, b".")
                server.wait_for_log("Handling signal: term")
            assert answer.result(PATIENCE) == (200, b"[[1.0, 2.0], [3.0, 4.0]]")
        assert server.process.wait(PATIENCE) == 0
        os.close(told)
        os.close(tell)

    def test_ctrl_c_ends_it_with_status_0(self, start: Start) -> None:
        server = start(GOOD)
        server.ask("GET", "/ping")
        assert server.end(signal.SIGINT) == 0

    def test_kill_9_of_the_server_frees_the_port(self, start: Start) -> None:
        # gunicorn notices that its parent is gone, its workers that gunicorn is.
        server = start(GOOD)
        server.ask("GET", "/ping")
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as open_connection:
            server.end(signal.SIGKILL)
            assert open_connection.recv(1) == b""

    def test_a_failing_load_answers_500_until_its_cause_is_gone(self, start: Start) -> None:
        server = start(
            "import os\n" + GOOD.replace("return Strict()", "open(os.path.join(model_dir, 'm')); return Strict()")
        )
        page = server.ask("GET", "/ping")
        assert (page[0], server.ask("GET", "/ping")[0]) == (500, 500)
        assert b"No such file" not in page[1]
        assert "model_fn of module 'inference'" in server.log
        (server.base / "model" / "m").touch()
        assert server.ask("GET", "/ping")[0] == 200

    def test_the_top_level_runs_twice_in_one_process_and_once_in_each_worker(self, start: Start) -> None:
        server = start(GOOD + "\nimport os\nprint('top level of', __name__, os.getpid())\n")
        server.ask("GET", "/ping")
        server.end()
        runs = re.findall(r"top level of (\w+) (\d+)", server.log)
        pids = [pid for _, pid in runs]
        assert {name for name, _ in runs} == {"inference"}
        assert sorted(pids.count(pid) for pid in set(pids)) == [1, 2]

    def test_an_answer_does_not_wait_for_the_clients_acknowledgement(self, asked: Running) -> None:
        # Head and body leave apart: with Nagle's algorithm the body comes 40 ms after the head, every time.
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", asked.port, timeout=PATIENCE)) as client:
            times = []
            for _ in range(40):
                began = time.perf_counter()
                client.request("POST", "/invocations", b"1,2\n3,4", {"Content-Type": "text/csv"})
                client.getresponse().read()
                times.append(time.perf_counter() - began)
        assert statistics.quantiles(times, n=4)[0] < 0.03  # others may have waited for the machine


@pytest.mark.slow
class TestTheLog:
    def test_a_trap_is_explained_once_per_worker(self, asked: Running) -> None:
        assert [asked.invoke(b"1,2")[0] for _ in range(3)] == [500, 500, 500]
        assert asked.log.count("one-dimensional-text/csv: ") == 1

    def test_a_failure_names_the_users_own_last_frame_first_and_tells_the_client_nothing(self, asked: Running) -> None:
        status, page = asked.invoke(b"1,2")
        assert status == 500
        assert b"Expected 2D" not in page
        lines = asked.log.splitlines()
        failed = next(number for number, line in enumerate(lines) if "predict_fn failed" in line)
        assert "ValueError: Expected 2D array" in lines[failed]
        assert re.match(r"  at .*/code/inference\.py:4 in predict: raise ValueError", lines[failed + 1])

    def test_invocations_have_an_access_line_and_successful_pings_have_none(self, asked: Running) -> None:
        asked.ask("GET", "/ping")
        asked.invoke(b"1,2\n3,4")
        asked.wait_for_log('"POST /invocations HTTP/1.1" 200')  # which comes a moment after the answer
        assert '"GET /ping HTTP/1.1" 200' not in asked.log


@pytest.mark.slow
class TestFailing:
    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
            ("def broken(:\n", "SyntaxError"),
            ("import sys; sys.exit(2)", "if __name__ == '__main__'"),
            ("import os; os._exit(1)", "the module ended the process that imported it"),
            ("import os\nassert not os.environ.get('again')\nos.environ['again'] = '1'", "AssertionError"),
        ],
        ids=["missing library", "syntax", "exits", "exits hard", "cannot run twice"],
    )
    def test_a_module_that_cannot_be_imported_ends_it_with_the_reason_last(
        self, start: Start, source: str, reason: str
    ) -> None:
        server = start(source)  # with --fail-fast: below
        assert server.process.wait(PATIENCE) == 3
        assert server.last_line.startswith(FAILED)
        assert reason in server.last_line

    def test_a_shell_that_has_it_ignore_the_signal_to_quit_is_not_obeyed(self, start: Start) -> None:
        """It is the signal that ends gunicorn when the module is no good, at whatever moment that comes to light."""
        before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
        try:
            server = start(GOOD)
        finally:
            signal.signal(signal.SIGQUIT, before)
        assert server.ask("GET", "/ping")[0] == 200
        assert server.end(signal.SIGQUIT) == -signal.SIGQUIT

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            (MODULES["no_model_fn"], "has no model_fn"),
            (MODULES["model_fn_raises"], "model_fn of module 'inference'"),
            (MODULES["mixed"], "transform_fn together with output_fn"),
        ],
        ids=["missing", "raising", "mixed with transform_fn"],
    )
    def test_fail_fast_ends_it_when_the_model_does_not_load(self, start: Start, source: str, reason: str) -> None:
        server = start(source, "--fail-fast")
        assert server.process.wait(PATIENCE) == 4
        assert server.last_line.startswith(FAILED)
        assert reason in server.last_line

    @pytest.mark.parametrize("cause", ["raise ValueError('no such tree')", "import not_there"])
    @pytest.mark.parametrize("top", [True, False], ids=["at import", "in model_fn"])
    def test_fail_fast_shows_a_traceback_once_however_many_processes_fail(
        self, start: Start, top: bool, cause: str
    ) -> None:
        source = f"{cause}\n" if top else f"def model_fn(model_dir):\n    {cause}\n"
        server = start(source, "--fail-fast", SAGEMAKER_MODEL_SERVER_WORKERS="2")
        assert server.process.wait(PATIENCE) == (3 if top else 4)
        assert server.log.count("Traceback (most recent call last)") == 1
        assert server.last_line.startswith(FAILED)
        assert ("no such tree" in server.last_line) == ("no such tree" in cause)
        assert ("not_there" in server.last_line) == ("not_there" in cause)

    @pytest.mark.parametrize(
        ("environment", "reason"),
        [
            ({"SAGEMAKER_MULTI_MODEL": "false"}, "SAGEMAKER_MULTI_MODEL"),
            ({"SAGEMAKER_PROGRAM": ""}, "SAGEMAKER_PROGRAM"),
            ({"SAGEMAKER_MODEL_SERVER_WORKERS": "two"}, "SAGEMAKER_MODEL_SERVER_WORKERS is 'two'"),
            ({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "0"}, "SAGEMAKER_MODEL_SERVER_TIMEOUT is '0'"),
        ],
    )
    def test_what_it_cannot_honour_is_refused_by_name(
        self, start: Start, environment: dict[str, str], reason: str
    ) -> None:
        server = start(GOOD, **environment)
        assert server.process.wait(PATIENCE) == 2
        assert server.last_line.startswith(FAILED)
        assert reason in server.last_line

    def test_a_port_in_use_is_said_so(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = subprocess.run(
                [sys.executable, "-m", "harness.server", "--program", "x.py", "--bind", address],
                capture_output=True,
                text=True,
                cwd=ROOT,
                timeout=PATIENCE,
                check=False,
            )
        assert done.returncode == 2
        assert f"{FAILED}cannot listen on {address}: " in done.stderr
        assert "in use" in done.stderr


CSV = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
# Requests that are wrong, whether the client then closes its side, and the statuses that are right.
MALFORMED = {
    "no request line": (b"\r\n\r\n\r\n", True, (400, None)),
    "binary noise": (bytes(range(256)) + b"\r\n\r\n", True, (400,)),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64 + b"\r\n\r\n", True, (400,)),
    "no version": (b"GET /ping\r\n\r\n", True, (400,)),
    "unknown version": (b"GET /ping HTTP/9.9\r\nHost: x\r\n\r\n", True, (400, 505)),
    "unknown method": (b"BREW /invocations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False, (400, 405)),
    "unknown path": (b"GET /admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False, (404,)),
    "path outside": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False, (404,)),
    "invalid UTF-8 path": (b"GET /ping\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False, (400, 404)),
    "huge request line": (b"GET /ping?" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", True, (400, 414)),
    "huge header": (CSV + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n", True, (400, 431)),
    "very many headers": (CSV + b"X-A: 1\r\n" * 10_000 + b"\r\n", True, (400, 431)),
    "header without colon": (CSV + b"nonsense\r\n\r\n", True, (400,)),
    "header name with a blank": (CSV + b"X A: 1\r\n\r\n", True, (400,)),
    "length is no number": (CSV + b"Content-Length: ten\r\n\r\n1,2", True, (400,)),
    "negative length": (CSV + b"Content-Length: -1\r\n\r\n1,2", True, (400,)),
    "two lengths": (CSV + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n1,2", True, (400,)),
    "length and chunks": (
        CSV + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        True,
        (400, 500),
    ),
    "body cut short": (CSV + b"Content-Length: 100\r\n\r\n1,2", True, (400, 500)),
    "body that never comes": (CSV + b"Content-Length: 100\r\n\r\n1,2", False, (408,)),
    "headers that never end": (CSV, False, (None,)),
    "chunk size is no number": (CSV + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n1,2\r\n", True, (400,)),
    "chunk cut short": (CSV + b"Transfer-Encoding: chunked\r\n\r\nff\r\n1,2", True, (400, 500)),
    "chunks that never end": (CSV + b"Transfer-Encoding: chunked\r\n\r\n3\r\n1,2\r\n", False, (408,)),
    "unknown transfer coding": (CSV + b"Transfer-Encoding: zip\r\n\r\n1,2", True, (400, 501)),
    "invalid UTF-8 body": (CSV + b"Connection: close\r\nContent-Length: 4\r\n\r\n\xff,\xfe\n", False, (500,)),
    "invalid UTF-8 type": (
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: \xff\r\nContent-Length: 0\r\n\r\n",
        False,
        (400, 500),
    ),
    "nul in a header": (CSV + b"X-A: \0\r\n\r\n", True, (400,)),
}


@pytest.mark.slow
def test_a_malformed_request_gets_a_proper_status_and_the_worker_lives_on(asked: Running) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:  # some have to be waited for
        answers = pool.map(lambda case: asked.raw(case[0], case[1]), MALFORMED.values())
    wrong = {}
    for (name, (_, _, statuses)), answer in zip(MALFORMED.items(), answers, strict=True):
        status = int(answer.split()[1]) if answer.startswith(b"HTTP/1.") else None
        if status not in statuses or b"Traceback" in answer:
            wrong[name] = (status, answer[:300])
    assert wrong == {}
    assert asked.invoke(b"1,2\n3,4") == (200, b"[3.0, 7.0]")
    assert asked.log.count("Booting worker") == 1


@pytest.mark.parametrize("source", sorted((ROOT / "harness" / "server").glob("*.py")), ids=lambda path: path.name)
def test_the_server_is_written_for_the_python_3_8_of_old_images(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 8))
