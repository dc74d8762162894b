"""Rows for a model to predict: CSV of the user's, or what a channel holds, evenly spaced."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from harness.config import Channel, Config
from harness.errors import ConfigurationError
from harness.storage import files, is_s3, local_path

MOST = 50
"""Rows that are predicted: enough to tell two models apart, few enough to be asked for one by one."""
_LOOKED_AT = 100_000
"""Lines of a file from which rows are chosen."""
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

    @property
    def numbers(self) -> list[list[float]] | None:
        """The cells as the 64-bit floats that a training script would read; None if some are no numbers."""
        try:
            return [[float(cell) for cell in row] for row in self.cells]
        except ValueError:
            return None

    def columns(self, first: int, last: int) -> Rows:
        """Some columns alone, from the one of an index up to that before another: the model's features."""
        width = len(self.cells[0])
        if (first, last) == (0, width):
            return Rows(self.cells, self.origin)
        left_out = "the first" if first else "the last"
        cells = tuple(row[first:last] for row in self.cells)
        return Rows(cells, f"{self.origin}, without {left_out} column, which is taken for the label")


def of(config: Config, channels: Mapping[str, Channel]) -> Rows | None:
    """Rows for a job's model: those configured, else the input of its batch transform, else a channel's.

    Returns:
        None where there is none that can be read as CSV: nothing is on this machine, or nothing is CSV.

    Raises:
        ConfigurationError: the rows that are configured cannot be read.
    """
    if config.parity.rows and (is_s3(config.parity.rows) or not _read(local_path(config.parity.rows), "", False)):
        raise ConfigurationError(
            f"parity.rows: {config.parity.rows} is no CSV on this machine, with the same number of columns in each row."
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


def _read(path: Path, what: str, labelled: bool) -> Rows | None:
    try:
        found = sorted(each for each in files(path) if each.suffix.lower() in _SUFFIXES)
    except OSError:
        return None
    for file in found:
        rows = _chosen(list(_table(file)))
        if rows:
            return Rows(tuple(rows), f"{what}, {file.name}", labelled)
    return None


def _table(file: Path) -> Iterator[tuple[str, ...]]:
    """The records of a CSV file; nothing if it is none: other bytes, or rows of several lengths."""
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    try:
        with file.open(encoding="utf-8", newline="") as text:
            records = list(islice(filter(None, csv.reader(text, delimiter=delimiter)), _LOOKED_AT))
    except (OSError, UnicodeDecodeError, csv.Error):
        return
    if len({len(record) for record in records}) == 1 and len(records[0]) > 1:
        yield from map(tuple, records[1:] if _is_header(records) else records)


def _is_header(records: list[list[str]]) -> bool:
    """Whether the first record names the columns: it has no number where the second one has some."""
    return len(records) > 1 and not any(map(_is_number, records[0])) and any(map(_is_number, records[1]))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _chosen(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    count = min(MOST, len(rows))
    return [rows[index * len(rows) // count] for index in range(count)]
