"""What AWS's server was asked, and what ours is asked in the tests: modules of users, and requests to them.

Plain data and Python 3.8, because the oracle's side reads it too.
"""

from __future__ import annotations

import io
import pickle
from typing import NamedTuple

import numpy as np

CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"


class Case(NamedTuple):
    """One request to one user's module."""

    name: str
    module: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "POST"
    path: str = "/invocations"


def _npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


_ECHO = (
    "class Echo:\n    def predict(self, data):\n        return data\n\ndef model_fn(model_dir):\n    return Echo()\n"
)
_STRICT = (
    "class Strict:\n    def predict(self, data):\n        if data.ndim != 2:\n"
    "            raise ValueError('Expected 2D array')\n        return data.sum(axis=1)\n\n"
    "def model_fn(model_dir):\n    return Strict()\n"
)


def _predicts(expression):
    return "import numpy as np\n\ndef model_fn(model_dir):\n    return None\n\n" + (
        "def predict_fn(data, model):\n    return " + expression + "\n"
    )


def _returns(expression):
    return "import flask\nimport numpy as np\n\ndef model_fn(model_dir):\n    return None\n\n" + (
        "def transform_fn(model, data, content_type, accept):\n    return " + expression + "\n"
    )


def _raises(function, arguments, statement):
    return _ECHO + "\ndef " + function + "(" + arguments + "):\n    " + statement + "\n"


# Predictions that the default output_fn has to encode.
_PREDICTIONS = {
    "float32": "np.array([1 / 3, 0.1, 16777216.0], dtype=np.float32)",
    "float64": "np.array([1 / 3, 0.1, 1e300, -0.0])",
    "int64": "np.array([1, -2, 9007199254740993])",
    "bool": "np.array([True, False])",
    "text": "np.array(['setosa', 'a,b', 'say \"x\"', 'two\\nlines', '', 'é'])",
    "object": "np.array(['a', 1, None, 2.5], dtype=object)",
    "two_dimensional": "np.array([[0.1, 0.9], [0.25, 0.75]])",
    "three_dimensional": "np.arange(8).reshape(2, 2, 2)",
    "empty": "np.array([])",
    "nan_and_inf": "np.array([float('nan'), float('inf'), float('-inf')])",
    "zero_dimensional": "np.array(3.5)",
    "scalar": "np.float64(0.1)",
    "number": "7",
    "plain_list": "[1, 2.5, 'x']",
    "list_of_arrays": "[np.array([1, 2]), np.array([3, 4])]",
    "dictionary": "{'label': 'setosa', 'scores': np.array([0.1])}",
    "nothing": "None",
    "plain_text": "'setosa'",
    "complex": "np.array([1 + 2j])",
    "a_set": "{1}",
}

# What a transform_fn may return.
_RETURNS = {
    "pair": "('body', 'text/csv')",
    "pair_of_bytes": "(b'\\x00\\xff', 'application/octet-stream')",
    "pair_with_accept": "('[1]', accept)",
    "pair_with_charset": "('a', 'text/csv; charset=latin-1')",
    "pair_without_type": "('{}', None)",
    "triple": "('body', 'text/plain', 418)",
    "single": "('body',)",
    "text": "'<b>é</b>'",
    "raw": "b'bytes'",
    "dictionary": "{'b': 1, 'a': [1.5, None, True], 'é': 'ü'}",
    "dictionary_with_array": "{'a': np.array([1])}",
    "a_list": "[1, 2]",
    "array": "np.array([1, 2])",
    "nothing": "None",
    "number": "3",
    "generator": "(c for c in 'abc')",
    "response": "flask.Response('busy', status=503, mimetype='text/plain')",
    "response_with_header": "flask.Response('{}', status=422, mimetype=accept, headers={'X-Model': 'v1'})",
    "kind_of_data": "(type(data).__name__, 'text/plain')",
    "its_content_type": "(content_type, 'application/x-seen')",
    "its_accept": "(accept, 'application/x-seen')",
    "repr_of_data": "(repr(data), 'application/x-seen')",
}

