"""Docker's contexts, in the files that ``docker context create`` and ``docker context use`` write."""

import hashlib
import json
from pathlib import Path

import pytest

from harness.images.contexts import endpoint

SOCKET = "unix:///run/user/1001/docker.sock"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Docker's settings with one context, ``rootless``, which has been created and is not in use."""
    write(tmp_path, "rootless", {"Host": SOCKET, "SkipTLSVerify": False})
    return tmp_path


def write(folder: Path, name: str, engine: dict, *pems: str) -> None:
    key = hashlib.sha256(name.encode()).hexdigest()
    meta, tls = folder / "contexts/meta" / key, folder / "contexts/tls" / key / "docker"
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": engine}}))
    if pems:
        tls.mkdir(parents=True)
    for pem in pems:
        (tls / f"{pem}.pem").touch()


def use(folder: Path, **config: str) -> None:
    (folder / "config.json").write_text(json.dumps(config))


def host(folder: Path, **environment: str) -> str:
    return endpoint({"DOCKER_CONFIG": str(folder), **environment})[0]


def test_the_one_that_is_named_needs_none_in_use(folder):
    assert host(folder, DOCKER_CONTEXT="rootless") == SOCKET


def test_the_one_in_use_is_taken_unless_another_is_named(folder):
    write(folder, "other", {"Host": "unix:///other.sock"})
    use(folder, currentContext="rootless")
    assert host(folder) == SOCKET
    assert host(folder, DOCKER_CONTEXT="other") == "unix:///other.sock"
    assert host(folder, DOCKER_CONTEXT="default") == "unix:///var/run/docker.sock"


def test_without_one_in_use_it_is_the_engine_of_this_machine(folder):
    assert host(folder) == "unix:///var/run/docker.sock"
    use(folder, credsStore="desktop")
    assert host(folder) == "unix:///var/run/docker.sock"


def test_settings_lie_in_the_home_unless_another_folder_is_named(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    (folder / "contexts").rename(folder / "moved")
    (folder / ".docker").mkdir()
    (folder / "moved").rename(folder / ".docker/contexts")
    assert endpoint({"DOCKER_CONTEXT": "rootless"})[0] == SOCKET


def test_one_in_use_that_has_been_removed_is_named(folder):
    use(folder, currentContext="gone")
    with pytest.raises(ValueError, match="there is no Docker context 'gone'"):
        host(folder)


def test_a_file_that_is_broken_is_named(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is no JSON document"):
        host(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "config.json is no JSON document"),
        ("[1]", "config.json: what stands there is no JSON object"),
        ('{"currentContext": 5}', "config.json: currentContext is no text"),
        (None, "config.json cannot be read"),
    ],
    ids=["too deep", "a list", "a number", "a folder"],
)
def test_what_tells_of_no_context_in_use_is_named(folder, content, said):
    file = folder / "config.json"
    file.write_text(content) if content else file.mkdir()
    with pytest.raises(ValueError, match=said):
        host(folder)


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ([], "there is no Docker context"),
        ([1], "meta.json: what stands there is no JSON object"),
        ({"Endpoints": [1]}, "meta.json: Endpoints is no JSON object"),
        ({"Endpoints": {"docker": "x"}}, "meta.json: Endpoints.docker is no JSON object"),
        ({"Endpoints": {"docker": {"Host": 5}}}, "meta.json: Endpoints.docker.Host is no text"),
    ],
    ids=str,
)
def test_a_context_that_is_something_else_is_named(folder, meta, said):
    next(folder.glob("contexts/meta/*/meta.json")).write_text(json.dumps(meta))
    with pytest.raises(ValueError, match=said):
        host(folder, DOCKER_CONTEXT="rootless")


@pytest.mark.parametrize("endpoints", [None, {}, {"docker": None}, {"docker": {"Host": None}}], ids=str)
def test_a_context_that_names_no_engine_has_that_of_this_machine(folder, endpoints):
    next(folder.glob("contexts/meta/*/meta.json")).write_text(json.dumps({"Name": "rootless", "Endpoints": endpoints}))
    assert host(folder, DOCKER_CONTEXT="rootless") == "unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    ("pems", "unverified", "certificate", "authority", "verified"),
    [
        (("ca", "cert", "key"), False, True, True, True),
        (("ca",), False, False, True, True),
        (("cert", "key"), True, True, False, False),
        ((), True, False, False, False),
    ],
)
def test_an_engine_beyond_tls_is_reached_with_what_the_context_has(
    folder, pems, unverified, certificate, authority, verified
):
    write(folder, "far", {"Host": "tcp://127.0.0.1:2376", "SkipTLSVerify": unverified}, *pems)
    tls = endpoint({"DOCKER_CONFIG": str(folder), "DOCKER_CONTEXT": "far"})[1]["tls"]
    assert (bool(tls.cert), bool(tls.ca_cert), tls.verify) == (certificate, authority, verified)


def test_a_socket_needs_no_tls(folder):
    assert endpoint({"DOCKER_CONFIG": str(folder), "DOCKER_CONTEXT": "rootless"})[1]["tls"] is False
