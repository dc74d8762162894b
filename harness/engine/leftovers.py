"""The marks on everything that the harness makes in a Docker engine, and the removal of what killed runs left there."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.engine.launcher import LaunchError
from harness.engine.ownership import GIVING_BACK, Owner, give_back
from harness.engine.store import Job
from harness.images.engine import explanation

if TYPE_CHECKING:
    from docker import DockerClient

MARK = "sagemaker-harness"
_TAKING_OFF, _PAUSE = 10.0, 0.05
"""Seconds that an engine may take to take a container off its network, and between looks at it."""
_JOB, _MACHINE, _HOST = (f"{MARK}.{name}" for name in ("job", "machine", "host"))


def labels(job: Job, host: str = "") -> dict[str, str]:
    """What says whose a container or a network is. An engine may serve several machines."""
    return {
        MARK: job.name,
        _JOB: str(job.path.absolute()),
        _MACHINE: platform.node(),
        **({_HOST: host} if host else {}),
    }


class Leftovers(NamedTuple):
    """What of this machine's jobs that nobody runs any more is in an engine: identifier -> name."""

    containers: dict[str, str]
    networks: dict[str, str]


def find_leftovers(client: DockerClient) -> Leftovers:
    """Look for them; nothing is changed."""
    marked: dict[str, Any] = {"label": [MARK, f"{_MACHINE}={platform.node()}"]}
    containers = client.api.containers(all=True, filters=marked)
    networks = client.api.networks(filters=marked)
    return Leftovers(
        {each["Id"]: each["Names"][0].removeprefix("/") for each in containers if _is_dead(each["Labels"])},
        {each["Id"]: each["Name"] for each in networks if _is_dead(each["Labels"])},
    )


def remove_leftovers(client: DockerClient) -> list[str]:
    """Give what they have written to whom the job was, and remove them; the names of those that are gone.

    What cannot be removed now, because somebody else is at it or it is still in use, is left for the next time.
    """
    import docker.errors

    found, removed = find_leftovers(client), []
    for container, name in found.containers.items():
        with suppress(docker.errors.APIError):
            client.api.stop(container, timeout=0)
            # Before it is gone: if this process is killed now, the next one finds it, and does both.
            _give_back(client, client.api.inspect_container(container))
            client.api.remove_container(container, force=True, v=True)
            removed.append(name)
    for network, name in found.networks.items():
        with suppress(docker.errors.APIError):
            client.api.remove_network(network)
            removed.append(name)
    return removed


def remove_network(client: DockerClient, network: str) -> None:
    """Remove a network whose containers are gone; one that is gone itself is none.

    Raises:
        docker.errors.APIError: the engine refuses, also after it has had time to take the last container off it.
    """
    import docker.errors

    deadline = time.monotonic() + _TAKING_OFF
    while True:
        try:
            client.api.remove_network(network)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            # A container may be gone from the engine's list before it is off its network: nothing tells of that.
            if "active endpoints" not in explanation(error) or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _give_back(client: DockerClient, container: dict[str, Any]) -> None:
    """Do what the killed process would have done with the folders that its container could write to."""
    job = Job(Path(container["Config"]["Labels"][_JOB]))
    written = [Path(mount["Source"]) for mount in container["Mounts"] if mount["Type"] == "bind" and mount["RW"]]
    # Somebody has removed the run folder, or the image has no chown: a new job is none the worse for it.
    with suppress(OSError, LaunchError):
        status = job.path.stat()
        give_back(client, container["Image"], written, Owner(status.st_uid, status.st_gid), labels(job))


def _is_dead(marks: dict[str, str]) -> bool:
    try:
        if waiting := marks.get(GIVING_BACK):
            os.kill(int(waiting), 0)
            return False
    except ProcessLookupError:
        pass
    except OSError:  # another user's process
        return False
    try:
        return not Job(Path(marks[_JOB])).held()
    except OSError:  # another user's folder
        return False
