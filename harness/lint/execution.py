"""What certainly runs: an error is only an error where the script cannot get past it.

Certain is what stands at the top of the script, under its ``__main__`` guard, in a function that certainly runs, in a
module of the source that is certainly imported. Not certain is what stands under another condition, in a loop, in a
``try`` whose ``except`` may catch it, behind an early ``return``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from harness.lint.modules import Function, Module, Modules, children, walk

_ENDS = ("sys.exit", "exit", "quit", "os._exit", "os.execv", "os.abort")
_ELSEWHERE = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Execution:
    """Which nodes certainly run when a module is started as the script, or imported."""

    def __init__(self, modules: Modules, start: Module, *, as_main: bool, calls: Iterable[str] = ()) -> None:
        """``calls``: functions of the module that are called then."""
        self._modules = modules
        self._as_main = as_main
        self._start = start
        self._nodes: set[int] = set()
        self._entered: set[int] = set()
        self._waiting: list[tuple[Sequence[ast.stmt], Module]] = []
        self._module(start)
        self._waiting += [(start.functions[name].body, start) for name in calls if name in start.functions]
        while self._waiting:
            self._block(*self._waiting.pop())

    def __contains__(self, node: ast.AST) -> bool:
        return id(node) in self._nodes

    def _module(self, module: Module) -> None:
        if id(module) not in self._entered:
            self._entered.add(id(module))
            self._waiting.append((module.tree.body, module))

    def _block(self, statements: Sequence[ast.stmt], module: Module) -> bool:
        """Go through statements; whether what follows them is certain as well."""
        return all(self._statement(statement, module) for statement in statements)

    def _statement(self, node: ast.stmt, module: Module) -> bool:
        self._nodes.add(id(node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return True
        if isinstance(node, ast.ClassDef):
            return self._block(node.body, module)
        if isinstance(node, ast.If):
            return self._condition(node, module)
        if isinstance(node, ast.Try | ast.TryStar):
            certain = bool(node.handlers) or self._block(node.body, module)
            return self._block(node.finalbody, module) and certain and not (node.handlers and _may_end(node.handlers))
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self._expression(node.test if isinstance(node, ast.While) else node.iter, module)
            return not _may_end(node.body)
        if isinstance(node, ast.With | ast.AsyncWith):
            self._expressions((item.context_expr for item in node.items), module)
            if any(_dotted_call(item.context_expr, module).endswith("suppress") for item in node.items):
                return not _may_end(node.body)
            return self._block(node.body, module)
        if isinstance(node, ast.Match):
            self._expression(node.subject, module)
            return not _may_end([node])
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, module)
            return True
        self._expressions(children(node), module)
        if isinstance(node, ast.Expr) and _dotted_call(node.value, module) in _ENDS:
            return False
        return not isinstance(node, ast.Return | ast.Raise | ast.Continue | ast.Break)

    def _condition(self, node: ast.If, module: Module) -> bool:
        self._expression(node.test, module)
        if is_main_guard(node.test):
            runs = self._as_main and module is self._start
            return self._block(node.body if runs else node.orelse, module)
        return not _may_end([*node.body, *node.orelse])

    def _expressions(self, nodes: Iterable[ast.AST], module: Module) -> None:
        for node in nodes:
            self._expression(node, module)

    def _expression(self, node: ast.AST, module: Module) -> None:
        waiting = [node]
        while waiting:
            each = waiting.pop()
            self._nodes.add(id(each))
            if isinstance(each, _ELSEWHERE):
                waiting += [] if isinstance(each, ast.Lambda) else [each.generators[0].iter]
            elif isinstance(each, ast.IfExp):
                waiting.append(each.test)
            elif isinstance(each, ast.BoolOp):
                waiting.append(each.values[0])
            else:
                waiting += children(each)
                if isinstance(each, ast.Call):
                    self._call(each, module)

    def _call(self, node: ast.Call, module: Module) -> None:
        where, function = called(node, module, self._modules)
        if where is None or function is None or id(function) in self._entered:
            return
        self._entered.add(id(function))
        if not any(isinstance(each, ast.Yield | ast.YieldFrom) for each in walk(function)):
            self._waiting.append((function.body, where))

    def _import(self, node: ast.Import | ast.ImportFrom, module: Module) -> None:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            imported = self._modules.read.get(self._modules.local(name) or "")
            if imported is not None:
                self._module(imported)


def called(node: ast.Call, module: Module, modules: Modules) -> tuple[Module | None, Function | None]:
    """The function of the source that a call means, and its module; None for anything else."""
    dotted = module.dotted(node.func)
    if isinstance(node.func, ast.Name) and node.func.id in module.functions:
        return module, module.functions[node.func.id]
    before, _, name = dotted.rpartition(".")
    where = modules.read.get(modules.local(before) or "") if before else None
    return (where, where.functions.get(name)) if where else (None, None)


def is_main_guard(test: ast.expr) -> bool:
    """Whether a condition is ``__name__ == "__main__"``."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return False
    sides = (test.left, test.comparators[0])
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides) and any(
        isinstance(side, ast.Constant) and side.value == "__main__" for side in sides
    )


def _dotted_call(node: ast.AST, module: Module) -> str:
    return module.dotted(node.func) if isinstance(node, ast.Call) else ""


def _may_end(nodes: Sequence[ast.AST]) -> bool:
    """Whether something in there may leave the function or the program before its end."""
    for node in nodes:
        for each in walk(node):
            if isinstance(each, ast.Return | ast.Raise):
                return True
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute | ast.Name):
                name = each.func.attr if isinstance(each.func, ast.Attribute) else each.func.id
                if name in {"exit", "quit", "_exit", "abort", "execv"}:
                    return True
    return False
