"""Every setting, declared once: key, type, default and meaning. Keys are the SageMaker Python SDK's.

The classes go without ``__repr__``, which would show the secrets of an ``environment`` to any log, and
without ``__eq__``, which nobody needs and every start would pay for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, dataclass_transform

from harness.config.settings import Location, Source, setting, walk

TARGETS = ("local", "container", "localmode", "remote")
INPUT_MODES = ("File", "FastFile", "Pipe")
S3_DATA_TYPES = ("S3Prefix", "ManifestFile", "AugmentedManifestFile")
DISTRIBUTIONS = ("FullyReplicated", "ShardedByS3Key")
_Table = TypeVar("_Table")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def table(schema: type[_Table]) -> type[_Table]:
    """A dataclass that mypy holds to be frozen: Python's own guard would be half of what the schema costs a start."""
    return dataclass(eq=False, repr=False)(schema)


@table
class Channel:
    """One input channel of a training job; words and values are those of the SDK's ``TrainingInput``."""

    uri: Location = setting("", "Folder, file, or s3:// URI that the channel shows.", required=True)
    content_type: str | None = setting(None, "Content type that the script is told.")
    input_mode: str | None = setting(None, "How data arrives.", choices=INPUT_MODES)
    distribution: str = setting("FullyReplicated", "All data on every host, or a share.", choices=DISTRIBUTIONS)
    compression: str | None = setting(None, "Gzip, for Pipe input.", choices=("None", "Gzip"))
    s3_data_type: str = setting("S3Prefix", "What the URI names.", choices=S3_DATA_TYPES)
    record_wrapping: str | None = setting(None, "RecordIO, for Pipe input.", choices=("None", "RecordIO"))
    shuffle_seed: int | None = setting(None, "Seed by which the order of objects is shuffled.")
    attribute_names: tuple[str, ...] = setting((), "Attributes of an augmented manifest to read.")


@table
class MetricDefinition:
    """A metric that is read from the log; the words are those of AWS's request and of the SDK."""

    Name: str = setting("", "Name of the metric.", required=True)
    Regex: str = setting("", "Regular expression whose first group is the value.", required=True)


@table
class ProcessingInput:
    """One input of a processing job; the SDK's words."""

    source: Location = setting("", "Folder, file, or s3:// URI.", required=True)
    destination: str | None = setting(None, "Where the script finds it; /opt/ml/processing/input/<name> if not given.")
    input_mode: str = setting("File", "How data arrives.", choices=("File", "Pipe"))
    distribution: str = setting("FullyReplicated", "All data on every host, or a share.", choices=DISTRIBUTIONS)
    compression: str = setting("None", "Gzip, for Pipe input.", choices=("None", "Gzip"))
    s3_data_type: str = setting("S3Prefix", "What the URI names.", choices=("S3Prefix", "ManifestFile"))


@table
class ProcessingOutput:
    """One output of a processing job; the SDK's words."""

    destination: Location | None = setting(None, "Folder or s3:// URI; below the job's own output if not given.")
    source: str | None = setting(None, "Where the script writes; /opt/ml/processing/output/<name> if not given.")
    upload_mode: str = setting("EndOfJob", "When it is written to its destination.", choices=("EndOfJob", "Continuous"))


@table
class ProcessConfig:
    """``[tool.harness.process]``: a processing job."""

    entry_point: str | None = setting(None, "Script of the processing job, relative to its source_dir if there is one.")
    source_dir: Path | None = setting(None, "Folder shipped with the script.")
    arguments: tuple[str, ...] = setting((), "Arguments of the script.", flag="--argument")
    inputs: Mapping[str, ProcessingInput] = setting(
        dict, "Inputs, in /opt/ml/processing/input/NAME: name to path or URI, or to a table.", flag="--input"
    )
    outputs: Mapping[str, ProcessingOutput] = setting(
        dict, "Outputs, from /opt/ml/processing/output/NAME: name to path or URI, or to a table.", flag="--output"
    )
    environment: Mapping[str, str] = setting(dict, "Environment variables of the script.")
    base_job_name: str | None = setting(None, "Beginning of the job's name.")
    instance_type: str | None = setting(None, "Instance type; the training job's if not given.")
    instance_count: int = setting(1, "Number of hosts.", minimum=1)
    volume_size: int | None = setting(None, "Disk of each host in GB; the training job's if not given.")
    max_run: int | None = setting(None, "Seconds the job may run; the training job's if not given.")


