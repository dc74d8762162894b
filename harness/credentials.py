"""Files that hold credentials, told by their names and by how they begin."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_NAMES: Final = re.compile(
    r"\.env(\.(?!example$|sample$|template$).+)?|id_(rsa|dsa|ecdsa|ed25519)|\.netrc|\.pypirc|\.git-credentials"
    r"|.+\.(p12|pfx|jks)"
)
_CONTENTS: Final = {
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    # AWS's documentation uses keys that end in EXAMPLE; they open nothing.
    "an AWS access key": re.compile(rb"(?<![A-Za-z0-9])A[KS]IA(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    "AWS credentials": re.compile(
        rb"aws_?(?:secret_?access_?key|session_?token)[\"']?\s*[=:]\s*[\"']?"
        rb"(?![A-Za-z0-9/+]{30}EXAMPLEKEY)[A-Za-z0-9/+]{40}",
        re.IGNORECASE,
    ),
}
_SCANNED: Final = 1 << 20
"""Bytes. Credentials are short files, and the first megabyte of a long one is enough."""


def found_in(path: Path) -> str | None:
    """What a file holds that nobody else should see, in a few words; None if it is nothing of the kind.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as content:
        start = content.read(_SCANNED)
    found = next((what for what, pattern in _CONTENTS.items() if pattern.search(start)), None)
    names = {path.name, path.resolve().name if path.is_symlink() else ""}
    return found or ("credentials, by its name" if any(map(_NAMES.fullmatch, names)) else None)
