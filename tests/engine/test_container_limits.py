"""What of an instance a container is kept to."""

import docker.errors
import pytest

from harness.engine.container_limits import machine, no_limits, no_quota, volume, within
from harness.engine.instances import Hardware


@pytest.mark.parametrize(
    ("wanted", "limits"),
    [
        (Hardware(2, 8), {"nano_cpus": 2 * 10**9, "mem_limit": 8, "memswap_limit": 8, "shm_size": 4}),
        (Hardware(8, 8), {"mem_limit": 8, "memswap_limit": 8, "shm_size": 4}),
        (Hardware(2, 32), {"nano_cpus": 2 * 10**9, "shm_size": 8}),
        (None, {}),
    ],
    ids=["both", "memory alone", "CPUs alone", "an instance that is not known"],
)
def test_an_instance_limits_only_what_the_machine_has(wanted, limits):
    assert within(wanted, {"NCPU": 4, "MemTotal": 16}) == limits


HAS_BOTH = {"NCPU": 4, "MemTotal": 16, "CpuCfsQuota": True, "MemoryLimit": True}
DOCKER = {**HAS_BOTH, "CgroupVersion": "1", "SecurityOptions": ["name=seccomp,profile=default"]}
ROOTLESS_DOCKER = {**DOCKER, "CpuCfsQuota": False, "MemoryLimit": False, "SecurityOptions": ["name=rootless"]}
PODMAN = {**DOCKER, "Rootless": False}
ROOTLESS_PODMAN = {**DOCKER, "Rootless": True}
"""Members of ``/info`` as Docker 20.10.24 and Podman 4.3.1 answered on cgroup v1."""


@pytest.mark.parametrize("info", [DOCKER, PODMAN, {**ROOTLESS_PODMAN, "CgroupVersion": "2"}])
def test_an_engine_with_cgroups_limits_cpus_and_memory(info):
    assert no_limits(info) is None
    assert {"nano_cpus", "mem_limit"} < within(Hardware(2, 8), info).keys()


@pytest.mark.parametrize("info", [ROOTLESS_DOCKER, ROOTLESS_PODMAN])
def test_a_rootless_engine_on_cgroup_v1_is_asked_for_no_limits_and_says_why(info):
    assert within(Hardware(2, 8), info) == {"shm_size": 4}
    assert no_limits(info) == "the engine has no cgroup that limits CPUs and memory; a rootless one needs cgroup v2"


def test_a_rootless_engine_that_was_given_memory_alone_limits_that():
    info = {**HAS_BOTH, "CgroupVersion": "2", "CpuCfsQuota": False}
    assert within(Hardware(2, 8), info) == {"mem_limit": 8, "memswap_limit": 8, "shm_size": 4}
    assert no_limits(info).startswith("the engine has no cgroup that limits CPUs;")


def test_the_machine_is_the_engines():
    assert machine({"NCPU": 2, "MemTotal": 8}) == Hardware(2, 8)


def info(driver, backing):
    return {"Driver": driver, "DriverStatus": [["Backing Filesystem", backing]] if backing else None}


@pytest.mark.parametrize("driver", ["btrfs", "zfs", "devicemapper"])
def test_some_storage_keeps_a_container_to_a_size(driver):
    assert no_quota(info(driver, "")) is None


def test_overlay2_does_so_on_xfs_alone():
    assert no_quota(info("overlay2", "xfs")) is None
    assert no_quota(info("overlay2", "extfs")) == (
        "the engine's storage, overlay2 on extfs, keeps no container to a size"
    )


class Engine:
    """An engine that may refuse a size, as one on xfs without quotas does."""

    def __init__(self, refuses: str = "") -> None:
        self.api, self.refuses, self.there = self, refuses, 0

    def create_host_config(self, **settings):
        assert settings == {"storage_opt": {"size": "30G"}}
        return settings

    def create_container(self, image, host_config):
        if self.refuses:
            raise docker.errors.APIError("refused", explanation=self.refuses)
        self.there += 1

    def remove_container(self, container):
        self.there -= 1


def test_a_volume_is_asked_for_where_it_can_be_had():
    engine = Engine()
    assert volume(engine, "image", 30, info("overlay2", "xfs")) == ({"storage_opt": {"size": "30G"}}, "")
    assert engine.there == 0, "the probe is left behind"


@pytest.mark.parametrize(
    ("engine", "backing", "why"),
    [(Engine("no pquota"), "xfs", "no pquota"), (Engine(), "extfs", "overlay2 on extfs")],
    ids=["an engine that refuses", "one that cannot"],
)
def test_a_volume_that_cannot_be_had_is_left_out_with_the_reason(engine, backing, why):
    settings, reason = volume(engine, "image", 30, info("overlay2", backing))
    assert settings == {}
    assert why in reason
