"""Supervisors for a process that has threads: forked by one that has none, and has imported already what they need.

A process with threads must not fork, since the child may inherit a lock that nobody will ever release; and a fresh
interpreter has to import everything anew, which costs a job whose data is in S3 a third of a second. So whoever serves
with threads has a *nursery* forked before the first of them starts:

    caller ── nursery ── supervisor of a job ── …
                      └─ supervisor of another

The nursery ends when its caller does, however that ends. A supervisor it has forked is as tied to the caller as any
other is, by the socket pair between the two (``supervisor.py``).
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.engine.store import Job
from harness.engine.supervisor import supervise_and_exit
from harness.engine.system import close, let_go_of_everything_but, signals_blocked

_NUMBER = struct.Struct("!I")


class Nursery:
    """The caller's end; any thread may use it."""

    def __init__(self, prepare: Callable[[], object] = lambda: None) -> None:
        """Fork the nursery. Not to be called once there are threads.

        Args:
            prepare: called in it first, to import and load what every supervisor will need; may fail.
        """
        self._asking = threading.Lock()
        self._channel, theirs = socket.socketpair()
        with signals_blocked():
            self._pid = os.fork()
            if self._pid == 0:
                _serve_and_exit(theirs, prepare)
        theirs.close()

    def fork(self, job: Job, lock: int, channel: socket.socket) -> int:
        """Have a job supervised by a child of the nursery, in the caller's environment as it is now; its process id.

        Args:
            job: whose folder is filled.
            lock: the job's, as a file descriptor that the supervisor inherits.
            channel: the supervisor's end of the socket pair between the two.

        Raises:
            RuntimeError: the nursery is gone.
        """
        order = {"job": str(job.path.absolute()), "environment": dict(os.environ)}
        return self._ask(order, [lock, channel.fileno()])

    def wait(self, pid: int) -> None:
        """Return when nothing is left of a supervisor that is about to end."""
        with suppress(RuntimeError):  # then it was the nursery's end that it had to wait for
            self._ask({"wait": pid}, [])

    def _ask(self, order: Mapping[str, object], files: list[int]) -> int:
        text = json.dumps(order).encode()
        try:
            with self._asking:
                socket.send_fds(self._channel, [_NUMBER.pack(len(text))], files)
                self._channel.sendall(text)
                answer = self._channel.recv(_NUMBER.size, socket.MSG_WAITALL)
        except OSError:
            answer = b""
        if not answer:
            raise RuntimeError("the process that forks supervisors has ended; start the harness again")
        return int(_NUMBER.unpack(answer)[0])

    def close(self) -> None:
        """End the nursery; supervisors go on."""
        self._channel.close()
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _serve_and_exit(channel: socket.socket, prepare: Callable[[], object]) -> None:
    # Whatever happens, nothing may escape into the caller's code.
    try:
        os.setsid()  # its caller's Ctrl-C is not for it
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if ignored, nobody could be waited for
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        let_go_of_everything_but(channel.fileno())
        with suppress(Exception):  # a head start only: a supervisor meets the same again, and says so in its job
            prepare()
        gc.freeze()  # what supervisors inherit their collector shall not look through, and so copy
        while (order := _receive(channel)) is not None:
            _reap(order.get("wait"))
            pid = _fork(channel, **order) if "job" in order else 0
            channel.sendall(_NUMBER.pack(pid))
    finally:
        os._exit(0)


def _receive(channel: socket.socket) -> dict[str, Any] | None:
    """The next order, with the files that came with it; None when the caller is gone."""
    length, files, _, _ = socket.recv_fds(channel, _NUMBER.size, 2)
    if not length:
        return None
    order: dict[str, Any] = json.loads(channel.recv(_NUMBER.unpack(length)[0], socket.MSG_WAITALL))
    return order | ({"files": files} if files else {})


def _fork(channel: socket.socket, job: str, environment: dict[str, str], files: list[int]) -> int:
    lock, end = files
    pid = os.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(environment)
        supervise_and_exit(Job(Path(job)), lock, socket.socket(fileno=end), channel)
    close(*files)
    return pid


def _reap(awaited: int | None) -> None:
    """Have the system forget the supervisors that have ended, of which nobody may ever ask; wait for one."""
    with suppress(ChildProcessError):
        if awaited:
            os.waitpid(awaited, 0)
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
