"""Whether a private ``/opt/ml`` can be had, found out by asking real kernels that refuse."""

import errno
import os
from pathlib import Path

import pytest

from harness.engine import isolation
from harness.engine.isolation import explain, probe, read_settings
from harness.engine.namespaces import enter
from harness.engine.system import Kernel, SetupError

# Root is refused nothing of this.
unprivileged = pytest.mark.parametrize("place", ["nobody" if os.geteuid() == 0 else "self"], indirect=True)


def test_what_the_probe_promises_can_be_had(isolated):
    def body():
        support = probe()
        return [support.reason, support.isolated, support.processes]

    assert isolated.supervise(body) == [None, True, True]


def test_a_probe_leaves_no_child_no_file_and_no_trace(place):
    def body():
        def view():
            return [sorted(os.listdir("/proc/self/fd")), Path("/proc/self/mountinfo").read_text(), os.listdir("/opt")]

        before = view()
        probe()
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        return before == view()

    assert place.supervise(body)


@unprivileged
def test_a_machine_that_grants_no_user_namespaces_says_which_setting_forbids_them(isolated):
    def body():
        # In a user namespace of one's own one may lower one's own limit: a real refusal, for this process alone.
        enter(Kernel(), processes=False, network=True)
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
        return probe().reason

    reason = isolated.supervise(body)
    assert reason.startswith("the kernel setting user.max_user_namespaces = 0 forbids it")
    assert "`sudo sysctl -w user.max_user_namespaces=15000`" in reason


@unprivileged
def test_a_proc_that_may_not_be_mounted_costs_process_numbers_only(isolated):
    # Container engines cover parts of /proc; the kernel then lets no user namespace mount it afresh.
    def body():
        kernel = Kernel()
        enter(kernel, processes=False, network=True)
        private, recursively = 0x40000, 0x4000
        kernel.mount("none", "/", flags=private | recursively)
        kernel.mount("tmpfs", "/proc/sys", "tmpfs")
        support = probe()
        return [support.reason, support.processes]

    assert isolated.supervise(body) == [None, False]


@unprivileged
def test_an_opt_that_may_not_be_listed_is_named(isolated):
    def body():
        kernel = Kernel()
        enter(kernel, processes=False, network=True)
        private, recursively = 0x40000, 0x4000
        kernel.mount("none", "/", flags=private | recursively)
        kernel.mount("tmpfs", "/opt", "tmpfs", options="mode=000")
        return probe().reason

    assert isolated.supervise(body).startswith("/opt must be a folder that this user can list")


def test_other_systems_are_told_that_it_needs_linux(monkeypatch):
    monkeypatch.setattr(isolation.sys, "platform", "darwin")
    assert probe().reason == "it needs Linux"


def test_settings_are_read_from_the_kernel():
    assert set(read_settings()) <= {
        "user.max_user_namespaces",
        "kernel.unprivileged_userns_clone",
        "kernel.apparmor_restrict_unprivileged_userns",
    }
    assert all(value.isdecimal() for value in read_settings().values())


@pytest.mark.parametrize(
    ("step", "number", "settings", "expected"),
    [
        (
            "creating namespaces",
            errno.EPERM,
            {"kernel.apparmor_restrict_unprivileged_userns": "1", "user.max_user_namespaces": "9"},
            "`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
        ),
        (
            "making mounts private",
            errno.EACCES,
            {"kernel.apparmor_restrict_unprivileged_userns": "1"},
            "`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
        ),
        (
            "creating namespaces",
            errno.EPERM,
            {"kernel.unprivileged_userns_clone": "0"},
            "`sudo sysctl -w kernel.unprivileged_userns_clone=1`",
        ),
        ("creating namespaces", errno.EPERM, {"user.max_user_namespaces": "9"}, "seccomp=unconfined"),
        ("mounting /opt/ml", errno.EPERM, {}, "apparmor=unconfined"),
        ("opening /opt", errno.ENOENT, {"user.max_user_namespaces": "0"}, "`sudo mkdir -m 755 /opt`"),
        ("creating namespaces", errno.ENOSYS, {}, "this kernel has no namespaces"),
        ("creating namespaces", errno.EINVAL, {}, "this kernel has no namespaces"),
    ],
)
def test_a_refusal_says_what_failed_and_what_helps(step, number, settings, expected):
    reason = explain(SetupError(step, number), settings)
    assert expected in reason
    assert f"{step}: {os.strerror(number)}" in reason


@pytest.mark.parametrize("error", [SetupError("a step: ünïcode", errno.ENOENT), SetupError("ValueError: x", 0)])
def test_a_failure_survives_its_journey_through_a_pipe(error):
    assert str(SetupError.decode(error.encode())) == str(error)
