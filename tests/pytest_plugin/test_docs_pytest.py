"""docs/pytest.md: its project is written down as it stands there, and its tests are run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = "pytester"

DOCUMENT = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text("utf-8")
FILES = dict(re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL))
"""Path -> content of each file that the document shows."""


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    for name, content in FILES.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return pytester


@pytest.mark.slow
def test_the_examples_pass_with_warnings_as_errors_and_leave_the_repository_as_it_was(
    repository: pytest.Pytester, files_of: Callable[[pytest.Pytester], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")  # one on this machine would count as a stand-in
    done = repository.runpytest_subprocess("-W", "error", "--strict-markers", "-m", "not docker", "-rs")
    done.assert_outcomes(passed=11, skipped=1, deselected=2)
    done.stdout.fnmatch_lines(["SKIPPED*tests/test_targets.py:*jobs on AWS are paid for*--harness-on remote*"])
    assert files_of(repository) == FILES.keys()


@pytest.mark.docker
def test_the_example_of_every_target_passes_in_containers(repository: pytest.Pytester) -> None:
    from tests.docker_engine import client_or_skip, image_or_skip

    client = client_or_skip()
    image_or_skip(client)
    client.close()
    done = repository.runpytest_subprocess("tests/test_targets.py", "-k", "container")
    done.assert_outcomes(passed=1, deselected=3)


def test_every_name_that_the_plugin_offers_is_in_the_document() -> None:
    from harness import pytest_plugin

    fixtures = [
        name for name, value in vars(pytest_plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"
    ]
    offered = [name for name in fixtures if not name.startswith("_")]
    assert len(offered) == 8
    assert not [name for name in (*offered, *pytest_plugin.MARKERS) if f"`{name}`" not in DOCUMENT]
