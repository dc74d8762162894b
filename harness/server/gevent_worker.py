"""gunicorn's gevent worker, as in AWS's image, with nginx's patience. Loaded only where it runs."""

from __future__ import annotations

import socket
from typing import Any

from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker


class BoundedGeventWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """Limits how long a client may send nothing inside a request; gunicorn itself would wait for ever."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection. GeventWorker's own would take the limit away again."""
        # gunicorn sends head and body apart; without this the body waits 40 ms for the client's acknowledgement.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(self.app.settings.read_timeout)
        AsyncWorker.handle(self, listener, client, addr)
