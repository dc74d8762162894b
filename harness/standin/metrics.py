"""The metrics that a training job's definitions find in what it prints; AWS has them in CloudWatch while it runs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.engine.store import Document

NAMESPACE = "/aws/sagemaker/TrainingJobs"
"""Of CloudWatch's; the one dimension is ``TrainingJobName`` (AWS developer guide, metric definitions)."""


@dataclass(frozen=True)
class Metric:
    """A value in a line."""

    name: str
    value: float


def finder(request: Document) -> Callable[[Iterable[str]], Iterator[Metric]]:
    """What finds the metrics in lines of a job; none for a job without definitions."""
    definitions: list[Any] = request.get("AlgorithmSpecification", {}).get("MetricDefinitions", [])
    patterns = [(each["Name"], re.compile(each["Regex"])) for each in definitions]

    def find(lines: Iterable[str]) -> Iterator[Metric]:
        for line in lines if patterns else ():
            for name, pattern in patterns:
                for match in pattern.finditer(line):
                    try:
                        value = float(match.group(1))
                    except (IndexError, TypeError, ValueError):
                        continue
                    if math.isfinite(value):  # CloudWatch takes no other
                        yield Metric(name, value)

    return find
