"""What is said of a file that lies in the source and does not travel."""

from __future__ import annotations

from harness.source import IGNORE_FILE, LeftOut


def why(left_out: LeftOut) -> str:
    """Why it is not there."""
    return f"{left_out.name} is {left_out.why}, and is not shipped"


def take_out(left_out: LeftOut) -> str:
    """What to do about it, without a full stop."""
    for file, said in ((IGNORE_FILE, IGNORE_FILE), (".gitignore", "git")):
        if said in left_out.why:
            return f"Take it out of {file}"
    return "Put it into another folder of source_dir"
