"""The verbs of ``boto3.client("sagemaker-runtime")``, by the SDK's own runtime client of local mode."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from importlib import import_module
from typing import Any

from harness.engine.runtime import MAX_BODY, EngineRuntime, _model_error
from harness.engine.store import Document
from harness.errors import ServiceError
from harness.targets.localmode.machine import installed_sdk

_OPERATION = "InvokeEndpoint"


class LocalModeRuntime(EngineRuntime):
    """Invokes endpoints that a ``LocalModeClient`` runs, from any process."""

    def invoke_endpoint(
        self,
        *,
        EndpointName: str,
        Body: bytes | str,
        ContentType: str | None = None,
        Accept: str | None = None,
        **others: Any,
    ) -> Document:
        """One prediction.

        Returns:
            ``Body`` (a binary stream), ``ContentType`` and ``InvokedProductionVariant``.

        Raises:
            ServiceError: as ``EngineRuntime``; the SDK's client knows no limits, and returns the page of an error.
            MissingCapability: the SDK is not installed.
        """
        if others:
            raise ServiceError("ValidationError", f"{', '.join(others)}: not honoured by localmode", _OPERATION)
        body = Body.encode() if isinstance(Body, str) else Body
        if len(body) > MAX_BODY:
            raise ServiceError("413", f"HTTP content length exceeded {MAX_BODY} bytes.", _OPERATION, status=413)
        description = self._client.find_endpoint(EndpointName)
        if description is None or description["EndpointStatus"] != "InService":
            raise ServiceError("ValidationError", f"Endpoint {EndpointName} of localmode not found.", _OPERATION)
        port = int(description["EndpointUrl"].rpartition(":")[2])
        status, kind, answer = _post(port, EndpointName, body, ContentType, Accept)
        if status != 200:
            raise _model_error(status, answer)
        variant = description["ProductionVariants"][0]["VariantName"]
        return {"Body": io.BytesIO(answer), "ContentType": kind, "InvokedProductionVariant": variant}


def _post(
    port: int, endpoint: str, body: bytes, content_type: str | None, accept: str | None
) -> tuple[int, str, bytes]:
    # It logs to what standard output is at the time of its import, and that it grows old at each.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = import_module(installed_sdk().module).LocalSagemakerRuntimeClient({"local": {"serving_port": port}})
        import urllib3.exceptions

        try:
            response = client.invoke_endpoint(body, endpoint, content_type, accept)["Body"]
            return response.status, response.headers.get("Content-Type", ""), response.read()
        except urllib3.exceptions.HTTPError as error:
            raise _model_error(0, f"The container primary does not answer: {error}".encode()) from None
        finally:
            client.http.clear()
