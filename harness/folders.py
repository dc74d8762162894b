"""Folders of the harness's own in a user's repository."""

from __future__ import annotations

from pathlib import Path


def make_own(folder: Path) -> None:
    """Make a folder, and those it lies in, that holds nothing but what the harness writes, unless it is there.

    Git passes over a new one: a ``.gitignore`` in it says so, and nobody commits a model by accident. Whoever wants it
    in the repository removes that file; it is not written again.

    Raises:
        OSError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return
    (folder / ".gitignore").write_text("# What is here was made by the harness.\n*\n")
