"""CreateProcessingJob."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.validation.findings import Finding
from harness.validation.prose.request import Rule, exactly_one, look, objects, repeated, text

INPUT_ROOT = "/opt/ml/processing/"

_INPUT_KINDS = ("S3Input", "DatasetDefinition")
_OUTPUT_KINDS = ("S3Output", "FeatureStoreOutput")


def one_kind_of_cluster(request: Mapping[str, Any]) -> Iterator[Finding]:
    """InstanceType and InstancePreferences exclude each other (API reference, ProcessingClusterConfig)."""
    cluster = look(request, "ProcessingResources", "ClusterConfig")
    if cluster is not None:
        kinds = ("InstanceType", "InstancePreferences")
        yield from exactly_one(cluster, "ProcessingResources.ClusterConfig", kinds, "one-cluster")


def unique_names(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Inputs and outputs are told apart by name (developer guide, processing container inputs)."""
    yield from repeated(_inputs(request), "InputName", "input-names-unique")
    yield from repeated(_outputs(request), "OutputName", "output-names-unique")


def one_source(request: Mapping[str, Any]) -> Iterator[Finding]:
    """An input is an S3Input or a DatasetDefinition, an output goes to S3 or a feature store.

    Source: API reference, ProcessingInput and ProcessingOutput.
    """
    for path, each in _inputs(request):
        yield from exactly_one(each, path, _INPUT_KINDS, "one-input-source")
    for path, each in _outputs(request):
        yield from exactly_one(each, path, _OUTPUT_KINDS, "one-output-target")


def feature_store_is_app_managed(request: Mapping[str, Any]) -> Iterator[Finding]:
    """FeatureStoreOutput needs AppManaged (API reference, ProcessingOutput)."""
    for path, output in _outputs(request):
        if look(output, "FeatureStoreOutput") is not None and look(output, "AppManaged") is not True:
            yield Finding(f"{path}.AppManaged", "must be true for a FeatureStoreOutput", "feature-store")


def local_paths(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Where inputs and outputs stand in the container.

    An input's path is needed unless the application manages it, begins with ``/opt/ml/processing/``
    (API reference, ProcessingS3Input) and is its own (AWS support, published in SageMaker SDK issue 4939); an
    output's is absolute (ProcessingS3Output).
    """
    taken: set[str] = set()
    for path, each, kind in _placed(_inputs(request), _INPUT_KINDS):
        at, local_path = f"{path}.{kind}.LocalPath", text(each, kind, "LocalPath")
        if not local_path:
            yield from _missing(at, each)
        elif kind == "S3Input" and not local_path.startswith(INPUT_ROOT):
            yield Finding(at, f"{local_path!r} must begin with {INPUT_ROOT}", "input-local-path")
        elif local_path.rstrip("/") in taken:
            yield Finding(at, f"{local_path!r} is another input's; each needs its own", "input-local-path")
        taken.add(local_path.rstrip("/"))
    for path, each, kind in _placed(_outputs(request), ("S3Output",)):
        at, local_path = f"{path}.{kind}.LocalPath", text(each, kind, "LocalPath")
        if not local_path:
            yield from _missing(at, each)
        elif not local_path.startswith("/"):
            yield Finding(at, f"{local_path!r} must be an absolute path", "output-local-path")


def gzip_needs_pipe(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Gzip goes with input mode Pipe only (API reference, ProcessingS3Input)."""
    for path, each in _inputs(request):
        source = look(each, "S3Input")
        if text(source, "S3CompressionType") == "Gzip" and text(source, "S3InputMode") != "Pipe":
            yield Finding(f"{path}.S3Input.S3CompressionType", "Gzip needs S3InputMode Pipe", "pipe-only")


def _inputs(request: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return objects(request, "ProcessingInputs")


def _outputs(request: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return objects(request, "ProcessingOutputConfig", "Outputs")


def _placed(
    entries: list[tuple[str, Mapping[str, Any]]], kinds: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    for path, each in entries:
        yield from ((path, each, kind) for kind in kinds if look(each, kind) is not None)


def _missing(at: str, each: Mapping[str, Any]) -> Iterator[Finding]:
    if look(each, "AppManaged") is not True:
        yield Finding(at, "is required unless AppManaged is true", "local-path-required")


RULES = (
    one_kind_of_cluster,
    unique_names,
    one_source,
    feature_store_is_app_managed,
    local_paths,
    gzip_needs_pipe,
)
AWAY_RULES: tuple[Rule, ...] = ()
