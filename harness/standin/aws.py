"""The rest of AWS, by moto's server application, and what moto leaves out that SageMaker's clients need."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from harness.standin.logs import Event
from harness.standin.wire import Answer

ACCOUNT = "123456789012"
"""moto's account."""
ROLE = "AmazonSageMaker-ExecutionRole-StandIn"
"""Name of the role that exists from the start, and that the credentials are of."""
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/service-role/{ROLE}"
_XML = "text/xml"
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
    """moto as a WSGI application; each service's code is imported when it is first asked for."""
    from functools import lru_cache

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    class Dispatcher(DomainDispatcherApplication):
        # moto looks through its own folder for every request, which takes as long as to answer one.
        get_backend_for_host = lru_cache(maxsize=256)(DomainDispatcherApplication.get_backend_for_host)

    return Dispatcher(create_backend_app)


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


class CloudWatchLogs:
    """moto's, in this process: ten thousand lines a second have no time for HTTP."""

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


def _error_of_s3(code: str, message: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}\n<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
