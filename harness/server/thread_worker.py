"""gunicorn's threaded worker, where gevent is not wanted, with nginx's patience."""

from __future__ import annotations

import socket
import struct
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class BoundedThreadWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Limits how long a client may send nothing inside a request, and answers at once."""

    def handle(self, conn: Any) -> Any:
        """Serve one connection."""
        seconds = self.app.settings.read_timeout
        # By the kernel, because gunicorn sets the socket's own time-out back.
        limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return super().handle(conn)
