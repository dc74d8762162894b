"""``harness clean``: what it removes from a Docker engine."""

import pytest

from harness.engine.leftovers import labels
from harness.engine.store import Job
from tests.docker_engine import client_or_skip, image_or_skip, marked


def test_where_there_is_no_engine_there_is_nothing_of_ours_in_it(project):
    done = project().harness("clean", "--json", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert (done.code, done.err) == (0, "")
    assert done.json == {"Lost": [], "Removed": [], "Containers": [], "Cache": False}


@pytest.mark.docker
def test_containers_of_jobs_that_nobody_runs_are_removed(project):
    made, client = project(), client_or_skip()
    image = image_or_skip(client)
    marks = labels(Job(made.folder / "runs" / "dead"), "algo-1")
    client.api.create_container(image, ["sleep", "600"], labels=marks)
    assert marked(client, made.folder)
    made.harness("clean", "--json")
    assert not marked(client, made.folder)
    client.close()
