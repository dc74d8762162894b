"""Files: what is lost, what is not there, what is no file."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from harness.contract.environment import Dialect
from harness.lint.findings import Found, Rule, Severity
from harness.lint.paths import UNKNOWN_PART, Where
from harness.lint.subject import Subject
from harness.lint.uses import BRINGS_FILES, Access, Use

_PROCESSING = "/opt/ml/processing"
_ASKING = frozenset({"exists", "isdir", "isfile", "is_dir", "is_file"})
_SCRATCH = ("/tmp", "/var/tmp", "/dev", "/proc", "/sys", "/run")  # noqa: S108 - names of the container's folders
_OF_A_PERSON = ("/home", "/Users", "/root", "/Volumes", "/mnt", "/media")
_OF_A_PLATFORM = ("/workspaces", "/workspace", "/content", "/kaggle", "/dbfs", "/notebooks")
"""Codespaces and other containers to develop in, Colab, Kaggle, Databricks, Paperspace."""
_IN_THE_IMAGE = ("/home", "/root", "/mnt", "/media")
_OUTPUTS = ("SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR")
_HAND_ON = (
    *("move", "copy", "copy2", "copyfile", "copytree", "make_archive", "rename", "replace"),
    *("add", "write", "upload_file", "upload", "put_file", "log_artifact", "log_artifacts"),
)
_HANDED = ("src", "Filename", "filename", "name", "local_path", "root_dir")
_TAKE_FOLDERS = ("pandas.read_parquet", "shutil.copy", "shutil.copy2")
_JOIN = "Put folder and name together with os.path.join, which writes a / between them."


def absolute(subject: Subject, where: Where) -> str | None:
    """A path in the container; None where that cannot be said."""
    if where.base.startswith("$"):
        base = subject.job.variables.get(where.base[1:])
    elif where.base in ("cwd", "source"):
        base = None if where.base == "cwd" and _calls(subject, {"chdir"}) else subject.job.code
    else:
        base = {"/": "/", "~": "/root"}.get(where.base)
    if base is None or not base.startswith("/"):
        return None
    return posixpath.normpath(posixpath.join(base, where.path))


def severity_of(subject: Subject, access: Access) -> Severity:
    """Of an access to what is not there."""
    return Severity.WARNING if access.use is Use.SEARCH else subject.severity(access.node)


def _lost(subject: Subject) -> Iterator[Found]:
    removed, handed_on, asked = _removed(subject), _handed_on(subject), _asked_for(subject)
    for access in _of(subject, Use.WRITE):
        path = absolute(subject, access.where)
        if path is None or access.where.base == "~" or _is_in(path, (*_SCRATCH, *_OF_A_PERSON)) or path in removed:
            continue
        if _is_in(path, handed_on) and not _missing_folder(subject, access, path):
            continue
        if _is_asked_for(subject, access, path, asked):
            continue
        remedy = 'Write models to os.environ["SM_MODEL_DIR"], and the rest to os.environ["SM_OUTPUT_DATA_DIR"].'
        missing = _missing_folder(subject, access, path)
        if missing:
            severity = subject.severity(access.node)
            what = f"{access.where} cannot be written: the job has no folder {posixpath.dirname(path)}"
            if _is_in(path, subject.job.kept):
                remedy = "Make it first: os.makedirs(folder, exist_ok=True)."
            elif _is_in(path, (subject.job.tree.checkpoints,)):
                remedy = _keep_checkpoints(subject)
        elif _is_in(path, (*subject.job.kept, subject.job.tree.failure)) or _is_input(subject, path):
            continue
        elif access.where.is_beside:
            severity = Severity.WARNING
            what = f"{path} is written beside the folder that {access.where.base[1:]} names, and lost when the job ends"
            remedy = _JOIN
        elif path.startswith("/opt/ml") or access.where.base in ("cwd", "source"):
            severity = Severity.WARNING
            what = f"{access.where} is written to {path}, and lost when the job ends"
            if _is_in(path, (subject.job.tree.checkpoints,)):
                remedy = _keep_checkpoints(subject)
        else:
            continue
        yield Found(
            access.module.spot(access.node),
            severity,
            f"{what}.",
            remedy,
        )


def _of_this_machine(subject: Subject) -> Iterator[Found]:
    written, made, asked = _written(subject), tuple(_made(subject)), tuple(_asked_for(subject))
    brings = _calls(subject, BRINGS_FILES)
    makes_folders = brings or _calls(subject, {"mkdir", "makedirs"})
    for access in _trained(subject):
        path, writes = absolute(subject, access.where), access.use is Use.WRITE
        if not of_a_person(subject, access.where, path):
            continue
        if not writes and (absolute(subject, access.where.folder) in written or (path and _is_in(path, made))):
            continue
        if path and _is_in(path, asked) and not subject.certain(access.node):
            continue
        there = path is None or posixpath.dirname(path) in _IN_THE_IMAGE
        lost = writes and (there or makes_folders)
        sure = not lost and (writes or not brings)
        yield Found(
            access.module.spot(access.node),
            severity_of(subject, access) if sure else Severity.WARNING,
            f"{access.where} is a path of this machine: "
            + ("what is written there is lost when the job ends." if lost else "the job has no such folder."),
            "Give data as a channel and read os.environ['SM_CHANNEL_…']; write to os.environ['SM_MODEL_DIR']."
            if writes or not _is_own(subject, path)
            else "It is shipped with the source: join its path with Path(__file__).parent.",
        )


def of_a_person(subject: Subject, where: Where, path: str | None) -> bool:
    """Whether a path, and what it is in the container, is one of somebody's own machine."""
    if where.base == "C:":
        return True
    if path is None or where.base not in ("/", "~"):
        return False
    # An image of the user's own may have the others.
    others = where.base == "/" and subject.job.version is not None
    return _is_in(path, _OF_A_PERSON) or (others and _is_in(path, (*_OF_A_PLATFORM, *subject.job.project)))


