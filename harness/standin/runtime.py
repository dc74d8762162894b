"""``InvokeEndpoint`` as REST: ``POST /endpoints/<name>/invocations``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from harness.engine.runtime import EngineRuntime
from harness.errors import HarnessError, ModelError, ServiceError
from harness.standin.wire import Answer

_PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/invocations\Z")
_JSON = "application/json"
_PREFIX = "x-amzn-sagemaker-"
_MEANS_NOTHING_HERE = frozenset({"inference-id", "custom-attributes"})
"""What a single model does not act on: AWS writes it into captured data, or passes it to the container unread."""


def invoke(runtime: EngineRuntime, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """One prediction.

    Args:
        runtime: finds and asks the endpoint.
        path: of the request's URL.
        headers: of the request, their names in lower case.
        body: what the model is to get.
    """
    operation = "InvokeEndpoint"
    named = _PATH.match(path)
    try:
        if named is None:
            message = f"The stand-in's runtime answers /endpoints/<name>/invocations, not {path}."
            raise ServiceError("UnknownOperationException", message, operation, status=404)
        answer = runtime.invoke_endpoint(
            EndpointName=unquote(named["name"]),
            Body=body,
            ContentType=headers.get("content-type"),
            Accept=headers.get("accept"),
            **_others(headers),
        )
    except ServiceError as error:
        return _refusal(error)
    except HarnessError as error:
        return _refusal(ServiceError("ValidationError", error.message, operation))
    variant = {"x-Amzn-Invoked-Production-Variant": answer["InvokedProductionVariant"]}
    return Answer(200, answer["Body"].read(), answer["ContentType"] or "application/octet-stream", variant)


def _others(headers: Mapping[str, str]) -> dict[str, Any]:
    """Members that are not honoured, by AWS's names: refused rather than ignored."""
    suffixes = (name.removeprefix(_PREFIX) for name in headers if name.startswith(_PREFIX))
    named = (suffix for suffix in suffixes if suffix not in _MEANS_NOTHING_HERE)
    return {"".join(part.capitalize() for part in suffix.split("-")): True for suffix in named}


def _refusal(error: ServiceError) -> Answer:
    response = error.response
    code = str(response["Error"]["Code"])
    message = str(response["Error"]["Message"])
    if isinstance(error, ModelError):  # AWS's goes on with the address of a page that has the log
        message = f"{message} {error.hint}".strip()
    members: dict[str, Any] = {"Message": message}
    members |= {name: response[name] for name in ("OriginalStatusCode", "OriginalMessage") if name in response}
    headers = {} if code.isdigit() else {"x-amzn-ErrorType": code}
    return Answer(response["ResponseMetadata"]["HTTPStatusCode"], json.dumps(members).encode(), _JSON, headers)
