"""Where paths in a script point, and which files it reads and writes, as far as its source tells."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from harness.lint.modules import Module
from harness.lint.variables import read_of

_WRITES_FIRST = frozenset(
    {
        *("numpy.save", "numpy.savez", "numpy.savez_compressed", "numpy.savetxt"),
        *("matplotlib.pyplot.savefig", "skops.io.dump_to"),
    }
)
_WRITES_SECOND = frozenset(
    {"joblib.dump", "sklearn.externals.joblib.dump", "torch.save", "shutil.copy", "shutil.copyfile", "shutil.copy2"}
)
_WRITES_METHOD = frozenset(
    {"to_csv", "to_parquet", "to_pickle", "to_json", "to_excel", "to_feather", "savefig", "save_model"}
)
_READS_FIRST = frozenset(
    {
        *("pandas.read_csv", "pandas.read_parquet", "pandas.read_json", "pandas.read_pickle", "pandas.read_excel"),
        *("pandas.read_table", "pandas.read_feather", "numpy.load", "numpy.loadtxt", "numpy.genfromtxt"),
        *("joblib.load", "sklearn.externals.joblib.load", "torch.load"),
        *("shutil.copy", "shutil.copyfile", "shutil.copy2"),
    }
)
_LISTS_FIRST = frozenset({"os.listdir", "os.scandir", "os.chdir"})
_SEARCHES_FIRST = frozenset({"glob.glob", "glob.iglob", "os.walk"})
_LISTS_HERE = frozenset({"os.listdir", "os.scandir"})
"""These take ``None`` for the working directory."""
_OPENS = frozenset({"open", "io.open", "builtins.open", "gzip.open", "bz2.open", "lzma.open", "codecs.open"})
_SAME = frozenset({"os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expanduser", "str", "os.fspath"})
_PATHS = frozenset(
    {"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath", "os.path.join", "posixpath.join"}
)
_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
UNKNOWN_PART = "*"
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
    def parent(self) -> Where:
        """The folder that it lies in."""
        return Where(self.base, _normal(posixpath.join(self.path, "..")))

    def __str__(self) -> str:
        if self.base in ("cwd", "source", "C:"):
            return self.path or "."
        return f"/{self.path}" if self.base == "/" else f"{self.base}/{self.path}".rstrip("/")


class Use(StrEnum):
    """What is done with a path."""

    READ = "read"
    """As one file."""
    WRITE = "write"
    LIST = "list"
    """As a folder."""
    SEARCH = "search"
    """As a folder that need not be there: nothing is found then, and nothing fails."""


class Access(NamedTuple):
    """One use of a file."""

    module: Module
    node: ast.Call
    use: Use
    where: Where


Arguments = Callable[[Module, str, str], ast.expr | str | None]
"""(module, variable, attribute) -> what ``args.train`` holds: text, the expression of its default, or None."""


class Locator:
    """Tells where expressions point."""

    def __init__(self, arguments: Arguments, variables: Mapping[str, str]) -> None:
        """``variables``: those that the job sets; another's default is used."""
        self._arguments = arguments
        self._variables = variables

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
            return self.where(module, value, depth + 1) if value is not None else None
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

    def accesses(self, module: Module) -> Iterator[Access]:
        """The files that a module reads and writes, where it can be told which."""
        for node in module.all(ast.Call):
            for use, path in _uses(module, node):
                where = self.where(module, path)
                if where is not None:
                    yield Access(module, node, use, where)

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
        return Where(found.base, _normal(found.path + tail)) if found else None

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
        if dotted in _PATHS and not node.keywords:
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


def paths_taken(module: Module, node: ast.Call) -> Iterator[tuple[ast.expr, bool]]:
    """The arguments of a call that have to be paths, and whether ``None`` is an exception there.

    What is written is left out: ``to_csv(None)`` and the like are ready for it.
    """
    dotted = module.dotted(node.func)
    if dotted in _PATHS:
        yield from ((each, True) for each in node.args)
    elif dotted.startswith("os.path.") and node.args:
        yield node.args[0], True
    else:
        uses = _uses(module, node)
        yield from ((path, dotted not in _LISTS_HERE) for use, path in uses if use is not Use.WRITE)


def of_text(text: str) -> Where | None:
    """A path as it is written. None for a URL."""
    if not text or "://" in text or "\n" in text or "\0" in text:
        return None
    if _OF_WINDOWS.match(text):
        return Where("C:", text)
    if text.startswith("~"):
        return Where("~", _normal(text[1:].lstrip("/")))
    if text.startswith("/"):
        return Where("/", _normal(text.lstrip("/")))
    return Where("cwd", _normal(text))


def _normal(path: str) -> str:
    path = posixpath.normpath(path.lstrip("/")) if path.strip("/") else ""
    return "" if path == "." else path


def _uses(module: Module, node: ast.Call) -> Iterator[tuple[Use, ast.expr]]:
    """The paths that a call is given, with what it does with them."""
    dotted = module.dotted(node.func)
    first = node.args[0] if node.args else None
    if dotted in _OPENS:
        use = _mode(node, 1)
        if first is not None and use:
            yield use, first
        return
    if dotted in _WRITES_FIRST and first is not None:
        yield Use.WRITE, first
    if dotted in _WRITES_SECOND and len(node.args) > 1:
        yield Use.WRITE, node.args[1]
    if dotted in _READS_FIRST and first is not None:
        yield Use.READ, first
    if dotted in _LISTS_FIRST and first is not None:
        yield Use.LIST, first
    if dotted in _SEARCHES_FIRST and first is not None:
        yield Use.SEARCH, first
    if isinstance(node.func, ast.Attribute) and dotted not in _WRITES_FIRST | _WRITES_SECOND | _READS_FIRST:
        yield from _method_uses(node, node.func, first)


def _method_uses(node: ast.Call, func: ast.Attribute, first: ast.expr | None) -> Iterator[tuple[Use, ast.expr]]:
    if func.attr in _WRITES_METHOD and first is not None:
        yield Use.WRITE, first
    elif func.attr in ("write_text", "write_bytes"):
        yield Use.WRITE, func.value
    elif func.attr in ("read_text", "read_bytes"):
        yield Use.READ, func.value
    elif func.attr == "iterdir":
        yield Use.LIST, func.value
    elif func.attr in ("glob", "rglob"):
        yield Use.SEARCH, func.value
    elif func.attr == "open":
        use = _mode(node, 0)
        if use:
            yield use, func.value


def _mode(node: ast.Call, place: int) -> Use | None:
    """What ``open`` is asked for; None where it is not a literal."""
    mode = node.args[place] if len(node.args) > place else None
    mode = next((key.value for key in node.keywords if key.arg == "mode"), mode)
    if mode is None:
        return Use.READ
    if not (isinstance(mode, ast.Constant) and isinstance(mode.value, str)):
        return None
    return Use.WRITE if set(mode.value) & set("wax+") else Use.READ
