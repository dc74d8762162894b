"""The JSON document of a comparison: what every report is made from. No value of a credential is in it."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from harness.contract.hyperparameters import decode, user_hyperparameters
from harness.credentials import REDACTED, looks_secret, without_secrets
from harness.engine.environment import toolkit_version
from harness.parity.findings import TITLES, Finding
from harness.parity.judging import cells
from harness.parity.observed import NORMALISATIONS, REWRITTEN
from harness.parity.outcomes import Files
from harness.parity.run import Report, TargetRun
from harness.parity.visit import PICTURES

SCHEMA = 1


def document(report: Report) -> dict[str, Any]:
    """What ``harness parity --json`` prints."""
    ids = [f"F{number}" for number in range(1, len(report.judged.findings) + 1)]
    names = [each.name for each in report.targets]
    made = {
        "Schema": SCHEMA,
        "Verdict": "agrees" if report.agrees else "differs",
        "Reference": report.judged.reference,
        "Job": _job(report),
        "Targets": [_target(each) for each in report.targets],
        "Aspects": [
            {
                "Name": str(aspect),
                "Title": TITLES[aspect],
                "Cells": {
                    name: {
                        "State": state,
                        "Compared": count,
                        "Findings": [ids[number] for number in mine],
                        "Reason": report.judged.uncompared.get((name, aspect)) if state == "not compared" else None,
                    }
                    for name, (state, count, mine) in row.items()
                },
            }
            for aspect, row in cells(report.judged, names).items()
        ],
        "Normalised": [
            {"Aspect": str(each.aspect), "Where": each.where, "Reason": each.reason}
            for each in (*NORMALISATIONS, *REWRITTEN)
        ],
        "Findings": [_finding(id_, each) for id_, each in zip(ids, report.judged.findings, strict=True)],
    }
    redacted: dict[str, Any] = without_secrets(made, _named(report))
    return redacted


def _named(report: Report) -> dict[str, Any]:
    """The job's variables and hyperparameters, some of which may be credentials."""
    config = report.config
    passed = {name: os.environ[name] for name in config.pass_environment if name in os.environ}
    of_servers = {**config.deploy.environment, **config.transform.environment}
    return {"hyperparameters": dict(config.hyperparameters), "variables": [config.environment, of_servers, passed]}


def _job(report: Report) -> dict[str, Any]:
    config, request = report.config, report.request or {}
    image = request.get("AlgorithmSpecification", {}).get("TrainingImage")
    hyperparameters = user_hyperparameters(decode(request.get("HyperParameters", {})))
    return {
        "EntryPoint": config.entry_point,
        "SourceDir": _shown(config.source_dir, config.project_dir),
        "ImageUri": image,
        "Dialect": "toolkit",
        "ToolkitVersion": toolkit_version(image or ""),
        "Hyperparameters": {name: REDACTED if looks_secret(name) else value for name, value in hyperparameters.items()},
        "Channels": {name: _location(channel.uri, config.project_dir) for name, channel in config.channels.items()},
        "Sample": config.parity.sample,
        "Tolerance": config.parity.tolerance,
        "CreatedAt": report.created.isoformat(timespec="seconds"),
    }


def _shown(path: Path | None, project: Path) -> str | None:
    if path is None:
        return None
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)


def _location(uri: str, project: Path) -> str:
    from harness.storage import is_s3, local_path

    return uri if is_s3(uri) else str(_shown(local_path(uri), project))


def _target(run: TargetRun) -> dict[str, Any]:
    visit = run.visit
    outcome = visit.trial.outcome if visit.trial else None
    facts = visit.trial.description.get("Harness", {}) if visit.trial else {}
    return {
        "Name": run.name,
        "State": run.state,
        "Reason": run.error.message if run.error else None,
        "Note": visit.note or None,
        "JobStatus": outcome.status if outcome else None,
        "ExitCode": outcome.exit_code if outcome else None,
        "FailureReason": outcome.failure_reason if outcome else None,
        "LogTail": visit.trial.printed if visit.trial and outcome and outcome.status != "Completed" else None,
        "Stopped": bool(outcome and outcome.status == "Stopped"),
        "Seconds": {name: round(value, 3) for name, value in visit.seconds.items()},
        "Metrics": dict(outcome.metrics) if outcome else {},
        "Files": {"model": _files(outcome.model), "output": _files(outcome.output)} if outcome else {},
        "Pictures": [_picture(name, content) for name, content in visit.pictures.items()],
        "Versions": visit.versions,
        "Isolation": facts.get("WithoutPrivateOptMl") and f"none: {facts['WithoutPrivateOptMl']}",
    }


def _files(files: Files) -> list[dict[str, Any]]:
    return [{"Name": name, "Size": each.size, "Sha256": each.sha256} for name, each in files.items()]


def _picture(name: str, content: bytes) -> dict[str, str]:
    media_type = PICTURES[Path(name).suffix.lower()]
    return {"Name": name, "MediaType": media_type, "Base64": base64.b64encode(content).decode("ascii")}


def _finding(id_: str, finding: Finding) -> dict[str, Any]:
    return {
        "Id": id_,
        "Aspect": str(finding.aspect),
        "Target": finding.target,
        "Where": finding.where,
        "Expected": finding.expected,
        "Seen": finding.seen,
        "Kind": str(finding.kind),
        "Why": finding.why,
        "Breaks": finding.breaks,
        "Remedy": finding.remedy,
        "Accepted": None if finding.accepted is None else {"Reason": finding.accepted},
    }
