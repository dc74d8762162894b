"""Files that containers have written, given to the user: a container's root is the machine's root as well."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.engine.launcher import LaunchError
from harness.images.engine import explanation, is_rootless

if TYPE_CHECKING:
    from docker import DockerClient

GIVING_BACK = "sagemaker-harness.giving-back"
"""Mark on the containers that do it: the number of the process that waits for one. It is nobody's leftover so long."""


class Owner(NamedTuple):
    """A user and a group of this machine."""

    uid: int
    gid: int

    @classmethod
    def current(cls) -> Owner:
        """Whoever runs this process."""
        return cls(os.getuid(), os.getgid())


def give_back(
    client: DockerClient, image: str, folders: Iterable[Path], owner: Owner, labels: Mapping[str, str]
) -> None:
    """Let a user own all that lies in some folders. Only the engine's root can, so a short container does it.

    Nothing runs where everything is the user's already: for root, and where the engine translates users itself
    (Docker Desktop).

    Raises:
        LaunchError: it cannot be done, say because the image has no ``chown``; the message says how to do it by hand.
    """
    foreign = [folder.absolute() for folder in folders if holds_foreign(folder, owner.uid)]
    if not foreign:
        return
    import docker.errors

    # A rootless engine's root is the user, and its numbers for users are not the machine's.
    target = "0:0" if is_rootless(client.api.info()) else f"{owner.uid}:{owner.gid}"
    try:
        reason = _chown(client, image, target, foreign, labels)
    except docker.errors.DockerException as error:
        reason = explanation(error)
    if reason:
        by_hand = " ".join(["sudo chown -R", f"{owner.uid}:{owner.gid}", *map(str, foreign)])
        raise LaunchError(f"What the containers wrote is still root's: {reason}. `{by_hand}` gives it to you")


def _chown(
    client: DockerClient, image: str, target: str, folders: Sequence[Path], labels: Mapping[str, str]
) -> str | None:
    """Run ``chown`` as the engine's root, links themselves and never what they lead to; what it complained of."""
    from docker.types import Mount

    api = client.api
    container = api.create_container(
        image,
        ["-R", "-h", target, *(f"/given/{number}" for number in range(len(folders)))],
        entrypoint=["chown"],
        user="0:0",
        labels={**labels, GIVING_BACK: str(os.getpid())},
        host_config=api.create_host_config(
            network_mode="none",
            security_opt=["label=disable"],
            mounts=[Mount(f"/given/{number}", str(folder), type="bind") for number, folder in enumerate(folders)],
        ),
    )
    try:
        api.start(container)
        if api.wait(container, timeout=None)["StatusCode"] == 0:
            return None
        return " ".join(api.logs(container, tail=3).decode("utf-8", "replace").split()) or "chown failed"
    finally:
        api.remove_container(container, force=True)


def holds_foreign(folder: Path, uid: int) -> bool:
    """Whether something in a folder belongs to another user, or cannot be looked at."""
    try:
        if folder.lstat().st_uid != uid:
            return True
        with os.scandir(folder) as entries:
            return any(
                holds_foreign(Path(entry), uid)
                if entry.is_dir(follow_symlinks=False)
                else entry.stat(follow_symlinks=False).st_uid != uid
                for entry in entries
            )
    except (PermissionError, NotADirectoryError):
        return True
    except FileNotFoundError:
        return False
