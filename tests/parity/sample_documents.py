"""Report documents as `harness parity --json` prints them: clean, with a finding of every kind, hostile."""

from __future__ import annotations

import base64
import json
from typing import Any

ASPECTS = {
    "environment": ("Environment variables", 61),
    "arguments": ("Arguments", 2),
    "working-directory": ("Working directory", 1),
    "python-path": ("Python path", 6),
    "opt-ml-tree": ("/opt/ml tree", 14),
    "config-files": ("Config files", 3),
    "terminal": ("Terminal", 3),
    "user": ("User", 1),
    "umask": ("umask", 1),
    "signals": ("Signals and processes", 5),
    "versions": ("Library versions", 5),
    "outcome": ("Outcome", 3),
    "model-archive": ("model.tar.gz", 1),
    "output-archive": ("output.tar.gz", 2),
    "model-predictions": ("Predictions of the model", 30),
    "metrics": ("Metrics", 2),
    "endpoint": ("Endpoint", 9),
    "transform": ("Batch transform", 3),
    "consistency": ("Train–serve consistency", 12),
}


LOG = """\
algo-1 | Traceback (most recent call last):
algo-1 |   File "/opt/ml/code/train.py", line 41, in <module>
algo-1 |     main(parser.parse_args())
algo-1 | ValueError: Input X contains NaN."""


def svg(*counts: tuple[int, int, int], fill: str = "#1f5291") -> str:
    """A confusion matrix of three classes, as the sample's script draws it: white, with one colour in its diagonal."""
    cells = "".join(
        f'<rect x="{40 + 60 * column}" y="{40 + 60 * row}" width="58" height="58" rx="3" '
        f'fill="{fill if count > 5 else "#ecf2f9"}"/>'
        f'<text x="{69 + 60 * column}" y="{75 + 60 * row}" fill="{"#fff" if count > 5 else "#1f2933"}">{count}</text>'
        for row, values in enumerate(counts)
        for column, count in enumerate(values)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" width="240" height="240" font-size="14" '
        f'text-anchor="middle" font-family="sans-serif"><rect width="240" height="240" fill="#fff"/>'
        f'<text x="130" y="24">predicted</text>{cells}</svg>'
    )


def picture(content: str, name: str = "confusion_matrix.svg", media_type: str = "image/svg+xml") -> dict[str, str]:
    return {"Name": name, "MediaType": media_type, "Base64": base64.b64encode(content.encode()).decode()}


def target(name: str, **members: Any) -> dict[str, Any]:
    """A target that ran well."""
    return {
        "Name": name,
        "State": "ran",
        "Reason": None,
        "Note": "a stand-in for AWS on this machine, not AWS itself" if name == "remote" else None,
        "JobStatus": "Completed",
        "ExitCode": 0,
        "FailureReason": None,
        "LogTail": None,
        "Stopped": False,
        "Seconds": {"probe": 0.4, "train": 1.7, "again": 1.7, "endpoint": 1.2, "transform": 1.5},
        "Metrics": {"train:accuracy": 1.0, "test:accuracy": 0.9667},
        "Files": {
            "model": [{"Name": "model.joblib", "Size": 3393, "Sha256": "5d1c" * 16}],
            "output": [
                {"Name": "confusion_matrix.svg", "Size": 2710, "Sha256": "0be2" * 16},
                {"Name": "metrics.json", "Size": 67, "Sha256": "77aa" * 16},
            ],
        },
        "Pictures": [picture(svg((10, 0, 0), (0, 9, 1), (0, 0, 10)))],
        "Versions": {
            "python": "3.12.1",
            "scikit-learn": "1.9.0",
            "numpy": "2.5.1",
            "pandas": "2.2.3",
            "joblib": "1.5.3",
        },
        "Isolation": "private /opt/ml" if name == "local" else None,
        **members,
    }


def finding(
    number: int, aspect: str, target: str, where: str, expected: Any, seen: Any, kind: str, **said: Any
) -> dict[str, Any]:
    told = {"Why": None, "Breaks": None, "Remedy": None, "Accepted": None, **said}
    return {
        "Id": f"F{number}",
        "Aspect": aspect,
        "Target": target,
        "Where": where,
        "Expected": expected,
        "Seen": seen,
        "Kind": kind,
        **told,
    }


