"""What lint knows of a job: its request, and what follows from it for the script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from harness.config import Config
from harness.contract.environment import Contract, ContractError, Dialect, JobConfig, Machine, script_contract
from harness.contract.hyperparameters import decode, to_argv, to_driver_argv, user_hyperparameters
from harness.contract.opt_ml import (
    OptMl,
    hyperparameters_document,
    input_data_config_document,
    resource_config_document,
)
from harness.engine.environment import framework_version, image_environment, toolkit_version
from harness.images import IMAGES
from harness.requests import create_training_job

_JOB_NAME = "lint"
_BUNDLE = "s3://bucket/source/sourcedir.tar.gz"
"""The form of ``sagemaker_submit_directory`` on AWS. Its value is of no matter; that it is no path is."""
_DRIVER_CHANNELS = ("code", "sm_drivers")
_OF_ANY_LINUX = ("bin", "boot", "dev", "etc", "lib", "lib64", "opt", "proc", "run", "sbin", "sys", "usr", "var")
_SHARED = frozenset(map(Path, ("/", "/home", "/media", "/mnt", "/root", "/srv", "/tmp")))  # noqa: S108 - names alone


@dataclass(frozen=True, eq=False, repr=False)
class Job:
    """A training job, and how it is going to be served, as far as it is known before either."""

    entry_point: str
    """As the job names it."""
    values: Mapping[str, object]
    """Hyperparameters as the user writes them."""
    request: Mapping[str, Any]
    """``CreateTrainingJob``."""
    dialect: Dialect = Dialect.TOOLKIT
    toolkit_version: str = "4.8.0"
    has_setup_py: bool = False
    has_source_dir: bool = True
    """Whether more than the script itself is shipped."""
    serving: str | None = None
    """The script that would serve the model, by its name in the source; None where none of it is going to."""
    private_opt_ml: bool = True
    """Whether the target gives a process an ``/opt/ml`` of its own."""
    passed: tuple[str, ...] = ()
    """Variables of this machine that its own targets hand in, and AWS does not."""
    project: tuple[str, ...] = ()
    """Folders of this machine that are the project's, and certainly none of the image's."""
    environments: Path | None = None
    """Folder of the environments that were made on this machine for requirements."""

    @cached_property
    def hyperparameters(self) -> dict[str, object]:
        """What reaches the script, by name, decoded as the container decodes it."""
        decoded = decode(self._raw)
        return decoded if self.dialect is Dialect.V3 else user_hyperparameters(decoded)

    @cached_property
    def withheld(self) -> dict[str, object]:
        """The user's hyperparameters that do not reach the script."""
        return {name: value for name, value in self.values.items() if name not in self.hyperparameters}

    @cached_property
    def arguments(self) -> dict[str, list[str]]:
        """The two items of ``sys.argv`` that each hyperparameter becomes, in the order in which they come."""
        v3 = self.dialect is Dialect.V3
        names = list(self.hyperparameters) if v3 else sorted(self.hyperparameters)
        return {name: (to_driver_argv if v3 else to_argv)({name: self.hyperparameters[name]}) for name in names}

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """Channels that the user has named."""
        return tuple(name for name in self._channels if name not in _DRIVER_CHANNELS)

    @cached_property
    def modes(self) -> dict[str, str]:
        """Input mode of each channel."""
        default = self.request["AlgorithmSpecification"].get("TrainingInputMode", "File")
        named = {each["ChannelName"]: each.get("InputMode") for each in self.request.get("InputDataConfig", ())}
        return {name: named.get(name) or default for name in self._channels}

    @property
    def environment(self) -> Mapping[str, str]:
        """``Environment`` of the request."""
        found: Mapping[str, str] = self.request.get("Environment", {})
        return found

    @property
    def network_isolation(self) -> bool:
        """Whether the job runs without any network."""
        return bool(self.request.get("EnableNetworkIsolation"))

    @property
    def version(self) -> str | None:
        """Framework version of AWS's image; None for an image of somebody else's, of which nothing is known."""
        return framework_version(self.request["AlgorithmSpecification"]["TrainingImage"])

    @cached_property
    def site_packages(self) -> tuple[str, ...]:
        """Where packages are installed on this machine, for this Python or for requirements of earlier jobs."""
        import sys

        made = self.environments.glob("*/lib/python*/site-packages") if self.environments else ()
        return (*sys.path, *map(str, made))

    @property
    def python(self) -> tuple[int, int] | None:
        """The image's Python; None where it is not known."""
        text = IMAGES[self.version].python if self.version else None
        major, _, minor = (text or "").partition(".")
        return (int(major), int(minor)) if text else None

    @property
    def tree(self) -> OptMl:
        """``/opt/ml`` as the script sees it."""
        return OptMl()

    @property
    def code(self) -> str:
        """Where the source lies, and the script's working directory."""
        return self.tree.driver_code if self.dialect is Dialect.V3 else self.tree.code

    @property
    def kept(self) -> tuple[str, ...]:
        """Folders whose files are kept when the job has ended."""
        return (self.tree.model, self.tree.output_data, *([self.checkpoints] if self.checkpoints else []))

    @property
    def checkpoints(self) -> str | None:
        """Where checkpoints are written; None for a job that keeps none."""
        config = self.request.get("CheckpointConfig")
        return config.get("LocalPath") or self.tree.checkpoints if config else None

    @cached_property
    def variables(self) -> dict[str, str]:
        """Every variable that the image, the platform, the request and the toolkit set; empty if the job cannot run."""
        return self._contract.environment if isinstance(self._contract, Contract) else {}

    @cached_property
    def refusal(self) -> ContractError | None:
        """Why the toolkit fails before the script starts; None if it does not."""
        return self._contract if isinstance(self._contract, ContractError) else None

    @cached_property
    def _contract(self) -> Contract | ContractError:
        image = self.request["AlgorithmSpecification"]["TrainingImage"]
        try:
            return script_contract(
                JobConfig(self._raw, self._channels, resource_config_document(self.request, 0)),
                environment={
                    **image_environment(image),
                    **self.environment,
                    "TRAINING_JOB_NAME": _JOB_NAME,
                    "TRAINING_JOB_ARN": f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{_JOB_NAME}",
                },
                machine=Machine(num_cpus=1),
                dialect=self.dialect,
                toolkit_version=self.toolkit_version,
                has_setup_py=self.has_setup_py,
                entry_script=self.entry_point,
            )
        except ContractError as error:
            return error

    @cached_property
    def _raw(self) -> dict[str, Any]:
        """``hyperparameters.json``. SDK v3 sends text as it is typed, where v2 sends it as JSON."""
        if self.dialect is Dialect.TOOLKIT:
            sent = hyperparameters_document(self.request)
            bundle = sent.get("sagemaker_submit_directory", "")
            return {**sent, "sagemaker_submit_directory": bundle if "/opt/ml" in bundle else f'"{_BUNDLE}"'}
        import json

        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in self.values.items()}

    @cached_property
    def _channels(self) -> dict[str, dict[str, str]]:
        channels = input_data_config_document(self.request)
        if self.dialect is Dialect.V3:
            channels |= {name: {"TrainingInputMode": "File"} for name in _DRIVER_CHANNELS}
        return channels


