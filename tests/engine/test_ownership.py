"""Who gets what containers have written; that ``chown`` is run as it should stands in ``test_engine_containers``."""

import os

import pytest

from harness.engine.ownership import Owner, give_back


class Engine:
    """An engine that does nothing but say what it is, and remember what it was to run."""

    def __init__(self, info) -> None:
        self.api, self.said, self.ran = self, info, None

    def info(self):
        return self.said

    def create_host_config(self, **settings):
        return settings

    def create_container(self, image, command, **settings):
        self.ran = settings["entrypoint"] + command
        return "container"

    def start(self, container):
        pass

    def wait(self, container, timeout):
        return {"StatusCode": 0}

    def remove_container(self, container, force):
        pass


@pytest.mark.parametrize(
    ("info", "target"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default"]}, "{uid}:7"),
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}, "0:0"),
        ({"SecurityOptions": ["name=seccomp,profile=default"], "Rootless": False}, "{uid}:7"),
        ({"SecurityOptions": ["name=seccomp,profile=default"], "Rootless": True}, "0:0"),
        ({"SecurityOptions": None}, "{uid}:7"),
    ],
    ids=["Docker 20.10", "rootless Docker 20.10", "Podman 4.3", "rootless Podman 4.3", "one that says nothing of it"],
)
def test_the_root_of_a_rootless_engine_is_the_user(tmp_path, info, target):
    engine, owner = Engine(info), Owner(os.getuid() + 1, 7)
    give_back(engine, "image", [tmp_path], owner, {})
    assert engine.ran == ["chown", "-R", "-h", target.format(uid=owner.uid), "/given/0"]


def test_what_is_the_users_already_needs_no_container(tmp_path):
    give_back(engine := Engine({}), "image", [tmp_path], Owner.current(), {})
    assert engine.ran is None
