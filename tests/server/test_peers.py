"""Whose connection it is, and for whom objects are unpickled: Linux says."""

from __future__ import annotations

import io
import os
import pickle
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.server import peers
from tests.server.cases import MODULES
from tests.server.running import Start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no other system can be asked")
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
STRANGER = 65534
SEND = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
with socket.create_connection((b"127.0.0.1", int(sys.argv[1])), timeout=30) as connection:
    connection.sendall(sys.stdin.buffer.read())
    sys.stdout.buffer.write(connection.makefile("rb").read())
"""


@pytest.fixture
def connections() -> Iterator[int]:
    file = os.open(peers.LIST, os.O_RDONLY)
    yield file
    os.close(file)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


class Marks:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)


def saved(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def archived(array: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, array=array)
    return stream.getvalue()


def ask(port: int, user: int, body: bytes) -> bytes:
    head = (
        "POST /invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-npy\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    command = [sys.executable, "-c", SEND, str(port), str(user)]
    return subprocess.run(command, input=head.encode() + body, capture_output=True, check=True).stdout


def test_the_user_of_this_process_passes(listener: socket.socket, connections: int) -> None:
    with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        peers.check_own(accepted, connections)


@pytest.mark.parametrize("aborted", [True, False], ids=["aborted", "closed"])
def test_a_connection_that_is_closed_at_its_other_end_is_nobodys(
    listener: socket.socket, connections: int, aborted: bool
) -> None:
    with socket.create_connection(listener.getsockname()) as made, listener.accept()[0] as accepted:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", aborted, 0))
        made.close()
        with pytest.raises(peers.NotOwnError, match="has closed the connection"):
            peers.check_own(accepted, connections)


@pytest.mark.slow
@pytest.mark.parametrize("worker_class", ["gevent", "gthread"])
class TestAServer:
    def test_unpickles_for_its_own_user(self, start: Start, connections: int, worker_class: str) -> None:
        options = ("--worker-class", worker_class, "--connections-fd", str(connections))
        server = start(MODULES["echo"], *options, pass_fds=(connections,))
        answer = server.invoke(saved(np.array(["a", 1, None], dtype=object)), "application/x-npy")
        assert answer == (200, b'["a", 1, null]')

    @needs_root
    def test_unpickles_for_nobody_else(self, start: Start, connections: int, worker_class: str, tmp_path: Path) -> None:
        options = ("--worker-class", worker_class, "--connections-fd", str(connections))
        server = start(MODULES["echo"], *options, pass_fds=(connections,))
        evil = Marks(tmp_path / "unpickled")
        for body in (saved(np.array([evil], dtype=object)), pickle.dumps(evil), archived(np.array([evil]))):
            head = ask(server.port, STRANGER, body).partition(b"\r\n\r\n")[0]
            assert head.startswith(b"HTTP/1.1 500 ")
        assert not evil.path.exists()
        assert f"it comes from user {STRANGER} of this machine" in server.log
        assert "write input_fn" in server.log
        assert ask(server.port, STRANGER, saved(np.array([[1.5]]))).endswith(b"\r\n\r\n[[1.5]]")
        assert ask(server.port, 0, pickle.dumps(evil)).startswith(b"HTTP/1.1 ")
        assert evil.path.exists()  # such bodies do what they are here for
