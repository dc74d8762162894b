"""JSONPath as ``DataProcessing`` of a transform job knows it: AWS's subset, read and applied.

A parser of its own rather than a library, because AWS's subset is no subset of theirs: ``jsonpath-ng``
yields a list of matches, while AWS returns a document (``$['id','SageMakerOutput']`` is an *object* with
these two attributes, ``$.id`` is no list); it finds nothing where AWS fails the job (an index outside the
row); and it accepts the many operators that AWS refuses, which have to be refused here before anything is
paid for there.

Facts: AWS developer guide, «Associate Prediction Results with Input Records», and API reference of
``DataProcessing``. AWS's validation knows letters, digits and ``$[]*. ,:-'``, no underscore
(github.com/aws/aws-sdk, issue 184), and one range per bracket, alone (github.com/aws/sagemaker-python-sdk,
issue 1112; ``$[0,5:]`` in the API reference is from before).

The end of a range such as ``$[1:4]`` is excluded here, as in the implementation of JSONPath that the guide
refers to and as examples published by AWS's own teams rely on; the guide's prose calls it included, and
nobody has said which it is. An open range or a list of indexes means the same under both readings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.errors import ConfigurationError


class PathError(ValueError):
    """A path selects what a document does not have."""


@dataclass(frozen=True)
class _One:
    key: str | int


@dataclass(frozen=True)
class _Several:
    keys: tuple[str | int, ...]


@dataclass(frozen=True)
class _Range:
    start: int | None
    end: int | None


@dataclass(frozen=True)
class _Everything:
    pass


_Step: TypeAlias = _One | _Several | _Range | _Everything


@dataclass(frozen=True)
class JsonPath:
    """An expression of AWS's subset, ready to be applied to any number of documents."""

    expression: str
    steps: tuple[_Step, ...]

    @property
    def selects_all(self) -> bool:
        """Whether it is ``$``, the whole document."""
        return not self.steps

    @property
    def selects_from_row(self) -> bool:
        """Whether it can be applied to a CSV row, an array of cells: one step at most, and none by name."""
        match self.steps:
            case () | (_Range() | _Everything(),):
                return True
            case (_One(key) | _Several((key, *_)),):
                return isinstance(key, int)
        return False

    def select(self, document: Any) -> Any:
        """What the path selects.

        One name or index gives its value; several names give an object; several indexes, a range or ``*``
        give an array. What follows any of the last three is applied to each of their values.

        Raises:
            PathError: an attribute or index is not there, or the document is not of the kind that the path
                expects.
        """
        return _select(document, self.steps)


def parse_json_path(expression: str) -> JsonPath:
    """Read an expression of AWS's subset.

    Raises:
        ConfigurationError: it is none.
    """
    if foreign := re.search(r"[^A-Za-z0-9$\[\]*. ,:'-]", expression):
        raise ConfigurationError(
            f"Invalid JSONPath {expression!r}: unexpected {foreign[0]!r}. SageMaker knows letters, digits, "
            "blanks and $ [ ] * . , : - ' here; rename the attribute, or select it in the script."
        )
    text = expression.strip()
    if not text.startswith("$"):
        raise ConfigurationError(f"Invalid JSONPath {expression!r}: it must begin with $, the whole record.")
    steps: list[_Step] = []
    position = 1
    while position < len(text):
        found = _STEP.match(text, position)
        step = _step(found) if found else None
        if not found or step is None:
            raise ConfigurationError(f"Invalid JSONPath {expression!r}: {_why_not(text[position:])}")
        steps.append(step)
        position = found.end()
    return JsonPath(expression, tuple(steps))


_STEP = re.compile(r"\.(?P<name>\*|[A-Za-z0-9-]+)|\.?\[\s*(?P<inside>[^\[\]]*?)\s*\]")
_NAMES = re.compile(r"'[^']*'(?:\s*,\s*'[^']*')*")
_INDEXES = re.compile(r"-?\d+(?:\s*,\s*-?\d+)*")
_RANGE = re.compile(r"(?P<start>-?\d+)?\s*:\s*(?P<end>-?\d+)?")


def _step(found: re.Match[str]) -> _Step | None:
    inside = found["inside"]
    if found["name"] == "*" or inside == "*":
        return _Everything()
    if inside is None:
        return _One(found["name"])
    if _NAMES.fullmatch(inside):
        return _one_or_several(re.findall(r"'([^']*)'", inside))
    if _INDEXES.fullmatch(inside):
        return _one_or_several([int(index) for index in inside.split(",")])
    if span := _RANGE.fullmatch(inside):
        start, end = (None if bound is None else int(bound) for bound in span.group("start", "end"))
        return _Range(start, end)
    return None


def _one_or_several(keys: Sequence[str | int]) -> _Step:
    return _One(keys[0]) if len(keys) == 1 else _Several(tuple(keys))


def _why_not(rest: str) -> str:
    if re.match(r"\.?\[[^\]]*(,[^\]]*:|:[^\]]*,)", rest):
        return "a range stands alone in its brackets, as in $[1:]; list single indexes instead, as in $[0,1,-1]."
    return (
        f"{rest!r} is none of .name, .*, ['name'], ['name','name'], [0], [0,2], [-1], [1:], [*], "
        "which is what SageMaker knows."
    )


def _select(document: Any, steps: Sequence[_Step]) -> Any:
    if not steps:
        return document
    step, rest = steps[0], steps[1:]
    match step:
        case _One(key):
            return _select(_at(document, key), rest)
        case _Several(keys):
            if isinstance(keys[0], str) and not rest:
                return {key: _at(document, key) for key in keys}
            return [_select(_at(document, key), rest) for key in keys]
        case _Range(start, end):
            array = _expect(document, list, "array")
            chosen = array[start:end]
            if not chosen:
                raise PathError(f"it selects nothing of {len(array)} elements")
            return [_select(value, rest) for value in chosen]
        case _Everything():
            is_object = isinstance(document, dict)
            values = list(document.values()) if is_object else _expect(document, list, "array")
            return [_select(value, rest) for value in values]


def _at(document: Any, key: str | int) -> Any:
    if isinstance(key, str):
        attributes = _expect(document, dict, "object")
        if key not in attributes:
            raise PathError(f"there is no attribute {key!r}; there are: {', '.join(attributes) or 'none'}")
        return attributes[key]
    array = _expect(document, list, "array")
    if not -len(array) <= key < len(array):
        raise PathError(f"index {key} is outside of {len(array)} elements")
    return array[key]


def _expect(document: Any, kind: type, name: str) -> Any:
    if not isinstance(document, kind):
        raise PathError(f"an {name} is expected where there is {json.dumps(document)[:40]}")
    return document
