"""AWS's own rules for a request, offline: the service model's, and those that stand only in prose.

    findings = validate("CreateTrainingJob", request, local=True, model=service_model.load())

Nothing here asks AWS, imports botocore, or changes the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import RequestError
from harness.service_model import ServiceModel
from harness.validation.findings import Finding, to_aws_message
from harness.validation.prose import prose_findings
from harness.validation.structure import LOCAL_INSTANCE_TYPES, structural_findings

__all__ = ["LOCAL_INSTANCE_TYPES", "Finding", "check", "to_aws_message", "validate", "validate_response"]


def validate(
    operation: str, request: Mapping[str, Any], *, local: bool = False, model: ServiceModel
) -> tuple[Finding, ...]:
    """Return everything that AWS would refuse about a request, all at once.

    First what breaks the service model, in the order of the request; then what breaks the rules that stand
    only in AWS's prose.

    Args:
        operation: AWS's name of it, such as ``CreateTrainingJob``.
        request: what boto3 would be given.
        local: whether the target is this machine. Then ``file://`` URIs are allowed wherever AWS wants an
            ``s3://`` URI, and the instance types ``local`` and ``local_gpu``; otherwise both are refused by
            name, with the remedy.
        model: from `harness.service_model.load`.

    Raises:
        LookupError: the model does not have the operation.
    """
    structural = structural_findings(model, model.input_of(operation), request, local=local)
    return (*structural, *prose_findings(operation, request, local=local))


def validate_response(
    operation: str, response: Mapping[str, Any], *, local: bool = False, model: ServiceModel
) -> tuple[Finding, ...]:
    """Return where a response (``DescribeTrainingJob``'s, say) does not have the shape that AWS's has.

    Raises:
        LookupError: the model does not have the operation, or AWS answers it without a body.
    """
    shape = model.output_of(operation)
    if shape is None:
        raise LookupError(f"{operation} answers without a body")
    return tuple(structural_findings(model, shape, response, local=local))


def check(operation: str, request: Mapping[str, Any], *, local: bool = False, model: ServiceModel) -> None:
    """Do nothing if AWS would take the request; see `validate` for the arguments.

    Raises:
        RequestError: with every finding, one to a line.
        LookupError: the model does not have the operation.
    """
    findings = validate(operation, request, local=local, model=model)
    if findings:
        plural = "rule" if len(findings) == 1 else "rules"
        raise RequestError(
            f"AWS would refuse this {operation} request; it breaks {len(findings)} {plural}:",
            [str(finding) for finding in findings],
        )
