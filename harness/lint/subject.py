"""What the rules look at: the job and its script, each thing worked out once."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from harness.lint.execution import Execution
from harness.lint.findings import Severity, Spot
from harness.lint.job import Job
from harness.lint.modules import Module, Modules
from harness.lint.parsers import Option, Parser, names_of_arguments, parsers_of
from harness.lint.paths import Locator, Where
from harness.lint.rebuilt import Answer, Rebuilt
from harness.lint.uses import Access, accesses
from harness.lint.variables import Read, reads_of

HANDLERS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")
"""Functions of its module that the server calls."""
_WORD = re.compile(r"\w+")


class Passed(NamedTuple):
    """One hyperparameter on its way to a parser."""

    name: str
    value: object
    """As the user has it."""
    arguments: tuple[str, ...]
    """The flag and the value, as the script gets them."""
    answer: Answer


class Subject:
    """A job and the modules it runs."""

    def __init__(self, job: Job, modules: Modules) -> None:
        self.job, self.modules = job, modules

    @cached_property
    def execution(self) -> Execution | None:
        """What certainly runs when the job does; None without a Python entry point."""
        return Execution(self.modules, self.modules.entry, as_main=True) if self.modules.entry else None

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        """Every environment variable that is read."""
        found = (read for module in self.trained for read in reads_of(module))
        return tuple(read for read in found if not self.is_idle(read.module, read.node))

    @cached_property
    def trained(self) -> tuple[Module, ...]:
        """The modules of the training job, which are not those that only serve."""
        if self.job.serving in (None, self.modules.entry_point):
            return tuple(self.modules.read.values())
        return tuple(module for module in self.modules.read.values() if module.name != self.job.serving)

    @cached_property
    def server(self) -> Module | None:
        """The module that serves the model, if one is going to."""
        return self.modules.read.get(self.job.serving or "")

    @cached_property
    def served(self) -> Execution | None:
        """What certainly runs in the server: its import, and the functions that it calls."""
        return Execution(self.modules, self.server, as_main=False, calls=HANDLERS) if self.server else None

    @cached_property
    def accesses(self) -> tuple[Access, ...]:
        """Every file that is read or written, where it can be told which."""
        locator = self.locator
        found = (access for module in self.trained for access in accesses(module, locator))
        return tuple(access for access in found if not self.is_idle(access.module, access.node))

    @cached_property
    def called(self) -> frozenset[str]:
        """The last names of everything that is called."""
        return frozenset(name for module in self.trained for name in module.called)

    @cached_property
    def locator(self) -> Locator:
        """Tells where expressions point."""
        return Locator(self.argument, self.job.variables, self.parameters)

    @cached_property
    def parser(self) -> Parser | None:
        """The parser of the job's arguments; None where there is none, or more than one."""
        found = self._parsers
        return found[0] if len(found) == 1 else None

    @cached_property
    def passed(self) -> tuple[Passed, ...]:
        """What becomes of each hyperparameter in the parser, in the order in which they come."""
        if self.parser is None:
            return ()
        rebuilt = Rebuilt(self.parser)
        found = []
        for name, arguments in self.job.arguments.items():
            value = self.job.values.get(name, self.job.hyperparameters[name])
            found.append(Passed(name, value, tuple(arguments), rebuilt.ask(arguments)))
        return tuple(found)

    @cached_property
    def fed(self) -> dict[int, Passed]:
        """By the ``id`` of an option: the hyperparameter that it takes."""
        return {id(each.answer.option): each for each in self.passed if each.answer.option}

    @property
    def unfed(self) -> Iterator[Option]:
        """Options that no hyperparameter sets."""
        for option in self.parser.options if self.parser else ():
            if id(option) not in self.fed and option.action not in ("help", "version"):
                yield option

    def certain(self, node: ast.AST) -> bool:
        """Whether the job cannot get past a node."""
        return self.execution is not None and node in self.execution

    def only_serves(self, node: ast.AST) -> bool:
        """Whether a node runs in the server, and the job may well get past it."""
        return self.served is not None and node in self.served and not self.certain(node)

    def is_idle(self, module: Module, node: ast.expr) -> bool:
        """Whether a call or a reading stands in a function that nothing in the source speaks of: it is not called."""
        of = node.func if isinstance(node, ast.Call) else node.value if isinstance(node, ast.Subscript) else node
        function = module.outermost_function_of(of)
        if function is None or function.decorator_list or function.name.endswith(("_fn", "__")):
            return False  # the server, and Python, call theirs by name
        return self._words[function.name] == 1

    @cached_property
    def _words(self) -> Counter[str]:
        """How often each word stands in the source."""
        return Counter(word for each in self.modules.read.values() for word in _WORD.findall(each.text))

    def severity(self, node: ast.AST) -> Severity:
        """Of something that fails where it runs: an error where it certainly does."""
        return Severity.ERROR if self.certain(node) else Severity.WARNING

    @property
    def reading(self) -> tuple[Spot, ast.Call] | None:
        """Where the parser reads the command line."""
        if self.parser is None or not self.parser.reads:
            return None
        module, node = self.parser.reads[0]
        return module.spot(node), node

    @property
    def start(self) -> Spot:
        """The beginning of the entry point: where things stand that have no line of their own."""
        return Spot(self.modules.entry_point)

    def argument(self, module: Module, variable: str, attribute: str) -> ast.expr | str | None:
        """What ``args.train`` holds: the hyperparameter's value, or the expression of the default."""
        option = self.option(module, variable, attribute)
        if option is None:
            return None
        fed = self.fed.get(id(option))
        if fed is not None:
            return fed.answer.value if isinstance(fed.answer.value, str) else None
        return self.default(module, variable, attribute)

    def default(self, module: Module, variable: str, attribute: str) -> ast.expr | None:
        """What ``args.train`` holds where nobody gives it: the expression of the default."""
        option = self.option(module, variable, attribute)
        # A default from another module is looked at in its own terms.
        return option.keywords.get("default") if option and option.module is module else None

    def option(self, module: Module, variable: str, attribute: str) -> Option | None:
        """The option that ``args.train`` is of."""
        if self.parser is None or variable not in self._argument_names.get(module.name, ()):
            return None
        return next((option for option in self.parser.options if option.dest == attribute), None)

    @cached_property
    def parameters(self) -> dict[tuple[int, str], Where]:
        """The folder that ``model_fn`` is given."""
        function = self.server.functions.get("model_fn") if self.server else None
        given = [*function.args.posonlyargs, *function.args.args] if function else []
        return {(id(function), given[0].arg): Where("$SM_MODEL_DIR")} if given else {}

    @cached_property
    def _parsers(self) -> tuple[Parser, ...]:
        return parsers_of(self.modules)

    @cached_property
    def _argument_names(self) -> dict[str, set[str]]:
        return names_of_arguments(self.modules, self.parser) if self.parser else {}
