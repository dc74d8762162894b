"""Endpoints as other users of the machine meet them: a port on the loopback is open to all."""

from __future__ import annotations

import io
import sys

import numpy
import pytest

from tests.cli.deployments import MULTIPLIES, archive, deploy, wait_for_log, with_model
from tests.server.test_peers import STRANGER, ask, needs_root

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="no other system can be asked")]
OBJECTS = numpy.array([[1.5, 2]], dtype=object)


@needs_root
@pytest.mark.parametrize("option", [(), ("--enable-network-isolation",)], ids=["network", "no network"])
def test_objects_are_unpickled_for_whoever_has_deployed_alone(project, ends, option):
    made = with_model(project)
    archive(made.folder / "model.tar.gz", **{"factor": "2", "code/train.py": MULTIPLIES})
    ends(made)
    url = deploy(made, "e", *option, "--json").json["EndpointUrl"]
    body = io.BytesIO()
    numpy.save(body, OBJECTS)
    answers = {user: ask(int(url.rpartition(":")[2]), user, body.getvalue()) for user in (0, STRANGER)}
    assert answers[0].endswith(b"\r\n\r\n[[3.0, 4.0]]")
    assert answers[STRANGER].startswith(b"HTTP/1.1 500 ")
    wait_for_log(made, f"comes from user {STRANGER}")
