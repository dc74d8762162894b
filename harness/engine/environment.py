"""The environment of a container before the toolkit starts, and what of this machine's a process cannot do without."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.contract.environment import DEFAULT_TOOLKIT_VERSION
from harness.contract.opt_ml import OptMl
from harness.engine.interpreter import Interpreter
from harness.images import IMAGES

_NEEDED = ("HOME", "TMPDIR", "USER", "LOGNAME")
"""Of this machine: where a user's caches and temporary files go."""

_TO_CREDENTIALS = frozenset({"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_PROFILE"})

_NO_CREDENTIALS = {"AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_CONFIG_FILE": os.devnull}
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def framework_version(image: str) -> str | None:
    """``1.9-0`` from ``…/sagemaker-scikit-learn:1.9-0-cpu-py3``; None for an image that is not AWS's scikit-learn."""
    repository, _, tag = image.rpartition(":")
    if not repository.endswith("sagemaker-scikit-learn"):
        return None
    return max((version for version in IMAGES if tag.startswith(version)), key=len, default=None)


def toolkit_version(image: str) -> str:
    """The version of ``sagemaker-training`` in an image; that of the default image where it is not known."""
    version = framework_version(image)
    return IMAGES[version].toolkit if version else DEFAULT_TOOLKIT_VERSION


def image_environment(image: str, base_dir: str = "/opt/ml") -> dict[str, str]:
    """``ENV`` of AWS's scikit-learn images (sagemaker-scikit-learn-container and deep-learning-containers, read).

    ``PATH`` is left out: it is this machine's matter.
    """
    version = framework_version(image)
    variables = {
        "SAGEMAKER_TRAINING_MODULE": "sagemaker_sklearn_container.training:main",
        "SAGEMAKER_SERVING_MODULE": "sagemaker_sklearn_container.serving:main",
        "SKLEARN_MMS_CONFIG": "/home/model-server/config.properties",
        "TEMP": "/home/model-server/tmp",
        "SM_INPUT": f"{base_dir}/input",
        "SM_INPUT_TRAINING_CONFIG_FILE": f"{base_dir}/input/config/hyperparameters.json",
        "SM_INPUT_DATA_CONFIG_FILE": f"{base_dir}/input/config/inputdataconfig.json",
        "SM_CHECKPOINT_CONFIG_FILE": f"{base_dir}/input/config/checkpointconfig.json",
        "SM_MODEL_DIR": f"{base_dir}/model",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8" if version in {None, "1.9-0"} else "UTF-8",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    if version not in {None, "1.9-0"}:
        variables["SAGEMAKER_SKLEARN_VERSION"] = str(version)
    return variables


def machine_environment(python: Interpreter, passed: Sequence[str], base_dir: str) -> dict[str, str]:
    """What a process on this machine needs to run at all, and the variables that the user has asked for by name.

    Nothing else of the caller's environment reaches a script: it would not on AWS either. Without a private
    ``/opt/ml`` in ``base_dir``, where ``~/.aws`` could be hidden, variables of AWS's lead away from it.
    """
    path = f"{Path(python.path).parent}:{_SYSTEM_PATH}"
    hidden = {} if base_dir == OptMl().base_dir or wants_credentials(passed) else _NO_CREDENTIALS
    return {"PATH": path, **hidden, **passed_environment((*_NEEDED, *passed))}


def wants_credentials(passed: Sequence[str]) -> bool:
    """Whether the user has asked by name for what leads to AWS credentials in ``~/.aws``."""
    return not _TO_CREDENTIALS.isdisjoint(passed)


def passed_environment(names: Sequence[str]) -> dict[str, str]:
    """Variables of this machine, as far as it has them."""
    return {name: os.environ[name] for name in names if name in os.environ}


def platform_environment(description: Mapping[str, Any], region: str) -> dict[str, str]:
    """What the platform sets in a training container (AWS developer guide; ``AWS_REGION``: the toolkit expects it)."""
    return {
        "TRAINING_JOB_NAME": description["TrainingJobName"],
        "TRAINING_JOB_ARN": description["TrainingJobArn"],
        "AWS_REGION": region,
    }
