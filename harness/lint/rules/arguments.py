"""Hyperparameters and arguments: which takes which."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from harness.contract.environment import Dialect
from harness.lint.findings import Found, Rule, Severity
from harness.lint.parsers import UNKNOWN, Option, Parser
from harness.lint.rules.passing import fatal, place_of, strict, typed
from harness.lint.subject import Passed, Subject


def _one_letter(subject: Subject) -> Iterator[Found]:
    for each in subject.passed:
        other = _other_dashes(subject, each)
        if other is not None:
            yield from _missed(
                subject,
                each,
                other,
                f"{'SDK v3' if subject.job.dialect is Dialect.V3 else 'The toolkit'} passes hyperparameter "
                f"{each.name} as {each.arguments[0]}, and {other.shown} is declared alone",
                f'Declare both: add_argument("-{each.name}", "--{each.name}", …).',
            )


def _hyphens(subject: Subject) -> Iterator[Found]:
    for each in subject.passed:
        other = _other_spelling(subject, each)
        if other is not None:
            yield from _missed(
                subject,
                each,
                other,
                f"Hyperparameter {each.name} comes as {each.arguments[0]}, which is not {other.shown}",
                f"Spell them alike, or declare both: "
                f'add_argument("{other.shown}", "{each.arguments[0]}", dest="{other.dest}", …).',
            )


def _untaken(subject: Subject) -> Iterator[Found]:
    """With ``parse_known_args``: nobody complains."""
    if subject.parser is None or not subject.parser.complete or strict(subject) or _goes_on(subject.parser):
        return
    for each in subject.passed:
        if each.answer.option or _other_dashes(subject, each) or _other_spelling(subject, each):
            continue
        if _reads_all(subject) or any(read.name.startswith(f"SM_HP_{each.name.upper()}") for read in subject.reads):
            continue
        near = _near(subject, each)
        hint = f" Is {near.shown} meant?" if near else ""
        yield Found(
            place_of(subject, near),
            Severity.WARNING if near else Severity.NOTE,
            f"No argument takes hyperparameter {each.name}, and parse_known_args passes over {typed(each)}.{hint}",
            f"Rename it to {_fed_by(near)}." if near else f"Declare --{each.name}, or leave the hyperparameter out.",
        )


def _goes_on(parser: Parser) -> bool:
    """Whether another parser is given what ``parse_known_args`` leaves over."""
    for module, read in parser.reads:
        targets = [each.targets[0] for each in module.all(ast.Assign) if each.value is read]
        left = {ast.unparse(each.elts[1]) for each in targets if isinstance(each, ast.Tuple) and len(each.elts) == 2}
        given = (each.args[0] for each in module.calls_of(("parse_args", "parse_known_args")) if each.args)
        if any(isinstance(each, ast.Name) and each.id in left for each in given):
            return True
    return False


def _refused(subject: Subject) -> Iterator[Found]:
    """With ``parse_args``: what it does not know ends the script."""
    if subject.parser is None or not subject.parser.complete or not strict(subject):
        return
    for each in subject.passed:
        if each.answer.option or _other_dashes(subject, each) or _other_spelling(subject, each):
            continue
        yield Found(
            place_of(subject, None),
            fatal(subject),
            f"Every hyperparameter becomes an argument, and parse_args ends the script at {typed(each)}, "
            "which no argument takes.",
            f"Declare --{each.name}, leave the hyperparameter out, or use parse_known_args.",
        )


def _unfed(subject: Subject) -> Iterator[Found]:
    defaults = []
    for option in subject.unfed:
        if _meant_for_another(subject, option) or option.takes_no_value:
            continue
        required = option.literal("required") is True
        if option.positional:
            optional = option.literal("nargs") in ("?", "*") or option.literal("nargs") is UNKNOWN
            if not optional:
                yield Found(
                    place_of(subject, option),
                    fatal(subject),
                    f"The job passes options alone, so {option.shown} is missing and argparse ends the script.",
                    f"Make it an option, --{option.shown}, with a default or a hyperparameter.",
                )
        elif required:
            yield Found(
                place_of(subject, option),
                fatal(subject),
                f"{option.shown} is required, and no hyperparameter sets it: argparse ends the script.",
                f"Set hyperparameter {_fed_by(option)}, or give {option.shown} a default.",
            )
        elif _is_a_choice_of_the_users(option):
            defaults.append(f"{option.shown} {ast.unparse(option.keywords['default'])}")
    if defaults:  # which is nothing out of the common: one note for all
        yield Found(
            place_of(subject, None),
            Severity.NOTE,
            f"The job runs with these defaults, which no hyperparameter sets: {', '.join(defaults)}.",
            "Set a hyperparameter of the argument's name, without its dashes in front, where another value is meant.",
        )


def _withheld(subject: Subject) -> Iterator[Found]:
    for name in subject.job.withheld:
        flags = {f"--{name}", f"-{name}"}
        options = subject.parser.options if subject.parser else ()
        option = next((option for option in options if flags & set(option.flags)), None)
        if option is None:
            continue
        required = option.literal("required") is True
        yield Found(
            place_of(subject, option),
            fatal(subject) if required else Severity.WARNING,
            f"The toolkit keeps hyperparameter {name} for itself, as every sagemaker_…: {option.shown} is not passed.",
            "Give the hyperparameter another name.",
        )


def _overwritten(subject: Subject) -> Iterator[Found]:
    """Several hyperparameters in one argument: argparse also takes a beginning of its name."""
    if subject.parser is None or not subject.parser.complete:
        return
    for option in subject.parser.options:
        taken = [each for each in subject.passed if each.answer.option is option and option.action == "store"]
        for each in taken[:-1]:
            last = taken[-1]
            if each.arguments[1] == last.arguments[1]:
                continue
            short = next((flag for flag, _ in (each.arguments, last.arguments) if flag not in option.flags), "")
            both = f"argparse takes {short} for an abbreviation of" if short else "both are"
            yield Found(
                place_of(subject, option),
                Severity.WARNING,
                f"Hyperparameter {each.name} has no effect: {both} {option.shown}, and {typed(last)} comes later.",
                f"Leave out {each.name} or {last.name}, whichever is not meant.",
            )


def _missed(subject: Subject, each: Passed, other: Option, what: str, remedy: str) -> Iterator[Found]:
    """A hyperparameter comes under a flag that is nearly the declared one."""
    ends = strict(subject)
    end = "argparse ends the script" if ends else f"{other.shown} keeps its default"
    severity = fatal(subject) if ends or other.literal("required") is True else Severity.WARNING
    yield Found(place_of(subject, other), severity, f"{what}: {end}.", remedy)


def _other_dashes(subject: Subject, each: Passed) -> Option | None:
    """The option that would take a one-letter hyperparameter in the other dialect."""
    if len(each.name) != 1 or each.answer.option or subject.parser is None:
        return None
    flags = {f"-{each.name}", f"--{each.name}"}
    return next((option for option in subject.parser.options if flags & set(option.flags)), None)


def _other_spelling(subject: Subject, each: Passed) -> Option | None:
    """The option that differs from a hyperparameter in hyphens and underscores alone."""
    if each.answer.option or subject.parser is None or len(each.name) == 1:
        return None
    plain = each.name.replace("-", "_")
    for option in subject.parser.options:
        if any(flag.startswith("--") and flag[2:].replace("-", "_") == plain for flag in option.flags):
            return option
    return None


def _fed_by(option: Option) -> str:
    """The name of the hyperparameter that comes as an option: its flag's, letter for letter, whatever its ``dest``."""
    return option.shown.lstrip("-")


