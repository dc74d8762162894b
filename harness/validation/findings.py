"""What is wrong with a request: in our words for a user, in AWS's words for an AWS client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong with a request.

    Attributes:
        path: where, as a user writes it: ``ResourceConfig.InstanceCount``,
            ``InputDataConfig[1].ChannelName``, ``HyperParameters['x']``. Empty for the request as a whole.
        message: what is wrong, and what to do about it.
        rule: the rule's name; stable, for tests and for programs that read findings.
        aws: AWS's own words for it, or ``None`` where they are not known.
    """

    path: str
    message: str
    rule: str
    aws: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


_REPORTED_TOGETHER = frozenset({"required", "enum", "pattern", "length", "range", "local-uri", "local-instance-type"})


def to_aws_message(findings: Sequence[Finding]) -> str:
    """Return the message that AWS would refuse a request with, in the form that its JSON services use.

    What breaks the service model is reported together («2 validation errors detected: Value 'x' at
    'trainingJobName' failed to satisfy constraint: …; …»); a rule that stands only in prose is reported
    alone, and only where the model holds. Where AWS's words for it are not known, ours are used. The form
    is that of errors which users of SageMaker have published.

    Raises:
        ValueError: there are no findings.
    """
    if not findings:
        raise ValueError("a request without findings is not refused")
    structural = [finding.aws for finding in findings if finding.rule in _REPORTED_TOGETHER and finding.aws]
    if not structural:
        return findings[0].aws or str(findings[0])
    sentences = list(dict.fromkeys(structural))
    plural = "error" if len(sentences) == 1 else "errors"
    return f"{len(sentences)} validation {plural} detected: {'; '.join(sentences)}"


def aws_words(aws_path: str, value: Any, constraint: str) -> str:
    """Return AWS's sentence for a value that breaks a constraint; ``None`` is one that is missing.

    Args:
        aws_path: where, as AWS writes it: ``tags.2.member.key``.
        value: what stands there.
        constraint: «Member must not be null».
    """
    shown = "null" if value is None else f"'{_as_java(value)}'"
    return f"Value {shown} at '{aws_path}' failed to satisfy constraint: {constraint}"


def _as_java(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}={_as_java(entry)}' for key, entry in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_as_java, value))}]"
    return str(value)
