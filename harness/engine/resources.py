"""Models and endpoint configurations: named documents on disk, with AWS's words where one is missing or there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.engine.store import Document, now, read_json, write_json
from harness.errors import ServiceError


@dataclass(frozen=True)
class Resources:
    """All resources of one kind."""

    folder: Path
    kind: str
    """``Model``, ``EndpointConfig``: as in the names of AWS's operations and members."""
    words: str
    """The same in the words of AWS's messages: ``model``, ``endpoint configuration``."""
    arn: str
    """What comes before the name in an ARN."""

    def create(self, request: Document) -> Document:
        """Keep a request as what ``Describe…`` answers; gives ``{"…Arn": …}``."""
        name = request[f"{self.kind}Name"]
        path = self._path(name)
        if path.exists():
            raise ServiceError(
                "ValidationException",
                f'Cannot create already existing {self.words} "{self.arn}{name}".',
                f"Create{self.kind}",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        arn = {f"{self.kind}Arn": f"{self.arn}{name}"}
        write_json(path, {**{k: v for k, v in request.items() if k != "Tags"}, **arn, "CreationTime": now()})
        return arn

    def describe(self, name: str) -> Document:
        """The resource's ``Describe…`` document."""
        return read_json(self._existing(name, "Describe"))

    def delete(self, name: str) -> Document:
        """Forget the resource."""
        self._existing(name, "Delete").unlink()
        return {}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(path.stem for path in self.folder.glob("[!.]*.json"))

    def _existing(self, name: str, verb: str) -> Path:
        path = self._path(name)
        if not path.is_file():
            raise ServiceError(
                "ValidationException", f'Could not find {self.words} "{self.arn}{name}".', f"{verb}{self.kind}"
            )
        return path

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"
