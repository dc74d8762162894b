"""Tags, of whatever carries them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.validation.findings import Finding
from harness.validation.prose.request import objects, repeated, text


def unique_tag_keys(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Tag keys are unique per resource (SageMaker API reference, Tag)."""
    yield from repeated(objects(request, "Tags"), "Key", "tag-keys-unique")


def no_reserved_tag_keys(request: Mapping[str, Any]) -> Iterator[Finding]:
    """The prefix ``aws:``, in any case, is AWS's own (AWS tagging guide, tag naming limits)."""
    for path, tag in objects(request, "Tags"):
        if text(tag, "Key").lower().startswith("aws:"):
            yield Finding(f"{path}.Key", "the prefix aws: is reserved for AWS", "tag-key-reserved")


RULES = (unique_tag_keys, no_reserved_tag_keys)
