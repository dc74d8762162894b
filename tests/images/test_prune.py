"""Removing local images that nothing asks for any more."""

import uuid

import pytest

from harness.images.build import LABEL, NAME, tag
from harness.images.prune import outdated, prune, remove
from tests.docker_engine import client_or_skip, image_or_skip

NOW, OLD = tag("1.9-0"), f"{NAME}:1.9-0-000000000000"


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ({"Id": "1", "RepoTags": [NOW]}, []),
        ({"Id": "1", "RepoTags": [OLD]}, [OLD]),
        ({"Id": "1", "RepoTags": [NOW, OLD]}, [OLD]),
        ({"Id": "1", "RepoTags": None}, ["1"]),
        ({"Id": "1", "RepoTags": ["<none>:<none>"]}, ["1"]),
        ({"Id": "1", "RepoTags": [f"localhost/{NOW}", f"docker.io/{OLD}"]}, [f"docker.io/{OLD}"]),
    ],
    ids=[
        "one in use stays",
        "an older one goes",
        "by its name alone",
        "one without a name",
        "as older engines say it",
        "as Podman names them",
    ],
)
def test_what_is_outdated(image, found):
    assert outdated([image, image], {NOW}) == found


@pytest.mark.docker
class TestInARealEngine:
    @pytest.fixture
    def client(self):
        client = client_or_skip()
        yield client
        client.close()

    @pytest.fixture
    def name(self, client):
        """A second name of the local image."""
        name = f"harness-test/{uuid.uuid4().hex}"
        client.api.tag(image_or_skip(client), name)
        yield f"{name}:latest"
        client.images.remove(f"{name}:latest", force=True) if client.images.list(name) else None

    def test_an_image_is_removed(self, client, name):
        assert remove(client, [name]).removed == [name]
        assert not client.images.list(name)
        assert client.images.list(tag("1.9-0")), "what it shares with others is gone too"

    def test_one_that_is_gone_is_nobodys_concern(self, client):
        assert remove(client, ["harness-test/nothing:1"]) == ([], {})

    def test_one_that_a_container_needs_stays_and_the_engine_says_why(self, client):
        name = f"harness-test/{uuid.uuid4().hex}:latest"
        client.api.import_image_from_data(b"\0" * 1024, repository=name.removesuffix(":latest"), tag="latest")
        container = client.api.create_container(name, ["x"])
        try:
            pruned = remove(client, [name])
            assert not pruned.removed
            assert "container" in pruned.kept[name]
        finally:
            client.api.remove_container(container)
            client.images.remove(name)


def test_images_are_looked_for_by_name_and_by_label():
    class Engine:
        def __init__(self):
            self.api, self.removed = self, []

        def images(self, name=None, filters=None):
            assert filters in (None, {"label": LABEL})
            return [{"Id": "1", "RepoTags": [NOW, OLD]}] if name else [{"Id": "2", "RepoTags": None}]

        def remove_image(self, name):
            self.removed.append(name)

    engine = Engine()
    assert prune(engine).removed == engine.removed == [OLD, "2"]


def test_without_an_engine_the_command_ends_with_4(project):
    done = project().harness("image", "prune", "--json", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert done.code == 4
    assert "No Docker engine answers" in done.err
