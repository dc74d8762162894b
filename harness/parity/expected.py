"""What AWS's contract promises to the script of a request, in the same form as what a probe has seen. Pure.

The contract itself is ``harness.contract``; here it is told what the request, the image and the machine contribute.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

from harness.contract.comparison import Facts
from harness.contract.environment import Contract, JobConfig, Machine, script_contract
from harness.contract.opt_ml import OptMl
from harness.contract.terms import EntryKind
from harness.doctor.drift import pinned
from harness.engine.environment import framework_version, image_environment, platform_environment, toolkit_version
from harness.engine.toolkit import config_documents
from harness.images import IMAGES
from harness.parity import observed
from harness.parity.findings import Aspect
from harness.parity.observed import Observation
from harness.parity.probe import MOST_ENTRIES

WHOLE = (Aspect.ENVIRONMENT, Aspect.ARGUMENTS, Aspect.PYTHON_PATH, Aspect.OPT_ML_TREE, Aspect.CONFIG_FILES)
"""Aspects in which the contract names everything: what it does not name is a difference too."""

_UNVERIFIED = (
    (Aspect.ENVIRONMENT, "AWS_REGION"),
    (Aspect.OPT_ML_TREE, "* (writable)"),
    (Aspect.TERMINAL, "stdin"),
    (Aspect.USER, "gid"),
    (Aspect.UMASK, "*"),
    (Aspect.SIGNALS, "*"),
    (Aspect.VERSIONS, "*"),
)
"""Aspect and pattern of places for which no source says what AWS has: these are compared between targets alone."""


@dataclass(frozen=True)
class Shipped:
    """What travels with a request."""

    code: Mapping[str, int]
    """Name below ``/opt/ml/code`` -> bytes."""
    channels: Mapping[str, Mapping[str, int] | None] = field(default_factory=dict)
    """Channel -> name of a file in it -> bytes; None: what is in it is not known here."""

    @property
    def has_setup_py(self) -> bool:
        """Whether the toolkit installs the code as a package."""
        return "setup.py" in self.code


@dataclass(frozen=True)
class Promise:
    """What one host's script is to see."""

    facts: Facts
    open: tuple[tuple[str, str], ...]
    """Aspect and pattern of the places of which nothing is promised."""

    def is_open(self, aspect: str, where: str) -> bool:
        """Whether a place is compared between targets alone."""
        return any(of == aspect and fnmatchcase(where, pattern) for of, pattern in self.open)

    def with_reference(self, reference: Facts) -> Facts:
        """What to expect of a target: what is promised and, where nothing is, what the reference target has."""
        return {
            aspect: {
                **{where: text for where, text in reference.get(aspect, {}).items() if self.is_open(aspect, where)},
                **self.facts.get(aspect, {}),
            }
            for aspect in {**self.facts, **reference}
        }


def promise(
    request: Mapping[str, Any],
    description: Mapping[str, Any],
    shipped: Shipped,
    observation: Observation,
    *,
    region: str,
    host_index: int = 0,
) -> Promise:
    """What AWS promises to a script.

    Args:
        request: the ``CreateTrainingJob`` document, as it was sent.
        description: gives the job's name and ARN.
        shipped: the files that the request brings along.
        observation: of the machine it contributes what is the machine's own: the number of CPUs, the interpreter.
        region: of the job.
        host_index: which of the hosts.

    Raises:
        ContractError: AWS's toolkit would not come as far as the script.
    """
    image = request["AlgorithmSpecification"].get("TrainingImage", "")
    documents = config_documents(request, host_index)
    known_image = framework_version(image)
    given = {
        **(image_environment(image) if known_image else _of_another_image(observation)),
        **platform_environment(description, region),
        **request.get("Environment", {}),
    }
    contract = script_contract(
        JobConfig(**documents),
        environment=given,
        machine=Machine(num_cpus=int(observation["num_cpus"]), python=str(observation["python"])),
        toolkit_version=toolkit_version(image),
        has_setup_py=shipped.has_setup_py,
    )
    documented = {name: text for name, text in contract.environment.items() if name != "AWS_REGION"}
    facts: dict[str, Mapping[str, str]] = {
        Aspect.ENVIRONMENT: observed.environment(documented, OptMl().base_dir),
        Aspect.ARGUMENTS: _arguments(contract),
        Aspect.WORKING_DIRECTORY: {"cwd": contract.cwd},
        Aspect.PYTHON_PATH: _python_path(contract),
        Aspect.OPT_ML_TREE: _tree(shipped, documents["input_data_config"], request),
        Aspect.CONFIG_FILES: _config_files(documents),
        Aspect.TERMINAL: {name: observed.terminal(False) for name in ("stdout", "stderr")},
        Aspect.USER: {"uid": "0"},
        Aspect.UMASK: {},
        Aspect.SIGNALS: {"SIGTERM": "default", "parent": observed.parent(1)},
        Aspect.VERSIONS: _versions(known_image),
    }
    return Promise(facts, (*_UNVERIFIED, *_open(shipped, contract, bool(known_image))))


