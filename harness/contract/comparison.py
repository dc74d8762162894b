"""Two observed contracts -> their differences. Pure, standard library alone.

An observed contract is a mapping of aspects (``environment``, ``arguments``, …), each a mapping of places (a variable's
name, ``argv[1]``, a path, …) to text. What AWS promises has the same form, so that one comparison serves for both.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

Facts = Mapping[str, Mapping[str, str]]
"""Aspect -> place -> what is there."""


@dataclass(frozen=True)
class Difference:
    """One place where two contracts differ. None: there is nothing in that place."""

    aspect: str
    where: str
    expected: str | None
    seen: str | None


def compare(expected: Facts, seen: Facts, *, whole: Collection[str] = ()) -> Iterator[Difference]:
    """Every difference, aspect by aspect in the order of ``expected``, place by place in the order of names.

    Args:
        expected: what should be there.
        seen: what is there.
        whole: aspects of which ``expected`` names every place, so that anything else is a difference as well. Of the
            others only those places count that ``expected`` has.
    """
    for aspect, places in expected.items():
        there = seen.get(aspect, {})
        names = {*places, *there} if aspect in whole else set(places)
        for where in sorted(names):
            wanted, found = places.get(where), there.get(where)
            if wanted != found:
                yield from _detailed(Difference(aspect, where, wanted, found))


def flattened(value: object, where: str = "") -> dict[str, str]:
    """The leaves of a JSON value: ``{"a": {"b": [1]}}`` is ``{"a.b[0]": "1"}``; empty lists and objects are leaves."""
    if isinstance(value, Mapping) and value:
        parts = [(f"{where}.{name}" if where else str(name), each) for name, each in value.items()]
    elif isinstance(value, list) and value:
        parts = [(f"{where}[{index}]", each) for index, each in enumerate(value)]
    else:
        return {where: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
    return {place: leaf for path, each in parts for place, leaf in flattened(each, path).items()}


def _detailed(difference: Difference) -> Iterator[Difference]:
    """The difference, or, where both sides are JSON with other values in it, one for each of these values."""
    expected, seen = _structure(difference.expected), _structure(difference.seen)
    if expected is None or seen is None or type(expected) is not type(seen):
        yield difference
        return
    ours, theirs = flattened(expected, difference.where), flattened(seen, difference.where)
    if ours == theirs:  # the same values, written in another way
        yield difference
    for where in sorted({*ours, *theirs}):
        if ours.get(where) != theirs.get(where):
            yield Difference(difference.aspect, where, ours.get(where), theirs.get(where))


def _structure(text: str | None) -> object:
    """The object or list that a text is in JSON; None for all other texts."""
    if text is None or not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text) or None
    except ValueError:
        return None
