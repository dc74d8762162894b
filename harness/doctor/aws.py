"""What ``--on remote`` needs: boto3, credentials, a region and a role. No secret is ever read out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from harness.config import Config
from harness.doctor.checks import Check, Status, failed
from harness.errors import ConfigurationError, HarnessError
from harness.requests.common import region_of, role_of
from harness.storage.aws_errors import translated
from harness.storage.session import client_config, open_session

AREA = "aws"
_ASK = ("container-role", "iam-role", "custom-process", "assume-role")
"""botocore's providers that may ask the network or run a program as soon as they are looked at."""
_DECLARED = {"role_arn": "assume-role", "credential_process": "custom-process"}
"""What a profile has for those of them that it configures."""
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def look(config: Config, *, online: bool) -> Iterator[Check]:
    """Look at boto3, its chain of credentials, and the settings that jobs on AWS need; ask STS if ``online``."""
    remote = replace(config, on="remote")
    yield _setting("region", region_of, remote, 'region = "eu-west-1" in [tool.harness], or AWS_REGION')
    yield _setting("role", role_of, remote, 'role = "arn:aws:iam::…:role/…" in [tool.harness], or HARNESS_ROLE')
    try:
        session = open_session(config.region, config.profile)
        found = _credentials(config.profile, online=online)
    except HarnessError as error:
        yield failed(AREA, "credentials", error)
        return
    yield credentials(found, os.environ, online=online)
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER") or os.environ.get("AWS_ENDPOINT_URL"):
        yield asked(endpoint)
    if online and found:
        yield _identity(session, config)


def _setting(name: str, value: Callable[[Config], str], config: Config, remedy: str) -> Check:
    try:
        return Check(AREA, name, Status.OK, value(config))
    except ConfigurationError as error:
        return replace(failed(AREA, name, error), remedy=remedy)


def _credentials(profile: str | None, *, online: bool) -> str | None:
    """The name of the provider that has credentials, as botocore calls it."""
    import botocore.session

    core = botocore.session.Session(profile=profile)
    with translated():
        chain = core.get_component("credential_provider")
        for provider in () if online else _ASK:
            chain.remove(provider)
        loaded, settings = chain.load_credentials(), core.get_scoped_config()
    if loaded:
        return str(loaded.method)
    return None if online else next((name for key, name in _DECLARED.items() if key in settings), None)


def credentials(provider: str | None, environment: Mapping[str, str], *, online: bool) -> Check:
    """Whether there are credentials, by the provider that has them.

    Args:
        provider: botocore's name for it; None: none has.
        environment: tells of a container's role.
        online: whether all providers have been asked.
    """
    name = "credentials"
    if provider:
        suffix = "" if online else "; whether AWS accepts them, --online tells"
        return Check(AREA, name, Status.OK, f"from {provider}{suffix}")
    if not online and any(environment.get(variable) for variable in _CONTAINER):
        finding = "a container's role, which is asked only with --online"
        return Check(AREA, name, Status.WARN, finding, "harness doctor --online")
    where = "" if online else " in the environment or in files (an instance's role is asked only with --online)"
    remedy = "aws configure, or aws sso login; without an account: harness standin -- COMMAND…"
    return Check(AREA, name, Status.MISSING, f"none{where}", remedy)


def asked(endpoint: str) -> Check:
    """Whoever is asked instead of AWS; a name and a password in the address are not shown."""
    parts = urlsplit(endpoint)
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return Check(AREA, "endpoint", Status.WARN, f"{shown} is asked, not AWS", "unset AWS_ENDPOINT_URL, if AWS is meant")


def _identity(session: Any, config: Config) -> Check:
    try:
        with translated():
            client = session.client("sts", region_name=region_of(config), config=client_config())
            answer = client.get_caller_identity()
    except HarnessError as error:
        return failed(AREA, "identity", error)
    return Check(AREA, "identity", Status.OK, f"{answer['Arn']} of account {answer['Account']}")
