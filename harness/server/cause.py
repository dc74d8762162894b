"""Why a request failed, told to whoever asked: in a header beside AWS's error page, which says nothing of it.

Who asks again sends its digest back, so that the log need not have the same traceback once for each attempt, whichever
worker it comes to.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote, unquote

HEADER = "X-Harness-Cause"
AGAIN = "X-Harness-Again"
_LONGEST = 600
_IN_A_HEADER = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"


def told(error: BaseException, trap: str | None) -> str:
    """One line: the error, or how it begins and the trap that explains it."""
    text = str(error)
    if trap:
        return f"{text.partition(chr(10))[0].rstrip(' .:')[:_LONGEST]}: {trap}"
    return " ".join(text.split())[:_LONGEST]


def again(attempt: int, of: int, why: str) -> str:
    """What a header of the next attempt says of the one before."""
    return f"{attempt} of {of}: {_digest(why)}"


def attempt(header: str | None, why: str) -> str | None:
    """``2 of 4``, if the attempt before has failed for the same reason; else None."""
    number, _, before = (header or "").partition(": ")
    return number if before == _digest(why) else None


def _digest(why: str) -> str:
    """Of one length, for gunicorn refuses a header that is long."""
    return hashlib.sha256(why.encode("utf-8", "replace")).hexdigest()[:16]


def encoded(line: str) -> str:
    """A line as a header can hold it."""
    return quote(line, safe=_IN_A_HEADER, errors="replace")


def decoded(header: str | None) -> str:
    """What was told; nothing where there is no such header."""
    return unquote(header or "")
