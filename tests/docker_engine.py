"""A real Docker engine for tests, or why there is none: then they are skipped, with that reason."""

import os

import pytest

from harness.errors import MissingCapability
from harness.images.build import exists, tag
from harness.images.engine import connect, is_rootless

LABEL = "sagemaker-harness"
NOT_TOLD = "does not say whose memory was not enough (4.3.1 on cgroup v1)"


def client_or_skip():
    """A client of the engine."""
    if reason := os.environ.get("WITHOUT_DOCKER"):
        pytest.skip(f"Docker cannot be had: {reason}")
    try:
        return connect()
    except MissingCapability as error:
        pytest.skip(f"Docker cannot be had: {error.message}")


def image_or_skip(client) -> str:
    """The local image of the default version."""
    name = tag("1.9-0")
    if not exists(client, name):
        pytest.skip(f"{name} has not been built; `make image` does it")
    return name


def needs_root(client) -> None:
    """Skip the test where the engine's root is not this machine's: its users, limits and networks are otherwise."""
    if is_rootless(client.api.info()):
        pytest.skip("the engine is rootless")


def is_podman(client) -> bool:
    """Whether the engine is Podman's."""
    return any("Podman" in each.get("Name", "") for each in client.api.version().get("Components", ()))


def needs_docker_itself(client, why: str) -> None:
    """Skip the test where the engine is Podman's, which does otherwise."""
    if is_podman(client):
        pytest.skip(f"Podman {why}")


def marked(client, root) -> set[str]:
    """Every container and network of jobs below a folder that has not been removed."""
    found = client.api.containers(all=True, filters={"label": LABEL}) + client.api.networks(filters={"label": LABEL})
    return {each["Id"] for each in found if each["Labels"][f"{LABEL}.job"].startswith(str(root))}
