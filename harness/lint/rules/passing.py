"""What rules about arguments share: where they point, and how bad it is."""

from __future__ import annotations

from harness.lint.findings import Severity, Spot
from harness.lint.parsers import Option
from harness.lint.subject import Passed, Subject


def place_of(subject: Subject, option: Option | None) -> Spot:
    """An option's declaration, else where the command line is read."""
    if option is not None:
        return option.module.spot(option.node)
    return subject.reading[0] if subject.reading else subject.start


def fatal(subject: Subject) -> Severity:
    """Of what ends ``parse_args``."""
    return subject.severity(subject.reading[1]) if subject.reading else Severity.WARNING


def strict(subject: Subject) -> bool:
    """Whether an argument that nobody declared ends the script."""
    return subject.parser is not None and subject.parser.strict


def typed(passed: Passed) -> str:
    """The arguments as people would type them."""
    flag, text = passed.arguments
    return f"{flag} {text!r}" if not text or " " in text else f"{flag} {text}"
