"""What is said of image drift before something runs in a container."""

from __future__ import annotations

import click

from harness.config import Config
from harness.errors import ConfigurationError
from harness.submission import Submission


def tell(config: Config, submission: Submission) -> None:
    """Say on stderr if a model that was pickled here may not load in the image, or the other way round."""
    if config.on not in {"container", "localmode"}:
        return
    from harness.doctor import drift
    from harness.engine.environment import framework_version
    from harness.engine.interpreter import interpreter

    version = framework_version(_image(submission))
    if version is None:
        return
    try:
        here = interpreter(str(config.python) if config.python else None).versions()
    except ConfigurationError:  # no container needs it
        return
    if risk := drift.risk(here, drift.pinned(version)):
        click.echo(f"{submission.name}: {risk}; `harness doctor` says what mends it", err=True)


def _image(submission: Submission) -> str:
    """The image's name; empty where the request leaves it to a model that exists already."""
    match submission.kind:
        case "TrainingJob":
            named = submission.request.get("AlgorithmSpecification", {}).get("TrainingImage")
        case "ProcessingJob":
            named = submission.request.get("AppSpecification", {}).get("ImageUri")
        case _:
            named = submission.model.get("PrimaryContainer", {}).get("Image")
    return str(named or "")
