"""gunicorn's gevent worker, as in AWS's image, with nginx's patience. Loaded only where it runs."""

from __future__ import annotations

from typing import Any

from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker


class BoundedGeventWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """Limits how long a client may send nothing inside a request; gunicorn itself would wait for ever."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection. GeventWorker's own would take the limit away again."""
        client.settimeout(self.app.settings.read_timeout)
        AsyncWorker.handle(self, listener, client, addr)
