"""CreateTrainingJob."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.validation.findings import Finding, aws_words
from harness.validation.prose.request import exactly_one, given, look, number, objects, repeated, text
from harness.validation.structure import local_uri

DAY = 24 * 60 * 60
DEFAULT_MAX_RUNTIME = DAY
LONGEST_RUNTIME = 28 * DAY

# Families of EC2 without instance storage; a `d` or `dn` in the name would add it.
_EBS_ONLY = frozenset(("m4", "m5", "m6i", "m6a", "m7i", "c4", "c5", "c6i", "c7i", "r5", "r6i", "r7i", "t3", "p2", "p3"))


def algorithm_and_resources(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Only a serverless job goes without an algorithm, machines and a limit (API reference, CreateTrainingJob).

    The model stopped requiring them when serverless jobs came.
    """
    if look(request, "ServerlessJobConfig") is None:
        for name in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition"):
            if name not in request:
                words = aws_words(name[:1].lower() + name[1:], None, "Member must not be null")
                yield Finding(name, "is required", "required", words)


def one_algorithm(request: Mapping[str, Any]) -> Iterator[Finding]:
    """TrainingImage and AlgorithmName exclude each other, one is needed (API, AlgorithmSpecification)."""
    algorithm = look(request, "AlgorithmSpecification")
    if algorithm is not None:
        names = ("TrainingImage", "AlgorithmName")
        yield from exactly_one(algorithm, "AlgorithmSpecification", names, "one-algorithm")


def one_kind_of_cluster(request: Mapping[str, Any]) -> Iterator[Finding]:
    """InstanceType, InstanceGroups and InstancePreferences exclude each other (API, ResourceConfig).

    A heterogeneous cluster's groups each bring their own count (developer guide, heterogeneous clusters).
    """
    resources = look(request, "ResourceConfig")
    if resources is None or look(request, "ServerlessJobConfig") is not None:
        return
    kinds = ("InstanceType", "InstanceGroups", "InstancePreferences")
    yield from exactly_one(resources, "ResourceConfig", kinds, "one-cluster")
    if given(resources, ["InstanceGroups"]) and given(resources, ["InstanceCount"]):
        yield Finding("ResourceConfig.InstanceCount", "goes without InstanceGroups, which have theirs", "one-cluster")
    if given(resources, kinds) == ["InstanceType"] and look(resources, "InstanceCount") is None:
        yield Finding("ResourceConfig.InstanceCount", "is required with InstanceType", "one-cluster")


def at_least_one_instance(request: Mapping[str, Any]) -> Iterator[Finding]:
    """A job runs on at least one instance.

    The model's bound is 0 because a homogeneous count and groups share it (API reference, ResourceConfig).
    """
    clusters = [
        ("ResourceConfig", look(request, "ResourceConfig")),
        *objects(request, "ResourceConfig", "InstanceGroups"),
    ]
    for path, cluster in clusters:
        if number(cluster, "InstanceCount") == 0:
            yield Finding(f"{path}.InstanceCount", "a job needs at least one instance", "instance-count")


def volume_for_ebs_only(request: Mapping[str, Any]) -> Iterator[Finding]:
    """An instance type without storage of its own needs VolumeSizeInGB (API reference, ResourceConfig).

    Which families those are: Amazon EC2's table of instance types.
    """
    instance_type = text(request, "ResourceConfig", "InstanceType")
    family = instance_type.removeprefix("ml.").partition(".")[0]
    if family in _EBS_ONLY and not number(request, "ResourceConfig", "VolumeSizeInGB"):
        message = f"is required: {instance_type} has no storage of its own (30 is the SDK's default)"
        yield Finding("ResourceConfig.VolumeSizeInGB", message, "volume-size")


def runtime(request: Mapping[str, Any]) -> Iterator[Finding]:
    """MaxRuntimeInSeconds is 28 days at most (API reference, StoppingCondition)."""
    seconds = number(request, "StoppingCondition", "MaxRuntimeInSeconds")
    if seconds is not None and seconds > LONGEST_RUNTIME:
        message = f"{seconds} is out of range; at most {LONGEST_RUNTIME} (28 days)"
        yield Finding("StoppingCondition.MaxRuntimeInSeconds", message, "max-runtime")


