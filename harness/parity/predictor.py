"""What asks models for predictions, in a process of its own and with the job's interpreter: Python 3.8 or newer.

It imports the user's script as a model server does, under its own name, and calls its ``model_fn``, ``input_fn`` and
``predict_fn``, or AWS's default for the last. A task comes in on standard input, the answer goes out on standard
output, both JSON. It imports nothing of ours, since that interpreter may not have it.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import signal
import sys
from typing import Any, Mapping  # noqa: UP035 - Python 3.8


def main() -> None:
    """Ask models as the task says. What the user's code prints is none of the answer."""
    end_with(int(sys.argv[1]))
    task = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path.insert(0, task["code"])
    told: dict[str, Any] = {}
    columns = None
    for name, folder in task["models"].items():
        try:
            told[name] = asked(task, folder, columns)
            columns = told[name]["columns"]
        except (Exception, SystemExit) as error:
            told[name] = {"error": f"{type(error).__name__}: {error}"}
    answer.write(json.dumps(told) + "\n")
    answer.flush()


def end_with(caller: int) -> None:
    """Have this process's group killed once nobody holds the other end of a pipe, however its holder has ended.

    A process does it that has nothing else to do, and is in the group: a model may keep this one busy for ever, and
    leave others behind (workers of joblib).
    """
    if os.fork():
        os.close(caller)
        return
    for number in (0, 1, 2):
        os.close(number)
    os.read(caller, 1)
    os.killpg(0, signal.SIGKILL)


def asked(task: Mapping[str, Any], folder: str, columns: list[int] | None) -> dict[str, Any]:
    """What one model predicts, and which columns it was given for that."""
    program = task["program"]
    module = importlib.import_module(program[:-3] if program.endswith(".py") else program)
    model_fn = getattr(module, "model_fn", None)
    if model_fn is None:
        raise LookupError(f"{program} has no model_fn")
    model = model_fn(folder)
    width = len(task["cells"][0])
    error: BaseException = ValueError(f"the model takes {getattr(model, 'n_features_in_', '?')} columns, not {width}")
    for kept in [columns] if columns else choices(model, task):
        cells = [[row[index] for index in kept] for row in task["cells"]]
        try:
            values = predict(module, model, cells)
        except (Exception, SystemExit) as failed:
            error = failed
        else:
            return {"values": values, "columns": kept, "again": predict(module, model, cells)}
    raise error


def choices(model: object, task: Mapping[str, Any]) -> list[list[int]]:
    """Which columns may be the features: in labelled rows the label stands first as a rule, else last.

    A model that has been trained on columns with names knows better, if the rows have those. And where the label stands
    a classifier knows: all that is in that column is among its ``classes_``.
    """
    cells, names = task["cells"], [name.strip() for name in task["names"]]
    features = getattr(model, "feature_names_in_", None)
    trained_on = [str(name).strip() for name in (() if features is None else features)]
    if trained_on and all(names.count(name) == 1 for name in trained_on):
        return [[names.index(name) for name in trained_on]]
    every = list(range(len(cells[0])))
    ways = [every[1:], every[:-1], every] if task["labelled"] else [every]
    taken = getattr(model, "n_features_in_", None)
    known = getattr(model, "classes_", None)
    classes = {number_or_text(str(each)) for each in (() if known is None else known)}

    def is_unlikely(way: list[int]) -> bool:
        label = None if way == every else every[-1] if way[:1] == [0] else 0
        return label is not None and not all(number_or_text(row[label]) in classes for row in cells)

    fitting = [way for way in ways if taken is None or len(way) == taken]
    return sorted(fitting, key=is_unlikely) if classes else fitting


def number_or_text(text: str) -> Any:
    """Labels as they are compared: ``1`` is ``1.0``."""
    try:
        return float(text)
    except ValueError:
        return text


def predict(module: Any, model: Any, cells: list[list[str]]) -> list[Any]:
    """One value for each row, by the user's functions as far as there are any."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(cells)
    text = written.getvalue()
    transform_fn, input_fn = getattr(module, "transform_fn", None), getattr(module, "input_fn", None)
    if transform_fn is not None:
        body = transform_fn(model, text, "text/csv", "application/json")
        return listed(json.loads(body[0] if isinstance(body, tuple) else body))
    if input_fn is not None:
        data = input_fn(text, "text/csv")
    else:
        import numpy as np

        data = np.array(cells, dtype=np.float64)
    predict_fn = getattr(module, "predict_fn", None)
    predicted = predict_fn(data, model) if predict_fn is not None else model.predict(data)
    return listed(predicted)


def listed(predicted: Any) -> list[Any]:
    """One JSON value for each row, of what ``predict_fn`` gives: an array, a list, a table, or a dict of columns."""
    if not hasattr(predicted, "tolist"):
        predicted = predicted.to_numpy() if hasattr(predicted, "to_numpy") else predicted
    value = json.loads(json.dumps(predicted, default=lambda each: each.tolist()))
    if isinstance(value, dict) and value and all(isinstance(each, list) for each in value.values()):
        columns = list(value.values())
        if len(columns) == 1:
            return list(columns[0])
        if len({len(each) for each in columns}) == 1:
            return [dict(zip(value, row)) for row in zip(*columns)]  # noqa: B905 - Python 3.8
    if not isinstance(value, list):
        raise TypeError(f"its prediction is {type(predicted).__name__}, and not one value for each row")
    return value


if __name__ == "__main__":
    main()
