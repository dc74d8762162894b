"""Feature engineering: split the iris data into a train and a test channel.

Both channels are CSV as SageMaker's built-in algorithms like it: no header, the label first. By hand:

    python entry/preprocess.py --output-dir data

and as a processing job:

    --input-dir /opt/ml/processing/input \\
        --train-dir /opt/ml/processing/train --test-dir /opt/ml/processing/test
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

FILE_NAME = "iris.csv"


def main(argv: Sequence[str] | None = None) -> None:
    """Read, split and write, as the command line says."""
    arguments = parse_arguments(argv)
    rows = read_folder(arguments.input_dir) if arguments.input_dir else sample_rows()
    train, test = split(rows, test_size=arguments.test_size, seed=arguments.seed)
    # Train comes last: once it is there, so is test.
    for name, part, folder in (("test", test, arguments.test_dir), ("train", train, arguments.train_dir)):
        path = write_rows(part, folder)
        print(f"{name}: {len(part)} rows in {path}")


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; ``train_dir`` and ``test_dir`` are filled in from ``--output-dir``."""
    parser = argparse.ArgumentParser(description="Split the iris data into a train and a test channel.")
    parser.add_argument("--input-dir", type=Path, help="CSV files to split; default: scikit-learn's iris")
    parser.add_argument("--output-dir", type=Path, help="gets the folders train and test")
    parser.add_argument("--train-dir", type=Path, help="default: OUTPUT_DIR/train")
    parser.add_argument("--test-dir", type=Path, help="default: OUTPUT_DIR/test")
    parser.add_argument("--test-size", type=float, default=0.2, help="share of rows; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the shuffle; default: %(default)s")
    arguments = parser.parse_args(argv)
    if arguments.output_dir is None and None in (arguments.train_dir, arguments.test_dir):
        parser.error("say where to write: --output-dir, or both --train-dir and --test-dir")
    if not 0 < arguments.test_size < 1:
        parser.error("--test-size is a share of the rows: more than 0, less than 1")
    arguments.train_dir = arguments.train_dir or arguments.output_dir / "train"
    arguments.test_dir = arguments.test_dir or arguments.output_dir / "test"
    return arguments


def sample_rows() -> Any:
    """The iris data that comes with scikit-learn: (150, 5) floats, the label (0, 1, 2) first."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    return np.column_stack([iris.target, iris.data])


def read_folder(folder: Path) -> Any:
    """Every ``*.csv`` directly in *folder*, in the order of their names: (rows, 1 + features) floats.

    Raises:
        ValueError: there is no such file, or one that is not label-first CSV of numbers.
    """
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise ValueError(f"{folder} has no *.csv file. --input-dir is a folder of label-first CSV, no header.")
    parts = []
    for path in paths:
        try:
            parts.append(np.loadtxt(str(path), delimiter=",", ndmin=2))
        except ValueError as error:
            raise ValueError(f"{path} is not label-first CSV of numbers without a header: {error}") from error
    if len({part.shape[1] for part in parts}) > 1:
        widths = ", ".join(f"{path.name}: {part.shape[1]}" for path, part in zip(paths, parts))
        raise ValueError(f"The files in {folder} differ in their number of columns ({widths}).")
    return np.concatenate(parts)


def split(rows: Any, *, test_size: float, seed: int) -> Any:
    """Shuffle and divide *rows* so that both parts have the labels in the same proportions: train, test."""
    from sklearn.model_selection import train_test_split

    return train_test_split(rows, test_size=test_size, random_state=seed, stratify=rows[:, 0])


def write_rows(rows: Any, folder: Path) -> Path:
    """Write ``<folder>/iris.csv`` whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    # Hidden, so that what a killed run leaves is not taken for data; one name, so that it never piles up.
    partial = folder / f".{FILE_NAME}.partial"
    np.savetxt(str(partial), rows, fmt=", ".join(["%1.1f"] + ["%1.3f"] * (rows.shape[1] - 1)))
    return partial.replace(path)


if __name__ == "__main__":
    main()
