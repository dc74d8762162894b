"""Scripts of processing jobs that name paths below ``/opt/ml``, for a machine that cannot make those paths real."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PATHS = ("/opt/ml/processing", "/opt/ml/config", "/opt/ml/output/message")
"""What a script of a processing job may find there; no variable tells of any of them."""


def literal_paths_below(path: Path) -> Iterator[str]:
    """What scripts, one file or all below a folder, name; each as a sentence with its remedy."""
    root = path.parent if path.is_file() else path
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.suffix not in {".py", ".sh"}:
            continue
        told = "\n".join(_told(file))
        for name in _PATHS:
            if name in told:
                yield (
                    f"{file.relative_to(root)}: it names {name}, and this machine cannot give it a private /opt/ml. "
                    "Take the path as an argument, or try --on container"
                )


def _told(script: Path) -> Iterator[str]:
    """What of a script's text may become a path: of Python the strings, without docstrings and comments."""
    text = script.read_bytes()
    if script.suffix == ".py" and any(name.encode() in text for name in _PATHS):
        with suppress(SyntaxError, ValueError, RecursionError):  # of another Python, perhaps: then all of it counts
            nodes = list(ast.walk(ast.parse(text)))
            idle = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            yield from (str(node.value) for node in nodes if isinstance(node, ast.Constant) and id(node) not in idle)
            return
    yield text.decode("utf-8", "replace")
