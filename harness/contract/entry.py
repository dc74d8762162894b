"""The entry point: what kind it is, what is installed before it, and the command that runs it.

Source: sagemaker-training 4.0.1, 4.8.0 and 5.1.4, run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from harness.contract.outcomes import StepError, client_failure
from harness.contract.terms import ContractError, EntryKind

_SAFE_CHARACTER = re.compile(r"[A-Za-z0-9._+/-]")
_SAFE_NAME = re.compile(r"^[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*$")


def entry_kind(name: str, has_setup_py: bool) -> EntryKind:
    """How the toolkit runs ``name``; ``has_setup_py``: a ``setup.py`` lies at the root of the code."""
    if name.endswith(".sh"):
        return EntryKind.SHELL
    if has_setup_py:
        return EntryKind.PACKAGE
    return EntryKind.SCRIPT if name.endswith(".py") else EntryKind.SHELL


def install_command(kind: EntryKind, *, has_requirements: bool, python: str) -> tuple[str, ...] | None:
    """What the toolkit runs, once, in the code folder before the entry point; None where it runs nothing.

    ``has_requirements``: a ``requirements.txt`` lies at the root of the code. Shell entry points install
    nothing.
    """
    requirements = ("-r", "requirements.txt") if has_requirements else ()
    if kind is EntryKind.PACKAGE:
        return (python, "-m", "pip", "install", ".", *requirements)
    if kind is EntryKind.SCRIPT and has_requirements:
        return (python, "-m", "pip", "install", *requirements)
    return None


def install_error(kind: EntryKind) -> StepError:
    """What the toolkit calls the failure of ``install_command``."""
    return StepError.MODULE if kind is EntryKind.PACKAGE else StepError.REQUIREMENTS


def command(
    name: str, kind: EntryKind, arguments: Sequence[str], *, python: str, toolkit_version: str
) -> tuple[str, ...]:
    """The command that the toolkit starts in the code folder.

    4.8.0 takes double quotes off both ends of the last item, whatever it is: a value ``"a b"`` with quotes of
    its own arrives without them. 4.0.1 and 5.1.4 do not.
    """
    hardened = is_hardened(toolkit_version)
    if kind is EntryKind.SHELL:
        program = shlex.quote(name) if hardened else name
        line = f"./{program} {' '.join(map(shlex.quote, arguments))}"
        parts = ["/bin/sh", "-c", line]
    elif kind is EntryKind.PACKAGE:
        module = name.removesuffix(".py") if hardened else name.replace(".py", "")
        parts = [python, "-m", module, *arguments]
    else:
        parts = [python, *(("--",) if hardened else ()), name, *arguments]
    if toolkit_version == "4.8.0":
        parts[-1] = parts[-1].strip('"')
    return tuple(parts)


def is_hardened(toolkit_version: str) -> bool:
    """Whether this toolkit checks and quotes the entry point's name (5.x)."""
    return int(toolkit_version.split(".", 1)[0]) >= 5


def check_name(name: str | None) -> None:
    """The rule of toolkit 5.1.4: a plain path below the code folder.

    Raises:
        ContractError: the name breaks it. ``failure`` is the toolkit's own sentence, since it becomes
        ``FailureReason``.
    """
    fault = _fault(name)
    if fault:
        raise ContractError(fault, failure=client_failure(fault))


def _fault(name: str | None) -> str | None:
    if not name:
        return (
            "The training entry point name is empty. Set the 'sagemaker_program' "
            "hyperparameter (or ContainerEntrypoint) to the name of the script to run, "
            "relative to your source directory -- for example 'train.py' or 'train.sh'."
        )
    if not _SAFE_NAME.match(name):
        unsupported = sorted({character for character in name if not _SAFE_CHARACTER.match(character)})
        if unsupported:
            detail = f"the character(s) {', '.join(map(repr, unsupported))}"
        elif name.startswith("-"):
            detail = "a leading '-', which is read as a command-line option"
        elif name.startswith("/"):
            detail = "a leading '/', which makes it an absolute path"
        else:
            detail = "an unsupported character at the start of the name"
        return (
            f"The training entry point {name!r} cannot be used because it contains {detail}. "
            "Rename the script so its name contains only letters, digits, '.', '_', "
            "'+', '-' and '/', and does not start with '-' or '/', then set the "
            "'sagemaker_program' hyperparameter (or ContainerEntrypoint) to the new name "
            "-- for example 'train.py' or 'bin/train.sh'."
        )
    if {".", ".."} & set(name.split("/")):
        return (
            f"The training entry point {name!r} cannot be used because it contains '.' or '..' "
            "path segments. The entry point must be a path inside your source directory. "
            "Set the 'sagemaker_program' hyperparameter (or ContainerEntrypoint) to a "
            "path relative to that directory -- for example 'train.py' or 'bin/train.sh'."
        )
    return None
