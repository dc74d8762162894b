"""AWS's wire protocol for SageMaker: JSON 1.1. Bytes to requests, documents to bytes, refusals to both.

Source: botocore's service model of SageMaker and its parser, which is what reads these answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from harness.errors import ServiceError
from harness.service_model import ServiceModel

JSON_1_1 = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Answer:
    """An HTTP response, complete."""

    status: int
    body: bytes
    content_type: str = JSON_1_1
    headers: Mapping[str, str] = field(default_factory=dict)


def read_request(model: ServiceModel, operation: str, body: bytes) -> dict[str, Any]:
    """The members of a request: no nulls (AWS takes them for absent), timestamps as ``datetime``.

    Raises:
        ServiceError: ``SerializationException``: the body is no JSON object.
    """
    try:
        document = json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ServiceError("SerializationException", "The request body is not valid JSON.", operation) from None
    if not isinstance(document, dict):
        raise ServiceError("SerializationException", "Start of structure or map found where not expected.", operation)
    try:
        request: dict[str, Any] = _in(model, model.input_of(operation), document)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise ServiceError("SerializationException", f"A timestamp cannot be read: {error}", operation) from None
    return request


def write_response(model: ServiceModel, operation: str, document: Mapping[str, Any]) -> Answer:
    """A document as AWS sends it: members that AWS has, timestamps in seconds since 1970, and nothing that is null."""
    shape = model.output_of(operation)
    if shape is None:
        return Answer(200, b"")
    return Answer(200, json.dumps(_out(model, shape, document)).encode())


def write_error(error: ServiceError) -> Answer:
    """A refusal as JSON 1.1 has it."""
    response = error.response
    said = response["Error"]
    body = json.dumps({"__type": said["Code"], "message": said["Message"]}).encode()
    return Answer(response["ResponseMetadata"]["HTTPStatusCode"], body, headers={"x-amzn-ErrorType": said["Code"]})


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _in(model: ServiceModel, name: str, value: Any) -> Any:
    """``value`` as boto3 would be given it. What has the wrong type stays as it is: validation says so."""
    shape = model.shapes[name]
    if isinstance(value, dict) and shape["type"] in {"structure", "map"}:
        members = shape.get("members", {})
        of = members.get if shape["type"] == "structure" else lambda _: shape["value"]
        return {
            key: _in(model, inner, entry) if (inner := of(key)) else entry
            for key, entry in value.items()
            if entry is not None
        }
    if isinstance(value, list) and shape["type"] == "list":
        return [_in(model, shape["member"], entry) for entry in value]
    if shape["type"] == "timestamp":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{value!r} is no number of seconds")
        return datetime.fromtimestamp(value, UTC)
    return value


def _out(model: ServiceModel, name: str, value: Any) -> Any:
    shape = model.shapes[name]
    if shape["type"] == "structure":
        members = shape.get("members", {})
        return {
            key: _out(model, members[key], entry)
            for key, entry in value.items()
            if key in members and entry is not None
        }
    if shape["type"] == "map":
        return {key: _out(model, shape["value"], entry) for key, entry in value.items()}
    if shape["type"] == "list":
        return [_out(model, shape["member"], entry) for entry in value]
    return value.timestamp() if isinstance(value, datetime) else value
