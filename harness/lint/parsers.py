"""The argparse parsers of a script, read off its source: which options there are, and what reads the command line.

Nothing of the user's runs. What is not a literal is not guessed: a parser with an option that cannot be read is
incomplete, and rules about what is *not* there keep silent about it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.lint.execution import called
from harness.lint.modules import Function, Module, Modules

UNKNOWN: Any = object()
"""Stands for what is not a literal."""
_PARSERS = ("argparse.ArgumentParser",)
_GROUPS = ("add_argument_group", "add_mutually_exclusive_group")
_READS = ("parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args")
_WORDS = frozenset({"ArgumentParser", "add_argument", *_READS})
_DEPTH = 8
_KEYWORDS = frozenset({"action", "nargs", "const", "default", "type", "choices", "required", "help", "metavar", "dest"})
NO_VALUE = frozenset({"store_true", "store_false", "store_const", "append_const", "count", "help", "version"})
"""Actions that take no value from the command line."""
BOOLEAN_OPTIONAL = "argparse.BooleanOptionalAction"


class Option(NamedTuple):
    """One ``add_argument``."""

    module: Module
    node: ast.Call
    flags: tuple[str, ...]
    """As declared: ``("-n", "--num")``, or one name without dashes."""
    keywords: Mapping[str, ast.expr]

    @property
    def positional(self) -> bool:
        """Whether it is filled by place."""
        return not self.flags[0].startswith("-")

    @property
    def dest(self) -> str:
        """The attribute it becomes, as argparse names it."""
        named = self.literal("dest")
        if isinstance(named, str):
            return named
        long = next((flag for flag in self.flags if flag.startswith("--")), self.flags[0])
        return long.lstrip("-").replace("-", "_")

    @property
    def shown(self) -> str:
        """The name that people know it by: its longest."""
        return max(self.flags, key=len)

    @property
    def action(self) -> str:
        """``store`` and so on; a class by its dotted name; empty where it is not known."""
        node = self.keywords.get("action")
        if node is None:
            return "store"
        text = self.literal("action")
        return text if isinstance(text, str) else self.module.dotted(node)

    @property
    def type(self) -> str:
        """Dotted name of ``type``: ``int``, ``json.loads``; ``str`` without one; empty where it is not known."""
        node = self.keywords.get("type")
        return "str" if node is None else self.module.dotted(node)

    @property
    def takes_no_value(self) -> bool:
        """Whether what follows it is not its own."""
        return self.action in NO_VALUE or self.action == BOOLEAN_OPTIONAL

    def literal(self, keyword: str, default: object = None) -> Any:
        """The value of a keyword; ``default`` without it, `UNKNOWN` where it is not a literal."""
        node = self.keywords.get(keyword)
        return default if node is None else literal(node)


@dataclass(eq=False, repr=False)
class Parser:
    """One ``ArgumentParser``, filled while the source is read."""

    module: Module
    node: ast.Call
    options: list[Option] = field(default_factory=list)
    complete: bool = True
    """Whether every option is known."""
    reads: list[tuple[Module, ast.Call]] = field(default_factory=list)
    """The calls that read the command line."""

    @property
    def strict(self) -> bool:
        """Whether an argument that it does not know ends the script."""
        return any(_attribute(node) in ("parse_args", "parse_intermixed_args") for _, node in self.reads)


def literal(node: ast.expr) -> Any:
    """The value of a literal; `UNKNOWN` for any other expression."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN


def parsers_of(modules: Modules) -> tuple[Parser, ...]:
    """Every parser that reads the command line."""
    reader = _Reader(modules)
    for module in modules.read.values():
        if "argparse" not in module.text:
            continue  # what fills or reads a parser of another module is met there
        top: dict[str, Parser] = {}
        reader.body(module, module.tree.body, top)
        concerned = {module.function_of(node) for node in module.all(ast.Attribute) if node.attr in _WORDS}
        for function in module.all_functions:
            if id(function) in concerned:
                reader.body(module, function.body, dict(top), function)
    return tuple(parser for parser in reader.parsers.values() if parser.reads)


