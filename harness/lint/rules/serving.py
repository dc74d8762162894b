"""The script as the server's module: it is imported there, and its model unpickled."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from harness.lint.execution import Execution
from harness.lint.findings import Found, Rule, Severity
from harness.lint.left_out import take_out, why
from harness.lint.modules import Function, Module
from harness.lint.nothing import taken_for_paths
from harness.lint.paths import Locator, Where
from harness.lint.places import absolute, is_shipped, left_out_of
from harness.lint.rules.files import of_a_person
from harness.lint.subject import Subject
from harness.lint.uses import BRINGS_FILES, Use, accesses
from harness.lint.variables import reads_of
from harness.source import LeftOut

_ARITY = {"model_fn": 1, "input_fn": 2, "predict_fn": 2, "output_fn": 2, "transform_fn": 4}
_TAKES = {
    "model_fn": "(model_dir)",
    "input_fn": "(data, content_type)",
    "predict_fn": "(data, model)",
    "output_fn": "(prediction, accept)",
    "transform_fn": "(model, data, content_type, accept)",
}
_REPLACED = ("input_fn", "predict_fn", "output_fn")
_DUMPS = ("joblib.dump", "pickle.dump", "pickle.dumps", "sklearn.externals.joblib.dump")
_HOLD = ("make_pipeline", "make_union", "make_column_transformer", "partial", "dict", "list", "tuple")
"""Functions that keep what they are given; constructors are taken to."""
_DEPTH = 12
_MODEL_DIR = "$SM_MODEL_DIR"
_THERE = ("SM_MODEL_DIR", "SM_INPUT", "SM_INPUT_TRAINING_CONFIG_FILE", "SM_INPUT_DATA_CONFIG_FILE")
"""``SM_*`` that are the image's own, and so in the server as well."""

_INPUT = "/opt/ml/input/"
"""What only a training job has."""
_MAKES_FILES = BRINGS_FILES | {"chdir"}
_WITH_MODEL = "Have the training write it to SM_MODEL_DIR, and join its path with model_fn's model_dir."
_WITH_SOURCE = "Join its path with Path(__file__).parent, where the source is."
_GUARD = 'Put what only training does under if __name__ == "__main__":.'


def _unguarded(subject: Subject) -> Iterator[Found]:
    server = subject.server
    if server is None:
        return
    imported = Execution(subject.modules, server, as_main=False)
    for module, node, missing in _without_data(subject, imported):
        what = f"The server imports this module and has no {missing}, and every request is a 500."
        yield Found(module.spot(node), Severity.ERROR, what, _GUARD)
    for module in subject.modules.read.values():
        for read in reads_of(module):
            if read.required and read.node in imported and read.name.startswith("SM_") and read.name not in _THERE:
                yield Found(
                    module.spot(read.node),
                    Severity.ERROR,
                    f"The server imports this module and has no {read.name}: KeyError, and every request is a 500.",
                    _GUARD,
                )
        for node in module.calls_of(("parse_args", "fit")):
            if node not in imported:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name == "parse_args" and not node.args:
                yield Found(
                    module.spot(node),
                    Severity.ERROR,
                    "The server imports this module, and parse_args meets the server's own arguments there: "
                    "it ends the server.",
                    _GUARD,
                )
            elif name == "fit":
                yield Found(
                    module.spot(node),
                    Severity.WARNING,
                    "The server imports this module, at least three times, and trains at each.",
                    _GUARD,
                )


def _without_data(subject: Subject, imported: Execution) -> Iterator[tuple[Module, ast.AST, str]]:
    """What certainly fails at the import because only a training job has data: where, and how."""
    locator = Locator(subject.default, dict.fromkeys(_THERE, ""))
    for module in subject.modules.read.values():
        for node, use, where in ((each.node, each.use, each.where) for each in accesses(module, locator)):
            if node in imported and use in (Use.READ, Use.LIST) and str(where).startswith(_INPUT):
                yield module, node, f"{where}: FileNotFoundError"
    unset = (read for read in subject.reads if read.name.startswith("SM_") and read.name not in _THERE)
    for taken in taken_for_paths(subject, (read for read in unset if read.gives_none)):
        if taken.severity is Severity.ERROR and taken.node in imported:
            yield taken.module, taken.node, f"{taken.read.name}, which is None and taken for a path: TypeError"


