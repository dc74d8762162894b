"""The whole stand-in: its parts put together, started, and ended with everything that it has started."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness import service_model
from harness.engine.settings import EngineSettings
from harness.engine.store import Job
from harness.errors import ConfigurationError, MissingCapability
from harness.folders import make_own
from harness.standin import environment
from harness.standin.scratch import lock_of, scratch


@dataclass(frozen=True)
class Options:
    """How to start a stand-in."""

    port: int = 0
    state: Path | None = None
    """Folder for runs, models, endpoints and buckets that is kept; None: one that goes with the stand-in."""
    region: str = "us-east-1"
    pass_through: Sequence[str] = ()
    """Hosts besides AWS's that the proxy connects to."""
    instance_limit: int = 20
    """Instances of one type that the jobs of one kind may use at a time."""
    settings: EngineSettings = field(default_factory=EngineSettings)


@dataclass(frozen=True)
class StandIn:
    """A stand-in that answers."""

    url: str
    variables: dict[str, str]
    """For clients that take an endpoint."""
    proxy_variables: dict[str, str]
    """For clients that name AWS's hosts themselves, besides ``variables``."""
    under_way: Callable[[], list[str]]
    """Names of jobs and endpoints that would end with it now."""


@contextmanager
def running(options: Options) -> Iterator[StandIn]:
    """A stand-in, from the moment at which it answers until nothing of it is left.

    The engine finds S3 by this process's own environment, which is set for as long.

    Raises:
        MissingCapability: the extra is not installed, or there is no Docker engine for the containers.
        ConfigurationError: the port is taken, or the folder cannot be written, or holds what no stand-in has written.
    """
    _check_installed()
    if options.settings.launcher == "containers":
        from harness.images.engine import engine

        with engine():  # answers, or says what to do; an image is looked for when a job names it
            pass
    from harness.engine.nursery import Nursery
    from harness.standin import aws, buckets
    from harness.standin.authority import Authority
    from harness.standin.client import StandInClient
    from harness.standin.logs import Follower
    from harness.standin.operations import SageMaker
    from harness.standin.routing import Application
    from harness.standin.runtime import Runtime
    from harness.standin.server import HOST, ServerThread, new_server
    from harness.standin.tags import Tags

    with ExitStack() as leaving:
        temporary = leaving.enter_context(scratch())
        state = _state(options.state or temporary / "state")
        keep_buckets: Callable[[], None] | None = None
        if options.state:
            leaving.callback(os.close, _alone_in(state))
            keep_buckets = leaving.enter_context(buckets.kept(state / "s3.zip"))
        settings = _settings(options)
        nursery = None
        if threading.active_count() == 1:  # which will not be so for long
            nursery = Nursery(_prepare)
            leaving.callback(nursery.close)
        client = StandInClient(state / "runs", settings, nursery)

        def ended(job: Job) -> None:
            client.reap(job)
            if keep_buckets:  # a job that says in the folder that it is completed has its model there
                keep_buckets()

        logs = Follower(aws.CloudWatch(), ended)
        model = service_model.load(Path(settings.cache))
        operations = SageMaker(
            client,
            model,
            Tags(state / "tags.json"),
            logs,
            instance_limit=options.instance_limit,
            can_be_assumed=aws.can_be_assumed,
        )
        authority = Authority()
        application = Application(operations, Runtime(client), aws.application(), options.region)
        try:
            server = new_server(options.port, application, authority, options.pass_through)
        except OSError as error:
            raise ConfigurationError(
                f"Port {options.port} of {HOST} cannot be had: {error.strerror}. --port 0 takes a free one."
            ) from error
        url = f"http://{HOST}:{server.port}"
        bundle = temporary / "ca.pem"
        environment.write_bundle(bundle, authority.certificate, os.environ)
        found = environment.variables(url, options.region, aws.create_role(options.region))
        leaving.enter_context(_environment(found))
        leaving.callback(client.close)  # what was started while all else was being ended
        leaving.callback(ServerThread(server).close)
        leaving.callback(logs.close)
        leaving.callback(client.close)  # jobs end while there is an S3 that they may need
        yield StandIn(url, found, environment.proxy_variables(url, bundle), client.under_way)


def _prepare() -> None:
    """What supervisors of jobs would otherwise import and load, each for itself."""
    from harness.engine import hosting, processing, training, transform  # noqa: F401
    from harness.storage.session import load_libraries

    os.environ.pop("AWS_PROFILE", None)
    load_libraries()


def _check_installed() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("moto", "flask", "flask_cors", "cryptography", "boto3") if find_spec(name) is None]
    if missing:
        raise MissingCapability(
            f"The stand-in needs {', '.join(missing)}: {sys.executable} -m pip install 'sagemaker-harness[standin]'"
        )


def _state(folder: Path) -> Path:
    try:
        make_own(folder)
        make_own(folder / "runs")  # also in a folder that the user has made, and may use otherwise
    except OSError as error:
        raise ConfigurationError(f"--state {folder} cannot be written: {error.strerror}.") from error
    return folder.resolve()


def _alone_in(state: Path) -> int:
    """Two at a time would each keep its own buckets at the end, and so lose the other's."""
    try:
        return lock_of(state)
    except BlockingIOError:
        raise ConfigurationError(f"--state {state} is in use by another stand-in; end that, or name another.") from None
    except OSError as error:
        raise ConfigurationError(f"--state {state} cannot be written: {error.strerror}.") from error


def _settings(options: Options) -> EngineSettings:
    from dataclasses import replace

    from harness.standin.aws import ACCOUNT

    return replace(options.settings, region=options.region, account=ACCOUNT)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (*variables, "AWS_PROFILE")}
    os.environ.update(variables)
    os.environ.pop("AWS_PROFILE", None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
