"""What ``harness standin`` needs: moto."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.doctor.checks import Check, Status

AREA = "standin"
_MODULES = ("moto", "boto3", "flask", "cryptography")


def look() -> Iterator[Check]:
    """Find what the stand-in imports."""
    from importlib.metadata import version
    from importlib.util import find_spec

    absent = [name for name in _MODULES if find_spec(name) is None]
    yield moto(absent, version)


def moto(absent: list[str], version: Callable[[str], str]) -> Check:
    """Whether the stand-in can run, by the modules that are absent."""
    if absent:
        finding = f"{', '.join(absent)} not installed: there is no AWS on loopback"
        return Check(AREA, "moto", Status.MISSING, finding, "pip install 'sagemaker-harness[standin]'")
    return Check(AREA, "moto", Status.OK, version("moto"))
