"""Whose connection it is: Linux says."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys

import pytest

from harness.standin.peers import user_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no other system can be asked")


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_a_connection_is_of_the_user_whose_process_has_made_it(listener):
    with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        assert user_of(accepted) == os.getuid()


def test_a_connection_that_is_closed_at_its_other_end_is_nobodys(listener):
    # Linux calls it root's.
    with socket.create_connection(listener.getsockname()) as made, listener.accept()[0] as accepted:
        made.close()
        with pytest.raises(ConnectionAbortedError):
            user_of(accepted)


class BreaksOff:
    """A connection whose other end breaks it off when somebody has just begun to look whose it is."""

    def __init__(self, accepted: socket.socket, made: socket.socket) -> None:
        self.accepted, self.made = accepted, made
        self.getsockname = accepted.getsockname

    def getpeername(self):
        name = self.accepted.getpeername()
        self.made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.made.close()
        return name


def test_a_connection_that_is_broken_off_meanwhile_is_nobodys(listener):
    # What it has sent before could still be read.
    with socket.create_connection(listener.getsockname()) as made, listener.accept()[0] as accepted:
        meets = BreaksOff(accepted, made)
        with pytest.raises(OSError, match="not connected"):
            user_of(meets)


ASK = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
with socket.create_connection((b"127.0.0.1", int(sys.argv[1])), timeout=30) as connection:
    try:
        connection.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
        print(connection.makefile("rb").readline().decode().strip())
    except ConnectionError:  # closed before it has said anything
        print()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize(("user", "answered"), [(0, "HTTP/1.1 200 OK\n"), (65534, "\n")])
def test_another_user_is_not_answered(standin, user, answered):
    command = [sys.executable, "-c", ASK, standin.url.rpartition(":")[2], str(user)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == answered
