"""A parity passport: what was compared, so that it can be told later whether that is still what is about to be sent.

It names the source by its hashes, the request by its members, the image by its pins, and the verdict with its results.
What a comparison on this machine cannot have in common with a job on AWS is left out: the job's name, the URIs of
source, channels, checkpoints and outputs, the role, the region and the registry's account; and the data itself. Values
of variables and hyperparameters that are named like credentials are not written down, wherever in the request they
stand, only that they are set. The same comparison gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from harness import __version__, requests, source
from harness.config import Config
from harness.contract.comparison import flattened
from harness.credentials import REDACTED, looks_secret, without_secrets
from harness.engine.environment import framework_version, toolkit_version
from harness.errors import ConfigurationError, ParityError
from harness.parity import shipment
from harness.parity.findings import Kind

SCHEMA: Final = 2
_NAMED: Final = 1000
"""Files whose hashes are written down one by one; of more there is only the hash of all."""
_JOB_NAME: Final = "passport"
_OWN_HYPERPARAMETERS: Final = ("sagemaker_submit_directory", "sagemaker_job_name", "sagemaker_region")
_SHOWN: Final = 12
"""Changes or differences that are told one by one."""
_IDENTITY: Final = ("Source", "Request", "Image")

Document = Mapping[str, Any]


def identity(config: Config) -> dict[str, Any]:
    """What a passport is about: source, request and image of the configuration's training job, wherever it is to run.

    Raises:
        ConfigurationError: the configuration makes no training job, or its source cannot be read.
    """
    listed = shipment.manifest(config)
    request = requests.create_training_job(replace(config, on="local"), job_name=_JOB_NAME)
    image = request["AlgorithmSpecification"]["TrainingImage"]
    shown = listed.files if len(listed.files) <= _NAMED else ()
    named = {"hyperparameters": config.hyperparameters, "environment": config.environment}
    return {
        "Source": {
            "EntryPoint": listed.entry_point,
            "Sha256": source.content_hash(listed),
            "Files": {file.name: _sha256(file.path) for file in shown},
        },
        "Request": without_secrets(_request(request), named),
        "Image": {
            "Name": _without_registry(image),
            "Toolkit": toolkit_version(image),
            "Pins": _pins(framework_version(image)),
        },
    }


def make(about: Document, report: Document) -> dict[str, Any]:
    """A passport.

    Args:
        about: ``identity`` of the configuration, as it was before anything was run.
        report: the JSON document of the comparison, see ``report.document``.
    """
    kinds = [finding["Kind"] for finding in report["Findings"]]
    results = {
        target["Name"]: {
            "State": target["State"],
            "JobStatus": target["JobStatus"],
            "Metrics": dict(sorted(target["Metrics"].items())),
            "Versions": dict(sorted(target["Versions"].items())),
        }
        for target in report["Targets"]
    }
    return {
        "Schema": SCHEMA,
        "Verdict": report["Verdict"],
        "CreatedAt": report["Job"]["CreatedAt"],
        "Harness": __version__,
        **{part: about[part] for part in _IDENTITY},
        "Sample": report["Job"].get("Sample"),
        "Findings": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "Differences": [
            {name: finding[name] for name in ("Target", "Aspect", "Where", "Kind")}
            for finding in report["Findings"]
            if Kind(finding["Kind"]).fails
        ],
        "Results": results,
    }


def write(path: Path, config: Config, about: Document, report: Document) -> None:
    """Write a passport down.

    Args:
        path: of the file.
        config: what was compared.
        about: its ``identity``, from before anything was run.
        report: the JSON document of the comparison.

    Raises:
        ConfigurationError: the source or the configuration has changed meanwhile, or the file cannot be written.
    """
    changed = list(changes(about, identity(config)))
    if changed:
        raise ConfigurationError(
            f"There is no passport: while the targets were compared, this has changed:{_told(changed)}"
            "Run `harness parity --passport` again, and leave the source alone for so long."
        )
    text = json.dumps(make(about, report), indent=2, ensure_ascii=False) + "\n"
    try:
        path.write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigurationError(f"--passport {path} cannot be written: {error.strerror}.") from error


def require(path: Path, config: Config, options: Sequence[str] = ()) -> None:
    """Let a job go only if targets have been compared with this very source, request and image, and agreed.

    Args:
        path: of the passport.
        config: what is about to be sent.
        options: of the command line that have made it what it is, to be repeated where it has to be compared.

    Raises:
        ParityError: there is no passport, the comparison failed, or something has changed since; it says what.
        ConfigurationError: the configuration makes no training job.
    """
    again = shlex.join(["harness", "parity", "--passport", str(path), *options])
    remedy = f"Run `{again}`. Nothing was sent."
    held = _read(path, remedy)
    failed = [name for name, each in held["Results"].items() if each["JobStatus"] not in {"Completed", None}]
    if held["Verdict"] != "agrees" or failed:
        why = (
            f"the job did not complete on {', '.join(failed)}" if failed else "targets differed in what nobody expected"
        )
        told = _told([*map(_difference, held["Differences"])])
        raise ParityError(f"By the passport {path} of {held['CreatedAt']}, {why}{f':{told}' if told else '. '}{remedy}")
    if not any(each["State"] == "ran" for each in held["Results"].values()):
        raise ParityError(f"The passport {path} of {held['CreatedAt']} is of no run: no target was there. {remedy}")
    changed = list(changes(held, identity(config)))
    if changed:
        raise ParityError(f"The passport {path} is stale. Since {held['CreatedAt']}:{_told(changed)}{remedy}")


def changes(before: Document, after: Document) -> Iterator[str]:
    """What differs between two identities, in words; nothing if they are the same."""
    ours, theirs = before["Source"], after["Source"]
    if ours["Sha256"] != theirs["Sha256"]:
        yield from _files(ours["Files"], theirs["Files"])
    if ours["EntryPoint"] != theirs["EntryPoint"]:
        yield f"entry point: was {ours['EntryPoint']}, is {theirs['EntryPoint']}"
    for part in ("Request", "Image"):
        was, now = flattened(before[part]), flattened(after[part])
        for where in sorted({*was, *now}):
            if was.get(where) != now.get(where):
                yield f"{part.lower()}: {where} {_moved(was.get(where), now.get(where))}"


def _files(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    if not before or not after or not names:  # too many to be named, or only a mode has changed
        yield "source: some of its files, or their modes, have changed"
        return
    for name in names:
        what = "is new" if name not in before else "is gone" if name not in after else "has changed"
        yield f"source: {name} {what}"


def _difference(finding: Document) -> str:
    return f"{finding['Target']}: {finding['Aspect']} {finding['Where']} ({finding['Kind']})"


def _told(lines: Sequence[str]) -> str:
    """Lines of their own within a message, as far as anybody would read them; empty if there are none."""
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n  ".join(["", *lines[:_SHOWN], *more]) + "\n" if lines else ""


def _moved(was: str | None, now: str | None) -> str:
    if was is None:
        return f"is new: {now}"
    return f"is gone; it was {was}" if now is None else f"was {was}, is {now}"


def _read(path: Path, remedy: str) -> dict[str, Any]:
    try:
        held: dict[str, Any] = json.loads(path.read_text("utf-8"))
        complete = held["Schema"] == SCHEMA and _is_complete(held)
    except FileNotFoundError:
        raise ParityError(f"There is no passport {path}: targets have not been compared. {remedy}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ParityError(f"{path} cannot be read as a passport ({type(error).__name__}: {error}). {remedy}") from None
    if not complete:
        raise ParityError(f"{path} is no passport of this version of the harness. {remedy}")
    return held


def _is_complete(held: Document) -> bool:
    """Whether everything is there that is looked at, in the form in which it is."""
    told = [held["Verdict"], held["CreatedAt"], held["Source"]["EntryPoint"], held["Source"]["Sha256"]]
    told += [each[name] for each in held["Differences"] for name in ("Target", "Aspect", "Where", "Kind")]
    told += [each["State"] for each in held["Results"].values()]
    told += [each["JobStatus"] for each in held["Results"].values() if each["JobStatus"] is not None]
    known = [*(held[part] for part in (*_IDENTITY, "Results")), held["Source"]["Files"]]
    flattened(known)  # as it is going to be, unless it is too deep for that
    return all(isinstance(each, str) for each in told) and all(isinstance(each, dict) for each in known)


def _request(request: Document) -> dict[str, Any]:
    """A ``CreateTrainingJob`` request without what belongs to one run, one account, one region or one machine."""
    kept = {name: value for name, value in request.items() if name not in {"TrainingJobName", "RoleArn"}}
    kept["AlgorithmSpecification"] = _without(kept["AlgorithmSpecification"], "TrainingImage")
    kept["OutputDataConfig"] = _without(kept["OutputDataConfig"], "S3OutputPath")
    if "CheckpointConfig" in kept:
        kept["CheckpointConfig"] = _without(kept["CheckpointConfig"], "S3Uri")
    kept["InputDataConfig"] = {each["ChannelName"]: _channel(each) for each in kept.get("InputDataConfig", ())}
    hyperparameters = _without(kept["HyperParameters"], *_OWN_HYPERPARAMETERS)
    kept["HyperParameters"] = _redacted(hyperparameters)
    kept["Environment"] = _redacted(kept.get("Environment", {}))
    return {name: value for name, value in sorted(kept.items()) if value not in ({}, [])}


def _channel(channel: Document) -> dict[str, Any]:
    data = channel["DataSource"]["S3DataSource"]
    return {**_without(channel, "ChannelName"), "DataSource": {"S3DataSource": _without(data, "S3Uri")}}


def _without(value: Document, *names: str) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in names}


def _redacted(values: Mapping[str, str]) -> dict[str, str]:
    return {name: REDACTED if looks_secret(name) else value for name, value in sorted(values.items())}


def _without_registry(image: str) -> str:
    """An image's repository and tag: registries differ by region and account, repositories do not."""
    registry, slash, rest = image.partition("/")
    return rest if slash and (set(".:") & set(registry) or registry == "localhost") else image


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _pins(version: str | None) -> str | None:
    """The hash of the image's list of packages, where it is known."""
    pins = files("harness.images") / "sklearn" / f"{version}.txt"
    return hashlib.sha256(pins.read_bytes()).hexdigest() if version and pins.is_file() else None
