"""Docker's contexts: where the docker command finds its engine if no ``DOCKER_HOST`` says so.

The docker package reads them too, but none without the ``config.json`` that only ``docker context use`` writes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DEFAULT = "unix:///var/run/docker.sock"


def endpoint(environment: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The engine's address, and how the docker package reaches it: that of ``DOCKER_CONTEXT``, else of the one in use.

    Raises:
        ValueError: there is no such context, or a file that should tell of it cannot be understood.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = environment.get("DOCKER_CONTEXT") or _read(folder / "config.json").get("currentContext") or "default"
    if name == "default":
        return _DEFAULT, {"base_url": _DEFAULT}
    contexts, key = folder / "contexts", hashlib.sha256(name.encode()).hexdigest()
    known = _read(contexts / "meta" / key / "meta.json")
    if not known:
        raise ValueError(f"there is no Docker context {name!r}")
    engine = known.get("Endpoints", {}).get("docker", {})
    host = engine.get("Host") or _DEFAULT
    return host, {"base_url": host, "tls": _tls(contexts / "tls" / key / "docker", bool(engine.get("SkipTLSVerify")))}


def _read(file: Path) -> dict[str, Any]:
    """A JSON document; empty if there is no such file."""
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file} is no JSON document ({error})") from None


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
