"""Tags of SageMaker's resources, by ARN: one document on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.engine.store import Document, read_json, write_json
from harness.errors import ServiceError

_PAGE = 50
"""Tags of a ``ListTags`` answer where the request does not say (AWS's API model)."""

_MOST = 50
"""Tags of a resource (AWS, Tagging)."""


class Tags:
    """All tags of one account. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, arn: str, tags: Iterable[Mapping[str, str]]) -> Document:
        """Set tags; gives all tags of the resource, as ``AddTags`` answers.

        Raises:
            ServiceError: it would have more than 50; it has those that it had.
        """
        with self._lock:
            every = self._read()
            every[arn] = {**every.get(arn, {}), **{tag["Key"]: tag["Value"] for tag in tags}}
            if len(every[arn]) > _MOST:
                message = f"{arn} would have {len(every[arn])} tags; a resource may have {_MOST}."
                raise ServiceError("ValidationException", message, "AddTags")
            self._write(every)
        return {"Tags": _as_list(every[arn])}

    def remove(self, arn: str, keys: Iterable[str]) -> Document:
        """Remove tags; those that are not there are no error."""
        with self._lock:
            every = self._read()
            for key in keys:
                every.get(arn, {}).pop(key, None)
            self._write(every)
        return {}

    def forget(self, arn: str) -> None:
        """The resource is gone."""
        with self._lock:
            every = self._read()
            if every.pop(arn, None) is not None:
                self._write(every)

    def list(self, arn: str, *, first: int = 0, limit: int | None = None) -> Document:
        """A page of a resource's tags, as ``ListTags`` answers."""
        tags = _as_list(self._read().get(arn, {}))
        last = first + (limit or _PAGE)
        return {"Tags": tags[first:last], **({"NextToken": str(last)} if last < len(tags) else {})}

    def _read(self) -> Document:
        return read_json(self._path) if self._path.exists() else {}

    def _write(self, every: Document) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, every)


def _as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
