"""What tests of deployments clean up."""

from __future__ import annotations

import pytest

from tests.cli.deployments import endpoints


@pytest.fixture
def ends(request):
    """Have a project's endpoints deleted when the test is over."""
    made = []
    yield made.append
    for project in made:
        for name in endpoints(project):
            project.here("delete-endpoint", "--endpoint-name", name)