def names_of_arguments(modules: Modules, parser: Parser) -> dict[str, set[str]]:
    """Per module, the variables that hold what a parser has read: ``args = parser.parse_args()`` and the like."""
    reads = {id(node) for _, node in parser.reads}
    functions = _returning(modules, reads)
    found: dict[str, set[str]] = {}
    for module in modules.read.values():
        names = found.setdefault(module.name, {"args"})
        for node in module.all(ast.Assign):
            if isinstance(node.value, ast.Call):
                where, function = called(node.value, module, modules)
                if id(node.value) in reads or (where and function and (where.name, function.name) in functions):
                    target = node.targets[0]
                    first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
                    if isinstance(first, ast.Name):
                        names.add(first.id)
    return found


def _returning(modules: Modules, reads: set[int]) -> set[tuple[str, str]]:
    """Functions that hand on what was read."""
    found = set()
    for module in modules.read.values():
        names = {id(function): function.name for function in module.functions.values()}
        kept = {
            (module.function_of(node), target.id)
            for node in module.all(ast.Assign)
            if id(node.value) in reads
            for target in ast.walk(node.targets[0])
            if isinstance(target, ast.Name)
        }
        for node in module.all(ast.Return):
            function = module.function_of(node)
            value = node.value.value if isinstance(node.value, ast.Subscript) else node.value
            passed_on = isinstance(value, ast.Name) and (function, value.id) in kept
            if function in names and (id(value) in reads or passed_on):
                found.add((module.name, names[function]))
    return found


class _Reader:
    """Follows parsers through assignments, groups, and functions of the source that make or fill them."""

    def __init__(self, modules: Modules) -> None:
        self.parsers: dict[int, Parser] = {}
        self._modules = modules
        self._seen: set[tuple[int, int]] = set()
        self._depth = 0

    def body(
        self,
        module: Module,
        statements: Sequence[ast.stmt],
        names: dict[str, Parser],
        function: Function | None = None,
        *,
        sure: bool = True,
    ) -> None:
        """Go through statements in their order; ``names`` are the variables that hold a parser or a group of it."""
        for statement in statements:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            for node in module.calls_in(statement):
                self._call(module, node, names, function, sure)
            if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Call):
                target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                made = self._parser(module, statement.value, names)
                if made and isinstance(target, ast.Name):
                    names[target.id] = made
            for block, certain in _blocks(statement):
                self.body(module, block, names, function, sure=sure and certain)

    def _call(
        self,
        module: Module,
        node: ast.Call,
        names: dict[str, Parser],
        function: Function | None,
        sure: bool,
    ) -> None:
        if isinstance(node.func, ast.Attribute):
            parser = self._parser(module, node.func.value, names)
            if parser is not None:
                self._method(module, node, parser, function, sure)
                return
        given: list[tuple[int | str, ast.expr]] = [*enumerate(node.args)]
        given += [(key.arg or "", key.value) for key in node.keywords]
        for place, value in given:
            if isinstance(value, ast.Name) and value.id in names:
                self._filled(module, node, place, names[value.id])

    def _method(
        self,
        module: Module,
        node: ast.Call,
        parser: Parser,
        function: Function | None,
        sure: bool,
    ) -> None:
        if (id(node), id(parser)) in self._seen:
            return
        self._seen.add((id(node), id(parser)))
        name = _attribute(node)
        if name == "add_argument":
            option = _option(module, node)
            if option and sure:
                parser.options.append(option)
            else:
                parser.complete = False
        elif name in _READS:
            if _is_command_line(module, node, function):
                parser.reads.append((module, node))
        elif name not in (*_GROUPS, "print_help", "format_help", "print_usage", "error", "exit"):
            parser.complete = False  # set_defaults, add_subparsers and whatever there is yet to come

    def _filled(self, module: Module, node: ast.Call, place: int | str, parser: Parser) -> None:
        """A parser is handed to a function."""
        where, function = called(node, module, self._modules)
        if where is None or function is None or self._depth > _DEPTH:
            parser.complete = False
            return
        arguments = [*function.args.posonlyargs, *function.args.args]
        if isinstance(place, str):
            name = place
        elif place < len(arguments):
            name = arguments[place].arg
        else:
            parser.complete = False
            return
        self._depth += 1
        self.body(where, function.body, {name: parser}, function)
        self._depth -= 1

    def _parser(self, module: Module, node: ast.expr, names: Mapping[str, Parser]) -> Parser | None:
        """The parser that an expression is, or a group of."""
        if isinstance(node, ast.Name):
            return names.get(node.id)
        if not isinstance(node, ast.Call):
            return None
        if module.dotted(node.func) in _PARSERS:
            known = self.parsers.setdefault(id(node), Parser(module, node))
            if any(key.arg in ("parents", "prefix_chars", "fromfile_prefix_chars", None) for key in node.keywords):
                known.complete = False
            return known
        if isinstance(node.func, ast.Attribute) and node.func.attr in _GROUPS:
            return self._parser(module, node.func.value, names)
        return self._returned(module, node)

    def _returned(self, module: Module, node: ast.Call) -> Parser | None:
        """The parser that a function of the source returns."""
        where, function = called(node, module, self._modules)
        if where is None or function is None or self._depth > _DEPTH:
            return None
        self._depth += 1
        inside: dict[str, Parser] = {}
        self.body(where, function.body, inside, function)
        returns = [each.value for each in ast.walk(function) if isinstance(each, ast.Return) and each.value]
        found = [self._parser(where, value, inside) for value in returns]
        self._depth -= 1
        return found[0] if len(found) == 1 else None


