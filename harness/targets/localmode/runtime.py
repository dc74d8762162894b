"""The verbs of ``boto3.client("sagemaker-runtime")``, by the SDK's own runtime client of local mode."""

from __future__ import annotations

import contextlib
import io
import sys
from importlib import import_module
from typing import Any

from harness.engine.runtime import EngineRuntime
from harness.engine.store import Document
from harness.errors import ServiceError
from harness.targets.localmode.machine import installed_sdk

_OPERATION = "InvokeEndpoint"


class LocalModeRuntime(EngineRuntime):
    """Invokes endpoints that a ``LocalModeClient`` runs, from any process."""

    def invoke_endpoint(self, *, EndpointName: str, Body: bytes | str, **others: Any) -> Document:
        """One prediction.

        Returns:
            ``Body`` (a binary stream), ``ContentType`` and ``InvokedProductionVariant``.

        Raises:
            ServiceError: ``ValidationError`` for an endpoint that is not in service; ``ModelError`` when the model
                answers with another status than 200, as on AWS; the SDK's client returns the error's page instead.
            MissingCapability: the SDK is not installed.
        """
        description = self._client.find_endpoint(EndpointName)
        if description is None or description["EndpointStatus"] != "InService":
            raise ServiceError("ValidationError", f"Endpoint {EndpointName} of localmode not found.", _OPERATION)
        port = int(description["EndpointUrl"].rpartition(":")[2])
        # It logs to what standard output is at the time of its import.
        with contextlib.redirect_stdout(sys.stderr):
            client = import_module(installed_sdk().module).LocalSagemakerRuntimeClient(
                {"local": {"serving_port": port}}
            )
            answer = client.invoke_endpoint(Body, EndpointName, **others)
        response = answer["Body"]
        body, status = response.read(), response.status
        client.http.clear()
        if status != 200:
            raise _model_error(status, body)
        variant = description["ProductionVariants"][0]["VariantName"]
        kind = response.headers.get("Content-Type", "")
        return {"Body": io.BytesIO(body), "ContentType": kind, "InvokedProductionVariant": variant}


def _model_error(status: int, answer: bytes) -> ServiceError:
    text = answer[:1024].decode("utf-8", "replace")
    message = f'Received server error ({status}) from primary with message "{text}".'
    error = ServiceError("ModelError", message, _OPERATION, status=424)
    error.response |= {"OriginalStatusCode": status, "OriginalMessage": text}
    return error
