"""Environments of their own for the real AWS packages that this project is compared with.

They live in the user's cache (``$XDG_CACHE_HOME``, else ``~/.cache``), are built once per content, and serve every
clone of the repository.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sagemaker-harness" / "oracle"


class IndexUnreachable(Exception):
    """pip could not reach its index."""


def python(version: str) -> str | None:
    """An interpreter of a version (``3.12``) that runs: by its name, or pyenv's youngest; None if there is none.

    pyenv's own ``python3.12`` may stand for nothing.
    """
    named = shutil.which(f"python{version}")
    if named and subprocess.run([named, "--version"], capture_output=True, check=False).returncode == 0:
        return named
    if shutil.which("pyenv") is None:
        return None
    found = [each for each in _run(["pyenv", "versions", "--bare"]).split() if each.startswith(f"{version}.")]
    youngest = max(found, key=lambda each: int(each.rpartition(".")[2]), default=None)
    return f"{_run(['pyenv', 'prefix', youngest]).strip()}/bin/python" if youngest else None


def ensure(
    name: str,
    requirements: Sequence[str],
    python: str | None = None,
    *,
    without_dependencies: Sequence[str] = (),
) -> Path:
    """The folder of a virtual environment with exactly these requirements, built if it is not there.

    ``python`` is an interpreter's path or name (default: this one). ``without_dependencies`` is installed
    after the rest, for packages whose pins do not resolve any more. Run what is inside as ``bin/python -m
    …``: scripts in ``bin`` name the folder in which the environment was built.

    Raises:
        IndexUnreachable: pip could not reach its index.
        RuntimeError: pip failed otherwise, or there is no such interpreter.
    """
    interpreter = shutil.which(python or sys.executable)
    if interpreter is None:
        raise RuntimeError(f"There is no {python} on this machine, which the oracle {name!r} needs.")
    version = _run([interpreter, "-c", "import sys; print(*sys.version_info[:3], sep='.')"])
    content = "\n".join([version.strip(), *requirements, "--no-deps", *without_dependencies])
    folder = ROOT / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _build(folder, interpreter, requirements, without_dependencies)
    return folder


def ensure_for_test(
    name: str,
    requirements: Sequence[str],
    python: str | None = None,
    *,
    without_dependencies: Sequence[str] = (),
) -> Path:
    """:func:`ensure`, and where the index cannot be reached: a failure in CI, a skip elsewhere.

    With ``ORACLES=build`` in the environment that is all: the test that asks is skipped (``make oracles``).
    """
    try:
        folder = ensure(name, requirements, python, without_dependencies=without_dependencies)
    except IndexUnreachable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the package index cannot be reached, so there is no oracle: {error}")
    if os.environ.get("ORACLES") == "build":
        pytest.skip(f"{name} is there")
    return folder


def _build(folder: Path, interpreter: str, requirements: Sequence[str], without_dependencies: Sequence[str]) -> None:
    # Beside its place, then renamed: a folder that is there is whole.
    beside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=ROOT))
    try:
        _run([interpreter, "-m", "venv", str(beside)])
        pip = [str(beside / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--retries", "2"]
        if requirements:
            _run([*pip, *requirements])
        if without_dependencies:
            _run([*pip, "--no-deps", *without_dependencies])
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout
    told = (done.stdout + done.stderr).strip()
    if "connection broken by" in told:
        raise IndexUnreachable(told.splitlines()[-1])
    raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{told}")
