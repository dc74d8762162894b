"""What an engine cannot do is said before a job is made."""

from contextlib import contextmanager

import pytest

from harness.engine import container_jobs
from harness.errors import RefusedError


@pytest.fixture
def engine(monkeypatch):
    """An engine that has every image, and says of itself what the test has it say."""
    said = {}

    class Engine:
        def __init__(self) -> None:
            self.api = self

        def info(self):
            return said

    @contextmanager
    def opened():
        yield Engine()

    monkeypatch.setattr(container_jobs, "engine", opened)
    monkeypatch.setattr(container_jobs, "resolve", lambda client, image: image)
    return said


@pytest.mark.parametrize("rootless", [{"SecurityOptions": ["name=rootless"]}, {"Rootless": True}])
def test_a_rootless_engine_serves_no_model_without_network(engine, rootless):
    engine |= rootless
    container_jobs.check("image")
    with pytest.raises(RefusedError, match=r"EnableNetworkIsolation: .* a rootless engine .* try --on local"):
        container_jobs.check("image", isolated_server=True)


def test_one_of_the_machines_root_does(engine):
    engine |= {"SecurityOptions": ["name=seccomp,profile=default"]}
    container_jobs.check("image", isolated_server=True)
