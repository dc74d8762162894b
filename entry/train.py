"""Train a decision tree on the iris data: a script-mode entry point for SageMaker's scikit-learn image.

It knows SageMaker by its environment alone, so it also runs by hand:

    SM_CHANNEL_TRAIN=data/train SM_CHANNEL_TEST=data/test SM_MODEL_DIR=model SM_OUTPUT_DATA_DIR=output \\
        python entry/train.py --max_leaf_nodes 30

The same module serves the model: ``model_fn`` is all that the defaults of AWS's server lack.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

MODEL_FILE = "model.joblib"


def main(argv: Sequence[str] | None = None) -> None:
    """Train, measure, and leave the model and the measurements where SageMaker collects them."""
    arguments = parse_arguments(argv)
    train = read_channel("train", arguments.train)
    model = fit(train, arguments)

    metrics = {"train_accuracy": accuracy(model, train)}
    shown, rows = "train", train
    if arguments.test:
        shown, rows = "test", read_channel("test", arguments.test)
        metrics["test_accuracy"] = accuracy(model, rows)
    for name, value in metrics.items():
        print(f"{name}={value:.4f}", flush=True)

    output_data_dir = Path(arguments.output_data_dir)
    output_data_dir.mkdir(parents=True, exist_ok=True)
    (output_data_dir / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    picture = draw_confusion_matrix(confusion_matrix(model, rows), title=f"Confusion matrix, {shown} channel")
    (output_data_dir / "confusion_matrix.svg").write_text(picture, encoding="utf-8")

    model_dir = Path(arguments.model_dir)
    model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, str(model_dir / MODEL_FILE))


def model_fn(model_dir: str) -> DecisionTreeClassifier:
    """Load the model for an endpoint or a batch transform."""
    return joblib.load(Path(model_dir) / MODEL_FILE)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Hyperparameters arrive as options, folders as SM_* variables; an option wins over its variable."""
    parser = argparse.ArgumentParser(description="Train a decision tree on label-first CSV without a header.")
    parser.add_argument("--max_leaf_nodes", type=int, help="at least 2; default: no limit")
    parser.add_argument("--max_depth", type=int, help="default: no limit")
    parser.add_argument("--min_samples_leaf", type=int, default=1)
    parser.add_argument("--criterion", choices=["gini", "entropy"], default="gini")
    parser.add_argument("--random_state", type=int, default=0)

    def folder(option: str, variable: str, *, optional: bool = False) -> None:
        value = os.environ.get(variable)
        required = value is None and not optional
        parser.add_argument(option, default=value, required=required, help="default: $" + variable)

    folder("--train", "SM_CHANNEL_TRAIN")
    folder("--test", "SM_CHANNEL_TEST", optional=True)
    folder("--model-dir", "SM_MODEL_DIR")
    folder("--output-data-dir", "SM_OUTPUT_DATA_DIR")
    return parser.parse_args(argv)


def read_channel(name: str, path: str) -> pd.DataFrame:
    """Every file of a channel as one frame of floats, the label in column 0; hidden files are left out.

    Raises:
        ValueError: the channel has no file, or one that is not label-first CSV of numbers.
    """
    root = Path(path)
    files = sorted(
        file
        for file in root.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(root).parts)
    )
    if not files:
        raise ValueError(
            f"Channel '{name}' has no files: {root} is empty or missing. Either the data is somewhere else, "
            f"or the job's inputs give the channel another name than '{name}', "
            "or the job's role may not list or read its S3 prefix."
        )
    frames = [read_file(name, file) for file in files]
    if len({frame.shape[1] for frame in frames}) > 1:
        widths = ", ".join(f"{file.name}: {frame.shape[1]}" for file, frame in zip(files, frames))
        raise ValueError(f"Channel '{name}': its files differ in their number of columns ({widths}).")
    return pd.concat(frames, ignore_index=True)


def read_file(channel: str, path: Path) -> pd.DataFrame:
    """One file of a channel."""
    try:
        return pd.read_csv(str(path), header=None, dtype=float, skipinitialspace=True)
    except ValueError as error:
        raise ValueError(
            f"Channel '{channel}': {path} is not label-first CSV of numbers without a header: {error}"
        ) from error


def fit(rows: pd.DataFrame, arguments: argparse.Namespace) -> DecisionTreeClassifier:
    """A decision tree for *rows*."""
    tree = DecisionTreeClassifier(
        max_leaf_nodes=arguments.max_leaf_nodes,
        max_depth=arguments.max_depth,
        min_samples_leaf=arguments.min_samples_leaf,
        criterion=arguments.criterion,
        random_state=arguments.random_state,
    )
    # Arrays, not frames: the server hands arrays to predict, and column names must not matter there.
    return tree.fit(rows.iloc[:, 1:].to_numpy(), rows[0].to_numpy())


def accuracy(model: DecisionTreeClassifier, rows: pd.DataFrame) -> float:
    """The share of *rows* whose label the model finds."""
    return float(model.score(rows.iloc[:, 1:].to_numpy(), rows[0].to_numpy()))


def confusion_matrix(model: DecisionTreeClassifier, rows: pd.DataFrame) -> pd.DataFrame:
    """Counts: a row for each true label, a column for each predicted one, both in ascending order."""
    predicted = model.predict(rows.iloc[:, 1:].to_numpy())
    labels = sorted(set(rows[0]) | set(predicted))
    counts = pd.crosstab(rows[0].to_numpy(), predicted)
    return counts.reindex(index=labels, columns=labels, fill_value=0)


def draw_confusion_matrix(counts: pd.DataFrame, *, title: str, cell: int = 72) -> str:
    """*counts* as an SVG picture; the darker a cell, the larger its share of the true label's rows.

    AWS's image has no plotting library, and a picture of a few squares needs none.
    """
    left, top, size = 84, 84, cell * len(counts)
    shapes = []

    def text(x: float, y: float, content: Any, fill: str = "#1f2933", extra: str = "") -> None:
        shapes.append(f'<text x="{x:g}" y="{y:g}" dy="0.35em" fill="{fill}"{extra}>{content}</text>')

    text(20, 24, title, extra=' font-size="15" font-weight="600" style="text-anchor: start"')
    text(left + size / 2, 54, "predicted", "#52606d")
    text(24, top + size / 2, "true", "#52606d", f' transform="rotate(-90 24 {top + size / 2:g})"')
    for row, (label, values) in enumerate(counts.iterrows()):
        y = top + row * cell
        text(left - 20, y + cell / 2, f"{label:g}")
        text(left + (row + 0.5) * cell, top - 14, f"{label:g}")
        for column, count in enumerate(values):
            x = left + column * cell
            share = count / max(values.sum(), 1)
            shapes.append(
                f'<rect x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" rx="3" fill="{shade(share)}"/>'
            )
            text(x + cell / 2 - 1, y + cell / 2 - 1, count, "#ffffff" if share > 0.5 else "#1f2933")
    width, height = max(left + size + 24, 320), top + size + 24
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
            f' height="{height}" font-family="system-ui, sans-serif" font-size="14" text-anchor="middle">',
            f"<title>{title}</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def shade(share: float) -> str:
    """From a pale to a dark blue."""
    pale, dark = (236, 242, 249), (31, 82, 145)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(pale, dark))


if __name__ == "__main__":
    main()
