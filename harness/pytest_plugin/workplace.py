"""Where the jobs of a test session are made: configured by the project, kept out of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness import jobs, submission
from harness.config import Config, load
from harness.config.schema import SETTINGS
from harness.errors import Interrupted, MissingCapability
from harness.storage import is_s3
from harness.submission import Submission
from harness.targets import Document, Target, open_target


class Listener(jobs.Silent):
    """Keeps what a job prints, and prints it, so that pytest shows it where a test fails."""

    def __init__(self) -> None:
        self.accepted = False
        self._log = bytearray()

    @property
    def log(self) -> str:
        """All of it."""
        return self._log.decode("utf-8", "replace")

    def submitted(self, kind: str, name: str) -> None:
        """From here on what goes wrong is not for want of anything on this machine."""
        self.accepted = True

    def output(self, data: bytes) -> None:
        """Whole lines."""
        self._log += data
        encoding = sys.stdout.encoding or "utf-8"  # with pytest -s a terminal's, which may lack a character
        sys.stdout.write(data.decode("utf-8", "replace").encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()  # live, with pytest -s


@dataclass(frozen=True)
class Workplace:
    """What all factories share."""

    project: Path
    """pytest's rootdir: its ``[tool.harness]`` counts, and relative paths start there."""
    cache: Path
    """What is worth keeping between sessions: environments of a ``requirements.txt``, AWS's service model."""
    new_folder: Callable[[str], Path]
    """A temporary folder of its own, named after something."""
    on: str = "local"
    """``--harness-on``."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    """Not shown: it may hold credentials, and pytest shows arguments where a test fails."""

    @classmethod
    def of(cls, config: pytest.Config, temporary: pytest.TempPathFactory) -> Workplace:
        """The session's."""
        kept = getattr(config, "cache", None)  # gone with -p no:cacheprovider
        cache = kept.mkdir("harness") if kept is not None else temporary.mktemp("harness-cache")
        return cls(config.rootpath, Path(cache), temporary.mktemp, config.getoption("--harness-on"))

    def configure(self, folder: Path, settings: Mapping[str, Any], tables: Sequence[str] = ()) -> Config:
        """The project's configuration with these settings on top, for a job that leaves everything in ``folder``.

        Args:
            folder: takes run folders, and what the project would have written into folders of its own.
            settings: as keyword arguments have them; of the first table that knows the key, else of ``[tool.harness]``.
                A channel that is None is left out.
            tables: ``deploy``, ``transform``.

        Raises:
            ConfigurationError: see ``config.load``.
        """
        flags = {_key(name, tables): _plain(value) for name, value in settings.items()}
        channels = flags.get("channels") or {}
        if isinstance(channels, Mapping):
            flags["channels"] = {name: value for name, value in channels.items() if value is not None}
        config = load(
            project_dir=self.project,
            flags_dir=self.project,
            flags_are="arguments of the fixture",
            flags={"on": self.on, **{key: value for key, value in flags.items() if value is not None}},
            environ=self.environ,
        )

        def kept_out(key: str, uri: str | None, instead: Path | None) -> str | None:
            given = config.sources[key].place == "flag" if key in config.sources else False
            if uri is None or is_s3(uri) or given:
                return uri
            return instead.as_uri() if instead else None

        output, checkpoints = config.output_path, config.checkpoint_s3_uri
        predictions = kept_out("transform.output", config.transform.output, None)
        return replace(
            config,
            project_dir=self.cache,
            runs_dir=folder / "runs",
            channels={name: value for name, value in config.channels.items() if channels.get(name, "") is not None},
            output_path=kept_out("output_path", output, None),
            checkpoint_s3_uri=kept_out("checkpoint_s3_uri", checkpoints, folder / "checkpoints"),
            transform=replace(config.transform, output=predictions or (folder / "predictions").as_uri()),
        )

    def open(self, config: Config) -> Place:
        """The configured target, open.

        Skips the test, with the reason, where this machine lacks it. ``local`` is never lacking: what it misses has to
        be installed.

        Raises:
            HarnessError: as ``targets.open_target``.
        """
        __tracebackhide__ = True
        if config.on == "remote" and self.on != "remote" and not _leads_here(self.environ):
            pytest.skip("jobs on AWS are paid for: --harness-on remote allows them; sagemaker_standin does without AWS")
        try:
            return Place(config, open_target(config))
        except MissingCapability as error:
            _skip(config, error)
            raise


@dataclass(frozen=True)
class Place:
    """A target that is open, and who listens to what runs there."""

    config: Config
    target: Target
    listener: Listener = field(default_factory=Listener)

    def submit(self, made: Submission) -> Document:
        """See ``submission.submit``; skips the test, with the reason, where this machine lacks what it needs."""
        __tracebackhide__ = True
        try:
            return submission.submit(made, self.config, self.target, self.listener)
        except MissingCapability as error:
            if not self.listener.accepted:
                _skip(self.config, error)
            raise
        except Interrupted as error:
            raise KeyboardInterrupt(error.message) from error

    def close(self) -> None:
        """Release what the target holds."""
        self.target.close()


def _skip(config: Config, error: MissingCapability) -> None:
    __tracebackhide__ = True
    if config.on != "local":
        pytest.skip(f"{config.on}: {error.message}")


def _leads_here(environ: Mapping[str, str]) -> bool:
    """Whether SageMaker is somebody's on this machine: the stand-in."""
    from urllib.parse import urlsplit

    url = environ.get("AWS_ENDPOINT_URL_SAGEMAKER") or environ.get("AWS_ENDPOINT_URL", "")
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _key(name: str, tables: Sequence[str]) -> str:
    return next((f"{table}.{name}" for table in tables if f"{table}.{name}" in SETTINGS), name)


def _plain(value: Any) -> Any:
    """Paths as configuration has them: text."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
