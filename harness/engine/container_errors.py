"""What it means if an engine refuses to start a container, or is lost, with the remedy where there is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.engine.launcher import LaunchError
from harness.images.engine import explanation

if TYPE_CHECKING:
    from docker.errors import APIError

_ABSENT = re.compile(
    r'exec: "([^"]+)": (?:executable file not found|stat .*no such file)|executable file `([^`]+)` not'
)
"""What was not there to be run, as runc and crun have it."""


def refused(host: str, reason: str) -> LaunchError:
    """A host could not be started, for the engine's reason."""
    return LaunchError(f"Host {host} could not be started: {with_remedy(reason)}")


def with_remedy(reason: str) -> str:
    """An engine's reason for not starting a container, and what to do about it where that is known."""
    remedy = _remedy(reason)
    return f"{reason}. {remedy}" if remedy else reason


def _remedy(reason: str) -> str:
    if "already allocated" in reason or "address already in use" in reason:
        return "Choose another --port, or leave it out for a free one."
    if elsewhere := unseen(reason):
        return elsewhere
    if absent := _ABSENT.search(reason):
        what = absent[1] or absent[2]
        brings = " `pip install sagemaker-training` in it brings one." if what == "train" else ""
        return f"Has the image no {what!r}?{brings}"
    if "cgroup controller" in reason or "needs no limits" in reason:  # crun, runc
        return (
            "The engine's user has no cgroup controllers for an instance's limits; --no-instance-limits goes without."
        )
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


def has_ended(error: APIError) -> bool:
    """Whether an engine refuses a signal because the container has ended, for which Podman 4 has no code of its own."""
    return error.status_code in {404, 409} or "container state improper" in explanation(error)


def lost(host: str, reason: str) -> LaunchError:
    """The engine has gone while a host ran, or fails."""
    return LaunchError(
        f"Host {host}: the Docker engine was lost while it ran: {reason}. `docker info` says when it is back; what is "
        "left in it goes with the next job, or with `harness clean`."
    )
