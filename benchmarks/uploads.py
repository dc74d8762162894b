"""Many small files on their way to S3: a second time, and against SDK v2. S3 is the stand-in's, on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.paired import Spread, Target, plain_environment
from benchmarks.project import workspace
from benchmarks.standin import environment_of_sdk, standin

ROUNDS = 5
FILES = 1000
_SDK = """
import sys, time
import sagemaker

session = sagemaker.Session()
session.default_bucket()
start = time.perf_counter()
session.upload_data(sys.argv[1], key_prefix=sys.argv[2])
print("seconds", time.perf_counter() - start)
"""
_OURS = f"""
import sys, time
from pathlib import Path
from harness.storage import S3, Storage, default_bucket

bucket = default_bucket(sys.argv[3], sys.argv[4])
storage = Storage(Path("cache"), S3(sys.argv[4]))
storage.s3.make_bucket(bucket)
for wanted in ({FILES}, 0):
    start = time.perf_counter()
    uploaded = storage.upload(Path(sys.argv[1]), f"s3://{{bucket}}/{{sys.argv[2]}}")
    print("seconds", time.perf_counter() - start)
    assert uploaded.sent == wanted, uploaded
"""


@dataclass(frozen=True)
class Transfer:
    """Seconds without any start: SDK v2's transfer, ours, and ours of what is there already."""

    title: str
    sdk: Spread
    ours: Spread
    again: Spread
    target: Target
    again_target: Target

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        return asdict(self)

    def __str__(self) -> str:
        sdk, ours, again = (each.median for each in (self.sdk, self.ours, self.again))
        first = f"  SDK v2 {sdk:.2f} s, harness {ours:.2f} s: ratio {ours / sdk:.2f}; target: {self.target}"
        return f"{self.title}\n{first}\n  a second time {again:.2f} s; target: {self.again_target}"


def measure(rounds: int) -> Iterator[Transfer]:
    """``FILES`` files by SDK v2's ``upload_data`` and by our storage, in turn."""
    sdk = str(environment_of_sdk())
    with workspace() as folder, standin(folder) as environment:
        data = folder / "data"
        data.mkdir()
        for number in range(FILES):
            (data / f"{number:04d}.csv").write_text(f"{number}," * 20)
        account, region = environment["HARNESS_ROLE"].split(":")[4], environment["AWS_REGION"]
        theirs, ours, again = [], [], []
        for _ in range(rounds):
            theirs += _seconds((sdk, "-c", _SDK, str(data), uuid4().hex), folder, environment)
            first, second = _seconds(
                (sys.executable, "-c", _OURS, str(data), uuid4().hex, account, region), folder, environment
            )
            ours.append(first)
            again.append(second)
    yield Transfer(
        f"{FILES:,} small files to S3, in {rounds} rounds",
        Spread.of(theirs),
        Spread.of(ours),
        Spread.of(again),
        Target(ratio=1 / 3),
        Target(difference=0.5),
    )


def _seconds(arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> list[float]:
    """What a command says that its transfers took.

    Raises:
        RuntimeError: it failed.
    """
    variables = {**plain_environment(), **environment}
    done = subprocess.run(arguments, cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {done.returncode}:\n{done.stderr}")
    return [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("seconds ")]
