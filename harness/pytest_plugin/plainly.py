"""What a test that used a fixture wrongly is shown: its own line and what is wrong with it, and none of our code."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from harness.errors import HarnessError

_P = ParamSpec("_P")
_T = TypeVar("_T")


def plainly(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """A method whose ``HarnessError`` reaches the test without a trace of where in the harness it arose."""

    @wraps(method)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        __tracebackhide__ = True
        try:
            return method(*args, **kwargs)
        except HarnessError as error:
            raise error.with_traceback(None)  # noqa: B904 - the same error, with the cause that it has

    return called
