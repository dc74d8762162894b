"""A processing job's script, where it lies on this machine: copied once when the job is made, as on AWS it is uploaded.

AWS knows no code of processing jobs, only inputs. By the SDK's convention (SDK v2's ``ScriptProcessor``, read) the
script is in the input ``code``, and the container begins with an interpreter and the place of the script there. Another
input is one like others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.engine.code import is_archive, stage_from
from harness.storage import Storage, is_s3, local_path

_CODE = "code"


def stage(request: Mapping[str, Any], target: Path, allow_secrets: Sequence[str]) -> None:
    """Lay out under ``target`` what would travel of the script's folder: less what git ignores, for one.

    Raises:
        ConfigurationError: the script is not there, or is left out; a file holds a credential.
    """
    for given in request.get("ProcessingInputs", ()):
        if is_code(request, given):
            uri = given["S3Input"]["S3Uri"]
            stage_from(uri, _program(request, given), target, Storage(), allow_secrets=allow_secrets)


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


def is_code(request: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether one of a request's inputs is the script that it runs, and lies on this machine."""
    source = given.get("S3Input", {})
    uri, data_type = source.get("S3Uri", ""), source.get("S3DataType", "S3Prefix")
    here = bool(uri) and data_type == "S3Prefix" and not is_s3(uri) and not is_archive(uri)
    return given["InputName"] == _CODE and here and bool(_program(request, given))


def _program(request: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The script's path within an input; empty if the container does not begin with one that is in there."""
    begins = request["AppSpecification"].get("ContainerEntrypoint", ())
    folder = given["S3Input"]["LocalPath"].rstrip("/") + "/"
    if len(begins) == 2 and begins[1].startswith(folder) and os.path.normpath(begins[1]) == begins[1]:
        return str(begins[1].removeprefix(folder))
    return ""
