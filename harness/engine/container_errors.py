"""What it means if an engine refuses to start a container, or is lost, with the remedy where there is one."""

from __future__ import annotations

from harness.engine.launcher import HostSpec, LaunchError


def refused(spec: HostSpec, reason: str) -> LaunchError:
    """A host could not be started, for the engine's reason."""
    remedy = _remedy(spec, reason)
    return LaunchError(f"Host {spec.name} could not be started: {reason}{remedy and f'. {remedy}'}")


def _remedy(spec: HostSpec, reason: str) -> str:
    if "already allocated" in reason or "address already in use" in reason:
        return "Choose another --port, or leave it out for a free one."
    if elsewhere := unseen(reason):
        return elsewhere
    if "executable file not found" in reason or "no such file or directory" in reason:
        what = (*(spec.entrypoint or ()), *spec.command)[:1]
        brings = " `pip install sagemaker-training` in it brings one." if what == ("train",) else ""
        return f"Has the image no {what[0]!r}?{brings}" if what else ""
    if "no space left" in reason.lower():
        return "`docker system df` shows what takes the room, `docker system prune` frees some."
    return ""


def unseen(reason: str) -> str | None:
    """What it means if an engine refuses a mount because its machine has no such folder; None if that is not why.

    Args:
        reason: as Docker's engine, Docker Desktop or Podman has it.
    """
    if not any(words in reason for words in ("bind source path does not exist", "Mounts denied", "statfs ")):
        return None
    return (
        "The engine does not see the folders of this machine: it runs on another, or it was handed into a container. "
        "The project has to lie in a folder that both have under the same path; Docker Desktop shares the folders in "
        "its settings. `docker context ls` shows where else an engine may be."
    )


def lost(host: str, reason: str) -> LaunchError:
    """The engine has gone while a host ran, or fails."""
    return LaunchError(
        f"Host {host}: the Docker engine was lost while it ran: {reason}. `docker info` says when it is back; what is "
        "left in it goes with the next job, or with `harness clean`."
    )
