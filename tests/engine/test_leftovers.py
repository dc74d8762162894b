"""A network goes when the engine has taken the last container off it."""

from types import SimpleNamespace

import pytest
import requests
from docker.errors import APIError, NotFound

from harness.engine.leftovers import remove_network

BUSY = APIError("403", requests.Response(), "error while removing network: network n id 1 has active endpoints")
OTHER = APIError("403", requests.Response(), "n is a pre-defined network and cannot be removed")
GONE = NotFound("404", requests.Response(), "network n not found")


def engine(*answers):
    """One that raises each of the answers in turn, and then does as it is told; and what it was asked to remove."""
    asked, waiting = [], [*answers]

    def remove(network):
        asked.append(network)
        if waiting:
            raise waiting.pop(0)

    return SimpleNamespace(api=SimpleNamespace(remove_network=remove)), asked


@pytest.mark.parametrize(
    ("answers", "times"), [((), 1), ((BUSY, BUSY), 3), ((GONE,), 1), ((BUSY, GONE), 2)], ids=lambda each: str(each)[:9]
)
def test_it_is_asked_again_while_it_has_a_container(answers, times):
    client, asked = engine(*answers)
    remove_network(client, "n")
    assert asked == ["n"] * times


def test_another_refusal_is_nobody_s_to_swallow():
    client, asked = engine(OTHER)
    with pytest.raises(APIError, match="pre-defined"):
        remove_network(client, "n")
    assert asked == ["n"]
