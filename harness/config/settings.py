"""How a setting is declared, and what follows from the declaration.

A setting is a field of a frozen dataclass made by `setting`. Its annotation is its type, its metadata the
rest; names of environment variables, the check of a value, and ``.env.example`` all follow from that one
line. `Merge` puts the places together, weakest first, and notes for every value which place it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields
from typing import Any, NamedTuple

PREFIX = "HARNESS_"

Location = str
"""An absolute ``file://`` or ``s3://`` URI; written in configuration as a path or a URI."""


class Source(NamedTuple):
    """Where a value came from; ``str()`` says it in a few words."""

    place: str
    """``default``, ``file``, ``.env``, ``environment`` or ``flag``."""
    text: str

    def __str__(self) -> str:
        return self.text


DEFAULT = Source("default", "default")


def setting(
    default: object = None,
    help: str = "",
    *,
    choices: tuple[str, ...] = (),
    environment: bool = True,
    aliases: tuple[str, ...] = (),
    minimum: int | None = None,
    maximum: int | None = None,
    required: bool = False,
    flag: str = "",
) -> Any:
    """Declare a setting.

    Args:
        default: value when no place says anything; a dataclass or mapping type is made anew for each use.
        help: one sentence for people; it is also the comment in ``.env.example``.
        choices: the only values allowed, if any.
        environment: whether ``HARNESS_<KEY>`` is read.
        aliases: further variables, weaker than ``HARNESS_<KEY>``, in their order (AWS's own).
        minimum: the smallest number allowed.
        maximum: the largest.
        required: whether leaving it out of its table is an error.
        flag: the command line's name where it is not the key's.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "environment": environment,
        "aliases": aliases,
        "minimum": minimum,
        "maximum": maximum,
        "required": required,
        "flag": flag,
    }
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def settings(schema: type) -> dict[str, Field[Any]]:
    """The settings that a dataclass declares, by key, in order."""
    return {f.name: f for f in fields(schema) if "help" in f.metadata}


def kind(declared: Field[Any]) -> str:
    """A setting's type, as its annotation has it, without «or None»."""
    return str(declared.type).removesuffix(" | None")


def default_of(declared: Field[Any]) -> Any:
    """The value of a setting that no place speaks of."""
    if declared.default_factory is not MISSING:
        return declared.default_factory()
    return declared.default


def walk(schema: type, tables: Mapping[str, type], prefix: str = "") -> Iterator[tuple[str, Field[Any]]]:
    """Every setting as (dotted key, declaration), those inside tables included."""
    for name, declared in settings(schema).items():
        if kind(declared) in tables:
            yield from walk(tables[kind(declared)], tables, f"{prefix}{name}.")
        else:
            yield prefix + name, declared


def variables(key: str, declared: Field[Any]) -> tuple[str, ...]:
    """The environment variables that are read for a setting, the strongest first."""
    if not declared.metadata["environment"]:
        return ()
    return (PREFIX + key.upper().replace(".", "_"), *declared.metadata["aliases"])


def flag_of(key: str, declared: Field[Any]) -> str:
    """The command line's option for a setting: ``--max-run``."""
    return str(declared.metadata["flag"]) or "--" + key.rpartition(".")[2].replace("_", "-")


def nearest(word: str, known: Sequence[str], cutoff: float = 0.6) -> str | None:
    """The known word that looks most like this one, or None."""
    import difflib

    return next(iter(difflib.get_close_matches(word, known, 1, cutoff)), None)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """« Did you mean …?» with the known word that looks most like this one, or nothing."""
    near = nearest(word, known)
    return f" Did you mean {near}?" if near else ""


def parse_value(text: str) -> object:
    """Text of a command line as the value that it would be in JSON; what is not JSON is the text itself.

    ``30`` is an integer, ``0.1`` a float, ``true`` a boolean, ``[1, 2]`` a list; ``"30"`` and ``gini`` are
    text, and so are ``NaN`` and ``Infinity``, which JSON does not know.
    """
    import json

    def word(name: str) -> object:
        raise ValueError(name)

    try:
        value: object = json.loads(text, parse_constant=word)
    except (ValueError, RecursionError):
        return text
    return value


def from_text(declared: Field[Any], text: str) -> object:
    """The text of a variable as a value for `convert`: JSON, except where the setting itself is text."""
    return text if kind(declared) in ("str", "Path", "Location") else parse_value(text)
