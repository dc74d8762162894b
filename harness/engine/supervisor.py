"""A job in a process of its own, tied to the one that asked for it.

``start`` forks where the caller has no other threads, else has a nursery fork, or starts a fresh interpreter (a fork of
a threaded process may inherit a lock that nobody will ever release). Whichever way, the supervisor knows nothing but
the job's folder.

Between caller and supervisor lies a socket pair:

* the supervisor sends a byte whenever the log or the description has changed, and its end closes with the job;
* the caller's end closing (Ctrl-C, ``kill -9``) means that nobody waits for the job: it is ended and cleaned up at
  once, unless the caller has said ``detach``.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from harness.engine.hosts import Stop
from harness.engine.launcher import Launcher
from harness.engine.processes import ProcessLauncher
from harness.engine.settings import EngineSettings
from harness.engine.store import ENDED, LOST, Job, Store, Vanished, now
from harness.engine.system import let_go_of_everything_but, signals_blocked
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.engine.nursery import Nursery

_RUNNERS = {
    "TrainingJob": "training",
    "ProcessingJob": "processing",
    "TransformJob": "transform",
    "Endpoint": "hosting",
}
"""The kinds of job -> the module of ``EngineSettings.runners`` that runs them."""
_LOST_ENDPOINT = (
    "InternalServerError: the process that kept this endpoint ended (it was killed, or the machine stopped), and the "
    "model server with it. Deploy it again; the name is free."
)
_LETTING_GO = 5.0
"""Seconds that a child of a killed supervisor may take, on a busy machine, to notice that it is alone."""
_LOOK = 2.0
"""Seconds between a supervisor's looks at whether its job can still be found."""
_READY = b"+"
_DETACH = b"d"
_MAIN = "from harness.engine.supervisor import main; main()"


class Attachment:
    """The caller's end of a running job."""

    def __init__(
        self,
        job: Job,
        lock: os.stat_result,
        pid: int,
        channel: socket.socket,
        wait_for: Callable[[int], object],
    ) -> None:
        """``lock``: what the job's lock is, by which it is told from that of a later job of the same name."""
        self._job = job
        self._lock = lock
        self._pid = pid
        self._channel = channel
        self._wait_for = wait_for
        self._ended = False

    def wait(self, timeout: float | None = None) -> bool:
        """Return when the job has something new (True), has ended (False), or after ``timeout`` seconds (True)."""
        if self._ended:
            return False
        poll = select.poll()  # select.select knows no file descriptors beyond 1,023
        poll.register(self._channel, select.POLLIN)
        if poll.poll(None if timeout is None else timeout * 1000) and not _receive(self._channel, 4096):
            self._ended = True
            self._channel.close()
            self.reap()
            return False
        return True

    def detach(self) -> None:
        """Let the job live on when this process ends."""
        with suppress(OSError):
            self._channel.send(_DETACH)
        self._channel.close()
        self._ended = True

    def abandon(self) -> None:
        """Nobody waits for the job any more: have it killed, and return when nothing of it is left."""
        if not self._ended:
            with suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)
            while self.wait():
                pass

    def reap(self) -> None:
        """The job has ended: return when nothing of its supervisor is left, the job's lock neither."""
        self._wait_for(self._pid)
        # One that was killed may have forked just before: its child lets go of the lock as soon as it runs.
        with suppress(FileNotFoundError):
            if os.path.samestat(self._lock, self._job.active.stat()):  # and no other job's of that name
                self._job.wait_for_end(_LETTING_GO)


def start(job: Job, lock: int, nursery: Nursery | None = None) -> Attachment:
    """Have the job run by a supervisor, which inherits ``lock``; returns once it has taken the job over.

    Args:
        job: whose folder is filled.
        lock: the job's; closed here.
        nursery: forks the supervisor; None: this process does, or a fresh interpreter if there are threads here.
    """
    ours, theirs = socket.socketpair()
    made = os.fstat(lock)
    try:
        if nursery:
            pid = nursery.fork(job, lock, theirs)
        elif threading.active_count() == 1:
            pid = _fork(job, lock, ours, theirs)
        else:
            pid = _spawn(job, lock, theirs)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(lock)
    attachment = Attachment(job, made, pid, ours, nursery.wait if nursery else _wait_for_child)
    try:
        taken_over = _receive(ours, 1) == _READY
    except BaseException:  # Ctrl-C
        attachment.abandon()
        raise
    if not taken_over:
        attachment.abandon()
        raise RuntimeError(f"the supervisor of {job.name} ended before it began; see {_error_file(job)}")
    return attachment


