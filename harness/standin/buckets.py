"""S3's buckets, kept in the stand-in's folder from one start to the next."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.errors import ConfigurationError, HarnessError
from harness.standin.aws import ACCOUNT

_INDEX = "index.json"


@contextmanager
def kept(archive: Path) -> Iterator[Callable[[], None]]:
    """Have the buckets of an archive, and at the end write all that there are into it, beside and renamed.

    What is given has them written soon, in a thread of its own: for moments after which a stand-in may be killed and
    yet be expected to have them.

    An archive has the bytes of each object under its number, and ``index.json``: buckets with their regions, tags and
    whether they are versioned, objects with their keys, metadata, tags, ETags and times. Names are no paths in it,
    since a key may be anything. Of an object with several versions it has the last.

    Raises:
        ConfigurationError: the archive is none of ours, or broken.
        HarnessError: it could not be written; the one before is as it was.
    """
    if archive.exists():
        try:
            _load(archive)
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{archive} is not what a stand-in has written ({error}); remove it.") from error
    in_use = archive.with_suffix(".open")
    if in_use.exists():
        said = (
            f"The last stand-in with {archive.parent} was killed: its buckets are as they were when a job last ended."
        )
        sys.stderr.write(f"{said}\n")
    in_use.touch()
    saver = _Saver(archive)
    try:
        yield saver.soon
    finally:  # also when it is broken off
        saver.close()
        _write(archive)
        in_use.unlink(missing_ok=True)


class _Saver:
    """Writes an archive as often as it is asked to, one at a time; who asks while another waits is served by that."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._pool = ThreadPoolExecutor(1, "buckets")
        self._last: Future[None] | None = None

    def soon(self) -> None:
        if self._last is None or self._last.running() or self._last.done():
            self._last = self._pool.submit(self._save)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _save(self) -> None:
        try:
            _write(self._archive)
        except HarnessError as error:
            sys.stderr.write(f"{error.message}\n")
        except (KeyError, ValueError):  # somebody has removed what was being read; the next time it may stay
            pass


def _write(archive: Path) -> None:
    beside = archive.with_suffix(".new")
    try:
        _save(beside)
        beside.replace(archive)
    except OSError as error:
        raise HarnessError(f"The buckets could not be kept in {archive}: {error.strerror}.") from error
    finally:
        beside.unlink(missing_ok=True)


def _save(archive: Path) -> None:
    from moto.s3.models import FakeKey, s3_backends

    backend = s3_backends[ACCOUNT]["aws"]
    tags_of = backend.tagger.get_tag_dict_for_resource
    buckets: list[dict[str, Any]] = []
    with zipfile.ZipFile(archive, "w") as written:
        for name, bucket in list(backend.buckets.items()):
            objects: list[dict[str, Any]] = []
            for key in bucket.keys.values():
                if not isinstance(key, FakeKey):  # the mark of one that has been deleted
                    continue
                number = f"{len(buckets)}/{len(objects)}"
                written.writestr(number, key.value)
                objects.append(
                    {
                        "Key": key.name,
                        "Metadata": dict(key.metadata),
                        "Tags": tags_of(key.arn),
                        "ETag": key.etag.strip('"'),
                        "LastModified": key.last_modified.isoformat(),
                    }
                )
            about = {"Bucket": name, "Region": bucket.region_name, "Versioning": bucket.versioning_status}
            buckets.append({**about, "Tags": tags_of(bucket.arn), "Objects": objects})
        written.writestr(_INDEX, json.dumps({"Buckets": buckets}, indent=2))


def _load(archive: Path) -> None:
    from moto.s3.models import s3_backends

    backend = s3_backends[ACCOUNT]["aws"]
    with zipfile.ZipFile(archive) as read:
        for at, bucket in enumerate(json.loads(read.read(_INDEX))["Buckets"]):
            name = bucket["Bucket"]
            made = backend.create_bucket(name, bucket["Region"])
            for number, each in enumerate(bucket["Objects"]):
                key = backend.put_object(name, each["Key"], read.read(f"{at}/{number}"), etag=each["ETag"])
                key.set_metadata(each["Metadata"])
                key.last_modified = datetime.fromisoformat(each["LastModified"])
                backend.put_object_tagging(key, each.get("Tags"))
            made.versioning_status = bucket.get("Versioning")
            backend.put_bucket_tagging(name, bucket.get("Tags") or {})
