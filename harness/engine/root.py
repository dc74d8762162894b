"""The folder of run folders: whether this user can have it there."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import ConfigurationError


def obstacle(root: Path, *, writing: bool = False) -> str | None:
    """Why this user can have no run folders in a folder, which need not exist yet; None if they can.

    Args:
        root: the folder.
        writing: whether they are to be made, rather than looked at.
    """
    # A name below a file, or below a folder that may not be entered, is nowhere.
    there = next(each for each in (root.absolute(), *root.absolute().parents) if os.path.lexists(each))
    if not there.is_dir():
        return f"{there} is no folder"
    looking = os.R_OK | os.X_OK if there == root.absolute() else os.X_OK
    if not os.access(there, looking):
        return f"{there} is a folder that this user may not look into"
    if writing and not os.access(there, os.W_OK):
        return f"{there} is a folder that this user may not write to"
    return None


def check_root(root: Path, *, writing: bool = False) -> None:
    """Refuse a folder of run folders that has an ``obstacle``.

    Raises:
        ConfigurationError: what it is, and what to do.
    """
    if found := obstacle(root, writing=writing):
        raise ConfigurationError(f"runs_dir: {found}. Name another in [tool.harness], or as HARNESS_RUNS_DIR.")
