"""Jobs of local mode in supervisors of their own, as the engine's are; only what they run is another."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.engine.processes import ProcessLauncher
from harness.engine.running import Running
from harness.engine.store import ENDED, LOST, Document, Job, Store
from harness.engine.supervisor import Attachment, Channel, fail
from harness.errors import HarnessError
from harness.images.engine import engine
from harness.targets.localmode import containers

_MAIN = "from harness.targets.localmode.supervision import main; main()"


class LocalModeRunning(Running):
    """As ``Running``, but ``jobs.run`` is what a supervisor runs."""

    def create(
        self, operation: str, name: str, request: Document, description: Document, prepare: Callable[[Job], None]
    ) -> None:
        """See ``Running.create``."""
        self.store.bury(lambda job: fail(job, LOST))
        job, lock = self.store.create(name, operation, request, description)
        try:
            self.settings.write(job.path)
            prepare(job)
        except BaseException:
            self.store.discard(job, lock)
            raise
        self._attached[name] = _start(job, lock)


def _start(job: Job, lock: int) -> Attachment:
    """Have a fresh interpreter supervise the job; it inherits the lock. Returns once it has taken over."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                interpreter(_MAIN, str(job.path), str(lock), str(theirs.fileno())),
                pass_fds=(lock, theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(lock)
    process.returncode = 0  # the attachment waits for it; Popen must not warn that nobody does
    attachment = Attachment(process.pid, ours)
    try:
        attachment.wait()  # it has taken the job over, so that the job can be stopped, or has failed to
    except BaseException:  # Ctrl-C
        attachment.abandon()
        raise
    return attachment


def interpreter(code: str, *arguments: str) -> list[str]:
    """A command that runs code of ours, found where it was found here and not in the folder that somebody is in."""
    return [sys.executable, "-P", "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}", *arguments]


def main() -> None:
    """What the fresh interpreter runs; its arguments are the job's folder and two inherited file descriptors."""
    from harness.targets.localmode.jobs import run

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path, lock, channel = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for inherited in (lock, channel):
        os.set_inheritable(inherited, False)
    control = Channel(socket.socket(fileno=channel))
    store, job = Store(path.parent), Job(path)
    store.adopt(lock)
    control.notify()
    try:
        run(job, control, ProcessLauncher("none"))
    except Exception as error:
        if path.exists() and job.status not in ENDED:
            fail(job, f"InternalServerError: {type(error).__name__}: {error}")
    finally:
        with suppress(HarnessError), engine() as client:
            containers.remove(client, job)
        store.release(job, lock)
