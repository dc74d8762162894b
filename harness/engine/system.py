"""What a forked child needs of the system: a way to say why it failed, and the calls that Python lacks."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from harness.engine.launcher import LaunchError

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class SetupError(LaunchError):
    """One step towards a running host failed.

    Attributes:
        step: what was being done.
        errno: why it failed; 0 if the system did not say.
    """

    def __init__(self, step: str, errno: int) -> None:
        super().__init__(f"{step}: {os.strerror(errno)}" if errno else step)
        self.step = step
        self.errno = errno

    def encode(self) -> bytes:
        """As it travels from the child that met it; short enough for a pipe to take in one piece."""
        return f"{self.errno} {self.step}".encode("utf-8", "surrogateescape")[:4000]

    @classmethod
    def decode(cls, data: bytes) -> SetupError:
        """The opposite of ``encode``."""
        errno, _, step = data.decode("utf-8", "replace").partition(" ")
        return cls(step, int(errno))


@contextmanager
def step(name: str) -> Iterator[None]:
    """Turn an ``OSError`` into a ``SetupError`` that says what was being done."""
    try:
        yield
    except OSError as error:
        raise SetupError(name, error.errno or 0) from error


def fork(body: Callable[[], None], failures: int) -> int:
    """Run ``body`` in a child that never returns; why it failed, if it did, is written to ``failures``."""
    pid = os.fork()
    return pid or _run_and_exit(body, failures)


def _run_and_exit(body: Callable[[], None], failures: int) -> NoReturn:
    # Whatever happens, nothing may escape into the code of the parent.
    status = 1
    try:
        body()
        status = 0
    except SetupError as error:
        os.write(failures, error.encode())
    except BaseException as error:
        os.write(failures, SetupError(f"{type(error).__name__}: {error}", 0).encode())
    finally:
        os._exit(status)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Let no handler run. A child forked meanwhile keeps them blocked: it must not act for its parent."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def read_all(file: int) -> bytes:
    """Everything up to the end of a pipe, which is closed then."""
    try:
        return b"".join(iter(lambda: os.read(file, 4096), b""))
    finally:
        os.close(file)


def wait(pid: int) -> int | None:
    """Wait for a child: 0–255, or ``-n`` if signal *n* ended it; None if nobody knows (SIGCHLD is ignored)."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return None


def close(*files: int) -> None:
    """Close file descriptors, open or not."""
    for file in files:
        with suppress(OSError):
            os.close(file)


def let_go_of_everything_but(*keep: int) -> None:
    """Close what was inherited; standard input, output and error become ``/dev/null``."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    inherited = map(int, os.listdir("/dev/fd"))
    close(*(file for file in inherited if file > 2 and file not in keep))


class Kernel:
    """Linux's system calls that Python 3.11 does not offer. Each raises ``OSError`` as Python's own would."""

    def __init__(self) -> None:
        import ctypes  # not cheap, and not needed before a job starts

        library: Any = ctypes.CDLL(None, use_errno=True)
        self._get_errno = ctypes.get_errno
        text, word = ctypes.c_char_p, ctypes.c_ulong
        self._mount, self._mount.argtypes = library.mount, [text, text, text, word, text]
        self._prctl, self._prctl.argtypes = library.prctl, [ctypes.c_int, word, word, word, word]
        self._sethostname, self._sethostname.argtypes = library.sethostname, [text, ctypes.c_size_t]
        self._unshare, self._unshare.argtypes = library.unshare, [ctypes.c_int]
        self._setns, self._setns.argtypes = library.setns, [ctypes.c_int, ctypes.c_int]

    def mount(self, source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
        """Mount ``source`` on ``target``: mount(2)."""
        arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, options.encode())
        self._call(self._mount, *arguments)

    def unshare(self, namespaces: int) -> None:
        """Leave namespaces for new ones: unshare(2)."""
        self._call(self._unshare, namespaces)

    def join(self, path: str) -> None:
        """Enter the namespace that a file of ``/proc/<pid>/ns`` stands for: setns(2)."""
        file = os.open(path, os.O_RDONLY)
        try:
            self._call(self._setns, file, 0)
        finally:
            os.close(file)

    def set_host_name(self, name: str) -> None:
        """Name the machine, as seen from this UTS namespace: sethostname(2)."""
        self._call(self._sethostname, name.encode(), len(name.encode()))

    def die_with_parent(self) -> None:
        """Have the kernel kill this process when its parent ends: prctl(2)."""
        self._call(self._prctl, _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def adopt_orphans(self) -> None:
        """Become the parent of every descendant whose own parent ends: prctl(2)."""
        self._call(self._prctl, _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def forget_environment(self) -> None:
        """Blank what ``/proc/<pid>/environ`` shows of this process: its caller's variables, credentials among them.

        A forked child has a copy of its own, so nobody else's is touched (proc(5): env_start and env_end).
        """
        import ctypes

        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        start, end = int(fields[47]), int(fields[48])
        if start and end > start:
            ctypes.memset(start, 0, end - start)

    def _call(self, function: Callable[..., int], *arguments: object) -> None:
        if function(*arguments) < 0:
            errno = self._get_errno()
            raise OSError(errno, os.strerror(errno))
