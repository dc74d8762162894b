"""Data as the SDK can mount it: a folder of this machine, complete in itself, and nothing beside what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.engine.channels import chosen, give_names, has_links, link_or_copy
from harness.storage import local_path


def sdk_uri(path: Path) -> str:
    """A ``file://`` URI as the SDK reads it, which does not know of percent signs."""
    return f"file://{path.absolute()}"


def mountable(source: Mapping[str, Any], view: Path, *, inside: Sequence[str] = ()) -> Path:
    """The folder to mount for an ``S3DataSource`` whose data is on this machine.

    Of a file the SDK would mount the whole folder that it lies in, and a symbolic link leads nowhere in a container:
    then ``view`` is filled with second names of the files (hard links; copies where the file system has none). That
    is no way to the originals, as inputs are mounted read-only. Big folders of plain files cost a look at their names.

    Args:
        source: a prefix: a folder or a file.
        view: a folder of the job's own, which does not exist yet.
        inside: names of folders in it that something else is to be mounted at.
    """
    path = local_path(source["S3Uri"]).resolve()
    if path.is_dir() and not inside and not has_links(path):
        return path
    root, files = chosen({**source, "S3Uri": path.as_uri()})
    give_names({file.relative_to(root): file.resolve() for file in files}, view, link_or_copy)
    for place in inside:
        (view / place).mkdir(parents=True, exist_ok=True)
    return view
