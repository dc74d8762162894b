"""Why a request failed, told to whoever asked: in a header beside AWS's error page, which says nothing of it."""

from __future__ import annotations

from urllib.parse import quote, unquote

HEADER = "X-Harness-Cause"
_LONGEST = 600
_IN_A_HEADER = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"


def told(error: BaseException, trap: str | None) -> str:
    """One line: the error, or how it begins and the trap that explains it."""
    text = str(error)
    if trap:
        return f"{text.partition(chr(10))[0].rstrip(' .:')[:_LONGEST]}: {trap}"
    return " ".join(text.split())[:_LONGEST]


def encoded(line: str) -> str:
    """A line as a header can hold it."""
    return quote(line, safe=_IN_A_HEADER, errors="replace")


def decoded(header: str | None) -> str:
    """What was told; nothing where there is no such header."""
    return unquote(header or "")
