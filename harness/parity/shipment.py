"""What travels with a job: its data, less where a sample is asked for, and the probe in the place of its script."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from harness import source
from harness.config import Channel, Config
from harness.contract.entry import entry_kind
from harness.contract.terms import EntryKind
from harness.errors import ConfigurationError
from harness.parity import probe
from harness.parity.expected import Shipped
from harness.source import SourceFile, SourceManifest
from harness.storage import files, is_s3, local_path

_BESIDE = "harness_probe.py"
"""The probe's name where the entry point is a shell script, which starts it."""
_START = '#!/bin/sh\nexec python3 "$(dirname "$0")/{name}" "$@"\n'


def manifest(config: Config) -> SourceManifest:
    """The code that travels with a training job.

    Raises:
        ConfigurationError: there is no script, or see ``source.manifest``.
    """
    if not config.entry_point:
        raise ConfigurationError(
            f"There is no script to run: {config.where_to_set('entry_point')}, or give --entry-point."
        )
    return source.manifest(
        config.source_dir,
        entry_point=config.entry_point,
        dependencies=config.dependencies,
        allow_secrets=config.allow_secrets,
    )


def serving(config: Config, trained: SourceManifest | None = None) -> SourceManifest:
    """The code that travels with a model; that of the training job unless ``deploy`` says otherwise. Errors alike.

    Args:
        config: the job.
        trained: the code of the training job, if it is known.
    """
    deploy = config.deploy
    if trained is not None and deploy.entry_point is None and deploy.source_dir is None:
        return trained
    return manifest(
        replace(
            config,
            entry_point=deploy.entry_point or config.entry_point,
            source_dir=deploy.source_dir or config.source_dir,
            dependencies=config.dependencies if deploy.source_dir is None else (),
        )
    )


def with_probe(listed: SourceManifest, place: Path) -> SourceManifest:
    """The same code, but the entry point is the probe: everything else about the job stays what it is.

    Args:
        listed: the job's own code.
        place: an empty folder for files that stand in for others.
    """
    program = posixpath.normpath(listed.entry_point)
    text = Path(probe.__file__).read_text("utf-8")
    kind = entry_kind(program, any(file.name == "setup.py" for file in listed.files))
    stand_ins = {program: text}
    if kind is EntryKind.SHELL:
        stand_ins = {
            program: _START.format(name=_BESIDE),
            posixpath.join(posixpath.dirname(program), _BESIDE): text,
        }
    kept = [file for file in listed.files if file.name not in stand_ins]
    made = [_written(place / str(number), *each) for number, each in enumerate(stand_ins.items())]
    return SourceManifest(program, tuple(sorted([*kept, *made], key=lambda file: file.name)))


def _written(path: Path, name: str, text: str) -> SourceFile:
    path.write_text(text, "utf-8")
    return SourceFile(name, path, path.stat().st_size, 0o755)


def shipped(config: Config, code: SourceManifest) -> Shipped:
    """What of it a script finds below ``/opt/ml``."""
    channels: dict[str, Mapping[str, int] | None] = {}
    for name, channel in config.channels.items():
        whole = channel.s3_data_type == "S3Prefix" and channel.distribution == "FullyReplicated"
        known = whole and not is_s3(channel.uri) and channel.input_mode != "Pipe"
        channels[name] = dict(_files(local_path(channel.uri))) if known else None
    if config.enable_network_isolation:
        channels["code"] = None
    return Shipped({file.name: file.size for file in code.files}, channels)


def _files(path: Path) -> Iterator[tuple[str, int]]:
    root = path if path.is_dir() else path.parent
    for file in files(path):
        yield file.relative_to(root).as_posix(), file.stat().st_size


def sampled(config: Config, place: Path, count: int) -> Config:
    """The configuration with a part of each channel's data.

    Of a text file of records (CSV, JSON Lines, …) so many records are taken, evenly spaced, since data is often
    ordered by its label, and the first one, which may be a header. Of other files so many are taken. Channels in S3,
    and those that are no plain folder or file, stay as they are.

    Args:
        config: the job.
        place: an empty folder for the samples.
        count: how many records of each file, and how many files of each channel.
    """
    channels = {}
    for name, channel in config.channels.items():
        plain = channel.s3_data_type == "S3Prefix" and not is_s3(channel.uri)
        channels[name] = _sampled(channel, place / name, count) if plain else channel
    return replace(config, channels=channels)


_T = TypeVar("_T")
_RECORDS = (".csv", ".tsv", ".txt", ".jsonl", ".libsvm", ".svm")


def _sampled(channel: Channel, folder: Path, count: int) -> Channel:
    import shutil

    path = local_path(channel.uri)
    root = path if path.is_dir() else path.parent
    found = sorted(files(path))
    records = [file for file in found if file.suffix.lower() in _RECORDS]
    others = [file for file in found if file not in records]
    for file in (*records, *_evenly(others, count)):
        target = folder / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file in records:
            target.write_bytes(b"".join(_evenly(list(_records(file)), count + 1)))
        else:
            shutil.copyfile(file, target)
    target = folder if path.is_dir() else folder / path.name
    return replace(channel, uri=target.absolute().as_uri())


def _records(file: Path) -> Iterator[bytes]:
    """The records of a text file; a quoted cell may hold a line's end."""
    record = b""
    with file.open("rb") as lines:
        for line in lines:
            record += line
            if record.count(b'"') % 2 == 0:
                yield record
                record = b""
    if record:
        yield record


def _evenly(items: list[_T], count: int) -> list[_T]:
    """So many of the items, the first one among them, evenly spaced."""
    if len(items) <= count:
        return items
    return [items[index * len(items) // count] for index in range(count)]
