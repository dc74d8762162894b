"""The rest of AWS, by moto's server application, and what moto leaves out that SageMaker's clients need."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from harness.standin.logs import Event
from harness.standin.metrics import NAMESPACE, Metric
from harness.standin.wire import Answer

ACCOUNT = "123456789012"
"""moto's account."""
ROLE = "AmazonSageMaker-ExecutionRole-StandIn"
"""Name of the role that exists from the start, and that the credentials are of."""
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/service-role/{ROLE}"
_XML = "text/xml"
_SPEAK_XML = frozenset({"s3", "route53", "cloudfront"})
"""Services whose requests do not tell in what language they are to be answered."""
_FORM = "application/x-www-form-urlencoded"
_SERVICE = "sagemaker.amazonaws.com"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": _SERVICE}, "Action": "sts:AssumeRole"}],
}


@dataclass(frozen=True)
class Credentials:
    """Keys that only the stand-in knows; worth nothing anywhere else."""

    access_key_id: str
    secret_access_key: str
    session_token: str


def application() -> Any:
    """moto as a WSGI application; each service's code is imported when it is first asked for.

    Raises, when it is called:
        NotImplementedError: moto has no such service, or no such operation.
    """
    from functools import lru_cache

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    class Dispatcher(DomainDispatcherApplication):
        # moto looks through its own folder for every request, which takes as long as to answer one.
        @lru_cache(maxsize=256)  # noqa: B019 - there is one, as long as the process lives
        def get_backend_for_host(self, host: str | None) -> Any:
            patterns = (pattern for _, pattern in self.backend_url_patterns)
            if host and "amazonaws.com" in host and not any(pattern.match(f"http://{host}") for pattern in patterns):
                raise NotImplementedError(f"It has nothing behind {host}")  # moto would print that, and break down
            return super().get_backend_for_host(host)

        def _get_body(self, environ: dict[str, Any]) -> str | None:
            """Of an unsigned request; moto's own reads an upload too, and loses what is not UTF-8."""
            return super()._get_body(environ) if environ["REQUEST_METHOD"] == "POST" else None

    def create(service: Any) -> Any:
        app = create_backend_app(service)
        if service == "s3":
            app.request_class = _taking_objects_whole(app.request_class)
        return app

    return Dispatcher(create)


def _taking_objects_whole(requests: Any) -> Any:
    class Request(requests):  # type: ignore[misc]
        @property
        def want_form_data_parsed(self) -> bool:
            """An object is no form, whatever it says of itself; read as one, it would be stored empty."""
            return bool(super().want_form_data_parsed) and self.mimetype != _FORM

    return Request


def create_role(region: str) -> Credentials:
    """Make SageMaker's execution role, and credentials of it: who asks who they are is told that they are the role.

    The SDK's ``get_execution_role()`` finds a role in no other way outside a notebook instance.
    """
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    iam_backends[ACCOUNT]["aws"].create_role(
        role_name=ROLE,
        assume_role_policy_document=json.dumps(_TRUST),
        path="/service-role/",
        permissions_boundary=None,
        description="What jobs of the stand-in run as",
        tags=[],
        max_session_duration="3600",
    )
    assumed = sts_backends[ACCOUNT]["aws"].assume_role(
        region_name=region,
        role_session_name="SageMaker",
        role_arn=ROLE_ARN,
        policy="",
        duration=3600,
        external_id="",
    )
    return Credentials(assumed.access_key_id, assumed.secret_access_key, assumed.session_token)


def can_be_assumed(role_arn: str) -> bool:
    """Whether SageMaker may assume a role: one that has been made here has to name it in its trust policy.

    A role that nobody has made is taken for one of the user's real account: what names it is to run unmodified.
    """
    from moto.iam.models import iam_backends

    made = (role for role in iam_backends[ACCOUNT]["aws"].roles.values() if role.arn == role_arn)
    return all(_SERVICE in str(role.assume_role_policy_document) for role in made)


class CloudWatch:
    """moto's, logs and metrics, in this process: ten thousand lines a second have no time for HTTP."""

    def put(self, region: str, group: str, stream: str, events: Iterable[Event]) -> None:
        """See ``logs.Sink``."""
        from moto.logs.models import logs_backends

        backend = logs_backends[ACCOUNT][region]
        if group not in backend.groups:
            backend.create_log_group(group, {})
        if stream not in backend.groups[group].streams:
            backend.create_log_stream(group, stream)
        messages = [{"timestamp": event.timestamp, "message": event.message} for event in events]
        backend.put_log_events(group, stream, messages)

    def measure(self, region: str, job: str, metrics: Iterable[Metric], timestamp: int) -> None:
        """See ``logs.Sink``."""
        from moto.cloudwatch.models import cloudwatch_backends

        about = {
            "Dimensions": [{"Name": "TrainingJobName", "Value": job}],
            "Timestamp": datetime.fromtimestamp(timestamp / 1000, UTC).replace(tzinfo=None),  # as moto has times
        }
        data = [{"MetricName": metric.name, "Value": metric.value, **about} for metric in metrics]
        if data:
            cloudwatch_backends[ACCOUNT][region].put_metric_data(NAMESPACE, data)


def log_streams(region: str, group: str) -> list[str]:
    """The streams of a log group; none where there is no such group."""
    from moto.logs.models import logs_backends

    found = logs_backends[ACCOUNT][region].groups.get(group)
    return list(found.streams) if found else []


def refuse_other_owner(bucket: str, expected_owner: str) -> Answer | None:
    """What S3 answers to a request that expects the bucket to be another account's; moto does not look."""
    from moto.s3.models import s3_backends

    _, owner = s3_backends.bucket_accounts.get(bucket, ("aws", expected_owner))
    if owner == expected_owner:
        return None
    return Answer(403, _error_of_s3("AccessDenied", "Access Denied"), "application/xml")


def simulate_principal_policy(body: bytes) -> Answer | None:
    """IAM's ``SimulatePrincipalPolicy``, which moto does not have; None for any other request.

    Nothing is forbidden on the stand-in, so everything is ``allowed``.
    """
    form = parse_qs(body.decode("utf-8", "replace"))
    if form.get("Action") != ["SimulatePrincipalPolicy"]:
        return None
    actions = [value[0] for name, value in form.items() if name.startswith("ActionNames.member.")]
    resources = [value[0] for name, value in form.items() if name.startswith("ResourceArns.member.")] or ["*"]
    members = "".join(
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}"
        "</EvalResourceName><EvalDecision>allowed</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
        for action in actions
        for resource in resources
    )
    return Answer(
        200,
        '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        f"<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{members}"
        "</EvaluationResults></SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>stand-in</RequestId>"
        "</ResponseMetadata></SimulatePrincipalPolicyResponse>".encode(),
        _XML,
    )


def refuse_missing(service: str, content_type: str, why: str) -> Answer:
    """Say that moto does not have what was asked of it, so that no client tries again.

    Args:
        service: which the request was signed for.
        content_type: of the request, which tells how to answer.
        why: what is missing.
    """
    code = "UnknownOperationException"
    message = f"The stand-in answers for {service or 'this service'} by moto. {why}; AWS itself has it."
    if service in _SPEAK_XML or content_type.startswith(_FORM):
        error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        return Answer(400, f"<ErrorResponse>{error}</ErrorResponse>".encode(), _XML)
    body = json.dumps({"__type": code, "message": message}).encode()
    return Answer(400, body, "application/json", headers={"x-amzn-ErrorType": code})


def _error_of_s3(code: str, message: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}\n<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
