"""What a CreateTransformJob request says, with AWS's defaults where it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engine.batch.settings import TransformSettings, transform_files
from harness.errors import ConfigurationError

MB = 1024 * 1024


def settings(request=None, offered=None, source=None, target=None):
    document = {"TransformInput": source or {}, "TransformOutput": target or {}, **(request or {})}
    return TransformSettings.from_request(document, offered)


def test_a_request_that_says_nothing_has_awss_defaults():
    assert settings() == TransformSettings(
        content_type=None,
        accept=None,
        split_type="None",
        strategy="MultiRecord",
        gzip=False,
        assemble_with_line=False,
        max_payload=6 * MB,
        concurrency=1,
        timeout=600,
        max_retries=3,
        processing=None,
    )


def test_a_request_is_read_in_full():
    assert settings(
        {
            "MaxPayloadInMB": 2,
            "MaxConcurrentTransforms": 8,
            "BatchStrategy": "SingleRecord",
            "ModelClientConfig": {"InvocationsTimeoutInSeconds": 5, "InvocationsMaxRetries": 0},
        },
        source={"ContentType": "text/csv", "SplitType": "Line", "CompressionType": "Gzip"},
        target={"Accept": "application/json", "AssembleWith": "Line"},
    ) == TransformSettings(
        content_type="text/csv",
        accept="application/json",
        split_type="Line",
        strategy="SingleRecord",
        gzip=True,
        assemble_with_line=True,
        max_payload=2 * MB,
        concurrency=8,
        timeout=5,
        max_retries=0,
    )


OFFERED = {"MaxConcurrentTransforms": 4, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 20}


@pytest.mark.parametrize(
    ("request_", "offered", "expected"),
    [
        ({}, OFFERED, (4, "SingleRecord", 20 * MB)),
        ({"MaxConcurrentTransforms": 0}, OFFERED, (4, "SingleRecord", 20 * MB)),
        ({"MaxConcurrentTransforms": 2, "BatchStrategy": "MultiRecord"}, OFFERED, (2, "MultiRecord", 20 * MB)),
        ({"MaxPayloadInMB": 0}, OFFERED, (4, "SingleRecord", None)),
        ({}, {"BatchStrategy": "MULTI_RECORD"}, (1, "MultiRecord", 6 * MB)),
        ({}, {"MaxPayloadInMB": 0}, (1, "MultiRecord", None)),
        (
            {},
            {"MaxPayloadInMB": None, "BatchStrategy": None, "MaxConcurrentTransforms": "4"},
            (4, "MultiRecord", 6 * MB),
        ),
        ({"MaxPayloadInMB": 2, "BatchStrategy": "SingleRecord"}, {"Other": "x"}, (1, "SingleRecord", 2 * MB)),
    ],
)
def test_the_request_comes_before_the_model_server_and_that_before_the_default(request_, offered, expected):
    found = settings(request_, offered)
    assert (found.concurrency, found.strategy, found.max_payload) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MaxPayloadInMB", "much"),
        ("MaxPayloadInMB", -1),
        ("MaxPayloadInMB", 1.5),
        ("MaxPayloadInMB", 101),
        ("MaxConcurrentTransforms", -3),
        ("MaxConcurrentTransforms", [4]),
        ("BatchStrategy", "Both"),
        ("BatchStrategy", 7),
    ],
)
def test_what_the_model_server_says_has_to_be_such_a_parameter(name, value):
    with pytest.raises(ConfigurationError, match=f"/execution-parameters of the model server says that {name} is"):
        settings(offered={name: value})


@pytest.mark.parametrize("text", ["text/c→v", "text/csv\r\nX: y", "text/csv\n"])
def test_a_content_type_that_cannot_be_a_header_is_refused(text):
    with pytest.raises(ConfigurationError, match=r"ContentType .* cannot be sent"):
        settings(source={"ContentType": text})
    with pytest.raises(ConfigurationError, match=r"Accept .* cannot be sent"):
        settings(target={"Accept": text})


@pytest.mark.parametrize(
    ("payload", "split_type", "strategy", "expected"),
    [
        (0, "None", "SingleRecord", True),
        (0, "Line", "MultiRecord", True),
        (0, "Line", "SingleRecord", False),
        (6, "None", "MultiRecord", False),
    ],
)
def test_a_file_is_streamed_if_it_is_one_request_of_any_size(payload, split_type, strategy, expected):
    request = {"MaxPayloadInMB": payload, "BatchStrategy": strategy}
    assert settings(request, source={"SplitType": split_type}).streams_files is expected


def test_data_that_is_streamed_cannot_be_filtered():
    with pytest.raises(ConfigurationError, match="MaxPayloadInMB 0 streams whole files"):
        settings(
            {"MaxPayloadInMB": 0, "DataProcessing": {"JoinSource": "Input"}},
            source={"ContentType": "text/csv", "SplitType": "Line"},
            target={"Accept": "text/csv", "AssembleWith": "Line"},
        )


def test_outputs_are_named_after_their_inputs_and_keep_their_folders():
    root = Path("/in")
    files = transform_files(root, [root / "a.csv", root / "b/c.csv.gz", root / "b/d"], Path("/out"), Path("j"))
    assert [(file.name, file.output.as_posix()) for file in files] == [
        ("a.csv", "/out/a.csv.out"),
        ("b/c.csv.gz", "/out/b/c.csv.gz.out"),
        ("b/d", "/out/b/d.out"),
    ]


@pytest.mark.parametrize("name", ["a.csv", "x" * 251, "é" * 125])
def test_an_output_that_is_not_whole_has_a_name_that_no_other_job_and_no_other_file_uses(tmp_path, name):
    def partial(name, job):
        (file,) = transform_files(Path("/in"), [Path("/in") / name], tmp_path, Path(job))
        return file.partial

    assert partial(name, "j") == partial(name, "j")
    assert len({partial(name, "j"), partial(name, "other/j"), partial(f"{name[:-1]}y", "j")}) == 3
    partial(name, "j").touch()  # as far as the file system is concerned
