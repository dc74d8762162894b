"""Files: what is lost, what is not there, what is no file."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from harness.contract.environment import Dialect
from harness.lint.findings import Found, Rule, Severity
from harness.lint.left_out import take_out, why
from harness.lint.paths import Where
from harness.lint.places import (
    ASKING,
    PROCESSING,
    absolute,
    asked_for_by,
    calls,
    handed_on_by,
    is_in,
    is_shipped,
    is_there,
    left_out_of,
    made_by,
    removed_by,
    takes_folders,
    written_by,
)
from harness.lint.subject import Subject
from harness.lint.uses import BRINGS_FILES, Access, Use

_SCRATCH = ("/tmp", "/var/tmp", "/dev", "/proc", "/sys", "/run")  # noqa: S108 - names of the container's folders
_OF_A_PERSON = ("/home", "/Users", "/root", "/Volumes", "/mnt", "/media")
_OF_A_PLATFORM = ("/workspaces", "/workspace", "/content", "/kaggle", "/dbfs", "/notebooks")
"""Codespaces and other containers to develop in, Colab, Kaggle, Databricks, Paperspace."""
_IN_THE_IMAGE = ("/home", "/root", "/mnt", "/media")
_OUTPUTS = ("SM_MODEL_DIR", "SM_OUTPUT_DATA_DIR")
_JOIN = "Put folder and name together with os.path.join, which writes a / between them."


def severity_of(subject: Subject, access: Access) -> Severity:
    """Of an access to what is not there."""
    return Severity.WARNING if access.use is Use.SEARCH else subject.severity(access.node)


def _lost(subject: Subject) -> Iterator[Found]:
    removed, handed_on, asked = removed_by(subject), handed_on_by(subject), asked_for_by(subject)
    for access in _of(subject, Use.WRITE):
        path = absolute(subject, access.where)
        if path is None or access.where.base == "~" or is_in(path, (*_SCRATCH, *_OF_A_PERSON)) or path in removed:
            continue
        if is_in(path, handed_on) and not _missing_folder(subject, access, path):
            continue
        if _is_asked_for(subject, access, path, asked):
            continue
        remedy = 'Write models to os.environ["SM_MODEL_DIR"], and the rest to os.environ["SM_OUTPUT_DATA_DIR"].'
        missing = _missing_folder(subject, access, path)
        if missing:
            severity = subject.severity(access.node)
            what = f"{access.where} cannot be written: the job has no folder {posixpath.dirname(path)}"
            if is_in(path, subject.job.kept):
                remedy = "Make it first: os.makedirs(folder, exist_ok=True)."
            elif is_in(path, (subject.job.tree.checkpoints,)):
                remedy = _keep_checkpoints(subject)
        elif is_in(path, (*subject.job.kept, subject.job.tree.failure)) or _is_input(subject, path):
            continue
        elif access.where.is_beside:
            severity = Severity.WARNING
            what = f"{path} is written beside the folder that {access.where.base[1:]} names, and lost when the job ends"
            remedy = _JOIN
        elif path.startswith("/opt/ml") or access.where.base in ("cwd", "source"):
            severity = Severity.WARNING
            what = f"{access.where} is written to {path}, and lost when the job ends"
            if is_in(path, (subject.job.tree.checkpoints,)):
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
    written, made = written_by(subject), made_by(subject)
    asked = asked_for_by(subject).difference(_IN_THE_IMAGE)
    brings = calls(subject, BRINGS_FILES)
    makes_folders = brings or calls(subject, {"mkdir", "makedirs"})
    for access in _trained(subject):
        path, writes = absolute(subject, access.where), access.use is Use.WRITE
        if not of_a_person(subject, access.where, path):
            continue
        if not writes and (absolute(subject, access.where.folder) in written or (path and is_in(path, made))):
            continue
        if path and is_in(path, asked) and not subject.certain(access.node):
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
    return is_in(path, _OF_A_PERSON) or (others and is_in(path, (*_OF_A_PLATFORM, *subject.job.project)))


def _is_own(subject: Subject, path: str | None) -> bool:
    """Whether a path of this machine is a file of the source that is shipped."""
    return path is not None and any(path == str(file.absolute()) for file in subject.modules.files.values())


def _no_opt_ml(subject: Subject) -> Iterator[Found]:
    if subject.job.private_opt_ml:
        return
    for access in subject.accesses:
        if access.where.base == "/" and is_in(f"/{access.where.path}", ("/opt/ml",)):
            yield Found(
                access.module.spot(access.node),
                Severity.WARNING,
                f"{access.where} is written out, and a plain process on this machine has no /opt/ml of its own.",
                "Read the SM_* variable: SM_MODEL_DIR, SM_OUTPUT_DATA_DIR, SM_CHANNEL_<NAME>.",
            )


def _not_in_opt_ml(subject: Subject) -> Iterator[Found]:
    tree, job = subject.job.tree, subject.job
    written = written_by(subject)
    makes, asks = calls(subject, {"mkdir", "makedirs", *BRINGS_FILES}), calls(subject, ASKING)
    for access in subject.accesses:
        path = absolute(subject, access.where)
        if not (access.where.base == "/" or access.where.is_beside) or access.use is Use.WRITE or path is None:
            continue
        if absolute(subject, access.where.folder) in written:
            continue
        if is_in(path, (tree.input_data,)) and path != tree.input_data:
            name = path.removeprefix(f"{tree.input_data}/").partition("/")[0]
            if name in job.modes or name == "*":
                continue
            what = f"the job has no channel {name}, so there is no {path}"
            remedy = f"Add the channel; its path is os.environ['SM_CHANNEL_{name.upper()}']."
            if access.where.is_beside:
                what = f"{path} is looked for beside the folder that {access.where.base[1:]} names, and is not there"
                remedy = _JOIN
        elif is_in(path, (PROCESSING,)) and not makes and (subject.certain(access.node) or not asks):
            what = f"only processing jobs have {PROCESSING}, so there is no {path}"
            remedy = "Give it to the training job as a channel, and read os.environ['SM_CHANNEL_…']."
        elif job.dialect is Dialect.V3 and is_in(path, (tree.code,)):
            what = f"SDK v3 puts the source into {job.code}, and there is no {tree.code}"
            remedy = "Use Path(__file__).parent, or the working directory."
        else:
            continue
        yield Found(access.module.spot(access.node), severity_of(subject, access), f"{what}.", remedy)


def _not_shipped(subject: Subject) -> Iterator[Found]:
    written, sure = written_by(subject), not calls(subject, BRINGS_FILES)
    for access in _trained(subject):
        where = access.where
        if access.use is Use.WRITE or where.base not in ("cwd", "source"):
            continue
        path, folder = absolute(subject, where), absolute(subject, where.folder)
        if path is None or folder is None or is_shipped(subject, path, access.use):
            continue
        if any(is_in(folder, (each,)) or is_in(each, (folder,)) for each in written):
            continue
        ending, remedy = _why_not_shipped(subject, path)
        yield Found(
            access.module.spot(access.node),
            severity_of(subject, access) if sure and where.exact else Severity.WARNING,
            f"{where} is looked for at {path} and is not there: {ending}.",
            remedy,
        )


def _why_not_shipped(subject: Subject, path: str) -> tuple[str, str]:
    """Why a path in the container is not there, and what to do."""
    remedy = "Give data as a channel and read os.environ['SM_CHANNEL_…'], or put the file into source_dir."
    left_out = left_out_of(subject, path)
    if left_out is not None:
        return why(left_out), f"{take_out(left_out)}, or give it as a channel and read os.environ['SM_CHANNEL_…']."
    outside = not is_in(path, (subject.job.code,))
    return "only what lies in source_dir is shipped" if outside else "it is not in the source that is shipped", remedy


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
        if access.where.path or access.where.base == name or takes_folders(access):
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


def _is_input(subject: Subject, path: str) -> bool:
    """Whether a path is a channel's, and not that of SDK v3's source, which travels as one."""
    return is_in(path, (subject.job.tree.input_data,)) and not is_in(path, (subject.job.code,))


def _is_asked_for(subject: Subject, access: Access, path: str, asked: set[str]) -> bool:
    """Whether something is written into a folder that the job has not, and the script may well have found that out."""
    folder = path if takes_folders(access) else posixpath.dirname(path)
    absent = (each for each in asked if not is_there(subject, access, each))
    return not subject.certain(access.node) and is_in(folder, absent)


def _keep_checkpoints(subject: Subject) -> str:
    if subject.job.checkpoints:
        return f"Write to {subject.job.checkpoints}, where this job's checkpoints are kept."
    return "Set checkpoint_s3_uri: the folder is there then, and kept."


def _missing_folder(subject: Subject, access: Access, path: str) -> bool:
    """Whether a file is written into a folder that is not there, and that nobody makes."""
    if not access.where.parent.exact or calls(subject, {"mkdir", "makedirs", *BRINGS_FILES}):
        return False
    of_source = access.where.base in ("cwd", "source")
    return (of_source or not takes_folders(access)) and not is_there(subject, access, posixpath.dirname(path))


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
        "relative to the project's folder, or to `__file__` and out of the source, leads nowhere. What git or "
        "`.sagemakerignore` ignores is not shipped either.",
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
