"""Configuration: ``[tool.harness]`` of pyproject.toml, ``.env``, environment and flags, put together.

Flags are stronger than the environment, the environment than ``.env``, ``.env`` than the file, the file
than the defaults below. Mappings (hyperparameters, channels, …) are merged entry by entry. Each setting
is declared once, here; keys are the SageMaker Python SDK's. Relative paths start from the folder of the
file that they stand in; those of ``.env`` and of variables from the project's folder; those of flags from
where the command was typed.
"""

# ruff: noqa: RUF009 - `setting` makes a dataclass field

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import ConfigurationError
from harness.settings import (
    PREFIX,
    Layer,
    Location,
    Merge,
    Source,
    absolute,
    default_of,
    from_text,
    kind,
    nearest,
    parse_value,
    setting,
    settings,
    variables,
    walk,
)

__all__ = [
    "Channel",
    "Config",
    "DeployConfig",
    "ProcessConfig",
    "ProcessingInput",
    "ProcessingOutput",
    "Row",
    "Source",
    "TransformConfig",
    "env_example",
    "explain",
    "load",
    "parse_value",
]

TARGETS = ("local", "container", "localmode", "remote")
INPUT_MODES = ("File", "FastFile", "Pipe")
S3_DATA_TYPES = ("S3Prefix", "ManifestFile", "AugmentedManifestFile")
HIDDEN = "•••"
DISTRIBUTIONS = ("FullyReplicated", "ShardedByS3Key")


@dataclass(frozen=True)
class Channel:
    """One input channel of a training job; words and values are those of the SDK's ``TrainingInput``."""

    uri: Location = setting("", "Folder, file, or s3:// URI that the channel shows.", required=True)
    content_type: str | None = setting(None, "Content type that the script is told.")
    input_mode: str | None = setting(None, "How data arrives.", choices=INPUT_MODES)
    distribution: str = setting(
        "FullyReplicated", "All data on every host, or a share.", choices=DISTRIBUTIONS
    )
    compression: str | None = setting(None, "Gzip, for Pipe input.", choices=("None", "Gzip"))
    s3_data_type: str = setting("S3Prefix", "What the URI names.", choices=S3_DATA_TYPES)
    record_wrapping: str | None = setting(None, "RecordIO, for Pipe input.", choices=("None", "RecordIO"))
    shuffle_seed: int | None = setting(None, "Seed by which the order of objects is shuffled.")
    attribute_names: tuple[str, ...] = setting((), "Attributes of an augmented manifest to read.")


@dataclass(frozen=True)
class ProcessingInput:
    """One input of a processing job; the SDK's words."""

    source: Location = setting("", "Folder, file, or s3:// URI.", required=True)
    destination: str | None = setting(
        None, "Where the script finds it; /opt/ml/processing/input/<name> if not given."
    )
    input_mode: str = setting("File", "How data arrives.", choices=("File", "Pipe"))
    distribution: str = setting(
        "FullyReplicated", "All data on every host, or a share.", choices=DISTRIBUTIONS
    )
    compression: str = setting("None", "Gzip, for Pipe input.", choices=("None", "Gzip"))
    s3_data_type: str = setting("S3Prefix", "What the URI names.", choices=("S3Prefix", "ManifestFile"))


@dataclass(frozen=True)
class ProcessingOutput:
    """One output of a processing job; the SDK's words."""

    destination: Location | None = setting(
        None, "Folder or s3:// URI; below the job's own output if not given."
    )
    source: str | None = setting(
        None, "Where the script writes; /opt/ml/processing/output/<name> if not given."
    )
    upload_mode: str = setting(
        "EndOfJob", "When it is written to its destination.", choices=("EndOfJob", "Continuous")
    )


@dataclass(frozen=True)
class ProcessConfig:
    """``[tool.harness.process]``: a processing job."""

    entry_point: str | None = setting(
        None, "Script of the processing job, relative to its source_dir if there is one."
    )
    source_dir: Path | None = setting(None, "Folder shipped with the script.")
    arguments: tuple[str, ...] = setting((), "Arguments of the script.")
    inputs: Mapping[str, ProcessingInput] = setting(dict, "Inputs: name to path or URI, or to a table.")
    outputs: Mapping[str, ProcessingOutput] = setting(dict, "Outputs: name to path or URI, or to a table.")
    environment: Mapping[str, str] = setting(dict, "Environment variables of the script.")
    base_job_name: str | None = setting(None, "Beginning of the job's name.")
    instance_type: str | None = setting(None, "Instance type; the training job's if not given.")
    instance_count: int = setting(1, "Number of hosts.", minimum=1)
    volume_size: int | None = setting(None, "Disk of each host in GB; the training job's if not given.")
    max_run: int | None = setting(None, "Seconds the job may run; the training job's if not given.")


