"""A document against its shape in the service model: keys, types, enums, patterns, lengths, bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness.service_model import ServiceModel, Shape
from harness.validation.constraints import constraints, did_you_mean, enum_words, pattern_words, type_message
from harness.validation.findings import Finding, aws_words

LOCAL_INSTANCE_TYPES = ("local", "local_gpu")
"""The SageMaker SDK's names for this machine."""

_S3_PATTERN = "(https|s3)://"
_CONTAINERS = ("structure", "list", "map")


def structural_findings(model: ServiceModel, shape: str, document: Any, *, local: bool) -> Iterator[Finding]:
    """Yield everything in which ``document`` differs from ``shape``, in the order of the document.

    Args:
        model: the service model that has the shape.
        shape: the name of the shape.
        document: what boto3 would be given, or what it would return.
        local: whether ``file://`` URIs and the instance types ``local`` and ``local_gpu`` are allowed.
    """
    yield from _Walk(model, local).findings(shape, document, _Place("", ""))


def local_uri(value: str, path: str, aws: str | None = None) -> Finding:
    """Return the finding that a ``file://`` URI was given to a target that is not this machine."""
    remedy = "can only be read on this machine; use --on local, or give an s3:// URI"
    return Finding(path, f"{value} {remedy}", "local-uri", aws)


class _Place(NamedTuple):
    """Where in a document: as a user writes it, and as AWS does.

    AWS reports a scalar in a list or map as a fault of the whole; ``whole`` is then how it calls the scalars
    («Map value») and the list or map itself.
    """

    path: str
    aws_path: str
    whole: tuple[str, Any] | None = None

    def member(self, name: str) -> _Place:
        camel = name[:1].lower() + name[1:]
        return _Place(
            f"{self.path}.{name}" if self.path else name,
            f"{self.aws_path}.{camel}" if self.aws_path else camel,
        )

    def entry(self, index: int) -> _Place:
        return _Place(f"{self.path}[{index}]", f"{self.aws_path}.{index + 1}.member")

    def scalar(self, step: str, called: str, whole: Any) -> _Place:
        return _Place(f"{self.path}{step}", self.aws_path, (called, whole))

    def refusal(self, value: Any, constraint: str, shape: Shape | None = None) -> str:
        """Return AWS's sentence for ``value`` breaking ``constraint`` here."""
        if self.whole and shape:
            called, value = self.whole
            every = ", ".join(each.words for each in constraints(shape))
            constraint = f"{called} must satisfy constraint: [{every}]"
        return aws_words(self.aws_path, value, constraint)


class _Walk(NamedTuple):
    model: ServiceModel
    local: bool

    def findings(self, name: str, value: Any, place: _Place) -> Iterator[Finding]:
        shape = self.model.shapes[name]
        wrong_type = type_message(shape["type"], value)
        if wrong_type:
            yield Finding(place.path, wrong_type, "type")
        elif shape["type"] == "structure":
            yield from self._structure(shape, value, place)
        elif isinstance(value, str):
            yield from self._text(name, shape, value, place)
        else:
            yield from _broken(shape, value, place)
            if shape["type"] == "list":
                yield from self._list(shape["member"], value, place)
            elif shape["type"] == "map":
                yield from self._map(shape, value, place)

    def _structure(self, shape: Shape, value: Mapping[str, Any], place: _Place) -> Iterator[Finding]:
        members = shape.get("members", {})
        for name in shape.get("required", ()):
            if name not in value:
                missing = place.member(name)
                words = missing.refusal(None, "Member must not be null")
                yield Finding(missing.path, "is required", "required", words)
        for name, member in value.items():
            if name in members:
                yield from self.findings(members[name], member, place.member(name))
            else:
                message = f"is not known to AWS{did_you_mean(name, members)}"
                yield Finding(place.member(str(name)).path, message, "unknown")

    def _list(self, member: str, value: Sequence[Any], place: _Place) -> Iterator[Finding]:
        nested = self.model.shapes[member]["type"] in _CONTAINERS
        for index, entry in enumerate(value):
            at = place.entry(index) if nested else place.scalar(f"[{index}]", "Member", value)
            yield from self.findings(member, entry, at)

    def _map(self, shape: Shape, value: Mapping[Any, Any], place: _Place) -> Iterator[Finding]:
        for key, entry in value.items():
            step = f"[{key!r}]"
            for finding in self.findings(shape["key"], key, place.scalar(step, "Map keys", value)):
                yield Finding(finding.path, f"its name: {finding.message}", finding.rule, finding.aws)
            yield from self.findings(shape["value"], entry, place.scalar(step, "Map value", value))

    def _text(self, name: str, shape: Shape, value: str, place: _Place) -> Iterator[Finding]:
        if value.startswith("file://") and shape.get("pattern", "").startswith(_S3_PATTERN):
            if not self.local:
                words = place.refusal(value, pattern_words(shape["pattern"]), shape)
                yield local_uri(value, place.path, words)
        elif name.endswith("InstanceType") and value in LOCAL_INSTANCE_TYPES:
            if not self.local:
                message = f"{value!r} is this machine; use --on local, or name an AWS instance type (ml.m5.large)"
                words = place.refusal(value, enum_words(shape["enum"]), shape)
                yield Finding(place.path, message, "local-instance-type", words)
        else:
            yield from _broken(shape, value, place)


def _broken(shape: Shape, value: Any, place: _Place) -> Iterator[Finding]:
    for constraint in constraints(shape):
        message = constraint.broken_by(value)
        if message:
            yield Finding(place.path, message, constraint.rule, place.refusal(value, constraint.words, shape))
