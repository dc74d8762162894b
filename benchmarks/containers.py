"""What the harness adds to a container: the iris sample by ``docker run`` and by us, whole processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks import by_hand
from benchmarks.paired import Command, Comparison, Target, compare
from benchmarks.project import HARNESS, ROOT, planned, workspace
from harness.engine.image import resolve
from harness.images import DEFAULT_VERSION, image_uri
from harness.images.engine import engine

ROUNDS = 10
IMAGE = image_uri(DEFAULT_VERSION, "us-east-1")

_LAUNCH = """
import sys
from pathlib import Path
from harness.engine.containers import open_launcher
from harness.engine.hosts import Log, run_hosts
from harness.engine.launcher import HostSpec, Mount
from harness.engine.store import Store

class Nobody:
    files = ()
    def receive(self): return None
    def notify(self): pass

runs, tree, data, image = sys.argv[1:]
store = Store(Path(runs))
job, lock = store.create("bench", "CreateTrainingJob", {}, {"TrainingJobName": "bench", "TrainingJobStatus": "Failed"})
mounts = tuple(Mount(Path(data, name), f"/opt/ml/input/data/{name}") for name in ("train", "test"))
spec = HostSpec("algo-1", ("train",), {}, "", tree=Path(tree), mounts=mounts)
log = Log(job.log)
ended = run_hosts(open_launcher(job, image, "ml.m5.large"), [spec], log=log, control=Nobody())
log.close()
store.discard(job, lock)
sys.exit(1 if ended.failed else 0)
"""


def measure(rounds: int) -> Iterator[Comparison]:
    """``docker run`` on a tree made by hand, against the whole harness and against its launcher alone."""
    with engine() as client:
        name = resolve(client, IMAGE)
    data = ROOT / "data"
    with workspace() as folder:
        tree = folder / "ml"
        hand = by_hand.train(tree, planned(ROOT / "pyproject.toml"), ROOT / "entry", name)
        ours = (sys.executable, "-c", _LAUNCH, str(folder / "runs"), str(tree), str(data), name)
        whole = (HARNESS, "train", "--on", "container", "--config", str(ROOT / "pyproject.toml"))
        for what, command in (
            (
                "harness train --on container",
                Command("harness", whole, ROOT, {"HARNESS_RUNS_DIR": str(folder / "all")}),
            ),
            ("our launcher", Command("launcher", ours, ROOT)),
        ):
            title = f"The iris sample in a container: {what} against docker run"
            yield compare(title, hand, command, rounds, Target(ratio=1.25))
