"""What is where in a job: what it begins with, and what its script makes, asks for, removes and hands on."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from harness.lint.paths import UNKNOWN_PART, Where
from harness.lint.subject import Subject
from harness.lint.uses import Access, Use
from harness.source import LeftOut

PROCESSING = "/opt/ml/processing"
"""Of processing jobs alone."""
ASKING = frozenset({"exists", "isdir", "isfile", "is_dir", "is_file"})
_HAND_ON = (
    *("move", "copy", "copy2", "copyfile", "copytree", "make_archive", "rename", "replace"),
    *("add", "write", "upload_file", "upload", "put_file", "log_artifact", "log_artifacts"),
)
_HANDED = ("src", "Filename", "filename", "name", "local_path", "root_dir")
_TAKE_FOLDERS = ("pandas.read_parquet", "shutil.copy", "shutil.copy2")


def absolute(subject: Subject, where: Where) -> str | None:
    """A path in the container; None where that cannot be said."""
    if where.base.startswith("$"):
        base = subject.job.variables.get(where.base[1:])
    elif where.base in ("cwd", "source"):
        base = None if where.base == "cwd" and calls(subject, {"chdir"}) else subject.job.code
    else:
        base = {"/": "/", "~": "/root"}.get(where.base)
    if base is None or not base.startswith("/"):
        return None
    return posixpath.normpath(posixpath.join(base, where.path))


def is_in(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of some folders, or lies in one."""
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def calls(subject: Subject, names: frozenset[str] | set[str]) -> bool:
    """Whether the script calls anything of such a name."""
    return not names.isdisjoint(subject.called)


def takes_folders(access: Access) -> bool:
    """Whether what is called may be given a folder in place of a file."""
    function = access.module.dotted(access.node.func)
    return function in _TAKE_FOLDERS or function.endswith(".to_parquet")


def is_there(subject: Subject, access: Access, folder: str) -> bool:
    """Whether the job may begin with a folder: of the source, the outputs, the checkpoints, or of processing jobs."""
    if access.where.base in ("cwd", "source"):
        return is_shipped(subject, folder, Use.LIST)
    tree = subject.job.tree
    if is_in(folder, (PROCESSING,)):
        return False
    if is_in(folder, (tree.checkpoints,)) and not is_in(folder, subject.job.kept):
        return False
    outputs = (tree.model, tree.output_data)
    return not is_in(folder, outputs) or folder in outputs


def is_shipped(subject: Subject, path: str, use: Use) -> bool:
    """Whether a path in the container is a file of the source, or one that is not the source's affair."""
    code = subject.job.code
    if not is_in(path, (code,)):
        return not is_in(path, (posixpath.dirname(code),)) or path == posixpath.dirname(code)
    name = path.removeprefix(code).lstrip("/")
    if name in subject.modules.files:
        return True
    if use is Use.SEARCH or UNKNOWN_PART in name:
        return _is_matched(subject, name if use is Use.SEARCH else re.sub(r"[?[]", r"[\g<0>]", name))
    return not name or any(file.startswith(f"{name}/") for file in subject.modules.files)


def left_out_of(subject: Subject, path: str) -> LeftOut | None:
    """What of the source does not travel, where that is why a path in the container is not there."""
    code = f"{subject.job.code}/"
    return subject.modules.left_out_file(path.removeprefix(code)) if path.startswith(code) else None


def _is_matched(subject: Subject, pattern: str) -> bool:
    """Whether a file or a folder of the source may have a name of such a pattern."""
    files = subject.modules.files
    names = {"", *files, *(parent.as_posix() for file in files for parent in PurePosixPath(file).parents)}
    plain = pattern.replace("**/", "*")  # which is none, one or many folders
    return any(fnmatchcase(name, plain) for name in names)


def written_by(subject: Subject) -> set[str]:
    """What the script itself may have made, folders included."""
    written = (absolute(subject, each.where) for each in subject.accesses if each.use is Use.WRITE)
    return {path for path in written if path is not None} | made_by(subject)


def made_by(subject: Subject) -> set[str]:
    """The folders that the script itself may make."""
    made = set()
    for module in subject.trained:
        for node in module.calls_of(("makedirs", "mkdir")):
            if isinstance(node.func, ast.Attribute):
                path = None
                if node.func.attr == "makedirs" and node.args:
                    path = subject.locator.where(module, node.args[0])
                elif node.func.attr == "mkdir":
                    path = subject.locator.where(module, node.args[0] if node.args else node.func.value)
                if path is not None:
                    made.add(absolute(subject, path))
    return {path for path in made if path is not None}


def asked_for_by(subject: Subject) -> set[str]:
    """Folders that the script looks for, and nobody makes: what it does in them it does where they are there."""
    asked, made = set(), made_by(subject)
    for module in subject.trained:
        for node in module.calls_of(ASKING):
            if isinstance(node.func, ast.Attribute):
                of_path = module.dotted(node.func).startswith("os.path.") and node.args
                where = subject.locator.where(module, node.args[0] if of_path else node.func.value)
                asked.add(absolute(subject, where) if where else None)
    return {path for path in asked if path is not None and not any(is_in(each, (path,)) for each in made)}


def removed_by(subject: Subject) -> set[str]:
    """What the script removes again."""
    gone = set()
    for module in subject.trained:
        for node in module.calls_of(("remove", "unlink")):
            if not isinstance(node.func, ast.Attribute):
                continue
            if module.dotted(node.func) in ("os.remove", "os.unlink") and node.args:
                path = subject.locator.where(module, node.args[0])
            elif node.func.attr == "unlink":
                path = subject.locator.where(module, node.func.value)
            else:
                continue
            gone.add(absolute(subject, path) if path else None)
    return {path for path in gone if path is not None}


def handed_on_by(subject: Subject) -> tuple[str, ...]:
    """Files and folders that the script moves, copies, packs or sends to somewhere else."""
    found = set()
    for module in subject.trained:
        for node in module.calls_of(_HAND_ON):
            given = [*node.args[:1], *(key.value for key in node.keywords if key.arg in _HANDED)]
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("rename", "replace", "move"):
                given.append(node.func.value)
            found |= {absolute(subject, where) for each in given if (where := subject.locator.where(module, each))}
    return tuple(path for path in found if path is not None and path != subject.job.code)
