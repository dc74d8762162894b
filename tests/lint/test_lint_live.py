"""The observations again, live: one job of each topic here, all of them by ``record.py --check``."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.lint import packages
from tests.docker_engine import client_or_skip, image_or_skip
from tests.lint.corpus import CASES, Case, observations
from tests.lint.observe import observe
from tests.oracle import venvs

EXAMPLES = [case for case in CASES if case.example and case.finds]
LIVE = {
    case.finds[0][:4]: case for case in reversed(EXAMPLES) if not case.in_image and case.name != "hrn002-match-on-38"
}
"""The first of each topic."""
IN_IMAGE = [case for case in EXAMPLES if case.in_image]


def _runs(*command: str) -> bool:
    """Whether a program is there, and does its work here."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    """What the toolkit needs to find its ``/opt/ml``."""
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "true"]
    if sys.platform != "linux" or not _runs(*command):
        pytest.skip("there are no mount namespaces here, and so no /opt/ml for the real toolkit")


@pytest.mark.oracle
@pytest.mark.slow
@pytest.mark.parametrize("case", LIVE.values(), ids=lambda case: case.name)
def test_what_was_observed_happens_again(case: Case):
    if case.serving and venvs.python("3.12") is None:
        pytest.skip("AWS's server needs a Python 3.12 here, and there is none")
    try:
        seen = observe(case)
    except venvs.IndexUnreachable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the package index cannot be reached, so there is no oracle: {error}")
    assert seen == observations()[case.name]


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("case", IN_IMAGE, ids=lambda case: case.name)
def test_what_was_observed_in_the_image_happens_again(case: Case):
    image_or_skip(client_or_skip())
    assert observe(case) == observations()[case.name]


IMPORTABLE = "import importlib.util, sys; print(*[n for n in sys.argv[1:] if importlib.util.find_spec(n)])"


@pytest.mark.docker
@pytest.mark.slow
def test_every_package_of_the_image_is_imported_by_a_name_that_lint_knows():
    client = client_or_skip()
    image = image_or_skip(client)
    there = sorted((packages.image_distributions("1.9-0") or frozenset()) - {*packages.ALWAYS})
    names = {name: sorted(packages.imported([name])) for name in there}
    asked = sorted({each for known in names.values() for each in known})
    shown = client.containers.run(image, ["python3", "-c", IMPORTABLE, *asked], entrypoint="", remove=True)
    found = set(shown.decode().split())
    assert [name for name, known in names.items() if not found & set(known)] == []
