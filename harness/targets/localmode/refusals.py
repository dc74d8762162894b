"""What the SDK's local mode ignores or cannot do, said by name before anything starts. Pure.

From the source of SDK v2 2.257.7 and v3 2.27.0. What the harness does in its place is not here: deadlines, stops,
S3, the layout of artifacts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.storage import is_s3, local_path

_ELSEWHERE = "; try --on local, container or remote"
_SPECIAL = ":#?"
"""What a URI or a mount of the SDK's would be cut at."""


def training(request: Mapping[str, Any]) -> Iterator[str]:
    """Of a ``CreateTrainingJob`` request."""
    resources, algorithm = request["ResourceConfig"], request["AlgorithmSpecification"]
    if resources.get("InstanceCount", 1) > 1 or "InstanceGroups" in resources:
        yield f"ResourceConfig.InstanceCount: localmode ends all hosts with the first{_ELSEWHERE}, or use 1"
    for channel in request.get("InputDataConfig", ()):
        name = f"channel '{channel['ChannelName']}'"
        mode = channel.get("InputMode") or algorithm["TrainingInputMode"]
        if mode != "File":
            yield f"{name}: localmode knows File input alone, and this is {mode}{_ELSEWHERE}, or use File"
        for key in ("CompressionType", "RecordWrapperType"):
            if channel.get(key, "None") != "None":
                yield f"{name}: localmode ignores {key}{_ELSEWHERE}"
        yield from _source(name, channel["DataSource"].get("S3DataSource", {}))
    for key, what in (
        ("EnableNetworkIsolation", "containers keep the network"),
        ("CheckpointConfig", "there are no checkpoints"),
        ("EnableManagedSpotTraining", "nothing is interrupted"),
    ):
        if request.get(key):
            yield f"{key}: in localmode {what}{_ELSEWHERE}"
    if "sagemaker_s3_output" in request.get("HyperParameters", {}):
        yield f"sagemaker_s3_output: localmode has no credentials to upload with{_ELSEWHERE}"


def processing(request: Mapping[str, Any]) -> Iterator[str]:
    """Of a ``CreateProcessingJob`` request."""
    if request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) > 1:
        yield f"ClusterConfig.InstanceCount: localmode ends all hosts with the first{_ELSEWHERE}, or use 1"
    for given in request.get("ProcessingInputs", ()):
        yield from _source(f"input '{given['InputName']}'", given.get("S3Input", {}))
    for given in request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        if given.get("S3Output", {}).get("S3UploadMode", "EndOfJob") != "EndOfJob":
            yield f"output '{given['OutputName']}': localmode uploads at the end of the job alone{_ELSEWHERE}"
    if request.get("NetworkConfig", {}).get("EnableNetworkIsolation"):
        yield f"NetworkConfig.EnableNetworkIsolation: in localmode containers keep the network{_ELSEWHERE}"


def model(request: Mapping[str, Any]) -> Iterator[str]:
    """Of a ``CreateModel`` request."""
    if request.get("EnableNetworkIsolation"):
        yield f"EnableNetworkIsolation: in localmode containers keep the network{_ELSEWHERE}"


def transform(request: Mapping[str, Any], *, is_v2: bool) -> Iterator[str]:
    """Of a ``CreateTransformJob`` request, by the generation of the SDK."""
    given = request["TransformInput"]
    yield from _source("TransformInput", given["DataSource"]["S3DataSource"])
    if not given.get("ContentType"):
        yield "TransformInput.ContentType: localmode cannot do without; --content-type gives it"
    if given.get("CompressionType", "None") != "None":
        yield f"TransformInput.CompressionType: localmode unpacks nothing{_ELSEWHERE}"
    split_type = given.get("SplitType", "None")
    if split_type == "TFRecord" or (split_type == "RecordIO" and not is_v2):
        yield f"TransformInput.SplitType: this SDK's localmode cannot split {split_type}{_ELSEWHERE}"
    if "DataProcessing" in request:
        yield f"DataProcessing: localmode filters and joins nothing{_ELSEWHERE}"
    if int(request.get("MaxConcurrentTransforms") or 1) > 1:
        yield f"MaxConcurrentTransforms: localmode sends one request at a time{_ELSEWHERE}, or use 1"
    if "ModelClientConfig" in request:
        yield f"ModelClientConfig: localmode knows neither time-outs nor retries{_ELSEWHERE}"
    uri = given["DataSource"]["S3DataSource"]["S3Uri"]
    if not is_s3(uri) and (folder := _first_folder(local_path(uri))):
        yield f"TransformInput: localmode does not look into folders, and there is {folder}{_ELSEWHERE}"


def paths(*named: Path) -> Iterator[str]:
    """Of folders that the SDK is to mount or to read."""
    for path in named:
        if special := sorted(set(_SPECIAL) & set(str(path))):
            yield f"{path}: localmode cannot use a path with '{special[0]}' in it{_ELSEWHERE}, or rename it"


def _first_folder(path: Path) -> Path | None:
    return next((each for each in path.iterdir() if each.is_dir()), None) if path.is_dir() else None


def _source(name: str, source: Mapping[str, Any]) -> Iterator[str]:
    """Of an ``S3DataSource``, an ``S3Input`` or the like."""
    if source.get("S3DataDistributionType", "FullyReplicated") != "FullyReplicated":
        yield f"{name}: localmode knows FullyReplicated alone, and this is ShardedByS3Key{_ELSEWHERE}"
    if source.get("S3DataType", "S3Prefix") != "S3Prefix":
        yield f"{name}: localmode reads no {source['S3DataType']}{_ELSEWHERE}"
    uri = source.get("S3Uri", "s3://")
    if not is_s3(uri):
        yield from paths(local_path(uri))
