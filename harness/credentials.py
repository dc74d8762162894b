"""Credentials: files that hold some, told by names and by how they begin, and values that are named like some."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

REDACTED: Final = "(redacted)"
_SHORTEST: Final = 4
"""Characters. A value shorter than this would be found in every other word."""
_IN_URI: Final = re.compile(r'(://[^/\s:]*:)([^/\s",;?#]+)@(?!sha256:)')

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


def looks_secret(name: str) -> bool:
    """Whether a value is named like a credential."""
    name = name.upper()
    words = ("SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL")
    return any(word in name for word in words) or name.endswith(("TOKEN", "KEY", "_PWD"))


def without_secrets(value: Any, named: Mapping[str, Any]) -> Any:
    """A JSON value in which no text holds what is secret in what is named, nor the password of a URI.

    Args:
        value: of any depth.
        named: those whose values count: by their names, by names within them, and the passwords in URIs.
    """
    return _without(value, sorted(set(_secrets(named)), key=len, reverse=True))


def _without(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return _IN_URI.sub(rf"\1{REDACTED}@", value)
    if isinstance(value, Mapping):
        return {name: _without(each, secrets) for name, each in value.items()}
    return [_without(each, secrets) for each in value] if isinstance(value, list | tuple) else value


def _secrets(named: Mapping[str, Any]) -> Iterator[str]:
    """Texts that are long enough to be looked for: as a whole, as JSON spells them, and line by line."""
    for value in _values(named):
        spelt = json.dumps(value)[1:-1]
        yield from (each for each in (value, spelt, *value.splitlines()) if len(each) >= _SHORTEST)


def _values(value: Any, *, secret: bool = False) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _values(each, secret=secret or looks_secret(str(name)))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _values(each, secret=secret)
    elif secret:
        yield from [] if value is None or isinstance(value, bool) else [str(value)]
    elif isinstance(value, str):
        yield from (password for _, password in _IN_URI.findall(value))
        if value.lstrip().startswith(("{", "[", '"')):
            yield from _in_json(value)


def _in_json(text: str) -> Iterator[str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _values(value)
