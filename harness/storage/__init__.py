"""Data by its URI: ``file://`` is a path of this machine, ``s3://`` is read into a cache and written from files."""

from harness.storage.s3 import S3
from harness.storage.store import NoProgress, Progress, Storage, Uploaded
from harness.storage.uris import NoData, default_bucket, files, is_s3, local_path, split

__all__ = [
    "S3",
    "NoData",
    "NoProgress",
    "Progress",
    "Storage",
    "Uploaded",
    "default_bucket",
    "files",
    "is_s3",
    "local_path",
    "split",
]
