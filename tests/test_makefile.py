"""What the Makefile does to environments."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STANDIN = "http://127.0.0.1:5000"


@pytest.fixture
def make(tmp_path):
    """Have a target of an environment made whose Python writes down which proxies it finds; those."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$HTTPS_PROXY$https_proxy" >> {tmp_path}/proxies\n')
    python.chmod(0o755)

    def made(stamp: str, **variables: str) -> set[str]:
        environment = {name: text for name, text in os.environ.items() if "proxy" not in name.lower()} | variables
        target = [f"VENV={tmp_path}/venv", f"{tmp_path}/venv/{stamp}"]
        subprocess.run(["make", *target], cwd=ROOT, env=environment, check=True, capture_output=True)
        return set((tmp_path / "proxies").read_text().splitlines())

    return made


def test_packages_are_not_asked_of_a_stand_in(make):
    assert make(".remote", HTTPS_PROXY=STANDIN, https_proxy=STANDIN, AWS_ENDPOINT_URL=STANDIN) == {""}


def test_packages_come_through_the_user_s_own_proxy(make):
    assert make(".remote", HTTPS_PROXY="http://proxy:3128", AWS_ENDPOINT_URL=STANDIN) == {"http://proxy:3128"}
