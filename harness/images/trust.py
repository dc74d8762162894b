"""Certificates: by what this machine's pip trusts its package index, pip in a container trusts it too.

Behind a company's proxy that reads along, every index shows the proxy's certificate. The environment of a job is none
of this machine's to change, so pip is told in a file of its own, weaker than any that an image may have.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

_FOLDER = "etc/xdg/pip"
"""Of pip's system-wide settings, read before ``/etc/pip.conf`` (pip, Configuration, «Location»)."""


def ca_bundle(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The certificates that this machine's pip trusts beyond its own, if it has been told of any."""
    named = (environment.get(name) for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"))
    return next((Path(name) for name in named if name and Path(name).is_file() and os.access(name, os.R_OK)), None)


def archive(bundle: Path) -> bytes:
    """A tar archive to unpack at a container's root: the certificates, and the settings by which its pip finds them."""
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in (_FOLDER.rpartition("/")[0], _FOLDER):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        for name, content in (
            ("certificates.pem", bundle.read_bytes()),
            ("pip.conf", f"[global]\ncert = /{_FOLDER}/certificates.pem\n".encode()),
        ):
            file = tarfile.TarInfo(f"{_FOLDER}/{name}")
            file.size, file.mode = len(content), 0o644
            tar.addfile(file, io.BytesIO(content))
    return packed.getvalue()
