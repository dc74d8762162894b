"""Values on the command line: what argparse makes of each. It is asked itself."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial

from harness.lint.findings import Found, Rule, Severity
from harness.lint.modules import Module
from harness.lint.parsers import UNKNOWN, Option
from harness.lint.rules.passing import fatal, place_of, strict, typed
from harness.lint.subject import Subject
from harness.lint.variables import caught

_ARITHMETIC = (ast.Sub, ast.Div, ast.FloorDiv, ast.Pow)
"""What text knows nothing of: it can be added and multiplied."""
_NUMBERS = frozenset(
    {
        *("n_estimators", "max_depth", "min_samples_split", "min_samples_leaf", "max_leaf_nodes", "max_iter", "n_jobs"),
        *(
            "random_state",
            "n_neighbors",
            "n_clusters",
            "n_components",
            "n_init",
            "n_splits",
            "learning_rate",
            "subsample",
        ),
        *("alpha", "C", "tol", "degree", "epsilon", "l1_ratio", "eta0", "leaf_size", "verbose", "validation_fraction"),
        *("ccp_alpha", "min_impurity_decrease", "min_weight_fraction_leaf", "max_samples", "test_size", "train_size"),
    }
)
"""Parameters of scikit-learn's estimators, splitters and functions that refuse a number which is text."""
_EXPECTED = ("expected one argument", "expected at least one argument")


def _booleans(subject: Subject) -> Iterator[Found]:
    for each in subject.passed:
        option, value = each.answer.option, each.answer.value
        if option is None or option.takes_no_value or each.answer.complaint or value is UNKNOWN:
            continue
        if each.value is not False or not value:
            continue
        means_boolean = option.type == "bool" or isinstance(option.literal("default"), bool)
        if means_boolean:
            yield Found(
                place_of(subject, option),
                Severity.WARNING,
                f"Hyperparameter {each.name} is False, and {option.shown} becomes {value!r}, which is true: "
                f"the job passes {typed(each)} as text.",
                'Read the text: type=lambda text: text.lower() == "true".',
            )
    for option in subject.unfed:
        if option.type == "bool" and not option.takes_no_value:
            yield Found(
                place_of(subject, option),
                Severity.NOTE,
                f"No hyperparameter can make {option.shown} False: type=bool takes the text 'False' for true.",
                'Read the text: type=lambda text: text.lower() == "true".',
            )


def _switches(subject: Subject) -> Iterator[Found]:
    for each in subject.passed:
        option = each.answer.option
        if option is None or not option.takes_no_value:
            continue
        remedy = f'Let {option.shown} take a value: type=lambda text: text.lower() == "true", without an action.'
        if each.answer.complaint or (strict(subject) and each.answer.left_over):
            yield Found(
                place_of(subject, option),
                fatal(subject),
                f"{option.shown} takes no value, and the job passes {typed(each)}: parse_args ends the script.",
                remedy,
            )
        elif isinstance(each.value, bool) and each.answer.value is not UNKNOWN and each.answer.value != each.value:
            yield Found(
                place_of(subject, option),
                Severity.WARNING,
                f"Hyperparameter {each.name} is {each.value}, and {option.shown} becomes {each.answer.value!r}: "
                f"the job passes {typed(each)}, and the flag alone counts.",
                remedy,
            )
    for option in subject.unfed:
        if option.takes_no_value and option.action not in ("help", "version"):
            yield Found(
                place_of(subject, option),
                Severity.NOTE,
                f"A hyperparameter for {option.shown} would come with a value, which action={option.action!r} refuses.",
                f'Let {option.shown} take a value: type=lambda text: text.lower() == "true", without an action.',
            )


def _dashed_values(subject: Subject) -> Iterator[Found]:
    for each in subject.passed:
        text = each.arguments[1]
        if each.answer.complaint.endswith(_EXPECTED) and text.startswith("-"):
            yield Found(
                place_of(subject, each.answer.option),
                fatal(subject),
                f"The job passes {typed(each)} as two arguments, and argparse takes {text} for an option: "
                "«expected one argument», and the script ends.",
                f'Read it from json.loads(os.environ["SM_HPS"])["{each.name}"], or write it so that it begins '
                "with a digit.",
            )