MODULES = {
    "echo": _ECHO,
    "strict": _STRICT,
    "parameters": _ECHO + "\ndef execution_parameters_fn():\n    return '{\"MaxPayloadInMB\": 6}'\n",
    "parameters_dict": _ECHO + "\ndef execution_parameters_fn():\n    return {'MaxConcurrentTransforms': 4}\n",
    "parameters_pair": _ECHO + "\ndef execution_parameters_fn():\n    return 'busy', 503\n",
    "parameters_fail": _ECHO + "\ndef execution_parameters_fn():\n    raise ValueError('secret')\n",
    "no_model_fn": "def predict_fn(data, model):\n    return data\n",
    "model_fn_raises": "def model_fn(model_dir):\n    raise OSError('secret path')\n",
    "mixed": _ECHO + "\ndef transform_fn(model, data, content_type, accept):\n    return 'x', accept\n"
    "\ndef output_fn(prediction, accept):\n    return 'x', accept\n",
    "input_raises": _raises("input_fn", "data, content_type", "raise KeyError('secret')"),
    "input_aborts": _raises("input_fn", "data, content_type", "import flask; flask.abort(400)"),
    "predict_raises": _raises("predict_fn", "data, model", "raise ValueError('secret')"),
    "output_raises": _raises("output_fn", "prediction, accept", "raise ValueError('secret')"),
    "input_with_context": _raises("input_fn", "data, content_type, context", "return data"),
    "predict_without_model": _raises("predict_fn", "data", "return data"),
    "input_keeps_text": _raises("input_fn", "data, content_type", "return [type(data).__name__, content_type]"),
    "output_pair": _raises("output_fn", "prediction, accept", "return str(prediction.shape), 'text/plain'"),
    **{"predicts_" + name: _predicts(text) for name, text in _PREDICTIONS.items()},
    **{"returns_" + name: _returns(text) for name, text in _RETURNS.items()},
}

_BODIES = {
    CSV: {
        "table": b"1,2,3\n4,5,6",
        "trailing_newline": b"1,2\n3,4\n",
        "one_row": b"1,2,3",
        "one_column": b"1\n2\n3",
        "one_cell": b"5",
        "header": b"a,b\n1,2",
        "text_cell": b"1,x\n2,3",
        "empty_cell": b"1,\n2,3",
        "trailing_comma": b"1,2,\n3,4,",
        "byte_order_mark": b"\xef\xbb\xbf1,2\n3,4",
        "blank_line": b"1,2\n\n3,4",
        "ragged": b"1,2\n3",
        "quoted": b'"1","2"\n"3","4"',
        "bad_quote": b'"1"x,2\n3,4',
        "open_quote": b'"1,2\n3,4',
        "spaces": b" 1 , 2\n3,\t4",
        "crlf": b"1,2\r\n3,4\r\n",
        "bare_cr": b"1,2\r3,4",
        "nan_inf": b"nan,inf\n-inf,NaN",
        "empty": b"",
        "only_newlines": b"\n\n",
        "rounding": b"16777217,0.1\n123456789,1e-50",
        "overflow": b"1e39,1e400\n1,2",
        "underscores": b"1_000,2\n3,4",
        "hexadecimal": b"0x10,2\n3,4",
        "not_utf8": b"1,\xff\n3,4",
        "semicolons": b"1;2\n3;4",
        "wide_digits": "١,2\n3,4".encode(),
    },
    JSON: {
        "table": b"[[1, 2], [3, 4]]",
        "flat": b"[1, 2, 3]",
        "number": b"5",
        "nested": b"[[[1], [2]]]",
        "null": b"[[1, null]]",
        "booleans": b"[[true, false]]",
        "object": b'{"instances": [[1, 2]]}',
        "text": b'"1.5"',
        "numbers_as_text": b'[["1", "2.5"]]',
        "words": b'[["a"]]',
        "ragged": b"[[1, 2], [3]]",
        "nan": b"[[NaN, Infinity]]",
        "big": b"[[16777217, 123456789012345678901234567890]]",
        "empty_list": b"[]",
        "empty": b"",
        "invalid": b"[1, 2",
        "not_utf8": b"[\xff]",
        "byte_order_mark": b"\xef\xbb\xbf[1]",
        "double": b"[[0.1, 1e39]]",
    },
    NPY: {
        "float64": _npy(np.array([[0.1, 1 / 3]])),
        "float32": _npy(np.array([[0.1, 1 / 3]], dtype=np.float32)),
        "int8": _npy(np.array([1, -1], dtype=np.int8)),
        "fortran": _npy(np.asfortranarray(np.arange(6).reshape(2, 3))),
        "text": _npy(np.array(["a", "bc"])),
        # numpy unpickles what has no NPY magic. (Pickled arrays name numpy's modules, which move between versions.)
        "bare_pickle": pickle.dumps([[1, 2.5], ["a", None]], protocol=2),
        "truncated": _npy(np.array([1.0, 2.0]))[:-3],
        "not_npy": b"1,2,3",
        "empty": b"",
    },
}
_UNSUPPORTED = (
    "application/x-npz",
    "application/jsonlines",
    "text/plain",
    "application/octet-stream",
    "text/csv; charset=utf-8",
    "text/csv;charset=utf-8",
    "TEXT/CSV",
    "application/json; charset=utf-8",
    "Application/JSON",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
)
_ACCEPTS = (
    JSON,
    CSV,
    NPY,
    "*/*",
    "application/json, text/csv",
    "text/csv;q=0.5",
    "TEXT/CSV",
    "text/*",
    "text/csv; charset=utf-8",
    "application/x-npz",
    "text/html",
)
_TABLE = b"1,2\n3,4"


