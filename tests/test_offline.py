"""In CI nobody but this machine can be reached, and should that ever be lost, it does not go unnoticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.mark.skipif(not os.environ.get("CI"), reason="outside CI the network stays")
def test_in_ci_there_is_no_route_to_anybody_else():
    said = os.environ.get("OFFLINE")
    assert said is not None, "CI runs the tests by .ci/offline, which says in OFFLINE what it has done"
    if said != "yes":
        pytest.skip(f"the network stays: {said}")
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    routes_v6 = [line for line in Path("/proc/net/ipv6_route").read_text().splitlines() if line.split()[-1] != "lo"]
    assert (routes, routes_v6) == ([], [])
