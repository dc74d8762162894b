"""``FilterLogEvents`` where moto would pass over what is asked, and give the lines of every job."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from harness.engine.store import Document
from harness.errors import ServiceError

_OPERATION = "FilterLogEvents"
_UNDERSTOOD = re.compile(r'[A-Za-z]\w*(?: \w+)*|"[^"]*"', re.ASCII)
"""Words, all of which are to be in a line, or one phrase."""


def as_moto_searches(request: Document, streams: Callable[[str], Iterable[str]]) -> Document | None:
    """The request with streams by name, not by prefix; None if there are none of these.

    Args:
        request: what CloudWatch Logs is asked.
        streams: log group -> the names of its streams.

    Raises:
        ServiceError: ``InvalidParameterException``: a pattern that moto cannot match lines with; streams in two ways.
    """
    pattern, prefix = request.get("filterPattern"), request.get("logStreamNamePrefix")
    if pattern and not _UNDERSTOOD.fullmatch(pattern):
        raise _refusal(
            f"filterPattern {pattern!r}: the stand-in looks for words of letters, digits and _, or for one phrase in "
            "double quotes; AWS itself has the other patterns."
        )
    if not prefix:
        return request
    if request.get("logStreamNames"):
        raise _refusal("logStreamNames and logStreamNamePrefix each say which streams; give one of them.")
    there = [*streams(request.get("logGroupName") or request.get("logGroupIdentifier", ""))]
    named = [name for name in there if name.startswith(prefix)]
    if not there:
        return request  # a group that is not there is moto's to refuse
    return {**request, "logStreamNames": named} if named else None


def _refusal(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message, _OPERATION)
