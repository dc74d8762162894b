"""Options that verbs share. A setting's option, type and help follow from its declaration in ``config/schema.py``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.config import Config, load, parse_value
from harness.config.schema import SETTINGS
from harness.config.settings import default_of, flag_of, kind
from harness.errors import UsageError

_F = TypeVar("_F", bound=Callable[..., Any])

_METAVARS = {"int": "N", "float": "NUMBER", "Path": "PATH", "Location": "URI", "str": "TEXT"}
_TYPES: Mapping[str, type] = {"int": int, "float": float}

PROCESSING = (
    "process.entry_point",
    "process.source_dir",
    "process.inputs",
    "process.outputs",
    "process.arguments",
    "process.environment",
    "process.instance_type",
    "process.instance_count",
    "process.max_run",
    "job_name",
    "enable_network_isolation",
    "role",
    "region",
    "python",
    "isolation",
    "instance_limits",
)
"""Settings of a processing job that have an option."""

SERVING = (
    "deploy.entry_point",
    "deploy.source_dir",
    "framework_version",
    "model_server_workers",
    "model_server_timeout",
    "enable_network_isolation",
    "role",
    "region",
    "python",
    "isolation",
    "instance_limits",
)
"""Settings of a model's container that have an option."""

DEPLOYING = (
    "deploy.endpoint_name",
    "deploy.port",
    "deploy.instance_type",
    "deploy.initial_instance_count",
    "deploy.environment",
)
"""Settings of an endpoint that have an option."""

TRANSFORM = (
    "transform.input",
    "transform.output",
    "transform.content_type",
    "transform.accept",
    "transform.split_type",
    "transform.strategy",
    "transform.assemble_with",
    "transform.max_payload",
    "transform.max_concurrent_transforms",
    "transform.invocations_timeout",
    "transform.invocations_max_retries",
    "transform.input_filter",
    "transform.output_filter",
    "transform.join_source",
    "transform.compression",
    "transform.s3_data_type",
    "transform.environment",
    "transform.instance_type",
    "job_name",
)
"""Settings of a batch transform job that have an option."""

TRAINING = (
    "entry_point",
    "source_dir",
    "channels",
    "hyperparameters",
    "instance_type",
    "instance_count",
    "job_name",
    "environment",
    "max_run",
    "framework_version",
    "image_uri",
    "output_path",
    "enable_network_isolation",
    "role",
    "region",
    "profile",
    "python",
    "isolation",
    "instance_limits",
)
"""Settings of a training job that have an option."""

SEEN = (
    "entry_point",
    "source_dir",
    "channels",
    "hyperparameters",
    "instance_type",
    "instance_count",
    "job_name",
    "environment",
    "framework_version",
    "image_uri",
    "region",
)
"""Those of them that the script can see something of."""

COMPARED = (
    "entry_point",
    "source_dir",
    "channels",
    "hyperparameters",
    "environment",
    "framework_version",
    "image_uri",
    "instance_type",
    "instance_count",
    "max_run",
    "enable_network_isolation",
)
"""Those of them that make it another job to compare, and are in its passport."""

OF_THIS_MACHINE = frozenset(("on", "region", "profile", "python", "isolation", "instance_limits"))
"""Settings that are no part of any request."""


def settings(keys: Iterable[str]) -> Callable[[_F], _F]:
    """An option for each setting; the command gets them as keyword arguments, to be passed to ``configure``."""

    def decorate(function: _F) -> _F:
        for key in reversed(list(keys)):
            function = _option(key)(function)
        return function

    return decorate


config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with [tool.harness]; the nearest pyproject.toml if not given.",
)


def common(function: _F) -> _F:
    """``--on``, ``--config`` and ``--json``."""
    as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
    return _option("on")(config_option(as_json(function)))


def configure(config_file: Path | None, flags: Mapping[str, Any]) -> Config:
    """The configuration with these options on top.

    Raises:
        UsageError: an option of the form NAME=VALUE has no ``=`` or no name.
        ConfigurationError: see ``config.load``.
    """
    if config_file is not None and not config_file.is_file():
        raise UsageError(f"--config {config_file}: there is no such file.")
    return load(
        config_file=config_file,
        flags={key.replace("__", "."): _value(key.replace("__", "."), value) for key, value in flags.items()},
        environ=os.environ,
    )


def flags_given(config: Config) -> dict[str, str]:
    """Settings that were given on the command line, each with its option."""
    entries = [key for key, source in config.sources.items() if source.place == "flag"]
    keys = [key for key in SETTINGS if any(each == key or each.startswith(f"{key}.") for each in entries)]
    return {key: flag_of(key, SETTINGS[key]) for key in keys}


def typed_again(config: Config, flags: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """Options as they were given, to be typed again; without the values of the configuration's credentials.

    Args:
        config: what they have made of it.
        flags: what the command was called with.
        keys: settings whose options are wanted.
    """
    from harness.credentials import looks_secret, without_secrets

    typed: list[str] = []
    for key in keys:
        given, flag = flags.get(key.replace(".", "__")), flag_of(key, SETTINGS[key])
        if isinstance(given, tuple):
            for item in given:
                name = item.partition("=")[0]
                typed += (flag, f"{name}=…" if looks_secret(name) else item)
        elif isinstance(given, bool):
            typed.append(flag if given else flag.replace("--", "--no-", 1))
        elif given is not None:
            typed += (flag, str(given))
    named = {"hyperparameters": config.hyperparameters, "environment": config.environment}
    return list(without_secrets(typed, named))


def _option(key: str) -> Callable[[_F], _F]:
    declared = SETTINGS[key]
    options: dict[str, Any] = {"help": declared.metadata["help"]}
    if kind(declared).startswith("Mapping["):
        plain = kind(declared) in {"Mapping[str, str]", "Mapping[str, object]"}
        options |= {"multiple": True, "metavar": "NAME=VALUE" if plain else "NAME=URI"}
    elif kind(declared).startswith("tuple["):
        options |= {"multiple": True, "metavar": "TEXT"}
    elif kind(declared) == "bool":
        options |= {"is_flag": True, "default": None}
    elif declared.metadata["choices"]:
        options |= {"type": click.Choice(declared.metadata["choices"])}
    else:
        options |= {"type": _TYPES.get(kind(declared), str), "metavar": _METAVARS[kind(declared)]}
    flag = flag_of(key, declared)
    if default_of(declared) is True:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    return click.option(flag, key.replace(".", "__"), **options)


def pairs(flag: str, items: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` items as a mapping.

    Raises:
        UsageError: an item has no ``=``, or nothing before it, or a name is given twice.
    """
    split = [item.partition("=") for item in items]
    for name, equals, text in split:
        if not name:
            raise UsageError(f"{flag} ={text}: the name is missing; NAME=VALUE is expected.")
        if not equals:
            raise UsageError(f"{flag} {name}: NAME=VALUE is expected, such as {flag} {name}=…")
    named = {name: text for name, _, text in split}
    if len(named) < len(split):
        twice = next(name for name in named if [other for other, _, _ in split].count(name) > 1)
        raise UsageError(f"{flag} {twice}=… is given more than once; only one can count.")
    return named


def _value(key: str, value: Any) -> Any:
    declared = SETTINGS[key]
    if not kind(declared).startswith("Mapping["):
        return value
    named = pairs(flag_of(key, declared), value)
    return {name: parse_value(text) for name, text in named.items()} if key == "hyperparameters" else named
