"""Every error that a user can meet, as one tree; each branch has an exit code.

    HarnessError                    1   something the user can act on; shown without a traceback
    ├── UsageError                  2   the command line is wrong
    ├── ConfigurationError          2   the configuration, the request or the files that it names are wrong
    │   ├── RequestError            2   a request breaks AWS's rules; carries every finding at once
    │   ├── RefusedError            2   the target cannot honour this request; says which one can
    │   └── ServiceError            2   SageMaker's own refusal: a code and a message, as boto3's ClientError has them
    │       └── ModelError          1   the model behind an endpoint answered with an error
    ├── JobFailed                   1   the job ran and failed
    ├── ParityError                 3   targets differ
    ├── MissingCapability           4   this machine lacks something: Docker, credentials, an image
    ├── DeadlineExceeded          124   a time limit passed
    ├── Interrupted               130   Ctrl-C
    └── OutputClosed              141   whoever read our output has gone, as `head` does

Messages say what happened, where, and what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar


class HarnessError(Exception):
    """Something that the user can act on. ``message`` is shown as it is, never with a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageError(HarnessError):
    """The command line is wrong."""

    exit_code = 2


class ConfigurationError(HarnessError):
    """The configuration, the request, or a file that they name is wrong."""

    exit_code = 2


class RequestError(ConfigurationError):
    """A request breaks AWS's rules. ``findings`` holds them all, each as ``path: what is wrong``."""

    def __init__(self, message: str, findings: Sequence[str]) -> None:
        super().__init__("\n".join([message, *(f"  {finding}" for finding in findings)]))
        self.findings = tuple(findings)


class RefusedError(ConfigurationError):
    """The chosen target cannot honour this request. Raised before anything starts."""


class ServiceError(ConfigurationError):
    """SageMaker's own answer to a request that it does not carry out.

    ``response`` has the shape of ``botocore.exceptions.ClientError.response``, so that code written for boto3 reads
    it alike, whichever target answered. ``remedy`` is ours, and stands in the text alone, as does ``told``, in the
    place of the message.
    """

    def __init__(
        self, code: str, message: str, operation_name: str, *, status: int = 400, remedy: str = "", told: str = ""
    ) -> None:
        super().__init__(f"{operation_name}: {told or message} ({code})" + (f". {remedy}" if remedy else ""))
        self.operation_name = operation_name
        self.response: dict[str, Any] = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }


class ModelError(ServiceError):
    """The model behind an endpoint answered with another status than 200. ``hint``: what of ours helps to find why."""

    exit_code = 1

    def __init__(
        self, message: str, operation_name: str, *, status: int = 424, remedy: str = "", told: str = "", cause: str = ""
    ) -> None:
        # AWS's message quotes the page of the model's server: of its HTML nobody reads more than the text.
        told = told or " ".join(re.sub(r"<[^>]*>", " ", message).split())
        super().__init__("ModelError", message, operation_name, status=status, remedy=remedy, told=told)
        self.hint = ". ".join(filter(None, [cause, remedy]))


class JobFailed(HarnessError):
    """The job ran and did not complete."""


class ParityError(HarnessError):
    """Targets differ in something that nobody accepted."""

    exit_code = 3


class MissingCapability(HarnessError):
    """This machine lacks something that the chosen target needs."""

    exit_code = 4


class DeadlineExceeded(HarnessError):
    """A time limit passed."""

    exit_code = 124


class Interrupted(HarnessError):
    """The user pressed Ctrl-C."""

    exit_code = 130


class OutputClosed(HarnessError):
    """Nobody reads our output any more. The exit code is a shell's for a command that SIGPIPE has ended."""

    exit_code = 141
