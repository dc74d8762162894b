"""A processing job's script, where it lies on this machine: copied once when the job is made, as on AWS it is uploaded.

AWS knows no code of processing jobs, only inputs. By the SDK's convention (SDK v2, read) the script is in the input
``code``, and the entry point of the container names its place there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from harness.engine.code import stage_from
from harness.storage import Storage, is_s3, local_path

CODE: Final = "code"


def is_code(request: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether one of a request's inputs is the script that it runs, and lies on this machine."""
    uri = given.get("S3Input", {}).get("S3Uri")
    return given["InputName"] == CODE and bool(uri) and not is_s3(uri) and bool(_program(request, given))


def stage(request: Mapping[str, Any], target: Path) -> None:
    """Lay out under ``target`` what would travel of the script's folder: less what git ignores, for one.

    Raises:
        ConfigurationError: the script is not there, lies outside, or is left out; a file holds a credential.
    """
    for given in request.get("ProcessingInputs", ()):
        if is_code(request, given):
            stage_from(given["S3Input"]["S3Uri"], _program(request, given), target, Storage())


def staged(request: Mapping[str, Any], target: Path) -> list[Mapping[str, Any]]:
    """A request's inputs, with what ``stage`` has laid out in the place of the script's folder."""
    return [
        {**given, "S3Input": {**given["S3Input"], "S3Uri": target.absolute().as_uri()}}
        if is_code(request, given)
        else given
        for given in request.get("ProcessingInputs", ())
    ]


def originals(request: Mapping[str, Any]) -> Iterator[Path]:
    """The folder or the file of this machine that the script is copied from."""
    for given in request.get("ProcessingInputs", ()):
        if is_code(request, given):
            yield local_path(given["S3Input"]["S3Uri"])


def _program(request: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The script's path within an input; empty if it is not in there."""
    folder = given["S3Input"]["LocalPath"].rstrip("/") + "/"
    for each in request["AppSpecification"].get("ContainerEntrypoint", ()):
        if each.startswith(folder):
            return str(each.removeprefix(folder))
    return ""
