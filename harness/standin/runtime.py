"""``InvokeEndpoint`` as REST: ``POST /endpoints/<name>/invocations``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from harness.engine.runtime import EngineRuntime
from harness.engine.store import Document
from harness.errors import HarnessError, ModelError, ServiceError
from harness.standin.wire import Answer

_PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/invocations\Z")
_JSON = "application/json"
_PREFIX = "x-amzn-sagemaker-"
_MEANS_NOTHING_HERE = frozenset({"inference-id", "custom-attributes"})
"""What a single model does not act on: AWS writes it into captured data, or passes it to the container unread."""


class Runtime(EngineRuntime):
    """Of an endpoint's one variant a request may say the name."""

    def invoke_endpoint(self, *, TargetVariant: str | None = None, **request: Any) -> Document:
        """See ``EngineRuntime``.

        Raises:
            ServiceError: also ``ValidationError`` for another variant.
        """
        endpoint = self._client.find_endpoint(request["EndpointName"]) if TargetVariant else None
        if endpoint and TargetVariant not in {each["VariantName"] for each in endpoint["ProductionVariants"]}:
            message = f"Variant {TargetVariant} not found for endpoint {request['EndpointName']}."
            raise ServiceError("ValidationError", message, "InvokeEndpoint")
        return super().invoke_endpoint(**request)


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
    """The other members, by AWS's names: what is not honoured is refused rather than ignored."""
    given = {name.removeprefix(_PREFIX): value for name, value in headers.items() if name.startswith(_PREFIX)}
    return {
        "".join(part.capitalize() for part in suffix.split("-")): value
        for suffix, value in given.items()
        if suffix not in _MEANS_NOTHING_HERE
    }


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
