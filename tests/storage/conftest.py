"""S3 in this process (moto), and a count of what was asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.storage import S3, Storage

BUCKET = "bucket"


@dataclass
class Cloud:
    """An S3 of one bucket."""

    client: Any
    folder: Path
    asked: Counter = field(default_factory=Counter)
    parameters: list = field(default_factory=list)

    def storage(self, **settings: Any) -> Storage:
        """A storage whose requests are counted."""
        made = Storage(self.folder / "cache", S3(region="us-east-1", **settings))

        def count(params: Any, model: Any, **_: Any) -> None:
            self.asked[model.name] += 1
            self.parameters.append((model.name, dict(params)))

        made.s3._client.meta.events.register("provide-client-params.s3.*", count)
        return made

    def put(self, **objects: str) -> None:
        """Objects by key."""
        for key, content in objects.items():
            self.client.put_object(Bucket=BUCKET, Key=key, Body=content.encode())

    def keys(self) -> list[str]:
        """All keys of the bucket."""
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


@pytest.fixture(scope="module")
def client() -> Any:
    """boto3's, for whatever S3 moto shows at the moment."""
    import boto3
    import moto  # noqa: F401 - what is made afterwards heeds it

    return boto3.client("s3", region_name="us-east-1", endpoint_url="https://s3.us-east-1.amazonaws.com")


@pytest.fixture
def cloud(client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    from moto import mock_aws

    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws():
        client.create_bucket(Bucket=BUCKET)
        yield Cloud(client, tmp_path)


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder and what is in it."""
    return {
        each.relative_to(folder).as_posix(): each.read_text() for each in sorted(folder.rglob("*")) if each.is_file()
    }
