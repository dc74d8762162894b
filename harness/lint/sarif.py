"""Findings as SARIF 2.1.0 (OASIS), the form that code scanning at GitHub takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from harness import __version__
from harness.lint.findings import Finding, Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"


def to_sarif(findings: Iterable[Finding], rules: Iterable[Rule], uri: Callable[[str], str]) -> dict[str, Any]:
    """One run as a document.

    Args:
        findings: what was found.
        rules: every rule there is, by id; all are described, so that a reader knows what was looked for.
        uri: the path of a file of the source, relative to the repository, with ``/`` and percent signs.
    """
    rules = list(rules)
    index = {rule.id: number for number, rule in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "harness lint",
                        "semanticVersion": __version__,
                        "rules": [_rule(rule) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, index, uri) for finding in findings],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.why},
    }


def _result(finding: Finding, index: dict[str, int], uri: Callable[[str], str]) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": str(finding.severity),
        "message": {"text": f"{finding.message} {finding.remedy}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri(finding.path), "uriBaseId": _ROOT},
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                }
            }
        ],
    }
