"""What of this machine's environment enters a container: what the user has named, and credentials as they are now."""

from __future__ import annotations

from harness.engine.environment import passed_environment
from harness.engine.settings import EngineSettings
from harness.errors import MissingCapability

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "access_key", "AWS_SECRET_ACCESS_KEY": "secret_key", "AWS_SESSION_TOKEN": "token"}
"""Variables that every SDK of AWS's reads, and what botocore calls what they hold."""


def into_container(settings: EngineSettings) -> dict[str, str]:
    """The variables of ``pass_environment``, for a container.

    It has none of this machine's ways to credentials: no profile, no ``~/.aws``, no login. So those that it is to have
    by name are what the chain has come to: of a role or a login, temporary ones.

    Raises:
        ConfigurationError: there is no such profile, or its credentials cannot be had.
    """
    given = passed_environment(settings.pass_environment)
    named = {name: part for name, part in _CREDENTIALS.items() if name in settings.pass_environment}
    current = _current(settings) if named else None
    if current is None:
        return given
    values = {name: getattr(current, part) for name, part in named.items()}
    others = {name: value for name, value in given.items() if name not in named}
    return others | {name: value for name, value in values.items() if value}


def _current(settings: EngineSettings) -> object | None:
    """The credentials that the chain has; None if it has none, or boto3 is not installed to ask it."""
    from harness.storage.aws_errors import translated
    from harness.storage.session import open_session

    try:
        session = open_session(settings.region, settings.profile)
    except MissingCapability:
        return None
    with translated():
        found = session.get_credentials()
        return found.get_frozen_credentials() if found else None
