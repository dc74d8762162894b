"""CreateTransformJob."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.validation.findings import Finding
from harness.validation.prose.request import Rule, look, number, text

LARGEST_PAYLOAD_IN_MB = 100
LARGEST_CLUSTER = 100

_JSON = "JSON or JSON Lines"
_FAMILIES = {"text/csv": "CSV", "application/json": _JSON, "application/jsonlines": _JSON}


def payload(request: Mapping[str, Any]) -> Iterator[Finding]:
    """A payload, and all that an instance has in flight, is 100 MB at most (API, CreateTransformJob)."""
    size, parallel = number(request, "MaxPayloadInMB"), number(request, "MaxConcurrentTransforms")
    if size is None:
        return
    if size > LARGEST_PAYLOAD_IN_MB:
        yield Finding("MaxPayloadInMB", f"{size} is out of range; at most {LARGEST_PAYLOAD_IN_MB}", "payload")
    elif parallel is not None and parallel * size > LARGEST_PAYLOAD_IN_MB:
        message = f"{parallel} x {size} MB (MaxPayloadInMB) is more than {LARGEST_PAYLOAD_IN_MB} MB in all"
        yield Finding("MaxConcurrentTransforms", message, "payload")


def single_record_needs_split(request: Mapping[str, Any]) -> Iterator[Finding]:
    """One record a request needs records: a SplitType (API reference, CreateTransformJob, BatchStrategy)."""
    if text(request, "BatchStrategy") == "SingleRecord" and _split(request) == "None":
        message = "SingleRecord needs TransformInput.SplitType (Line, RecordIO or TFRecord)"
        yield Finding("BatchStrategy", message, "batch-strategy")


def data_type(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Transform reads S3Prefix and ManifestFile only (API reference, TransformS3DataSource)."""
    steps = ("TransformInput", "DataSource", "S3DataSource", "S3DataType")
    kind = text(request, *steps)
    if kind in ("AugmentedManifestFile", "Converse"):
        yield Finding(".".join(steps), f"{kind} is not for transform; S3Prefix or ManifestFile is", "transform-data")


def cluster(request: Mapping[str, Any]) -> Iterator[Finding]:
    """At most 100 instances (API reference, TransformResources)."""
    count = number(request, "TransformResources", "InstanceCount")
    if count is not None and count > LARGEST_CLUSTER:
        message = f"{count} is out of range; at most {LARGEST_CLUSTER}"
        yield Finding("TransformResources.InstanceCount", message, "instance-count")


def data_processing(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Filters and joins understand CSV, JSON and JSON Lines, the same going in and coming out.

    CSV is handled line by line, so it must be split and assembled by Line. Source: developer guide, associate
    prediction results with input records. Types that are left out are not judged.
    """
    if not _processes(request):
        return
    sent = _family(text(request, "TransformInput", "ContentType"))
    wanted = _family(text(request, "TransformOutput", "Accept"))
    paths = (("TransformInput.ContentType", sent), ("TransformOutput.Accept", wanted))
    for path, family in paths:
        if family == "":
            message = f"DataProcessing needs CSV, {_JSON} (text/csv, application/json, application/jsonlines)"
            yield Finding(path, message, "data-processing-type")
    if sent and wanted and sent != wanted:
        message = f"DataProcessing needs what comes out to be {sent}, like what goes in, not {wanted}"
        yield Finding("TransformOutput.Accept", message, "data-processing-family")
    if "CSV" in (sent, wanted):
        if _split(request) != "Line":
            yield Finding("TransformInput.SplitType", "DataProcessing of CSV needs Line", "data-processing-line")
        if text(request, "TransformOutput", "AssembleWith") != "Line":
            message = "DataProcessing of CSV needs Line"
            yield Finding("TransformOutput.AssembleWith", message, "data-processing-line")


def _processes(request: Mapping[str, Any]) -> bool:
    processing = look(request, "DataProcessing")
    filters = (text(processing, "InputFilter"), text(processing, "OutputFilter"))
    return text(processing, "JoinSource") == "Input" or any(each not in ("", "$") for each in filters)


def _family(media_type: str) -> str | None:
    """Return the family of a media type, nothing for an unknown one, ``None`` where none is given."""
    return _FAMILIES.get(media_type.partition(";")[0].strip().lower(), "") if media_type else None


def _split(request: Mapping[str, Any]) -> str:
    return text(request, "TransformInput", "SplitType") or "None"


RULES = (payload, single_record_needs_split, data_type, cluster, data_processing)
AWAY_RULES: tuple[Rule, ...] = ()
