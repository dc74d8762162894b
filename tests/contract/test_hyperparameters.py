"""Hyperparameters: sent as SDK v2 sends them, read as the toolkit reads them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.contract.hyperparameters import (
    NotEncodable,
    decode,
    encode,
    framework_parameters,
    to_argv,
    to_driver_argv,
    user_hyperparameters,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (1e-5, "1e-05"),
        (True, "true"),
        (None, "null"),
        ("gini", '"gini"'),
        ("", '""'),
        ((1, 2), "[1, 2]"),
        ({1: "a"}, '{"1": "a"}'),
        (float("inf"), "Infinity"),
        ("café", '"caf\\u00e9"'),
    ],
)
def test_a_value_travels_as_json(value: object, text: str) -> None:
    assert encode({"x": value}) == {"x": text}


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", Decimal("0.1"), object()], ids=lambda value: type(value).__name__)
def test_what_has_no_json_form_is_refused_by_name_and_type(value: object) -> None:
    with pytest.raises(NotEncodable, match=rf"'depth'.*{type(value).__name__}"):
        encode({"depth": value})


def test_a_value_that_holds_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotEncodable, match="'circle'"):
        encode({"circle": circle})


@given(st.dictionaries(st.text(), json_values))
def test_what_is_sent_arrives_unchanged(hyperparameters: dict[str, Any]) -> None:
    assert decode(encode(hyperparameters)) == hyperparameters


@pytest.mark.parametrize("text", ["True", "007", "+5", ".5", "1_000", "0x10", "'q'", "", "[1,", "9" * 5000])
def test_text_that_is_no_json_stays_text(text: str) -> None:
    assert decode({"x": text}) == {"x": text}


def test_reserved_and_framework_names_never_reach_the_script() -> None:
    decoded = {"sagemaker_program": "t.py", "sagemaker_x": 1, "_tuning_objective_metric": "m", "SAGEMAKER_Y": 2}

    assert user_hyperparameters(decoded) == {"SAGEMAKER_Y": 2}
    assert framework_parameters(decoded) == {"sagemaker_x": 1}


@pytest.mark.parametrize(
    ("value", "argument"),
    [
        (True, "True"),
        (None, ""),
        ({}, ""),
        ({"b": 2, "a": 1}, "a=1,b=2"),
        (["a", "b c"], "['a', 'b c']"),
        ([{"b": 1, "a": 2}], "[{'b': 1, 'a': 2}]"),
        (float("nan"), "nan"),
    ],
)
def test_the_toolkit_writes_values_as_python_does(value: object, argument: str) -> None:
    assert to_argv({"name": value}) == ["--name", argument]


def test_the_toolkit_sorts_names_and_gives_one_letter_one_dash() -> None:
    assert to_argv({"n": 1, "N": 2, "": 3, "--x": 4}) == ["", "3", "----x", "4", "-N", "2", "-n", "1"]


def test_the_drivers_keep_the_order_and_write_json() -> None:
    argv = to_driver_argv({"n": True, "a": None, "m": {"b": 2, "a": 1}, "t": "1e3"})

    assert argv == ["--n", "true", "--a", "null", "--m", '{"b": 2, "a": 1}', "--t", "1000.0"]
