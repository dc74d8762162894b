"""JSON 1.1 as bytes: requests in, documents out."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import service_model
from harness.errors import ServiceError
from harness.standin.wire import read_request, write_error, write_response

MODEL = service_model.load()
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def test_a_timestamp_is_seconds_since_1970_both_ways():
    answer = write_response(MODEL, "DescribeModel", {"ModelName": "m", "CreationTime": MOMENT})
    assert json.loads(answer.body) == {"ModelName": "m", "CreationTime": 1767323045.678}
    request = read_request(MODEL, "ListModels", b'{"CreationTimeAfter": 1767323045.678}')
    assert request == {"CreationTimeAfter": MOMENT}


def test_nulls_are_absent_at_any_depth_both_ways():
    body = b'{"TrainingJobName": null, "ResourceConfig": {"InstanceCount": 1, "VolumeKmsKeyId": null}}'
    assert read_request(MODEL, "CreateTrainingJob", body) == {"ResourceConfig": {"InstanceCount": 1}}
    document = {"TrainingJobName": "a", "FailureReason": None, "ModelArtifacts": {"S3ModelArtifacts": None}}
    answer = write_response(MODEL, "DescribeTrainingJob", document)
    assert json.loads(answer.body) == {"TrainingJobName": "a", "ModelArtifacts": {}}


def test_what_aws_does_not_have_is_left_out():
    document = {"EndpointName": "e", "EndpointUrl": "http://127.0.0.1:1", "Harness": {"Python": "3"}}
    assert json.loads(write_response(MODEL, "DescribeEndpoint", document).body) == {"EndpointName": "e"}


def test_keys_of_a_map_are_the_users_own():
    document = {"HyperParameters": {"Harness": "1", "x": "2"}}
    assert json.loads(write_response(MODEL, "DescribeTrainingJob", document).body) == document


def test_an_operation_without_an_answer_has_an_empty_body():
    assert write_response(MODEL, "DeleteModel", {}).body == b""


def test_a_refusal_carries_code_message_and_status():
    answer = write_error(ServiceError("ResourceInUse", "taken", "CreateModel", status=409))
    assert (answer.status, json.loads(answer.body)) == (409, {"__type": "ResourceInUse", "message": "taken"})


def reading(operation, body):
    """What comes of a body: a request, or the code of a refusal; any other error is one of ours."""
    try:
        read_request(MODEL, operation, body)
    except ServiceError as refused:
        return refused.response["Error"]["Code"]
    return "a request"


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reader(body):
    assert reading("CreateTrainingJob", body) in {"a request", "SerializationException"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["DataSource", "Tags", "Key", "CreationTimeAfter"]), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
@pytest.mark.parametrize("operation", ["CreateTrainingJob", "ListModels"])
def test_no_document_breaks_the_reader(operation, document):
    assert reading(operation, json.dumps(document).encode()) in {"a request", "SerializationException"}