def _no_model_fn(subject: Subject) -> Iterator[Found]:
    server = subject.server
    if server is not None and not defines(server, "model_fn"):
        yield Found(
            subject.start._replace(path=server.name),
            Severity.ERROR,
            f"{server.name} serves the model and has no model_fn: every request is a 500.",
            "Define model_fn(model_dir), which loads the model from there.",
        )


def _both(subject: Subject) -> Iterator[Found]:
    server = subject.server
    if server is None or not defines(server, "transform_fn", star=False):
        return
    beside = [name for name in _REPLACED if defines(server, name, star=False)]
    if beside:
        node = server.functions.get("transform_fn")
        yield Found(
            server.spot(node) if node else subject.start._replace(path=server.name),
            Severity.ERROR,
            f"transform_fn stands beside {', '.join(beside)}, which it replaces: every request is a 500.",
            "Keep one or the other.",
        )


def _arguments(subject: Subject) -> Iterator[Found]:
    yield from _swapped(subject)
    server = subject.server
    for name, count in _ARITY.items() if server else ():
        function = server.functions.get(name) if server else None
        if server is None or function is None or function.decorator_list:
            continue
        arguments = function.args
        most = len(arguments.posonlyargs) + len(arguments.args)
        least = most - len(arguments.defaults)
        named = sum(default is None for default in arguments.kw_defaults)
        if named or least > count or (most < count and arguments.vararg is None):
            yield Found(
                server.spot(function),
                Severity.ERROR,
                f"The server calls {name}{_TAKES[name]}, with {count} argument{'s' * (count > 1)} and no context: "
                "TypeError, and the request is a 500.",
                f"Declare def {name}{_TAKES[name]}.",
            )


def _swapped(subject: Subject) -> Iterator[Found]:
    """``predict_fn(model, data)``, told by what is done with the first argument."""
    server = subject.server
    function = server.functions.get("predict_fn") if server else None
    if server is None or function is None or len(function.args.args) != 2:
        return
    first = function.args.args[0].arg
    for node in server.calls_of(("predict", "predict_proba", "decision_function")):
        holder = node.func.value if isinstance(node.func, ast.Attribute) else None
        if not (isinstance(holder, ast.Name) and holder.id == first and server.is_bound_once(holder)):
            continue
        if server.function_of(holder) == id(function):
            yield Found(
                server.spot(function),
                Severity.ERROR,
                f"The server calls predict_fn{_TAKES['predict_fn']}, so that {first} is the data, which has no "
                f"{node.func.attr}: every request is a 500.",  # type: ignore[attr-defined]
                f"Declare def predict_fn{_TAKES['predict_fn']}.",
            )
            return


def _no_such_model(subject: Subject) -> Iterator[Found]:
    """``model_fn`` reads a file of the model that the training does not write."""
    server = subject.server
    function = server.functions.get("model_fn") if server else None
    if server is None or function is None or not BRINGS_FILES.isdisjoint(subject.called):
        return
    written = {each.where for each in subject.accesses if each.use is Use.WRITE and each.where.base == _MODEL_DIR}
    if not written or not all(where.exact for where in written) or any(where.is_beside for where in written):
        return
    inside = {id(node) for node in ast.walk(function)}
    for access in accesses(server, subject.locator):
        where = access.where
        if id(access.node) not in inside or access.use is not Use.READ or where.base != _MODEL_DIR or not where.exact:
            continue
        name = where.path.rpartition("/")[2]
        if where in written or not name or _is_named_elsewhere(subject, name, inside):
            continue
        yield Found(
            server.spot(access.node),
            Severity.ERROR,
            f"model_fn reads {where.path}, and the training writes {', '.join(sorted(each.path for each in written))}: "
            "every request is a 500.",
            "Write and read the model under one name.",
        )


