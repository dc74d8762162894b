"""AWS's own description of the SageMaker API: types, required members, enums, patterns, bounds.

The facts come from botocore's ``service-2.json``. A compact extract of the operations that the harness
speaks is shipped as ``service_model.json``, so that nothing here needs botocore, and loading takes about a
millisecond. Where another version of botocore is installed, its model is extracted once into a cache and
used instead.

``python -m harness.service_model`` writes the shipped extract anew from the installed botocore.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict, cast

from harness.errors import MissingCapability
from harness.folders import make_own

SHIPPED = Path(__file__).with_suffix(".json")

OPERATIONS = (
    *("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob", "ListTrainingJobs"),
    *("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob", "ListProcessingJobs"),
    *("CreateTransformJob", "DescribeTransformJob", "StopTransformJob", "ListTransformJobs"),
    *("CreateModel", "DescribeModel", "DeleteModel", "ListModels"),
    *("CreateEndpointConfig", "DescribeEndpointConfig", "DeleteEndpointConfig", "ListEndpointConfigs"),
    *("CreateEndpoint", "DescribeEndpoint", "UpdateEndpoint", "DeleteEndpoint", "ListEndpoints"),
    *("AddTags", "ListTags", "DeleteTags"),
)
"""The operations that the extract holds."""

_CONSTRAINTS = ("required", "enum", "pattern", "min", "max")
_REFERENCES: tuple[Literal["member", "key", "value"], ...] = ("member", "key", "value")


class Shape(TypedDict, total=False):
    """One shape of ``service-2.json`` without its documentation; references are names of other shapes.

    ``type`` is botocore's: structure, list, map, string, integer, long, float, boolean, timestamp. ``min``
    and ``max``, both inclusive, bound a number, the characters of a string, or the entries of a list or map.
    """

    type: str
    members: dict[str, str]
    required: list[str]
    member: str
    key: str
    value: str
    enum: list[str]
    pattern: str
    min: float
    max: float


class Operation(TypedDict):
    """The shapes of an operation's request and response; an operation without a response has none."""

    input: str
    output: str | None


class ServiceModel(NamedTuple):
    """What AWS says about its own API, as of one version of botocore."""

    version: str
    operations: Mapping[str, Operation | None]
    shapes: Mapping[str, Shape]

    def input_of(self, operation: str) -> str:
        """Return the name of the shape of an operation's request.

        Raises:
            LookupError: this model does not have the operation.
        """
        return self._operation(operation)["input"]

    def output_of(self, operation: str) -> str | None:
        """Return the name of the shape of an operation's response, ``None`` where the response is empty.

        Raises:
            LookupError: this model does not have the operation.
        """
        return self._operation(operation)["output"]

    def _operation(self, name: str) -> Operation:
        operation = self.operations.get(name)
        if operation is None:
            raise LookupError(f"the service model of botocore {self.version} has no operation {name}")
        return operation


class InstalledBotocore(NamedTuple):
    """A botocore that could be imported, found without importing it."""

    version: str
    service_file: Path


def load(cache: Path | None = None) -> ServiceModel:
    """Return the installed botocore's model of SageMaker, or the shipped one where there is no botocore.

    Args:
        cache: folder that keeps the extract of a botocore other than the one that the shipped extract was
            made from. Without it, or where it cannot be written, such a botocore is read anew each time
            (about 50 ms).
    """
    shipped = _read(SHIPPED)
    installed = installed_botocore()
    if installed is None or installed.version == shipped.version:
        return shipped
    if cache is None:
        return _model(extract(installed))
    cached = cache / f"service-model-{installed.version}.json"
    model = _cached(cached)
    if model is None:
        document = extract(installed)
        _write_if_possible(cached, document)
        model = _model(document)
    return model


def installed_botocore() -> InstalledBotocore | None:
    """Find botocore's version and its model of SageMaker without importing it; ``None`` if there is none."""
    import importlib.util
    import re

    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    version = re.search(r"""^__version__ = ['"](.+)['"]""", Path(spec.origin).read_text("utf-8"), re.MULTILINE)
    files = sorted(package.glob("data/sagemaker/*/service-2.json*"))
    return InstalledBotocore(version[1], files[-1]) if version and files else None


def extract(botocore: InstalledBotocore) -> dict[str, Any]:
    """Return the document of ``service_model.json`` for an installed botocore.

    An operation that this botocore does not know yet stands with ``null``.
    """
    service = _service(botocore.service_file)
    operations = {name: _operation(service["operations"].get(name)) for name in OPERATIONS}
    known = [operation for operation in operations.values() if operation]
    roots = [shape for each in known for shape in (each["input"], each["output"]) if shape]
    shapes: dict[str, Shape] = {}
    while roots:
        name = roots.pop()
        if name not in shapes:
            shapes[name] = _shape(service["shapes"][name])
            roots += _references(shapes[name])
    return {"botocore": botocore.version, "operations": operations, "shapes": dict(sorted(shapes.items()))}


def serialise(document: Mapping[str, Any]) -> str:
    """Return the extract as text: one operation or shape a line, so that a new version is a readable diff."""
    sections = [f'"botocore":{json.dumps(document["botocore"])}']
    for section in ("operations", "shapes"):
        lines = (f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in document[section].items())
        sections.append(f'"{section}":{{\n' + ",\n".join(lines) + "\n}")
    return "{" + ",\n".join(sections) + "}\n"


def _service(file: Path) -> dict[str, Any]:
    if file.suffix == ".gz":
        import gzip

        raw = gzip.decompress(file.read_bytes())
    else:
        raw = file.read_bytes()
    service: dict[str, Any] = json.loads(raw)
    return service


def _operation(described: Mapping[str, Any] | None) -> Operation | None:
    if described is None:
        return None
    return {"input": described["input"]["shape"], "output": described.get("output", {}).get("shape")}


def _shape(described: Mapping[str, Any]) -> Shape:
    shape = {name: described[name] for name in ("type", *_CONSTRAINTS) if name in described}
    shape |= {name: described[name]["shape"] for name in _REFERENCES if name in described}
    if "members" in described:
        shape["members"] = {name: member["shape"] for name, member in described["members"].items()}
    return cast(Shape, shape)


def _references(shape: Shape) -> list[str]:
    references = list(shape.get("members", {}).values())
    return references + [shape[name] for name in _REFERENCES if name in shape]


def _read(file: Path) -> ServiceModel:
    return _model(json.loads(file.read_bytes()))


def _cached(file: Path) -> ServiceModel | None:
    try:
        model = _read(file)
    except (OSError, ValueError, KeyError):
        return None
    # An older harness may have written it, that spoke fewer operations.
    return model if set(model.operations) == set(OPERATIONS) else None


def _model(document: Mapping[str, Any]) -> ServiceModel:
    return ServiceModel(document["botocore"], document["operations"], document["shapes"])


def _write_if_possible(file: Path, document: Mapping[str, Any]) -> None:
    import contextlib
    import os

    beside = file.with_name(f"{file.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        make_own(file.parent)
        beside.write_text(serialise(document), "utf-8")
        beside.replace(file)


def _main() -> None:
    botocore = installed_botocore()
    if botocore is None:
        raise MissingCapability("botocore is not installed here. `pip install boto3`, then try again.")
    SHIPPED.write_text(serialise(extract(botocore)), "utf-8")


if __name__ == "__main__":
    _main()
