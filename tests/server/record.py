"""Asks AWS's real server, under real gunicorn, every request of ``cases.py`` and writes down what it
answered.

    python tests/server/record.py [--python-3.8 PYTHON] [--python-3.12 PYTHON]

Needs the package index and both interpreters. The two records are the two ends of AWS's range: image 1.2-1
(Flask 1.1.1) and image 1.9-0 (Flask 3.1.3).
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from cases import CASES, MODULES, Case  # noqa: E402

from tests.oracle import venvs  # noqa: E402

_COMMON = ["gevent", "six", "boto3", "scipy", "protobuf==3.20.3", "setuptools<60; python_version < '3.9'"]
_COMMON += ["setuptools<81; python_version >= '3.9'"]
ORACLES = {
    "flask-1.1.1": (
        "3.8",
        "flask==1.1.1 werkzeug==0.15.6 jinja2<3.1 itsdangerous<2.1 markupsafe<2.1 gunicorn==20.0.4 numpy==1.24.1",
    ),
    "flask-3.1.3": ("3.12", "flask==3.1.3 werkzeug==3.1.8 gunicorn==26.0.0 numpy==2.5.1"),
}
_GUNICORN = "from gunicorn.app.wsgiapp import run; run()"  # gunicorn 20 cannot be run as a module
# Chosen by the server's clock, or by the connection, not by what was asked.
_PASSING = {"date", "server", "connection", "content-length"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for version, _ in ORACLES.values():
        parser.add_argument(f"--python-{version}", default=f"python{version}", dest=version)
    parser.add_argument("--only", choices=list(ORACLES))
    options = vars(parser.parse_args())
    for name, (version, requirements) in ORACLES.items():
        if options["only"] not in (None, name):
            continue
        venv = venvs.ensure(
            f"server-{name}",
            [*requirements.split(), *_COMMON],
            options[version],
            without_dependencies=["sagemaker-containers==2.8.6.post2"],
        )
        answers = {case: answer for module in MODULES for case, answer in _ask(venv, module).items()}
        lines = [f"{json.dumps(case.name)}: {json.dumps(answers[case.name])}" for case in CASES]
        (HERE / "records" / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
        print(f"{name}: {len(answers)} answers")


def _ask(venv: Path, module: str) -> dict[str, dict[str, Any]]:
    """The answers to all cases of one module, from a server of its own."""
    cases = [case for case in CASES if case.module == module]
    with tempfile.TemporaryDirectory() as base, socket.create_server(("127.0.0.1", 0)) as listener:
        code = Path(base, "code")
        code.mkdir()
        (code / "inference.py").write_text(MODULES[module])
        process = subprocess.Popen(
            [
                *(venv / "bin" / "python", "-W", "ignore", "-c", _GUNICORN, "driver:main"),
                *("-k", "gevent", "-w", "1", "-b", f"fd://{listener.fileno()}"),
                *("--pythonpath", str(HERE), "--log-level", "critical"),
            ],
            env={**os.environ, "SAGEMAKER_BASE_DIR": base, "SAGEMAKER_PROGRAM": "inference.py", "HOME": base},
            pass_fds=[listener.fileno()],
        )
        try:
            return {case.name: _answer(listener.getsockname()[1], case) for case in cases}
        finally:
            process.terminate()
            process.wait()


def _answer(port: int, case: Case) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest(case.method, case.path, skip_accept_encoding=True)
    for name, value in (*case.headers, ("Content-Length", str(len(case.body)))):
        connection.putheader(name, value)
    connection.endheaders(case.body)
    response = connection.getresponse()
    body = response.read()
    headers = sorted((name.lower(), value) for name, value in response.getheaders())
    connection.close()
    return {
        "status": response.status,
        "headers": {name: value for name, value in headers if name not in _PASSING},
        "body": base64.b64encode(body).decode(),
    }


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s")