def _meant_for_another(subject: Subject, option: Option) -> bool:
    """Whether another rule speaks of an option that no hyperparameter sets."""
    near = (find(subject, each) for each in subject.passed for find in (_other_dashes, _other_spelling))
    withheld = {flag for name in subject.job.withheld for flag in (f"--{name}", f"-{name}")}
    return any(other is option for other in near) or bool(withheld & set(option.flags))


def _near(subject: Subject, each: Passed) -> Option | None:
    """An option without a hyperparameter that looks much like this one."""
    from difflib import get_close_matches

    free = {option.dest: option for option in subject.unfed if not option.positional}
    found = get_close_matches(each.name.replace("-", "_"), free, 1, 0.85)
    return free[found[0]] if found else None


def _reads_all(subject: Subject) -> bool:
    """Whether the script may find a hyperparameter without argparse."""
    return any(read.name in ("SM_HPS", "SM_TRAINING_ENV", "SM_USER_ARGS") for read in subject.reads)


def _is_a_choice_of_the_users(option: Option) -> bool:
    """Whether a default is a plain number or word, and so something that people try other values of."""
    default = option.literal("default")
    if default is UNKNOWN or default is None or isinstance(default, bool):
        return False
    return not (isinstance(default, str) and "/" in default)


RULES = (
    Rule(
        "HRN103",
        "one-letter-option",
        "A hyperparameter of one letter comes with one dash, or with two, by who passes it.",
        "The toolkit passes hyperparameter `n` as `-n`, SDK v3's drivers as `--n`.",
        _one_letter,
    ),
    Rule(
        "HRN104",
        "hyperparameter-not-taken",
        "A hyperparameter that no argument takes has no effect.",
        "`parse_known_args` passes over what it does not know, and the argument that was meant keeps its default.",
        _untaken,
    ),
    Rule(
        "HRN105",
        "strict-parse-args",
        "`parse_args` ends the script at a hyperparameter that is not declared.",
        "Every hyperparameter of the job becomes an argument. `parse_args` exits with 2 at the first that it does not "
        "know, and the job fails.",
        _refused,
    ),
    Rule(
        "HRN106",
        "argument-not-fed",
        "An argument that no hyperparameter sets.",
        "What is typed on the command line here has to be a hyperparameter there. A required argument without one "
        "ends the script; others keep their defaults, which is one note for all of them.",
        _unfed,
    ),
    Rule(
        "HRN107",
        "hyphen-or-underscore",
        "A hyperparameter and its argument differ in a hyphen.",
        "The flag is the hyperparameter's name, letter for letter: `learning-rate` comes as `--learning-rate`, and "
        "argparse does not take that for `--learning_rate`.",
        _hyphens,
    ),
    Rule(
        "HRN112",
        "hyperparameter-withheld",
        "A hyperparameter named `sagemaker_…` does not reach the script.",
        "The toolkit keeps such names for itself: they are in neither the arguments nor `SM_HPS`.",
        _withheld,
    ),
    Rule(
        "HRN113",
        "hyperparameter-overwritten",
        "Two hyperparameters set one argument, and the later one counts.",
        "argparse takes the beginning of an option's name for the option: `--max_dept 9 --max_depth 4` is 4. The "
        "toolkit passes hyperparameters in the order of their names.",
        _overwritten,
    ),
)
