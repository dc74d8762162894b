"""The environment by which AWS is found, changed for a test."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

LOOPBACK = "127.0.0.1,localhost,::1"


def lead_to(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have these variables, none of AWS's besides, and no proxy to the loopback, until ``monkeypatch`` is undone."""
    for name in list(os.environ):
        if name.startswith("AWS_") and name not in environment:
            monkeypatch.delenv(name)
    for name, value in {"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK, **environment}.items():
        monkeypatch.setenv(name, value)
