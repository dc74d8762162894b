"""What the local image is made from, and, in a real engine, what comes out."""

import json
import re
import time
import uuid

import pytest

from harness.engine.environment import image_environment
from harness.errors import ConfigurationError
from harness.images import DEFAULT_VERSION, IMAGES
from harness.images import build as building
from harness.images.build import LABEL, _follow, build, context, tag, versions, write_context
from harness.images.engine import ImageError
from tests.docker_engine import client_or_skip, image_or_skip

PINNED = {
    line.partition("==")[0]: line.partition("==")[2]
    for line in context(DEFAULT_VERSION)["pins.txt"].decode().splitlines()
    if "==" in line
}


class TestTheName:
    def test_is_the_same_for_the_same_content(self):
        assert tag("1.9-0") == tag("1.9-0")
        assert re.fullmatch(r"sagemaker-harness/sklearn:1\.9-0-[0-9a-f]{12}", tag("1.9-0"))

    @pytest.mark.parametrize("name", sorted(context(DEFAULT_VERSION)))
    def test_changes_with_every_file(self, name, monkeypatch):
        files = context("1.9-0")
        before = tag("1.9-0")
        monkeypatch.setattr(building, "context", lambda version: {**files, name: files[name] + b"#"})
        assert tag("1.9-0") != before

    def test_of_a_version_without_pins_is_refused_with_the_remedy(self):
        with pytest.raises(ConfigurationError, match=r"only of .*`harness image pull --framework-version 9\.9`"):
            tag("9.9")


class TestTheContext:
    def test_has_the_whole_server_and_nothing_else_of_ours(self):
        ours = {name for name in context("1.9-0") if name.startswith("harness/")}
        assert "harness/server/serve.py" in ours
        assert {name for name in ours if not name.startswith("harness/server/")} == {"harness/__init__.py"}

    @pytest.mark.parametrize("version", versions())
    def test_sets_the_variables_of_awss_image(self, version):
        said = context(version)["Dockerfile"].decode().replace("\\\n", " ")
        lines = [line.removeprefix("ENV ").split() for line in said.splitlines() if line.startswith("ENV ")]
        variables = dict(pair.split("=", 1) for line in lines for pair in line)
        assert variables == image_environment(f"x/sagemaker-scikit-learn:{version}-cpu-py3")

    @pytest.mark.parametrize("version", versions())
    def test_pins_what_the_table_of_images_says(self, version):
        pins = context(version)["pins.txt"].decode()
        image = IMAGES[version]
        assert f"\nscikit-learn=={image.scikit_learn}\n" in pins
        assert f"\nnumpy=={image.numpy}\n" in pins
        assert f"\nsagemaker-training=={image.toolkit}\n" in pins

    def test_labels_the_stage_that_is_removed_and_no_other(self):
        stages = context("1.9-0")["Dockerfile"].decode().split("\nFROM ")[1:]
        assert [f"\nLABEL {building._STAGE}\n" in stage for stage in stages] == [True, False]

    def test_is_written_for_other_builders_to_an_empty_folder_only(self, tmp_path):
        write_context("1.9-0", tmp_path / "context")
        written = {
            str(file.relative_to(tmp_path / "context")): file.read_bytes()
            for file in (tmp_path / "context").rglob("*")
            if file.is_file()
        }
        assert written == context("1.9-0")
        assert (tmp_path / "context/wheels").is_dir()
        with pytest.raises(ConfigurationError, match="is not empty"):
            write_context("1.9-0", tmp_path / "context")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"error": "pull access denied for python, 3.12-slim-bookworm"}], "`docker pull python:3.12-slim-bookworm`"),
        ([{"stream": "SSLError CERTIFICATE_VERIFY_FAILED\n"}, {"error": "returned 1"}], "--ca-bundle"),
        ([{"stream": "No matching distribution found for x\n"}, {"error": "returned 1"}], "--wheels"),
        ([{"stream": "a\nb\n"}, {"error": "no space left on device"}], "no space left on device\n  a\n  b"),
        ([{"stream": "a\nb\n"}, {"error": "no space left on device"}], "`docker system prune`"),
        ([{"stream": "[Errno 28] No space left on device\n"}, {"error": "returned 1"}], "`docker system prune`"),
    ],
)
def test_a_failed_build_says_what_would_help(lines, said):
    with pytest.raises(ImageError) as caught:
        _follow(lines, "1.9-0", lambda line: None)
    assert said in caught.value.message


