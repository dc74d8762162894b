"""``harness standin``."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import click

from harness.cli.options import configure, settings
from harness.config import Config
from harness.engine.processes import Isolation
from harness.engine.settings import EngineSettings
from harness.errors import UsageError
from harness.requests import LOCAL_REGION


@click.command(
    "standin",
    epilog="Example: harness standin -- python notebook.py",
    context_settings={"allow_interspersed_args": False},
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; 0 takes a free one.")
@click.option("--executor", type=click.Choice(["local", "container"]), default="local", help="What runs the jobs.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Folder that keeps jobs and buckets.")
@click.option("--ready-file", type=click.Path(path_type=Path), help="File that gets the address when it answers.")
@click.option("--pass-through", multiple=True, metavar="HOST", help="Host besides AWS's that the proxy connects to.")
@click.option("--instance-limit", type=click.IntRange(1), default=20, help="Instances of a type that may run at once.")
@settings(("region", "python", "isolation", "stop_grace"))
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.option("--config", "config_file", type=click.Path(dir_okay=False, path_type=Path), help="See `harness train`.")
@click.option("--json", "as_json", is_flag=True, help="The environment as one JSON document on stdout.")
def command(
    port: int,
    executor: str,
    state: Path | None,
    ready_file: Path | None,
    pass_through: tuple[str, ...],
    instance_limit: int,
    words: tuple[str, ...],
    config_file: Path | None,
    as_json: bool,
    **flags: Any,
) -> int:
    """AWS on loopback: S3, STS, IAM, Logs and ECR by moto, SageMaker by the engine that runs local jobs.

    Without COMMAND it prints the environment to export and serves until Ctrl-C. With COMMAND it runs that with the
    environment set, proxy included, and ends with its exit code. Nothing that was started is left afterwards.
    """
    if words and as_json:
        raise UsageError("--json prints the environment; with COMMAND there is nothing to print.")
    from harness.standin.environment import to_shell
    from harness.standin.standin import Options, running

    config = configure(config_file, flags)
    options = Options(
        port=port,
        state=state,
        pass_through=pass_through,
        instance_limit=instance_limit,
        settings=_engine_settings(config, executor),
        region=config.region or LOCAL_REGION,
    )
    with running(options) as standin:
        if ready_file is not None:
            _write_beside_and_rename(ready_file, standin.url)
        both = {**standin.variables, **standin.proxy_variables}
        if not words:
            with _signals() as signalled:
                click.echo(json.dumps(both, indent=2) if as_json else to_shell(standin.variables))
                sys.stdout.flush()
                said = f"The stand-in answers at {standin.url}. Ctrl-C ends it, and every job and endpoint."
                click.echo(said, err=True)
                os.read(signalled, 1)
            return 0
        code, left = _run(words, {**os.environ, **both}), standin.under_way()
    if left:  # the command cannot know that what would go on at AWS does not here
        click.echo(
            f"The stand-in has ended with its command, and with it {', '.join(left)}. "
            "One without a command, `harness standin`, keeps what it runs until Ctrl-C.",
            err=True,
        )
    return code


def _engine_settings(config: Config, executor: str) -> EngineSettings:
    return EngineSettings(
        launcher="containers" if executor == "container" else "processes",
        instance_limits=config.instance_limits,
        isolation=cast(Isolation, config.isolation),
        python=str(config.python) if config.python else None,
        stop_grace=config.stop_grace,
        pass_environment=config.pass_environment,
        cache=str(config.cache),
    )


def _run(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end. Ctrl-C reaches it by itself, from the terminal; a SIGTERM is passed on."""
    import subprocess

    try:
        process = subprocess.Popen(words, env=environment)
    except OSError as error:
        raise UsageError(f"{words[0]} cannot be run: {error.strerror}.") from error
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda number, frame: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda number, frame: process.terminate()),
    }
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


@contextmanager
def _signals() -> Iterator[int]:
    """A file descriptor that becomes readable with the first signal that asks this process to end."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda number, frame: None) for number in numbers}
    try:
        yield woken
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        for end in (woken, wake):
            os.close(end)


def _write_beside_and_rename(file: Path, text: str) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(text + "\n", "utf-8")
        beside.replace(file)
    except OSError as error:
        raise UsageError(f"--ready-file {file} cannot be written: {error.strerror}.") from error
