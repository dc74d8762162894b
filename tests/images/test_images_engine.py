"""Finding the Docker engine, and saying why there is none."""

import gc
import hashlib
import json
import os
import socket
import sys

import docker
import pytest

from harness.errors import MissingCapability
from harness.images import contexts
from harness.images.engine import connect
from tests.docker_engine import client_or_skip


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch, tmp_path):
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    gc.freeze()  # all that was there before need not be looked through
    yield
    gc.collect()  # a socket that was left open warns now, and not in another test


def why_not() -> str:
    with pytest.raises(MissingCapability) as caught:
        connect()
    return caught.value.message


def test_without_the_docker_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "docker", None)
    assert "pip install 'sagemaker-harness[container]'" in why_not()


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:9"])
def test_an_engine_that_does_not_answer_is_named(monkeypatch, host):
    monkeypatch.setenv("DOCKER_HOST", host)
    assert f"No Docker engine answers at {host}. Start Docker Desktop" in why_not()


def test_an_engine_is_looked_for_where_the_context_says(monkeypatch, tmp_path):
    name = "rootless"
    folder = tmp_path / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    endpoint = {"Host": "unix:///nowhere/rootless.sock", "SkipTLSVerify": False}
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": name}))
    assert "No Docker engine answers at unix:///nowhere/rootless.sock" in why_not()
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/other.sock")
    assert "No Docker engine answers at unix:///nowhere/other.sock" in why_not()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DOCKER_CONTEXT", "nothing", "The Docker engine cannot be used: there is no Docker context 'nothing'"),
        ("DOCKER_HOST", "nonsense://x", "The Docker engine at nonsense://x cannot be used: Invalid bind address"),
    ],
)
def test_what_names_no_engine_is_told_with_what_shows_some(monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    assert why_not().startswith(said)
    assert "`docker context ls` shows where else one may be" in why_not()


@pytest.mark.parametrize("address", ["tcp://user:s3cretpw@127.0.0.1:1", "ssh://user:pw@host", "user:pw@host:1"])
def test_the_password_of_an_engine_s_address_is_not_told(monkeypatch, address):
    monkeypatch.setenv("DOCKER_HOST", address)
    told = why_not()
    assert "//user:(redacted)@" in told
    assert "pw@" not in told


def test_a_blank_address_is_that_of_this_machine_whatever_context_is_in_use(monkeypatch, tmp_path):
    monkeypatch.setattr(contexts, "DEFAULT", "unix:///nowhere/docker.sock")
    monkeypatch.setenv("DOCKER_HOST", " ")
    (tmp_path / "config.json").write_text('{"currentContext": "gone"}')
    assert "No Docker engine answers at unix:///nowhere/docker.sock" in why_not()


def test_an_address_without_a_scheme_is_a_host_s_as_it_is_for_the_docker_command(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "localhost:1")
    assert "No Docker engine answers at tcp://localhost:1." in why_not()


def test_blanks_around_an_address_are_none_of_it(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", " unix:///nowhere/docker.sock ")
    assert "No Docker engine answers at unix:///nowhere/docker.sock." in why_not()


def test_a_socket_that_this_user_may_not_use_is_told_from_one_that_is_not_there(monkeypatch, tmp_path):
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0o600 if os.geteuid() == 0 else 0)
        for folder in tmp_path.parents[:3]:
            folder.chmod(folder.stat().st_mode | 0o011)
        tmp_path.chmod(0o755)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        assert docker  # imported before the child gives up the right to read it
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                if os.geteuid() == 0:
                    os.setuid(65534)
                connect()
            except MissingCapability as error:
                os.write(writing, error.message.encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as said:
            assert said.read().startswith("This user may not use the Docker engine at unix://")
        os.waitpid(child, 0)


def test_an_engine_that_takes_a_connection_and_says_nothing_is_not_waited_for(monkeypatch, tmp_path):
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with pytest.raises(MissingCapability, match=r"has not answered for 0\.2 s\. `docker info`"):
            connect(timeout=0.2)


@pytest.mark.docker
def test_an_engine_that_answers_is_used(monkeypatch):
    monkeypatch.delenv("DOCKER_CONFIG")
    client = client_or_skip()
    assert client.ping()
    client.close()
