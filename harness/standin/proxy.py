"""The way in for clients that name AWS's hosts themselves: a CONNECT proxy that is the host it connects to."""

from __future__ import annotations

import re
import selectors
import socket
from collections.abc import Collection
from contextlib import suppress

_AWS = re.compile(r"(?:[a-z0-9-]+\.)+(?:amazonaws\.com(?:\.cn)?|api\.aws|aws\.dev)", re.IGNORECASE)
_CHUNK = 1 << 16
_PATIENCE = 30.0
"""Seconds in which a host that is passed through has to take the connection."""


def split(authority: str) -> tuple[str, int]:
    """Host and port of a CONNECT request.

    Raises:
        ValueError: it is not ``host:port``.
    """
    host, _, port = authority.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{authority!r} is not host:port")
    return host.strip("[]").lower(), int(port)


def is_aws(host: str) -> bool:
    """Whether a host is one of AWS's, and so ours to answer."""
    return _AWS.fullmatch(host) is not None


def is_passed_through(host: str, hosts: Collection[str]) -> bool:
    """Whether a host, or a domain that it is in, has been named; ``*`` names all."""
    return any(named == "*" or host == named or host.endswith(f".{named.lstrip('.')}") for named in hosts)


def connect(host: str, port: int) -> socket.socket:
    """A connection to a host that is passed through.

    Raises:
        OSError: there is none.
    """
    return socket.create_connection((host, port), timeout=_PATIENCE)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass on what either side sends, until one of them ends."""
    other.settimeout(None)
    partner = {one: other, other: one}
    with selectors.DefaultSelector() as selector, suppress(OSError):
        for end in partner:
            selector.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)
                data = source.recv(_CHUNK)
                if not data:
                    return
                partner[source].sendall(data)
