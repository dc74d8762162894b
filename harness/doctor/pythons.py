"""A Python of another version than the one at hand: how an environment of it is made on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PATIENCE = 10.0
"""Seconds in which an interpreter starts."""


def environment(version: str, folder: str) -> str:
    """The command that makes an environment of Python ``3.12``, …, or what there has to be for it first.

    A Python that is found is started: what pyenv puts on the PATH is there for each version that any project has, and
    fails where none has chosen it.
    """
    name = f"python{version}"
    for path in _candidates(name, version):
        if _makes_environments(path):
            command = name if shutil.which(name) == path else path
            return f"{command} -m venv {folder}"
    if shutil.which("uv"):
        return f"uv venv --seed --python {version} {folder}"
    return f"install Python {version} (this machine has none that runs and has venv), {name} -m venv {folder}"


def _candidates(name: str, version: str) -> Iterator[str]:
    """All that the PATH has under a name, and what pyenv keeps beside its shims."""
    for folder in os.get_exec_path():
        if found := shutil.which(name, path=folder):
            yield found
            yield from map(str, sorted(Path(folder).parent.glob(f"versions/{version}.*/bin/{name}"), reverse=True))


def _makes_environments(path: str) -> bool:
    try:  # Debian parts ensurepip from its Python
        command = [path, "-E", "-c", "import ensurepip, venv"]
        return not subprocess.run(command, capture_output=True, timeout=_PATIENCE, cwd="/").returncode
    except (OSError, subprocess.SubprocessError):
        return False
