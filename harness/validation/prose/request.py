"""Looking into a request that may be malformed: what is missing or of another type is ``None`` or empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from harness.validation.findings import Finding

Rule = Callable[[Mapping[str, Any]], Iterator[Finding]]
"""Takes a request and yields what breaks one rule."""


def look(document: Any, *steps: str) -> Any:
    """Return what stands under ``steps``, or ``None``."""
    for step in steps:
        document = document.get(step) if isinstance(document, Mapping) else None
    return document


def number(document: Any, *steps: str) -> int | None:
    """Return the whole number under ``steps``, or ``None``."""
    value = look(document, *steps)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(document: Any, *steps: str) -> str:
    """Return the string under ``steps``, or an empty one."""
    value = look(document, *steps)
    return value if isinstance(value, str) else ""


def objects(document: Any, *steps: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the objects of the list under ``steps``, each with its path."""
    entries = look(document, *steps)
    if not isinstance(entries, (list, tuple)):
        return []
    path = ".".join(steps)
    return [(f"{path}[{index}]", entry) for index, entry in enumerate(entries) if isinstance(entry, Mapping)]


def given(document: Any, names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that stand in an object."""
    return [name for name in names if look(document, name) is not None]


def exactly_one(document: Any, path: str, names: tuple[str, ...], rule: str) -> Iterator[Finding]:
    """Yield a finding unless exactly one of ``names`` stands in the object at ``path``."""
    present = given(document, names)
    if not present:
        yield Finding(path, f"needs {' or '.join(names)}", rule)
    elif len(present) > 1:
        yield Finding(path, f"{' and '.join(present)} exclude each other; leave one out", rule)


def repeated(entries: Iterable[tuple[str, Mapping[str, Any]]], name: str, rule: str) -> Iterator[Finding]:
    """Yield a finding for every entry whose ``name`` an earlier one has."""
    seen: Counter[str] = Counter()
    for path, entry in entries:
        value = text(entry, name)
        if value and seen[value]:
            yield Finding(f"{path}.{name}", f"{value!r} is taken; every {name} must be unique", rule)
        seen[value] += 1
