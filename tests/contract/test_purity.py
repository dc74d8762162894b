"""The contract runs inside the image: standard library alone, cheap to import, no look at the machine."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness.contract

FILES = sorted(Path(harness.contract.__path__[0]).glob("*.py"))
HEAVY = {"asyncio", "http", "logging", "multiprocessing", "pathlib", "socket", "subprocess", "tempfile", "urllib"}
IMPURE = {"os", "platform", "io", "pathlib", "subprocess", "socket", "time", "random"}


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_imports_the_standard_library_and_itself_alone(file: Path) -> None:
    roots = {name.split(".")[0] for name in imported(file) if not name.startswith("harness.contract")}

    assert roots - {"harness"} <= sys.stdlib_module_names
    assert not roots & IMPURE
    assert all(name.startswith("harness.contract") for name in imported(file) if name.startswith("harness"))


def test_importing_it_loads_nothing_heavy() -> None:
    root = Path(harness.contract.__path__[0]).parents[1]
    program = f"import sys; sys.path.insert(0, {str(root)!r}); import harness.contract.environment; print(*sys.modules)"
    python = [sys.executable, "-I", "-S", "-c", program]
    loaded = subprocess.run(python, capture_output=True, text=True, check=True).stdout.split()

    assert not HEAVY & set(loaded)
