"""What a command may import: the user waits for it before his script starts. Times are in ``benchmarks/``, not here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

AWS = {"boto3", "botocore", "s3transfer", "sagemaker", "sagemaker_core", "moto", "docker"}
THE_SCRIPTS_OWN = {"sklearn", "pandas", "numpy", "scipy", "joblib"}
THE_SERVERS_OWN = {"flask", "werkzeug", "gunicorn", "gevent"}
DEAR = {"requests", "urllib3", "httpx", "rich", "pydantic", "yaml", "jinja2", "packaging", "setuptools", "pip"}
# Each takes milliseconds, and is for what a plain run does not do: talk to a network, run threads, complain, digest.
DEAR_IN_THE_STANDARD_LIBRARY = {
    *("asyncio", "concurrent.futures", "multiprocessing", "logging"),
    *("email", "http.client", "http.server", "ssl", "urllib.request", "xml", "sqlite3"),
    *("argparse", "difflib", "traceback", "unittest", "importlib.metadata", "importlib.resources"),
    *("hashlib", "random", "tempfile"),
}
FORBIDDEN = AWS | THE_SCRIPTS_OWN | THE_SERVERS_OWN | DEAR | DEAR_IN_THE_STANDARD_LIBRARY

# An audit hook outlives a fork, so it sees the supervisor too, which ends without running any code of the caller's.
WATCHED = """
import os, sys

def note(event, arguments):
    if event == "import":
        with open(os.environ["IMPORTS"], "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {arguments[0]}\\n")

sys.addaudithook(note)
from harness.cli import main
main()
"""

Imports = Mapping[int, set[str]]
"""Process -> the modules that it has imported, or tried to."""


@pytest.fixture
def imports_of(tmp_path: Path) -> Callable[..., Imports]:
    """Run the command line in a project of its own, and see what each of its processes imports."""
    for name, text in {
        "pyproject.toml": '[tool.harness]\nentry_point = "script.py"\nsource_dir = "code"\nchannels = {train = "data"}',
        "code/script.py": "import os\nopen(os.environ['SM_MODEL_DIR'] + '/model', 'w').close()\n",
        "data/file.csv": "1\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    notes = tmp_path / "imports.txt"

    def run(*arguments: str) -> Imports:
        environment = {**os.environ, "IMPORTS": str(notes)}
        command = [sys.executable, "-c", WATCHED, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        processes: dict[int, set[str]] = {}
        for line in notes.read_text("utf-8").splitlines():
            process, module = line.split(" ", 1)
            processes.setdefault(int(process), set()).add(module)
        return processes

    return run


def forbidden(imports: Imports) -> set[str]:
    """The forbidden modules that some process has imported, by themselves or by one of their parts."""
    imported = set().union(*imports.values())
    return {name for name in FORBIDDEN if any(f"{module}.".startswith(f"{name}.") for module in imported)}


@pytest.mark.parametrize("isolation", ["auto", "none"])
def test_a_local_training_job_imports_nothing_that_is_slow_and_not_needed(
    imports_of: Callable[..., Imports], isolation: str
) -> None:
    assert forbidden(imports_of("train", "--on", "local", "--isolation", isolation)) == set()


def test_a_plan_asks_the_engine_and_imports_nothing_that_is_slow(imports_of: Callable[..., Imports]) -> None:
    assert forbidden(imports_of("plan", "--on", "local")) == set()


def test_the_supervisor_of_a_job_is_among_the_processes_that_are_watched(imports_of: Callable[..., Imports]) -> None:
    command, *others = imports_of("train", "--on", "local").values()
    assert "harness.engine.client" in command
    assert any("tarfile" in modules for modules in others), "packing is the supervisor's work"


@pytest.mark.parametrize("arguments", [("--help",), ("train", "--help"), ("plan", "--sources")], ids=" ".join)
def test_a_command_that_runs_no_job_imports_no_engine_and_nothing_that_is_slow(
    imports_of: Callable[..., Imports], arguments: tuple[str, ...]
) -> None:
    imports = imports_of(*arguments)
    assert forbidden(imports) == set()
    assert not {module for module in set().union(*imports.values()) if module.startswith("harness.engine")}


def test_the_command_line_itself_knows_only_the_errors() -> None:
    listing = "import sys, harness.cli; print(*sorted(name for name in sys.modules if name.startswith('harness')))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["harness", "harness.cli", "harness.cli.console", "harness.errors"]
