"""The rules that stand only in AWS's prose, per operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.validation.findings import Finding

Rule = Callable[[Mapping[str, Any]], Iterator[Finding]]

RULES: Mapping[str, tuple[Rule, ...]] = {}


def prose_findings(operation: str, request: Mapping[str, Any], *, local: bool) -> Iterator[Finding]:
    """Yield what breaks the prose's rules for an operation."""
    for rule in RULES.get(operation, ()):
        yield from rule(request)
