"""Hyperparameters: what the SDK sends, what the script gets.

Three forms. A user writes Python values; a request carries strings (``HyperParameters`` of
``CreateTrainingJob``); the script sees decoded values, as environment variables and as command-line
arguments. Sources: SageMaker Python SDK 2.257.7 for the encoding, sagemaker-training 4.0.1, 4.8.0 and 5.1.4
and the SDK v3 drivers (sagemaker-train 1.27.0) for the rest, all of them run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

#: Names that the toolkit keeps for itself: in no variable and no argument.
RESERVED = frozenset(
    {
        "sagemaker_program",
        "sagemaker_submit_directory",
        "sagemaker_enable_cloudwatch_metrics",
        "sagemaker_region",
        "sagemaker_container_log_level",
        "sagemaker_job_name",
        "default_user_module_name",
        "_tuning_objective_metric",
        "sagemaker_s3_output",
    }
)
#: Names that begin like this configure the framework; they reach the script in ``SM_FRAMEWORK_PARAMS`` alone.
FRAMEWORK_PREFIX = "sagemaker_"


class NotEncodable(ValueError):
    """A hyperparameter has no JSON form, so no request can carry it."""

    def __init__(self, name: str, value: object, reason: str) -> None:
        kind = type(value)
        super().__init__(
            f"Hyperparameter {name!r}: a value of type {kind.__module__}.{kind.__qualname__} cannot be sent "
            f"({reason}). Use str, int, float, bool, None, or lists and dicts of these; .item() or .tolist() "
            "turns a numpy value into one."
        )
        self.name = name
        self.value_type = kind


def encode(hyperparameters: Mapping[str, object]) -> dict[str, str]:
    """Python values as SDK v2 puts them into a request: each as JSON, so that a string travels with its
    quotes.

    Raises:
        NotEncodable: a value has no JSON form (a set, bytes, a numpy integer …).
    """
    encoded = {}
    for name, value in hyperparameters.items():
        try:
            encoded[str(name)] = json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise NotEncodable(str(name), value, str(error)) from error
    return encoded


def decode(raw: Mapping[str, object]) -> dict[str, object]:
    """The values of ``hyperparameters.json`` as the toolkit and the drivers read them.

    Each string is read as JSON where it is JSON and kept as it is where not, so ``1e3`` becomes ``1000.0``
    and ``True`` stays text. The order of the file is kept.
    """
    return {name: _decode_value(value) for name, value in raw.items()}


def _decode_value(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def user_hyperparameters(decoded: Mapping[str, object]) -> dict[str, object]:
    """Those that the script sees: neither reserved nor beginning with ``sagemaker_``."""
    return {
        name: value for name, value in decoded.items() if name not in RESERVED and not name.startswith(FRAMEWORK_PREFIX)
    }


def framework_parameters(decoded: Mapping[str, object]) -> dict[str, object]:
    """Those that the script finds in ``SM_FRAMEWORK_PARAMS``: ``sagemaker_…`` and not reserved."""
    return {
        name: value for name, value in decoded.items() if name not in RESERVED and name.startswith(FRAMEWORK_PREFIX)
    }


def to_argv(hyperparameters: Mapping[str, object]) -> list[str]:
    """The toolkit's arguments: names in code-point order, a flag and a value each.

    A name of one character gets one dash, an empty one none. Values are Python's ``str``; ``None`` is an
    empty argument and a mapping is ``key=value`` pairs, sorted, with commas.
    """
    return [item for name in sorted(hyperparameters) for item in (_flag(name), _argument(hyperparameters[name]))]


def _flag(name: str) -> str:
    if not name:
        return ""
    return f"--{name}" if len(name) > 1 else f"-{name}"


def _argument(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return str(value)


def to_driver_argv(hyperparameters: Mapping[str, object]) -> list[str]:
    """The SDK v3 drivers' arguments: decoded values in the file's order, always two dashes.

    Strings are decoded a second time, so the text ``1e3`` arrives as ``1000.0``.
    """
    return [item for name, value in decode(hyperparameters).items() for item in (f"--{name}", to_driver_text(value))]


def to_driver_text(value: object) -> str:
    """How the SDK v3 drivers write a value: a string as it is, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
