"""The job's code on this machine: copied once when the job is made, as AWS keeps what was uploaded with the request."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import source
from harness.contract.hyperparameters import decode
from harness.errors import ConfigurationError, HarnessError
from harness.storage import Storage, is_s3, local_path

CHANNEL_CODE = "/opt/ml/input/data/code"


def names_entry_point(request: Mapping[str, Any]) -> bool:
    """Whether a ``CreateTrainingJob`` request says itself what its container runs, as SDK v3's do."""
    return bool(request["AlgorithmSpecification"].get("ContainerEntrypoint"))


def program(request: Mapping[str, Any]) -> str:
    """The entry point that a training request names.

    Raises:
        ConfigurationError: it names none.
    """
    named = request.get("Environment", {}).get("SAGEMAKER_PROGRAM") or decode(request.get("HyperParameters", {})).get(
        "sagemaker_program"
    )
    if not isinstance(named, str):
        raise ConfigurationError(
            "The request names no entry point. Script mode needs the hyperparameter sagemaker_program (a JSON string: "
            '"\\"train.py\\""), or entry_point in the configuration.'
        )
    return named


def stage(request: Mapping[str, Any], target: Path, storage: Storage | None = None) -> None:
    """Lay out a training request's code under ``target``, as unpacking ``sourcedir.tar.gz`` would.

    Without ``storage`` only if it is on this machine, where it may change; what is in S3 can wait until the job runs.

    Raises:
        ConfigurationError: the code or the entry point is not there, lies outside, or cannot be read.
    """
    if names_entry_point(request):  # its code is data, in a channel
        target.mkdir(exist_ok=True)
        return
    uri, entry_point = location(request), program(request)
    if storage is not None or not is_s3(uri):
        stage_from(uri, entry_point, target, storage or Storage())


def location(request: Mapping[str, Any]) -> str:
    """URI of a training request's code.

    Raises:
        ConfigurationError: it names none.
    """
    where = decode(request.get("HyperParameters", {})).get("sagemaker_submit_directory")
    if where is None:
        raise ConfigurationError(
            "The request names no code. Script mode needs the hyperparameter sagemaker_submit_directory (a JSON string "
            "that holds a URI), or source_dir in the configuration."
        )
    return _channel_uri(request, str(where))


def originals(request: Mapping[str, Any]) -> Iterator[Path]:
    """The folder or the file of this machine that holds a training request's code."""
    if not names_entry_point(request) and location(request).startswith("file:"):
        yield local_path(location(request))


def stage_from(
    uri: str, entry_point: str, target: Path, storage: Storage, *, allow_secrets: Sequence[str] = ()
) -> None:
    """Lay out the folder, the one file, or the ``.tar.gz`` that a URI names.

    Raises:
        ConfigurationError: see ``stage``.
    """
    try:
        path = storage.local_object(uri) if is_archive(uri) else storage.local(uri)
    except HarnessError as error:
        raise HarnessError(f"Code download failed:{error}") from error
    try:
        _lay_out(path, entry_point, target, allow_secrets)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        when = "When there is room on the disk" if full else "If somebody has changed it meanwhile"
        raise ConfigurationError(
            f"The code could not be copied from {path}: {error.strerror} ({error.filename}). {when}, run the job again."
        ) from error


def _lay_out(path: Path, entry_point: str, target: Path, allowed: Sequence[str]) -> None:
    if path.is_file() and is_archive(path.name):
        from harness.engine.artifacts import unpack_archive

        unpack_archive(path, target)
        if not (target / entry_point).is_file():
            raise ConfigurationError(f"The entry point {entry_point} is not in {path}.")
    elif path.is_file() or (path.name == entry_point and not path.exists()):  # a script without a source_dir
        source.stage(source.manifest(None, entry_point=str(path), allow_secrets=allowed), target)
    else:
        source.stage(source.manifest(path, entry_point=entry_point, allow_secrets=allowed), target)


def is_archive(name: str) -> bool:
    """Whether a file or a URI is a packed source, by its name."""
    return name.endswith((".tar.gz", ".tgz"))


def _channel_uri(request: Mapping[str, Any], submit_directory: str) -> str:
    """With network isolation the code arrives as a channel, and the submit directory names the channel's folder."""
    if not submit_directory.startswith(CHANNEL_CODE):
        return submit_directory
    for channel in request.get("InputDataConfig", ()):
        if channel["ChannelName"] == "code":
            uri: str = channel["DataSource"]["S3DataSource"]["S3Uri"]
            return uri
    raise ConfigurationError(
        f"sagemaker_submit_directory is {submit_directory}, but the request has no channel 'code'."
    )
