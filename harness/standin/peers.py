"""Whose process is at the other end of a connection on the loopback, which every user of a machine can reach.

Linux says so (sock_diag(7)); where that cannot be asked, nobody is told apart.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Final

_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
"""The type of the question and of its answer."""
_HEADER: Final = struct.Struct("=IHHII")
_SOCKET: Final = struct.Struct("!HH16s16sI8s")
"""Ports and addresses, interface, cookie: ``struct inet_diag_sockid``."""
_ANY_STATE = _NO_COOKIE = b"\xff" * 4
_OWNER_AT: Final = _HEADER.size + 4 + _SOCKET.size + 12
"""Where an answer has user and inode: at the end of ``struct inet_diag_msg``."""


def user_of(connection: socket.socket) -> int | None:
    """Number of the user whose process has made a TCP connection; None where the system does not say.

    Raises:
        OSError: it is closed at its other end, and so nobody's any more.
    """
    owner = _owner(connection.getpeername(), connection.getsockname())
    if owner is None:
        connection.getpeername()  # one that has been broken off since is in no list either
        return None
    user, inode = owner
    if inode == 0:
        raise ConnectionAbortedError
    return user


def _owner(client: tuple[str, int], server: tuple[str, int]) -> tuple[int, int] | None:
    """User and inode of the client's socket; None where the system does not say."""
    if sys.platform != "linux":
        return None
    addresses = (socket.inet_aton(host) for host, _ in (client, server))
    wanted = _SOCKET.pack(client[1], server[1], *addresses, 0, _NO_COOKIE * 2)
    question = struct.pack("=BBBx4s", socket.AF_INET, socket.IPPROTO_TCP, 0, _ANY_STATE) + wanted
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.send(_HEADER.pack(_HEADER.size + len(question), _BY_FAMILY, 1, 0, 0) + question)
            answer = kernel.recv(4096)
    except OSError:  # not in this kernel, or not in this sandbox
        return None
    _, kind, *_ = _HEADER.unpack_from(answer)
    return struct.unpack_from("=II", answer, _OWNER_AT) if kind == _BY_FAMILY else None
