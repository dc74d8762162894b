"""Source that Python cannot parse: this one, or the image's."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterator

from harness.lint.findings import Found, Rule, Severity, Spot
from harness.lint.modules import Broken, Module
from harness.lint.subject import Subject

_OF_LATER_PYTHONS = (
    r"^\s*type\s+\w|^\s*(async\s+def|def|class)\s+\w+\s*\[|[fFtT][rR]?[\"']|[rR][fFtT][\"']|^\s*except\s.*,"
)
"""What Python 3.12 and later have added: type parameters, any quotes in f-strings, t-strings, ``except A, B``."""


def _broken(subject: Subject) -> Iterator[Found]:
    newer = subject.job.python is not None and subject.job.python > sys.version_info[:2]
    ours, theirs = _text(sys.version_info[:2]), _text(subject.job.python or ())
    for broken in subject.modules.broken:
        severity = Severity.ERROR if _is_needed(subject, broken) else Severity.WARNING
        if newer and re.search(_OF_LATER_PYTHONS, broken.line):
            yield Found(
                broken.spot,
                Severity.WARNING,
                f"Python {ours} cannot parse this ({broken.message}); the image has Python {theirs}.",
                f"Run harness lint with Python {theirs} to know.",
            )
        else:
            yield Found(
                broken.spot,
                severity,
                f"{broken.name}: {broken.message}.",
                "Mend it: nothing else can be said about this file.",
            )


def _too_new(subject: Subject) -> Iterator[Found]:
    version = subject.job.python
    if version is None or version >= sys.version_info[:2]:
        return
    for module in subject.modules.read.values():
        error = _complaint(module, version)
        if error is not None:
            needed = subject.execution is not None and any(node in subject.execution for node in module.tree.body)
            yield Found(
                Spot(module.name, error.lineno or 1, error.offset or 1),
                Severity.ERROR if needed or module is subject.modules.entry else Severity.WARNING,
                f"The image's Python {_text(version)} cannot parse this: {error.msg}.",
                "Write it for that version, or choose a newer framework_version.",
            )


def _complaint(module: Module, version: tuple[int, int]) -> SyntaxError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(module.text, module.name, feature_version=version)
    except SyntaxError as error:
        return error
    return None


def _is_needed(subject: Subject, broken: Broken) -> bool:
    """Whether the job cannot do without a file."""
    if broken.name == subject.modules.entry_point:
        return True
    for module in subject.modules.read.values():
        for node in module.all_imports:
            if subject.certain(node):
                names = [alias.name for alias in node.names]
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or "", *(f"{node.module}.{name}" for name in names)]
                if any(subject.modules.local(name) == broken.name for name in names):
                    return True
    return False


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


RULES = (
    Rule(
        "HRN001",
        "syntax-error",
        "A file cannot be parsed.",
        "Python parses the whole file before it runs any of it.",
        _broken,
    ),
    Rule(
        "HRN002",
        "syntax-of-newer-python",
        "The image's Python is older than the script's syntax.",
        "Images 1.0-1 and 1.2-1 have Python 3.8, image 1.4-2 has 3.10 (pins of sagemaker-scikit-learn-container); "
        "`match`, `except*` and others came later.",
        _too_new,
    ),
)