def _option(module: Module, node: ast.Call) -> Option | None:
    flags = tuple(literal(arg) for arg in node.args)
    keywords = {key.arg: key.value for key in node.keywords if key.arg}
    if len(keywords) != len(node.keywords) or not flags or not all(isinstance(flag, str) and flag for flag in flags):
        return None
    if not keywords.keys() <= _KEYWORDS:
        return None
    return Option(module, node, flags, keywords)


def _is_command_line(module: Module, node: ast.Call, function: Function | None) -> bool:
    """Whether a call reads ``sys.argv``: without arguments, or by a parameter that is None where nobody gives it."""
    given = [*node.args, *(key.value for key in node.keywords if key.arg == "args")]
    if not given:
        return True
    first = given[0]
    if isinstance(first, ast.Constant) and first.value is None:
        return True
    if isinstance(first, ast.Subscript):
        return module.dotted(first.value) == "sys.argv"
    if isinstance(first, ast.Name) and function is not None:
        arguments = [*function.args.posonlyargs, *function.args.args]
        defaults = dict(zip((each.arg for each in reversed(arguments)), reversed(function.args.defaults), strict=False))
        default = defaults.get(first.id)
        return isinstance(default, ast.Constant) and default.value is None
    return False


def _attribute(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _blocks(statement: ast.stmt) -> list[tuple[list[ast.stmt], bool]]:
    """The blocks of a statement, each with whether it certainly runs once."""
    if isinstance(statement, ast.With | ast.AsyncWith):
        return [(statement.body, True)]
    if isinstance(statement, ast.If):
        from harness.lint.execution import is_main_guard

        return [(statement.body, is_main_guard(statement.test)), (statement.orelse, False)]
    if isinstance(statement, ast.Try | ast.TryStar):
        handlers = [(handler.body, False) for handler in statement.handlers]
        return [(statement.body, not handlers), *handlers, (statement.orelse, False), (statement.finalbody, True)]
    if isinstance(statement, ast.For | ast.AsyncFor | ast.While):
        return [(statement.body, False), (statement.orelse, False)]
    if isinstance(statement, ast.Match):
        return [(case.body, False) for case in statement.cases]
    return []
