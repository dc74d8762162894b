"""SageMaker's own defaults files, the SDK's ``config.yaml``: an administrator's and the user's.

Read for jobs on AWS alone, and weaker than everything that is the project's own. Places, keys and their order are the
SageMaker Python SDK's (2.257.7, read). A harness has one role and one network for all kinds of jobs; they are those of
the section ``TrainingJob``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.config.merge import Layer
from harness.errors import ConfigurationError

_FILE = "config.yaml"
_KEYS = {
    "role": "SageMaker.TrainingJob.RoleArn",
    "subnets": "SageMaker.TrainingJob.VpcConfig.Subnets",
    "security_group_ids": "SageMaker.TrainingJob.VpcConfig.SecurityGroupIds",
    "output_kms_key": "SageMaker.TrainingJob.OutputDataConfig.KmsKeyId",
    "volume_kms_key": "SageMaker.TrainingJob.ResourceConfig.VolumeKmsKeyId",
    "enable_network_isolation": "SageMaker.TrainingJob.EnableNetworkIsolation",
    "encrypt_inter_container_traffic": "SageMaker.TrainingJob.EnableInterContainerTrafficEncryption",
    "tags": "SageMaker.TrainingJob.Tags",
    "default_bucket": "SageMaker.PythonSDK.Modules.Session.DefaultS3Bucket",
    "default_bucket_prefix": "SageMaker.PythonSDK.Modules.Session.DefaultS3ObjectKeyPrefix",
}
"""Setting -> where the file has it."""


def layers(environ: Mapping[str, str]) -> Iterator[Layer]:
    """What the files that exist say, the administrator's first, which is the weaker one.

    Raises:
        ConfigurationError: a file cannot be read, or one that a variable names is not there.
    """
    for variable, folder in (
        ("SAGEMAKER_ADMIN_CONFIG_OVERRIDE", _admin_folder(environ)),
        ("SAGEMAKER_USER_CONFIG_OVERRIDE", _user_folder(environ)),
    ):
        named = environ.get(variable)
        if named and named.startswith("s3://"):
            raise ConfigurationError(f"{variable}: {named} is not read from S3; copy it here and name the copy.")
        path = Path(named).expanduser() if named else folder / _FILE
        path = path / _FILE if path.is_dir() else path
        if path.is_file():
            yield _layer(path)
        elif named:
            raise ConfigurationError(f"{variable}: {named} is not there.")


def _layer(path: Path) -> Layer:
    document = _read(path)
    values: dict[str, Any] = {}
    for key, where in _KEYS.items():
        found: Any = document
        for part in where.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if found is not None:
            values[key] = _tags(path, found) if key == "tags" else found
    return Layer("defaults", str(path), values, path.parent, _KEYS)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        import yaml
    except ImportError:
        raise ConfigurationError(
            f"{path} holds defaults for jobs on AWS, but PyYAML is not installed to read it: "
            "pip install 'sagemaker-harness[remote]'"
        ) from None
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise ConfigurationError(f"{path}: SchemaVersion and SageMaker are expected at the top.")
    return document


def _tags(path: Path, tags: object) -> dict[str, object]:
    try:
        return {str(each["Key"]): each["Value"] for each in tags}  # type: ignore[attr-defined]
    except (TypeError, KeyError):
        raise ConfigurationError(f"{path}: {_KEYS['tags']}: a list of Key and Value is expected.") from None


def _admin_folder(environ: Mapping[str, str]) -> Path:
    if sys.platform == "darwin":
        return Path("/Library/Application Support/sagemaker")
    return Path((environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")[0], "sagemaker")


def _user_folder(environ: Mapping[str, str]) -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/sagemaker"
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "sagemaker")
