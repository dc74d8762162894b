"""Where AWS's behaviour surprises, the log says what happened and what to write instead."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pytest

from harness.server import codecs, traps


def met(body: str, content_type: str) -> dict[str, str]:
    """The traps that the default input_fn meets in a body: kind -> message."""
    try:
        found = traps.decoded(content_type, *codecs.decode_exactly(body, content_type))
    except Exception as error:
        trap = traps.undecoded(content_type, body, error)
        found = [trap] if trap else []
    return {trap.kind: trap.message for trap in found}


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "says"),
    [
        ("1,2,3", codecs.CSV, "one-dimensional-text/csv", "(3,)"),
        ("1\n2", codecs.CSV, "one-dimensional-text/csv", "(2,)"),
        ("5", codecs.CSV, "one-dimensional-text/csv", "()"),
        ("[1, 2, 3]", codecs.JSON, "one-dimensional-application/json", "(3,)"),
        ("16777217,1\n1,1", codecs.CSV, "float32", "16777217.0 arrived as 16777216.0"),
        ("[[0.123456789, 1]]", codecs.JSON, "float32", "0.123456789 arrived as 0.12345679"),
        ("sepal,petal\n1,2", codecs.CSV, "csv-header", "sepal,petal"),
        ("sepal,petal", codecs.CSV, "csv-header", "sepal,petal"),
        ("1,x\n2,y", codecs.CSV, "csv-cells", "could not convert"),
        ("1,2\n,4", codecs.CSV, "csv-cells", "could not convert"),
        ("1,2\n\n3,4", codecs.CSV, "csv-cells", "rows of 0 and 2 columns"),
        ("1,2\n3", codecs.CSV, "csv-cells", "rows of 1 and 2 columns"),
        ('{"instances": [[1, 2]]}', codecs.JSON, "json-object", "instances"),
        ("1,2", "text/csv; charset=utf-8", "inexact-content-type", "Send 'text/csv'"),
        ("1,2", "TEXT/CSV", "inexact-content-type", "not 415"),
        ("1,2", "text/plain", "unsupported-content-type", "not 415"),
    ],
)
def test_a_body_that_surprises_is_explained(body: str, content_type: str, kind: str, says: str) -> None:
    found = met(body, content_type)
    assert says in found[kind]
    assert "input_fn" in found[kind]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("5.1,3.5\n4.9,3.0", codecs.CSV), ("[[5.1, 0.25], [1e-3, 1234567]]", codecs.JSON), ("[[null, NaN]]", codecs.JSON)],
)
def test_ordinary_measurements_surprise_nobody(body: str, content_type: str) -> None:
    assert met(body, content_type) == {}


@pytest.mark.parametrize(
    ("accept", "prediction", "kind", "says"),
    [
        ("text/csv, application/json", [1], "unsupported-accept", "not parsed"),
        ("text/plain", [1], "unsupported-accept", "not 406"),
        (codecs.CSV, None, "csv-scalar", "NoneType"),
        (codecs.CSV, np.float64(1), "csv-scalar", "float64"),
    ],
)
def test_a_prediction_that_cannot_be_sent_is_explained(accept: str, prediction: Any, kind: str, says: str) -> None:
    with pytest.raises((codecs.UnsupportedFormatError, TypeError)) as raised:
        codecs.encode(prediction, accept)
    trap = traps.unencoded(accept, prediction, raised.value)
    assert trap is not None
    assert trap.kind == kind
    assert says in trap.message
    assert "output_fn" in trap.message


@pytest.mark.parametrize(
    ("result", "lists_as_json", "kind"),
    [("text", False, "html-body"), (b"raw", True, "html-body"), ([1], True, "list-body"), ({}, True, None)],
)
def test_a_returned_value_that_surprises_is_explained(result: Any, lists_as_json: bool, kind: str | None) -> None:
    trap = traps.returned(result, lists_as_json)
    assert (trap.kind if trap else None) == kind


@pytest.mark.parametrize(
    ("body", "content_type"), [("1,2", codecs.CSV), ("[1, 2]", codecs.JSON), ("a,b\n1,2", codecs.CSV)]
)
def test_the_advice_works_when_it_is_pasted(body: str, content_type: str) -> None:
    for message in met(body, content_type).values():
        advice = re.search(r"Write input_fn: return (.*)|or write input_fn: return (.*)", message)
        assert advice
        expression = ast.parse(advice[1] or advice[2], mode="eval")
        names = {"np": np, "io": __import__("io"), "json": __import__("json"), "data": body}
        assert eval(compile(expression, "advice", "eval"), names).tolist() == [[1.0, 2.0]]
