"""Hosts as plain processes of this machine; on Linux with a private, real ``/opt/ml``.

Between a job's supervisor and its script stand two processes, forked, so that no second interpreter starts:

    supervisor ── keeper ── init ── command ── …

* The *keeper* waits for the end of the command or of the supervisor, whichever comes first (of its lifeline, a
  pipe, the supervisor holds the other end, which closes even at ``kill -9``). Then it ends everything below
  itself, and only then says how the command ended.
* The *init* is process 1 of the host's PID namespace: it makes the host's view of the machine, starts the
  command, and reaps. As in AWS's scikit-learn images, what is sent to process 1 reaches nobody.
* Where there are no PID namespaces, keeper and init adopt orphans instead (Linux), so that a daemon is found
  all the same; elsewhere (macOS) the host is a session and its process group.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.engine.launcher import HostSpec, LaunchError
from harness.engine.namespaces import Support, enter, furnish, in_tree, probe
from harness.engine.system import Kernel, SetupError, fork, read_all, step
from harness.errors import MissingCapability, RefusedError

Isolation = Literal["auto", "required", "none"]


class ProcessLauncher:
    """Starts hosts as processes of this machine. Its process must have no other threads, for it forks.

    Attributes:
        base_dir: ``/opt/ml`` if hosts see their tree there; None if they see it under its own path.
        reason: why they do not; None if they do.
    """

    base_dir: str | None
    reason: str | None

    def __init__(self, isolation: Isolation = "auto") -> None:
        """Find out what this machine can do.

        Args:
            isolation: ``auto``: a private ``/opt/ml`` if it can be had; ``required``: or an error; ``none``.

        Raises:
            MissingCapability: it is required and cannot be had.
        """
        _assert_single_threaded()
        self._support = Support("isolation is switched off") if isolation == "none" else probe()
        self.reason = self._support.reason
        self.base_dir = None if self.reason else "/opt/ml"
        if self.reason and isolation == "required":
            raise MissingCapability(
                f"Isolation is required, but {self.reason}. With isolation = auto it is optional."
            )

    def start(self, spec: HostSpec) -> ProcessHost:
        """Start a host; return when its command runs.

        Without a private ``/opt/ml``, mounts become symbolic links in the tree, and can be written to.

        Raises:
            LaunchError: the host could not be started; the message names the step. Nothing of it is left.
            RefusedError: ``spec.network`` is False and there is no isolation.
        """
        _assert_single_threaded()
        isolated = self.base_dir is not None
        if not isolated and not spec.network:
            raise RefusedError(
                f"local cannot take away the network of {spec.name} (EnableNetworkIsolation): {self.reason}. "
                "Try --on container."
            )
        if not isolated:
            _link(spec)
        kernel = Kernel() if sys.platform == "linux" else None
        pipes = _Pipes.open()
        # No handler of ours may run in a child, where it would act on the parent's behalf.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            with step("forking"):
                keeper = fork(_Keeper(spec, pipes, kernel, self._support).run, pipes.failure[1])
        except SetupError as error:
            pipes.close()
            raise _launch_error(spec, error) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        host = ProcessHost(spec.name, keeper, pipes)
        try:
            for _, end in (pipes.output, pipes.exited, pipes.failure):
                os.close(end)
            os.close(pipes.lifeline[0])
            if failure := read_all(pipes.failure[0]):
                raise _launch_error(spec, SetupError.decode(failure))
        except BaseException:
            host.close()
            raise
        return host


def _launch_error(spec: HostSpec, error: SetupError) -> LaunchError:
    return LaunchError(f"Host {spec.name} could not be started: {error}")


def _assert_single_threaded() -> None:
    tasks = Path("/proc/self/task")
    if tasks.exists():
        threads = len(list(tasks.iterdir()))
    else:
        import threading

        threads = threading.active_count()
    if threads > 1:
        raise RuntimeError(
            f"ProcessLauncher forks, which is unsafe in a process with {threads} threads: "
            "use it in a process of its own"
        )


@dataclass(frozen=True)
class _Pipes:
    """(read end, write end) each; none survives an exec."""

    output: tuple[int, int]
    exited: tuple[int, int]
    failure: tuple[int, int]
    lifeline: tuple[int, int]

    @classmethod
    def open(cls) -> _Pipes:
        pipes: list[tuple[int, int]] = []
        try:
            with step("opening pipes"):
                for _ in range(4):
                    pipes.append(os.pipe())
        except SetupError:
            for pipe in pipes:
                _close(*pipe)
            raise
        return cls(*pipes)

    def close(self) -> None:
        _close(*self.output, *self.exited, *self.failure, *self.lifeline)


def _close(*files: int) -> None:
    for file in files:
        with suppress(OSError):
            os.close(file)


class ProcessHost:
    """A started host; see ``RunningHost``."""

    def __init__(self, name: str, keeper: int, pipes: _Pipes) -> None:
        self.name = name
        self._keeper: int | None = keeper
        self._output, self._exited = pipes.output[0], pipes.exited[0]
        self._lifeline: int | None = pipes.lifeline[1]
        self._exit_code: int | None = None
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
            if not said and status >= 0:
                raise LaunchError(f"Host {self.name}: its keeper ended with status {status} and said nothing")
            self._exit_code = int(said or status)
        return self._exit_code

    def terminate(self) -> None:
        """Nothing, as on AWS: process 1 has no handler for SIGTERM, so the script is never told."""

    def kill(self) -> None:
        """End every process of the host now; ``exited`` becomes readable when that is done."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def close(self) -> None:
        """Kill what still runs, wait for its end, release everything. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self.kill()
        self._reap()
        os.close(self._output)
        os.close(self._exited)

    def _reap(self) -> int:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            with suppress(ChildProcessError):
                return os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])
        return -signal.SIGKILL


@dataclass(frozen=True)
class _Keeper:
    """What the host's processes do until the command is executed. Every method runs in a forked child."""

    spec: HostSpec
    pipes: _Pipes
    kernel: Kernel | None
    support: Support
    report: tuple[int, int] = field(default=(-1, -1))

    @property
    def isolated(self) -> bool:
        return self.support.reason is None

    def run(self) -> None:
        """Keeper."""
        os.setsid()
        os.chdir("/")
        pipes = self.pipes
        _let_go_of_all_but(pipes.output[1], pipes.exited[1], pipes.failure[1], pipes.lifeline[0])
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if ignored, nobody could be waited for
        if self.kernel and self.isolated:
            enter(self.kernel, processes=self.support.processes, network=self.spec.network)
        if self.kernel and not self.support.processes:
            self.kernel.adopt_orphans()
        report = os.pipe()
        init = fork(lambda: self.init(report), pipes.failure[1])
        _close(report[1], pipes.output[1], pipes.failure[1])
        said = _first_of(pipes.lifeline[0], report[0])
        status = _end(init)
        os.write(pipes.exited[1], said or b"%d" % status)

    def init(self, report: tuple[int, int]) -> None:
        """Process 1."""
        _close(report[0], self.pipes.exited[1], self.pipes.lifeline[0])
        os.setsid()
        if self.kernel:
            self.kernel.die_with_parent()
            if self.isolated:
                furnish(self.kernel, self.spec, processes=self.support.processes)
            if not self.support.processes:
                self.kernel.adopt_orphans()
        command = fork(self.command, self.pipes.failure[1])
        _close(self.pipes.output[1], self.pipes.failure[1])
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == command:
                os.write(report[1], b"%d" % os.waitstatus_to_exitcode(status))
                return

    def command(self) -> None:
        """The command, up to its exec."""
        if self.kernel and not self.support.processes:
            self.kernel.die_with_parent()
        os.dup2(self.pipes.output[1], 1)
        os.dup2(self.pipes.output[1], 2)
        os.umask(0o022)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        with step(f"changing to the working directory {self.spec.cwd}"):
            os.chdir(self.spec.cwd)
        with step(f"executing {self.spec.command[0]}"):
            os.execvpe(self.spec.command[0], self.spec.command, self.spec.environment)  # noqa: S606