def spot(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Spot training needs MaxWaitTimeInSeconds, at least MaxRuntimeInSeconds; others may not have it.

    Sources: API reference, StoppingCondition (runtime's default is one day); developer guide, managed spot
    training; AWS's own refusal, as users published it.
    """
    path = "StoppingCondition.MaxWaitTimeInSeconds"
    wait = look(request, "StoppingCondition", "MaxWaitTimeInSeconds")
    if look(request, "EnableManagedSpotTraining") is not True:
        if wait is not None:
            words = "It is only supported when EnableManagedSpotTraining is set to true"
            message = "is for spot training only: set EnableManagedSpotTraining, or leave it out"
            yield Finding(path, message, "spot-only", f"Invalid MaxWaitTimeInSeconds. {words}")
        return
    run = number(request, "StoppingCondition", "MaxRuntimeInSeconds")
    run = DEFAULT_MAX_RUNTIME if run is None else run
    if wait is None:
        yield Finding(path, f"is required for spot training, at least {run} (MaxRuntimeInSeconds)", "spot-wait")
    elif isinstance(wait, int) and wait < run:
        yield Finding(path, f"{wait} must be at least MaxRuntimeInSeconds, {run}", "spot-wait")


def no_spot_preferences(request: Mapping[str, Any]) -> Iterator[Finding]:
    """InstancePreferences and spot training exclude each other (API reference, ResourceConfig)."""
    if look(request, "EnableManagedSpotTraining") is True and look(request, "ResourceConfig", "InstancePreferences"):
        message = "is not possible with ResourceConfig.InstancePreferences"
        yield Finding("EnableManagedSpotTraining", message, "spot-preferences")


def unique_channel_names(request: Mapping[str, Any]) -> Iterator[Finding]:
    """A channel's name is its directory under /opt/ml/input/data (developer guide, how training runs)."""
    yield from repeated(objects(request, "InputDataConfig"), "ChannelName", "channel-names-unique")


def one_data_source(request: Mapping[str, Any]) -> Iterator[Finding]:
    """A channel's data is in one place (API reference, DataSource)."""
    for path, channel in objects(request, "InputDataConfig"):
        source = look(channel, "DataSource")
        if source is not None:
            kinds = ("S3DataSource", "FileSystemDataSource", "DatasetSource")
            yield from exactly_one(source, f"{path}.DataSource", kinds, "one-data-source")


def input_modes(request: Mapping[str, Any]) -> Iterator[Finding]:
    """What goes with Pipe only, and with S3Prefix only.

    Gzip and RecordIO wrapping (API reference, Channel) and augmented manifests (S3DataSource) need Pipe;
    FastFile needs S3Prefix (developer guide, access to training data).
    """
    for path, channel in objects(request, "InputDataConfig"):
        mode = text(channel, "InputMode") or text(request, "AlgorithmSpecification", "TrainingInputMode")
        kind = text(channel, "DataSource", "S3DataSource", "S3DataType")
        pipe_only = (
            (f"{path}.CompressionType", text(channel, "CompressionType"), "Gzip"),
            (f"{path}.RecordWrapperType", text(channel, "RecordWrapperType"), "RecordIO"),
            (f"{path}.DataSource.S3DataSource.S3DataType", kind, "AugmentedManifestFile"),
        )
        for at, value, forbidden in pipe_only:
            if value == forbidden and mode in ("File", "FastFile"):
                yield Finding(at, f"{value} needs input mode Pipe, not {mode}", "pipe-only")
        if mode == "FastFile" and kind == "ManifestFile":
            at = f"{path}.DataSource.S3DataSource.S3DataType"
            yield Finding(at, "input mode FastFile needs S3Prefix, not ManifestFile", "fast-file")


def checkpoint_path(request: Mapping[str, Any]) -> Iterator[Finding]:
    """CheckpointConfig.LocalPath is a directory in the container (API reference, CheckpointConfig)."""
    path = text(request, "CheckpointConfig", "LocalPath")
    if path and not path.startswith("/"):
        message = f"{path!r} must be an absolute path in the container, such as /opt/ml/checkpoints"
        yield Finding("CheckpointConfig.LocalPath", message, "checkpoint-path")


def isolated_source(request: Mapping[str, Any]) -> Iterator[Finding]:
    """An isolated container cannot download its source (developer guide, network isolation).

    The SageMaker SDK therefore sends the source as the channel ``code`` then (sagemaker 2.257, estimator).
    """
    if look(request, "EnableNetworkIsolation") is True and _submit_directory(request).startswith("s3://"):
        message = "an isolated container cannot download its source; send it as the channel 'code'"
        yield Finding("HyperParameters['sagemaker_submit_directory']", message, "isolated-source")


def source_on_this_machine(request: Mapping[str, Any]) -> Iterator[Finding]:
    """The script mode's source is read in the container (sagemaker-training 4.8.0)."""
    directory = _submit_directory(request)
    if directory.startswith("file://"):
        yield local_uri(directory, "HyperParameters['sagemaker_submit_directory']")


def _submit_directory(request: Mapping[str, Any]) -> str:
    """Return the submit directory without the quotes that the SDK's JSON encoding gives it."""
    return text(request, "HyperParameters", "sagemaker_submit_directory").strip('"')


RULES = (
    algorithm_and_resources,
    one_algorithm,
    one_kind_of_cluster,
    at_least_one_instance,
    volume_for_ebs_only,
    runtime,
    spot,
    no_spot_preferences,
    unique_channel_names,
    one_data_source,
    input_modes,
    checkpoint_path,
    isolated_source,
)
AWAY_RULES = (source_on_this_machine,)
