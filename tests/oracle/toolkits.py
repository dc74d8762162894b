"""AWS's real toolkits, each in an environment of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.oracle import venvs

#: A user's `setup.py` is built with what is there: a job of the oracle has no network.
BUILD_TOOLS = ("setuptools<75", "wheel")


def toolkit(version: str, *, python: str | None = None, ensure: Callable[..., Path] = venvs.ensure) -> Path:
    """The environment of ``sagemaker-training==version``, its ``bin/train`` ready to run.

    ``ensure``: ``venvs.ensure_for_test`` where a test asks.
    """
    home = ensure(f"sagemaker-training-{version}", (*BUILD_TOOLS, f"sagemaker-training=={version}"), python)
    interpreter = home / "bin" / "python"
    # pip named the folder in which the environment was built.
    train = home / "bin" / "train"
    program = f"#!{interpreter}\nimport sys\nfrom sagemaker_training.cli.train import main\nsys.exit(main())\n"
    if train.read_text() != program:
        beside = train.with_name(f"train.{os.getpid()}")  # somebody else may be running it, or doing the same
        beside.write_text(program)
        beside.chmod(0o755)
        beside.replace(train)
    return home


def drivers(python: str) -> Path:
    """An environment for SDK v3's drivers, which need Python and pip alone."""
    return venvs.ensure("drivers", BUILD_TOOLS, python)