def document(
    targets: list[dict[str, Any]], findings: list[dict[str, Any]], *, reference: str | None = None, **job: Any
) -> dict[str, Any]:
    """A whole document; what the cells say follows from the findings."""
    states = {"known": "known", "accepted": "accepted"}
    undecided = {each["Kind"] for each in findings} - set(states)

    def cell(aspect: str, target: dict[str, Any]) -> dict[str, Any]:
        here = [each for each in findings if (each["Aspect"], each["Target"]) == (aspect, target["Name"])]
        found = [states.get(each["Kind"], "differs") for each in here]
        worst = next((state for state in ("differs", "accepted", "known") if state in found), "agrees")
        if target["State"] != "ran" and not here:
            return {"State": "not compared", "Compared": 0, "Findings": []}
        return {"State": worst, "Compared": ASPECTS[aspect][1], "Findings": [each["Id"] for each in here]}

    return {
        "Schema": 1,
        "Verdict": "differs" if undecided else "agrees",
        "Reference": reference,
        "Job": {
            "EntryPoint": "train.py",
            "SourceDir": "entry",
            "ImageUri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
            "Dialect": "toolkit",
            "ToolkitVersion": "4.8.0",
            "Hyperparameters": {"max_leaf_nodes": 30},
            "Channels": {"train": "data/train", "test": "data/test"},
            "Tolerance": 1e-6,
            "CreatedAt": "2026-11-23T20:00:00+00:00",
            **job,
        },
        "Targets": targets,
        "Aspects": [
            {"Name": name, "Title": title, "Cells": {each["Name"]: cell(name, each) for each in targets}}
            for name, (title, _) in ASPECTS.items()
        ],
        "Findings": findings,
    }


def clean() -> dict[str, Any]:
    """Everything agrees."""
    container = {"probe": 1.9, "train": 3.1, "again": 3.0, "endpoint": 2.4, "transform": 2.8}
    return document(
        [target("local"), target("container", Seconds=container), target("remote")], [], reference="container"
    )


def groups(*, with_groups: bool) -> str:
    content: dict[str, Any] = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}
    if with_groups:
        group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
        content |= {"current_group_name": "homogeneousCluster", "instance_groups": [group]}
    return json.dumps(content)


def findings_of_every_kind() -> dict[str, Any]:
    """Four things to decide, one accepted, the rest known; a target whose job failed, and one that broke."""
    local = "The SageMaker SDK’s local mode "
    findings = [
        finding(
            *(1, "environment", "local", "MODEL_CACHE", "/opt/ml/model/cache", "/home/ada/.cache/model", "unexplained"),
            Breaks="On SageMaker there is no /home/ada: what the script looks for in this folder will not be there.",
            Remedy="Set MODEL_CACHE in environment of [tool.harness], or take it out of pass_environment.",
        ),
        finding(
            *(2, "outcome", "container", "FailureReason", None, "AlgorithmError: ExecuteUserScriptError:\nExitCode 1"),
            "unexplained",
            Breaks="The job fails in the image that AWS uses.",
        ),
        finding(
            *(3, "metrics", "local", "test:accuracy", 0.9667, 0.9333, "nondeterministic"),
            Why="The same job, run twice on local, printed two values.",
            Breaks="No two runs can be compared; a better metric may be luck.",
            Remedy="Give every random generator a seed: random_state=0.",
        ),
        finding(
            *(4, "umask", "remote", "accept[1]", "0o022", "0o022", "stale-acceptance"),
            Why="accept names a difference in umask on remote, and there is none any more.",
            Remedy="Remove the entry from [tool.harness.parity].",
        ),
        finding(
            *(5, "versions", "local", "pandas", "2.2.3", "2.3.1", "accepted"),
            Why="This machine's environment has another version than the image.",
            Breaks="A pickled DataFrame may not load.",
            Accepted={"Reason": "We pickle estimators only; the image follows in spring."},
        ),
        finding(
            *(6, "environment", "localmode", "SM_CURRENT_HOST", "algo-1", "algo-1-x7k2p", "known"),
            Why=local + "gives hosts random endings.",
            Breaks="Code that compares host names with 'algo-1'.",
            Remedy="Compare with SM_HOSTS instead.",
        ),
        finding(
            *(
                7,
                "config-files",
                "localmode",
                "resourceconfig.json",
                groups(with_groups=True),
                groups(with_groups=False),
            ),
            "known",
            Why=local + "writes no instance groups.",
            Breaks="SM_INSTANCE_GROUPS is [].",
            Remedy="Read SM_HOSTS.",
        ),
        *(
            finding(
                *(number, "consistency", name, "text/csv, one row", [0], "500 Internal Server Error", "known"),
                Why="One row of text/csv arrives as a 1-D array, and predict wants two dimensions.",
                Breaks="Real-time predictions of single rows.",
                Remedy="In input_fn: np.atleast_2d.",
            )
            for number, name in ((8, "local"), (9, "container"), (10, "remote"))
        ),
        finding(
            *(11, "terminal", "localmode", "stdout.isatty()", False, True, "known"),
            Why=local + "gives the container a pseudo-terminal.",
            Breaks="Progress bars draw themselves anew for each step.",
            Remedy="tqdm(disable=None).",
        ),
    ]
    broken = target(
        *("localmode",),
        State="broke",
        Reason="the engine went away: no answer on unix:///var/run/docker.sock after the training job",
        Seconds={"probe": 8.2, "train": 9.4},
        Pictures=[],
    )
    failed = target(
        *("container",),
        JobStatus="Failed",
        ExitCode=1,
        FailureReason="AlgorithmError: ExecuteUserScriptError:\nExitCode 1",
        LogTail=LOG,
        Seconds={"probe": 1.9, "train": 3.1},
        Metrics={"train:accuracy": 1.0, "test:accuracy": 0.9333},
        Pictures=[picture(svg((10, 0, 0), (0, 8, 2), (0, 0, 10)))],
    )
    return document([target("local"), failed, broken, target("remote")], findings)


