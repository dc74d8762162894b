"""The application against what AWS's real server answered to the same requests (``record.py`` wrote it
down)."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug.test import Client

from harness.server import cause, handlers
from harness.server.app import Application
from harness.server.settings import Settings
from tests.server.cases import CASES, MODULES, Case

# gunicorn's part, which is not there in one process.
TRANSPORT = {"content-length", "transfer-encoding"}
OURS = cause.HEADER.lower()
RECORDS = ("flask-1.1.1", "flask-3.1.3")


@cache
def recorded(oracle: str) -> dict[str, dict[str, Any]]:
    return json.loads((Path(__file__).parent / "records" / f"{oracle}.json").read_text())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Client]]:
    code = tmp_path_factory.mktemp("code")
    for name, source in MODULES.items():
        (code / f"served_{name}.py").write_text(source)

    @cache
    def client(module: str, oracle: str) -> Client:
        lists_as_json = oracle == "flask-3.1.3"
        return Client(Application(Settings(f"served_{module}", str(code), lists_as_json=lists_as_json)))

    yield client
    sys.path.remove(str(code))
    for name in MODULES:
        sys.modules.pop(f"served_{name}", None)


def ask(client: Client, case: Case) -> Any:
    return client.open(case.path, method=case.method, headers=list(case.headers), data=case.body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_is_answered_as_the_real_servers_answered_it(
    served: Callable[[str, str], Client], case: Case
) -> None:
    for oracle in RECORDS:
        assert_answered(served, case, oracle)


def assert_answered(served: Callable[[str, str], Client], case: Case, oracle: str) -> None:
    expected = recorded(oracle)[case.name]
    body = base64.b64decode(expected["body"])
    try:
        answer = ask(served(case.module, oracle), case)
    except handlers.LoadError:
        # Behind gunicorn this is gunicorn's own error page; see test_serve.
        assert (expected["status"], expected["headers"]) == (500, {"content-type": "text/html"})
        return
    assert answer.status_code == expected["status"]
    assert compared(answer.headers) == compared(expected["headers"])
    if not is_error_page(expected):
        assert same(answer.data, body, answer.mimetype)


def compared(headers: Mapping[str, str]) -> dict[str, Any]:
    found = {name.lower(): value for name, value in headers.items() if name.lower() not in {*TRANSPORT, OURS}}
    if "allow" in found:
        found["allow"] = sorted(found["allow"].split(", "))
    # Werkzeug 0.15 names no charset in its error pages.
    found["content-type"] = found["content-type"].replace("text/html; charset=utf-8", "text/html")
    return found


def is_error_page(answer: dict[str, Any]) -> bool:
    return answer["status"] >= 400 and answer["headers"]["content-type"].startswith("text/html")


def same(ours: bytes, theirs: bytes, mimetype: str) -> bool:
    """The same bytes, or the same values where numpy 1.24 writes them in another way than numpy 2 does."""
    if ours == theirs:
        return True
    if mimetype == "text/csv":
        pairs = zip(ours.decode().splitlines(), theirs.decode().splitlines(), strict=True)
        return all(np.array_equal(_cells(our), _cells(their), equal_nan=True) for our, their in pairs)
    return mimetype == "application/x-npy" and _pickled(ours) == _pickled(theirs)


def _pickled(body: bytes) -> tuple[tuple[int, ...], str]:
    array = np.load(io.BytesIO(body), allow_pickle=True)
    assert array.dtype == object
    return array.shape, repr(array.tolist())


def _cells(line: str) -> Any:
    return np.array(line.split(",")).astype(np.float32)


def test_every_case_has_a_name_of_its_own_and_a_record() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert all(list(recorded(oracle)) == names for oracle in RECORDS)


@pytest.mark.parametrize("path", ["/", "/foo", "/static/app.js", "/PING", "/invocation"])
def test_what_nginx_would_not_pass_on_is_404_with_empty_json(path: str, tmp_path: Path) -> None:
    answer = Client(Application(Settings("never_imported", str(tmp_path)))).get(path)
    assert (answer.status_code, answer.data) == (404, b"{}")


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        *[(name, True) for name in ("127.0.0.1:8080", "[::1]:8080", "localhost", "algo-1:8080", "a.localhost:1", "")],
        *[(name, True) for name in ("192.168.0.7:8080", "LOCALHOST.:80", "host.docker.internal:8080")],
        *[(name, False) for name in ("evil.example:8080", "evil.example", "127.0.0.1.evil.example", "localhost.evil.")],
        *[(name, False) for name in ("[evil.example]", "user@evil.example", "evil.example:80:80", "a b.c")],
    ],
)
def test_a_name_that_a_stranger_may_have_given_this_machine_is_not_answered(
    host: str, answered: bool, user_module: Callable[[str], Settings]
) -> None:
    headers = {"Host": host, "Content-Type": "application/x-npy"}
    answer = Client(Application(user_module(MODULES["echo"]))).post("/invocations", data=b"x", headers=headers)
    assert (answer.status_code != 421) is answered


@pytest.mark.parametrize(("site", "status"), [("cross-site", 421), ("same-site", 421), ("none", 200)])
def test_a_page_of_another_site_is_not_answered(site: str, status: int, user_module: Callable[[str], Settings]) -> None:
    asked = {"data": b"[1]", "headers": {"Sec-Fetch-Site": site}}
    assert Client(Application(user_module(MODULES["echo"]))).post("/invocations", **asked).status_code == status


@pytest.mark.parametrize(
    ("default", "accept", "body"),
    [
        ("text/csv", None, b"3.0\n7.0\n"),
        ("text/csv", "*/*", b"3.0\n7.0\n"),
        ("text/csv", "application/json", b"[3.0, 7.0]"),
    ],
)
def test_the_containers_default_accept_replaces_a_missing_or_any_accept(
    default: str, accept: str | None, body: bytes, user_module: Callable[[str], Settings]
) -> None:
    settings = dataclasses.replace(user_module(MODULES["strict"]), default_accept=default)
    headers = {"Content-Type": "text/csv", **({"Accept": accept} if accept else {})}
    assert Client(Application(settings)).post("/invocations", data=b"1,2\n3,4", headers=headers).data == body


def test_a_failed_load_is_tried_again_at_the_next_request(user_module: Callable[[str], Settings]) -> None:
    settings = user_module(
        "import pathlib\n\ndef model_fn(model_dir):\n    return pathlib.Path(model_dir, 'model.txt').read_text()\n"
    )
    client = Client(Application(settings))
    for _ in range(2):
        with pytest.raises(handlers.LoadError, match=r"model_fn of module .* failed on .*: FileNotFoundError"):
            client.get("/ping")
    Path(settings.model_dir).mkdir()
    Path(settings.model_dir, "model.txt").write_text("whole")
    assert client.get("/ping").status_code == 200


def test_a_handler_that_exits_is_a_500_and_no_dead_worker(user_module: Callable[[str], Settings]) -> None:
    settings = user_module(MODULES["echo"] + "\ndef predict_fn(data, model):\n    raise SystemExit(1)\n")
    assert Client(Application(settings)).post("/invocations", data=b"[1]").status_code == 500


@pytest.mark.parametrize(
    ("handler", "body", "told"),
    [
        (
            "def predict_fn(data, model):\n    raise ValueError('é is\\nno number')",
            b"1,2\n3,4",
            "ValueError: é is no number",
        ),
        (
            "def predict_fn(data, model):\n    raise ValueError('2D')",
            b"1,2",
            "ValueError: 2D: a text/csv body arrived as",
        ),
        ("", b"a,b\n1,2", "the first line of the text/csv body is not numbers: 'a,b'"),
        ("def output_fn(prediction, accept):\n    return 1", b"1,2\n3,4", "output_fn or transform_fn returned int"),
    ],
)
def test_a_failure_tells_its_cause_and_the_trap_of_its_request_in_one_line(
    handler: str, body: bytes, told: str, user_module: Callable[[str], Settings]
) -> None:
    client = Client(Application(user_module(f"{MODULES['echo']}\n{handler}\n")))
    for _ in range(2):  # the log explains each trap once; this speaks of its own request
        answer = client.post("/invocations", data=body, headers={"Content-Type": "text/csv"})
        assert answer.status_code == 500
        assert told in cause.decoded(answer.headers[cause.HEADER])
    assert cause.HEADER not in client.get("/ping").headers


def test_the_same_failure_of_the_same_request_has_one_traceback_in_the_log(
    user_module: Callable[[str], Settings], caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(
        Application(user_module(f"{MODULES['echo']}\ndef predict_fn(data, model):\n    return {{}}[data]\n"))
    )

    def failed(body: bytes, headers: Mapping[str, str]) -> tuple[str, str]:
        caplog.clear()
        answer = client.post("/invocations", data=body, headers={"Content-Type": "text/csv", **headers})
        return cause.decoded(answer.headers[cause.HEADER]), caplog.records[-1].getMessage()

    def again(why: str) -> dict[str, str]:
        return {cause.AGAIN: cause.again(2, 4, why)}

    why, first = failed(b"1,2\n3,4", {})
    assert "Traceback" in first
    _, second = failed(b"1,2\n3,4", again(why))
    assert second.startswith("POST /invocations: again, attempt 2 of 4: predict_fn failed: TypeError: unhashable")
    assert "\n" not in second
    for header in (again("something else"), {cause.AGAIN: "2 of 4"}, {cause.AGAIN: ""}):
        assert "Traceback" in failed(b"1,2\n3,4", header)[1]
