"""One way of counting for every report: what is said alike of several targets is one finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def merged(findings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings of a document that say the same of several targets, as one that has ``ids`` and ``targets``.

    ``on`` has the targets in words.
    """
    found: dict[str, dict[str, Any]] = {}
    for finding in findings:
        same = {name: value for name, value in finding.items() if name not in {"Id", "Target"}}
        entry = found.setdefault(repr(sorted(same.items())), {**same, "ids": [], "targets": []})
        entry["ids"].append(finding["Id"])
        entry["targets"].append(finding["Target"])
    for entry in found.values():
        entry["on"] = listed(list(dict.fromkeys(entry["targets"]))).replace("*", "any target")
    return list(found.values())


def listed(names: Sequence[str]) -> str:
    """Names in words: ``local, container and remote``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