def _wait_for_child(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _fork(job: Job, lock: int, ours: socket.socket, theirs: socket.socket) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    with signals_blocked():  # the child is not to meet the caller's Ctrl-C before it has left the caller's terminal
        gc.freeze()  # what the child inherits its collector shall not look through, and so copy
        pid = os.fork()
        if pid == 0:
            supervise_and_exit(job, lock, theirs, ours)
        gc.unfreeze()
    return pid


def supervise_and_exit(job: Job, lock: int, channel: socket.socket, *callers: socket.socket) -> NoReturn:
    """Be a job's supervisor, in a process that has just been forked; the ends of its callers are closed first."""
    # Whatever happens, nothing may escape into the caller's code.
    try:
        for end in callers:
            end.close()
        _supervise(job.path, lock, channel)
    except BaseException:
        _write_error(job)
    finally:
        os._exit(0)


def _spawn(job: Job, lock: int, theirs: socket.socket) -> int:
    import subprocess  # slow to import, and only needed here

    arguments = [str(job.path), str(lock), str(theirs.fileno())]
    process = subprocess.Popen(
        # Found where it was found here, and not in the folder that the caller happens to be in.
        [sys.executable, "-P", "-c", f"import sys; sys.path[:] = {sys.path!r}; {_MAIN}", *arguments],
        pass_fds=(lock, theirs.fileno()),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    process.returncode = 0  # the attachment waits for it; Popen must not warn that nobody does
    return process.pid


def main() -> None:
    """What a fresh interpreter runs; its arguments are the job's folder and two inherited file descriptors."""
    path, lock, channel = sys.argv[1:]
    supervise_and_exit(Job(Path(path)), int(lock), socket.socket(fileno=int(channel)))


class Channel:
    """The supervisor's end: ``Control`` of a job, by the caller's socket and by signals.

    SIGTERM is a stop and SIGHUP the end at once, from any process. A job that nobody can find any more, as somebody has
    removed its folder, ends as well: nobody could stop it.
    """

    def __init__(self, channel: socket.socket, job: Job) -> None:
        self._channel = channel
        self._job = job
        self._listening = True
        self._stop: Stop | None = None
        self._woken, self._wake = socket.socketpair()
        for end in (channel, self._woken, self._wake):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, self._on_signal)
        signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGALRM:
            self._take(Stop.REQUESTED if number == signal.SIGTERM else Stop.ABANDONED)
            return
        try:
            self._job.check_there()
        except Vanished:
            self._take(Stop.VANISHED)
        except OSError:  # a disk that does not answer now will do so the next time
            pass

    def _take(self, stop: Stop) -> None:
        self._stop = max(self._stop or stop, stop, key=[*Stop].index)

    @property
    def files(self) -> tuple[int, ...]:
        """What to wait for: a signal, and the caller while there is one."""
        return (self._woken.fileno(), *((self._channel.fileno(),) if self._listening else ()))

    def receive(self) -> Stop | None:
        """The strongest stop that has arrived so far."""
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        with suppress(BlockingIOError):
            if self._listening:
                said = _receive(self._channel, 4096)
                if _DETACH in said or not said:
                    self._listening = False
                if not said:
                    self._take(Stop.ABANDONED)
        return self._stop

    def notify(self) -> None:
        """Wake the caller. One that does not listen, or no longer exists, misses nothing: the files say it all."""
        with suppress(OSError):
            self._channel.send(_READY)


def _receive(channel: socket.socket, size: int) -> bytes:
    """What the other end has sent; nothing once it is closed, also if it went without having read what it was sent."""
    try:
        return channel.recv(size)
    except ConnectionResetError:
        return b""


def _supervise(path: Path, lock: int, channel: socket.socket) -> None:
    with suppress(OSError):  # a fresh interpreter leads its session already
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_go_of_everything_but(lock, channel.fileno())
    store = Store(path.parent)
    job = Job(path, lambda: store.has(store.job(path.name), lock))
    control = Channel(channel, job)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    store.adopt(lock)
    control.notify()
    try:
        with suppress(Vanished):
            _run(job, control)
    finally:
        store.release(job, lock)


def _run(job: Job, control: Channel) -> None:
    settings = EngineSettings.read(job.path)
    run = import_module(f"{settings.runners}.{_RUNNERS[job.kind]}").run
    try:
        run(job, control, _launcher(job, settings))
    except HarnessError as error:
        fail(job, f"ClientError: {error}")
    except Vanished:
        raise
    except Exception as error:
        job.check_there()
        _write_error(job)
        if job.status not in ENDED:
            fail(job, f"InternalServerError: {type(error).__name__}: {error} (details: {_error_file(job)})")
        raise


def _launcher(job: Job, settings: EngineSettings) -> Launcher:
    if settings.launcher == "processes":
        return ProcessLauncher(settings.isolation)
    from harness.engine import container_jobs

    return container_jobs.launcher(job, settings)


def fail(job: Job, reason: str) -> None:
    """Mark a job as failed; ``reason`` becomes its ``FailureReason``, of which AWS keeps 1,024 characters."""
    moment = now()
    kind = job.kind
    ended: Mapping[str, object] = (
        {"EndpointUrl": None} if kind == "Endpoint" else {f"{kind.removesuffix('Job')}EndTime": moment}
    )
    secondary = {"SecondaryStatus": "Failed"} if kind == "TrainingJob" else {}
    job.update(**{f"{kind}Status": "Failed", **ended, **secondary, "FailureReason": reason[:1024]})


def lose(job: Job) -> None:
    """Mark a job that has lost its process as failed, and have nothing half done of it left outside of its folder."""
    fail(job, _LOST_ENDPOINT if job.kind == "Endpoint" else LOST)
    if job.kind == "TransformJob":
        from harness.engine import transform

        transform.discard(job)


def _error_file(job: Job) -> Path:
    return job.path / "harness-error.txt"


def _write_error(job: Job) -> None:
    import traceback

    with suppress(OSError):
        _error_file(job).write_text(traceback.format_exc(), "utf-8")
