"""The verbs of ``boto3.client("sagemaker-runtime")`` for endpoints of this machine."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from harness.engine.client import EngineClient
from harness.engine.store import Document
from harness.errors import ModelError, ServiceError

MAX_BODY = 6_291_456
"""Bytes of a request (SageMaker runtime's API model)."""
TIME_LIMIT = 60.0
"""Seconds in which a container has to answer (AWS developer guide)."""
_OPERATION = "InvokeEndpoint"


class Answer(NamedTuple):
    """Of a model's server."""

    status: int
    """0 is AWS's for no answer; the body then says why."""
    content_type: str
    body: bytes
    cause: str = ""
    """Of a failure, where the server tells it."""


class EngineRuntime:
    """Invokes endpoints that an ``EngineClient`` runs, from any process."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client

    def invoke_endpoint(
        self,
        *,
        EndpointName: str,
        Body: bytes | str | BinaryIO,
        ContentType: str | None = None,
        Accept: str | None = None,
        **others: Any,
    ) -> Document:
        """One prediction. Of a stream no more is read than may be sent.

        Returns:
            ``Body`` (a binary stream), ``ContentType`` and ``InvokedProductionVariant``.

        Raises:
            ServiceError: ``ValidationError`` for an endpoint that is not there or not in service, and for a type that
                cannot be a header; ``413`` for a body over 6 MB.
            ModelError: the model answers with another status than 200, which ``response["OriginalStatusCode"]`` gives,
                and the text that came with it ``["OriginalMessage"]``.
        """
        if others:
            raise ServiceError("ValidationError", f"{', '.join(others)}: not honoured by this machine", _OPERATION)
        for name, text in (("contentType", ContentType), ("accept", Accept)):
            if text and not (text.isascii() and text.isprintable()):
                raise ServiceError(
                    "ValidationError", f"{name} {text!r}: a header is one line of ASCII text.", _OPERATION
                )
        content = Body.read(MAX_BODY + 1) if hasattr(Body, "read") else Body
        body = content.encode() if isinstance(content, str) else content
        if len(body) > MAX_BODY:
            raise ServiceError("413", f"HTTP content length exceeded {MAX_BODY} bytes.", _OPERATION, status=413)
        description = self._client.find_endpoint(EndpointName)
        if description is None or description["EndpointStatus"] != "InService":
            account = self._client.settings.account
            message = f"Endpoint {EndpointName} of account {account} not found."
            standing = f"It is {description['EndpointStatus']}" if description else "`harness runs` lists what there is"
            raise ServiceError("ValidationError", message, _OPERATION, remedy=standing)
        answer = self.post(description, body, ContentType, Accept)
        if answer.status != 200:
            raise _model_error(answer, self._client.endpoints.store.job(EndpointName).log)
        variant = description["ProductionVariants"][0]["VariantName"]
        return {
            "Body": io.BytesIO(answer.body),
            "ContentType": answer.content_type,
            "InvokedProductionVariant": variant,
        }

    def post(self, description: Document, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        """Send one request to the server of a described endpoint."""
        return _post(description["EndpointUrl"], body, content_type, accept)


def _post(url: str, body: bytes, content_type: str | None, accept: str | None) -> Answer:
    import http.client

    from harness.server import cause

    headers = {name: value for name, value in (("Content-Type", content_type), ("Accept", accept)) if value}
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=TIME_LIMIT)
    try:
        connection.request("POST", "/invocations", body, headers)
        response = connection.getresponse()
        why = cause.decoded(response.getheader(cause.HEADER))
        return Answer(response.status, response.getheader("Content-Type", ""), response.read(), why)
    except TimeoutError:
        return Answer(0, "", b"Your invocation timed out while waiting for a response from container primary.")
    except (OSError, http.client.HTTPException) as error:
        return no_answer(error)
    finally:
        connection.close()


def no_answer(error: Exception) -> Answer:
    """What stands in the place of an answer that could not be had."""
    return Answer(0, "", f"The container primary does not answer: {error}".encode())


def _model_error(answer: Answer, log: Path) -> ModelError:
    """What a caller is told of an answer with another status than 200."""
    status, text = answer.status, answer.body[:1024].decode("utf-8", "replace")
    said = f"Received {'client' if 400 <= status < 500 else 'server'} error ({status}) from primary"
    error = ModelError(
        f'{said} with message "{text}".',
        _OPERATION,
        told=answer.cause and f"{said}: {answer.cause}",
        cause=answer.cause,
        remedy=f"The server's log {'has the traceback' if answer.cause else 'says why'}: {log}",
    )
    error.response |= {"OriginalStatusCode": status, "OriginalMessage": text}
    return error