def _is_own(subject: Subject, path: str | None) -> bool:
    """Whether a path of this machine is a file of the source that is shipped."""
    return path is not None and any(path == str(file.absolute()) for file in subject.modules.files.values())


def _no_opt_ml(subject: Subject) -> Iterator[Found]:
    if subject.job.private_opt_ml:
        return
    for access in subject.accesses:
        if access.where.base == "/" and _is_in(f"/{access.where.path}", ("/opt/ml",)):
            yield Found(
                access.module.spot(access.node),
                Severity.WARNING,
                f"{access.where} is written out, and a plain process on this machine has no /opt/ml of its own.",
                "Read the SM_* variable: SM_MODEL_DIR, SM_OUTPUT_DATA_DIR, SM_CHANNEL_<NAME>.",
            )


def _not_in_opt_ml(subject: Subject) -> Iterator[Found]:
    tree, job = subject.job.tree, subject.job
    written = _written(subject)
    makes, asks = _calls(subject, {"mkdir", "makedirs", *BRINGS_FILES}), _calls(subject, _ASKING)
    for access in subject.accesses:
        path = absolute(subject, access.where)
        if not (access.where.base == "/" or access.where.is_beside) or access.use is Use.WRITE or path is None:
            continue
        if absolute(subject, access.where.folder) in written:
            continue
        if _is_in(path, (tree.input_data,)) and path != tree.input_data:
            name = path.removeprefix(f"{tree.input_data}/").partition("/")[0]
            if name in job.modes or name == "*":
                continue
            what = f"the job has no channel {name}, so there is no {path}"
            remedy = f"Add the channel; its path is os.environ['SM_CHANNEL_{name.upper()}']."
            if access.where.is_beside:
                what = f"{path} is looked for beside the folder that {access.where.base[1:]} names, and is not there"
                remedy = _JOIN
        elif _is_in(path, (_PROCESSING,)) and not makes and (subject.certain(access.node) or not asks):
            what = f"only processing jobs have {_PROCESSING}, so there is no {path}"
            remedy = "Give it to the training job as a channel, and read os.environ['SM_CHANNEL_…']."
        elif job.dialect is Dialect.V3 and _is_in(path, (tree.code,)):
            what = f"SDK v3 puts the source into {job.code}, and there is no {tree.code}"
            remedy = "Use Path(__file__).parent, or the working directory."
        else:
            continue
        yield Found(access.module.spot(access.node), severity_of(subject, access), f"{what}.", remedy)


def _not_shipped(subject: Subject) -> Iterator[Found]:
    written, sure = _written(subject), not _calls(subject, BRINGS_FILES)
    for access in _trained(subject):
        where = access.where
        if access.use is Use.WRITE or where.base not in ("cwd", "source"):
            continue
        path, folder = absolute(subject, where), absolute(subject, where.folder)
        if path is None or folder is None or is_shipped(subject, path, access.use):
            continue
        if any(_is_in(folder, (each,)) or _is_in(each, (folder,)) for each in written):
            continue
        outside = not _is_in(path, (subject.job.code,))
        ending = "only what lies in source_dir is shipped" if outside else "it is not in the source that is shipped"
        what = f"{where} is looked for at {path} and is not there: {ending}."
        yield Found(
            access.module.spot(access.node),
            severity_of(subject, access) if sure and where.exact else Severity.WARNING,
            what,
            "Give data as a channel and read os.environ['SM_CHANNEL_…'], or put the file into source_dir.",
        )