def nameless(client):
    return {each["Id"] for each in client.api.images(filters={"dangling": True})}


@pytest.mark.docker
class TestTheImage:
    @pytest.fixture
    def client(self):
        client = client_or_skip()
        yield client
        client.close()

    @pytest.fixture
    def image(self, client):
        return image_or_skip(client)

    def run(self, client, image, *command):
        api = client.api
        container = api.create_container(image, list(command), network_disabled=True)
        try:
            api.start(container)
            assert api.wait(container)["StatusCode"] == 0
            return api.logs(container, stderr=False).decode()
        finally:
            api.remove_container(container, force=True)

    def test_that_is_here_is_not_built_again(self, client, image):
        start = time.monotonic()
        assert build(client, "1.9-0", progress=pytest.fail) == image
        assert time.monotonic() - start < 5

    @pytest.mark.parametrize("keep", [False, True], ids=["removed", "kept"])
    def test_leaves_no_stage_behind_unless_told_to_and_touches_no_image_of_others(
        self, client, image, monkeypatch, keep
    ):
        label = f"{LABEL}={uuid.uuid4().hex}"  # those that somebody has kept stay
        monkeypatch.setattr(building, "_STAGE", label)
        stages = f"FROM {image} AS packages\nLABEL {label}\nRUN true\nFROM {image}\n"
        monkeypatch.setattr(building, "context", lambda version: {"Dockerfile": stages.encode()})
        monkeypatch.setenv("DOCKER_BUILDKIT", "0")
        of_others = client.api.import_image_from_data(b"\0" * 1024)  # a tar file of nothing, without a name
        other = json.loads(of_others.splitlines()[-1])["status"]
        before = nameless(client)
        made = build(client, "1.9-0", keep_stage=keep)
        try:
            assert len(nameless(client) - before) == keep
            assert other in nameless(client)
        finally:
            client.api.remove_image(made)
            for each in {other, *(nameless(client) - before)}:
                client.api.remove_image(each)

    def test_holds_what_the_pins_say_and_nothing_more(self, client, image):
        listed = json.loads(
            self.run(client, image, "python3", "-m", "pip", "--disable-pip-version-check", "list", "--format=json")
        )
        held = {each["name"].lower().replace("_", "-").replace(".", "-"): each["version"] for each in listed}
        assert {name: version for name, version in held.items() if name != "pip"} == PINNED

    def test_has_awss_toolkit_as_train_and_our_server_as_serve(self, client, image):
        script = "head -8 $(command -v train); serve --help"
        said = self.run(client, image, "sh", "-c", script)
        assert "from sagemaker_training.cli.train import main" in said
        assert "Serve a scikit-learn model as SageMaker's single-model container does." in said

    def test_compiles_none_of_what_it_imports(self, client, image):
        script = (
            "import importlib.util, os, sys, pandas, sklearn.tree, sagemaker_training.cli.train\n"
            "for module in list(sys.modules.values()):\n"
            "    file = getattr(module, '__file__', None) or ''\n"
            "    if file.endswith('.py') and not os.path.exists(importlib.util.cache_from_source(file)): print(file)\n"
        )
        assert self.run(client, image, "python3", "-c", script) == ""

    def test_carries_neither_wheels_nor_certificates_nor_a_compiler(self, client, image):
        said = self.run(client, image, "sh", "-c", "ls -d /build; command -v gcc; true")
        assert said == ""

    def test_that_cannot_be_built_says_why_with_the_last_lines(self, client, monkeypatch):
        base = b"FROM python:3.12-slim-bookworm\nRUN echo the reason; exit 7\n"
        monkeypatch.setattr(building, "context", lambda version: {"Dockerfile": base})
        with pytest.raises(ImageError, match=r"(?s)1\.9-0 cannot be built: .*(code:|status) 7.*the reason"):
            build(client, "1.9-0")

    def test_is_not_built_from_a_folder_without_wheels(self, client, tmp_path, monkeypatch):
        monkeypatch.setattr(building, "context", lambda version: {"Dockerfile": b"FROM scratch\n"})
        with pytest.raises(ConfigurationError, match="has no wheels"):
            build(client, "1.9-0", wheels=tmp_path)
