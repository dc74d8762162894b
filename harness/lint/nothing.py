"""Where ``None`` is taken for a path: what ``os.environ.get`` gives of a channel that the job has not."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from harness.lint.execution import called
from harness.lint.findings import Severity
from harness.lint.modules import Module
from harness.lint.subject import Subject
from harness.lint.uses import paths_taken
from harness.lint.variables import Read, asked_for, caught

_DEPTH = 8


class Taken(NamedTuple):
    """One place where a path is needed and there is none."""

    read: Read
    """Where the ``None`` comes from."""
    module: Module
    node: ast.expr
    severity: Severity


def taken_for_paths(subject: Subject, unset: Iterable[Read]) -> list[Taken]:
    """Places where readings of variables that are not there end up as paths, unless the script asks about them first.

    Args:
        subject: the job and its script.
        unset: the readings, none of them with a default.
    """
    followed = _Followed(subject, unset)
    if not followed.unset:
        return []
    followed.follow_calls()
    asked = {id(read) for read in followed.asked_about()}
    return [each for each in followed.taken() if id(each.read) not in asked]


class _Followed:
    """``None`` on its way: through the defaults of arguments, through names, into functions of the source."""

    def __init__(self, subject: Subject, unset: Iterable[Read]) -> None:
        self._subject = subject
        options = subject.parser.options if subject.parser else ()
        ending = {id(each.keywords.get("default")) for each in options if each.literal("required") is True}
        asked = {name for module in subject.trained for name in asked_for(module)}
        self.unset = {id(read.node): read for read in unset if read.name not in asked and id(read.node) not in ending}
        self._given: dict[tuple[int, str], tuple[Read, ast.Call]] = {}
        """Function and parameter -> what it is given, and where."""

    def follow_calls(self) -> None:
        """Note which parameters of the source's functions are given it."""
        for module in self._subject.trained:
            for node in module.all(ast.Call):
                _, function = called(node, module, self._subject.modules)
                if function is None:
                    continue
                names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
                given = [*zip(names, node.args, strict=False), *((key.arg, key.value) for key in node.keywords)]
                for name, value in given:
                    read = self._read(module, value)
                    if read is not None and name is not None:
                        self._given[id(function), name] = (read, node)

    def asked_about(self) -> Iterator[Read]:
        """What the script is ready for: ``if args.test:``, ``args.test or …``, ``args.test is None``."""
        for module in self._subject.trained:
            tests = [node.test for node in module.all(ast.If)] + [node.test for node in module.all(ast.IfExp)]
            tests += [node.test for node in module.all(ast.While)] + [node.test for node in module.all(ast.Assert)]
            tests += [value for node in module.all(ast.BoolOp) for value in node.values]
            tests += [side for node in module.all(ast.Compare) for side in (node.left, *node.comparators)]
            tests += [node.operand for node in module.all(ast.UnaryOp)]
            for test in tests:
                read = self._read(module, test)
                if read is not None:
                    yield read

    def taken(self) -> Iterator[Taken]:
        """Where a path is needed."""
        ready = {node for module in self._subject.trained for node in caught(module)}
        for module in self._subject.trained:
            for node, value, fails in _needed(module):
                read = self._read(module, value)
                _, call = self._given.get(self._parameter(module, value), (None, None))
                if read is None or id(node) in ready or id(call) in ready:
                    continue
                certain = self._subject.certain(node) and (call is None or self._subject.certain(call))
                yield Taken(read, module, node, Severity.ERROR if fails and certain else Severity.WARNING)

    def _read(self, module: Module, node: ast.expr, depth: int = 0) -> Read | None:
        """The reading whose ``None`` an expression is."""
        if id(node) in self.unset or depth > _DEPTH:
            return self.unset.get(id(node))
        if isinstance(node, ast.Name):
            value = module.value_of(node)
            if value is not None:
                return self._read(module, value, depth + 1)
            return self._given.get(self._parameter(module, node), (None,))[0] if module.is_bound_once(node) else None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            default = self._subject.argument(module, node.value.id, node.attr)
            return self._read(module, default, depth + 1) if isinstance(default, ast.expr) else None
        return None

    def _parameter(self, module: Module, node: ast.expr) -> tuple[int, str]:
        return module.function_of(node), node.id if isinstance(node, ast.Name) else ""


def _needed(module: Module) -> Iterator[tuple[ast.expr, ast.expr, bool]]:
    """Expressions, the parts of them that have to be paths, and whether ``None`` is an exception there."""
    for call in module.all(ast.Call):
        for value, fails in paths_taken(module, call):
            yield call, value, fails
    for node in module.all(ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Div):
            yield node, node.left, True
