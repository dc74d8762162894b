"""What a supervisor of local mode runs: every kind of job by the SDK."""

from __future__ import annotations

from harness.engine.hosts import Control
from harness.engine.launcher import Launcher
from harness.engine.store import Job
from harness.targets.localmode import hosting, processing, training

_RUNNERS = {
    "TrainingJob": training.run,
    "ProcessingJob": processing.run,
    "TransformJob": hosting.run_transform,
    "Endpoint": hosting.run_endpoint,
}


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Run the job to its end and write down how it ended. Called in a process of its own."""
    _RUNNERS[job.kind](job, control, launcher)
