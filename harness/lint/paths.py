"""Where paths in a script point, as far as its source tells."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import NamedTuple

from harness.lint.modules import Module
from harness.lint.variables import read_of

_SAME = frozenset({"os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expanduser", "str", "os.fspath"})
PATHS = frozenset(
    {"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath", "os.path.join", "posixpath.join"}
)
UNKNOWN_PART = "*"
_MAGIC = frozenset("*?[")
_DEPTH = 12


class Where(NamedTuple):
    """What a path names: ``base`` joined with ``path``."""

    base: str
    """``cwd``, ``source`` (the root of the source, by way of ``__file__``), ``/``, ``~``, ``$VARIABLE``, or ``C:``
    for whatever drive of Windows."""
    path: str = ""
    """Normal, with ``/``; a part that is not known is ``*``."""

    def __truediv__(self, other: Where) -> Where:
        if other.base != "cwd":
            return other
        return Where(self.base, _normal(posixpath.join(self.path, other.path)))

    @property
    def exact(self) -> bool:
        """Whether all of it is known."""
        return UNKNOWN_PART not in self.path

    @property
    def is_beside(self) -> bool:
        """Whether it lies out of the folder that a variable names: ``os.environ["SM_MODEL_DIR"] + "model.joblib"``."""
        return self.base.startswith("$") and self.path.startswith("../")

    @property
    def folder(self) -> Where:
        """The part of it that is known, where a part is not: ``data`` of ``data/*.csv``."""
        known = list(takewhile(lambda part: not _MAGIC & set(part), self.path.split("/")))
        return Where(self.base, "/".join(known))

    @property
    def parent(self) -> Where:
        """The folder that it lies in."""
        return Where(self.base, _normal(posixpath.join(self.path, "..")))

    def __str__(self) -> str:
        if self.base in ("cwd", "source", "C:"):
            return self.path or "."
        return f"/{self.path}" if self.base == "/" else f"{self.base}/{self.path}".rstrip("/")


Arguments = Callable[[Module, str, str], ast.expr | str | None]
"""(module, variable, attribute) -> what ``args.train`` holds: text, the expression of its default, or None."""


class Locator:
    """Tells where expressions point."""

    def __init__(
        self,
        arguments: Arguments,
        variables: Mapping[str, str],
        parameters: Mapping[tuple[int, str], Where] | None = None,
    ) -> None:
        """``variables``: those that the job sets; another's default is used.

        ``parameters``: (``id`` of a function, name) -> what a parameter is known to hold.
        """
        self._arguments = arguments
        self._variables = variables
        self._parameters = parameters or {}

    def where(self, module: Module, node: ast.expr, depth: int = 0) -> Where | None:
        """Where an expression points; None where it cannot be told."""
        if depth > _DEPTH:
            return None
        if isinstance(node, ast.Constant):
            return of_text(node.value) if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            if node.id == "__file__":
                return Where("source", module.name)
            value = module.value_of(node)
            if value is not None:
                return self.where(module, value, depth + 1)
            known = self._parameters.get((module.function_of(node), node.id))
            return known if module.is_bound_once(node) else None
        if isinstance(node, ast.JoinedStr):
            return self._joined(module, node, depth + 1)
        if isinstance(node, ast.BinOp):
            return self._operation(module, node, depth + 1)
        read = read_of(module, node)
        if read is not None:
            if read.name == "HOME" and read.name not in self._variables:
                return Where("~")
            if read.name in self._variables:
                return Where(f"${read.name}") if read.name.startswith("SM_") else None
            return self.where(module, read.default, depth + 1) if read.default is not None else None
        if isinstance(node, ast.Attribute):
            return self._attribute(module, node, depth + 1)
        if isinstance(node, ast.Call):
            return self._call(module, node, depth + 1)
        return None

    def _joined(self, module: Module, node: ast.JoinedStr, depth: int) -> Where | None:
        """``f"{folder}/model-{n}.joblib"``: the beginning has to be known."""
        first, *rest = node.values
        tail = "".join(str(part.value) if isinstance(part, ast.Constant) else UNKNOWN_PART for part in rest)
        return self._continued(module, first.value if isinstance(first, ast.FormattedValue) else first, tail, depth)

    def _operation(self, module: Module, node: ast.BinOp, depth: int) -> Where | None:
        if isinstance(node.op, ast.Div):
            left = self.where(module, node.left, depth)
            return left / (self.where(module, node.right, depth) or Where("cwd", UNKNOWN_PART)) if left else None
        if isinstance(node.op, ast.Add):
            known = isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)
            tail = str(node.right.value) if known else UNKNOWN_PART  # type: ignore[attr-defined]
            return self._continued(module, node.left, tail, depth)
        return None

    def _continued(self, module: Module, start: ast.expr, tail: str, depth: int) -> Where | None:
        """A path with text right behind it."""
        if isinstance(start, ast.Constant):
            return of_text(str(start.value) + tail)
        found = self.where(module, start, depth)
        if found is None:
            return None
        folder = self._variables.get(found.base[1:]) if found.base.startswith("$") and not found.path else None
        if folder and tail and tail[0] not in ("/", UNKNOWN_PART):  # beside the folder, and not in it
            return Where(found.base, f"../{posixpath.basename(folder)}{tail}")
        return Where(found.base, _normal(found.path + tail))

    def _attribute(self, module: Module, node: ast.Attribute, depth: int) -> Where | None:
        if node.attr == "parent":
            before = self.where(module, node.value, depth)
            return before.parent if before else None
        if isinstance(node.value, ast.Name):
            value = self._arguments(module, node.value.id, node.attr)
            if isinstance(value, str):
                return of_text(value)
            if value is not None:
                return self.where(module, value, depth)
        return None

    def _call(self, module: Module, node: ast.Call, depth: int) -> Where | None:
        dotted = module.dotted(node.func)
        if dotted in PATHS and not node.keywords:
            parts = [self.where(module, arg, depth) for arg in node.args]
            if not parts:
                return Where("cwd")
            found = parts[0]
            for part in parts[1:]:
                found = found / (part or Where("cwd", UNKNOWN_PART)) if found else None
            return found
        if dotted == "os.path.dirname" and len(node.args) == 1:
            inner = self.where(module, node.args[0], depth)
            return inner.parent if inner else None
        if dotted in ("os.getcwd", "pathlib.Path.cwd"):
            return Where("cwd")
        if dotted == "pathlib.Path.home":
            return Where("~")
        if dotted in _SAME and node.args:
            return self.where(module, node.args[0], depth)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("resolve", "absolute", "expanduser", "as_posix"):
            return self.where(module, node.func.value, depth)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "joinpath":
            found = self.where(module, node.func.value, depth)
            for arg in node.args:
                found = found / (self.where(module, arg, depth) or Where("cwd", UNKNOWN_PART)) if found else None
            return found
        return None


def of_text(text: str) -> Where | None:
    """A path as it is written. None for a URL."""
    if not text or "://" in text or "\n" in text or "\0" in text:
        return None
    if text[0].isalpha() and text[1:3] in (":\\", ":/"):
        return Where("C:", text)
    if text.startswith("~"):
        return Where("~", _normal(text[1:].lstrip("/")))
    if text.startswith("/"):
        return Where("/", _normal(text.lstrip("/")))
    return Where("cwd", _normal(text))


def _normal(path: str) -> str:
    path = posixpath.normpath(path.lstrip("/")) if path.strip("/") else ""
    return "" if path == "." else path
