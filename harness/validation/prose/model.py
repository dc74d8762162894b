"""CreateModel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.validation.findings import Finding
from harness.validation.prose.request import exactly_one, given, look, objects, text
from harness.validation.structure import local_uri

LARGEST_ENVIRONMENT = 32 * 1024


def containers_or_primary(request: Mapping[str, Any]) -> Iterator[Finding]:
    """A model is one container or a pipeline of them (API reference, CreateModel)."""
    yield from exactly_one(request, "", ("PrimaryContainer", "Containers"), "one-container-form")


def container_has_image(request: Mapping[str, Any]) -> Iterator[Finding]:
    """A container is an image or a model package (API reference, ContainerDefinition)."""
    for path, container in _containers(request):
        yield from exactly_one(container, path, ("Image", "ModelPackageName"), "container-image")


def one_model_data(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Model data is one archive or a data source, not both (API reference, ContainerDefinition)."""
    for path, container in _containers(request):
        both = given(container, ("ModelDataUrl", "ModelDataSource"))
        if len(both) == 2:
            yield Finding(path, f"{' and '.join(both)} exclude each other; leave one out", "one-model-data")


def environment_size(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Names and values of all containers' environments are 32 KB at most (API, ContainerDefinition)."""
    size = sum(
        len(str(part).encode("utf-8", "surrogatepass"))
        for _, container in _containers(request)
        for entry in _environment(container).items()
        for part in entry
    )
    if size > LARGEST_ENVIRONMENT:
        message = f"the environment of all containers has {size} bytes; at most {LARGEST_ENVIRONMENT}"
        yield Finding("", message, "environment-size")


def source_on_this_machine(request: Mapping[str, Any]) -> Iterator[Finding]:
    """The serving container reads its source itself (sagemaker-containers 2.8.6)."""
    for path, container in _containers(request):
        directory = text(container, "Environment", "SAGEMAKER_SUBMIT_DIRECTORY")
        if directory.startswith("file://"):
            yield local_uri(directory, f"{path}.Environment['SAGEMAKER_SUBMIT_DIRECTORY']")


def _containers(request: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    primary = look(request, "PrimaryContainer")
    first = [("PrimaryContainer", primary)] if isinstance(primary, Mapping) else []
    return [*first, *objects(request, "Containers")]


def _environment(container: Mapping[str, Any]) -> Mapping[Any, Any]:
    environment = look(container, "Environment")
    return environment if isinstance(environment, Mapping) else {}


RULES = (containers_or_primary, container_has_image, one_model_data, environment_size)
AWAY_RULES = (source_on_this_machine,)
