"""What of an instance a container is kept to."""

import docker.errors
import pytest

from harness.engine.container_limits import machine, no_quota, volume, within
from harness.engine.instances import Hardware


@pytest.mark.parametrize(
    ("wanted", "there", "limits"),
    [
        (Hardware(2, 8), Hardware(4, 16), {"nano_cpus": 2 * 10**9, "mem_limit": 8, "memswap_limit": 8, "shm_size": 4}),
        (Hardware(8, 8), Hardware(4, 16), {"mem_limit": 8, "memswap_limit": 8, "shm_size": 4}),
        (Hardware(2, 32), Hardware(4, 16), {"nano_cpus": 2 * 10**9, "shm_size": 8}),
        (None, Hardware(4, 16), {}),
    ],
    ids=["both", "memory alone", "CPUs alone", "an instance that is not known"],
)
def test_an_instance_limits_only_what_the_machine_has(wanted, there, limits):
    assert within(wanted, there) == limits


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
