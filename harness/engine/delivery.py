"""Where artifacts go: into the run folder, and from there to where ``OutputDataConfig`` says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from harness.engine.artifacts import ArtifactError, copy_directories, pack_directories
from harness.errors import HarnessError
from harness.storage import Storage, is_s3, local_path


def deliver(
    config: Mapping[str, Any],
    output: Path,
    job_name: str,
    *,
    models: Mapping[str, Path],
    outputs: Mapping[str, Path],
    storage: Storage,
) -> str | None:
    """Pack what the hosts left and put it where the request wants it.

    Args:
        config: ``OutputDataConfig``.
        output: the run folder's ``output``.
        job_name: decides the prefix, as on AWS: ``<S3OutputPath>/<job>/output/model.tar.gz``.
        models: host -> its ``/opt/ml/model``.
        outputs: host -> its ``/opt/ml/output/data``.
        storage: puts what is wanted in S3 there.

    Returns:
        ``ModelArtifacts.S3ModelArtifacts``: None if the hosts left no model.

    Raises:
        HarnessError: something could not be packed or written; nothing half done has a name that anybody looks for.
    """
    plain = config.get("CompressionType") == "NONE"
    store, suffix = (copy_directories, "") if plain else (pack_directories, ".tar.gz")
    with ExitStack() as undo:
        undo.callback(_remove, output)
        output.mkdir(exist_ok=True)
        kept = {}
        for name, folders in (("model", models), ("output", outputs)):
            target = output / (name + suffix)
            if store(folders, target):
                kept[name] = target
        wanted = f"{config['S3OutputPath'].rstrip('/')}/{job_name}/output"
        if is_s3(wanted):
            undo.pop_all()  # what is whole here stays, whatever becomes of its copy
            return _upload(kept, wanted, storage).get("model")
        if local_path(wanted).resolve() != output.resolve():
            for name, source in kept.items():
                kept[name] = local_path(wanted) / source.name
                undo.callback(_remove, kept[name])
                _copy(source, kept[name])
        undo.pop_all()
    return kept["model"].absolute().as_uri() if "model" in kept else None


def _upload(kept: Mapping[str, Path], wanted: str, storage: Storage) -> dict[str, str]:
    try:
        for path in kept.values():
            storage.upload(path, f"{wanted}/{path.name}")
    except HarnessError as error:
        raise ArtifactError(f"Artifact upload failed:{error}") from error
    # As on AWS, what is not packed is named as the folder that it is.
    return {name: f"{wanted}/{path.name}{'/' if path.is_dir() else ''}" for name, path in kept.items()}


def _copy(source: Path, target: Path) -> None:
    """A second name for the same bytes where the file system has that, else a copy; complete or not there at all."""
    import shutil

    beside = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, beside)
        except OSError:
            shutil.copytree(source, beside) if source.is_dir() else shutil.copyfile(source, beside)
        beside.replace(target)
    except (OSError, shutil.Error) as error:
        _remove(beside)
        reason = error.strerror or str(error)
        raise ArtifactError(f"Artifacts cannot be written to {target}: {reason}. Change output_path.") from error


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