def _into_input(subject: Subject) -> Iterator[Found]:
    for access in _of(subject, Use.WRITE):
        path = absolute(subject, access.where)
        if path is not None and _is_input(subject, path):
            name = path.removeprefix(f"{subject.job.tree.input_data}/").partition("/")[0]
            fast = subject.job.modes.get(name) == "FastFile"
            yield Found(
                access.module.spot(access.node),
                Severity.WARNING,
                f"{access.where} is written into channel {name}, "
                + ("which is read-only in FastFile mode." if fast else "and lost when the job ends."),
                'Write to os.environ["SM_MODEL_DIR"] or os.environ["SM_OUTPUT_DATA_DIR"].',
            )


def _is_a_folder(subject: Subject) -> Iterator[Found]:
    for access in subject.accesses:
        name = access.where.base.removeprefix("$")
        is_channel = name.startswith("SM_CHANNEL_") and name in subject.job.variables
        if access.where.path or access.where.base == name or _takes_folders(access):
            continue
        if access.use is Use.WRITE and name in _OUTPUTS:
            yield Found(
                access.module.spot(access.node),
                subject.severity(access.node),
                f"{name} is a folder, and cannot be written as a file.",
                f'Name the file in it: os.path.join(os.environ["{name}"], "model.joblib").',
            )
        elif access.use is Use.READ and is_channel:
            yield Found(
                access.module.spot(access.node),
                subject.severity(access.node),
                f"{access.where.base[1:]} is a folder, even where the channel is one file.",
                f'Read the files in it: sorted(Path(os.environ["{name}"]).iterdir()).',
            )


def _of(subject: Subject, use: Use) -> Iterator[Access]:
    return (access for access in subject.accesses if access.use is use)


def _trained(subject: Subject) -> Iterator[Access]:
    """What is not the server's alone; of that speaks HRN507."""
    reads = (Use.READ, Use.LIST)
    return (each for each in subject.accesses if each.use not in reads or not subject.only_serves(each.node))


def _takes_folders(access: Access) -> bool:
    function = access.module.dotted(access.node.func)
    return function in _TAKE_FOLDERS or function.endswith(".to_parquet")


