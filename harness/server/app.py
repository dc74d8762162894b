"""The WSGI application: ``/ping``, ``/invocations`` and ``/execution-parameters``, as behind nginx in AWS's
image.

Statuses, headers and bodies are those of sagemaker-containers 2.8.6.post2. An error in a handler is a 500
with a generic page; its traceback is in the log and nowhere else, its cause in one header that AWS has not.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout
from werkzeug.wrappers import Response as WerkzeugResponse

from harness.server import cause, codecs, handlers, peers, traps
from harness.server.names import is_of_another_site, is_of_this_machine
from harness.server.report import Reporter
from harness.server.settings import Settings

# What nginx passes on; it matches by prefix and answers anything else itself.
_PROXIED = ("/ping", "/invocations", "/execution-parameters")


class Application:
    """Serves one user's module. Nothing of it is imported before the first request, ``/ping`` included.

    As on AWS, a request that finds nothing loaded loads it; when that fails, :class:`handlers.LoadError`
    reaches gunicorn, which answers 500, and the next request tries again.
    """

    def __init__(self, settings: Settings, *, shows_failure: Callable[[], bool] = lambda: True) -> None:
        """``shows_failure``: asked when loading has failed, whether the log is to have the traceback."""
        self._shows_failure = shows_failure
        self._settings = settings
        self._reporter = Reporter(settings.code_dir)
        self._loading = threading.Lock()
        self._flask: Flask | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        if is_of_another_site(environ) or not is_of_this_machine(environ.get("HTTP_HOST", "")):
            return _misdirected()(environ, start_response)
        if not environ.get("PATH_INFO", "").startswith(_PROXIED):
            return _not_proxied()(environ, start_response)
        return self.load()(environ, start_response)

    def load(self) -> Flask:
        """Load module and model unless that is done.

        Raises:
            handlers.LoadError: with the reason; the traceback is in the log.
        """
        with self._loading:
            if self._flask is None:
                try:
                    loaded = handlers.load(
                        self._settings, partial(_met, self._reporter), partial(_check_sender, self._settings)
                    )
                except handlers.LoadError as error:
                    if self._shows_failure():
                        self._reporter.failure(str(error), error)
                    raise
                self._flask = _routes(loaded, self._settings, self._reporter)
            return self._flask


class _Flask(Flask):
    """Flask, with its failures in our log's form."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(__name__, static_folder=None)
        self._reporter = reporter

    def log_exception(self, exc_info: Any) -> None:
        error, asked = exc_info[1], f"{request.method} {request.path}"
        attempt = cause.attempt(request.headers.get(cause.AGAIN), cause.told(error, g.get("trap")))
        if attempt:
            self._reporter.failure_again(f"{asked}: again, attempt {attempt}", error)
        else:
            self._reporter.failure(f"{asked}: {error}", error)

    def handle_exception(self, e: Exception) -> Response:
        answer = super().handle_exception(e)
        answer.headers[cause.HEADER] = cause.encoded(cause.told(e, g.get("trap")))
        return answer


class _JsonResponse(Response):
    """What AWS's server makes of a (body, type) pair; JSON where the type is None."""

    default_mimetype = codecs.JSON


def content_type(headers: Headers) -> str:
    """``ContentType``, which some AWS services send, before ``Content-Type``; JSON without both."""
    return headers.get("ContentType") or headers.get("Content-Type") or codecs.JSON


def accept(headers: Headers, default: str) -> str:
    """``Accept`` as it stands; the container's default where it is missing or ``*/*``."""
    wanted = headers.get("Accept")
    return default if not wanted or wanted == "*/*" else wanted


def _routes(loaded: handlers.Handlers, settings: Settings, reporter: Reporter) -> Flask:
    app = _Flask(reporter)

    def ping() -> Response:
        return _JsonResponse(status=200)

    def invocations() -> Any:
        sent = content_type(request.headers)
        body: Any = _body()
        if sent in codecs.TEXT_TYPES:
            body = body.decode("utf-8", "replace")
        result = loaded.transform(body, sent, accept(request.headers, settings.default_accept))
        if isinstance(result, tuple):
            return _JsonResponse(result[0], mimetype=result[1])
        trap = traps.returned(result, settings.lists_as_json)
        if trap:
            _met(reporter, trap)
        return _sendable(result, settings, reporter)

    app.add_url_rule("/ping", "ping", ping)
    app.add_url_rule("/invocations", "invocations", invocations, methods=["POST"])
    if loaded.execution_parameters:
        parameters = loaded.execution_parameters
        app.add_url_rule(
            "/execution-parameters",
            "execution-parameters",
            lambda: _sendable(parameters(), settings, reporter),
            methods=["GET"],
        )
    return app


def _met(reporter: Reporter, trap: traps.Trap) -> None:
    """Explain a trap in the log, and, should the request fail, to whoever asked."""
    reporter.trap(trap)
    if trap.kind != "float32":  # nothing fails of it
        g.trap = trap.message


def _check_sender(settings: Settings) -> None:
    """Objects are unpickled for the server's own user, where it can be told who asks."""
    if settings.connections_fd is not None:
        peers.check_own(request.environ["gunicorn.socket"], settings.connections_fd)


def _body() -> bytes:
    try:
        return request.get_data()
    except (socket.timeout, BlockingIOError) as error:  # noqa: UP041 (not one class before Python 3.10)
        # The client announced more than it sent, and kept the connection open.
        raise RequestTimeout from error
    except HTTPException:
        raise
    except Exception as error:
        # gunicorn's own errors about chunks, whose classes differ between its versions.
        raise BadRequest from error


def _sendable(result: Any, settings: Settings, reporter: Reporter) -> Any:
    """``result``, where Flask 1.1.1 makes a response of it too; newer ones take lists and generators besides.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(result, bytearray):
        return bytes(result)
    common = isinstance(result, (str, bytes, dict, tuple, WerkzeugResponse)) or callable(result)
    if common or (settings.lists_as_json and isinstance(result, (list, Iterator))):
        return result
    _met(reporter, traps.unsendable(result))
    raise TypeError(f"{type(result).__name__} is not a response")


def _misdirected() -> WerkzeugResponse:
    # Nobody's page may ask in a browser, for the default input_fn unpickles; AWS's own server is out of its reach.
    text = "This server answers to addresses and names of this machine (header Host), and no page of another site.\n"
    return WerkzeugResponse(text, status=421, mimetype="text/plain")


def _not_proxied() -> WerkzeugResponse:
    # nginx's template in sagemaker-containers: return 404 "{}", under its default type.
    return WerkzeugResponse("{}", status=404, mimetype="application/octet-stream")
