"""SageMaker's operations: a request off the wire is validated as AWS does, carried out by the engine, answered."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from harness import validation
from harness.engine.running import not_found
from harness.engine.store import ENDED, Document
from harness.errors import HarnessError, ServiceError
from harness.service_model import OPERATIONS, ServiceModel
from harness.standin.client import StandInClient
from harness.standin.described import as_aws_tells
from harness.standin.logs import Follower
from harness.standin.tags import Tags
from harness.standin.wire import Answer, read_request, write_error, write_response

_START = re.compile(r"(Create|Update)(?P<kind>TrainingJob|ProcessingJob|TransformJob|Endpoint)\Z")
_DESCRIBE = re.compile(r"Describe(?P<kind>TrainingJob|ProcessingJob|TransformJob)\Z")
_HIDDEN = "Internal error: see what the stand-in has printed."


class SageMaker:
    """``POST /`` with ``X-Amz-Target: SageMaker.<operation>``. Thread-safe."""

    def __init__(
        self,
        client: StandInClient,
        model: ServiceModel,
        tags: Tags,
        logs: Follower,
        *,
        instance_limit: int,
        can_be_assumed: Callable[[str], bool],
    ) -> None:
        """Nothing is touched before the first request.

        Args:
            client: carries the operations out.
            model: what AWS says about requests and answers.
            tags: where tags are kept.
            logs: brings what jobs print to CloudWatch Logs.
            instance_limit: how many instances of one type the jobs of one kind may use at a time.
            can_be_assumed: whether SageMaker may assume a role, by its ARN.
        """
        self._client, self._model, self._tags, self._logs = client, model, tags, logs
        self._limit, self._can_be_assumed = instance_limit, can_be_assumed
        self._own: dict[str, Callable[[Document], Document]] = {
            "AddTags": self._add_tags,
            "DeleteTags": lambda request: tags.remove(request["ResourceArn"], request["TagKeys"]),
            "ListTags": lambda request: tags.list(
                request["ResourceArn"], first=int(request.get("NextToken", 0)), limit=request.get("MaxResults")
            ),
        }

    def answer(self, operation: str, body: bytes, region: str) -> Answer:
        """Carry an operation out.

        Args:
            operation: AWS's name of it, such as ``CreateTrainingJob``.
            body: the request as it came.
            region: whose CloudWatch Logs the client will read.
        """
        try:
            if operation not in OPERATIONS:
                message = f"The stand-in has no operation {operation}; it has {', '.join(OPERATIONS)}."
                raise ServiceError("UnknownOperationException", message, operation)
            request = read_request(self._model, operation, body)
            self._validate(operation, request)
            return write_response(self._model, operation, self._carry_out(operation, request, region))
        except ServiceError as error:
            return write_error(error)
        except HarnessError as error:  # what this machine cannot do is no fault of AWS's: not to be tried again
            return write_error(ServiceError("ValidationException", from_here(error.message), operation))
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return write_error(ServiceError("InternalFailure", _HIDDEN, operation, status=500))

    def _validate(self, operation: str, request: Document) -> None:
        findings = validation.validate(operation, request, model=self._model)
        wrong_types = [finding for finding in findings if finding.rule == "type"]
        if wrong_types:
            raise ServiceError("SerializationException", str(wrong_types[0]), operation)
        if findings:
            raise ServiceError("ValidationException", validation.to_aws_message(findings), operation)
        role = request.get("RoleArn") or request.get("ExecutionRoleArn")
        if role and not self._can_be_assumed(role):
            message = (
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role."
            )
            raise ServiceError("ValidationException", message, operation)
        token = request.get("NextToken")
        if token is not None and not (token.isascii() and token.isdigit()):
            raise ServiceError("ValidationException", "Invalid NextToken.", operation)

    def _carry_out(self, operation: str, request: Document, region: str) -> Document:
        if operation in self._own:
            return self._own[operation](request)
        method = getattr(self._client, _snake_case(operation))
        started, described = _START.match(operation), _DESCRIBE.match(operation)
        if started:
            self._check_limit(started["kind"], request, operation)
        leaving = self._client.job("Endpoint", request["EndpointName"]) if operation == "DeleteEndpoint" else None
        answer: Document = _in_aws_words(method, request, operation, self._arn)
        if operation.startswith("Create"):
            arn = next(iter(answer.values()))
            self._tags.forget(arn)  # of what has had the name before
            if request.get("Tags"):
                self._tags.add(arn, request["Tags"])
        if started:
            self._logs.follow(self._client.job(started["kind"], request[f"{started['kind']}Name"]), region)
        if described and answer[f"{described['kind']}Status"] in ENDED:
            job = self._client.job(described["kind"], request[f"{described['kind']}Name"])
            self._client.reap(job)
            self._logs.catch_up(job)
        if leaving:
            self._logs.catch_up(leaving)
        return as_aws_tells(operation, answer)

    def _add_tags(self, request: Document) -> Document:
        if not self._client.has(request["ResourceArn"]):
            raise not_found("AddTags")
        return self._tags.add(request["ResourceArn"], request["Tags"])

    def _arn(self, kind: str, name: str) -> str:
        settings = self._client.settings
        dashed = kind.replace("Job", "-job").lower()
        return f"arn:aws:sagemaker:{settings.region}:{settings.account}:{dashed}/{name}"

    def _check_limit(self, kind: str, request: Document, operation: str) -> None:
        if kind == "Endpoint":
            return
        wanted, count = _resources(kind, request)
        store = self._client.running(kind).store
        used = 0
        for name in store.names():
            job = store.job(name)
            if job.owner() is not None:
                instance_type, more = _resources(kind, job.request)
                used += more if instance_type == wanted else 0
        if used + count > self._limit:
            usage = kind.replace("Job", " job").lower()
            message = (
                f"The account-level service limit '{wanted} for {usage} usage' is {self._limit} Instances, with "
                f"current utilization of {used} Instances and a request delta of {count} Instances. Please use AWS "
                "Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, "
                "contact AWS support to request an increase for this quota."
            )
            raise ServiceError("ResourceLimitExceeded", message, operation)


def _resources(kind: str, request: Mapping[str, Any]) -> tuple[str, int]:
    """Instance type and count of a job."""
    holder: Mapping[str, Any] = {
        "TrainingJob": lambda: request.get("ResourceConfig", {}),  # a serverless job has none
        "ProcessingJob": lambda: request["ProcessingResources"]["ClusterConfig"],
        "TransformJob": lambda: request["TransformResources"],
    }[kind]()
    return holder.get("InstanceType", ""), holder.get("InstanceCount", 1)


def _in_aws_words(
    method: Callable[..., Document], request: Document, operation: str, arn: Callable[[str, str], str]
) -> Document:
    """Call the engine; where it speaks of folders to a user of this machine, say what AWS says."""
    try:
        return method(**request)
    except ServiceError as error:
        started = _START.match(operation)
        if started and error.response["Error"]["Code"] == "ResourceInUse":
            message = (
                "Job name must be unique within an AWS account and region, and a job with this name already exists "
                f"({arn(started['kind'], request[started['kind'] + 'Name'])})"
            )
            raise ServiceError("ResourceInUse", message, operation) from error
        raise


def from_here(message: str) -> str:
    """An engine's message, whose advice is for users of ``--on``, as the stand-in's own: its users are on remote."""
    message = message.replace("try --on remote", "AWS itself has it")
    return re.sub(r"try --on (local|container)", r"start the stand-in with --executor \1", message)


def _snake_case(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