@table
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
    invocations_max_retries: int | None = setting(None, "How often a failed request is tried again.", minimum=0)
    input_filter: str | None = setting(None, "JSONPath: the part of a record that the model gets.")
    output_filter: str | None = setting(None, "JSONPath: the part of the joined record that is kept.")
    join_source: str | None = setting(None, "Input: join each prediction to its record.", choices=("None", "Input"))
    compression: str | None = setting(None, "Gzip: input files are compressed.", choices=("None", "Gzip"))
    s3_data_type: str = setting("S3Prefix", "What the input names.", choices=("S3Prefix", "ManifestFile"))
    environment: Mapping[str, str] = setting(dict, "Environment variables of the model server.")
    instance_type: str | None = setting(None, "Instance type; the training job's if not given.")
    instance_count: int = setting(1, "Number of hosts.", minimum=1)


@table
class DeployConfig:
    """``[tool.harness.deploy]``: a model and its endpoint."""

    entry_point: str | None = setting(None, "Serving script; the training job's if not given.")
    source_dir: Path | None = setting(None, "Folder of the serving script; the training job's if not given.")
    endpoint_name: str | None = setting(None, "Name of the endpoint; made from base_job_name if not given.")
    instance_type: str | None = setting(None, "Instance type; the training job's if not given.")
    initial_instance_count: int = setting(1, "Number of hosts.", minimum=1)
    port: int | None = setting(None, "Port on this machine; a free one if not given.", minimum=0, maximum=65_535)
    environment: Mapping[str, str] = setting(dict, "Environment variables of the model server.")


@table
class Accepted:
    """One entry of ``accept``: differences that are all right. Patterns are the shell's: ``*``, ``?``, ``[ab]``."""

    aspect: str = setting("", "Which comparison: environment, metrics and so on.", required=True)
    reason: str = setting("", "Why it is all right.", required=True)
    where: str = setting("*", "Pattern of the places: a variable's name, a file, a metric.")
    target: str = setting("*", "Pattern of the targets.")


@table
class ParityConfig:
    """``[tool.harness.parity]``: the same job on several targets, compared."""

    on: tuple[str, ...] = setting((), "Targets to compare; all that this machine can run if not given.")
    sample: int | None = setting(
        None, "Rows of each text file, or files of each channel, to train on (not of S3).", minimum=1
    )
    rows: Location | None = setting(
        None,
        "CSV of what the model is to predict, or bodies to send: a .json, or a .jsonl of one in each line; a channel's "
        "CSV if not given.",
    )
    content_type: str | None = setting(None, "What rows are bodies of, if they are neither CSV nor JSON.")
    deadline: int = setting(600, "Seconds that each run of the script may take.", minimum=1)
    tolerance: float = setting(1e-6, "How far numbers may be apart, relative to their size.", minimum=0)
    accept: tuple[Accepted, ...] = setting((), "Differences that are all right: a list of {aspect, where, reason}.")


