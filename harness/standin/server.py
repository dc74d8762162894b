"""The one endpoint on loopback: HTTP for those who know its address, a proxy for those who name AWS's hosts."""

from __future__ import annotations

import io
import os
import sys
import threading
import traceback
from collections.abc import Collection
from typing import IO, Any, cast

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wsgi import LimitedStream

from harness.standin import peers, proxy
from harness.standin.authority import Authority

HOST = "127.0.0.1"
_WITHOUT_BODY = frozenset({"204", "304"})
_CHUNK = 1 << 16
_DRAINED = 64 << 20
"""Bytes of a refused request that are worth reading for the connection's sake."""


def new_server(port: int, application: Any, authority: Authority, pass_through: Collection[str]) -> BaseWSGIServer:
    """A server that listens already, and answers once its ``serve_forever`` is called.

    Args:
        port: 0 for a free one.
        application: WSGI; answers every request to AWS, whichever way it comes.
        authority: vouches for AWS's hosts.
        pass_through: hosts and domains, besides AWS's, that the proxy connects to.

    Raises:
        OSError: the port is taken.
    """

    class Handler(_Handler):
        pass

    Handler.authority, Handler.pass_through = authority, pass_through
    return _make(port, application, Handler)


def _make(port: int, application: Any, handler: type[MotoRequestHandler]) -> BaseWSGIServer:
    import socket

    # werkzeug ends the process where a port is taken; so it is given one that has been had.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(512)
        taken = listener.getsockname()[1]
        return make_server(HOST, taken, application, threaded=True, request_handler=handler, fd=listener.fileno())


class _Handler(MotoRequestHandler):
    """One connection. After CONNECT to one of AWS's hosts, requests on it are answered as if they had come directly."""

    authority: Authority
    pass_through: Collection[str]
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a response in as few packets as it needs, none of which waits for the one before to be acknowledged
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer one connection, unless another user of this machine has made it: jobs run as the stand-in's own."""
        try:
            user = peers.user_of(self.connection)
        except OSError:  # who has made it has gone
            return
        if user in {None, 0, os.getuid()}:
            super().handle()
        else:
            sys.stderr.write(f"The stand-in has closed a connection of user {user}: it answers its own user alone.\n")

    def do_CONNECT(self) -> None:
        """Become the host that is named, connect to it, or refuse."""
        try:
            host, port = proxy.split(self.path)
        except ValueError as error:
            self._refuse(400, str(error))
            return
        if proxy.is_passed_through(host, self.pass_through):
            self._relay(host, port)
        elif proxy.is_aws(host):
            self._become(host)
        else:
            self._refuse(403, f"{host} is not AWS's. Start the stand-in with --pass-through {host}.")

    def run_wsgi(self) -> None:
        """Answer one request and keep the connection; werkzeug's own closes it, and each new one costs TLS anew."""
        environ = self.make_environ()
        if not environ.get("wsgi.input_terminated"):
            declared = environ.get("CONTENT_LENGTH") or "0"
            if not (declared.isascii() and declared.isdigit()):
                self._refuse(400, f"Content-Length is {declared!r}, no number of bytes.")
                return
            environ["wsgi.input"] = LimitedStream(cast(IO[bytes], self.rfile), int(declared))
            environ["wsgi.input_terminated"] = True
        # Whoever answers may put another in its place.
        body_of_request = environ["wsgi.input"] = _Body(environ["wsgi.input"])
        status, headers, body = _call(self.server.app, environ)
        self.close_connection = self.close_connection or not _drain(body_of_request)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in headers} and code not in _WITHOUT_BODY:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and code not in _WITHOUT_BODY:
            self.wfile.write(body)
        self.wfile.flush()

    def handle_expect_100(self) -> bool:
        """Say it at once; werkzeug would leave it in the buffer."""
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        del self.headers["Expect"]
        return True

    def finish(self) -> None:
        """Close what the server does not know of: the TLS that was put over its connection."""
        super().finish()
        self.connection.close()

    def log_error(self, format: str, *arguments: object) -> None:
        """Nothing, likewise."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: what is worth saying is said by whoever answers."""

    def _become(self, host: str) -> None:
        self._established()
        try:
            self.connection = self.authority.context(host).wrap_socket(self.connection, server_side=True)
        except OSError:  # a client that does not trust the authority, or has gone
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile = self.connection.makefile("wb")
        self.close_connection = False

    def _relay(self, host: str, port: int) -> None:
        try:
            other = proxy.connect(host, port)
        except OSError as error:
            self._refuse(502, f"{host}:{port} cannot be reached: {error}")
            return
        with other:
            self._established()
            proxy.relay(self.connection, other)
        self.close_connection = True

    def _established(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.wfile.flush()

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True
        sys.stderr.write(f"The stand-in has refused a connection: {message}\n")
        self.send_error(status, "Refused", message)


class _Body(io.RawIOBase):
    """A request's body, of which it is the client's affair if it breaks off or is not in the chunks that it says."""

    def __init__(self, body: io.RawIOBase) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        try:
            return self._body.readinto(buffer)
        except OSError as error:
            raise ClientDisconnected from error

    def readall(self) -> bytes:
        try:
            return self._body.readall()
        except OSError as error:
            raise ClientDisconnected from error


def _call(application: Any, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status, headers and body of an answer."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        started[:] = [(status, headers)]

    try:
        chunks = application(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return *started[0], body
    except ClientDisconnected:
        return "400 Bad Request", [("Content-Type", "text/plain")], b"the body is not whole"
    except Exception:
        traceback.print_exc(file=sys.stderr)
        return "500 Internal Server Error", [("Content-Type", "text/plain")], b"see what the stand-in has printed"


def _drain(body: io.RawIOBase) -> bool:
    """Read what nobody has read of a request, so that the next one can be; False if that is too much, or not there."""
    try:
        return any(not body.read(_CHUNK) for _ in range(_DRAINED // _CHUNK))
    except ClientDisconnected:
        return False


class ServerThread:
    """A server in a thread of its own."""

    def __init__(self, server: BaseWSGIServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="server")
        self._thread.start()

    def close(self) -> None:
        """Take no more requests."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
