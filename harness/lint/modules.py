"""The modules of a source that a job runs: the entry point, and what it imports of its own. Each is parsed once."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from harness.lint.findings import Spot
from harness.source import LeftOut, SourceManifest

MOST_MODULES = 1000
"""Modules that are read of one source. No job of one script has as many; what has is a vendored tree."""
_MOST_FOLDERS = 200
_CHANGES_PATH = "sys.path"
_Node = TypeVar("_Node", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda})
_LEAVES = frozenset({ast.Name, ast.Constant, ast.alias})
"""Most nodes are of these kinds, and hold no other."""
_SCOPED = frozenset({ast.Name, ast.arg, ast.Attribute, ast.Assign, ast.Return})
"""Kinds of which it is asked what function they stand in."""
_APART = frozenset({ast.ExceptHandler, ast.match_case})
"""What stands in them does not run when the statement does that they belong to."""
_PLAIN = frozenset(
    {"arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "level", "module", "name", "op", "ops"}
    | {"rest", "simple", "type_comment"}
)
"""Fields of nodes that hold text, a number, or a mere sign."""
_FIELDS = {
    kind: tuple(name for name in kind._fields if name not in _PLAIN)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
"""Of each kind of node, the fields that may hold others, or lists of them."""
LARGEST = 2_000_000
"""Bytes of a module that is read. What is larger is generated."""


class Broken(NamedTuple):
    """A module that cannot be parsed, or is not."""

    name: str
    """In the source, with ``/``."""
    spot: Spot
    message: str
    line: str = ""
    """What stands there."""


class _Index(NamedTuple):
    """A module's nodes, gone through once: that is what takes the time."""

    kinds: dict[type[ast.AST], list[Any]]
    scopes: dict[int, tuple[int, ...]]
    """By the ``id`` of a node: the functions around it, the innermost first. Nothing for the module's own level."""
    calls: dict[int, list[ast.Call]]
    """By the ``id`` of a statement: its own calls, outer ones first."""

    @classmethod
    def of(cls, tree: ast.Module) -> _Index:
        kinds: dict[type[ast.AST], list[Any]] = {}
        scopes: dict[int, tuple[int, ...]] = {}
        calls: dict[int, list[ast.Call]] = {}
        waiting: list[tuple[ast.AST, tuple[tuple[int, ...], int]]] = [(tree, ((), 0))]
        while waiting:
            node, place = waiting.pop()  # the functions around it, and its statement
            kind = type(node)
            if kind in kinds:
                kinds[kind].append(node)
            else:
                kinds[kind] = [node]
            if kind in _SCOPED and place[0]:
                scopes[id(node)] = place[0]
            if kind in _LEAVES:
                continue
            if kind is ast.Call:
                calls.setdefault(place[1], []).append(node)  # type: ignore[arg-type]
            elif kind in _FUNCTIONS:
                place = ((id(node), *place[0]), id(node))
            elif isinstance(node, ast.stmt):
                place = (place[0], id(node))
            elif kind in _APART:
                place = (place[0], 0)
            for field_name in _FIELDS[kind]:
                value = getattr(node, field_name, None)
                if type(value) is list:
                    waiting += [(each, place) for each in value if isinstance(each, ast.AST)]
                elif isinstance(value, ast.AST):
                    waiting.append((value, place))
        return cls(kinds, scopes, calls)


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and everything in it, as `ast.walk` has it, in no order."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += children(each)


def children(node: ast.AST) -> Iterator[ast.AST]:
    """What a node holds, as `ast.iter_child_nodes` has it, mere signs left out: several times as fast."""
    for name in _FIELDS[type(node)]:
        value = getattr(node, name, None)
        if type(value) is list:
            yield from (each for each in value if isinstance(each, ast.AST))
        elif isinstance(value, ast.AST):
            yield value


