"""The real toolkit, kept running for the session."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import venvs
from tests.oracle.toolkits import toolkit

VERSION = "4.8.0"
HERE = Path(__file__).parent
ENTRIES = ("train.py", "src/train.py", "train.sh", "run", "a.py.py", "my train.py")


class LiveToolkit:
    """The toolkit in a process of its own; see `live.py` for what is real about it (nearly everything)."""

    def __init__(self, home: Path, base: Path) -> None:
        self.home = home
        self.base = base
        self.environment = {
            "PATH": f"{home}/bin:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "SAGEMAKER_BASE_DIR": str(base),
            # Local mode in Studio: no waiting for host names that do not resolve here.
            "SM_STUDIO_LOCAL_MODE": "true",
        }
        for folder in ("input/config", "code/src", "model", "output/data"):
            (base / folder).mkdir(parents=True)
        for name in ENTRIES:
            (base / "code" / name).touch()
        self._process = subprocess.Popen(
            [home / "bin/python", HERE / "live.py"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.machine: dict[str, Any] = self._answer()

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        assert self._process.stderr
        line = self._process.stdout.readline()
        assert line, f"The toolkit's process ended: {self._process.stderr.read()}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="session")
def live_toolkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveToolkit]:
    home = toolkit(VERSION, ensure=venvs.ensure_for_test)
    live = LiveToolkit(home, tmp_path_factory.mktemp("opt") / "ml")
    yield live
    live.close()
