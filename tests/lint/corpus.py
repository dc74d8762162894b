"""The corpus: small jobs, each with what lint has to say about it. What really happens to it is observed."""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from harness import source
from harness.config import Config, load
from harness.contract.environment import Dialect
from harness.left_out import ignored_by_git
from harness.lint import Report, Severity, lint

HERE = Path(__file__).parent
FOLDER = HERE / "corpus"
OBSERVATIONS = HERE / "observations.json"


@dataclass(frozen=True)
class Laptop:
    """How a person runs the same script at home."""

    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    """Besides SM_MODEL_DIR, SM_OUTPUT_DATA_DIR and the channels; ``{here}`` is the project's folder."""
    folder: str = "."


@dataclass(frozen=True)
class Case:
    """One job. Its folder holds ``case.toml``, the source, and whatever else the person has on disk."""

    name: str
    about: str
    finds: tuple[str, ...] = ()
    """Rules that speak of it as an error or a warning."""
    near: tuple[str, ...] = ()
    """Rules that it is a near miss of: they keep silent, and nothing happens."""
    notes: tuple[str, ...] = ()
    missed: bool = False
    """Whether it goes wrong and lint cannot know: what recall is told by."""
    fails_at_home: bool = False
    """Whether it fails as a plain process as well."""
    example: bool = False
    """Whether the documentation shows it."""
    dialect: Dialect = Dialect.TOOLKIT
    toolkit: str | None = None
    in_image: bool = False
    """Whether it is observed in the image of the framework version, for what the image holds."""
    serving: bool = False
    body: str = "[[1, 2]]"
    none: tuple[str, ...] = ()
    """Hyperparameters that are None, which TOML cannot say."""
    signalled: bool = False
    """Whether it gets SIGTERM when it prints «> ready»."""
    laptop: Laptop = Laptop()

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def config(self) -> Config:
        nothing = {"hyperparameters": dict.fromkeys(self.none)}
        return load(config_file=self.folder / "case.toml", flags=nothing, environ={})

    def lint(self) -> Report:
        return _linted(self)

    def found(self, *severities: Severity) -> tuple[str, ...]:
        """Rules that speak, each once."""
        wanted = severities or (Severity.ERROR, Severity.WARNING)
        return tuple(sorted({each.rule for each in self.lint().findings if each.severity in wanted}))


@cache
def _linted(case: Case) -> Report:
    # What was observed was observed on Linux, where a plain process can have an /opt/ml of its own.
    with mock.patch.object(sys, "platform", "linux"), mock.patch.object(source, "ignored_by_git", _ignored_below):
        return lint(case.config, dialect=case.dialect, toolkit=case.toolkit, serving=case.serving)


_ignored_by_git = cache(ignored_by_git)


def _ignored_below(folder: Path) -> frozenset[str]:
    """What git ignores below a case's folder; it is asked once for all of them."""
    within = f"{folder.resolve().relative_to(FOLDER)}/"
    return frozenset(name.removeprefix(within) for name in _ignored_by_git(FOLDER) if name.startswith(within))


def read(folder: Path) -> Case:
    told: dict[str, Any] = tomllib.loads((folder / "case.toml").read_text("utf-8"))["case"]
    laptop = told.pop("laptop", {})
    for key in ("finds", "near", "notes", "none"):
        told[key] = tuple(told.get(key, ()))
    if "dialect" in told:
        told["dialect"] = Dialect(told["dialect"])
    if "arguments" in laptop:
        laptop["arguments"] = tuple(laptop["arguments"])
    return Case(folder.name, laptop=Laptop(**laptop), **told)


CASES = tuple(read(file.parent) for file in sorted(FOLDER.glob("*/case.toml")))


def observations() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OBSERVATIONS.read_text("utf-8"))
    return found


def label(observed: dict[str, Any]) -> str:
    """What really happens on SageMaker: it ``fails``, or ends well and ``differs`` from here, or is the ``same``."""
    if not observed["there"]["ended_well"]:
        return "fails"
    return "same" if observed["here"] == observed["there"] else "differs"
