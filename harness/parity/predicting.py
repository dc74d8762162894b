"""What trained models predict, asked of them in a process of its own: a model is a pickle, and a pickle is a program.

That process is the job's interpreter, which has the job's libraries; what runs in it is ``predictor``.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.parity import predictor
from harness.parity.outcomes import Predictions
from harness.parity.rows import Rows

_KEPT = ("HOME", "TMPDIR", "USER", "LOGNAME", "PATH")


@dataclass(frozen=True)
class Predicted:
    """What came of it."""

    models: Mapping[str, Predictions]
    """Name of a model -> what it predicts."""
    rows: Rows | None
    """What was predicted: the model's features alone. None if no model predicted anything."""


class Predicting:
    """Models that are being asked. It goes on beside the caller, who may do other things before he wants the result."""

    def __init__(
        self, python: str, code: Path, program: str, models: Mapping[str, Path], rows: Rows, *, deadline: float
    ) -> None:
        """Start asking.

        Args:
            python: the job's interpreter.
            code: folder of the script that serves.
            program: its name there.
            models: name of a model -> the unpacked ``model.tar.gz``.
            rows: what to predict.
            deadline: seconds that it may take.
        """
        self._rows, self._names, self._seconds = rows, list(models), deadline
        self._deadline = time.monotonic() + deadline
        task = {
            "code": str(code),
            "program": program,
            "models": {name: str(folder) for name, folder in models.items()},
            "cells": rows.cells,
            "labelled": rows.labelled,
            "names": rows.names,
        }
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore", "PYTHONIOENCODING": "utf-8"}
        its_end, ours = os.pipe()
        self._alive = os.fdopen(ours, "wb", 0)
        # A file, not a pipe: nobody has to wait for processes that the model leaves behind, who hold it open.
        self._complaint = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed below
        with tempfile.TemporaryFile("w+", encoding="utf-8") as given, os.fdopen(its_end):
            json.dump(task, given)
            given.seek(0)
            self._process = subprocess.Popen(
                [python, "-c", Path(predictor.__file__).read_text("utf-8"), str(its_end)],
                pass_fds=(its_end,),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=self._complaint,
                env=environment,
                cwd=code,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        self._result: Predicted | None = None

    def result(self) -> Predicted:
        """What the models predict; waits for it."""
        if self._result is None:
            try:
                left = max(0.0, self._deadline - time.monotonic())
                answer, _ = self._process.communicate(timeout=left)
                self._complaint.seek(0)
                self._result = self._read(answer, self._complaint.read())
            except subprocess.TimeoutExpired:
                self.close()
                self._result = self._failed(f"there was no prediction within {self._seconds:g} s")
        return self._result

    def close(self) -> None:
        """End it, if it goes on, and whatever it has started."""
        if self._alive.closed:
            return
        self._alive.close()
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()
        self._complaint.close()

    def _read(self, answer: str, complaint: str) -> Predicted:
        try:
            told = json.loads(answer.splitlines()[-1])
        except (ValueError, IndexError):
            last = (complaint.strip().splitlines() or [f"exit code {self._process.returncode}"])[-1]
            return self._failed(f"the model could not be asked: {last}")
        models = {
            name: Predictions(*(told[name].get(part) for part in ("values", "error", "again"))) for name in self._names
        }
        columns = next((told[name]["columns"] for name in self._names if "columns" in told[name]), None)
        return Predicted(models, self._rows.columns(columns) if columns else None)

    def _failed(self, reason: str) -> Predicted:
        return Predicted({name: Predictions(error=reason) for name in self._names}, None)
