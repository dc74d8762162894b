"""AWS's images, held against what the real SDKs resolve (recorded in tests/golden)."""

import json
from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.images import ACCOUNTS, DEFAULT_VERSION, IMAGES, image_uri

GOLDEN = Path(__file__).parents[1] / "golden"
V2 = json.loads((GOLDEN / "sdk_v2_requests.json").read_text())["images"]
V3 = json.loads((GOLDEN / "sdk_v3_images.json").read_text())
# The toolkit came to AWS's scikit-learn images with 0.23-1.
BEFORE_THE_TOOLKIT = "0.20.0"


@pytest.fixture
def no_sdk(monkeypatch):
    """As on a machine without any SageMaker SDK."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize("row", [r for r in V2 if r["instance_type"] == "ml.m5.large" and r["uri"]], ids=str)
def test_an_image_is_the_one_that_sdk_v2_resolves(row, no_sdk):
    assert image_uri(row["version"], row["region"], scope=row["scope"]) == row["uri"]


@pytest.mark.parametrize("row", [r for r in V3 if r["version"] != BEFORE_THE_TOOLKIT], ids=str)
def test_an_image_is_the_one_that_sdk_v3_resolves(row, no_sdk):
    assert image_uri(row["version"], row["region"], scope=row["scope"]) == row["uri"]


def test_no_version_and_no_region_of_sdk_v3_is_left_out():
    assert {row["version"] for row in V3} - {BEFORE_THE_TOOLKIT} == set(IMAGES)
    assert {row["region"] for row in V3} == set(ACCOUNTS)


def test_the_only_arm_image_serves_1_0_1_as_in_sdk_v2(no_sdk):
    (row,) = [r for r in V2 if r["instance_type"] == "ml.c6g.large" and r["version"] == "1.0-1"]
    assert image_uri("1.0-1", row["region"], scope="inference", instance_type="ml.c6g.large") == row["uri"]


def test_another_version_on_arm_is_refused_where_sdk_v2_gives_1_0_1_unasked(no_sdk):
    (row,) = [r for r in V2 if r["instance_type"] == "ml.c6g.large" and r["version"] == "1.2-1"]
    assert ":1.0-1-arm64" in row["uri"]
    with pytest.raises(ConfigurationError, match=r"Arm processors of ml\.c6g\.large; choose another"):
        image_uri("1.2-1", row["region"], scope="inference", instance_type="ml.c6g.large")


def test_1_4_2_cannot_serve_as_in_the_sdks(no_sdk):
    assert [r["uri"] for r in V2 if r["version"] == "1.4-2" and r["scope"] == "inference"] == [None]
    with pytest.raises(ConfigurationError, match=r"no inference image for framework_version 1\.4-2"):
        image_uri("1.4-2", "us-east-1", scope="inference")


@pytest.mark.parametrize(
    ("version", "region", "said"),
    [
        ("1.9", "us-east-1", "framework_version: AWS has no scikit-learn image for '1.9'. Did you mean 1.9-0?"),
        ("1.2", "us-east-1", "Did you mean 1.2-1?"),
        ("9.9-9", "us-east-1", "framework_version"),
        ("1.9-0", "us-east-9", "region: AWS has no scikit-learn image for 'us-east-9'. Did you mean us-east-"),
        ("1.9-0", "mars", "Known are "),
    ],
)
def test_an_unknown_version_or_region_names_the_nearest_and_the_remedy(version, region, said, no_sdk):
    with pytest.raises(ConfigurationError) as caught:
        image_uri(version, region)
    assert said in caught.value.message
    assert "image_uri" in caught.value.message


@pytest.mark.parametrize("folder", ["core/image_uri_config", "image_uri_config"], ids=["v3", "v2"])
def test_what_this_copy_lacks_is_looked_up_in_the_installed_sdk(folder, tmp_path, monkeypatch):
    table = tmp_path / "sagemaker" / folder / "sklearn.json"
    table.parent.mkdir(parents=True)
    versions = {"2.0-1": {"registries": {"us-east-1": "1" * 12}}, "1.9-0": {"registries": {"xx-new-1": "2" * 12}}}
    table.write_text(json.dumps({"training": {"versions": versions}}))
    (tmp_path / "sagemaker" / "__init__.py").write_text("raise AssertionError('it must not be imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert image_uri("2.0-1", "us-east-1").startswith("111111111111.dkr.ecr.us-east-1.amazonaws.com/")
    assert image_uri("1.9-0", "xx-new-1").startswith("222222222222.dkr.ecr.xx-new-1.amazonaws.com/")
    with pytest.raises(ConfigurationError, match="region"):
        image_uri("2.0-1", "xx-new-1")


def test_the_default_is_what_aws_ships():
    newest = IMAGES[DEFAULT_VERSION]
    assert (newest.python, newest.scikit_learn, newest.toolkit) == ("3.12", "1.9.0", "4.8.0")
