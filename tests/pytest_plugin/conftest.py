"""What the tests of the plugin share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_PYTEST_S_OWN = {"__pycache__", ".pytest_cache", "runpytest-0", "stdout", "stderr"}


@pytest.fixture
def files_of() -> Callable[[pytest.Pytester], set[str]]:
    """The files of somebody's repository, pytest's own aside."""

    def find(repository: pytest.Pytester) -> set[str]:
        found = (path.relative_to(repository.path) for path in repository.path.rglob("*") if path.is_file())
        return {str(path) for path in found if not _PYTEST_S_OWN & {*path.parts}}

    return find
