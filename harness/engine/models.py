"""Models on this machine: what of ``CreateModel`` can be honoured, and whether the data is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.errors import ServiceError
from harness.storage import Storage


def refusals(request: Mapping[str, Any]) -> Iterator[str]:
    """What in a ``CreateModel`` request this engine cannot honour, by name."""
    elsewhere = "; try --on remote"
    containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
    if len(containers) != 1:
        yield f"Containers: a pipeline of {len(containers)} containers cannot be run here{elsewhere}"
    for each in containers:
        for key in ("ModelPackageName", "ModelDataSource", "MultiModelConfig", "AdditionalModelDataSources"):
            if key in each:
                yield f"{key}: only ModelDataUrl, one model.tar.gz, can be served here{elsewhere}"
        if each.get("Mode") == "MultiModel":
            yield f"Mode MultiModel: that is another server than the one for a single model{elsewhere}"
        if "ModelDataUrl" not in each:
            yield "ModelDataUrl: a scikit-learn container has nothing to serve without it"
    if "VpcConfig" in request:
        yield f"VpcConfig: there is no VPC on this machine{elsewhere}"


def check_data(request: Mapping[str, Any], storage: Storage) -> None:
    """AWS looks for the model data when the model is made, and so do we.

    Raises:
        ServiceError: it is not there.
    """
    primary = request.get("PrimaryContainer") or request["Containers"][0]
    uri = primary["ModelDataUrl"]
    if not storage.exists(uri):
        raise ServiceError("ValidationException", f"Could not find model data at {uri}.", "CreateModel")
