"""The processes between a job's supervisor and its script: forked, so that no second interpreter starts.

    supervisor ── keeper ── init ── command ── …

* The *keeper* waits for the end of the command or of the supervisor, whichever comes first. (The supervisor
  holds the other end of the *lifeline*, a pipe, and that end closes even at ``kill -9``.) Then it ends
  everything below itself, and only then says how the command ended.
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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.engine.isolation import Support
from harness.engine.launcher import HostSpec
from harness.engine.namespaces import enter, furnish
from harness.engine.system import Kernel, SetupError, close, fork, let_go_of_everything_but, step


class Pipes(NamedTuple):
    """What joins a host to its supervisor: (read end, write end) each. None survives an exec."""

    output: tuple[int, int]
    """What the host prints."""
    exited: tuple[int, int]
    """How the command ended, in decimal."""
    failure: tuple[int, int]
    """Why it could not be started; ends without a word when it runs."""
    lifeline: tuple[int, int]
    """Its end is the order to end."""

    @classmethod
    def open(cls) -> Pipes:
        """Open all or none.

        Raises:
            SetupError: too many files are open.
        """
        pipes: list[tuple[int, int]] = []
        try:
            with step("opening pipes"):
                for _ in range(4):
                    pipes.append(os.pipe())
        except SetupError:
            for pipe in pipes:
                close(*pipe)
            raise
        return cls(*pipes)

    @property
    def of_the_host(self) -> tuple[int, int, int, int]:
        """The ends that the host keeps."""
        return self.output[1], self.exited[1], self.failure[1], self.lifeline[0]

    @property
    def of_the_supervisor(self) -> tuple[int, int, int, int]:
        """The ends that the supervisor keeps."""
        return self.output[0], self.exited[0], self.failure[0], self.lifeline[1]


@dataclass(frozen=True)
class Keeper:
    """A host to be started. Every method but ``fork`` runs in a child, each forked from the one before."""

    spec: HostSpec
    pipes: Pipes
    support: Support
    kernel: Kernel | None
    """None where the system is not Linux."""
    peer: int | None = None
    """Keeper of a host whose isolated network is to be shared."""

    def fork(self) -> int:
        """Start it all; the keeper's process id.

        Raises:
            SetupError: the system has no room for a process.
        """
        with step("forking"):
            return fork(self._keep, self.pipes.failure[1])

    def _keep(self) -> None:
        os.setsid()
        let_go_of_everything_but(*self.pipes.of_the_host, *self.spec.inherited)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if ignored, nobody could be waited for
        if self.kernel and self.support.isolated:
            enter(
                self.kernel,
                processes=self.support.processes,
                network=self.spec.network,
                share=None if self.spec.network else self.peer,
            )
        if self.kernel and not self.support.processes:
            self.kernel.adopt_orphans()
        report, reported = os.pipe()
        init = fork(lambda: self._init(report, reported), self.pipes.failure[1])
        close(reported, self.pipes.output[1], self.pipes.failure[1])
        said = _first_of(self.pipes.lifeline[0], report)
        status = _end(init)
        os.write(self.pipes.exited[1], said or b"%d" % status)

    def _init(self, report: int, reported: int) -> None:
        close(report, self.pipes.exited[1], self.pipes.lifeline[0])
        os.setsid()
        if self.kernel:
            self.kernel.die_with_parent()
            self.kernel.forget_environment()
            _assert_listener(reported)
            if self.support.isolated:
                furnish(self.kernel, self.spec, processes=self.support.processes)
            if not self.support.processes:
                self.kernel.adopt_orphans()
        command = fork(self._command, self.pipes.failure[1])
        close(self.pipes.output[1], self.pipes.failure[1])
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == command:
                os.write(reported, b"%d" % os.waitstatus_to_exitcode(status))
                return

    def _command(self) -> None:
        if self.kernel and not self.support.processes:
            self.kernel.die_with_parent()
        os.dup2(self.pipes.output[1], 1)
        os.dup2(self.pipes.output[1], 2)
        for file in self.spec.inherited:
            os.set_inheritable(file, True)
        os.umask(0o022)
        for number in signal.valid_signals():
            if signal.getsignal(number) not in {signal.SIG_DFL, None}:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        with step(f"changing to the working directory {self.spec.cwd}"):
            os.chdir(self.spec.cwd)
        with step(f"executing {self.spec.command[0]}"):
            os.execvpe(self.spec.command[0], self.spec.command, self.spec.environment)  # noqa: S606


def _assert_listener(reported: int) -> None:
    # A keeper that ended before its child asked to die with it is noticed by its end of the pipe.
    poll = select.poll()
    poll.register(reported, 0)
    if poll.poll(0):
        raise SetupError("the keeper has ended", 0)


def _first_of(lifeline: int, report: int) -> bytes:
    """Wait for either pipe; what the init reported, or nothing if the lifeline broke first."""
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    poll.register(report, select.POLLIN)
    ready = {file for file, _ in poll.poll()}
    return os.read(report, 16) if report in ready else b""


def _end(init: int) -> int:
    """End the init and all below it, and return once nothing is left: how the init ended."""
    for kill in (os.kill, os.killpg):
        with suppress(ProcessLookupError, PermissionError):
            kill(init, signal.SIGKILL)
    _, status = os.waitpid(init, 0)
    if sys.platform == "linux":
        # Whoever loses its parent here becomes our child, so this meets every descendant.
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
    me = b"%d" % os.getpid()
    children = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            # «pid (name) state parent …», where the name may hold anything.
            if Path("/proc", process, "stat").read_bytes().rpartition(b")")[2].split()[1] == me:
                children.append(int(process))
    return children
