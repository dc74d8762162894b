"""What ``--on local`` needs: an interpreter, its packages, and, where wanted, a private ``/opt/ml``."""

from __future__ import annotations

from collections.abc import Iterator

from harness.config import Config
from harness.doctor import drift, pythons
from harness.doctor.checks import Check, Status, failed, told
from harness.engine.environment import framework_version
from harness.engine.interpreter import LIBRARIES, Interpreter, interpreter
from harness.engine.isolation import Support, probe
from harness.errors import ConfigurationError

AREA = "local"
SERVER = ("flask", "gunicorn", "gevent", "packaging", "numpy")
"""What ``harness.server`` imports in the script's interpreter; ``packaging`` by way of gunicorn's gevent worker."""


def look(config: Config) -> Iterator[Check]:
    """Look at the script's interpreter, and try a private ``/opt/ml``."""
    yield opt_ml(config.isolation, probe())
    try:
        python = interpreter(str(config.python) if config.python else None)
    except ConfigurationError as error:
        yield failed(AREA, "python", error)
        return
    # An image of the user's own holds what it holds.
    version = framework_version(config.image_uri) if config.image_uri else config.framework_version
    beside = [name for name in SERVER if name not in LIBRARIES]
    yield drift.python(python, version, pythons.environment, beside)
    yield drift.libraries(python, version)
    yield server(python)


def opt_ml(isolation: str, support: Support) -> Check:
    """Whether scripts see a real ``/opt/ml``, by the setting ``isolation`` and what the kernel grants."""
    name = "/opt/ml"
    if isolation == "none":
        return Check(AREA, name, Status.OK, 'not wanted (isolation = "none"): scripts get other paths than on AWS')
    if support.reason is not None:
        status = Status.MISSING if isolation == "required" else Status.WARN
        return told(AREA, name, f"other paths than on AWS: a private one cannot be had, {support.reason}", status)
    finding = "private and real, as on AWS"
    if not support.processes:
        finding += "; process numbers are this machine's"
    return Check(AREA, name, Status.OK, finding)


def server(python: Interpreter) -> Check:
    """Whether the interpreter can serve a model."""
    found = python.versions(SERVER)
    absent = [name for name in SERVER if name not in found]
    if not absent:
        return Check(AREA, "model server", Status.OK, ", ".join(f"{name} {found[name]}" for name in SERVER))
    return Check(
        AREA,
        "model server",
        Status.WARN,
        f"{', '.join(absent)} not installed: deploy and transform cannot run",
        f"{python.path} -m pip install {' '.join(absent)}",
    )
