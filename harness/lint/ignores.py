"""``# harness: ignore[HRN101]`` on a line: what is found there has been seen, and is meant."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from harness.lint.findings import Found, Rule, Severity, Spot
from harness.lint.modules import Module

_COMMENT = r"#\s*harness:\s*ignore\b(?:\[(?P<ids>[^\]]*)\])?"
UNUSED = Rule(
    "HRN901",
    "unused-ignore",
    "An `# harness: ignore[…]` that ignores nothing.",
    "What it was for is gone, or it names no rule.",
    lambda subject: (),
)


class Ignore(NamedTuple):
    """One comment."""

    spot: Spot
    ids: tuple[str, ...]


def ignores_of(module: Module) -> Iterator[Ignore]:
    """The comments of a module. Cheap where there is none."""
    if "harness:" not in module.text:
        return
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(module.text).readline))
    except (tokenize.TokenError, SyntaxError):
        return
    for token in tokens:
        match = re.search(_COMMENT, token.string) if token.type == tokenize.COMMENT else None
        if match:
            ids = tuple(each.strip() for each in (match["ids"] or "").split(",") if each.strip())
            yield Ignore(Spot(module.name, token.start[0], token.start[1] + 1), ids)


def without_ignored(
    found: Iterable[tuple[str, Found]], ignores: Collection[Ignore], known: Collection[str]
) -> list[tuple[str, Found]]:
    """What is left of (rule, finding) pairs; a comment that ignores nothing is a finding of its own."""
    used: set[tuple[Ignore, str]] = set()
    left = []
    for rule, each in found:
        matching = [
            ignore
            for ignore in ignores
            if ignore.spot.path == each.spot.path and ignore.spot.line == each.spot.line and rule in ignore.ids
        ]
        used |= {(ignore, rule) for ignore in matching}
        if not matching:
            left.append((rule, each))
    for ignore in ignores:
        for name in ignore.ids:
            if (ignore, name) not in used:
                what = f"Nothing is found here by {name}." if name in known else f"There is no rule {name}."
                left.append((UNUSED.id, Found(ignore.spot, Severity.WARNING, what, "Take it out of the comment.")))
        if not ignore.ids:
            what = "The comment names no rule, and ignores nothing."
            left.append((UNUSED.id, Found(ignore.spot, Severity.WARNING, what, "Name it: # harness: ignore[HRN101].")))
    return left
