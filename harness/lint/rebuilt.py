"""A parser built again from what its source says, to ask argparse itself what becomes of an argument.

Only types that are pure functions of text are built in; of any other nothing is said.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from harness.lint.parsers import BOOLEAN_OPTIONAL, UNKNOWN, Option, Parser

_TYPES: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list,
    "tuple": tuple,
    "set": set,
    "json.loads": json.loads,
    "ast.literal_eval": ast.literal_eval,
}
_ACTIONS = ("store", "append", "extend", "store_true", "store_false", "store_const", "count", "append_const")


class Answer(NamedTuple):
    """What argparse does with one hyperparameter."""

    option: Option | None
    """The option that takes it; None: there is none."""
    value: object = UNKNOWN
    """What the option then holds; `UNKNOWN` where its type is not known."""
    complaint: str = ""
    """Why argparse ends the script, in its own words."""
    left_over: tuple[str, ...] = ()
    """Arguments that nothing takes: the end of the script in ``parse_args``."""


class _Refused(Exception):
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Refused(message)


class Rebuilt:
    """One parser of the user's."""

    def __init__(self, parser: Parser) -> None:
        self._options: dict[str, Option] = {}
        self._parser = _Parser(
            add_help=False, allow_abbrev=_allows_abbreviations(parser), argument_default=argparse.SUPPRESS
        )
        for number, option in enumerate(option for option in parser.options if not option.positional):
            dest = f"option{number}"
            self._options[dest] = option
            self._add(option, dest)

    def ask(self, arguments: list[str]) -> Answer:
        """What becomes of a flag and its value."""
        try:
            seen, left = self._parser.parse_known_args(arguments)
        except _Refused as refusal:
            return Answer(self._option_of(arguments[0]), complaint=str(refusal))
        if not vars(seen):
            return Answer(None, left_over=tuple(left))
        ((dest, value),) = vars(seen).items()
        option = self._options[dest]
        known = option.type in _TYPES and option.action in (*_ACTIONS, BOOLEAN_OPTIONAL)
        return Answer(option, value if known else UNKNOWN, left_over=tuple(left))

    def _option_of(self, flag: str) -> Option | None:
        for option in self._options.values():
            if flag in option.flags:
                return option
        begins = [option for option in self._options.values() if any(name.startswith(flag) for name in option.flags)]
        return begins[0] if len(begins) == 1 else None

    def _add(self, option: Option, dest: str) -> None:
        details: dict[str, Any] = {"dest": dest}
        action = option.action
        if action == BOOLEAN_OPTIONAL:
            details["action"] = argparse.BooleanOptionalAction
        elif action in ("store_true", "store_false", "count"):
            details["action"] = action
        elif action in ("store_const", "append_const", "version", "help"):
            details |= {"action": "store_const", "const": True}
        else:
            details |= {"action": action if action in ("append", "extend") else "store"}
            details["type"] = _TYPES.get(option.type, str)
            nargs, choices = option.literal("nargs"), option.literal("choices")
            if nargs is not None and nargs is not UNKNOWN:
                details["nargs"] = nargs
                if nargs == "?":
                    details["const"] = option.literal("const")
            # Choices are held against what the type makes of the text.
            if choices is not None and choices is not UNKNOWN and option.type in _TYPES:
                details["choices"] = choices
        try:
            self._parser.add_argument(*option.flags, **details)
        except (ValueError, TypeError, argparse.ArgumentError):
            self._options.pop(dest)  # argparse itself refuses it, wherever it runs


def _allows_abbreviations(parser: Parser) -> bool:
    for key in parser.node.keywords:
        if key.arg == "allow_abbrev" and isinstance(key.value, ast.Constant):
            return bool(key.value.value)
    return True
