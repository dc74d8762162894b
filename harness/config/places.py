"""The places that configuration comes from: a TOML file, ``.env``, the environment, flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.config.merge import Layer, Merge, absolute
from harness.config.schema import SETTINGS, TABLES, Config, DeployConfig, ProcessConfig
from harness.config.settings import PREFIX, Source, flag_of, from_text, nearest, variables
from harness.errors import ConfigurationError


def load(
    *,
    project_dir: Path | None = None,
    config_file: Path | None = None,
    flags_dir: Path | None = None,
    flags: Mapping[str, object],
    flags_are: str = "",
    environ: Mapping[str, str],
) -> Config:
    """Read the configuration and put its places together.

    Args:
        project_dir: the project's folder; if not given the folder of ``config_file``, else the nearest one
            upwards from here that holds a configuration, else the current one.
        config_file: ``pyproject.toml`` or a file with the same keys at its top level, ``harness.toml``.
        flags_dir: folder that relative paths in ``flags`` start from; the current one if not given.
        flags: dotted key to value, as the command line has it; None and empty collections mean «not given».
        flags_are: how errors call the place of ``flags``, if they are keys there, and no options of the command line.
        environ: the environment, ``os.environ`` as a rule.

    Raises:
        ConfigurationError: with every unknown key and wrong value at once, or for a file that cannot be read.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError("The folder that this runs in has been removed; `cd` to one that is there.") from None
    folders = [project_dir] if project_dir else [here, *here.parents]
    file, found = (config_file, _file_layer(config_file)) if config_file else _find_file(folders)
    project = (project_dir or (found.base if found else here)).absolute()
    problems: list[str] = []
    layers = [
        *([found] if found else []),
        _variables_layer(".env", _read_dotenv(project / ".env"), project, problems),
        _variables_layer("environment", environ, project, problems),
        _flags_layer(flags, flags_dir or here, flags_are),
    ]
    on = next((layer.values["on"] for layer in reversed(layers) if "on" in layer.values), None)
    if on == "remote":
        from harness.config import sdk_defaults

        layers = [*sdk_defaults.layers(environ), *layers]
    merge = Merge(TABLES)
    values = merge.table(Config, layers)
    problems += merge.problems
    if problems:
        raise ConfigurationError("\n  ".join(["The configuration is wrong:", *problems]))
    return Config(
        **_anchored(values, merge.sources, layers, project),
        project_dir=project,
        config_file=file,
        searched=folders[-1],
        sources=merge.sources,
    )


def _find_file(folders: Sequence[Path]) -> tuple[Path, Layer] | tuple[None, None]:
    """The file of the first folder that has one, and what it says."""
    for folder in folders:
        files = [file for file in (folder / "harness.toml", folder / "pyproject.toml") if file.is_file()]
        layers = [(file, layer) for file in files if (layer := _file_layer(file)).values]
        if len(layers) > 1:
            raise ConfigurationError(
                f"{folder} has both harness.toml and [tool.harness] in pyproject.toml. "
                "Keep one of them, or name the one to use."
            )
        if layers:
            return layers[0]
    return None, None


def _file_layer(file: Path) -> Layer:
    import tomllib

    try:
        document: Any = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{file} cannot be read as TOML: {error}") from error
    title = file.name
    if file.name == "pyproject.toml" or "tool" in document:
        title += " [tool.harness]"
        _refuse_a_misspelt_table(file, document)
        for table in ("tool", "harness"):
            document = document.get(table, {})
            if not isinstance(document, dict):
                raise ConfigurationError(f"{file}: {table} has to be a table, [tool.harness].")
    return Layer("file", title, document, file.absolute().parent)


def _refuse_a_misspelt_table(file: Path, document: Mapping[str, Any]) -> None:
    tools = document.get("tool")
    for name in tools if isinstance(tools, dict) else ():
        if name != "harness" and nearest(name, ["harness", "sagemaker-harness"], 0.85):
            raise ConfigurationError(f"{file}: [tool.{name}] is no table of anybody's. Did you mean [tool.harness]?")


def _read_dotenv(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    from dotenv.parser import parse_stream

    try:
        with file.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    for binding in bindings:
        if binding.error:
            raise ConfigurationError(f"{file}, line {binding.original.line}: this is not NAME=VALUE.")
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def _variables_layer(place: str, environ: Mapping[str, str], base: Path, problems: list[str]) -> Layer:
    """The settings that variables hold. An empty variable counts as not set, as is the custom.

    An unknown ``HARNESS_…`` in ``.env`` is a mistake. In the environment it is one only when it looks like
    one of ours: other programs use the prefix too (Harness CI sets ``HARNESS_BUILD_ID`` and more).
    """
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    known: list[str] = []
    for key, declared in SETTINGS.items():
        candidates = variables(key, declared)
        known += candidates[:1]
        name = next((name for name in candidates if environ.get(name)), None)
        if name:
            table, _, last = key.rpartition(".")
            (values.setdefault(table, {}) if table else values)[last] = from_text(declared, environ[name])
            names[key] = name
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            near = nearest(name, known, 0.6 if place == ".env" else 0.85)
            if near or place == ".env":
                hint = f"did you mean {near}?" if near else "`.env.example` lists them all"
                problems.append(f"{place}: {name} is not a setting; {hint}")
    return Layer(place, place, values, base, names)


def _flags_layer(flags: Mapping[str, object], base: Path, title: str) -> Layer:
    values: dict[str, Any] = {}
    for key, value in flags.items():
        if value is None or (isinstance(value, list | tuple | Mapping) and not value):
            continue
        table, _, last = key.rpartition(".")
        (values.setdefault(table, {}) if table else values)[last] = value
    names = {} if title else {key: flag_of(key, declared) for key, declared in SETTINGS.items()}
    return Layer("flag", title, values, base, names)


def _anchored(
    values: dict[str, Any], sources: Mapping[str, Source], layers: list[Layer], project: Path
) -> dict[str, Any]:
    """What one value alone cannot tell: without a source_dir an entry point is a path like any other."""
    bases = {layer.place: layer.base for layer in layers}

    def entry_point(key: str, name: str | None, source_dir: Path | None) -> str | None:
        return name if not name or source_dir else str(absolute(name, bases[sources[key].place]))

    process: ProcessConfig = values["process"]
    deploy: DeployConfig = values["deploy"]
    deploys = entry_point("deploy.entry_point", deploy.entry_point, deploy.source_dir or values["source_dir"])
    return {
        **values,
        "entry_point": entry_point("entry_point", values["entry_point"], values["source_dir"]),
        "process": replace(
            process, entry_point=entry_point("process.entry_point", process.entry_point, process.source_dir)
        ),
        "deploy": replace(deploy, entry_point=deploys),
        "runs_dir": project / values["runs_dir"],
    }
