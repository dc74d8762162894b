"""gunicorn, set up as AWS's image does, with two differences: a client that stalls is bounded, as nginx
bounds it there, and the whole server ends when the process that started it does.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger

from harness.server.handlers import LoadError
from harness.server.settings import Settings

# Behind nginx the client's connection is kept for 3 s (sagemaker-containers' nginx template).
_KEEPALIVE = 3
_WORKER_CLASSES = {
    "gevent": "harness.server.gevent_worker.BoundedGeventWorker",
    "gthread": "harness.server.thread_worker.BoundedThreadWorker",
}


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn over the listening socket ``fd``. ``failed`` is told the reason when a worker cannot load
    the model; ``first`` says whether that worker's traceback is the first to be shown."""

    def __init__(
        self,
        settings: Settings,
        fd: int,
        supervisor: int,
        failed: Callable[[str], None],
        first: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.supervisor = supervisor
        self._fd = fd
        self._failed = failed
        self._first = first
        super().__init__()

    def load_config(self) -> None:
        """AWS's options, from sagemaker-containers' ``server``."""
        settings = self.settings
        options = {
            "bind": f"fd://{self._fd}",
            "workers": settings.workers,
            "worker_class": _WORKER_CLASSES[settings.worker_class],
            "worker_connections": 1000 * settings.workers,
            "threads": 1 if settings.worker_class == "gevent" else 8,
            "timeout": settings.timeout,
            "graceful_timeout": settings.graceful_timeout,
            "keepalive": _KEEPALIVE,
            "loglevel": "info",
            "logger_class": QuietLogger,
            "accesslog": "-",
            # gunicorn 25 and newer would leave a socket in the user's home.
            "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, in a worker. With ``fail_fast`` it loads the model now and a failure ends the
        server."""
        from harness.server import report
        from harness.server.app import Application

        report.configure(self.settings.log_level)
        if not self.settings.fail_fast:
            return Application(self.settings)
        application = Application(self.settings, shows_failure=self._first)
        try:
            application.load()
        except LoadError as error:
            self._failed(str(error))
            # gunicorn's own AppImportError would have it print the reason once more.
            raise SystemExit(Arbiter.APP_LOAD_ERROR) from error
        return application

    def run(self) -> None:
        """Serve until a signal says otherwise. Raises SystemExit, as gunicorn does."""
        _LeashedArbiter(self).run()


class _LeashedArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Stops when its parent is gone, as gunicorn's workers do when the arbiter is."""

    _parting: int | None = None

    def manage_workers(self) -> None:
        if os.getppid() != self.app.supervisor:
            raise StopIteration  # what gunicorn's own SIGTERM handler raises
        super().manage_workers()

    def stop(self, graceful: bool = True) -> None:
        self._parting = signal.SIGTERM if graceful else signal.SIGQUIT
        super().stop(graceful)

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        self._parting = self._parting or signal.SIGTERM
        super().halt(reason, exit_status)

    def reap_workers(self) -> None:
        try:
            super().reap_workers()
        except HaltServer:
            # A second worker that fails like the first must not break off the end that the first has begun.
            if not self._parting:
                raise
        # A worker that was just forked swallows its first signal, and would be waited for until the time-out.
        if self._parting:
            self.kill_workers(self._parting)


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's log without a line per successful ``/ping`` and without tracebacks for what is no bug."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """One line per request, in nginx's combined form."""
        if not (environ.get("PATH_INFO") == "/ping" and str(resp.status).startswith("200")):
            super().access(resp, req, environ, request_time)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """A traceback, unless the failure is in the log already or is a client that stalled."""
        error = sys.exc_info()[1]
        if isinstance(error, LoadError):
            return
        if isinstance(error, (socket.timeout, BlockingIOError)):
            self.info("A client sent nothing for too long; its connection is closed.")
            return
        super().exception(msg, *args, **kwargs)
