"""From what the probe has written down to facts that can be compared. Pure.

Little is left out or rewritten, each for a reason that stands beside it: what is the machine's own matter and of which
AWS promises nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness.contract.comparison import flattened
from harness.parity.findings import Aspect
from harness.parity.probe import REDACTED, looks_secret

Observation = Mapping[str, Any]
"""The probe's document."""


class Normalisation(NamedTuple):
    """What is not compared as it is, and why."""

    aspect: Aspect
    where: str
    reason: str


NORMALISATIONS = (
    Normalisation(Aspect.ENVIRONMENT, "PATH", "where the machine has its programs; AWS's value is not documented"),
    Normalisation(Aspect.ENVIRONMENT, "PWD", "left by a shell, if one stands between the toolkit and the script"),
    Normalisation(Aspect.ENVIRONMENT, "OLDPWD", "as PWD"),
    Normalisation(Aspect.ENVIRONMENT, "SHLVL", "as PWD"),
    Normalisation(Aspect.ENVIRONMENT, "_", "as PWD"),
    Normalisation(Aspect.ENVIRONMENT, "LC_CTYPE", "set by Python itself where a locale is missing (PEP 538)"),
)
"""Variables that are not compared at all."""

REWRITTEN = (
    Normalisation(
        Aspect.ENVIRONMENT,
        "PYTHONPATH",
        "the interpreter's own folders lie elsewhere on each machine; those of the job and their order are compared",
    ),
    Normalisation(Aspect.PYTHON_PATH, "sys.path", "as PYTHONPATH"),
    Normalisation(
        Aspect.ENVIRONMENT,
        "SM_NUM_CPUS, num_cpus",
        "AWS's is its machine's number, and so is each target's: what is expected is computed with the target's own",
    ),
    Normalisation(
        Aspect.ENVIRONMENT,
        "*SECRET*, *PASSWORD*, *PASSWD*, *PASSPHRASE*, *CREDENTIAL*, *TOKEN, *KEY, *_PWD",
        "values of variables that are named like credentials are not written down; that they are set is compared",
    ),
    Normalisation(Aspect.VERSIONS, "python", "of the image the first two numbers are known"),
)
"""What is compared, but not to the letter; told in the document, so that nobody takes it for compared."""

_LEFT_OUT = frozenset(each.where for each in NORMALISATIONS)
_INTERPRETER = "(the interpreter's own)"


def facts(observation: Observation) -> dict[str, dict[str, str]]:
    """What one host has seen, as ``contract.comparison`` takes it."""
    root = observation["root"]
    return {
        Aspect.ENVIRONMENT: environment(observation["environment"], root),
        Aspect.ARGUMENTS: arguments(observation["argv"]),
        Aspect.WORKING_DIRECTORY: {"cwd": observation["cwd"]},
        Aspect.PYTHON_PATH: python_path(observation["sys_path"], root),
        Aspect.OPT_ML_TREE: {"/opt/ml": root, **dict(_tree(observation["tree"]))},
        Aspect.CONFIG_FILES: config_files(observation["config"]),
        Aspect.TERMINAL: {name: terminal(is_one) for name, is_one in observation["terminal"].items()},
        Aspect.USER: {name: str(number) for name, number in observation["user"].items()},
        Aspect.UMASK: {"umask": observation["umask"]},
        Aspect.SIGNALS: {**observation["signals"], "parent": parent(observation["process"]["ppid"])},
        Aspect.VERSIONS: {**observation["versions"], "python": minor(observation["versions"]["python"])},
    }


def environment(variables: Mapping[str, str], root: str) -> dict[str, str]:
    """Variables, less what is no matter of a contract."""
    kept = {}
    for name, value in variables.items():
        if name not in _LEFT_OUT:
            kept[name] = REDACTED if looks_secret(name) else value
    if "PYTHONPATH" in kept:
        kept["PYTHONPATH"] = ":".join(_collapsed(kept["PYTHONPATH"].split(":"), root))
    return kept


def arguments(argv: Sequence[str]) -> dict[str, str]:
    """``sys.argv`` by position."""
    return {f"sys.argv[{index}]": text for index, text in enumerate(argv)}


def python_path(entries: Sequence[str], root: str) -> dict[str, str]:
    """``sys.path`` by position, the interpreter's own folders as one."""
    return {f"sys.path[{index}]": entry for index, entry in enumerate(_collapsed(entries, root))}


def config_files(texts: Mapping[str, str]) -> dict[str, str]:
    """The files of ``input/config``: each leaf of the JSON in them, or the text if it is none."""
    import json

    found: dict[str, str] = {}
    for name, text in texts.items():
        try:
            leaves = flattened(json.loads(text))
        except ValueError:
            leaves = {"": text}
        found |= {f"{name}: {where}" if where else name: _unless_secret(where, leaf) for where, leaf in leaves.items()}
    return found


def entry(kind: str, size: int) -> str:
    """How a path is told."""
    return f"file, {size:,} bytes" if kind == "file" else kind


def terminal(is_one: bool) -> str:
    """How a standard stream is told."""
    return "a terminal" if is_one else "no terminal"


def parent(number: int) -> str:
    """How the parent is told: on AWS the toolkit is process 1."""
    return "process 1" if number == 1 else "another process"


def minor(version: str) -> str:
    """``3.12`` of ``3.12.1``."""
    return ".".join(version.split(".")[:2])


def _tree(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for path, found in entries.items():
        # A config file's size follows from its text, which is compared by itself, value by value.
        is_config = posixpath.dirname(path) == "input/config"
        yield path, "file" if is_config and found["kind"] == "file" else entry(found["kind"], found["size"])
        if found["kind"] == "folder":
            yield f"{path} (writable)", "yes" if found["writable"] else "no"


def _collapsed(entries: Sequence[str], root: str) -> list[str]:
    """Entries, those of the interpreter that stand together as one; what is the job's stays as it is."""
    kept: list[str] = []
    for path in entries:
        own = path == root or path.startswith(root + "/")
        if own or kept[-1:] != [_INTERPRETER]:
            kept.append(path if own else _INTERPRETER)
    return kept


def _unless_secret(where: str, value: str) -> str:
    return REDACTED if looks_secret(where.rpartition(".")[2]) else value
