"""AWS's subset of JSONPath: the operators of its table, and nothing else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.batch.json_path import PathError, parse_json_path
from harness.errors import ConfigurationError

ROW = [0, 1, 2, 3, 4, 5, 6, 7]
DOCUMENT = {"id": 7, "in": {"a": 1, "b": 2, "c": 3}, "list": [{"x": 1}, {"x": 2}], "SageMakerOutput": {"p": 0.5}}


@pytest.mark.parametrize(
    ("expression", "document", "expected"),
    [
        ("$", DOCUMENT, DOCUMENT),
        ("$.id", DOCUMENT, 7),
        ("$['id']", DOCUMENT, 7),
        ("$.in.a", DOCUMENT, 1),
        ("$['in']['a']", DOCUMENT, 1),
        ("$.in.*", DOCUMENT, [1, 2, 3]),
        ("$.in[*]", DOCUMENT, [1, 2, 3]),
        ("$['id','SageMakerOutput']", DOCUMENT, {"id": 7, "SageMakerOutput": {"p": 0.5}}),
        ("$['id' , 'SageMakerOutput']", DOCUMENT, {"id": 7, "SageMakerOutput": {"p": 0.5}}),
        ("$.in.['a','b']", DOCUMENT, {"a": 1, "b": 2}),
        ("$.list[0].x", DOCUMENT, 1),
        ("$.list[*].x", DOCUMENT, [1, 2]),
        ("$.list[1:].x", DOCUMENT, [2]),
        ("$[1]", ROW, 1),
        ("$[-1]", ROW, 7),
        ("$[1,3,5]", ROW, [1, 3, 5]),
        ("$[0, -1]", ROW, [0, 7]),
        ("$[2:]", ROW, [2, 3, 4, 5, 6, 7]),
        ("$[-2:]", ROW, [6, 7]),
        ("$[:]", ROW, ROW),
        ("$[*]", ROW, ROW),
        ("$[' a.b']", {" a.b": 1}, 1),
        ("$.my-name", {"my-name": 1}, 1),
    ],
)
def test_what_a_path_selects(expression, document, expected):
    assert parse_json_path(expression).select(document) == expected


@pytest.mark.parametrize(
    ("expression", "document", "problem"),
    [
        ("$.x", DOCUMENT, "no attribute 'x'; there are: id, in, list, SageMakerOutput"),
        ("$['id','x']", DOCUMENT, "no attribute 'x'"),
        ("$.id.x", DOCUMENT, "an object is expected where there is 7"),
        ("$[0]", DOCUMENT, "an array is expected"),
        ("$.id.*", DOCUMENT, "an array is expected where there is 7"),
        ("$[8]", ROW, "index 8 is outside of 8 elements"),
        ("$[-9]", ROW, "index -9 is outside of 8 elements"),
        ("$[0,8]", ROW, "index 8 is outside"),
        ("$[8:]", ROW, "selects nothing of 8 elements"),
    ],
)
def test_what_is_not_there_is_an_error(expression, document, problem):
    with pytest.raises(PathError, match=problem):
        parse_json_path(expression).select(document)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "must begin with"),
        ("id", "must begin with"),
        ("$id", "is none of"),
        ("$.", "is none of"),
        ("$..id", "is none of"),
        ("$[", "is none of"),
        ("$[]", "is none of"),
        ("$[a]", "is none of"),
        ("$['a',0]", "is none of"),
        ("$[1:2:3]", "is none of"),
        ("$[0:2,246:]", "a range stands alone"),
        ("$[0,5:]", "a range stands alone"),
        ("$[?(@.x)]", "unexpected '\\?'"),
        ("$['account_id','SageMakerOutput']", "unexpected '_'"),
        ('$["id"]', "unexpected '\"'"),
    ],
)
def test_what_is_not_of_the_subset_is_refused(expression, problem):
    with pytest.raises(ConfigurationError, match=problem):
        parse_json_path(expression)


@given(st.lists(st.integers(), min_size=1), st.data())
def test_indexes_and_open_ranges_count_as_python_does(row, data):
    index = data.draw(st.integers(-len(row), len(row) - 1))
    assert parse_json_path(f"$[{index}]").select(row) == row[index]
    assert parse_json_path(f"$[{index},0]").select(row) == [row[index], row[0]]
    assert parse_json_path(f"$[{index}:]").select(row) == row[index:]


@given(st.text(alphabet="$[].*,:'-a0 ", max_size=12))
def test_any_text_is_read_or_refused_by_name(expression):
    with suppress(ConfigurationError):
        path = parse_json_path(expression)
        assert path.selects_all == (expression.strip() == "$")