def _typed(content_type, *more):
    return (("Content-Type", content_type), *more)


def _cases():
    for content_type, bodies in _BODIES.items():
        for name, body in bodies.items():
            for accept in (JSON, CSV, NPY):
                label = "body " + content_type + " " + name + " as " + accept
                yield Case(label, "echo", body, _typed(content_type, ("Accept", accept)))
    for content_type in _UNSUPPORTED:
        yield Case("content type " + content_type, "echo", _TABLE, _typed(content_type))
        yield Case("own data of " + content_type, "returns_repr_of_data", _TABLE, _typed(content_type))
    for content_type in (JSON, CSV, NPY):
        yield Case("own data of " + content_type, "returns_repr_of_data", b"\xff1", _typed(content_type))
    for accept in _ACCEPTS:
        headers = _typed(CSV, ("Accept", accept))
        yield Case("accept " + accept, "echo", _TABLE, headers)
        yield Case("own view of accept " + accept, "returns_its_accept", _TABLE, headers)
        yield Case("own pair of accept " + accept, "returns_pair_with_accept", _TABLE, headers)
    yield Case("no accept", "echo", _TABLE, _typed(CSV))
    yield Case("no content type", "echo", b"[[1, 2]]")
    yield Case("own view of no content type", "returns_its_content_type", b"x")
    yield Case("ContentType alone", "echo", _TABLE, (("ContentType", CSV),))
    yield Case("ContentType first", "echo", _TABLE, (("Content-Type", JSON), ("ContentType", CSV)))
    yield Case("ContentType first, text too", "returns_kind_of_data", b"1", (("ContentType", CSV),))
    for module in MODULES:
        if module.startswith(("predicts_", "returns_")):
            for accept in (JSON, CSV, NPY):
                yield Case(module + " as " + accept, module, b"[[1]]", _typed(JSON, ("Accept", accept)))
        else:
            yield Case(module + " invoked", module, b"[[1, 2], [3, 4]]", _typed(JSON))
            yield Case(module + " pinged", module, method="GET", path="/ping")
            yield Case(module + " parameters", module, method="GET", path="/execution-parameters")
    yield Case("one row to a strict model", "strict", b"1,2", _typed(CSV))
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"):
        for path in ("/ping", "/invocations", "/execution-parameters", "/pingx", "/ping/", "/invocations/a"):
            yield Case(method + " " + path, "parameters", b"", _typed(JSON), method, path)
    yield Case("query string", "echo", _TABLE, _typed(CSV), path="/invocations?a=1")


CASES = tuple(_cases())
