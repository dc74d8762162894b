"""gunicorn's gevent worker, as in AWS's image, with nginx's patience. Loaded only where it runs."""

from __future__ import annotations

import socket
import time
from functools import partial
from types import FrameType
from typing import Any

from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

_HEARTBEAT = 1.0
"""Seconds between two signs of life to gunicorn's arbiter."""


class BoundedGeventWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """Limits how long a client may send nothing inside a request, where gunicorn's own would wait for ever, and ends
    when it is told to, where gunicorn's own looks once a second."""

    _told_to_end: Event | None = None

    def run(self) -> None:
        """Serve until told to end; what has been begun is then answered, up to the graceful time-out."""
        self._told_to_end = Event()
        servers = []
        for listener in self.sockets:
            listener.setblocking(True)
            server = StreamServer(listener, handle=partial(self.handle, listener), spawn=Pool(self.worker_connections))
            if self.cfg.workers > 1:
                server.max_accept = 1  # the others want some, too
            server.start()
            servers.append(server)
        while self.alive:
            self.notify()
            self._told_to_end.wait(_HEARTBEAT)
        for server in servers:
            server.close()
        latest = time.monotonic() + self.cfg.graceful_timeout
        for server in servers:
            while len(server.pool) and (left := latest - time.monotonic()) > 0:
                self.notify()
                server.pool.join(min(_HEARTBEAT, left))
            if len(server.pool):
                self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
                server.stop(timeout=1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM."""
        super().handle_exit(sig, frame)
        if self._told_to_end is not None:
            self._told_to_end.set()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection. GeventWorker's own would take the limit away again."""
        # gunicorn sends head and body apart; without this the body waits 40 ms for the client's acknowledgement.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(self.app.settings.read_timeout)
        AsyncWorker.handle(self, listener, client, addr)
