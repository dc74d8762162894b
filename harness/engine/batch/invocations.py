"""Requests to a model server over HTTP: a connection and a time limit for each try, retries, an end on demand.

``http.client`` is enough: one host on loopback, no redirects, proxies or cookies, and the bodies have to pass through
as they are. As between AWS's nginx and gunicorn no connection is kept: it would stay with the worker that took it,
however idle the others are.
"""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import BinaryIO, TypeAlias
from urllib.parse import urlsplit

from harness.server import cause

Body: TypeAlias = bytes | Callable[[], Iterable[bytes]]
"""Bytes are sent with their length; what a callable returns is sent in chunks as it comes, and asked for
per try."""

_CHUNK = 1 << 16
_FIRST_PAUSE = 0.1
_EXCERPT = 200


class InvocationError(Exception):
    """The model server did not answer a request with a status of success, however often it was tried."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The last response's, or None if there was none."""


class InvocationStopped(Exception):
    """The request was given up because the job is to end."""


class ModelServer:
    """Where one job sends its requests. Any number of threads may use it."""

    def __init__(
        self, url: str, headers: Mapping[str, str], *, timeout: float, max_retries: int, stop: threading.Event
    ) -> None:
        """Connect to nothing yet.

        Args:
            url: of ``/invocations``.
            headers: sent with each request, verbatim.
            timeout: seconds that one try may take, from its first byte to the last byte of its response.
            max_retries: how often a request that failed is sent again.
            stop: set to have pauses end, and no try begin. What waits for a response is ended by ``abort``.
        """
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._path = parts.path or "/"
        self._headers = dict(headers)
        self._timeout = timeout
        self._max_retries = max_retries
        self._stop = stop
        self._in_flight: set[socket.socket] = set()

    def invoke(self, body: Body, response: BinaryIO) -> None:
        """Send a request and write the body of its response into ``response``, from its beginning.

        A try fails if the status is not 2xx, if the connection fails, or after the time limit. It is
        repeated after a pause of 0.1 s, doubled each time, unless the status says that the request itself
        is at fault: any below 500 but 408 and 429. AWS says no more than that *failing* invocations are
        retried.

        Raises:
            InvocationError: the last try failed too.
            InvocationStopped: ``stop`` was set.
        """
        pause, why = _FIRST_PAUSE, ""
        for tried in range(1, self._max_retries + 2):
            if self._stop.is_set():
                raise InvocationStopped
            response.seek(0)
            response.truncate()
            tries = f" (tried {tried} times)" if tried > 1 else ""
            try:
                again = {cause.AGAIN: cause.again(tried, self._max_retries + 1, why)} if why else {}
                status, why = self._try(body, response, again)
            except (OSError, http.client.HTTPException) as error:
                if self._stop.is_set():
                    raise InvocationStopped from None
                failure = InvocationError(self._what_failed(error) + tries)
            else:
                if 200 <= status < 300:
                    return
                failure = InvocationError(f"HTTP {status}{tries}{_excerpt(response, why)}", status)
                if status < 500 and status not in (408, 429):
                    break
            if tried <= self._max_retries:
                self._stop.wait(pause)
                pause *= 2
        raise failure

    def abort(self) -> None:
        """End every try that is under way. Call it with ``stop`` set, until the threads are done."""
        for connection in tuple(self._in_flight):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended by itself
                continue

    def _try(self, body: Body, into: BinaryIO, again: Mapping[str, str]) -> tuple[int, str]:
        end = time.monotonic() + self._timeout

        def remaining() -> float:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            return left

        connection = http.client.HTTPConnection(self._host, self._port, timeout=remaining())
        with closing(connection):
            connection.connect()
            sock = connection.sock
            self._in_flight.add(sock)
            try:
                self._send(connection, body, {**self._headers, **again}, remaining)
                sock.settimeout(remaining())
                with connection.getresponse() as response:
                    while part := response.read1(_CHUNK):
                        into.write(part)
                        sock.settimeout(remaining())
                    if response.length:
                        raise http.client.IncompleteRead(b"", response.length)
            finally:
                self._in_flight.discard(sock)
        return response.status, cause.decoded(response.getheader(cause.HEADER))

    def _send(
        self,
        connection: http.client.HTTPConnection,
        body: Body,
        headers: Mapping[str, str],
        remaining: Callable[[], float],
    ) -> None:
        sock = connection.sock

        def paced(parts: Iterable[bytes]) -> Iterator[bytes]:
            for part in parts:
                sock.settimeout(remaining())
                yield part

        sock.settimeout(remaining())
        try:
            if callable(body):
                chunked = {**headers, "Transfer-Encoding": "chunked"}
                connection.request("POST", self._path, paced(body()), chunked, encode_chunked=True)
            else:
                connection.request("POST", self._path, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a request may answer and hang up before it has read all of it.
            pass

    def _what_failed(self, error: Exception) -> str:
        where = f"{self._host}:{self._port}"
        if isinstance(error, TimeoutError):
            limit = f"{self._timeout:g} s (InvocationsTimeoutInSeconds)"
            return f"no complete response from {where} within {limit}"
        if isinstance(error, ConnectionRefusedError):
            return f"the model server at {where} accepts no connections"
        return f"no complete response from {where}: {error or type(error).__name__}"


def _excerpt(response: BinaryIO, why: str) -> str:
    if why:
        return f": {why}"
    response.seek(0)
    text = response.read(_CHUNK).decode("utf-8", "replace")
    text = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    if not text:
        return ""
    return f": {text[:_EXCERPT]}{'…' if len(text) > _EXCERPT else ''}"