def _no_such_file(subject: Subject) -> Iterator[Found]:
    """What the server certainly reads, and only a training job, or this machine, has."""
    server, served = subject.server, subject.served
    modules = subject.modules.read.values()
    if server is None or served is None or any(not _MAKES_FILES.isdisjoint(module.called) for module in modules):
        return
    locator = Locator(subject.default, dict.fromkeys(_THERE, ""), subject.parameters)
    found = [each for module in modules for each in accesses(module, locator) if each.node in served]
    written = {each.where for each in found if each.use is Use.WRITE}
    told = _told_of_the_job(subject)
    for access in found:
        where = access.where
        if access.use not in (Use.READ, Use.LIST) or where in written or (id(access.node), where) in told:
            continue
        why = _why_not_there(subject, where)
        if why:
            yield Found(
                access.module.spot(access.node),
                Severity.ERROR,
                f"The server finds no {where}, {why}: every request is a 500.",
                _remedy(subject, where),
            )


def _told_of_the_job(subject: Subject) -> set[tuple[int, Where]]:
    """What the training job, which imports the module as well, certainly does not find either."""
    certain = (each for each in subject.accesses if subject.certain(each.node))
    return {(id(each.node), each.where) for each in certain if not _is_source(subject, each.where)}


def _why_not_there(subject: Subject, where: Where) -> str | None:
    """Why the server has no such file; None where it may have one."""
    if where.base == "cwd" and not f"/{where.path}".startswith("/opt/ml/"):
        return "a relative path, because it does not run in the source's folder"
    if where.base == "source" and not _is_source(subject, where):
        left_out = _left_out(subject, where)
        return f"because {why(left_out)}" if left_out else "which is not in the source that is shipped"
    if of_a_person(subject, where, absolute(subject, where)):
        return "a path of this machine"
    return None


def _remedy(subject: Subject, where: Where) -> str:
    left_out = _left_out(subject, where)
    if left_out is not None and where.base == "source":
        return f"{take_out(left_out)}, or have the training write it to SM_MODEL_DIR."
    return _WITH_SOURCE if _is_source(subject, where) else _WITH_MODEL


def _left_out(subject: Subject, where: Where) -> LeftOut | None:
    path = absolute(subject, where)
    return left_out_of(subject, path) if path else None


def _is_source(subject: Subject, where: Where) -> bool:
    """Whether the source that is shipped may have a file."""
    path = absolute(subject, where)
    return where.base in ("cwd", "source") and (path is None or is_shipped(subject, path, Use.READ))


def _is_named_elsewhere(subject: Subject, name: str, inside: set[int]) -> bool:
    return any(
        isinstance(node.value, str) and name in node.value and id(node) not in inside
        for module in subject.modules.read.values()
        for node in module.all(ast.Constant)
    )


def _pickled(subject: Subject) -> Iterator[Found]:
    """What the script defines and pickles is ``__main__``'s, and ``__main__`` is another in the server."""
    entry = subject.modules.entry
    if entry is None or subject.job.serving is None:
        return
    own = {node.name for node in entry.tree.body if isinstance(node, ast.ClassDef)}
    functions = set(entry.functions)
    for node in entry.calls_of(("dump", "dumps")):
        if not (entry.dotted(node.func) in _DUMPS and node.args):
            continue
        holder = _holder(entry, node.args[0], own, functions)
        if holder:
            yield Found(
                entry.spot(node),
                subject.severity(node),
                f"The pickle names {holder} as __main__.{holder}, and the server's __main__ has none: "
                "model_fn fails, and every request is a 500.",
                f"Move {holder} into a module of its own beside the script, and import it.",
            )


