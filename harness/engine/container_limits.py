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


def ungoverned(info: Mapping[str, Any]) -> list[str]:
    """Which of CPUs and memory the engine would take limits for, and not keep a container to.

    A rootless engine has limits by cgroup v2 alone, as far as the user has been given its controllers. Docker says
    what it lacks; Podman (4.3.1) ignores on cgroup v1 what it says that it has.
    """
    ignores = bool(info.get("Rootless")) and info.get("CgroupVersion") == "1"
    flags = {"CPUs": "CpuCfsQuota", "memory": "MemoryLimit"}
    return [what for what, flag in flags.items() if ignores or not info.get(flag, True)]


def no_limits(info: Mapping[str, Any]) -> str | None:
    """Which of an instance's CPUs and memory the engine keeps no container to, and why; None if to both."""
    if unkept := ungoverned(info):
        return f"the engine has no cgroup that limits {' and '.join(unkept)}; a rootless one needs cgroup v2"
    return None


def within(wanted: Hardware | None, info: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's settings that give a container an instance's CPUs and memory, each where the machine has as much.

    ``/dev/shm`` is half of the memory, as Linux has it and ``--on local``: Docker's own 64 MB are soon too little
    for processes that share arrays. What is in it counts as the container's memory.
    """
    if not wanted:
        return {}
    there, unkept = machine(info), ungoverned(info)
    limits: dict[str, Any] = {"shm_size": min(wanted.memory, there.memory) // 2}
    if wanted.cpus <= there.cpus and "CPUs" not in unkept:
        limits["nano_cpus"] = wanted.cpus * 10**9
    if wanted.memory <= there.memory and "memory" not in unkept:
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