@dataclass(frozen=True)
class TransformConfig:
    """``[tool.harness.transform]``: a batch transform job."""

    input: Location | None = setting(None, "Folder, file, or s3:// URI to predict.")
    output: Location | None = setting(None, "Folder or s3:// URI for the predictions.")
    content_type: str | None = setting(None, "Content type of a request.")
    accept: str | None = setting(None, "Content type wanted back.")
    split_type: str | None = setting(
        None, "How files are cut into records.", choices=("None", "Line", "RecordIO", "TFRecord")
    )
    strategy: str | None = setting(
        None, "One record per request, or as many as fit.", choices=("SingleRecord", "MultiRecord")
    )
    assemble_with: str | None = setting(None, "How responses become a file.", choices=("None", "Line"))
    max_payload: int | None = setting(None, "Largest request in MB.", minimum=0)
    max_concurrent_transforms: int | None = setting(None, "Requests at a time.", minimum=0)
    invocations_timeout: int | None = setting(None, "Seconds that one request may take.", minimum=1)
    invocations_max_retries: int | None = setting(
        None, "How often a failed request is tried again.", minimum=0
    )
    input_filter: str | None = setting(None, "JSONPath: the part of a record that the model gets.")
    output_filter: str | None = setting(None, "JSONPath: the part of the joined record that is kept.")
    join_source: str | None = setting(
        None, "Input: join each prediction to its record.", choices=("None", "Input")
    )
    compression: str | None = setting(None, "Gzip: input files are compressed.", choices=("None", "Gzip"))
    s3_data_type: str = setting("S3Prefix", "What the input names.", choices=("S3Prefix", "ManifestFile"))
    environment: Mapping[str, str] = setting(dict, "Environment variables of the model server.")
    instance_type: str | None = setting(None, "Instance type; the training job's if not given.")
    instance_count: int = setting(1, "Number of hosts.", minimum=1)


@dataclass(frozen=True)
class DeployConfig:
    """``[tool.harness.deploy]``: a model and its endpoint."""

    entry_point: str | None = setting(None, "Serving script; the training job's if not given.")
    source_dir: Path | None = setting(None, "Folder of the serving script; the training job's if not given.")
    endpoint_name: str | None = setting(None, "Name of the endpoint; made from base_job_name if not given.")
    instance_type: str | None = setting(None, "Instance type; the training job's if not given.")
    initial_instance_count: int = setting(1, "Number of hosts.", minimum=1)
    port: int | None = setting(None, "Port on this machine; a free one if not given.", minimum=0)
    environment: Mapping[str, str] = setting(dict, "Environment variables of the model server.")


