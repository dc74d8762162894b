"""Which service a request is for, and its way there: one WSGI application for all of AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import responses
from io import BytesIO
from typing import Any
from uuid import uuid4

from harness.engine.runtime import MAX_BODY, EngineRuntime
from harness.errors import ServiceError
from harness.server.names import is_of_another_site, is_of_this_machine
from harness.standin import aws, proxy
from harness.standin.log_search import as_moto_searches
from harness.standin.operations import SageMaker
from harness.standin.runtime import invoke
from harness.standin.wire import JSON_1_1, Answer, write_error

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

_TARGET = "SageMaker."
_SEARCH = "Logs_20140328.FilterLogEvents"
_LARGEST = MAX_BODY + 1
"""Bytes of a request's body that are read into memory; one more than any that is taken."""
_SCOPE = re.compile(r"Credential=[^/]*/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_VIRTUAL_HOST = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?::\d+)?"
)
_RUNTIME_HOST = re.compile(r"runtime(-fips)?\.sagemaker\.")


@dataclass(frozen=True)
class Application:
    """WSGI. SageMaker's requests to the engine, all others to moto."""

    sagemaker: SageMaker
    runtime: EngineRuntime
    moto: Any
    region: str

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._answer(environ)
        if answer is None:
            to_path_style(environ)
            try:
                response: Iterable[bytes] = self.moto(environ, start_response)
                return response
            except NotImplementedError as missing:
                answer = aws.refuse_missing(signed_for(environ)[1], environ.get("CONTENT_TYPE", ""), str(missing))
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("x-amzn-RequestId", str(uuid4())),
            *answer.headers.items(),
        ]
        start_response(f"{answer.status} {responses.get(answer.status, 'Unknown')}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: Environ) -> Answer | None:
        """Ours; None if it is moto's to answer."""
        if is_of_a_page(environ):
            message = "No web page is answered that is not of the stand-in itself: it could run jobs on this machine."
            return _refusal(403, "AccessDeniedException", message)
        region, service = signed_for(environ)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target.startswith(_TARGET):
            return self._sagemaker(target.removeprefix(_TARGET), environ, region or self.region)
        if service == "sagemaker" or _RUNTIME_HOST.match(environ.get("HTTP_HOST", "")):
            body = _read(environ)
            return invoke(self.runtime, environ["PATH_INFO"], _headers(environ), body)
        if target == _SEARCH:
            return _search(environ, region or self.region)
        if service == "iam":
            return aws.simulate_principal_policy(_peek(environ))
        owner = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER")
        return aws.refuse_other_owner(bucket_of(environ), owner) if owner else None

    def _sagemaker(self, operation: str, environ: Environ, region: str) -> Answer:
        content_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip()
        if content_type != JSON_1_1:
            return _refusal(400, "SerializationException", f"Content-Type is {content_type!r}; {JSON_1_1} is expected.")
        body = _read(environ)
        if len(body) >= _LARGEST:
            return _refusal(413, "RequestEntityTooLargeException", f"The body has more than {MAX_BODY} bytes.")
        return self.sagemaker.answer(operation, body, region)


def is_of_a_page(environ: Mapping[str, Any]) -> bool:
    """Whether a browser sends a request for a page of somebody else's; moto alone would let any page ask anything."""
    host = environ.get("HTTP_HOST", "")
    return (
        not (is_of_this_machine(host) or proxy.is_aws(host.partition(":")[0]))
        or environ.get("HTTP_ORIGIN", f"http://{host}") not in {f"http://{host}", f"https://{host}"}
        or is_of_another_site(environ)
    )


def signed_for(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Region and service that a request was signed for; empty where it was not signed (AWS, Signature Version 4)."""
    signed = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return (signed["region"], signed["service"]) if signed else ("", "")


def bucket_of(environ: Mapping[str, Any]) -> str:
    """The bucket that a request to S3 is about, by host or by path."""
    virtual = _VIRTUAL_HOST.fullmatch(environ.get("HTTP_HOST", ""))
    return virtual["bucket"] if virtual else str(environ["PATH_INFO"]).lstrip("/").partition("/")[0]


def to_path_style(environ: Environ) -> None:
    """Move a bucket from the host's name, where clients that come by the proxy put it, to the path."""
    virtual = _VIRTUAL_HOST.fullmatch(environ.get("HTTP_HOST", ""))
    if virtual:
        for name in ("PATH_INFO", "REQUEST_URI", "RAW_URI"):
            environ[name] = f"/{virtual['bucket']}{environ[name]}"
        environ["HTTP_HOST"] = "s3.amazonaws.com"


def _search(environ: Environ, region: str) -> Answer | None:
    """Ask moto's CloudWatch Logs for lines as it understands it; an answer where that is not possible, or needless."""
    try:
        asked = as_moto_searches(json.loads(_peek(environ)), lambda group: aws.log_streams(region, group))
    except ServiceError as error:
        return write_error(error)
    except (AttributeError, RecursionError, TypeError, ValueError):  # no request, which moto says
        return None
    if asked is None:
        return Answer(200, b'{"events": [], "searchedLogStreams": []}')
    body = json.dumps(asked).encode()
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
    return None


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers


def _read(environ: Environ) -> bytes:
    """The body, at most ``_LARGEST`` bytes of it."""
    read: bytes = environ["wsgi.input"].read(_LARGEST)
    return read


def _peek(environ: Environ) -> bytes:
    """The body, left where the next reader finds it again."""
    body = _read(environ)
    environ["wsgi.input"] = BytesIO(body)
    return body


def _refusal(status: int, code: str, message: str) -> Answer:
    return Answer(status, json.dumps({"__type": code, "message": message}).encode(), headers={"x-amzn-ErrorType": code})