def training_job(
    config: Config,
    *,
    dialect: Dialect = Dialect.TOOLKIT,
    toolkit: str | None = None,
    has_setup_py: bool = False,
) -> Job:
    """The job that a configuration makes.

    Args:
        config: the configuration. Nothing of it is looked up on AWS: neither role nor region is needed.
        dialect: who computes ``SM_*``.
        toolkit: version of ``sagemaker-training``; that of the image if not given.
        has_setup_py: a ``setup.py`` lies at the root of the source.

    Raises:
        ConfigurationError: the configuration makes no request.
    """
    request = create_training_job(replace(config, on="local"), job_name=_JOB_NAME)
    name = str(config.entry_point)
    entry_point = PurePosixPath(name).as_posix() if config.source_dir else Path(name).name
    server = config.deploy.entry_point
    same_source = config.deploy.source_dir in (None, config.source_dir)
    return Job(
        entry_point=entry_point,
        values=dict(config.hyperparameters),
        request=request,
        dialect=dialect,
        toolkit_version=toolkit or toolkit_version(request["AlgorithmSpecification"]["TrainingImage"]),
        has_setup_py=has_setup_py,
        has_source_dir=config.source_dir is not None,
        serving=(PurePosixPath(server).as_posix() if server else entry_point) if same_source else None,
        private_opt_ml=_private_opt_ml(config),
        passed=config.pass_environment,
        project=_project(config),
        environments=config.cache / "environments",
    )


def _private_opt_ml(config: Config) -> bool:
    import sys

    return config.on != "local" or (config.isolation != "none" and sys.platform == "linux")


def _project(config: Config) -> tuple[str, ...]:
    """The folders of the configuration and of the source, and the repository that each is in."""
    named = [config.project_dir, *([config.source_dir] if config.source_dir else [])]
    folders = dict.fromkeys(path for each in named for path in (each.absolute(), each.resolve()))
    found = []
    for folder in folders:
        repository = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
        found += [each for each in (repository, folder) if not _may_be_in_an_image(each)]
    return tuple(dict.fromkeys(each.as_posix() for each in found))


def _may_be_in_an_image(folder: Path) -> bool:
    return folder in _SHARED or folder.parts[1:2] in {(name,) for name in _OF_ANY_LINUX}