def _let_go_of_all_but(*keep: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    _close(*(file for file in map(int, os.listdir("/dev/fd")) if file > 2 and file not in keep))  # noqa: PTH208


def _first_of(lifeline: int, report: int) -> bytes:
    """Wait for either pipe; what the init reported, or nothing if the lifeline was cut first."""
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    poll.register(report, select.POLLIN)
    ready = {file for file, _ in poll.poll()}
    return os.read(report, 16) if report in ready else b""


def _end(init: int) -> int:
    """End the init and all below it; returns once nothing is left."""
    for kill in (os.kill, os.killpg):
        with suppress(ProcessLookupError, PermissionError):
            kill(init, signal.SIGKILL)
    _, status = os.waitpid(init, 0)
    if sys.platform == "linux":
        while orphans := [pid for pid in _children() if _kill(pid)]:
            for pid in orphans:
                os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:  # it has become somebody else, by setuid
        return False
    return True


def _children() -> list[int]:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return []
    me = str(os.getpid())
    children = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # «pid (name) state parent …», where the name may hold anything.
                if (entry / "stat").read_bytes().rpartition(b")")[2].split()[1].decode() == me:
                    children.append(int(entry.name))
    return children


def _link(spec: HostSpec) -> None:
    """Stand-ins for mounts where there are none."""
    for mount in spec.mounts:
        link = in_tree(spec, mount.target)
        if link is None:
            raise LaunchError(
                f"Host {spec.name}: {mount.target} is outside {spec.base_dir}; that needs a private /opt/ml"
            )
        with step(f"linking {mount.target} to {mount.source}"):
            link.parent.mkdir(parents=True, exist_ok=True)
            if link.is_symlink() or link.is_file():
                link.unlink()
            elif link.is_dir():
                link.rmdir()
            link.symlink_to(mount.source)
