"""Objects of S3 on the wire: listed, read and verified, sent unless they are there, removed."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import ConfigurationError, HarnessError, ServiceError
from harness.storage.aws_errors import code_of, translated
from harness.storage.session import client_config, open_session
from harness.storage.uris import Object, split

_ATTEMPTS = 3
"""At reading one object whose connection breaks midway; the request itself is repeated by boto3."""
_BUFFER = 1 << 20
SMALL = 1 << 20
"""Bytes up to which a file is looked at, or sent, as a whole: a thread for it would cost more."""
_MULTIPART = 64 << 20
"""Bytes from which an upload goes in parts, several at a time."""
_HASH = "sha256"
"""The metadata key of our uploads, which holds the SHA-256 of their bytes."""


@dataclass(frozen=True)
class S3:
    """Settings alone; a client is made at the first request."""

    region: str | None = None
    profile: str | None = None
    """Of the AWS credentials; None: the standard chain."""
    kms_key: str | None = None
    """KMS key that uploads are encrypted with; None: the bucket's default."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """Bucket -> account that has to own it; every request to it says so."""

    @cached_property
    def _session(self) -> Any:
        return open_session(self.region, self.profile)

    @cached_property
    def _client(self) -> Any:
        client = self._session.client("s3", config=client_config())
        client.meta.events.register_last("before-call.s3", _send_at_once)
        return client

    def check(self) -> None:
        """Find out ahead of the first request whether there is what S3 cannot be asked without.

        Raises:
            MissingCapability: there is no boto3, or there are no credentials.
            ConfigurationError: there is no such profile.
        """
        with translated():
            from botocore.exceptions import NoCredentialsError

            if self._session.get_credentials() is None:
                raise NoCredentialsError

    def connect(self) -> None:
        """Make the client now: making one is not safe in threads, using it is."""
        _ = self._client

    def objects(self, uri: str) -> list[Object]:
        """The objects whose keys begin with an ``s3://`` URI, in S3's order."""
        bucket, prefix = split(uri)
        found = []
        with translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix, **self._owner(bucket)
            )
            for page in pages:
                for each in page.get("Contents", ()):
                    modified = int(each["LastModified"].timestamp())
                    found.append(Object(each["Key"], each["ETag"], each["Size"], modified))
        return found

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Remove objects."""
        remaining = list(keys)
        while remaining:
            page, remaining = remaining[:1000], remaining[1000:]
            with translated():
                self._client.delete_objects(
                    Bucket=bucket,
                    Delete={"Objects": [{"Key": key} for key in page], "Quiet": True},
                    **self._owner(bucket),
                )

    def make_bucket(self, bucket: str) -> bool:
        """Make sure that a bucket is there, in our region and of the account in ``owners``; True if it was made.

        Raises:
            ConfigurationError: it is somebody else's, or in another region.
        """
        try:
            with translated():
                there = self._client.head_bucket(Bucket=bucket, **self._owner(bucket))
        except ServiceError as error:
            if code_of(error) in {"404", "NoSuchBucket"}:
                self._create_bucket(bucket)
                return True
            if code_of(error) in {"403", "AccessDenied"}:
                raise ConfigurationError(
                    f"The bucket {bucket} belongs to somebody else, or your credentials may not use it. "
                    "Set default_bucket to one of your own."
                ) from error
            if code_of(error) in {"301", "PermanentRedirect"}:
                raise self._elsewhere(bucket, "another region") from error
            raise
        region = there.get("BucketRegion")
        if region and self.region and region != self.region:
            raise self._elsewhere(bucket, region)
        return False

    def _create_bucket(self, bucket: str) -> None:
        region = self._client.meta.region_name
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            with translated():
                self._client.create_bucket(Bucket=bucket, **where)
        except ServiceError as error:
            if code_of(error) == "BucketAlreadyExists":
                raise ConfigurationError(
                    f"The bucket {bucket} belongs to another account. Set default_bucket to one of your own."
                ) from error
            if code_of(error) not in {"BucketAlreadyOwnedByYou", "OperationAborted"}:  # another process was first
                raise
        with translated():
            self._client.get_waiter("bucket_exists").wait(Bucket=bucket, **self._owner(bucket))

    def _elsewhere(self, bucket: str, region: str) -> ConfigurationError:
        return ConfigurationError(
            f"The bucket {bucket} is in {region}, the job in {self.region}. Set default_bucket or region."
        )

    def _owner(self, bucket: str) -> dict[str, str]:
        return {"ExpectedBucketOwner": self.owners[bucket]} if bucket in self.owners else {}

    def read(self, bucket: str, key: str, target: Path, wanted: Object | None = None) -> None:
        """GET an object, as a whole, and hold its size, ETag and checksum against its bytes."""
        for attempt in range(1, _ATTEMPTS + 1):
            problem = self._read_once(bucket, key, target, wanted)
            if problem is None:
                return
            if attempt == _ATTEMPTS:
                raise HarnessError(f"s3://{bucket}/{key} could not be read whole in {_ATTEMPTS} attempts: {problem}.")

    def _read_once(self, bucket: str, key: str, target: Path, wanted: Object | None) -> str | None:
        """What went wrong with the bytes; None if nothing did."""
        import hashlib

        from botocore.exceptions import (
            FlexibleChecksumError,
            IncompleteReadError,
            ReadTimeoutError,
            ResponseStreamingError,
        )

        condition = {"IfMatch": wanted.etag} if wanted else {}
        md5 = hashlib.md5(usedforsecurity=False)
        with translated():
            answer = self._client.get_object(
                Bucket=bucket, Key=key, ChecksumMode="ENABLED", **condition, **self._owner(bucket)
            )
            try:
                with answer["Body"] as body, target.open("wb") as file:
                    while block := body.read(_BUFFER):
                        file.write(block)
                        md5.update(block)
                    size = file.tell()
            except (FlexibleChecksumError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError) as error:
                return str(error)
        if size != answer["ContentLength"]:
            return f"{size:,} bytes came of {answer['ContentLength']:,}"
        digest = _md5_of(answer["ETag"])
        encrypted = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
        if digest and not encrypted and digest != md5.hexdigest():
            return "its bytes do not have the MD5 that its ETag says"
        return None

    def put(self, path: Path, bucket: str, key: str, there: Object | None) -> int | None:
        """Send a file unless the same bytes are there; its size, or None."""
        import hashlib

        if is_same(path, there):
            return None
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = hashlib.file_digest(file, "sha256").hexdigest()
            if there is not None and there.size == size and self._hash_there(bucket, key) == content:
                return None
            file.seek(0)
            extra: dict[str, Any] = {"Metadata": {_HASH: content}, **self._owner(bucket)}
            if self.kms_key:
                extra |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key}
            with translated():
                if size < _MULTIPART:
                    body = file if size > SMALL else file.read()
                    self._client.put_object(Bucket=bucket, Key=key, Body=body, **extra)
                else:
                    self._put_in_parts(path, bucket, key, extra)
        return size

    def _put_in_parts(self, path: Path, bucket: str, key: str, extra: dict[str, Any]) -> None:
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import ClientError

        try:
            self._client.upload_file(str(path), bucket, key, ExtraArgs=extra)
        except S3UploadFailedError as error:
            if isinstance(error.__context__, ClientError):
                raise error.__context__ from None
            raise HarnessError(str(error)) from error

    def _hash_there(self, bucket: str, key: str) -> str | None:
        with translated():
            answer = self._client.head_object(Bucket=bucket, Key=key, **self._owner(bucket))
        found: str | None = answer["Metadata"].get(_HASH)
        return found


def _send_at_once(params: dict[str, Any], **_: Any) -> None:
    """Have bytes go with their request: boto3 would ask S3 first whether they may come, and wait, however few."""
    if isinstance(params.get("body"), io.BytesIO):
        params["headers"].pop("Expect", None)


def is_same(path: Path, there: Object | None) -> bool:
    """Whether an object holds a file's bytes, as far as its size and ETag can tell."""
    import hashlib

    if there is None or path.stat().st_size != there.size:
        return False
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return digest == _md5_of(there.etag)


def _md5_of(etag: str) -> str | None:
    """The MD5 that an ETag is, for an object that was sent in one piece and is not encrypted with a key of KMS."""
    plain = etag.strip('"')
    return plain if len(plain) == 32 and "-" not in plain else None
