"""``aws``: S3 by moto, on a thread of this process, and nothing else of AWS."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from harness.errors import MissingCapability
from harness.pytest_plugin.surroundings import lead_to
from harness.standin.aws import Credentials, application
from harness.standin.environment import variables

NOWHERE = "http://127.0.0.1:9"
"""An address where nobody answers: what has not been mocked fails at once."""


@dataclass(frozen=True)
class Aws:
    """An empty S3 that goes with the test. This process finds it, those that it starts, and jobs on this machine."""

    url: str
    """Its address."""
    region: str = "us-east-1"

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads there, and nowhere else."""
        found = variables(NOWHERE, self.region, Credentials("testing", "testing", "testing"))
        del found["HARNESS_ROLE"]
        return {**found, "AWS_ENDPOINT_URL_S3": self.url, "AWS_MAX_ATTEMPTS": "1"}

    def apply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have this process's environment lead there until ``monkeypatch`` is undone."""
        lead_to(self.environment, monkeypatch)

    def client(self, service: str = "s3") -> Any:
        """``boto3.client``."""
        import boto3

        return boto3.client(service)


@contextmanager
def serving() -> Iterator[Aws]:
    """An S3 with nothing in it, until the end of the ``with``.

    Raises:
        MissingCapability: moto is not installed.
    """
    try:
        from moto.moto_server import werkzeug_app
        from werkzeug.serving import make_server
    except ImportError as error:
        raise MissingCapability(
            f"The fixture aws needs {error.name}: {sys.executable} -m pip install 'sagemaker-harness[standin]'"
        ) from None
    requests, before = logging.getLogger("werkzeug"), logging.getLogger("werkzeug").level
    requests.setLevel(logging.WARNING)  # a line for each request helps nobody
    _forget_everything()
    # Made here and not by moto's own server, which waits for ever where its thread may not have a socket.
    handler = getattr(werkzeug_app, "MotoRequestHandler", None)  # older ones do without
    server = make_server("127.0.0.1", 0, application(), threaded=True, request_handler=handler)
    thread = threading.Thread(target=server.serve_forever, name="aws", daemon=True)
    thread.start()
    try:
        yield Aws(f"http://127.0.0.1:{server.port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        requests.setLevel(before)


def _forget_everything() -> None:
    """What tests before this one have put into moto, which has one S3 for the whole process."""
    from moto.s3.models import s3_backends

    s3_backends.reset()
