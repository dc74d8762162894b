"""The server in a process of its own, for tests to talk to."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120
ROOT = Path(__file__).resolve().parents[2]


class Running:
    """A server in a process of its own. What it writes goes to a file."""

    def __init__(
        self, base: Path, source: str, *options: str, pass_fds: tuple[int, ...] = (), **environment: str
    ) -> None:
        (base / "code").mkdir()
        (base / "model").mkdir()
        (base / "code" / "inference.py").write_text(source)
        self.base = base
        self._log = base / "log.txt"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "harness.server", "--fd", str(self.listener.fileno()), *options],
                env={
                    **os.environ,
                    "SAGEMAKER_BASE_DIR": str(base),
                    "SAGEMAKER_PROGRAM": "inference.py",
                    "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
                    **environment,
                },
                cwd=ROOT,
                stdout=log,
                stderr=log,
                pass_fds=[self.listener.fileno(), *pass_fds],
            )
        self.listener.close()

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def last_line(self) -> str:
        return self.log.splitlines()[-1]

    def wait_for_log(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while words not in self.log:
            assert time.monotonic() < deadline, f"{words!r} is not in the log:\n{self.log}"
            time.sleep(0.01)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as client:
            client.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            response = client.getresponse()
            return response.status, response.read()

    def invoke(self, body: bytes, content_type: str = "text/csv") -> tuple[int, bytes]:
        return self.ask("POST", "/invocations", body, Content_Type=content_type)

    def raw(self, request: bytes, half_close: bool = False) -> bytes:
        """All that the server answers to these very bytes, up to where it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as client:
            with contextlib.suppress(ConnectionError):
                client.sendall(request)
                if half_close:
                    client.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionError):
                while piece := client.recv(65536):
                    answer += piece
            return answer

    def end(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(PATIENCE)


Start = Callable[..., Running]
