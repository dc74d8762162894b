"""What ``--on localmode`` needs beside an engine and an image: the SageMaker Python SDK, and Compose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.doctor.checks import Check, Status, failed
from harness.errors import MissingCapability
from harness.targets.localmode.machine import INSTALL, Sdk, check_tools, installed_sdk

AREA = "localmode"
_OLDEST: Mapping[str, tuple[int, int]] = {"sagemaker": (2, 257), "sagemaker-core": (2, 27)}
"""What the target has been run with: v2 2.257.7 and v3 2.27.0."""


def look() -> Iterator[Check]:
    """Find the SDK without importing it, and ask the docker command for its Compose."""
    try:
        sdk = installed_sdk()
    except MissingCapability as error:
        yield failed(AREA, "SDK", error)
        return
    yield version(sdk)
    try:
        check_tools(sdk)
    except MissingCapability as error:
        yield failed(AREA, "Compose", error)
    else:
        yield Check(AREA, "Compose", Status.OK, f"there is one that {sdk} takes")


def version(sdk: Sdk) -> Check:
    """Whether an SDK is one that the target has been run with, or newer."""
    numbers = tuple(int(part) for part in sdk.version.split(".")[:2] if part.isdecimal())
    oldest = _OLDEST[sdk.distribution]
    if numbers >= oldest:
        return Check(AREA, "SDK", Status.OK, str(sdk))
    least = f"{sdk.distribution} {'.'.join(map(str, oldest))}"
    remedy = INSTALL if sdk.is_v2 else f"pip install --upgrade {sdk.distribution}"
    return Check(AREA, "SDK", Status.WARN, f"{sdk} is older than {least}, the oldest that was tried", remedy)
