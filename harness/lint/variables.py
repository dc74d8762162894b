"""Which environment variables a script reads, and how."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from harness.lint.modules import Module, walk

_GETS = ("os.environ.get", "os.getenv", "os.environ.setdefault", "os.environ.pop")
_GETS_NAMES = ("get", "getenv", "setdefault", "pop")
_HARMLESS = frozenset({"get", "pop", "setdefault", "items", "keys", "values", "copy"})
"""Methods of ``os.environ`` that set nothing without its name, ``setdefault`` excepted: that is looked at by itself."""


class Read(NamedTuple):
    """One reading of a variable."""

    module: Module
    node: ast.expr
    name: str
    required: bool
    """Whether a variable that is not there is a ``KeyError``."""
    default: ast.expr | None = None

    @property
    def gives_none(self) -> bool:
        """Whether a variable that is not there is ``None``."""
        literally = isinstance(self.default, ast.Constant) and self.default.value is None
        return not self.required and (self.default is None or literally)


def reads_of(module: Module) -> Iterator[Read]:
    """Every reading of a variable whose name is known, but for those that are ready for one that is not there."""
    ready, asked = caught(module), asked_for(module)
    for node in (*module.all(ast.Subscript), *module.calls_of(_GETS_NAMES)):
        read = read_of(module, node)
        if read is not None and not (read.required and (id(node) in ready or read.name in asked)):
            yield read


def caught(module: Module) -> set[int]:
    """The ``id`` of every node that stands in a ``try`` with an ``except``, or in a ``with suppress(…)``."""
    bodies = [node.body for node in module.all(ast.Try) if node.handlers]
    bodies += [node.body for node in module.all(ast.With) if any(_suppresses(item.context_expr) for item in node.items)]
    return {id(inner) for body in bodies for each in body for inner in walk(each)}


def _suppresses(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress"


def asked_for(module: Module) -> set[str]:
    """Variables that a module asks for before it reads them, or sets itself.

    ``if "NAME" in os.environ``, ``if os.getenv("NAME")``.
    """
    named = {name for node in module.all(ast.Compare) if (name := _asked(module, node))}
    tests = [node.test for node in module.all(ast.If)] + [node.test for node in module.all(ast.IfExp)]
    parts = (part for test in tests for part in walk(test) if isinstance(part, ast.Call))
    gets = (read for part in parts if (read := read_of(module, part)))
    return named | {read.name for read in gets if not read.required} | set(_made(module))


def _made(module: Module) -> Iterator[str]:
    """Variables that a module sets itself: ``os.environ["NAME"] = …``, ``os.environ.setdefault("NAME", …)``."""
    for node in module.all(ast.Subscript):
        if isinstance(node.ctx, ast.Store) and module.dotted(node.value) == "os.environ":
            yield _text(module, node.slice) or ""
    for call in module.calls_of(("setdefault",)):
        if len(call.args) > 1 and (read := read_of(module, call)):
            yield read.name


def may_set_any(module: Module) -> bool:
    """Whether a module may set variables that it does not name: a loop, ``update``, a file that ``dotenv`` reads."""
    if any("env" in name.partition(".")[0] for name in module.imports.values()):
        return True
    known = {id(node.value) for node in module.all(ast.Subscript) if _text(module, node.slice)}
    known |= {id(node.value) for node in module.all(ast.Subscript) if isinstance(node.ctx, ast.Load)}
    known |= {id(node.value) for node in module.all(ast.Attribute) if node.attr in _HARMLESS}
    known |= {id(side) for node in module.all(ast.Compare) for side in node.comparators}
    named = [*module.all(ast.Attribute), *module.all(ast.Name)]
    if any(module.dotted(node) == "os.environ" and id(node) not in known for node in named):
        return True
    sets = (call for call in module.calls_of(("setdefault",)) if module.dotted(call.func) == "os.environ.setdefault")
    return any(read_of(module, call) is None for call in sets)


def _asked(module: Module, node: ast.Compare) -> str | None:
    """The variable that ``"NAME" in os.environ`` asks for."""
    if isinstance(node.ops[0], ast.In | ast.NotIn) and module.dotted(node.comparators[0]) == "os.environ":
        return _text(module, node.left)
    return None


def read_of(module: Module, node: ast.expr) -> Read | None:
    """What an expression reads from the environment; None where it reads nothing, or no known name."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        if module.dotted(node.value) == "os.environ":
            name = _text(module, node.slice)
            return Read(module, node, name, required=True) if name else None
    elif isinstance(node, ast.Call) and node.args and module.dotted(node.func) in _GETS:
        name = _text(module, node.args[0])
        default = node.args[1] if len(node.args) > 1 else None
        default = next((key.value for key in node.keywords if key.arg == "default"), default)
        required = module.dotted(node.func).endswith(".pop") and default is None
        return Read(module, node, name, required, default) if name else None
    return None


def _text(module: Module, node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        node = module.value_of(node) or node
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