@table
class Config:
    """The whole configuration, checked. ``sources`` says of each dotted key where its value came from."""

    on: str = setting("local", "Where to run.", choices=TARGETS)
    entry_point: str | None = setting(None, "Training script, relative to source_dir if there is one.")
    source_dir: Path | None = setting(None, "Folder shipped with the script; without it only the script is.")
    dependencies: tuple[Path, ...] = setting((), "Further files and folders shipped beside the script.")
    allow_secrets: tuple[str, ...] = setting((), "Names in the source of files that may hold credentials.")
    framework_version: str = setting("1.9-0", "Version of AWS's scikit-learn image.")
    image_uri: str | None = setting(None, "Image to use instead of framework_version's.")
    instance_type: str = setting("ml.m5.large", "Instance type.")
    instance_count: int = setting(1, "Number of hosts.", minimum=1)
    volume_size: int = setting(30, "Disk of each host in GB.", minimum=1)
    max_run: int = setting(86_400, "Seconds a job may run.", minimum=1)
    max_wait: int | None = setting(None, "Seconds to wait for a spot instance and the job on it.", minimum=1)
    use_spot_instances: bool = setting(False, "Train on spot instances.")
    max_retry_attempts: int | None = setting(None, "How often AWS starts a job again after a fault of its own.")
    base_job_name: str | None = setting(None, "Beginning of the names of jobs, models and endpoints.")
    job_name: str | None = setting(
        None, "Name of the next job; made from base_job_name if not given.", environment=False
    )
    hyperparameters: Mapping[str, object] = setting(dict, "Hyperparameters: name to value.", flag="--hyperparameter")
    channels: Mapping[str, Channel] = setting(dict, "Channels: name to path or URI, or to a table.", flag="--channel")
    environment: Mapping[str, str] = setting(dict, "Environment variables of the training script.")
    metric_definitions: tuple[MetricDefinition, ...] = setting(
        (), "Metrics read from the log: a list of {Name, Regex}."
    )
    output_path: Location | None = setting(None, "Folder or s3:// URI for artifacts; runs_dir or the default bucket.")
    checkpoint_s3_uri: Location | None = setting(None, "Folder or s3:// URI for checkpoints.")
    checkpoint_local_path: str | None = setting(None, "Where the script writes checkpoints (/opt/ml/checkpoints).")
    container_log_level: int = setting(20, "Log level of the toolkit, as Python's logging has it.")
    role: str | None = setting(None, "ARN of the IAM role that jobs on AWS run as.")
    region: str | None = setting(None, "AWS region.", aliases=("AWS_REGION", "AWS_DEFAULT_REGION"))
    profile: str | None = setting(None, "Profile of the AWS credentials.", aliases=("AWS_PROFILE",))
    default_bucket: str | None = setting(None, "Bucket for uploads and results; sagemaker-<region>-<account>.")
    default_bucket_prefix: str | None = setting(None, "Beginning of the keys of uploads and results.")
    subnets: tuple[str, ...] = setting((), "Subnets of the VPC that jobs run in.")
    security_group_ids: tuple[str, ...] = setting((), "Security groups of the VPC that jobs run in.")
    volume_kms_key: str | None = setting(None, "KMS key for the disks of hosts.")
    output_kms_key: str | None = setting(None, "KMS key for what jobs write to S3.")
    tags: Mapping[str, str] = setting(dict, "Tags of everything that is created.", flag="--tag")
    enable_network_isolation: bool = setting(False, "Run without any network.")
    encrypt_inter_container_traffic: bool = setting(False, "Encrypt traffic between hosts.")
    python: Path | None = setting(
        None, "Path of the script's interpreter on this machine; the harness's own if not given."
    )
    isolation: str = setting(
        "auto", "Private, real /opt/ml for plain processes (Linux).", choices=("auto", "required", "none")
    )
    instance_limits: bool = setting(True, "Give containers the CPUs and memory of their instance type, and no more.")
    runs_dir: Path = setting("runs", "Folder of run folders.")
    stop_grace: int = setting(120, "Seconds between asking a job to stop and killing it; AWS's is 120.", minimum=0)
    pass_environment: tuple[str, ...] = setting(
        (),
        "Variables of this machine that scripts may see; a container gets AWS credentials as they are now.",
    )
    model_server_workers: int | None = setting(None, "Worker processes of a model server; one per CPU.", minimum=1)
    model_server_timeout: int | None = setting(None, "Seconds that a model server gives one request.", minimum=1)
    process: ProcessConfig = setting(ProcessConfig, "Processing job.")
    transform: TransformConfig = setting(TransformConfig, "Batch transform job.")
    deploy: DeployConfig = setting(DeployConfig, "Model and endpoint.")
    parity: ParityConfig = setting(ParityConfig, "Comparison of targets.")
    project_dir: Path = field(default_factory=Path)
    config_file: Path | None = None
    """The file that was read; None: none of those that were looked for, from ``project_dir`` up to ``searched``."""
    searched: Path = field(default_factory=Path)
    sources: Mapping[str, Source] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        """Folder of what is worth keeping between jobs; ``harness clean`` removes it."""
        return self.project_dir / ".harness" / "cache"

    @property
    def code(self) -> tuple[Path, ...]:
        """Files and folders of this machine that the code of jobs and endpoints is taken from."""
        scripts = [(each.entry_point, each.source_dir) for each in (self, self.process, self.deploy)]
        return (*(folder or Path(script or "") for script, folder in scripts if folder or script), *self.dependencies)

    def where_to_set(self, key: str) -> str:
        """« set KEY in TABLE of FILE», for an error that misses a setting."""
        file = self.config_file
        prefix = "tool.harness." if file is None or file.name == "pyproject.toml" else ""
        table, _, name = f"{prefix}{key}".rpartition(".")
        none = f"pyproject.toml (none that has it was found from {self.project_dir} up to {self.searched})"
        return f"set {name} in {f'[{table}] of ' if table else ''}{file or none}"


TABLES: Mapping[str, type] = {
    schema.__name__: schema
    for schema in (
        Channel,
        MetricDefinition,
        ProcessingInput,
        ProcessingOutput,
        ProcessConfig,
        TransformConfig,
        DeployConfig,
        Accepted,
        ParityConfig,
    )
}
"""The dataclasses that stand for tables, by the name that annotations use."""

SETTINGS = dict(walk(Config, TABLES))
"""Every setting by its dotted key, those of tables included."""
