"""What of a folder is no code of a job: what git ignores, and what shows by its content that it is something else."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from harness.errors import ConfigurationError

_ENVIRONMENT: Final = ("pyvenv.cfg", "conda-meta")
_RUN_FOLDERS: Final = "_active/.lock"
_RUN_FOLDER: Final = ("request.json", "describe.json")
_STATE: Final = frozenset({".lock", ".gitignore", "runs", "s3.zip", "s3.new", "tags.json"})
"""All that a stand-in's ``--state`` folder holds."""
_REPORT: Final = re.compile(
    rb'\{\s*"Schema": \d+,\s*"Verdict": "'
    rb'|\s*<!doctype html>.{,200}<meta name="generator" content="sagemaker-harness">',
    re.DOTALL,
)
"""How a passport begins, and a comparison's document or page."""
_OWN: Final = "written by the harness"
_BEGINNING: Final = 512
"""Bytes that show it."""


def folder_is(folder: Path) -> str | None:
    """What a folder is that no job has a use for; None if it may be code."""
    if any((folder / name).exists() for name in _ENVIRONMENT):
        return "a virtual environment"
    is_runs = (folder / _RUN_FOLDERS).exists() or all((folder / name).exists() for name in _RUN_FOLDER)
    is_state = (folder / ".lock").exists() and (folder / "runs" / ".gitignore").exists()
    is_state = is_state and _STATE.issuperset(os.listdir(folder))
    return _OWN if is_runs or is_state else None


def file_is(path: Path) -> str | None:
    """What a file is that no job has a use for, by how it begins: it may have any name. None if it may be code."""
    if path.suffix == ".py":
        return None
    with suppress(OSError), path.open("rb") as content:  # one that cannot be read is told by who reads all of it
        # It may have no content yet: somebody has a report go to a file that the shell has just made.
        if _REPORT.match(content.read(_BEGINNING)) or os.path.samestat(os.fstat(content.fileno()), os.fstat(1)):
            return _OWN
    return None


def is_repository(folder: Path) -> bool:
    """Whether git would see one here: it has a ``.git``, or a file of that name that says where that is."""
    git = folder / ".git"
    with suppress(OSError, ValueError):
        if git.is_file():
            git = folder / git.read_text("utf-8").removeprefix("gitdir:").strip()
        return (git / "HEAD").is_file()
    return False


def ignored_by_git(folder: Path) -> frozenset[str]:
    """What git ignores below *folder*, a whole folder as one name; nothing without a work tree."""
    absolute = folder.resolve()
    if not any((parent / ".git").exists() for parent in (absolute, *absolute.parents)):
        return frozenset()
    import subprocess

    # Git sets these for its hooks, and they would name another index. Somebody else's work tree is listed
    # too, as in a container with a mounted one: the code in it is going to be run anyway.
    environment = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")}
    git = ["git", "-C", str(absolute), "-c", "safe.directory=*", "-c", "core.fsmonitor=false"]
    listing = [*git, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"]
    try:
        result = subprocess.run(listing, env=environment, capture_output=True)
    except OSError:
        return frozenset()
    if result.returncode:
        # Git fails below a folder that it ignores. That one was named on purpose, and all of it travels.
        if not subprocess.run([*git, "check-ignore", "-q", "."], env=environment, capture_output=True).returncode:
            return frozenset()
        complaint = os.fsdecode(result.stderr).strip()
        raise ConfigurationError(f"git cannot say what it ignores in '{folder}': {complaint}")
    return frozenset(name.rstrip("/") for name in os.fsdecode(result.stdout).split("\0"))
