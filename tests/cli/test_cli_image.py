"""``harness image``: what it prints, and how it fails."""

import pytest

from harness.images.build import context, tag
from tests.docker_engine import client_or_skip, image_or_skip

NO_ENGINE = "unix:///nowhere/docker.sock"


def test_the_build_context_is_written_without_an_engine(project):
    made = project()
    done = made.harness("image", "build", "--context", "made", "--json", DOCKER_HOST=NO_ENGINE)
    assert (done.code, done.err) == (0, "")
    assert done.json == {"Image": tag("1.9-0"), "Context": "made"}
    assert (made.folder / "made/Dockerfile").read_bytes() == context("1.9-0")["Dockerfile"]


@pytest.mark.parametrize("verb", ["build", "show", "pull"])
def test_without_an_engine_the_exit_code_is_4_and_the_message_says_how_to_start_one(project, verb):
    done = project().harness("image", verb, "--json", DOCKER_HOST=NO_ENGINE)
    assert done.code == 4
    assert done.json["Error"]["Type"] == "MissingCapability"
    assert f"No Docker engine answers at {NO_ENGINE}. Start Docker Desktop" in done.err


def test_a_version_without_pins_is_a_mistake_of_configuration(project):
    done = project().here("image", "build", "--framework-version", "0.23-1", DOCKER_HOST=NO_ENGINE)
    assert done.code == 2
    assert "`harness image pull --framework-version 0.23-1`" in done.err


@pytest.mark.parametrize("verb", ["build", "show", "pull"])
def test_each_verb_has_an_example(project, verb):
    assert f"Example: harness image {verb}" in project().here("image", verb, "--help").out


@pytest.mark.docker
class TestWithAnEngine:
    @pytest.fixture
    def image(self):
        client = client_or_skip()
        try:
            return image_or_skip(client)
        finally:
            client.close()

    def test_an_image_that_is_here_is_named_and_not_built_again(self, project, image):
        done = project().harness("image", "build")
        assert (done.code, done.out, done.err) == (0, f"{image}\n", "")

    def test_show_says_what_is_here_and_what_is_in_it(self, project, image):
        shown = project().harness("image", "show", "--region", "eu-west-1", "--json").json
        assert shown["Image"]["Local"] == image
        assert shown["Image"]["AWS"].startswith("141502667606.dkr.ecr.eu-west-1.amazonaws.com/")
        assert shown["Present"]["Local"] is True
        assert shown["Contents"]["scikit_learn"] == "1.9.0"
