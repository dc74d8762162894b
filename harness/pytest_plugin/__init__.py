"""Fixtures for the tests of a user's own scripts; pytest finds them once the package is installed.

Nothing is done before a fixture is used: the work is in the modules beside this one, which are imported then.
``pytest -p no:harness`` does without it all.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.contract import MakeContract, SageMakerContract
    from harness.pytest_plugin.s3 import Aws
    from harness.pytest_plugin.serving import DeployEndpoint, Endpoint, Prediction
    from harness.pytest_plugin.standin import SageMakerStandIn
    from harness.pytest_plugin.training import RunTrainingJob, TrainingJob
    from harness.pytest_plugin.transform import RunTransformJob, TransformJob
    from harness.pytest_plugin.workplace import Workplace

_TYPES = {
    "Aws": "s3",
    "DeployEndpoint": "serving",
    "Endpoint": "serving",
    "MakeContract": "contract",
    "Prediction": "serving",
    "RunTrainingJob": "training",
    "RunTransformJob": "transform",
    "SageMakerContract": "contract",
    "SageMakerStandIn": "standin",
    "TrainingJob": "training",
    "TransformJob": "transform",
}
"""What tests write into annotations -> the module that has it."""

__all__ = [
    "Aws",
    "DeployEndpoint",
    "Endpoint",
    "MakeContract",
    "Prediction",
    "RunTrainingJob",
    "RunTransformJob",
    "SageMakerContract",
    "SageMakerStandIn",
    "TrainingJob",
    "TransformJob",
]

TARGETS = ("local", "container", "localmode", "remote")
MARKERS = {
    "docker": "needs a Docker engine",
    "aws": "runs on AWS, if --harness-on remote allows it, or on a stand-in",
}


def __getattr__(name: str) -> Any:
    if name in _TYPES:
        return getattr(import_module(f"{__name__}.{_TYPES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--harness-on``."""
    parser.getgroup("harness", "SageMaker script mode").addoption(
        "--harness-on",
        choices=TARGETS,
        default="local",
        help="Where training_job, endpoint and transform_job run (default: local).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers that the project has not registered itself."""
    known = {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
    for name, meaning in MARKERS.items():
        if name not in known:
            config.addinivalue_line("markers", f"{name}: {meaning}")


@pytest.fixture(scope="session")
def _harness_workplace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Where jobs of this session are made, and from which configuration."""
    from harness.pytest_plugin.workplace import Workplace

    return Workplace.of(request.config, tmp_path_factory)


@pytest.fixture(
    scope="session",
    params=[
        "local",
        pytest.param("container", marks=pytest.mark.docker),
        pytest.param("localmode", marks=pytest.mark.docker),
        pytest.param("remote", marks=pytest.mark.aws),
    ],
)
def every_target(request: pytest.FixtureRequest) -> str:
    """Each target's name in turn, for ``on=``; what runs there is skipped where this machine lacks it."""
    target: str = request.param
    return target


@pytest.fixture
def sagemaker_contract(_harness_workplace: Workplace) -> MakeContract:
    """What a script would see in a training job: ``sagemaker_contract(**settings)``; nothing is run."""
    from harness.pytest_plugin.contract import MakeContract

    return MakeContract(_harness_workplace)


@pytest.fixture(scope="session")
def training_job(_harness_workplace: Workplace) -> RunTrainingJob:
    """Run the project's training job, with changes: ``training_job(**settings)``; returns when it has ended."""
    from harness.pytest_plugin.training import RunTrainingJob

    return RunTrainingJob(_harness_workplace)


@pytest.fixture(scope="session")
def transform_job(_harness_workplace: Workplace) -> RunTransformJob:
    """Predict whole files: ``transform_job(model, **settings)``; returns when it has ended."""
    from harness.pytest_plugin.transform import RunTransformJob

    return RunTransformJob(_harness_workplace)


@pytest.fixture
def endpoint(_harness_workplace: Workplace) -> Iterator[DeployEndpoint]:
    """Serve a model: ``endpoint(model, **settings)``; returns when it is in service. Deleted after the test."""
    from harness.pytest_plugin.serving import DeployEndpoint

    with DeployEndpoint(_harness_workplace) as deploy:
        yield deploy


@pytest.fixture(scope="module")
def module_endpoint(_harness_workplace: Workplace) -> Iterator[DeployEndpoint]:
    """As ``endpoint``, deleted after the module's last test."""
    from harness.pytest_plugin.serving import DeployEndpoint

    with DeployEndpoint(_harness_workplace) as deploy:
        yield deploy


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An empty S3 on loopback; the rest of AWS, this machine's credentials and its metadata cannot be reached."""
    from harness.pytest_plugin.s3 import serving

    with serving() as started:
        started.apply(monkeypatch)
        yield started


@pytest.fixture(scope="session")
def _sagemaker_standin_process(_harness_workplace: Workplace) -> Iterator[SageMakerStandIn]:
    from harness.pytest_plugin.standin import running

    with running(_harness_workplace) as started:
        yield started


@pytest.fixture
def sagemaker_standin(
    _sagemaker_standin_process: SageMakerStandIn, monkeypatch: pytest.MonkeyPatch
) -> SageMakerStandIn:
    """AWS on loopback, with a SageMaker that runs the jobs; for this test the environment leads there.

    Started once for the session: choose names of your own.
    """
    _sagemaker_standin_process.apply(monkeypatch)
    return _sagemaker_standin_process
