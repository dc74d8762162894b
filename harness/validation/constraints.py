"""The constraints of one shape: what breaks them, in our words, and how AWS words the constraint itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness.service_model import Shape
from harness.validation.patterns import matches

_SHOWN = 80
_OF_A_NAME = re.compile(r"\[a-zA-Z0-9\]\((?:-\*|\[\\-a-zA-Z0-9\]\*)\[a-zA-Z0-9\]\)(?:\{0,\d+\}|\?)")
"""The patterns of jobs, models and endpoints."""
_TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "structure": ("an object", (Mapping,)),
    "map": ("an object", (Mapping,)),
    "list": ("a list", (list, tuple)),
    "string": ("a string", (str,)),
    "integer": ("a whole number", (int,)),
    "long": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "double": ("a number", (int, float)),
    "boolean": ("true or false", (bool,)),
}


class Constraint(NamedTuple):
    """One constraint of a shape.

    Attributes:
        rule: ``length``, ``range``, ``pattern`` or ``enum``.
        words: how AWS words it: «Member must have length less than or equal to 63».
        broken_by: says what is wrong with a value of the shape's type; ``None`` where nothing is.
    """

    rule: str
    words: str
    broken_by: Callable[[Any], str | None]


def constraints(shape: Shape) -> Iterator[Constraint]:
    """Yield a shape's constraints in the order in which AWS names them."""
    if "max" in shape:
        yield _bound(shape["type"], shape["max"], "less", lambda size, bound: size <= bound)
    if "min" in shape:
        yield _bound(shape["type"], shape["min"], "greater", lambda size, bound: size >= bound)
    if "pattern" in shape:
        pattern = shape["pattern"]
        yield Constraint("pattern", pattern_words(pattern), lambda text: _pattern_message(pattern, text))
    if "enum" in shape:
        enum = shape["enum"]
        yield Constraint("enum", enum_words(enum), lambda text: _enum_message(enum, text))


def pattern_words(pattern: str) -> str:
    """Return how AWS words that a text must match ``pattern``."""
    return f"Member must satisfy regular expression pattern: {pattern}"


def enum_words(enum: Sequence[str]) -> str:
    """Return how AWS words that a text must be one of ``enum``."""
    return f"Member must satisfy enum value set: [{', '.join(enum)}]"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return «; did you mean …?» with what is closest to ``name``, or nothing where nothing is close."""
    import difflib

    by_lower = {candidate.lower(): candidate for candidate in known}
    wanted = str(name).lower()
    whole = [candidate for candidate in by_lower if candidate.endswith(f".{wanted}")]  # m5.large of ml.m5.large
    close = [by_lower[match] for match in whole or difflib.get_close_matches(wanted, by_lower)]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def type_message(kind: str, value: object) -> str | None:
    """Return why ``value`` is not of a shape's type; ``None`` where it is. A bool is not a number."""
    if kind == "timestamp":
        expected, right = "a time", _is_time(value)
    else:
        expected, types = _TYPES[kind]
        right = isinstance(value, types) and (kind == "boolean" or not isinstance(value, bool))
    if right:
        return None
    if value is None:
        return f"must be {expected}, not null (leave the key out instead)"
    return f"must be {expected}, not {_shown(value)} ({type(value).__name__})"


def _bound(kind: str, bound: float, side: str, holds: Callable[[float, float], bool]) -> Constraint:
    limit = f"{side} than or equal to {bound}"
    allowed = f"at {'most' if side == 'less' else 'least'} {bound}"

    def broken_range(value: float) -> str | None:
        return None if holds(value, bound) else f"{value} is out of range; {allowed}"

    def broken_length(value: Sequence[Any]) -> str | None:
        if holds(len(value), bound):
            return None
        return f"has {len(value)} {'characters' if kind == 'string' else 'entries'}; {allowed}"

    if kind in ("string", "list", "map"):
        return Constraint("length", f"Member must have length {limit}", broken_length)
    return Constraint("range", f"Member must have value {limit}", broken_range)


def _pattern_message(pattern: str, text: str) -> str | None:
    if matches(pattern, text):
        return None
    if len(text.splitlines()) > 1:
        # Likely a document or a key, and not to be shown.
        return f"has a line break, and does not match the pattern {pattern}"
    words = ": letters, digits and hyphens, no hyphen at either end" if _OF_A_NAME.fullmatch(pattern) else ""
    return f"{_shown(text)} does not match the pattern {pattern}{words}"


def _enum_message(enum: Sequence[str], text: str) -> str | None:
    if text in enum:
        return None
    if len(enum) <= 10:
        return f"{_shown(text)} is not one of {', '.join(enum)}"
    return f"{_shown(text)} is not one of the {len(enum)} values that AWS knows{did_you_mean(text, enum)}"


def _is_time(value: object) -> bool:
    from datetime import datetime

    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return False
    return isinstance(value, (datetime, int, float, str)) and not isinstance(value, bool)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
