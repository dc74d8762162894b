"""Bodies of requests and answers, held against NumPy and against the codecs of the model server."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.parity.bodies import CSV, JSON, NPY, TYPES, body, parsed, rounded, values
from harness.parity.rows import Rows
from harness.server import codecs

NUMBERS = st.floats(allow_nan=False)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(NUMBERS, min_size=width, max_size=width), min_size=1)
)


def table(numbers) -> Rows:
    return Rows(tuple(tuple(repr(each) for each in row) for row in numbers), "a test")


@given(TABLES)
def test_numpy_reads_the_very_same_64_bit_numbers(numbers):
    read = np.load(io.BytesIO(body(table(numbers), NPY)))
    assert read.dtype == np.float64
    assert read.tolist() == numbers


@pytest.mark.parametrize("content_type", [CSV, JSON])
@given(numbers=TABLES)
def test_a_text_is_what_the_model_server_rounds_to_32_bits(content_type, numbers):
    rows = table(numbers)
    decoded = codecs.decode(body(rows, content_type).decode(), content_type)
    assert decoded.reshape(np.shape(numbers)).tolist() == rounded(rows).numbers


def test_csv_is_sent_as_it_stands_in_the_file():
    assert body(Rows((("0.10", "a,b"), ("1e3", "")), "a test"), CSV) == b'0.10,"a,b"\n1e3,\n'


def test_texts_are_no_array_of_numbers():
    rows = Rows((("red", "1"),), "a test")
    assert body(rows, NPY) is None
    assert json.loads(body(rows, JSON)) == [["red", "1"]]
    assert rounded(rows) == rows


@pytest.mark.parametrize(
    "predicted",
    [
        np.array([0.0, 1.0, 2.0]),
        np.array([1, 2, 3]),
        np.array([1, 2, 3], dtype=np.int32),
        np.array([0.5, 0.25], dtype=np.float32),
        np.array([0.5, 0.25], dtype=">f8"),
        np.array([True, False]),
        np.array(["setosa", "virginica", "é"]),
        np.array([[0.25, 0.75], [1.0, 0.0]]),
        np.asfortranarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}".replace("<", "little-").replace(">", "big-"),
)
@pytest.mark.parametrize("accept", TYPES)
def test_reads_what_the_model_server_writes(predicted, accept):
    written = codecs.encode(predicted, accept)
    answer = written if isinstance(written, bytes) else written.encode()
    assert values(answer, accept, predicted.tolist()) == predicted.tolist()


def test_reads_the_one_list_in_an_object():
    assert values(b'{"predictions": [1, 2]}', JSON, [1, 2]) == [1, 2]


def test_reads_the_rows_of_an_object_of_columns():
    assert values(b'{"label": [1, 2], "odds": [[3], [4]]}', JSON, [0, 0]) == [
        {"label": 1, "odds": [3]},
        {"label": 2, "odds": [4]},
    ]


def test_reads_csv_of_one_line_as_one_value_for_each_row():
    assert values(b"1,2,3", CSV, [0, 0, 0]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("answer", "accept"),
    [
        (b"<html>", JSON),
        (b'{"a": [1], "b": [2, 3]}', JSON),
        (b"\xff\xfe", CSV),
        (b"one\ntwo\n", CSV),
        (b"1\n2\n3\n", CSV),
        (b"\x93NUMPY", NPY),
        (b"1,2", NPY),
    ],
)
def test_says_nothing_of_what_it_cannot_read(answer, accept):
    assert values(answer, accept, [1.0, 2.0]) is None


def test_unpickles_nothing():
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"an": "object"}], dtype=object))
    assert values(buffer.getvalue(), NPY, [1.0]) is None


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b'{"predictions": [1.5, 2]}', [1.5, 2]),
        (b'{"predictions": [1.5], "model": "x"}', [{"predictions": [1.5], "model": "x"}]),
        (b"0.5\n0.25\n", [0.5, 0.25]),
        (b'{"p": 1}\n{"p": 2}\n', [{"p": 1}, {"p": 2}]),
        (b"a,1\n\xff", ["a,1", "\ufffd"]),
    ],
)
def test_an_answer_of_no_known_form_is_read_as_far_as_it_can_be(answer, found):
    assert parsed(answer) == found
