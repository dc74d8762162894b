"""A supervisor of one's own for each test: a forked child without threads, as root (if tests run so) and as nobody."""

import ctypes
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.engine import processes
from harness.engine.isolation import Support, probe
from harness.engine.launcher import HostSpec, Mount
from harness.engine.processes import Isolation, ProcessLauncher
from harness.engine.system import Kernel, read_all

NOBODY = 65534
USERS = ["root", "nobody"] if os.geteuid() == 0 else ["self"]


@dataclass(frozen=True)
class Ended:
    """What a host printed, and how it ended."""

    output: str
    exit_code: int


@dataclass(frozen=True)
class Place:
    """Where a test starts hosts: as whom, how isolated, in which folder."""

    user: str
    isolation: Isolation
    folder: Path

    @property
    def ids(self) -> tuple[int, int]:
        """Of the user, and of their group."""
        return (NOBODY, NOBODY) if self.user == "nobody" else (os.getuid(), os.getgid())

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def base_dir(self) -> str:
        return str(self.tree) if self.isolation == "none" else "/opt/ml"

    @property
    def python(self) -> str:
        """An interpreter that the user may run."""
        for python in (sys.executable, shutil.which("python3", path=os.defpath)):
            if python and self.supervise(lambda python=python: os.access(python, os.X_OK)):
                return python
        raise AssertionError(f"{self.user} can run no Python here: neither {sys.executable} nor one of the system")

    def fork(self, body: Callable[[], Any]) -> tuple[int, int]:
        """Run ``body`` as the user, in a child; its process id, and a pipe that brings its result as JSON."""
        read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a test runner may have threads; the child has none
            pid = os.fork()
        if pid == 0:
            try:
                self._become_user()
                if sys.platform == "linux":
                    Kernel().die_with_parent()  # a test that is cut short leaves nothing
                os.write(write, json.dumps([body(), None]).encode())
            except BaseException:
                os.write(write, json.dumps([None, traceback.format_exc()[-60000:]]).encode())
            finally:
                os._exit(0)
        os.close(write)
        return pid, read

    def supervise(self, body: Callable[[], Any]) -> Any:
        """The result of ``body``, run as the user, in a child without threads."""
        pid, read = self.fork(body)
        try:
            result, error = json.loads(read_all(read))
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise
        finally:
            os.waitpid(pid, 0)
        assert error is None, error
        return result

    def spec(self, *command: str, **changes: Any) -> HostSpec:
        spec = HostSpec("algo-1", command, {"PATH": os.defpath}, "/", self.tree, base_dir=self.base_dir)
        return spec._replace(**changes)

    def launcher(self) -> ProcessLauncher:
        return ProcessLauncher(self.isolation)

    def run_here(self, *command: str, **changes: Any) -> tuple[str, int]:
        """Run one host to its end, from a supervisor: what it printed, how it ended."""
        host = self.launcher().start(self.spec(*command, **changes))
        try:
            output = b"".join(iter(lambda: os.read(host.output, 65536), b""))
            return output.decode(), host.exit_code()
        finally:
            host.close()

    def run(self, *command: str, **changes: Any) -> Ended:
        """Run one host to its end, from a supervisor of its own."""
        return Ended(*self.supervise(lambda: self.run_here(*command, **changes)))

    def sh(self, script: str, **changes: Any) -> Ended:
        """Run a shell script as a host."""
        return self.run("/bin/sh", "-c", script, **changes)

    def mount(self, source: Path, target: str, *, read_only: bool = True) -> tuple[Mount, ...]:
        """``source`` as ``/opt/ml/<target>``."""
        return (Mount(source, f"{self.base_dir}/{target}", read_only),)

    def _become_user(self) -> None:
        if self.user == "nobody":
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            # After an exec, which this stands for, a process may write its own files in /proc again.
            set_dumpable = 4
            assert ctypes.CDLL(None).prctl(set_dumpable, 1, 0, 0, 0) == 0


@pytest.fixture(params=USERS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A place without isolation, as every user that can be tried."""
    # Others than the owner may not enter tmp_path.
    folder = Path(tempfile.mkdtemp(prefix="harness-test-", dir="/tmp")).resolve()
    try:
        folder.chmod(0o755)
        (folder / "tree").mkdir()
        if request.param == "nobody":
            for path in (folder, folder / "tree"):
                os.chown(path, NOBODY, NOBODY)
        yield Place(request.param, "none", folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def grants() -> dict[str, Support]:
    """User -> what the kernel grants them; it is the machine's affair, so one look is enough."""
    return {user: Support(*Place(user, "none", Path("/")).supervise(probe)) for user in USERS}


@pytest.fixture
def isolated(place: Place, grants: dict[str, Support], monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place with a private ``/opt/ml``."""
    support = grants[place.user]
    if support.reason:
        pytest.skip(f"a private /opt/ml cannot be had by {place.user}: {support.reason}")
    monkeypatch.setattr(processes, "begin_probe", lambda: lambda: support)  # every launcher looks anew
    return replace(place, isolation="required")


@pytest.fixture(params=["plain", "isolated"])
def anyhow(request: pytest.FixtureRequest, place: Place) -> Place:
    """A place, without isolation and with it."""
    if request.param == "isolated":
        isolated: Place = request.getfixturevalue("isolated")
        return isolated
    return place
