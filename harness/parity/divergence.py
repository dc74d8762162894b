"""How a divergence is told from others: by target, aspect and place, and in its values too. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.doctor.drift import loads
from harness.parity.findings import Aspect, Finding

Holds = Callable[[str | None, str | None], bool]
"""Whether two values, what is expected and what was seen, are those of a divergence."""


@dataclass(frozen=True)
class Divergence:
    """One row of the table."""

    targets: tuple[str, ...]
    aspect: Aspect
    where: str
    """Pattern of places, as the shell has them."""
    holds: Holds
    why: str
    breaks: str
    remedy: str

    def explains(self, finding: Finding, ran_by: str) -> bool:
        """Whether a finding is this divergence, in value too."""
        return (
            ran_by in self.targets
            and finding.aspect is self.aspect
            and fnmatchcase(finding.where, self.where)
            and self.holds(finding.expected, finding.seen)
        )


def only_seen(pattern: str) -> Holds:
    """Nothing is expected, and what is there is of this form."""
    return lambda expected, seen: expected is None and seen is not None and re.fullmatch(pattern, seen) is not None


def only_expected(pattern: str = ".*") -> Holds:
    """What is expected has this form, and there is nothing."""
    return lambda expected, seen: (
        seen is None and expected is not None and re.fullmatch(pattern, expected, re.DOTALL) is not None
    )


def turned(before: str, after: str) -> Holds:
    """One form has become another."""
    return lambda expected, seen: (
        expected is not None
        and seen is not None
        and re.fullmatch(before, expected, re.DOTALL) is not None
        and re.fullmatch(after, seen, re.DOTALL) is not None
    )


def elsewhere(expected: str | None, seen: str | None) -> bool:
    """The same text, but for ``/opt/ml``, which is the host's folder of a run."""
    if expected is None or seen is None or "/opt/ml" not in expected:
        return False
    first, *rest = expected.split("/opt/ml")
    pattern = re.escape(first) + r"(?P<root>/[^:\",]*/hosts/algo-\d+)" + "(?P=root)".join(map(re.escape, rest))
    return re.fullmatch(pattern, seen, re.DOTALL) is not None


def loads_alike(library: str) -> Holds:
    """Two versions of a library of which one loads what the other has pickled."""
    return lambda expected, seen: expected is not None and seen is not None and loads(library, expected, seen)
