"""What a model is asked: rows of CSV, the user's or a channel's, evenly spaced; or bodies, sent as they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from harness.config import Channel, Config
from harness.errors import ConfigurationError
from harness.storage import files, is_s3, local_path

MOST = 50
"""Rows that are predicted: enough to tell two models apart, few enough to be asked for one by one."""
_LOOKED_AT = 100_000
"""Lines of a file from which rows are chosen."""
_T = TypeVar("_T")
_JSON = (".json", ".jsonl")
_SUFFIXES = (".csv", ".tsv", ".txt", ".data", "")
_CHANNELS = ("test", "validation", "valid", "eval", "train", "training")
"""Channels by how well their rows serve: those that the model has not been trained on come first."""


@dataclass(frozen=True)
class Rows:
    """What a model is to predict, as CSV has it, without a header."""

    cells: tuple[tuple[str, ...], ...]
    origin: str
    """Where they are from, for people: ``channel test, data/test/iris.csv``."""
    labelled: bool = False
    """Whether one column may be the label, which the model is not to be given."""
    names: tuple[str, ...] = ()
    """The columns', if the file has them."""

    @property
    def numbers(self) -> list[list[float]] | None:
        """The cells as the 64-bit floats that a training script would read; None if some are no numbers."""
        try:
            return [[float(cell) for cell in row] for row in self.cells]
        except ValueError:
            return None

    def columns(self, kept: Sequence[int]) -> Rows:
        """Some columns alone, by their indexes, in this order: the model's features."""
        every = range(len(self.cells[0]))
        if list(kept) == list(every):
            return Rows(self.cells, self.origin)
        cells = tuple(tuple(row[index] for index in kept) for row in self.cells)
        told = f", without {self._called(left)}" if (left := [each for each in every if each not in kept]) else ""
        return Rows(cells, f"{self.origin}{told or ', in the order of the features'}")

    def _called(self, columns: list[int]) -> str:
        if self.names:
            names = ", ".join(self.names[index] for index in columns)
            return f"{names}: no feature of the model" if len(columns) == 1 else f"{names}: no features of the model"
        return f"the {'last' if columns[0] else 'first'} column, which is taken for the label"


@dataclass(frozen=True)
class Bodies:
    """Bodies of requests, for a model that takes no CSV: to be sent as they are, and read by nobody here."""

    contents: tuple[bytes, ...]
    content_type: str


def of(config: Config, channels: Mapping[str, Channel]) -> Rows | Bodies | None:
    """What a job's model is asked: what is configured, else the input of its batch transform, else a channel's rows.

    Returns:
        None where there is nothing that can be read as CSV: nothing is on this machine, or nothing is CSV.

    Raises:
        ConfigurationError: what is configured cannot be read.
    """
    if bodies := _bodies(config):
        return bodies
    if config.parity.rows and (is_s3(config.parity.rows) or not _read(local_path(config.parity.rows), "", False)):
        raise ConfigurationError(
            f"parity.rows: {config.parity.rows} is no CSV on this machine, or its rows differ in length.\n"
            "JSON is known by .json or .jsonl (a body in each line); bodies of another type need parity.content_type."
        )
    for key, uri in (("rows", config.parity.rows), ("transform.input", config.transform.input)):
        if uri and not is_s3(uri) and (found := _read(local_path(uri), key, False)):
            return found
    order = sorted(channels, key=lambda name: (_CHANNELS.index(name) if name in _CHANNELS else len(_CHANNELS), name))
    for name in order:
        uri = channels[name].uri
        if not is_s3(uri) and (found := _read(local_path(uri), f"channel {name}", True)):
            return found
    return None


def _bodies(config: Config) -> Bodies | None:
    """A file of bodies, if one is configured: with a content type, or JSON by the name's ending."""
    uri, content_type = config.parity.rows, config.parity.content_type
    if uri is None:
        if content_type is not None:
            raise ConfigurationError("parity.content_type says what parity.rows holds, and there are no parity.rows.")
        return None
    if content_type is None and not uri.lower().endswith(_JSON):
        return None
    if is_s3(uri):
        raise ConfigurationError(f"parity.rows: {uri} is not on this machine. Copy it here, and name the copy.")
    file = local_path(uri)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"parity.rows: {file} cannot be read: {error.strerror}.") from error
    found = [line for line in content.splitlines() if line.strip()] if file.suffix.lower() == ".jsonl" else [content]
    if not any(map(bytes.strip, found)):
        raise ConfigurationError(f"parity.rows: {file} is empty.")
    if content_type is None:
        for number, body in enumerate(found, 1):
            _check_json(body, f"{file}, body {number}" if len(found) > 1 else str(file))
    return Bodies(tuple(_chosen(found)), content_type or "application/json")


def _check_json(body: bytes, what: str) -> None:
    try:
        json.loads(body)
    except ValueError as error:
        raise ConfigurationError(f"parity.rows: {what} is no JSON: {error}.") from error


def _read(path: Path, what: str, labelled: bool) -> Rows | None:
    try:
        found = sorted(each for each in files(path) if each.suffix.lower() in _SUFFIXES)
    except OSError:
        return None
    for file in found:
        records = _table(file)
        names = records.pop(0) if _is_header(records) else ()
        if records:
            return Rows(tuple(_chosen(records)), f"{what}, {file.name}", labelled, names)
    return None


def _table(file: Path) -> list[tuple[str, ...]]:
    """The records of a CSV file, a header too; none if it is no CSV: other bytes, or rows of several lengths."""
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            records = [*map(tuple, islice(filter(None, csv.reader(text, delimiter=delimiter)), _LOOKED_AT))]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
    return records if len({len(record) for record in records}) == 1 and len(records[0]) > 1 else []


def _is_header(records: Sequence[Sequence[str]]) -> bool:
    """Whether the first record names the columns: it has no number where the second one has some."""
    return len(records) > 1 and not any(map(_is_number, records[0])) and any(map(_is_number, records[1]))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _chosen(rows: list[_T]) -> list[_T]:
    count = min(MOST, len(rows))
    return [rows[index * len(rows) // count] for index in range(count)]
