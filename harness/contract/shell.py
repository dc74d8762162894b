"""What bash makes of a file of ``export NAME='value'`` lines whose values nobody escaped.

Only quoting and word splitting, which is what decides between a syntax error, a stray variable and a changed value.
Source: bash 5.2, run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
#: Unquoted, each of these starts something else than a word: an expansion, a command, a redirection.
_SPECIAL = frozenset("$`;&|<>()*?[]{}~#!")
_SPECIAL_IN_DOUBLE_QUOTES = frozenset("$`\\!")


class UnclosedQuoteError(ValueError):
    """The file ends inside quotes: a syntax error, exit status 2."""


class NotAnExportError(ValueError):
    """A line is no valid ``export`` any more: exit status 1, or whatever the other command returns."""


def exported(text: str) -> dict[str, str]:
    """The variables in the environment after ``source``.

    Raises:
        UnclosedQuoteError: quotes do not match.
        NotAnExportError: a name is not an identifier, or a quote in a value lets bash read the rest as code.
    """
    variables: dict[str, str] = {}
    for command in _commands(text.replace("\0", "")):
        if command[0] != "export":
            raise NotAnExportError(f"`{command[0]}' is read as a command.")
        for word in command[1:]:
            name, assigned, value = word.partition("=")
            if not _IDENTIFIER.match(name):
                raise NotAnExportError(f"`{word}' is not a valid identifier.")
            if assigned:
                variables[name] = value
    return variables


def _commands(text: str) -> Iterator[list[str]]:
    """Each line's words, quotes removed. A quoted newline does not end a line.

    Bash reads a line to its end before it runs it, so quotes that do not match come before any other error in it.
    """
    words: list[str] = []
    code: str | None = None
    word: str | None = None
    position = 0
    while position < len(text):
        character = text[position]
        if character in "'\"":
            end = text.find(character, position + 1)
            if end < 0:
                raise UnclosedQuoteError(f"No closing {character}.")
            quoted = text[position + 1 : end]
            if character == '"' and not _SPECIAL_IN_DOUBLE_QUOTES.isdisjoint(quoted):
                code = code or quoted
            word = (word or "") + quoted
            position = end
        elif character == "\\":
            position += 1
            word = (word or "") + text[position : position + 1].replace("\n", "")
        elif character in " \t\n":
            if word is not None:
                words.append(word)
                word = None
            if character == "\n" and words:
                yield _without_code(words, code)
                words = []
        else:
            code = code or (character if character in _SPECIAL else None)
            word = (word or "") + character
        position += 1
    if word is not None:
        words.append(word)
    if words:
        yield _without_code(words, code)


def _without_code(words: list[str], code: str | None) -> list[str]:
    if code is not None:
        raise NotAnExportError(f"`{code}' is read by the shell as code.")
    return words
