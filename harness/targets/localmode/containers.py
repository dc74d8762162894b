"""The containers and networks of one job of local mode, in the Docker engine: how they ended, and their removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.engine.leftovers import MARK, labels, remove_network
from harness.engine.store import Job

if TYPE_CHECKING:
    from docker import DockerClient


def exit_codes(client: DockerClient, job: Job) -> list[int]:
    """Of each container that has ended by itself."""
    states = [client.api.inspect_container(each)["State"] for each in _containers(client, job)]
    return [state["ExitCode"] for state in states if state["Status"] == "exited"]


def remove(client: DockerClient, job: Job) -> None:
    """Remove a job's containers, whether they run or not, and its network."""
    import docker.errors

    for container in _containers(client, job):
        try:
            client.api.remove_container(container, force=True, v=True)
        except docker.errors.NotFound:
            continue
    for network in client.api.networks(filters=_of(job)):
        remove_network(client, network["Id"])


def _containers(client: DockerClient, job: Job) -> list[str]:
    return [each["Id"] for each in client.api.containers(all=True, filters=_of(job))]


def _of(job: Job) -> dict[str, str]:
    key = f"{MARK}.job"
    return {"label": f"{key}={labels(job)[key]}"}