def _holder(module: Module, value: ast.expr, classes: set[str], functions: set[str], depth: int = 0) -> str | None:
    """A class or function of the script that a pickled value certainly holds."""
    if depth > _DEPTH:
        return None
    if isinstance(value, ast.Name):
        assigned = module.value_of(value)
        return _holder(module, assigned, classes, functions, depth + 1) if assigned is not None else None
    if isinstance(value, ast.Call):
        name = value.func.id if isinstance(value.func, ast.Name) else ""
        if name in classes:
            return name
        if isinstance(value.func, ast.Attribute) and value.func.attr == "fit":
            return _holder(module, value.func.value, classes, functions, depth + 1)
        if name in functions:
            returned = _returned(module, module.functions[name])
            return _holder(module, returned, classes, functions, depth + 1) if returned is not None else None
        last = module.dotted(value.func).rpartition(".")[2]
        if not (last[:1].isupper() or last in _HOLD):
            return None  # a function gives whatever it gives
        inside = [*value.args, *(key.value for key in value.keywords)]
        handed = (arg.id for arg in inside if isinstance(arg, ast.Name) and arg.id in functions)
        return next(handed, None) or _first(module, inside, classes, functions, depth)
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return _first(module, value.elts, classes, functions, depth)
    if isinstance(value, ast.Dict):
        return _first(module, value.values, classes, functions, depth)
    return None


def _returned(module: Module, function: Function) -> ast.expr | None:
    """What a function gives, where it has one ``return``."""
    found = [node.value for node in module.all(ast.Return) if module.function_of(node) == id(function)]
    return found[0] if len(found) == 1 else None


def _first(module: Module, values: list[ast.expr], classes: set[str], functions: set[str], depth: int) -> str | None:
    found = (_holder(module, value, classes, functions, depth + 1) for value in values)
    return next((name for name in found if name), None)


def defines(module: Module | None, name: str, *, star: bool = True) -> bool:
    """Whether a module has a name at its own level; ``star``: take ``import *`` to bring it."""
    for node in module.tree.body if module is not None else ():
        for each in ast.walk(node) if not isinstance(node, ast.FunctionDef | ast.ClassDef) else [node]:
            if isinstance(each, ast.FunctionDef | ast.ClassDef) and each.name == name:
                return True
            if isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store):
                return True
            if isinstance(each, ast.Import | ast.ImportFrom):
                names = {alias.asname or alias.name for alias in each.names}
                if name in names or (star and "*" in names):
                    return True
    return False


RULES = (
    Rule(
        "HRN501",
        "training-outside-guard",
        "Training code runs when the server imports the script.",
        "The server imports its module, under its own name, twice, and once more per worker. It has no data, no "
        "`SM_CHANNEL_*` and no `SM_HP_*`, and its arguments are gunicorn's.",
        _unguarded,
    ),
    Rule(
        "HRN502",
        "no-model-fn",
        "The serving script has no `model_fn`.",
        "The scikit-learn images have no default one.",
        _no_model_fn,
    ),
    Rule(
        "HRN503",
        "transform-fn-beside-others",
        "`transform_fn` stands beside functions that it replaces.",
        "The server refuses a module that has both.",
        _both,
    ),
    Rule(
        "HRN504",
        "handler-arguments",
        "A handler takes other arguments than the server gives.",
        "The server of the scikit-learn images calls handlers with exactly these arguments and no context.",
        _arguments,
    ),
    Rule(
        "HRN506",
        "model-of-another-name",
        "`model_fn` reads a file that the training does not write.",
        "What the server has in `model_dir` is what the training left in `SM_MODEL_DIR`, under the same names.",
        _no_such_model,
    ),
    Rule(
        "HRN507",
        "file-not-in-server",
        "The server reads a file that only the training job, or this machine, has.",
        "The server gets the source and, in `model_dir`, what the training left in `SM_MODEL_DIR`. It does not run in "
        "the source's folder: a relative path leads nowhere, even if the training wrote, or the source has, such a "
        "file.",
        _no_such_file,
    ),
    Rule(
        "HRN505",
        "pickled-from-main",
        "The model's pickle names a class or function of `__main__`.",
        "Pickle stores the module's name, which is `__main__` for what the script itself defines. In the server "
        "that is gunicorn.",
        _pickled,
    ),
)
