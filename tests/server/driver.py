"""Runs inside an oracle's environment: the real sagemaker-containers, as the scikit-learn image puts it
together.

    python driver.py codecs      JSON lines on stdin, one answer each on stdout
    gunicorn driver:main         the image's WSGI application over SAGEMAKER_PROGRAM

What the image adds to sagemaker-containers is float32 for text types, ``model.predict``, and the lazy loading
(sagemaker-scikit-learn-container, ``serving``); that is what is stated here, everything else is AWS's own
code. Python 3.8 and newer.
"""

from __future__ import annotations

import base64
import collections
import collections.abc
import importlib
import io
import json
import os
import sys

# Gone since Python 3.10, and named by sagemaker-containers 2.8.6.post2.
if not hasattr(collections, "Mapping"):
    collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]

import numpy as np
from sagemaker_containers import _content_types, _encoders

_app = None


def default_input_fn(content, content_type):
    array = _encoders.decode(content, content_type)
    return array.astype(np.float32) if content_type in _content_types.UTF8_TYPES else array


def main(environ, start_response):
    global _app
    if _app is None:
        _app = _load(os.environ["SAGEMAKER_PROGRAM"][: -len(".py")])
    return _app(environ, start_response)


def _load(name):
    from sagemaker_containers import _env, _transformer, _worker

    sys.path.insert(0, _env.code_dir)
    module = importlib.import_module(name)
    own = {fn: getattr(module, fn, None) for fn in ("input_fn", "predict_fn", "output_fn", "transform_fn")}
    model_fn = getattr(module, "model_fn", _transformer.default_model_fn)
    if own["transform_fn"]:
        transformer = _transformer.Transformer(model_fn=model_fn, **own)
    else:
        transformer = _transformer.Transformer(
            model_fn=model_fn,
            input_fn=own["input_fn"] or default_input_fn,
            predict_fn=own["predict_fn"] or (lambda data, model: model.predict(data)),
            output_fn=own["output_fn"]
            or (lambda p, accept: _worker.Response(_encoders.encode(p, accept), mimetype=accept)),
        )
    transformer.initialize()
    return _worker.Worker(
        transform_fn=transformer.transform,
        module_name=name,
        execution_parameters_fn=getattr(module, "execution_parameters_fn", None),
    )


def _answer(question):
    try:
        if "accept" in question:
            value = np.load(io.BytesIO(base64.b64decode(question["npy"])), allow_pickle=True)
            body = _encoders.encode(value, question["accept"])
            body = body.encode() if isinstance(body, str) else body
        else:
            content = base64.b64decode(question["body"])
            if question["content_type"] in _content_types.UTF8_TYPES:
                content = content.decode("utf-8", "replace")
            saved = io.BytesIO()
            np.save(saved, default_input_fn(content, question["content_type"]))
            body = saved.getvalue()
    except Exception as error:
        return {"error": type(error).__name__}
    return {"body": base64.b64encode(body).decode()}


if __name__ == "__main__" and sys.argv[1:] == ["codecs"]:
    np.seterr(all="ignore")
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)
