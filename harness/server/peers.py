"""Whose process is at the other end of a connection on the loopback, which every user of a machine can reach.

Linux lists connections with their users: proc_net(5). The list is opened by whoever starts the server: in the server's
own namespaces there may be another network, and all users but one look alike.
"""

from __future__ import annotations

import os
import socket
import struct

LIST = "/proc/net/tcp"


class NotOwnError(Exception):
    """A connection has not been made by the server's own user."""


def check_own(connection: socket.socket, connections: int) -> None:
    """Let nobody pass but the user of this process.

    Args:
        connection: one that this process has accepted.
        connections: a file descriptor of ``LIST``.

    Raises:
        NotOwnError: whose it is instead.
    """
    try:
        user = _user(_listed(connection.getpeername()), _listed(connection.getsockname()), connections)
    except OSError:  # it has been broken off
        user = None
    if user is None:
        raise NotOwnError("whoever has sent it has closed the connection: it cannot be told who that was")
    if user != os.getuid():
        raise NotOwnError(f"it comes from user {user} of this machine, and the server is user {os.getuid()}'s")


def _user(client: bytes, server: bytes, connections: int) -> int | None:
    """Whose the client's end is; None once it is nobody's."""
    for line in _read(connections).splitlines():
        _, local, remote, _, _, _, _, user, _, inode, *_ = line.split()
        if (local, remote) == (client, server) and inode != b"0":
            return int(user)
    return None


def _listed(end: tuple[str, int]) -> bytes:
    """Address and port in the list's form, which has the address's bytes in the machine's order."""
    (address,) = struct.unpack("=I", socket.inet_aton(end[0]))
    return b"%08X:%04X" % (address, end[1])


def _read(file: int) -> bytes:
    """The whole of a file that other processes read by the same descriptor."""
    whole = b""
    while piece := os.pread(file, 1 << 16, len(whole)):
        whole += piece
    return whole
