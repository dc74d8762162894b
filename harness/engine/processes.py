"""Hosts as plain processes of this machine; on Linux with a private, real ``/opt/ml``."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Literal

from harness.engine.isolation import Support, begin_probe
from harness.engine.keeper import Keeper, Pipes
from harness.engine.launcher import HostSpec, LaunchError
from harness.engine.namespaces import in_tree
from harness.engine.system import Kernel, SetupError, close, read_all, signals_blocked, step, wait
from harness.errors import MissingCapability, RefusedError

_LINGER = 1.0
"""Seconds that a thread which has ended may still be counted."""

Isolation = Literal["auto", "required", "none"]


class ProcessLauncher:
    """Starts hosts as processes of this machine.

    It forks, so its process must have no other threads. Hosts end with their launcher's process, even at
    ``kill -9``, unless a fork of that process holds on to its file descriptors.

    """

    image = None
    out_of_memory: frozenset[str] = frozenset()

    def __init__(self, isolation: Isolation = "auto") -> None:
        """Begin to find out what this machine can do; it is asked for later.

        Args:
            isolation: ``auto``: a private ``/opt/ml`` if it can be had; ``required``: or an error; ``none``.

        Raises:
            MissingCapability: it is required and cannot be had.
        """
        _assert_single_threaded()
        self._probe = _isolation_is_off if isolation == "none" else begin_probe()
        if isolation == "required" and self.reason:
            raise MissingCapability(
                f"isolation = required, but a private /opt/ml cannot be had: {self.reason}. "
                "isolation = auto does without."
            )
        self._kernel = Kernel() if sys.platform == "linux" else None
        self._peer: ProcessHost | None = None

    @cached_property
    def _support(self) -> Support:
        return self._probe()

    @property
    def reason(self) -> str | None:
        """Why hosts do not see their tree as ``/opt/ml``, and what would help; None if they do."""
        return self._support.reason

    @property
    def base_dir(self) -> str | None:
        """``/opt/ml`` if hosts see their tree there; None if they see it under its own path."""
        return "/opt/ml" if self._support.isolated else None

    def start(self, spec: HostSpec) -> ProcessHost:
        """Start a host; return when its command runs.

        Without a private ``/opt/ml``, mounts become symbolic links in the tree, through which a script can
        write, and the names of hosts do not resolve.

        Raises:
            LaunchError: the host could not be started; the message names the step. Nothing of it is left.
            RefusedError: ``spec.network`` is False and there is no isolation.
        """
        _assert_single_threaded()
        try:
            if not self._support.isolated:
                self._do_without_namespaces(spec)
            host = self._fork(spec)
        except SetupError as error:
            raise LaunchError(f"Host {spec.name} could not be started: {error}") from error
        if not spec.network:
            self._peer = host
        return host

    def _fork(self, spec: HostSpec) -> ProcessHost:
        pipes = Pipes.open()
        peer = self._peer.keeper if self._peer else None
        with ExitStack() as undo:
            with signals_blocked():
                undo.callback(close, *pipes.of_the_supervisor)
                try:
                    keeper = Keeper(spec, pipes, self._support, self._kernel, peer).fork()
                finally:
                    close(*pipes.of_the_host)
                undo.pop_all()
                host = ProcessHost(spec.name, keeper, pipes)
                undo.callback(host.close)
            if failure := read_all(pipes.failure[0]):
                raise SetupError.decode(failure)
            undo.pop_all()
        return host

    def _do_without_namespaces(self, spec: HostSpec) -> None:
        if not spec.network:
            raise RefusedError(
                f"local cannot take the network from {spec.name} (EnableNetworkIsolation): {self.reason}. "
                "Try --on container."
            )
        for mount in spec.mounts:
            link = in_tree(spec, mount.target)
            with step(f"linking {mount.target} to {mount.source}"):
                if link is None:
                    raise SetupError(f"{mount.target} is outside {spec.base_dir}: {self.reason}", 0)
                mount.source.stat()
                link.parent.mkdir(parents=True, exist_ok=True)
                if link.is_dir() and not link.is_symlink():
                    link.rmdir()
                link.unlink(missing_ok=True)
                link.symlink_to(mount.source.absolute())


class ProcessHost:
    """A started host; see ``RunningHost``."""

    def __init__(self, name: str, keeper: int, pipes: Pipes) -> None:
        self.name = name
        self.keeper: int | None = keeper
        """Process id of the host's keeper; None once it has been reaped."""
        self._output, self._exited, _, self._lifeline = pipes.of_the_supervisor
        self._exit_code: int | None = None
        self._killed = False
        self._closed = False

    @property
    def output(self) -> int:
        """stdout and stderr, in the order written; at its end nothing of the host can print any more."""
        return self._output

    @property
    def exited(self) -> int:
        """Readable when the command, and with it every process of the host, has ended."""
        return self._exited

    def exit_code(self) -> int:
        """How the command ended: 0–255, or ``-n`` if signal *n* ended it or its keeper. Waits for it.

        Raises:
            LaunchError: the keeper itself has failed.
        """
        if self._exit_code is None:
            said = os.read(self._exited, 16)
            status = self._reap()
            if said:
                self._exit_code = int(said)
            elif status is not None and status < 0:
                self._exit_code = status
            else:
                raise LaunchError(f"Host {self.name}: its keeper ended with status {status} and said nothing")
        return self._exit_code

    def terminate(self) -> None:
        """Nothing, as on AWS: process 1 has no handler for SIGTERM, so the script is never told."""

    def kill(self) -> None:
        """End every process of the host now; ``exited`` becomes readable when that is done."""
        if not self._killed:
            self._killed = True
            os.close(self._lifeline)

    def close(self) -> None:
        """Kill what still runs, wait for its end, release everything. May be called twice."""
        if not self._closed:
            self._closed = True
            self.kill()
            self._reap()
            close(self._output, self._exited)

    def _reap(self) -> int | None:
        keeper, self.keeper = self.keeper, None
        return None if keeper is None else wait(keeper)


def _isolation_is_off() -> Support:
    return Support("isolation is switched off")


def _assert_single_threaded() -> None:
    import threading

    tasks, patience = Path("/proc/self/task"), time.monotonic() + _LINGER
    while threads := _threads(tasks, threading.active_count()):
        # A thread that has been joined may take a moment to leave the system's list.
        if threading.active_count() > 1 or time.monotonic() > patience:
            raise RuntimeError(
                f"ProcessLauncher forks, which is unsafe in a process with {threads + 1} threads: "
                "use it in a process of its own"
            )
        time.sleep(0.001)


def _threads(tasks: Path, active: int) -> int:
    """How many threads there are beside this one, by the system's count where it has one."""
    return (len(list(tasks.iterdir())) if tasks.exists() else active) - 1