@dataclass(frozen=True)
class Config:
    """The whole configuration, checked. ``sources`` says of each dotted key where its value came from."""

    on: str = setting("local", "Where to run.", choices=TARGETS)
    entry_point: str | None = setting(None, "Training script, relative to source_dir if there is one.")
    source_dir: Path | None = setting(None, "Folder shipped with the script; without it only the script is.")
    dependencies: tuple[Path, ...] = setting((), "Further files and folders shipped beside the script.")
    framework_version: str = setting("1.9-0", "Version of AWS's scikit-learn image.")
    image_uri: str | None = setting(None, "Image to use instead of framework_version's.")
    instance_type: str = setting("ml.m5.large", "Instance type.")
    instance_count: int = setting(1, "Number of hosts.", minimum=1)
    volume_size: int = setting(30, "Disk of each host in GB.", minimum=1)
    max_run: int = setting(86_400, "Seconds a job may run.", minimum=1)
    max_wait: int | None = setting(None, "Seconds to wait for a spot instance and the job on it.", minimum=1)
    use_spot_instances: bool = setting(False, "Train on spot instances.")
    max_retry_attempts: int | None = setting(
        None, "How often AWS starts a job again after a fault of its own."
    )
    base_job_name: str | None = setting(None, "Beginning of the names of jobs, models and endpoints.")
    job_name: str | None = setting(
        None, "Name of the next job; made from base_job_name if not given.", environment=False
    )
    hyperparameters: Mapping[str, object] = setting(
        dict, "Hyperparameters: name to value.", flag="--hyperparameter"
    )
    channels: Mapping[str, Channel] = setting(
        dict, "Channels: name to path or URI, or to a table.", flag="--channel"
    )
    environment: Mapping[str, str] = setting(dict, "Environment variables of the training script.")
    metric_definitions: tuple[object, ...] = setting(
        (), "Metrics read from the log: a list of {Name, Regex}."
    )
    output_path: Location | None = setting(
        None, "Folder or s3:// URI for artifacts; runs_dir or the default bucket."
    )
    checkpoint_s3_uri: Location | None = setting(None, "Folder or s3:// URI for checkpoints.")
    checkpoint_local_path: str | None = setting(
        None, "Where the script writes checkpoints (/opt/ml/checkpoints)."
    )
    container_log_level: int = setting(20, "Log level of the toolkit, as Python's logging has it.")
    role: str | None = setting(None, "ARN of the IAM role that jobs on AWS run as.")
    region: str | None = setting(None, "AWS region.", aliases=("AWS_REGION", "AWS_DEFAULT_REGION"))
    profile: str | None = setting(None, "Profile of the AWS credentials.", aliases=("AWS_PROFILE",))
    subnets: tuple[str, ...] = setting((), "Subnets of the VPC that jobs run in.")
    security_group_ids: tuple[str, ...] = setting((), "Security groups of the VPC that jobs run in.")
    volume_kms_key: str | None = setting(None, "KMS key for the disks of hosts.")
    output_kms_key: str | None = setting(None, "KMS key for what jobs write to S3.")
    tags: Mapping[str, str] = setting(dict, "Tags of everything that is created.", flag="--tag")
    enable_network_isolation: bool = setting(False, "Run without any network.")
    encrypt_inter_container_traffic: bool = setting(False, "Encrypt traffic between hosts.")
    python: Path | None = setting(
        None, "Interpreter of the script on this machine; the harness's own if not given."
    )
    isolation: str = setting(
        "auto", "Private, real /opt/ml for plain processes (Linux).", choices=("auto", "required", "none")
    )
    runs_dir: Path = setting("runs", "Folder of run folders.")
    stop_grace: int = setting(
        120, "Seconds between asking a job to stop and killing it; AWS's is 120.", minimum=0
    )
    pass_environment: tuple[str, ...] = setting((), "Variables of this machine that scripts may see.")
    model_server_workers: int | None = setting(
        None, "Worker processes of a model server; one per CPU.", minimum=1
    )
    model_server_timeout: int | None = setting(
        None, "Seconds that a model server gives one request.", minimum=1
    )
    process: ProcessConfig = setting(ProcessConfig, "Processing job.")
    transform: TransformConfig = setting(TransformConfig, "Batch transform job.")
    deploy: DeployConfig = setting(DeployConfig, "Model and endpoint.")
    project_dir: Path = field(default_factory=Path)
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False)


_TABLES: Mapping[str, type] = {
    schema.__name__: schema
    for schema in (Channel, ProcessingInput, ProcessingOutput, ProcessConfig, TransformConfig, DeployConfig)
}


def load(
    *,
    project_dir: Path | None = None,
    config_file: Path | None = None,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
) -> Config:
    """Read the configuration and put its places together.

    Args:
        project_dir: the project's folder; if not given the folder of ``config_file``, else the nearest one
            upwards from here that holds a ``pyproject.toml`` or ``harness.toml``.
        config_file: ``pyproject.toml`` or a file with the same keys at its top level.
        flags: dotted key to value, as the command line has it; None and empty collections mean «not given».
        environ: the environment, ``os.environ`` as a rule.

    Raises:
        ConfigurationError: with every unknown key and wrong value at once, or for a file that cannot be read.
    """
    file = config_file if config_file is not None else _find_file(project_dir)
    here = Path.cwd()
    project = (project_dir or (file.parent if file else here)).absolute()
    layers = [_file_layer(file)] if file is not None else []
    dotenv = project / ".env"
    problems: list[str] = []
    for place, values in (
        (".env", _read_dotenv(dotenv) if dotenv.is_file() else {}),
        ("environment", environ),
    ):
        layers.append(_variables_layer(place, values, project, problems))
    layers.append(_flags_layer(flags, here))
    merge = Merge(layers, _TABLES)
    values = merge.table(Config, layers)
    problems = [*problems, *merge.problems]
    if problems:
        raise ConfigurationError(
            "The configuration is wrong:\n" + "\n".join(f"  {problem}" for problem in problems)
        )
    return Config(
        **_anchored(values, merge.sources, layers, project), project_dir=project, sources=merge.sources
    )


