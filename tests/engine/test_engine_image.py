"""Which image a request means, and whether this machine can run it."""

import hashlib
import io
import json
import tarfile

import pytest

from harness.engine.image import resolve
from harness.errors import MissingCapability
from harness.images.build import tag
from tests.docker_engine import client_or_skip, image_or_skip

AWS = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"


class Engine:
    """An engine of which only the names of its images matter."""

    def __init__(self, *names: str) -> None:
        self.names, self.api = names, self

    def inspect_image(self, name):
        import docker.errors

        if name not in self.names:
            raise docker.errors.ImageNotFound(name)
        return {"Architecture": "amd64"}

    def version(self):
        return {"Arch": "amd64"}


@pytest.mark.parametrize(
    ("here", "chosen"),
    [((AWS, tag("1.9-0")), AWS), ((tag("1.9-0"),), tag("1.9-0"))],
    ids=["AWS's own first", "the local one else"],
)
def test_awss_image_is_itself_or_the_local_one(here, chosen):
    assert resolve(Engine(*here), AWS) == chosen


def test_any_other_image_is_itself():
    assert resolve(Engine("mine:1"), "mine:1") == "mine:1"


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        (AWS, "`harness image build` makes it"),
        (AWS.replace("1.9-0", "1.4-2-py312"), "`harness image build --framework-version 1.4-2-py312` makes it"),
        (AWS.replace("1.9-0", "0.23-1"), "`harness image pull --framework-version 0.23-1`"),
        ("mine:1", "`docker pull mine:1`"),
    ],
)
def test_an_image_that_is_not_here_comes_with_the_way_to_get_it(wanted, remedy):
    with pytest.raises(MissingCapability) as caught:
        resolve(Engine(), wanted)
    assert remedy in caught.value.message


@pytest.mark.docker
class TestAnImageForOtherProcessors:
    @pytest.fixture
    def client(self):
        client = client_or_skip()
        yield client
        client.close()

    @pytest.fixture
    def foreign(self, client):
        """An image whose one program is for a processor that nobody has."""
        program = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xfe\xfe\x01" + bytes(100)
        layer = archive({"bin/true": program})
        config = {
            "architecture": "s390x",
            "os": "linux",
            "config": {"Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers"},
        }
        layers = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
        config = {"architecture": "s390x", "os": "linux", "config": {"Env": ["PATH=/bin"]}, "rootfs": layers}
        manifest = [{"Config": "config.json", "RepoTags": ["harness-test/foreign:1"], "Layers": ["layer.tar"]}]
        files = {"layer.tar": layer, "config.json": json.dumps(config), "manifest.json": json.dumps(manifest)}
        client.images.load(
            archive({name: data if isinstance(data, bytes) else data.encode() for name, data in files.items()})
        )
        yield "harness-test/foreign:1"
        client.images.remove("harness-test/foreign:1", force=True)

    def test_is_refused_where_it_cannot_be_emulated(self, client, foreign):
        with pytest.raises(MissingCapability, match=r"is for s390x processors; this engine's are .*--install s390x"):
            resolve(client, foreign)
        assert not client.api.containers(all=True, filters={"ancestor": foreign}), "the attempt is left behind"

    def test_and_one_for_this_machine_is_not(self, client):
        image = image_or_skip(client)
        assert resolve(client, image) == image


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
