"""The seam between a job and what runs it: start a host, read what it prints, end it, learn how it ended.

A *host* is what AWS calls ``algo-1``: one container there, one tree of processes or one container here.
Everything above this seam is the same for plain processes and for Docker.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol


class Mount(NamedTuple):
    """A file or folder of this machine that a host sees under another name; never copied."""

    source: Path
    target: str
    """Absolute path as the host sees it, always below ``HostSpec.base_dir``, ``/etc`` or the like."""
    read_only: bool = True


class HostSpec(NamedTuple):
    """One host of a job, complete before anything starts."""

    name: str
    """``algo-1``, …: its host name, and how its lines are labelled."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """The whole environment of the first process; nothing is inherited."""
    cwd: str
    """As the host sees it."""
    tree: Path
    """The folder that holds this host's ``/opt/ml``."""
    base_dir: str = "/opt/ml"
    """Where the host sees ``tree``: ``/opt/ml`` where the launcher can give it, else the tree's own path."""
    mounts: tuple[Mount, ...] = ()
    hosts: tuple[str, ...] = ("algo-1",)
    """Every host name of the job, in order; each one resolves from each host."""
    network: bool = True
    """False: no network but a loopback, which the hosts of the job share (``EnableNetworkIsolation``)."""
    entrypoint: tuple[str, ...] | None = None
    """What an image's ENTRYPOINT is replaced by; None: it stays, and gets ``command`` as its arguments. Containers
    only: there, ``environment`` comes on top of the image's ENV, and an empty ``cwd`` is the image's own."""
    ports: Mapping[int, int] = MappingProxyType({})
    """Ports that the host listens on, each with the port of this machine's loopback that leads to it; 0: a free one.
    Containers only."""
    inherited: tuple[int, ...] = ()
    """File descriptors that the command gets under the same numbers: a listening socket, by which a host without
    network can be reached. Plain processes only."""
    protected: tuple[Path, ...] = ()
    """Files and folders of this machine that the command may not write to under their own names either. Only plain
    processes with a private ``/opt/ml`` can be kept from it, and containers know no such names."""
    credentials: bool = False
    """Whether the command may find the user's AWS credentials in ``~/.aws``. Plain processes only."""


class RunningHost(Protocol):
    """A host that has been started. Not thread-safe; one owner reads it and closes it."""

    name: str

    @property
    def output(self) -> int:
        """File descriptor: stdout and stderr in the order written. At its end nothing can print any more."""

    @property
    def exited(self) -> int:
        """File descriptor that becomes readable when the host's command has ended."""

    def exit_code(self) -> int:
        """How the command ended, once ``exited`` is readable: 0–255, or ``-n`` if signal *n* ended it.

        Raises:
            LaunchError: the command could not be started at all.
        """

    def terminate(self) -> None:
        """What ``docker stop`` does first: SIGTERM to the host's first process.

        In AWS's scikit-learn images that process is the toolkit, which installs no handler, and the kernel
        discards the signal for PID 1: the script is never told.
        """

    def kill(self) -> None:
        """End every process of the host now. Does nothing on a host that has ended."""

    def close(self) -> None:
        """Kill what still runs, reap it, and release what was held. May be called twice."""


class Launcher(Protocol):
    """Starts hosts. One per job."""

    @property
    def image(self) -> str | None:
        """The image that hosts are containers of; None: they are plain processes."""

    @property
    def out_of_memory(self) -> AbstractSet[str]:
        """The hosts so far that are known to have been ended, wholly or in part, for want of memory."""

    @property
    def reason(self) -> str | None:
        """Why hosts see their tree under its own path, and what would help; None if they need not."""

    @property
    def base_dir(self) -> str | None:
        """``/opt/ml`` if hosts see their tree there; None if they see it under its own path."""

    def start(self, spec: HostSpec) -> RunningHost:
        """Start a host and return at once.

        Raises:
            LaunchError: the host could not be started; nothing of it is left.
        """


class LaunchError(Exception):
    """A host could not be started; the message says why."""
