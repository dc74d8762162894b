"""Who may import whom, and what the command line may not import. Read off the source and off real processes."""

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "harness"

FLOORS = (
    {"contract", "server", "errors", "credentials", "source", "left_out", "folders"},
    {"config", "requests", "validation", "storage", "service_model", "images", "aws_errors"},
    {"engine"},
    {"targets", "standin"},
    {"jobs"},
    {"submission"},
    {"parity", "lint", "doctor", "pytest_plugin"},
    {"cli", "__main__"},
)
"""From the ground. Each floor may import itself and those below it."""

ALONE = {
    "contract": set(),  # stdlib alone: it runs inside the image
    "server": set(),  # runs inside the image as well
    "errors": set(),
    "credentials": set(),
    "folders": set(),
    "left_out": {"errors"},
    "source": {"errors", "credentials", "left_out"},
}
"""What the ground floor may import of ours."""

HEAVY = (
    *("boto3", "botocore", "docker", "sagemaker", "moto", "pandas", "sklearn", "numpy", "scipy", "joblib"),
    *("rich", "flask", "gunicorn", "requests", "urllib3", "yaml"),
)
SLOW_STDLIB = (
    *("asyncio", "concurrent.futures", "email", "http.client", "logging", "multiprocessing", "sqlite3", "ssl"),
    *("tarfile", "tempfile", "unittest", "urllib.request", "xml", "zipfile", "importlib.metadata"),
)
"""Modules of the standard library that cost milliseconds and that ``harness --help`` has no use for."""

SOURCES = sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    """The part of the package that a file belongs to: ``engine``, ``errors``, …; empty for ``harness`` itself."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


@dataclass(frozen=True)
class Facts:
    """What a file says, read once."""

    imported: frozenset[str]
    """The parts of our package that it imports, wherever in it."""
    stateful: tuple[int, ...]
    """Lines that keep something between calls."""


@cache
def facts(path: Path) -> Facts:
    tree, found, stateful = ast.parse(path.read_text("utf-8")), set(), []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Global):
            stateful.append(node.lineno)
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who is imported"
            names = [node.module or ""]
            if node.module == "harness":
                names = [f"harness.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("harness.")}
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None]
    empty = {"[]", "{}", "list()", "dict()", "set()"}  # what is empty is to be filled
    stateful += [node.lineno for node in assigned if ast.unparse(node.value) in empty]
    return Facts(frozenset(found - {"__version__"}), tuple(stateful))


def floor(name: str) -> int:
    (number,) = [number for number, parts in enumerate(FLOORS) if name in parts] or [None]
    assert number is not None, f"{name} stands on no floor: say in this test where it belongs"
    return number


class TestAFile:
    def test_imports_nothing_from_the_floors_above(self):
        wrong = {
            f"{path.relative_to(ROOT)} imports {other}"
            for path in SOURCES
            if part(path)
            for other in facts(path).imported - {part(path)}
            if floor(other) > floor(part(path))
        }
        assert not wrong, "which stands above it"

    def test_of_the_ground_floor_keeps_to_itself(self):
        grounded = [path for path in SOURCES if part(path) in ALONE]
        others = {
            str(path.relative_to(ROOT)): facts(path).imported - {part(path)} - ALONE[part(path)] for path in grounded
        }
        assert not {path: names for path, names in others.items() if names}

    def test_keeps_no_state_between_calls(self):
        stateful = {str(path.relative_to(ROOT)): facts(path).stateful for path in SOURCES}
        assert not {path: lines for path, lines in stateful.items() if lines}

    def test_is_one_idea(self):
        lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
        assert not {path: length for path, length in lengths.items() if length > 400}


def test_no_two_parts_import_each_other():
    above: dict[str, set[str]] = {}
    for path in SOURCES:
        above.setdefault(part(path), set()).update(facts(path).imported - {part(path)})
    for name, others in above.items():
        for other in others:
            assert name not in above.get(other, set()), f"{name} and {other} import each other"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_git_keeps_nothing_that_it_is_told_to_ignore():
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout == b""


AT_EXIT = """
import atexit, os, sys
def tell(path=os.environ["MODULES"], own=os.getpid()):
    if os.getpid() == own:
        with open(path, "w") as file:
            file.write("\\n".join(sys.modules))
atexit.register(tell)
sys.argv = ["harness", *sys.argv[1:]]
from harness.cli import main
main()
"""


def modules_of(folder: Path, *arguments: str) -> set[str]:
    """What the harness's own process has imported when ``harness …`` ends."""
    listing = folder / "modules.txt"
    environment = {**os.environ, "MODULES": str(listing)}
    command = [sys.executable, "-P", "-c", AT_EXIT, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = set(listing.read_text().split("\n"))
    listing.unlink()
    return found


class TestTheCommandLine:
    def test_trains_without_anything_heavy(self, project):
        made = project("open('/opt/ml/model/m', 'w')", channels=("train", "test"))
        made.harness("train")  # what is cached the first time is there the second
        assert modules_of(made.folder, "train").isdisjoint(HEAVY)

    def test_trains_without_anything_heavy_even_for_the_first_time(self, project):
        assert modules_of(project().folder, "train", "--job-name", "j", "--json").isdisjoint(HEAVY)

    def test_shows_its_help_without_anything_slow(self, project):
        found = modules_of(project().folder, "--help")
        assert found.isdisjoint((*HEAVY, *SLOW_STDLIB, "json", "subprocess"))
        verbs = {path.stem for path in (PACKAGE / "cli").glob("*.py")} - {"__init__", "console"}
        assert found.isdisjoint(f"harness.cli.{verb}" for verb in verbs)
        assert not {name for name in found if name.startswith(("harness.engine", "harness.requests"))}

    def test_trains_without_those_modules_that_only_other_verbs_need(self, project):
        found = {name for name in modules_of(project().folder, "train") if name.startswith("harness.")}
        others = {"standin", "parity", "lint", "doctor", "pytest_plugin", "server"}
        assert not {name for name in found if name.split(".")[1] in others}
        assert found.isdisjoint({"harness.engine.containers", "harness.targets.remote", "harness.targets.localmode"})
