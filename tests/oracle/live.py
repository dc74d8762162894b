"""Runs inside the environment of the real toolkit: one line of JSON is a job, one line is what its script would see.

Everything is the toolkit's own, `sagemaker_training.trainer.train` from beginning to end. Only the program that is
started at the end is exchanged for one that does nothing; the kernel still gets the real arguments and variables.
"""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

answers = os.fdopen(os.dup(1), "w")
silence = os.open(os.devnull, os.O_WRONLY)
os.dup2(silence, 1)
os.dup2(silence, 2)

# The folder of this file stands where the folder of the `train` command stands in a job.
sys.path[0] = str(Path(sys.executable).parent)
PATH = list(sys.path)
BASE = Path(os.environ["SAGEMAKER_BASE_DIR"])

from sagemaker_training import process, trainer  # noqa: E402

started = []


def start_nothing(command, **options):
    started.append({"command": list(command), "cwd": str(options["cwd"]), "environment": dict(options["env"])})
    return subprocess.Popen(command, executable="/bin/true", **options)


process.subprocess = SimpleNamespace(Popen=start_nothing)


def run(job):
    for name, document in job["files"].items():
        (BASE / "input/config" / name).write_text(json.dumps(document))
    setup = BASE / "code/setup.py"
    setup.unlink(missing_ok=True)
    if job["has_setup_py"]:
        setup.touch()
    for name in ("failure", "success"):
        (BASE / "output" / name).unlink(missing_ok=True)
    started.clear()
    sys.path[:] = PATH
    os.environ.clear()
    os.environ.update(job["environment"])
    logging.root.handlers.clear()
    try:
        trainer.train()
    except SystemExit as end:
        if end.code == 0:
            return started[-1]
        return {"exit_code": end.code, "failure": (BASE / "output/failure").read_text()}


def reply(document):
    answers.write(json.dumps(document) + "\n")
    answers.flush()


reply({"num_cpus": os.cpu_count(), "python": sys.executable, "pythonpath": PATH})
for line in sys.stdin:
    reply(run(json.loads(line)))
