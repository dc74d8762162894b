"""What a batch transform costs: a million rows through a model server against one process that does the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.paired import Command, Comparison, Target, compare
from benchmarks.project import HARNESS, ROOT, workspace
from benchmarks.serving import Project

ROUNDS = 3
FILES, ROWS = 20, 50_000
LINES = (
    *("--content-type", "text/csv", "--accept", "text/csv"),
    *("--split-type", "Line", "--assemble-with", "Line", "--strategy", "MultiRecord"),
    *("--max-concurrent-transforms", "2"),
)
"""Options of a transform that sends as many rows at a time as fit, and two requests at a time."""
BARE = """
import sys, tarfile
from pathlib import Path
import joblib, pandas

model_data, source, target = sys.argv[1:]
with tarfile.open(model_data.removeprefix("file://")) as tar:
    model = joblib.load(tar.extractfile("model.joblib"))
Path(target).mkdir(exist_ok=True)
for file in sorted(Path(source).iterdir()):
    rows = pandas.read_csv(file, header=None).to_numpy()
    pandas.DataFrame(model.predict(rows)).to_csv(Path(target, file.name), header=False, index=False)
"""


def measure(rounds: int) -> Iterator[Comparison]:
    """The sample's model over ``FILES`` files of ``ROWS`` rows each, as many to a request as fit."""
    with workspace() as folder:
        project, source = Project(folder), folder / "in"
        write_rows(source)
        bare = (sys.executable, "-c", BARE, project.model, str(source), str(folder / "bare"))
        places = ("--model-data", project.model, "--input", str(source), "--output", str(folder / "out"))
        transform = (HARNESS, "transform", "--on", "local", *places, *LINES)
        yield compare(
            f"{FILES * ROWS:,} rows in {FILES} files: harness transform against one bare process",
            Command("bare process", bare, ROOT),
            Command("harness transform", transform, ROOT, project.environment),
            rounds,
            Target(ratio=3),
        )


def write_rows(folder: Path) -> None:
    """``FILES`` files of ``ROWS`` rows each of the sample, without their labels."""
    rows = [line.partition(",")[2] for line in (ROOT / "data" / "train" / "iris.csv").read_text().splitlines()]
    text = "".join(f"{rows[index % len(rows)].replace(' ', '')}\n" for index in range(ROWS))
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02d}.csv").write_text(text)
