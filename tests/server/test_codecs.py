"""Codecs, bit by bit, against the real encoders and decoders of sagemaker-containers, alive in their own
process."""

from __future__ import annotations

import base64
import io
import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.server import codecs
from tests.oracle import venvs

LIVE = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Oracle:
    """The real codecs, one question per line."""

    def __init__(self, python: Path) -> None:
        driver = Path(__file__).parent / "driver.py"
        self.process = subprocess.Popen(
            [python, "-W", "ignore", driver, "codecs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, **question: str) -> bytes | None:
        """The bytes of the answer, or None where the real codec raises."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        answer = json.loads(self.process.stdout.readline())
        return base64.b64decode(answer["body"]) if "body" in answer else None

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    venv = venvs.ensure_for_test(
        "server-codecs",
        [f"numpy=={np.__version__}", "scipy", "six", "protobuf==3.20.3"],
        without_dependencies=["sagemaker-containers==2.8.6.post2"],
    )
    oracle = Oracle(venv / "bin" / "python")
    yield oracle
    oracle.close()


def saved(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def decoded(body: bytes, content_type: str) -> bytes | None:
    content = body.decode("utf-8", "replace") if content_type in codecs.TEXT_TYPES else body
    try:
        return saved(codecs.decode(content, content_type))
    except Exception:
        return None


def encoded(value: Any, accept: str) -> bytes | None:
    try:
        body = codecs.encode(value, accept)
    except Exception:
        return None
    return body.encode() if isinstance(body, str) else body


def _objects(values: list[Any]) -> Any:
    """Pickled on its way, as arrays of Python objects are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


numbers = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["", " 1", "1e400", "1_0", "nan", "-inf", '"2"', "x", "0x1", "١", "1\x00"]),
)
tables = st.lists(st.lists(numbers, min_size=1, max_size=4), max_size=4)
csv_bodies = st.one_of(
    st.tuples(tables, st.sampled_from(["\n", "\r\n", "\r"])).map(lambda t: t[1].join(map(",".join, t[0])).encode()),
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(st.floats(width=64).map(repr), min_size=width, max_size=width).map(",".join), max_size=5
        ).map(lambda rows: "\n".join(rows).encode())
    ),
    st.text(alphabet='0123456789.,"\n\r e-', max_size=20).map(str.encode),
    st.binary(max_size=20),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)
rows_of_numbers = st.integers(0, 4).flatmap(
    lambda width: st.lists(st.lists(st.floats() | st.integers(), min_size=width, max_size=width), max_size=4)
)
json_bodies = (json_values | rows_of_numbers).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20)
predictions = arrays.arrays(
    st.one_of(
        arrays.floating_dtypes(endianness="<"),
        arrays.integer_dtypes(endianness="<"),
        arrays.boolean_dtypes(),
        arrays.unicode_string_dtypes(endianness="<", max_len=4),
    ),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
) | st.lists(json_values, max_size=3).map(_objects)


@pytest.mark.slow
@pytest.mark.oracle
@LIVE
@given(body=csv_bodies)
def test_csv_is_decoded_as_the_real_decoder_does(oracle: Oracle, body: bytes) -> None:
    assert decoded(body, codecs.CSV) == oracle.ask(content_type=codecs.CSV, body=base64.b64encode(body).decode())


@pytest.mark.slow
@pytest.mark.oracle
@LIVE
@given(body=json_bodies)
def test_json_is_decoded_as_the_real_decoder_does(oracle: Oracle, body: bytes) -> None:
    assert decoded(body, codecs.JSON) == oracle.ask(content_type=codecs.JSON, body=base64.b64encode(body).decode())


@pytest.mark.slow
@pytest.mark.oracle
@LIVE
@given(body=predictions.map(saved) | st.binary(max_size=40))
def test_npy_is_decoded_as_the_real_decoder_does(oracle: Oracle, body: bytes) -> None:
    assert decoded(body, codecs.NPY) == oracle.ask(content_type=codecs.NPY, body=base64.b64encode(body).decode())


@pytest.mark.slow
@pytest.mark.oracle
@LIVE
@given(prediction=predictions)
def test_a_prediction_is_encoded_as_the_real_encoder_does(oracle: Oracle, prediction: Any) -> None:
    asked = base64.b64encode(saved(prediction)).decode()
    for accept in (*codecs.SUPPORTED, "text/plain"):
        assert encoded(prediction, accept) == oracle.ask(accept=accept, npy=asked)


plain_numbers = st.one_of(
    st.floats().filter(math.isfinite).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.from_regex(r"[+-]?([0-9]{1,25}\.?|[0-9]*\.[0-9]{1,25})([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)


@pytest.mark.slow
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(plain_numbers, min_size=width, max_size=width), min_size=1, max_size=5)
    ),
    end=st.sampled_from(["", "\n"]),
)
def test_a_table_of_nothing_but_numbers_reads_the_same_as_with_each_in_quotes(rows: list[list[str]], end: str) -> None:
    plain, quoted = ("\n".join(",".join(form % cell for cell in row) for row in rows) for form in ("%s", '"%s"'))
    _, fast = codecs.decode_exactly(plain + end, codecs.CSV)
    _, slow = codecs.decode_exactly(quoted + end, codecs.CSV)
    assert saved(fast) == saved(slow)


@pytest.mark.parametrize(
    ("body", "shape"),
    [("1,2,3\n4,5,6", (2, 3)), ("1,2,3", (3,)), ("1\n2\n3", (3,)), ("5", ()), ("", (0,))],
)
def test_csv_loses_the_dimension_that_has_one_element(body: str, shape: tuple[int, ...]) -> None:
    array = codecs.decode(body, codecs.CSV)
    assert (array.shape, array.dtype) == (shape, np.float32)


@pytest.mark.parametrize("body", ["16777217,1\n1,1", "[[16777217, 1]]"])
def test_text_is_rounded_to_float32(body: str) -> None:
    content_type = codecs.JSON if body.startswith("[") else codecs.CSV
    assert codecs.decode(body, content_type)[0, 0] == 16777216


def test_rounding_goes_by_way_of_float64() -> None:
    # Just above the middle of two float32 neighbours, by less than float64 can hold.
    body = "1.000000059604644775390626,0\n0,0"
    assert codecs.decode(body, codecs.CSV)[0, 0] == np.float32(1.0)


@pytest.mark.parametrize("media_type", ["TEXT/CSV", "text/csv; charset=utf-8", " text/csv", "application/x-npz"])
def test_types_are_compared_exactly(media_type: str) -> None:
    with pytest.raises(codecs.UnsupportedFormatError):
        codecs.decode("1,2", media_type)
    with pytest.raises(codecs.UnsupportedFormatError):
        codecs.encode([1, 2], media_type)
