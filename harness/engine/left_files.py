"""Files that a host of a processing job has left in its tree, and that go somewhere else. No link is followed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path


def plain_files(folder: Path, within: Path) -> Iterator[Path]:
    """Every file below a folder of the tree ``within``, links left out: AWS uploads none either."""
    if led_astray(folder, within):
        return
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(parent, name)
            if file.is_file() and not file.is_symlink():
                yield file


def led_astray(path: Path, within: Path) -> bool:
    """Whether a symbolic link stands in the way: it would be followed on this machine, not where the script made it."""
    return path.resolve() != within.resolve() / path.relative_to(within)


def put(source: Path, target: Path) -> None:
    """Copy beside and rename, as an object of S3's appears: whole, in the place of an older one."""
    beside = target.with_name(f".{target.name}.partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, beside)
    except OSError:
        shutil.copyfile(source, beside)
    beside.replace(target)