def _find_file(project_dir: Path | None) -> Path | None:
    folders = [project_dir] if project_dir else [Path.cwd(), *Path.cwd().parents]
    for folder in folders:
        own, shared = folder / "harness.toml", folder / "pyproject.toml"
        if own.is_file() and shared.is_file() and "harness" in _toml(shared).get("tool", {}):
            raise ConfigurationError(
                f"{folder} has both harness.toml and [tool.harness] in pyproject.toml; "
                "keep one of them, or name it with --config."
            )
        for file in (own, shared):
            if file.is_file():
                return file
    return None


def _toml(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read as TOML: {error}") from error


def _file_layer(file: Path) -> Layer:
    document = _toml(file)
    if file.name == "pyproject.toml" or "tool" in document:
        return Layer(
            "file",
            f"{file.name} [tool.harness]",
            document.get("tool", {}).get("harness", {}),
            file.parent.absolute(),
        )
    return Layer("file", file.name, document, file.parent.absolute())


def _read_dotenv(file: Path) -> dict[str, str]:
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
    for key, declared in walk(Config, _TABLES):
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


def _flags_layer(flags: Mapping[str, object], base: Path) -> Layer:
    values: dict[str, Any] = {}
    for key, value in flags.items():
        if value is None or (isinstance(value, list | tuple | Mapping) and not value):
            continue
        table, _, last = key.rpartition(".")
        (values.setdefault(table, {}) if table else values)[last] = value
    names = {
        key: declared.metadata["flag"] or "--" + key.rpartition(".")[2].replace("_", "-")
        for key, declared in walk(Config, _TABLES)
    }
    return Layer("flag", "", values, base, names)


def _anchored(
    values: dict[str, Any], sources: Mapping[str, Source], layers: list[Layer], project: Path
) -> dict[str, Any]:
    """What one value alone cannot tell: without a source_dir an entry point is a path like any other."""
    bases = {layer.place: layer.base for layer in layers}
    anchored = dict(values)
    if values["entry_point"] and values["source_dir"] is None:
        anchored["entry_point"] = str(absolute(values["entry_point"], bases[sources["entry_point"].place]))
    if sources["runs_dir"].place == "default":
        anchored["runs_dir"] = project / values["runs_dir"]
    return anchored


class Row(NamedTuple):
    """One value as `explain` shows it."""

    key: str
    value: object
    """As JSON has it; None where nothing is set."""
    source: Source


def explain(config: Config) -> Iterator[Row]:
    """Every value with its source, mappings entry by entry.

    A variable of a job's environment whose name speaks of a secret is shown without its value.
    """
    for key, declared in walk(Config, _TABLES):
        value: Any = config
        for part in key.split("."):
            value = getattr(value, part)
        if not kind(declared).startswith("Mapping["):
            yield Row(key, _plain(value), config.sources[key])
            continue
        for name, entry in value.items():
            hidden = key.endswith("environment") and _looks_secret(name)
            yield Row(f"{key}.{name}", HIDDEN if hidden else _plain(entry), config.sources[f"{key}.{name}"])


def _looks_secret(name: str) -> bool:
    name = name.upper()
    return "SECRET" in name or name.endswith(("TOKEN", "PASSWORD", "KEY"))


def _plain(value: object) -> object:
    """A value as JSON has it; a channel is its URI, or a table with what differs from the default."""
    if type(value).__name__ in _TABLES:
        first, *_ = declared = settings(type(value))
        said = {name: _plain(getattr(value, name)) for name in declared}
        unlike = {n: v for n, v in said.items() if n == first or v != _plain(default_of(declared[n]))}
        return unlike if len(unlike) > 1 else unlike[first]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def env_example() -> str:
    """The text of ``.env.example``: every setting that a variable can give, as a comment with its default."""
    lines = [
        "# Copy to .env and set what differs for you or this machine. .env is not for git.",
        "# Stronger: the environment, then flags. Weaker: [tool.harness] in pyproject.toml.",
        "# Lists and tables are JSON. Relative paths start from this folder.",
    ]
    for key, declared in walk(Config, _TABLES):
        name, *aliases = variables(key, declared) or ("",)
        if not name:
            continue
        choices = declared.metadata["choices"]
        help = declared.metadata["help"] + (f" One of: {', '.join(choices)}." if choices else "")
        if aliases:
            help += f" Else {' or '.join(aliases)} is read."
        lines += ["", f"# {help}", f"#{name}={_as_text(default_of(declared))}"]
    return "\n".join(lines) + "\n"


def _as_text(value: object) -> str:
    import json

    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)
