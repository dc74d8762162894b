"""How BuildKit is asked: with a docker command that a test has written, and, where there is one, with the real one."""

import io
import json
import sys
import tarfile
import tempfile

import pytest

from harness.errors import MissingCapability
from harness.images import build as building
from harness.images import buildkit
from harness.images.build import LABEL, tag
from harness.images.engine import ImageError
from tests.docker_engine import client_or_skip


@pytest.mark.parametrize(("value", "asked"), [("1", True), ("true", True), ("0", False), ("", False), (None, False)])
def test_it_is_asked_for_by_the_variable_of_the_docker_command(value, asked):
    assert buildkit.asked_for({} if value is None else {"DOCKER_BUILDKIT": value}) is asked


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A docker command that keeps what it is asked, prints what it is told to, and ends as it is told to."""

    def write(prints: str, code: int = 0) -> None:
        command = tmp_path / "docker"
        command.write_text(
            f"#!{sys.executable}\n"
            "import json, sys, tarfile\n"
            "names = tarfile.open(fileobj=sys.stdin.buffer, mode='r|').getnames()\n"
            f"json.dump([sys.argv[1:], names], open({str(tmp_path / 'asked.json')!r}, 'w'))\n"
            f"print({prints!r})\n"
            f"sys.exit({code})\n"
        )
        command.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return write


class Engine:
    """An engine that has an image as soon as it has been looked for once, or never."""

    def __init__(self, keeps: bool = True) -> None:
        self.api, self.keeps, self.looked = self, keeps, False

    def inspect_image(self, name):
        import docker.errors

        if not (self.looked and self.keeps):
            self.looked = True
            raise docker.errors.ImageNotFound("none")


@pytest.fixture
def _asked_for(monkeypatch):
    monkeypatch.setenv("DOCKER_BUILDKIT", "1")


@pytest.mark.usefixtures("_asked_for")
class TestTheImage:
    def test_is_built_from_the_same_context_under_the_same_name(self, docker, tmp_path):
        docker("#5 [packages 1/6] FROM python")
        said = []
        assert building.build(Engine(), "1.9-0", progress=said.append) == tag("1.9-0")
        assert said == ["#5 [packages 1/6] FROM python"]
        words, names = json.loads((tmp_path / "asked.json").read_text())
        assert words == [
            *("build", "--progress", "plain", "--tag", tag("1.9-0")),
            *("--build-arg", "PYTHON=3.12", "--label", f"{LABEL}=1.9-0", "-"),
        ]
        assert set(building.context("1.9-0")) < set(names)

    def test_that_cannot_be_built_is_refused_with_the_builders_last_words_and_the_remedy(self, docker):
        docker("#4 ERROR\nERROR: failed to solve: python:3.12-slim-bookworm: not found", code=1)
        with pytest.raises(ImageError, match="cannot be built: ERROR: failed to solve") as caught:
            building.build(Engine(), "1.9-0")
        assert "#4 ERROR" in caught.value.message
        assert "`docker pull python:3.12-slim-bookworm` has to work first." in caught.value.message

    def test_that_stays_with_a_builder_elsewhere_is_not_said_to_be_here(self, docker):
        docker("#9 DONE")
        with pytest.raises(ImageError, match=r"not into this engine\. `docker buildx use default`"):
            building.build(Engine(keeps=False), "1.9-0")

    def test_needs_buildx(self, docker):
        docker("ERROR: BuildKit is enabled but the buildx component is missing or broken.", code=1)
        with pytest.raises(MissingCapability, match=r"has no buildx to ask it with\. DOCKER_BUILDKIT=0 has"):
            building.build(Engine(), "1.9-0")

    def test_needs_the_docker_command(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(MissingCapability, match=r"no docker command to ask it with\. DOCKER_BUILDKIT=0 has"):
            building.build(Engine(), "1.9-0")


@pytest.mark.docker
@pytest.mark.usefixtures("_asked_for")
def test_the_real_one_builds_what_it_is_handed():
    client = client_or_skip()
    name = "sagemaker-harness/buildkit-test:1"
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for member, text in (("Dockerfile", b"FROM scratch\nARG FILE\nCOPY $FILE /\n"), ("given", b"x")):
                info = tarfile.TarInfo(member)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
        archive.seek(0)
        try:
            said = list(buildkit.build(archive, name, {"FILE": "given"}, {"a": "b"}))
        except MissingCapability as error:
            pytest.skip(error.message)
    try:
        assert not any("error" in line for line in said)
        assert client.api.inspect_image(name)["Config"]["Labels"] == {"a": "b"}
    finally:
        client.api.remove_image(name)
        client.close()
