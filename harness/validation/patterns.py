"""AWS's patterns are Java's: translated here for Python's ``re``, and matched against the whole text."""

from __future__ import annotations

import functools
import re

# `_fold` puts one noncharacter for every letter, number or separator beyond ASCII, because the property classes
# are too large to be written as ranges. Alnum is ASCII in Java.
_FOLDED = {"L": "\ufdd0", "N": "\ufdd1", "Z": "\ufdd2"}
_PROPERTIES = {"L": "a-zA-Z\ufdd0", "N": "0-9\ufdd1", "Z": " \ufdd2", "Alnum": "a-zA-Z0-9"}
_NOT_A_LINE_TERMINATOR = r"[^\n\r\u0085\u2028\u2029]"
_TOKEN = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\p\{(?P<property>\w+)\}|\\.|(?P<dot>\.)", re.DOTALL)
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_PROPERTY = re.compile(r"\\p\{(\w+)\}")


def matches(pattern: str, text: str) -> bool:
    """Say whether the whole of ``text`` matches a pattern of the service model.

    Java's dialect differs from Python's where AWS uses it: property classes such as ``\\p{L}`` (any script's
    letters), characters beyond U+FFFF written as surrogate pairs, ``\\d``, ``\\w`` and ``\\s`` that are ASCII
    only, and a dot that also stops at a carriage return and Unicode's line separators.
    """
    return _compiled(pattern).fullmatch(_fold(text) if "\\p{" in pattern else text) is not None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_TOKEN.sub(_translated, _SURROGATES.sub(_code_point, pattern)), re.ASCII)


def _translated(token: re.Match[str]) -> str:
    if token["dot"]:
        return _NOT_A_LINE_TERMINATOR
    if token["property"]:
        return f"[{_PROPERTIES[token['property']]}]"
    return _PROPERTY.sub(lambda found: _PROPERTIES[found[1]], token[0])


def _code_point(pair: re.Match[str]) -> str:
    return f"\\U{0x10000 + ((int(pair[1], 16) & 0x3FF) << 10) + (int(pair[2], 16) & 0x3FF):08x}"


def _fold(text: str) -> str:
    import unicodedata

    return "".join(
        letter if letter.isascii() else _FOLDED.get(unicodedata.category(letter)[0], letter) for letter in text
    )
