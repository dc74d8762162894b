"""Docker's contexts: where the docker command finds its engine if no ``DOCKER_HOST`` says so.

The docker package reads them too, but none without the ``config.json`` that only ``docker context use`` writes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DEFAULT = "unix:///var/run/docker.sock"


def endpoint(environment: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The engine's address, and how the docker package reaches it: that of ``DOCKER_CONTEXT``, else of the one in use.

    Raises:
        ValueError: there is no such context, or a file that should tell of it cannot be understood.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = environment.get("DOCKER_CONTEXT") or _text(folder / "config.json", "currentContext") or "default"
    if name == "default":
        return DEFAULT, {"base_url": DEFAULT}
    contexts, key = folder / "contexts", hashlib.sha256(name.encode()).hexdigest()
    meta = contexts / "meta" / key / "meta.json"
    if not _member(meta):
        raise ValueError(f"there is no Docker context {name!r}")
    engine = ("Endpoints", "docker")
    host = _text(meta, *engine, "Host") or DEFAULT
    unverified = bool(_member(meta, *engine, "SkipTLSVerify"))
    return host, {"base_url": host, "tls": _tls(contexts / "tls" / key / "docker", unverified)}


def _text(file: Path, *names: str) -> str:
    """A member that is text; empty if it is not there."""
    value = _member(file, *names)
    if not isinstance(value or "", str):
        raise ValueError(f"{file}: {'.'.join(names)} is no text")
    return value or ""


def _member(file: Path, *names: str) -> Any:
    """A member of a JSON document, by the names that lead to it; None if it is not there, or no such file."""
    try:
        value: Any = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is no JSON document ({error})") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror})") from None
    for depth, name in enumerate(names):
        if not isinstance(value or {}, dict):
            raise ValueError(f"{file}: {'.'.join(names[:depth]) or 'what stands there'} is no JSON object")
        value = (value or {}).get(name)
    return value


def _tls(folder: Path, unverified: bool) -> Any:
    """What the docker package needs for TLS; False if the context has none."""
    from docker.tls import TLSConfig

    authority, certificate, key = (folder / f"{name}.pem" for name in ("ca", "cert", "key"))
    if not (folder.is_dir() or unverified):
        return False
    return TLSConfig(
        client_cert=(str(certificate), str(key)) if certificate.exists() else None,
        ca_cert=str(authority) if authority.exists() else None,
        verify=not unverified,
    )
