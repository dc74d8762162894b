"""What is said of a failure on this machine for want of what a job on AWS has: a package of the image, credentials."""

from __future__ import annotations

import re
from pathlib import Path

from harness.config import Config
from harness.doctor.local import SERVER, server
from harness.engine.environment import framework_version
from harness.engine.interpreter import LIBRARIES, Interpreter, interpreter
from harness.lint import packages

_MISSING = re.compile(rb"ModuleNotFoundError: No module named '(\w+)")
_NO_CREDENTIALS = b"Unable to locate credentials"
"""What botocore, the AWS CLI and whatever stands on them (s3fs) end with."""
_CREDENTIALS = (
    "The script found no AWS credentials: a job on AWS has its role's, one on this machine is given none unasked. "
    "pass_environment in [tool.harness] names the variables that it may have: "
    'pass_environment = ["AWS_PROFILE"], or, on a stand-in, '
    '["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].'
)
_DISTRUSTED = b"CERTIFICATE_VERIFY_FAILED"
_CERTIFICATES = (
    "The container does not trust who it talks to, as behind a proxy with a certificate of its own. With --on "
    "container pip trusts the certificates that PIP_CERT, SSL_CERT_FILE or REQUESTS_CA_BUNDLE names on this machine; "
    "the SDK's local mode hands no file in."
)
_SERVER = re.compile(rb"harness[./]server")
"""Its name, or its files in a traceback."""
_NO_SERVER = b"Install the server's libraries"
"""What the model server ends with where it cannot import what it stands on."""
_TAIL = 64 * 1024
"""Bytes of a log in which the reason of a failure is looked for."""


def explanation(config: Config, log: Path) -> str | None:
    """That a job has failed for want of credentials, of certificates in a container, of what the model server
    stands on, or of a package that the image has, and the remedy; None: it has not.

    Args:
        config: names the interpreter and the image.
        log: of the job; it need not exist.
    """
    tail = _tail(log)
    if _NO_CREDENTIALS in tail:
        return _CREDENTIALS
    if _DISTRUSTED in tail and config.on in {"container", "localmode"}:
        return _CERTIFICATES
    module = missing_module(log)
    python = str(config.python) if config.python else None
    lacks_one = _SERVER.search(tail) and module in SERVER
    if config.on == "local" and (_NO_SERVER in tail or lacks_one):
        check = server(interpreter(python))
        return f"{check.finding}: {check.remedy}" if check.remedy else None
    # An image of the user's own holds what it holds.
    version = framework_version(config.image_uri) if config.image_uri else config.framework_version
    if module is None or version is None or config.on != "local":
        return None
    return _told(module, version, interpreter(python))


def missing_module(log: Path) -> str | None:
    """The module that a job's script could not import, by the end of its log; None if that names none."""
    found = _MISSING.findall(_tail(log))
    return str(found[-1], "utf-8") if found else None


def _tail(log: Path) -> bytes:
    """The end of a log; nothing where there is none."""
    if not log.is_file():
        return b""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        return file.read()


def _told(module: str, version: str, here: Interpreter) -> str | None:
    in_image = sorted(packages.image_distributions(version) or ())
    found = next((name for name in in_image if module in packages.imported([name])), None)
    if found is None or here.versions([found]):
        return None
    there = here.versions()
    absent = [name for name in LIBRARIES if name not in there] if found in LIBRARIES else [found]
    return (
        f"The image has {found}, and {here.path} has not: {here.path} -m pip install {' '.join(absent)} "
        "(`harness doctor` compares versions with the image's)."
    )
