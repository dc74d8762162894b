"""What is said of a model that was trained with other versions of its libraries than it is served with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from harness.config import Config
from harness.engine.environment import framework_version
from harness.engine.store import Job
from harness.errors import HarnessError
from harness.storage import is_s3, local_path
from harness.submission import Submission


def told(config: Config, data: str, submission: Submission) -> str | None:
    """That a model may be of no use where it is served, as far as it is known what trained it, and what serves it.

    Args:
        config: where it is served, and with which interpreter.
        data: URI of the model.
        submission: the endpoint or the batch transform job.
    """
    from harness.doctor import drift

    trained, served = _trained_with(config, data), _served_with(config, submission)
    kept = set(served).difference(_required(config))
    broken = [each for each in trained if each in kept and not drift.loads(each, trained[each], served[each])]
    if not broken:
        return None
    one, other = (", ".join(f"{name} {of[name]}" for name in broken) for of in (trained, served))
    return (
        f"{submission.name}: the model was trained with {one}, and is served with {other}, which may not load it or "
        "fail at predictions; `harness doctor` says how this machine gets the image's versions"
    )


def _trained_with(config: Config, data: str) -> Mapping[str, str]:
    """What the run folder of the model's training job says; empty without one, and for a stand-in's job."""
    from harness.standin.aws import ACCOUNT  # whose jobs name AWS's image, and ran with what there was

    job = Job(local_path(data).parent.parent if not is_s3(data) else config.runs_dir / _job_in_s3(data))
    with suppress(HarnessError, OSError):
        description = job.description
        if job.kind == "TrainingJob" and f":{ACCOUNT}:" not in description["TrainingJobArn"]:
            facts = description.get("Harness", {})
            return facts.get("Versions") or _in_image(job.request["AlgorithmSpecification"].get("TrainingImage"))
    return {}


def _job_in_s3(uri: str) -> str:
    """AWS writes to ``…/JOB/output/model.tar.gz``."""
    return (["", "", *uri.split("/")])[-3]


def _served_with(config: Config, submission: Submission) -> Mapping[str, str]:
    if config.on == "remote" and "AWS_ENDPOINT_URL" in os.environ:  # a stand-in serves with what it has
        return {}
    if config.on != "local":
        return _in_image(submission.model["PrimaryContainer"].get("Image"))
    from harness.engine.interpreter import interpreter

    with suppress(HarnessError):  # it cannot be run, which is said elsewhere
        return interpreter(str(config.python) if config.python else None).versions()
    return {}


def _in_image(image: str | None) -> Mapping[str, str]:
    from harness.doctor import drift

    version = framework_version(image or "")
    return drift.pinned(version) if version else {}


def _required(config: Config) -> Iterator[str]:
    """Distributions of which the source itself says what there is to be."""
    from harness.lint import packages

    folder = config.deploy.source_dir or config.source_dir or Path()
    with suppress(OSError, UnicodeDecodeError):
        yield from packages.requirements((folder / "requirements.txt").read_text("utf-8")).distributions