class Module:
    """One parsed file. What is worked out of it is kept, so that it is no record but an object."""

    def __init__(self, name: str, text: str, tree: ast.Module) -> None:
        """``name``: in the source, with ``/``."""
        self.name, self.text, self.tree = name, text, tree

    def all(self, kind: type[_Node]) -> Sequence[_Node]:
        """Every node of a kind, wherever it stands."""
        return self._index.kinds.get(kind, ())

    @property
    def all_functions(self) -> Sequence[Function]:
        """Every function, wherever it stands."""
        return [*self.all(ast.FunctionDef), *self.all(ast.AsyncFunctionDef)]

    @property
    def all_imports(self) -> Sequence[ast.Import | ast.ImportFrom]:
        """Every import, wherever it stands."""
        return [*self.all(ast.Import), *self.all(ast.ImportFrom)]

    def calls_of(self, names: Iterable[str]) -> Iterator[ast.Call]:
        """Every call of what has one of these last names, imports followed: ``pd.read_csv(…)`` under ``read_csv``."""
        for name in names:
            yield from self.called.get(name, ())

    @cached_property
    def called(self) -> Mapping[str, Sequence[ast.Call]]:
        """Every call by the last name of what it calls, imports followed."""
        found: dict[str, list[ast.Call]] = {}
        for node in self.all(ast.Call):
            if isinstance(node.func, ast.Attribute):
                found.setdefault(node.func.attr, []).append(node)
            elif isinstance(node.func, ast.Name):
                found.setdefault(self.dotted(node.func).rpartition(".")[2], []).append(node)
        return found

    def calls_in(self, statement: ast.stmt) -> Sequence[ast.Call]:
        """The calls of a statement itself, inner ones first, without those of the statements in it."""
        return self._index.calls.get(id(statement), ())[::-1]

    def function_of(self, node: ast.AST) -> int:
        """The ``id`` of the innermost function around a name, an argument, an attribute, an assignment or a return.

        0 at the module's own level.
        """
        return next(iter(self._index.scopes.get(id(node), ())), 0)

    def outermost_function_of(self, node: ast.AST) -> Function | None:
        """The function of the module's own level around such a node."""
        around = self._index.scopes.get(id(node), (0,))[-1]
        return next((function for function in self.functions.values() if id(function) == around), None)

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """Local name -> the dotted name that it stands for: ``{"pd": "pandas", "join": "os.path.join"}``."""
        found = {}
        for node in self.all(ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                found[local] = alias.name if alias.asname else local
        for source in self.all(ast.ImportFrom):
            if source.module and not source.level:
                found |= {alias.asname or alias.name: f"{source.module}.{alias.name}" for alias in source.names}
        return found

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """Functions of the module's own level."""
        found = (node for node in self.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        return {node.name: node for node in found}

    def defines(self, name: str) -> bool:
        """Whether a name may be bound somewhere in the module, or by an ``import *``."""
        if name in self.imports or "*" in self.imports or any(bound == name for _, bound in self._bindings):
            return True
        return any(each.name == name for each in (*self.all_functions, *self.all(ast.ClassDef)))

    def value_of(self, name: ast.Name) -> ast.expr | None:
        """What a name was assigned, where its function, or else the module, binds it exactly once."""
        for scope in (*self._index.scopes.get(id(name), ()), 0):
            bound = self._bindings.get((scope, name.id))
            if bound is not None:
                return bound[0] if len(bound) == 1 else None
        return None

    def is_bound_once(self, name: ast.Name) -> bool:
        """Whether the innermost function around a name binds it exactly once, as a parameter perhaps."""
        return len(self._bindings.get((self.function_of(name), name.id), ())) == 1

    @cached_property
    def _index(self) -> _Index:
        return _Index.of(self.tree)

    @cached_property
    def _bindings(self) -> Mapping[tuple[int, str], list[ast.expr | None]]:
        """(function or 0, name) -> what it is assigned each time; None where that is not an expression of its own."""
        values: dict[int, ast.expr | None] = {id(node.target): node.value for node in self.all(ast.AnnAssign)}
        values |= {id(target): node.value for node in self.all(ast.Assign) for target in node.targets}
        found: dict[tuple[int, str], list[ast.expr | None]] = {}
        for name in self.all(ast.Name):
            if not isinstance(name.ctx, ast.Load):
                found.setdefault((self.function_of(name), name.id), []).append(values.get(id(name)))
        for argument in self.all(ast.arg):
            found.setdefault((self.function_of(argument), argument.arg), []).append(None)
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
        """Where a node of this module stands; Python counts columns in bytes of UTF-8, and people do not."""
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        before = self._lines[line - 1].encode()[:offset] if line <= len(self._lines) else b""
        return Spot(self.name, line, len(before.decode("utf-8", "ignore")) + 1)

    @cached_property
    def _lines(self) -> Sequence[str]:
        return self.text.split("\n")


class Modules(NamedTuple):
    """What there is to look at."""

    files: Mapping[str, Path]
    """Every file that travels, by its name in the source."""
    read: Mapping[str, Module]
    """By the name in the source; the entry point first."""
    broken: tuple[Broken, ...] = ()
    unread: int = 0
    """Modules that were left out because there are too many."""
    entry_point: str = ""
    paths: tuple[str, ...] = ("",)
    """Folders of the source that imports are looked for in: the script's, and the root; all of it where the script
    changes ``sys.path``."""
    left_out: Mapping[str, LeftOut] = MappingProxyType({})
    """What lies in the source and does not travel, by its name; a folder's ends with ``/``."""

    @property
    def entry(self) -> Module | None:
        """The entry point, if it is Python that can be parsed."""
        return self.read.get(self.entry_point)

    def local(self, dotted: str) -> str | None:
        """The file of the source that an import means; None for somebody else's module."""
        return _local(dotted, self.files, self.paths)

    def left_out_module(self, dotted: str) -> LeftOut | None:
        """What keeps an import from being of a file of the source: it is there, and does not travel."""
        path = dotted.replace(".", "/")
        names = [f"{folder}{path}{end}" for folder in self.paths for end in (".py", "/__init__.py", "/")]
        found = ((name, each) for name in names if (each := self._left_out_with(name)))
        return next((each for name, each in found if self._is_module(name)), None)

    def _left_out_with(self, name: str) -> LeftOut | None:
        """The file, or the folder that it lies in, that is left out."""
        parents = (f"{name[:at]}/" for at, character in enumerate(name) if character == "/")
        return next((self.left_out[each] for each in (*parents, name) if each in self.left_out), None)

    def _is_module(self, name: str) -> bool:
        """Whether this machine has a file of such a name in the source, or a folder with Python in it."""
        entry = self.files.get(self.entry_point)
        if entry is None:
            return False
        path = entry.parents[self.entry_point.count("/")] / name
        return any(path.glob("*.py")) if name.endswith("/") else path.is_file()

    def left_out_file(self, pattern: str) -> LeftOut | None:
        """What keeps a file or a folder of such a name, which is not shipped, from being so."""
        named = self._left_out_with(pattern) or self._left_out_with(f"{pattern}/")
        within = (each for name, each in self.left_out.items() if name.startswith(f"{pattern}/"))
        matched = (each for name, each in self.left_out.items() if fnmatchcase(name.rstrip("/"), pattern))
        return named or next(chain(within, matched), None)


def read_modules(manifest: SourceManifest, *more: str) -> Modules:
    """The entry point, *more* entry points, and every module of the source that they import, directly or not.

    What nothing imports is not read: the job does not run it.
    """
    files = {file.name: file.path for file in manifest.files}
    entry = PurePosixPath(manifest.entry_point).as_posix()
    folder = PurePosixPath(entry).parent.as_posix()
    folders = ("",) if folder == "." else (f"{folder}/", "")
    own = folders
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
        looked_at = [module]
        if _CHANGES_PATH in module.text and folders is own:
            folders = (*folders, *_subfolders(files))  # which of them, nobody can say without running it
            looked_at = list(found.values())
        for dotted in (each for one in looked_at for each in _imported(one)):
            local = _local(dotted, files, folders)
            if local and local not in seen:
                seen.add(local)
                waiting.append(local)
    return Modules(
        files, found, tuple(broken), len(waiting), entry, folders, {each.name: each for each in manifest.left_out}
    )


def _subfolders(files: Mapping[str, Path]) -> tuple[str, ...]:
    """Folders of the source with modules in them, those near its root first."""
    parents = {f"{parent}/" for name in files if name.endswith(".py") for parent in PurePosixPath(name).parents}
    return tuple(sorted(parents - {"./"}, key=lambda folder: (folder.count("/"), folder))[:_MOST_FOLDERS])


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
    return Module(name, content.decode("utf-8-sig", "replace"), tree)


def _imported(module: Module) -> Iterator[str]:
    """The dotted names that a module imports, ``from a import b`` as ``a.b`` and ``a``; relative ones made absolute."""
    package = PurePosixPath(module.name).parent.parts
    for node in module.all(ast.Import):
        for alias in node.names:
            parts = alias.name.split(".")
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))
    for source in module.all(ast.ImportFrom):
        above = package[: len(package) - source.level + 1] if source.level else ()
        base = ".".join((*above, source.module)) if source.module else ".".join(above)
        if base:
            yield base
        yield from (f"{base}.{alias.name}" if base else alias.name for alias in source.names)


def _local(dotted: str, files: Mapping[str, Path], folders: tuple[str, ...]) -> str | None:
    path = dotted.replace(".", "/")
    for folder in folders:
        for name in (f"{folder}{path}.py", f"{folder}{path}/__init__.py"):
            if name in files:
                return name
    return None
