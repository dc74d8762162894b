"""What AWS tells of a resource where its request said nothing: SDK v2's ``attach``, for one, indexes it unasked."""

from __future__ import annotations

from harness.engine.store import Document

_UNLESS_SAID: dict[str, Document] = {
    "DescribeTrainingJob": {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
    },
    "DescribeModel": {"EnableNetworkIsolation": False},
}


def as_aws_tells(operation: str, description: Document) -> Document:
    """The engine's answer to ``Describe…``, with AWS's defaults; any other operation's as it is."""
    told = {**_UNLESS_SAID.get(operation, {}), **description}
    if operation == "DescribeTrainingJob":
        told["OutputDataConfig"] = {"KmsKeyId": "", **told["OutputDataConfig"]}
    return told
