"""The user's functions, or AWS's defaults for those that are missing.

As in the single-model scikit-learn image (sagemaker-scikit-learn-container, ``serving``; sagemaker-containers
2.8.6.post2): handlers are called with exactly AWS's arguments and no context, and whatever one raises is an
error of the handler, an HTTP exception such as ``flask.abort(400)`` included.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from harness.server import codecs, traps
from harness.server.settings import Settings


class Notice(Protocol):
    """Who is told of a trap that a default handler met."""

    def __call__(self, trap: traps.Trap) -> None:
        """Explain the trap."""


class HandlerError(Exception):
    """A handler, the user's or a default one, raised ``__cause__``."""

    def __init__(self, handler: str, cause: BaseException) -> None:
        super().__init__(f"{handler} failed: {type(cause).__name__}: {cause}")
        self.handler = handler


class LoadError(Exception):
    """The module or its model cannot be loaded. The message is a reason for the user."""


@dataclass(frozen=True)
class Handlers:
    """A loaded model and what to do with it.

    ``transform(content, content_type, accept)`` is the whole way from a request's body to what the user's
    ``output_fn`` or ``transform_fn``, or AWS's default, returns. ``execution_parameters`` is None without the
    user's ``execution_parameters_fn``.
    """

    transform: Callable[[Any, str, str], Any]
    execution_parameters: Callable[[], Any] | None


def import_module(settings: Settings) -> ModuleType:
    """Import the user's module under its own name, never ``__main__``, with the code directory first on the
    path.

    Raises:
        LoadError: whatever the module's top level raised, ``SystemExit`` included, is its ``__cause__``.
    """
    if settings.code_dir not in sys.path:
        sys.path.insert(0, settings.code_dir)
    return _guarded(settings, lambda: importlib.import_module(settings.module_name))


def check_importable(settings: Settings) -> None:
    """Import the module and reload it: two executions of its top level in one process.

    AWS's server process does both before it serves, so code that cannot run twice (a metric registered at
    the top level, say) ends the container there, and has to end this server too. The executions in the
    workers come on top.

    Raises:
        LoadError: as :func:`import_module`.
    """
    module = import_module(settings)
    _guarded(settings, lambda: importlib.reload(module))


def load(settings: Settings, notice: Notice, before_unpickling: Callable[[], object] = lambda: None) -> Handlers:
    """Import the module and call its ``model_fn`` with the model directory.

    ``before_unpickling`` is called in a request, before AWS's default ``input_fn`` unpickles, and may raise.

    Raises:
        LoadError: the module cannot be imported, mixes ``transform_fn`` with the functions that it
        replaces, has no
            ``model_fn``, or ``model_fn`` raised.
    """
    module = import_module(settings)
    where = f"module {settings.module_name!r} ({getattr(module, '__file__', None)})"
    input_fn = getattr(module, "input_fn", None)
    predict_fn = getattr(module, "predict_fn", None)
    output_fn = getattr(module, "output_fn", None)
    transform_fn = getattr(module, "transform_fn", None)
    beside = [fn for fn in ("input_fn", "predict_fn", "output_fn") if getattr(module, fn, None)]
    if transform_fn and beside:
        raise LoadError(
            f"{where} defines transform_fn together with {', '.join(beside)}, which transform_fn replaces. "
            "Keep one or the other."
        )
    model = _model(module, settings, where)
    whole = (
        _wrapped("transform_fn", transform_fn)
        if transform_fn
        else _steps(
            _wrapped("input_fn", input_fn or _default_input_fn(notice, before_unpickling)),
            _wrapped("predict_fn", predict_fn or _default_predict_fn),
            _wrapped("output_fn", output_fn or _default_output_fn(notice)),
        )
    )
    return Handlers(
        transform=lambda content, content_type, accept: whole(model, content, content_type, accept),
        execution_parameters=getattr(module, "execution_parameters_fn", None),
    )


def _guarded(settings: Settings, action: Callable[[], ModuleType]) -> ModuleType:
    try:
        return action()
    except (Exception, SystemExit) as error:
        hint = (
            " The server imports the script: guard what only training does with if __name__ == '__main__'."
            if isinstance(error, SystemExit)
            else ""
        )
        raise LoadError(
            f"module {settings.module_name!r} in {settings.code_dir} cannot be imported: "
            f"{type(error).__name__}: {error}.{hint}"
        ) from error


def _model(module: ModuleType, settings: Settings, where: str) -> Any:
    model_fn = getattr(module, "model_fn", None)
    if model_fn is None:
        raise LoadError(
            f"{where} has no model_fn, and scikit-learn images have no default one. "
            'Define model_fn(model_dir) there: return joblib.load(os.path.join(model_dir, "model.joblib"))'
        )
    try:
        return model_fn(settings.model_dir)
    except (Exception, SystemExit) as error:
        raise LoadError(
            f"model_fn of {where} failed on {settings.model_dir}: {type(error).__name__}: {error}"
        ) from error


def _wrapped(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        # SystemExit too: on AWS it kills the worker, and its client gets no answer at all.
        except (Exception, SystemExit) as error:
            raise HandlerError(name, error) from error

    return call


def _steps(
    input_fn: Callable[..., Any], predict_fn: Callable[..., Any], output_fn: Callable[..., Any]
) -> Callable[..., Any]:
    def transform(model: Any, content: Any, content_type: str, accept: str) -> Any:
        return output_fn(predict_fn(input_fn(content, content_type), model), accept)

    return transform


def _default_input_fn(notice: Notice, before_unpickling: Callable[[], object]) -> Callable[[Any, str], Any]:
    def input_fn(content: Any, content_type: str) -> Any:
        try:
            array, exact = codecs.decode_exactly(content, content_type, before_unpickling)
        except Exception as error:
            trap = traps.undecoded(content_type, content, error)
            if trap:
                notice(trap)
            raise
        for trap in traps.decoded(content_type, array, exact):
            notice(trap)
        return array

    return input_fn


def _default_predict_fn(data: Any, model: Any) -> Any:
    return model.predict(data)


def _default_output_fn(notice: Notice) -> Callable[[Any, str], tuple[Any, str]]:
    def output_fn(prediction: Any, accept: str) -> tuple[Any, str]:
        try:
            return codecs.encode(prediction, accept), accept
        except Exception as error:
            trap = traps.unencoded(accept, prediction, error)
            if trap:
                notice(trap)
            raise

    return output_fn
