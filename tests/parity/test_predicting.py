"""Models are asked in a process of their own, by the user's functions where there are any."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from harness.parity.predicting import Predicted, Predicting
from harness.parity.rows import Rows

pytestmark = pytest.mark.slow

ROWS = Rows((("0", "1.5", "2"), ("1", "3", "4")), "channel train", labelled=True)
ADDS = """
class Model:
    n_features_in_ = 2
    def predict(self, rows):
        return rows.sum(axis=1)

def model_fn(model_dir):
    return Model()
"""


@pytest.fixture
def ask(tmp_path: Path):
    """Ask one model: ``ask(script)``."""

    def call(
        script: str, rows: Rows = ROWS, *, deadline: float = 60, models: tuple[str, ...] = ("train",)
    ) -> Predicted:
        (tmp_path / "serve.py").write_text(script)
        folders = dict.fromkeys(models, tmp_path)
        asking = Predicting(sys.executable, tmp_path, "serve.py", folders, rows, deadline=deadline)
        with closing(asking) as predicting:
            return predicting.result()

    return call


def test_a_model_gets_64_bit_rows_without_the_label(ask):
    assert ask(ADDS).models["train"].values == [3.5, 7.0]


def test_the_rows_that_it_was_given_are_told(ask):
    assert ask(ADDS).rows.cells == (("1.5", "2"), ("3", "4"))


@pytest.mark.parametrize("classes", ["[2, 4]", "numpy.array(['2', '4'])", "(2.0, 4.0)"])
def test_the_label_is_the_column_that_has_a_classifier_s_classes_alone(ask, classes):
    classifier = f"import numpy\n{ADDS}Model.classes_ = {classes}\n"

    assert ask(classifier).rows.cells == (("0", "1.5"), ("1", "3"))
    assert ask(classifier.replace(classes, "[0, 1]")).rows.cells == (("1.5", "2"), ("3", "4"))


@pytest.mark.parametrize(
    ("trained_on", "names", "given"),
    [
        ("['a', 'b']", ("a", "b", "y"), ("0", "1.5")),
        ("['b', 'c']", ("y", "b", "c"), ("1.5", "2")),
        ("['a', 'c']", ("a", "y", " c"), ("0", "2")),
        ("['c', 'a']", ("a", "y", "c"), ("2", "0")),
        ("['a', 'a.1']", ("a", "a", "y"), ("1.5", "2")),
        ("['x', 'y']", ("a", "b", "c"), ("1.5", "2")),
        ("['a', 'b']", (), ("1.5", "2")),
        ("None", ("a", "b", "y"), ("1.5", "2")),
    ],
)
def test_the_features_are_those_that_a_model_was_trained_on_by_name(ask, trained_on, names, given):
    regressor = f"{ADDS}Model.feature_names_in_ = {trained_on}\n"

    assert ask(regressor, replace(ROWS, names=names)).rows.cells[0] == given


def test_a_cell_with_a_comma_stays_one(ask):
    script = ADDS + "import csv\ndef input_fn(data, content_type): return list(csv.reader(data.splitlines()))\n"
    script += "def predict_fn(data, model): return data"

    assert ask(script, Rows((("a, b", "2"),), "rows")).models["train"].values == [["a, b", "2"]]


def test_rows_without_a_label_are_given_whole(ask):
    rows = Rows((("1", "2"),), "rows")

    assert ask(ADDS, rows).models["train"].values == [3.0]


def test_predict_fn_takes_the_place_of_predict(ask):
    assert ask(ADDS + "def predict_fn(data, model): return [len(row) for row in data]").models["train"].values == [2, 2]


def test_input_fn_reads_the_rows_as_csv(ask):
    script = ADDS + "def input_fn(data, content_type): return (content_type, data)\n"
    script += "def predict_fn(data, model): return list(data)"

    assert ask(script).models["train"].values == ["text/csv", "1.5,2\n3,4\n"]


def test_transform_fn_does_all_of_it(ask):
    script = ADDS + "def transform_fn(model, data, content_type, accept): return '[7, 8]', accept"

    assert ask(script).models["train"].values == [7, 8]


@pytest.mark.parametrize(
    ("predicted", "values"),
    [
        ("{'predictions': model.predict(data)}", [3.5, 7.0]),
        (
            "{'sum': model.predict(data), 'first': data[:, 0].tolist()}",
            [{"sum": 3.5, "first": 1.5}, {"sum": 7.0, "first": 3.0}],
        ),
        ("__import__('pandas').DataFrame(data)", [[1.5, 2.0], [3.0, 4.0]]),
        ("tuple(model.predict(data))", [3.5, 7.0]),
    ],
    ids=["list in a dict", "columns", "table", "tuple"],
)
def test_a_prediction_has_a_value_for_each_row_in_whichever_form(ask, predicted, values):
    assert ask(f"{ADDS}\ndef predict_fn(data, model): return {predicted}").models["train"].values == values


@pytest.mark.parametrize("predicted", ["'[1, 2]'", "None", "3.0", "{'a': 1}"])
def test_a_prediction_that_has_none_is_no_answer(ask, predicted):
    assert "not one value" in ask(f"{ADDS}\ndef predict_fn(data, model): return {predicted}").models["train"].error


def test_what_a_model_says_when_it_is_asked_again_is_told_as_well(ask):
    counts = ADDS + "calls = []\ndef predict_fn(data, model): calls.append(1); return [len(calls)] * len(data)"

    said = ask(counts).models["train"]

    assert (said.values, said.again) == ([1, 1], [2, 2])


def test_what_the_script_prints_is_no_answer(ask):
    assert ask("print('{}')\n" + ADDS).models["train"].values == [3.5, 7.0]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("", "no model_fn"),
        ("def broken(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("def model_fn(model_dir): raise KeyError('weights')", "KeyError: 'weights'"),
        (ADDS.replace("= 2", "= 7"), "takes 7 columns, not 3"),
        ("import os; os._exit(5)", "exit code 5"),
    ],
    ids=["no model_fn", "syntax", "exit", "model_fn fails", "other columns", "dies"],
)
def test_what_goes_wrong_is_told(ask, script, error):
    asked = ask(script)

    assert error in asked.models["train"].error
    assert asked.models["train"].values is None
    assert asked.rows is None


def test_a_model_that_never_answers_is_ended_at_the_deadline(ask):
    assert "within 1 s" in ask("while True: pass", deadline=1).models["train"].error


HOLDS_A_FIFO = """
import os, subprocess
held = os.open({fifo!r}, os.O_WRONLY)
"""


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """Whoever reads it has the end when the last of its writers has ended."""
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_nobody_waits_for_what_a_model_leaves_behind_and_it_is_ended(ask, fifo):
    leaves_one = HOLDS_A_FIFO.format(fifo=str(fifo)) + "subprocess.Popen(['sleep', '600'], pass_fds=[held])\n" + ADDS
    with ThreadPoolExecutor(1) as beside:
        read = beside.submit(fifo.read_bytes)

        assert ask(leaves_one).models["train"].values == [3.5, 7.0]
        assert read.result() == b""


def test_no_model_is_asked_any_longer_when_its_caller_was_killed(tmp_path, fifo):
    (tmp_path / "serve.py").write_text(HOLDS_A_FIFO.format(fifo=str(fifo)) + "while True: pass\n")
    asks = f"""
import pathlib, sys
from harness.parity.predicting import Predicting
from harness.parity.rows import Rows
here = pathlib.Path({str(tmp_path)!r})
Predicting(sys.executable, here, "serve.py", {{"train": here}}, Rows((("1",),), "rows"), deadline=60).result()
"""
    caller = subprocess.Popen([sys.executable, "-c", asks])
    with fifo.open("rb") as reader:  # once the model is there
        caller.kill()
        caller.wait()

        assert reader.read() == b""


def test_one_model_that_cannot_be_loaded_does_not_keep_others_from_answering(ask):
    fails_first = """
calls = []

def model_fn(folder):
    calls.append(folder)
    if len(calls) == 1:
        raise OSError("gone")
    return Model()
"""

    asked = ask(ADDS + fails_first, models=("train", "again"))

    assert asked.models["train"].error == "OSError: gone"
    assert asked.models["again"].values == [3.5, 7.0]
