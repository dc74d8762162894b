"""The verbs of ``boto3.client("sagemaker")``, answered by the SDK's local mode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.engine.client import EngineClient
from harness.engine.settings import EngineSettings
from harness.engine.store import Document
from harness.errors import RefusedError
from harness.targets.localmode import machine, refusals

_RUNNERS = "harness.targets.localmode"


class LocalModeClient(EngineClient):
    """As ``EngineClient``: the same checks, folders and descriptions. Further checks come first, and others run it."""

    def __init__(self, root: Path, settings: EngineSettings) -> None:
        """Nothing is touched before the first verb.

        Args:
            root: folder of run folders.
            settings: what this machine contributes; who runs jobs, and in what, is not theirs to say.
        """
        engine = replace(settings, launcher="containers", runners=_RUNNERS, instance_limits=False)
        super().__init__(root, engine, for_command=True)
        self._root = root

    def check_training_job(self, request: Document) -> None:
        """See ``EngineClient``.

        Raises:
            RefusedError: local mode cannot honour the request.
        """
        self._check_form(request, refusals.training)
        super().check_training_job(request)

    def create_processing_job(self, **request: Any) -> Document:
        """See ``check_training_job``."""
        self._check_form(request, refusals.processing)
        return super().create_processing_job(**request)

    def create_model(self, **request: Any) -> Document:
        """See ``EngineClient``."""
        _refuse(refusals.model(request))
        return super().create_model(**request)

    def create_transform_job(self, **request: Any) -> Document:
        """See ``check_training_job``."""
        is_v2 = machine.installed_sdk().is_v2
        self._check_form(request, lambda asked: refusals.transform(asked, is_v2=is_v2))
        return super().create_transform_job(**request)

    def create_endpoint(self, **request: Any) -> Document:
        """See ``check_training_job``."""
        self._check_form(request, lambda asked: iter(()))
        return super().create_endpoint(**request)

    def _check_form(self, request: Document, refuse: Callable[[Document], Iterator[str]]) -> None:
        try:
            refused = [*refuse(request), *refusals.paths(self._root.absolute())]
        except (KeyError, TypeError, AttributeError):
            refused = []  # it is not of AWS's form, which is said next, with every detail
        _refuse(refused)

    def _check_machine(self, operation: str, request: Document, image: str) -> None:
        machine.check_tools(machine.installed_sdk())
        super()._check_machine(operation, request, image)


def _refuse(problems: Iterable[str]) -> None:
    found = list(problems)
    if found:
        raise RefusedError(found[0] if len(found) == 1 else "\n  ".join(["localmode cannot run this:", *found]))
