"""What a command has to find in its environment to take the stand-in for AWS."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from harness.standin.aws import ROLE_ARN, Credentials

_LOCAL = "127.0.0.1,localhost,::1"


def variables(url: str, region: str, credentials: Credentials) -> dict[str, str]:
    """For clients that take an endpoint: boto3, the AWS CLI, the harness."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HARNESS_ROLE": ROLE_ARN,
    }


def proxy_variables(url: str, bundle: Path) -> dict[str, str]:
    """For clients that name AWS's hosts themselves, as the SageMaker SDK does."""
    no_proxy = dict.fromkeys(("NO_PROXY", "no_proxy"), _LOCAL)
    return {
        "HTTPS_PROXY": url,
        "https_proxy": url,
        "AWS_CA_BUNDLE": str(bundle),
        "REQUESTS_CA_BUNDLE": str(bundle),
        **no_proxy,
    }


def write_bundle(bundle: Path, certificate: bytes, environ: Mapping[str, str]) -> None:
    """The certificates that a command trusts anyway, for hosts that are passed through, and the stand-in's."""
    import certifi

    own = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or certifi.where()
    try:
        trusted = Path(own).read_bytes()
    except OSError:  # a folder of certificates, or nothing
        trusted = Path(certifi.where()).read_bytes()
    bundle.write_bytes(trusted.rstrip() + b"\n" + certificate)


def to_shell(environment: Mapping[str, str]) -> str:
    """Lines to paste into a shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment.items())