def _refused_values(subject: Subject) -> Iterator[Found]:
    for each in subject.passed:
        option, complaint = each.answer.option, each.answer.complaint
        if not complaint or option is None or option.takes_no_value or isinstance(each.value, list | dict | tuple):
            continue
        if complaint.endswith(_EXPECTED):
            continue
        reason = complaint.partition(": ")[2] or complaint
        what = "None arrives as empty text" if each.value is None else f"the job passes {typed(each)}"
        yield Found(
            place_of(subject, option),
            fatal(subject),
            f"{option.shown} refuses hyperparameter {each.name}: {what}, and argparse says «{reason}».",
            "Leave the hyperparameter out."
            if each.value is None
            else "Give it a value that the argument's type takes.",
        )


def _collections(subject: Subject) -> Iterator[Found]:
    for each in subject.passed:
        option, answer = each.answer.option, each.answer
        if option is None or not isinstance(each.value, list | dict | tuple) or option.takes_no_value:
            continue
        remedy = f'Read it from json.loads(os.environ["SM_HPS"])["{each.name}"].'
        if answer.complaint and not answer.complaint.endswith(_EXPECTED):
            yield Found(
                place_of(subject, option),
                fatal(subject),
                f"Hyperparameter {each.name} comes as one argument, {typed(each)}, which {option.shown} refuses: "
                f"«{answer.complaint.partition(': ')[2]}».",
                remedy,
            )
        elif answer.value is not UNKNOWN and _is_another(answer.value, each.value):
            yield Found(
                place_of(subject, option),
                Severity.WARNING,
                f"Hyperparameter {each.name} comes as one argument, {typed(each)}: {option.shown} becomes "
                f"{answer.value!r}.",
                remedy,
            )


def _none(subject: Subject) -> Iterator[Found]:
    for each in subject.passed:
        option, answer = each.answer.option, each.answer
        if each.value is None and option and isinstance(answer.value, str) and not answer.complaint:
            yield Found(
                place_of(subject, option),
                Severity.WARNING,
                f"Hyperparameter {each.name} is None, and {option.shown} becomes the text {answer.value!r}.",
                "Leave the hyperparameter out, so that the argument keeps its default.",
            )


def _numbers(subject: Subject) -> Iterator[Found]:
    """A number that is still text where the script certainly needs a number: of an option without a type, or a
    variable.
    """
    yield from _untyped_options(subject)
    yield from _variables(subject)


def _untyped_options(subject: Subject) -> Iterator[Found]:
    for each in subject.passed:
        option = each.answer.option
        if option is None or not isinstance(each.value, int | float) or isinstance(each.value, bool):
            continue
        if option.action != "store" or "type" in option.keywords or not isinstance(each.answer.value, str):
            continue
        if any(_is_looked_at(module, option) for module in subject.trained):
            continue
        used = next(_used_as_number(subject, partial(_is_of, subject, option)), None)
        if used is not None:
            module, node, how = used
            yield Found(
                place_of(subject, option),
                subject.severity(node),
                f"Hyperparameter {each.name} arrives as the text {each.answer.value!r}, as {option.shown} has no type, "
                f"and {how} in {_line(option.module, module, node)}: it fails.",
                f"Declare it with type={type(each.value).__name__}.",
            )


def _is_of(subject: Subject, option: Option, module: Module, node: ast.expr) -> bool:
    """Whether an expression is the parsed argument of an option."""
    of = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return of and subject.option(module, node.value.id, node.attr) is option  # type: ignore[attr-defined]


def _variables(subject: Subject) -> Iterator[Found]:
    for read in subject.reads:
        text = subject.job.variables.get(read.name, "")
        number = next((kind.__name__ for kind in (int, float) if _can_be(kind, text)), None)
        if number is None:
            continue
        used = next(_used_as_number(subject, lambda module, node, reads=read.node: node is reads), None)  # type: ignore[misc]
        if used is not None:
            module, node, how = used
            yield Found(
                read.module.spot(read.node),
                subject.severity(node),
                f"{read.name} is the text {text!r}, as every variable is text, and {how} in "
                f"{_line(read.module, module, node)}: it fails.",
                f"Convert it: {number}({ast.unparse(read.node)}).",
            )