def _is_in(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _is_input(subject: Subject, path: str) -> bool:
    """Whether a path is a channel's, and not that of SDK v3's source, which travels as one."""
    return _is_in(path, (subject.job.tree.input_data,)) and not _is_in(path, (subject.job.code,))


def _written(subject: Subject) -> set[str]:
    """What the script itself may have made, folders included."""
    return {path for each in _of(subject, Use.WRITE) if (path := absolute(subject, each.where))} | _made(subject)


def _made(subject: Subject) -> set[str]:
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


def _asked_for(subject: Subject) -> set[str]:
    """Folders that the script looks for, and nobody makes: what it does in them it does where they are there."""
    asked, made = set(), _made(subject)
    for module in subject.trained:
        for node in module.calls_of(_ASKING):
            if isinstance(node.func, ast.Attribute):
                of_path = module.dotted(node.func).startswith("os.path.") and node.args
                where = subject.locator.where(module, node.args[0] if of_path else node.func.value)
                asked.add(absolute(subject, where) if where else None)
    return {path for path in asked if path is not None and not any(_is_in(each, (path,)) for each in made)}


def _is_asked_for(subject: Subject, access: Access, path: str, asked: set[str]) -> bool:
    """Whether something is written into a folder that the job has not, and the script may well have found that out."""
    folder = path if _takes_folders(access) else posixpath.dirname(path)
    return not subject.certain(access.node) and _is_in(folder, tuple(asked)) and not _is_there(subject, access, folder)


def _removed(subject: Subject) -> set[str]:
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


def _handed_on(subject: Subject) -> tuple[str, ...]:
    """Files and folders that the script moves, copies, packs or sends to somewhere else."""
    found = set()
    for module in subject.trained:
        for node in module.calls_of(_HAND_ON):
            given = [*node.args[:1], *(key.value for key in node.keywords if key.arg in _HANDED)]
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("rename", "replace", "move"):
                given.append(node.func.value)
            found |= {absolute(subject, where) for each in given if (where := subject.locator.where(module, each))}
    return tuple(path for path in found if path is not None and path != subject.job.code)


def _keep_checkpoints(subject: Subject) -> str:
    if subject.job.checkpoints:
        return f"Write to {subject.job.checkpoints}, where this job's checkpoints are kept."
    return "Set checkpoint_s3_uri: the folder is there then, and kept."


def _missing_folder(subject: Subject, access: Access, path: str) -> bool:
    """Whether a file is written into a folder that is not there, and that nobody makes."""
    if not access.where.parent.exact or _calls(subject, {"mkdir", "makedirs", *BRINGS_FILES}):
        return False
    of_source = access.where.base in ("cwd", "source")
    return (of_source or not _takes_folders(access)) and not _is_there(subject, access, posixpath.dirname(path))


def _is_there(subject: Subject, access: Access, folder: str) -> bool:
    """Whether the job may begin with a folder: of the source, the outputs, the checkpoints, or of processing jobs."""
    if access.where.base in ("cwd", "source"):
        return is_shipped(subject, folder, Use.LIST)
    tree = subject.job.tree
    if _is_in(folder, (_PROCESSING,)):
        return False
    if _is_in(folder, (tree.checkpoints,)) and not _is_in(folder, subject.job.kept):
        return False
    outputs = (tree.model, tree.output_data)
    return not _is_in(folder, outputs) or folder in outputs


def is_shipped(subject: Subject, path: str, use: Use) -> bool:
    """Whether a path in the container is a file of the source, or one that is not the source's affair."""
    code = subject.job.code
    if not _is_in(path, (code,)):
        return not _is_in(path, (posixpath.dirname(code),)) or path == posixpath.dirname(code)
    name = path.removeprefix(code).lstrip("/")
    if name in subject.modules.files:
        return True
    if use is Use.SEARCH or UNKNOWN_PART in name:
        return _is_matched(subject, name if use is Use.SEARCH else re.sub(r"[?[]", r"[\g<0>]", name))
    return not name or any(file.startswith(f"{name}/") for file in subject.modules.files)


def _is_matched(subject: Subject, pattern: str) -> bool:
    """Whether a file or a folder of the source may have a name of such a pattern."""
    files = subject.modules.files
    names = {"", *files, *(parent.as_posix() for file in files for parent in PurePosixPath(file).parents)}
    plain = pattern.replace("**/", "*")  # which is none, one or many folders
    return any(fnmatchcase(name, plain) for name in names)


def _calls(subject: Subject, names: frozenset[str] | set[str]) -> bool:
    """Whether the script calls anything of such a name."""
    return not names.isdisjoint(subject.called)


RULES = (
    Rule(
        "HRN301",
        "file-is-lost",
        "A file is written where nothing is kept.",
        "`/opt/ml/model` and `/opt/ml/output/data` are uploaded, and checkpoints where the job has a "
        "`checkpoint_s3_uri`. The working directory is `/opt/ml/code` (SDK v3: the channel `code`); what is written "
        "there, or beside `data` in `/opt/ml/output`, goes with the container.",
        _lost,
    ),
    Rule(
        "HRN302",
        "path-of-this-machine",
        "A path of somebody's own machine.",
        "Home folders and mounts of a laptop do not exist in the container, nor do those of Codespaces and Colab, nor "
        "the project's own by its whole path. The container's home, `~`, is `/root`, and empty.",
        _of_this_machine,
    ),
    Rule(
        "HRN303",
        "opt-ml-written-out",
        "`/opt/ml` is written out, and the target has none.",
        "The container has `/opt/ml`; a plain process has one of its own only where the kernel gives it one (Linux, "
        "`isolation` not `none`).",
        _no_opt_ml,
    ),
    Rule(
        "HRN304",
        "not-in-opt-ml",
        "A path below `/opt/ml` that this job does not have.",
        "`/opt/ml/input/data` has a folder for each channel of the job, and none besides; SDK v3 runs the script in "
        "`/opt/ml/input/data/code`, and makes no `/opt/ml/code`. `/opt/ml/processing` is of processing jobs.",
        _not_in_opt_ml,
    ),
    Rule(
        "HRN305",
        "file-not-shipped",
        "A file is read that is not shipped with the source.",
        "The job gets the files of `source_dir` and nothing above or beside it, and runs in their root. A path "
        "relative to the project's folder, or to `__file__` and out of the source, leads nowhere.",
        _not_shipped,
    ),
    Rule(
        "HRN306",
        "writes-into-channel",
        "A file is written into an input channel.",
        "What is in `/opt/ml/input` is not uploaded, and a FastFile channel is read-only (AWS developer guide). The "
        "SDK's local mode would write into your own data.",
        _into_input,
    ),
    Rule(
        "HRN307",
        "channel-is-a-folder",
        "A channel, or the model's folder, is opened as if it were a file.",
        "`SM_CHANNEL_<NAME>` is a folder, even where the channel's URI names one object, and so are `SM_MODEL_DIR` and "
        "`SM_OUTPUT_DATA_DIR`.",
        _is_a_folder,
    ),
)