def failing() -> dict[str, Any]:
    """The script is wrong, and fails wherever it runs."""
    ended: dict[str, Any] = {
        "JobStatus": "Failed",
        "ExitCode": 1,
        "FailureReason": 'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage ""',
        "LogTail": LOG,
        "Metrics": {},
    }
    return document([target(name, **ended) for name in ("local", "container", "remote")], [], reference="container")


def without_docker() -> dict[str, Any]:
    """One target ran; the others could not."""
    reason = "no Docker engine answers; start it, or see `harness doctor`"
    nothing = {"State": "unavailable", "Reason": reason, "JobStatus": None, "ExitCode": None, "Isolation": None}
    empty: dict[str, Any] = {"Seconds": {}, "Metrics": {}, "Files": {}, "Pictures": [], "Versions": {}}
    absent = [target(name, **nothing, **empty) for name in ("container", "localmode")]
    return document([target("local"), *absent], [])


HOSTILE = (
    "</script></style></details><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
)


def hostile() -> dict[str, Any]:
    """Text that would like to be something else, wherever text of a stranger can stand."""
    evil = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80" onload="document.title=1">'
        "<script>fetch('http://127.0.0.1:9/taken')</script><image href=\"http://127.0.0.1:9/taken.png\"/>"
        '<rect width="80" height="80" fill="#ff00aa"/></svg>'
    )
    long = "word " * 2000
    findings = [
        finding(
            1,
            "environment",
            "local",
            HOSTILE,
            HOSTILE,
            None,
            "unexplained",
            Why=HOSTILE,
            Breaks=HOSTILE,
            Remedy=HOSTILE,
        ),
        finding(2, "environment", "local", "RTL", "user\u202etxt.exe\u202c", "مرحبا بالعالم abc", "unexplained"),
        finding(3, "environment", "local", "LONG", long, long[:5000] + "other" + long[5000:], "unexplained"),
        finding(4, "environment", "local", "UNBROKEN", "x" * 10_000, "y" * 10_000, "unexplained"),
        finding(5, "environment", "local", "CONTROL", "a\r\n\x1b[31mred\x00", "lone \udc80 surrogate", "unexplained"),
        finding(
            6,
            "environment",
            "local",
            "N" * 512,
            "",
            {"a": [1, None, HOSTILE]},
            "accepted",
            Accepted={"Reason": HOSTILE},
        ),
    ]
    pictures = [
        picture(evil, "evil.svg"),
        {"Name": 'quote".svg', "MediaType": "image/svg+xml", "Base64": '"><script>document.title=1</script>'},
        picture("<b>", "page.svg", media_type="text/html"),
    ]
    made = target(
        "local",
        Pictures=pictures,
        FailureReason=HOSTILE,
        LogTail=HOSTILE,
        JobStatus="Failed",
        Metrics={HOSTILE: float("nan"), "m" * 300: 1e300},
    )
    made["Files"]["output"].append({"Name": HOSTILE, "Size": 10**15, "Sha256": HOSTILE})
    unavailable = target("container", State="unavailable", Reason=HOSTILE)
    return document([made, unavailable], findings, EntryPoint=HOSTILE, Hyperparameters={HOSTILE: HOSTILE})