def _can_be(kind: Callable[[str], object], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _used_as_number(
    subject: Subject, is_text: Callable[[Module, ast.expr], bool]
) -> Iterator[tuple[Module, ast.expr, str]]:
    """Where text in place of a number is an exception.

    Args:
        subject: the script.
        is_text: whether an expression is the text, if it is not a name that stands for it.
    """

    def is_it(module: Module, node: ast.expr) -> bool:
        return is_text(module, (isinstance(node, ast.Name) and module.value_of(node)) or node)

    for module in subject.trained:
        ready = caught(module)
        for call in module.all(ast.Call):
            if id(call) in ready:
                continue
            dotted = module.dotted(call.func)
            given = call.args if dotted == "range" else []
            if dotted.startswith("sklearn."):
                given = [key.value for key in call.keywords if key.arg in _NUMBERS]
            if any(is_it(module, value) for value in given):
                yield module, call, f"{dotted.rpartition('.')[2]} takes numbers"
        for node in module.all(ast.BinOp):
            other = node.right if is_it(module, node.left) else node.left if is_it(module, node.right) else None
            calculates = isinstance(node.op, ast.Sub | ast.FloorDiv | ast.Pow) or _is_number(other)
            if other is not None and calculates and isinstance(node.op, _ARITHMETIC) and id(node) not in ready:
                yield module, node, "is calculated with"
        for compared in module.all(ast.Compare):
            if isinstance(compared.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                sides = (compared.left, compared.comparators[0])
                numbers = any(is_it(module, side) for side in sides) and any(map(_is_number, sides))
                if numbers and id(compared) not in ready:
                    yield module, compared, "is compared with a number"


def _is_looked_at(module: Module, option: Option) -> bool:
    """Whether the script itself sets an argument, or asks of what type it is."""
    told = [each for call in module.calls_of(("isinstance", "type", "setattr")) for each in call.args]
    return any(
        node.attr == option.dest and (isinstance(node.ctx, ast.Store) or any(node is each for each in told))
        for node in module.all(ast.Attribute)
    )


def _is_number(node: ast.expr | None) -> bool:
    """Whether an expression is certainly a number, and no folder that is divided by a name."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("len", "int", "float", "sum")
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _line(at: Module, module: Module, node: ast.expr) -> str:
    return f"line {node.lineno}" if at is module else f"line {node.lineno} of {module.name}"


def _is_another(value: object, meant: object) -> bool:
    if isinstance(meant, list | tuple):
        return isinstance(value, list | tuple | set) and list(value) != list(meant)
    return isinstance(value, list | tuple | set | dict) and value != meant


RULES = (
    Rule(
        "HRN101",
        "boolean-text",
        "A boolean arrives as text, and text that is not empty is true.",
        "A hyperparameter is always passed with its value, False as the text `False` (SDK v3: `false`). "
        '`bool("False")` is `True`, and so is the text itself.',
        _booleans,
    ),
    Rule(
        "HRN102",
        "switch-with-value",
        "A switch (`store_true` and the like) is passed a value all the same.",
        "A hyperparameter is always a flag and a value. The switch goes on because the flag is there, whatever the "
        "value, and the value is left over, which `parse_args` does not forgive.",
        _switches,
    ),
    Rule(
        "HRN108",
        "value-looks-like-option",
        "A value that begins with a dash is taken for an option.",
        "Flag and value are two arguments. argparse recognises `-5` and `-0.5` as numbers, but not `-1e-05`, `-inf` "
        "or text.",
        _dashed_values,
    ),
    Rule(
        "HRN109",
        "value-refused",
        "An argument's type or choices refuse the hyperparameter's text.",
        "The text is Python's `str` of the value (SDK v3: JSON): `10.0` is no int, None is empty (SDK v3: `null`).",
        _refused_values,
    ),
    Rule(
        "HRN110",
        "list-is-one-argument",
        "A list or a dict comes as one argument.",
        "A list is Python's `repr` in one piece (SDK v3: JSON), a dict `k=v` pairs with commas: `nargs` sees one item, "
        "`type=list` letters, and `json.loads` single quotes.",
        _collections,
    ),
    Rule(
        "HRN111",
        "none-becomes-text",
        "None arrives as text.",
        "None is an empty argument (SDK v3: the text `null`), and not the same as an argument that is not given.",
        _none,
    ),
    Rule(
        "HRN114",
        "number-is-text",
        "A number arrives as text, where the script needs a number.",
        "argparse converts what it is given by `type`, and leaves it text without one; a default of 5 is a number all "
        "the same, so that the script does well as long as nobody gives the argument. An environment variable is "
        "always text, `SM_NUM_CPUS` and every `SM_HP_…` too.",
        _numbers,
    ),
)
