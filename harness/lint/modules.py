"""The modules of a source that a job runs: the entry point, and what it imports of its own. Each is parsed once."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from harness.lint.findings import Spot, spot
from harness.source import SourceManifest

MOST_MODULES = 1000
"""Modules that are read of one source. No job of one script has as many; what has is a vendored tree."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
LARGEST = 2_000_000
"""Bytes of a module that is read. What is larger is generated."""


@dataclass(frozen=True)
class Broken:
    """A module that cannot be parsed, or is not."""

    name: str
    """In the source, with ``/``."""
    spot: Spot
    message: str
    line: str = ""
    """What stands there."""


@dataclass(frozen=True, eq=False)
class Module:
    """One parsed file."""

    name: str
    """In the source, with ``/``."""
    text: str
    tree: ast.Module

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """Local name -> the dotted name that it stands for: ``{"pd": "pandas", "join": "os.path.join"}``."""
        found = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    local = alias.asname or alias.name.partition(".")[0]
                    found[local] = alias.name if alias.asname else local
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return found

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node, parents before children."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def functions(self) -> Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        """Functions of the module's own level."""
        found = (node for node in self.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        return {node.name: node for node in found}

    def value_of(self, name: ast.Name) -> ast.expr | None:
        """What a name was assigned, where its function, or else the module, binds it exactly once."""
        for scope in (*self._scopes.get(id(name), ()), 0):
            bound = self._bindings.get((scope, name.id))
            if bound is not None:
                return bound[0] if len(bound) == 1 else None
        return None

    @cached_property
    def _scopes(self) -> Mapping[int, tuple[int, ...]]:
        """By the ``id`` of a node: the functions around it, the innermost first. Nothing for the module's own level."""
        found: dict[int, tuple[int, ...]] = {}
        for node in self.nodes:
            outer = found.get(id(node), ())
            inner = (id(node), *outer) if isinstance(node, _FUNCTIONS) else outer
            if inner:
                found.update((id(child), inner) for child in ast.iter_child_nodes(node))
        return found

    @cached_property
    def _bindings(self) -> Mapping[tuple[int, str], list[ast.expr | None]]:
        """(function or 0, name) -> what it is assigned each time; None where that is not an expression of its own."""
        values = {
            id(target): node.value
            for node in self.nodes
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        }
        found: dict[tuple[int, str], list[ast.expr | None]] = {}
        for node in self.nodes:
            scope = next(iter(self._scopes.get(id(node), ())), 0)
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                found.setdefault((scope, node.id), []).append(values.get(id(node)))
            elif isinstance(node, ast.arguments):
                for each in (*node.posonlyargs, *node.args, *node.kwonlyargs, node.vararg, node.kwarg):
                    if each is not None:
                        found.setdefault((scope, each.arg), []).append(None)
        return found

    def dotted(self, node: ast.expr) -> str:
        """The dotted name that an expression stands for, imports followed: ``os.path.join``; empty for another."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    def spot(self, node: ast.AST) -> Spot:
        """Where a node of this module stands."""
        return spot(self.name, node)


@dataclass(frozen=True)
class Modules:
    """What there is to look at."""

    files: Mapping[str, Path]
    """Every file that travels, by its name in the source."""
    read: Mapping[str, Module]
    """By the name in the source; the entry point first."""
    broken: tuple[Broken, ...] = ()
    unread: int = 0
    """Modules that were left out because there are too many."""
    entry_point: str = ""
    paths: tuple[str, ...] = field(default=("",))
    """Folders of the source that imports are looked for in: the script's, and the root."""

    @property
    def entry(self) -> Module | None:
        """The entry point, if it is Python that can be parsed."""
        return self.read.get(self.entry_point)

    def local(self, dotted: str) -> str | None:
        """The file of the source that an import means; None for somebody else's module."""
        return _local(dotted, self.files, self.paths)


def read_modules(manifest: SourceManifest, *more: str) -> Modules:
    """The entry point, *more* entry points, and every module of the source that they import, directly or not.

    What nothing imports is not read: the job does not run it.
    """
    files = {file.name: file.path for file in manifest.files}
    entry = PurePosixPath(manifest.entry_point).as_posix()
    folder = PurePosixPath(entry).parent.as_posix()
    folders = ("",) if folder == "." else (f"{folder}/", "")
    found: dict[str, Module] = {}
    broken: list[Broken] = []
    waiting = [name for name in dict.fromkeys((entry, *more)) if name.endswith(".py") and name in files]
    seen = set(waiting)
    while waiting and len(found) + len(broken) < MOST_MODULES:
        name = waiting.pop(0)
        module = _parse(name, files[name])
        if isinstance(module, Broken):
            broken.append(module)
            continue
        found[name] = module
        for dotted in _imported(module):
            local = _local(dotted, files, folders)
            if local and local not in seen:
                seen.add(local)
                waiting.append(local)
    return Modules(files, found, tuple(broken), len(waiting), entry, folders)


def _parse(name: str, path: Path) -> Module | Broken:
    try:
        content = path.read_bytes()
    except OSError as error:
        return Broken(name, Spot(name), f"cannot be read: {error.strerror}")
    if len(content) > LARGEST:
        return Broken(name, Spot(name), f"has {len(content):,} bytes and is not looked at")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like are not what we are asked about
            tree = ast.parse(content, name)
    except SyntaxError as error:
        return Broken(name, Spot(name, error.lineno or 1, error.offset or 1), error.msg, error.text or "")
    except (ValueError, RecursionError, MemoryError) as error:
        return Broken(name, Spot(name), str(error) or type(error).__name__)
    return Module(name, content.decode("utf-8", "replace"), tree)


def _imported(module: Module) -> Iterator[str]:
    """The dotted names that a module imports, ``from a import b`` as ``a.b`` and ``a``; relative ones made absolute."""
    package = PurePosixPath(module.name).parent.parts
    for node in module.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                yield from (".".join(parts[: end + 1]) for end in range(len(parts)))
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, node.module)) if node.module else ".".join(above)
            if base:
                yield base
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)


def _local(dotted: str, files: Mapping[str, Path], folders: tuple[str, ...]) -> str | None:
    path = dotted.replace(".", "/")
    for folder in folders:
        for name in (f"{folder}{path}.py", f"{folder}{path}/__init__.py"):
            if name in files:
                return name
    return None