def _of_another_image(observation: Observation) -> dict[str, str]:
    """What the toolkit makes variables of, and a user's own image may set as it likes: as it was seen."""
    return {name: text for name, text in observation["environment"].items() if name == "SAGEMAKER_TRAINING_MODULE"}


def _arguments(contract: Contract) -> dict[str, str]:
    program = contract.environment["SM_USER_ENTRY_POINT"]
    said = observed.arguments([program, *contract.argv])
    if contract.entry_kind is not EntryKind.SCRIPT:
        del said[next(iter(said))]
    return said


def _python_path(contract: Contract) -> dict[str, str]:
    """Python puts the script's folder before what PYTHONPATH has (toolkit 4.8.0, run)."""
    if contract.entry_kind is not EntryKind.SCRIPT:
        return {}
    program = contract.environment["SM_USER_ENTRY_POINT"]
    folder = posixpath.dirname(posixpath.join(contract.cwd, program))
    return observed.python_path([folder, *contract.environment["PYTHONPATH"].split(":")], OptMl().base_dir)


def _tree(shipped: Shipped, channels: Iterable[str], request: Mapping[str, Any]) -> dict[str, str]:
    paths = {f"code/{name}": observed.entry("file", size) for name, size in shipped.code.items()}
    for name in ("hyperparameters", "inputdataconfig", "resourceconfig"):
        paths[f"input/config/{name}.json"] = "file"
    for channel in channels:
        paths[f"input/data/{channel}"] = "folder"
        for name, size in (shipped.channels.get(channel) or {}).items():
            paths[f"input/data/{channel}/{name}"] = observed.entry("file", size)
    folders = {"code", "input/data", "model", "output/data"}
    if request.get("CheckpointConfig", {}).get("LocalPath", OptMl().checkpoints) == OptMl().checkpoints:
        folders |= {"checkpoints"} if "CheckpointConfig" in request else set()
    for path in (*paths, *folders):
        while path := posixpath.dirname(path):
            folders.add(path)
    found = {**dict.fromkeys(folders, "folder"), **paths}
    return {"/opt/ml": OptMl().base_dir, **{path: text for top in _tops(found) for path, text in top}}


def _tops(found: Mapping[str, str]) -> Iterator[list[tuple[str, str]]]:
    """What lies below each folder of ``/opt/ml``, in order and as far as the probe tells it."""
    in_order = sorted(found, key=lambda path: path.split("/"))
    for top, group in groupby(in_order, key=lambda path: path.partition("/")[0]):
        paths = list(group)
        told = [(path, found[path]) for path in paths[:MOST_ENTRIES]]
        more = len(paths) - len(told)
        yield [*told, (f"{top}/…", f"{more} more")] if more else told


def _config_files(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    import json

    return observed.config_files(
        {f"{name.replace('_', '')}.json": json.dumps(each) for name, each in documents.items()}
    )


def _versions(known_image: str | None) -> dict[str, str]:
    if known_image is None:
        return {}
    python = IMAGES[known_image].python
    return {**({"python": python} if python else {}), **pinned(known_image)}


def _open(shipped: Shipped, contract: Contract, known_image: bool) -> list[tuple[str, str]]:
    """What depends on the image or on data elsewhere."""
    found: list[tuple[str, str]] = []
    for channel, files in shipped.channels.items():
        if files is None:
            found.append((Aspect.OPT_ML_TREE, f"input/data/{channel}/*"))
    if contract.entry_kind is not EntryKind.SCRIPT:
        # A package is run as a module out of wherever it was installed; a shell script starts what it likes.
        found += [(Aspect.ARGUMENTS, "sys.argv[[]0]"), (Aspect.PYTHON_PATH, "*"), (Aspect.OPT_ML_TREE, "code/*")]
    if not known_image:  # of an image of the user's own nothing is known: any variable may be its
        found.append((Aspect.ENVIRONMENT, "*"))
    return found
