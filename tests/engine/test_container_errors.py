"""What is said of an engine's refusals."""

from types import SimpleNamespace

import pytest
from docker.errors import APIError

from harness.engine.container_errors import has_ended, with_remedy


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ('exec: "train": executable file not found in $PATH: unknown', "Has the image no 'train'? `pip install"),
        ('exec: "/x/y": stat /x/y: no such file or directory: unknown', "Has the image no '/x/y'?"),
        ("crun: executable file `serve` not found in $PATH: No such file or directory", "Has the image no 'serve'?"),
        ("statfs /home/me/runs: no such file or directory", "The engine does not see the folders of this machine"),
        ("Mounts denied: The path /x is not shared from the host", "The engine does not see the folders"),
        ("Bind for 127.0.0.1:80 failed: port is already allocated", "Choose another --port"),
        (
            "crun: the requested cgroup controller `cpu` is not available: OCI runtime error",
            "The engine's user has no",
        ),
        ("rootless needs no limits + no cgrouppath when no permission is granted", "The engine's user has no cgroup"),
        ("write /var/lib/docker/x: no space left on device", "`docker system df`"),
    ],
)
def test_a_refusal_comes_with_its_remedy(reason, remedy):
    assert with_remedy(reason).startswith(f"{reason}. {remedy}")


@pytest.mark.parametrize("reason", ['exec: "train": permission denied', "device is on fire"])
def test_what_is_not_known_stays_as_it_is(reason):
    assert with_remedy(reason) == reason


@pytest.mark.parametrize(
    ("status", "said", "ended"),
    [
        (404, "No such container: c0ffee", True),
        (409, "Cannot kill container: c0ffee: Container c0ffee is not running", True),
        (500, "can only kill running containers. c0ffee is in state exited: container state improper", True),
        (500, "Cannot kill container: c0ffee: tried to kill container, but did not receive an exit event", False),
    ],
    ids=["removed", "Docker", "Podman 4.3", "an engine in trouble"],
)
def test_a_signal_that_comes_too_late_is_told_from_one_that_fails(status, said, ended):
    assert has_ended(APIError("error", response=SimpleNamespace(status_code=status), explanation=said)) is ended
