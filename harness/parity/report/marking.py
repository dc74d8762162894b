"""Two values side by side: what is the same, what differs, and what could not be seen if it were just printed."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any, Final, Literal, NamedTuple

LONG: Final = 480
"""Characters from which a value is shown as an excerpt that can be unfolded."""
LONG_LINES: Final = 14
LARGEST: Final = 40_000
"""Characters of one value that are shown at all."""
_COMPARED: Final = 600
"""Words that are compared one by one; in longer values all between the first and the last difference is marked."""
_ONE_LINE: Final = 72
_SHORT: Final = 40
"""Characters up to which values are marked even if they have nothing in common."""
_LONGEST_WORD: Final = 200
"""Characters. What has a longer one (a token, Base64) is compared character by character."""
_BEFORE, _AFTER = 60, 240
_WORDS: Final = re.compile(r"\w+|\s+|[^\w\s]")


class Piece(NamedTuple):
    """A stretch of a value."""

    text: str
    kind: Literal["same", "changed", "sign"]
    """``sign``: an escape that stands for a character which has no look of its own, or turns the text around it."""


@dataclass(frozen=True)
class Side:
    """One of the two values."""

    absent: bool
    """There is none: the variable is not set, the file is not there."""
    length: int
    """Characters."""
    pieces: tuple[Piece, ...]
    excerpt: tuple[Piece, ...]
    """Around the first difference; empty unless the value is long."""
    left_out: int
    """Characters that are not shown at all."""


def side_by_side(expected: Any, seen: Any) -> tuple[Side, Side]:
    """Mark where two values of a finding differ; None stands for «not there»."""
    left, right = _laid_out(expected, seen)
    if left is None or right is None:
        return _side(left, []), _side(right, [])
    ours, theirs = _differing(left, right)
    if max(len(left), len(right)) > _SHORT and _is_all(ours, left) and _is_all(theirs, right):
        ours, theirs = [], []  # nothing is the same, and a page full of marks would not say so any better
    return _side(left, ours), _side(right, theirs)


def visible(text: str) -> str:
    """Text with escapes for what has no look of its own (control characters) or reorders what stands around it."""
    return "".join(_escaped(character) if _is_hidden(character) else character for character in text)


def _laid_out(expected: Any, seen: Any) -> tuple[str | None, str | None]:
    """Both as text. Two documents of JSON get a line for each member, so that what differs can be found."""
    parsed = [_container(value) for value in (expected, seen)]
    if all(each is not None for each in parsed):
        shown = [_text(each) for each in parsed]
        if shown[0] != shown[1]:
            return shown[0], shown[1]
    return _text(expected), _text(seen)


def _container(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict | list) and value else None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    short = json.dumps(value, ensure_ascii=False, default=str)
    return short if len(short) <= _ONE_LINE else json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _differing(left: str, right: str) -> tuple[list[range], list[range]]:
    """The stretches of either text that the other has not."""
    a, b = _WORDS.findall(left), _WORDS.findall(right)
    if max(map(len, (*a, *b)), default=0) > _LONGEST_WORD:
        a, b = list(left), list(right)
    start = _equal(zip(a, b, strict=False))
    end = _equal(zip(reversed(a[start:]), reversed(b[start:]), strict=False))
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    if max(len(middle_a), len(middle_b)) > _COMPARED:
        changes = [(0, len(middle_a), 0, len(middle_b))]
    else:
        opcodes = SequenceMatcher(None, middle_a, middle_b, autojunk=False).get_opcodes()
        changes = [(a1, a2, b1, b2) for tag, a1, a2, b1, b2 in opcodes if tag != "equal"]
    return (
        _stretches(a, [range(start + a1, start + a2) for a1, a2, _, _ in changes]),
        _stretches(b, [range(start + b1, start + b2) for _, _, b1, b2 in changes]),
    )


def _is_all(stretches: Sequence[range], text: str) -> bool:
    return sum(map(len, stretches)) == len(text)


def _equal(pairs: Iterable[tuple[str, str]]) -> int:
    """How many are pairs of equals, before the first that is not."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _stretches(words: Sequence[str], of_words: Sequence[range]) -> list[range]:
    """Ranges of words as ranges of characters."""
    at = [0]
    for word in words:
        at.append(at[-1] + len(word))
    return [range(at[each.start], at[each.stop]) for each in of_words if each]


def _side(text: str | None, changed: Sequence[range]) -> Side:
    if text is None:
        return Side(absent=True, length=0, pieces=(), excerpt=(), left_out=0)
    first = changed[0].start if changed else 0
    begin = 0 if len(text) <= LARGEST else max(0, min(first - LARGEST // 2, len(text) - LARGEST))
    shown = range(begin, min(len(text), begin + LARGEST))
    is_long = len(text) > LONG or text.count("\n") >= LONG_LINES
    around = range(max(shown.start, first - _BEFORE), min(shown.stop, first + _AFTER))
    return Side(
        absent=False,
        length=len(text),
        pieces=tuple(_pieces(text, changed, shown)),
        excerpt=tuple(_pieces(text, changed, around)) if is_long else (),
        left_out=len(text) - len(shown),
    )


def _pieces(text: str, changed: Sequence[range], shown: range) -> Iterator[Piece]:
    at = shown.start
    for stretch in changed:
        begin, end = max(stretch.start, at), min(stretch.stop, shown.stop)
        if begin < end:
            yield from _signs(text[at:begin], "same")
            yield from _signs(text[begin:end], "changed")
            at = end
    yield from _signs(text[at : shown.stop], "same")


def _signs(text: str, kind: Literal["same", "changed"]) -> Iterator[Piece]:
    plain: list[str] = []
    for character in text:
        if not _is_hidden(character):
            plain.append(character)
            continue
        if plain:
            yield Piece("".join(plain), kind)
            plain = []
        yield Piece(_escaped(character), "sign")
    if plain:
        yield Piece("".join(plain), kind)


def _is_hidden(character: str) -> bool:
    if character in "\n\t" or " " <= character <= "~":
        return False
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
