"""The marks on everything that the harness makes in a Docker engine, and the removal of what killed runs left there."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engine.store import Job

if TYPE_CHECKING:
    from docker import DockerClient

MARK = "sagemaker-harness"
_JOB, _MACHINE, _HOST, _PID = (f"{MARK}.{name}" for name in ("job", "machine", "host", "pid"))


def labels(job: Job, host: str = "") -> dict[str, str]:
    """What says whose a container or a network is. An engine may serve several machines."""
    return {
        MARK: job.name,
        _JOB: str(job.path.absolute()),
        _MACHINE: platform.node(),
        _PID: str(os.getpid()),
        **({_HOST: host} if host else {}),
    }


def remove_leftovers(client: DockerClient) -> list[str]:
    """Remove the containers and networks of this machine's jobs that nobody runs any more; their names.

    What cannot be removed now, because somebody else is at it or it is still in use, is left for the next time.
    """
    import docker.errors

    api = client.api
    marked: dict[str, Any] = {"label": [MARK, f"{_MACHINE}={platform.node()}"]}
    removed = []
    for container in api.containers(all=True, filters=marked):
        if _is_dead(container["Labels"]):
            with suppress(docker.errors.APIError):
                api.remove_container(container["Id"], force=True, v=True)
                removed.append(container["Names"][0].removeprefix("/"))
    for network in api.networks(filters=marked):
        if _is_dead(network["Labels"]):
            with suppress(docker.errors.APIError):
                api.remove_network(network["Id"])
                removed.append(network["Name"])
    return removed


def _is_dead(marks: dict[str, str]) -> bool:
    try:
        return not Job(Path(marks[_JOB])).held()
    except OSError:  # another user's folder
        return False
