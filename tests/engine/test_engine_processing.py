"""Processing jobs: what this engine cannot honour, and scripts that name paths which cannot be given."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engine import processing, processing_code

S3_INPUT = {"S3Uri": "file:///x", "LocalPath": "/opt/ml/processing/input/x", "S3DataType": "S3Prefix"}
S3_OUTPUT = {"S3Uri": "file:///y", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
REQUEST = {
    "AppSpecification": {"ImageUri": "i", "ContainerEntrypoint": ["python3", "x.py"]},
    "ProcessingInputs": [{"InputName": "x", "S3Input": S3_INPUT}],
    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "y", "S3Output": S3_OUTPUT}]},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1}},
}


def given(**members) -> dict:
    """A request whose input differs."""
    return {"ProcessingInputs": [{"InputName": "x", "S3Input": {**S3_INPUT, **members}}]}


def put(**members) -> dict:
    """A request whose output differs."""
    return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "y", "S3Output": {**S3_OUTPUT, **members}}]}}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, None),
        ({"AppSpecification": {"ImageUri": "i"}}, "AppSpecification.ContainerEntrypoint"),
        (given(S3InputMode="Pipe"), "input 'x': Pipe"),
        (given(S3CompressionType="Gzip"), "input 'x': S3CompressionType"),
        ({"ProcessingInputs": [{"InputName": "x", "DatasetDefinition": {}}]}, "input 'x': only S3Input"),
        ({"ProcessingOutputConfig": {"Outputs": [{"OutputName": "y", "FeatureStoreOutput": {}}]}}, "output 'y'"),
        ({"ProcessingOutputConfig": {"Outputs": [], "KmsKeyId": "k"}}, "KmsKeyId"),
        ({"NetworkConfig": {"VpcConfig": {}}}, "NetworkConfig.VpcConfig"),
        (given(LocalPath="/opt/ml/processing/../../../home/me"), "input 'x': LocalPath"),
        (put(LocalPath="/opt/ml/processing/../../../home/me"), "output 'y': LocalPath"),
        (put(LocalPath="/data"), "output 'y': LocalPath /data: only paths below /opt/ml"),
        (put(LocalPath="/opt/ml/processing/input/x"), "output 'y': LocalPath /opt/ml/processing/input/x meets"),
        (put(LocalPath="/opt/ml/processing/input/x/y"), "that of input 'x', and inputs are read-only"),
        (put(LocalPath="/opt/ml/processing/input"), "that of input 'x', and inputs are read-only"),
        (put(LocalPath="/opt/ml/processing/input/xy"), None),
        ({"NetworkConfig": {"EnableInterContainerTrafficEncryption": True}}, "EnableInterContainerTrafficEncryption"),
    ],
)
def test_a_request_is_refused_by_the_name_of_what_cannot_be_had(change, named):
    found = list(processing.refusals({**REQUEST, **change}))
    assert len(found) == (0 if named is None else 1)
    assert all(named in each and "--on remote" in each for each in found)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", "open('/opt/ml/processing/input/x')", True),
        ("deep/run.sh", "ls /opt/ml/processing", True),
        ("a.py", "import sys; open(sys.argv[1])", False),
        ("notes.md", "see /opt/ml/processing", False),
        ("a.py", "json.load(open('/opt/ml/config/resourceconfig.json'))", True),
        ("a.py", "open(f'/opt/ml/output/message{n}')", True),
        ("a.py", "open(b'/opt/ml/processing/x')", True),
        ("a.py", "print '/opt/ml/processing'", True),
        ("a.py", '"""Reads /opt/ml/processing/x."""\n\nx = 1  # as /opt/ml/processing', False),
    ],
)
def test_a_script_that_names_a_path_below_opt_ml_processing_is_found(tmp_path, name, text, found):
    file = tmp_path / "code" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    code = {"InputName": "code", "S3Input": {**S3_INPUT, "S3Uri": (tmp_path / "code").as_uri()}}
    told = list(processing.literal_paths([code]))
    assert [each.startswith(f"{name}: it names") for each in told] == [True] * found


def test_the_sample_needs_no_private_opt_ml():
    script = Path(__file__).parents[2] / "entry/preprocess.py"
    code = {"InputName": "code", "S3Input": {**S3_INPUT, "S3Uri": script.as_uri()}}
    assert list(processing.literal_paths([code])) == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"short", "short"),
        ("ü".encode() * 512, "ü" * 512),
        (b"x" + "ü".encode() * 511 + "ü".encode()[:1], "x" + "ü" * 511),
    ],
)
def test_a_message_that_is_cut_within_a_character_loses_that_character_alone(content, text):
    assert processing._text(content) == text


@pytest.mark.parametrize("content", [b"\xff", "ü".encode()[:1], b"\xff" * 1024])
def test_a_message_that_is_no_text_is_not_taken_for_any(content):
    with pytest.raises(UnicodeDecodeError):
        processing._text(content)


CODE_FOLDER = "/opt/ml/processing/input/code"


@pytest.mark.parametrize(
    ("begins", "source", "expected"),
    [
        (["python3", f"{CODE_FOLDER}/p.py"], {}, True),
        (["/usr/bin/bash", f"{CODE_FOLDER}/sub/run.sh"], {}, True),
        (["python3"], {}, False),
        (["bash", "-c", f"{CODE_FOLDER}/run.sh && echo done"], {}, False),
        (["python3", "-m", "compileall", f"{CODE_FOLDER}/sub"], {}, False),
        (["python3", f"{CODE_FOLDER}/../code/p.py"], {}, False),
        (["python3", "/opt/ml/processing/input/other/p.py"], {}, False),
        (["python3", f"{CODE_FOLDER}/p.py"], {"S3Uri": "s3://b/code"}, False),
        (["python3", f"{CODE_FOLDER}/p.py"], {"S3Uri": "file:///src.tar.gz"}, False),
        (["python3", f"{CODE_FOLDER}/p.py"], {"S3DataType": "ManifestFile"}, False),
    ],
)
def test_the_script_s_folder_is_known_by_what_the_sdk_makes_of_one(begins, source, expected):
    code = {"InputName": "code", "S3Input": {**S3_INPUT, "LocalPath": CODE_FOLDER, **source}}
    asked = {"AppSpecification": {"ImageUri": "i", "ContainerEntrypoint": begins}, "ProcessingInputs": [code]}
    assert processing_code.is_code(asked, code) is expected
    assert (processing_code.staged(asked, Path("/staged")) == [code]) is not expected


def test_an_input_of_another_name_is_no_script_s_folder():
    other = {"InputName": "other", "S3Input": {**S3_INPUT, "LocalPath": CODE_FOLDER}}
    assert not processing_code.is_code({"AppSpecification": {"ContainerEntrypoint": ["x", f"{CODE_FOLDER}/p"]}}, other)
