"""Whether this machine lets this user have a private ``/opt/ml``; if not, why, in words that help."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from harness.engine.launcher import HostSpec
from harness.engine.namespaces import enter, furnish
from harness.engine.system import Kernel, SetupError, fork, read_all, signals_blocked, wait


class Support(NamedTuple):
    """What this machine's kernel grants this user."""

    reason: str | None
    """Why a private ``/opt/ml`` cannot be had, and what would help; None if it can."""
    processes: bool = False
    """Whether a host can have process numbers of its own, too."""

    @property
    def isolated(self) -> bool:
        """Whether a host can have a private ``/opt/ml``."""
        return self.reason is None


def probe() -> Support:
    """Find out by doing it, in a forked child; must be called without other threads."""
    return begin_probe()()


def begin_probe() -> Callable[[], Support]:
    """Begin to find out; the function returned waits for the answer. Must be called without other threads."""
    if sys.platform != "linux":
        return lambda: Support("it needs Linux")
    kernel = Kernel()
    trial = _begin(kernel, processes=True)

    def answer() -> Support:
        failure = trial()
        if failure is None:
            return Support(None, processes=True)
        # A container engine that hides parts of /proc forbids mounting it afresh; all else may still work.
        if failure.step == "mounting /proc":
            failure = _begin(kernel, processes=False)()
        return Support(explain(failure, read_settings()) if failure else None)

    return answer


def _begin(kernel: Kernel, *, processes: bool) -> Callable[[], SetupError | None]:
    spec = HostSpec("probe", (), {}, "/", tree=Path("/opt"), hosts=("probe",))

    def outside() -> None:
        enter(kernel, processes=processes, network=True)
        wait(fork(inside, write))

    def inside() -> None:
        furnish(kernel, spec, processes=processes)

    read, write = os.pipe()
    with signals_blocked():
        child = fork(outside, write)
    os.close(write)

    def end() -> SetupError | None:
        failure = read_all(read)
        wait(child)
        return SetupError.decode(failure) if failure else None

    return end


_FORBIDDING = {
    ("user.max_user_namespaces", "0"): "sysctl -w user.max_user_namespaces=15000",
    ("kernel.unprivileged_userns_clone", "0"): "sysctl -w kernel.unprivileged_userns_clone=1",
    ("kernel.apparmor_restrict_unprivileged_userns", "1"): ("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
}


def read_settings() -> dict[str, str]:
    """The kernel settings that can forbid namespaces to a user, as far as this kernel has them."""
    settings = {}
    for name, _ in _FORBIDDING:
        path = Path("/proc/sys", *name.split("."))
        if path.exists():
            settings[name] = path.read_text("utf-8").strip()
    return settings


def explain(failure: SetupError, settings: Mapping[str, str]) -> str:
    """A refusal as the end of the sentence «a private /opt/ml cannot be had: …», with what would help.

    Args:
        failure: the step that failed, and how.
        settings: as ``read_settings`` returns them.
    """
    if failure.errno in {errno.EINVAL, errno.ENOSYS}:
        return f"this kernel has no namespaces ({failure})"
    if failure.step in {"opening /opt", "mounting /opt/ml"} and failure.errno != errno.EPERM:
        return f"/opt must be a folder that this user can list ({failure}); `sudo mkdir -m 755 /opt` makes it"
    for (setting, value), remedy in _FORBIDDING.items():
        if settings.get(setting) == value:
            return f"the kernel setting {setting} = {value} forbids it ({failure}); `sudo {remedy}` allows it"
    return (
        f"the kernel does not grant it ({failure}); in a container, its security profile is in the way: "
        "`docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined` takes that away"
    )
