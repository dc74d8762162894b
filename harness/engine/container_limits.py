"""An instance's CPUs, memory and volume as settings of a container, as far as the engine's machine has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.engine.instances import Hardware

if TYPE_CHECKING:
    from docker import DockerClient

_WITH_QUOTAS = {"btrfs", "devicemapper", "windowsfilter", "zfs"}
"""Storage drivers that keep a container to a size; overlay2 does so on xfs alone (Docker's manual, ``docker run``)."""


def machine(info: Mapping[str, Any]) -> Hardware:
    """What the engine's machine has: this one, or the virtual machine of Docker Desktop.

    Args:
        info: the engine's ``/info`` document, here and below.
    """
    return Hardware(info["NCPU"], info["MemTotal"])


def within(wanted: Hardware | None, there: Hardware) -> dict[str, Any]:
    """The engine's settings that give a container an instance's CPUs and memory, each where the machine has as much.

    ``/dev/shm`` is half of the memory, as Linux has it and ``--on local``: Docker's own 64 MB are soon too little
    for processes that share arrays. What is in it counts as the container's memory.
    """
    if not wanted:
        return {}
    limits: dict[str, Any] = {"shm_size": min(wanted.memory, there.memory) // 2}
    if wanted.cpus <= there.cpus:
        limits["nano_cpus"] = wanted.cpus * 10**9
    if wanted.memory <= there.memory:
        # As much swap as memory would come on top; an instance has none.
        limits |= {"mem_limit": wanted.memory, "memswap_limit": wanted.memory}
    return limits


def no_quota(info: Mapping[str, Any]) -> str | None:
    """Why the engine cannot keep a container to a size; None if it may be able to."""
    driver, backing = info["Driver"], dict(info.get("DriverStatus") or ()).get("Backing Filesystem", "")
    if driver in _WITH_QUOTAS or (driver, backing) == ("overlay2", "xfs"):
        return None
    return f"the engine's storage, {' on '.join(filter(None, (driver, backing)))}, keeps no container to a size"


def volume(client: DockerClient, image: str, gibibytes: int, info: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The engine's setting that keeps what a container writes outside ``/opt/ml`` to a size; else none, and why.

    ``/opt/ml`` itself is a folder of this machine.
    """
    if reason := no_quota(info):
        return {}, reason
    import docker.errors

    from harness.images.engine import explanation

    settings = {"storage_opt": {"size": f"{gibibytes}G"}}
    try:  # xfs has to be mounted with quotas, which only an attempt shows
        probe = client.api.create_container(image, host_config=client.api.create_host_config(**settings))
    except docker.errors.APIError as error:
        return {}, explanation(error)
    client.api.remove_container(probe)
    return settings, ""
