"""S3's buckets, kept in the stand-in's folder from its end to its next start."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.errors import ConfigurationError, HarnessError
from harness.standin.aws import ACCOUNT

_INDEX = "index.json"


@contextmanager
def kept(archive: Path) -> Iterator[None]:
    """Have the buckets of an archive, and at the end write all that there are into it, beside and renamed.

    An archive has the bytes of each object under its number, and ``index.json``: buckets with their regions, objects
    with their keys, metadata, ETags and times. Names are no paths in it, since a key may be anything.

    Raises:
        ConfigurationError: the archive is none of ours, or broken.
        HarnessError: it could not be written; the one before is as it was.
    """
    if archive.exists():
        try:
            _load(archive)
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{archive} is not what a stand-in has written ({error}); remove it.") from error
    try:
        yield
    finally:  # also when it is broken off
        beside = archive.with_suffix(".new")
        try:
            _save(beside)
            beside.replace(archive)
        except OSError as error:
            raise HarnessError(f"The buckets could not be kept in {archive}: {error.strerror}.") from error
        finally:
            beside.unlink(missing_ok=True)


def _save(archive: Path) -> None:
    from moto.s3.models import s3_backends

    buckets: list[dict[str, Any]] = []
    with zipfile.ZipFile(archive, "w") as written:
        for name, bucket in s3_backends[ACCOUNT]["aws"].buckets.items():
            objects: list[dict[str, Any]] = []
            for key in bucket.keys.values():
                number = f"{len(buckets)}/{len(objects)}"
                written.writestr(number, key.value)
                objects.append(
                    {
                        "Key": key.name,
                        "Metadata": dict(key.metadata),
                        "ETag": key.etag.strip('"'),
                        "LastModified": key.last_modified.isoformat(),
                    }
                )
            buckets.append({"Bucket": name, "Region": bucket.region_name, "Objects": objects})
        written.writestr(_INDEX, json.dumps({"Buckets": buckets}, indent=2))


def _load(archive: Path) -> None:
    from moto.s3.models import s3_backends

    backend = s3_backends[ACCOUNT]["aws"]
    with zipfile.ZipFile(archive) as read:
        for at, bucket in enumerate(json.loads(read.read(_INDEX))["Buckets"]):
            backend.create_bucket(bucket["Bucket"], bucket["Region"])
            for number, each in enumerate(bucket["Objects"]):
                made = backend.put_object(bucket["Bucket"], each["Key"], read.read(f"{at}/{number}"), etag=each["ETag"])
                made.set_metadata(each["Metadata"])
                made.last_modified = datetime.fromisoformat(each["LastModified"])
