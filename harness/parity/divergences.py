"""What is known to be otherwise on a target, as data: where, in which values, why, what it can break, what to do.

A difference is explained only if its values are those of the table: the same name with another value is not. Sources:
the SageMaker Python SDK (v2 2.257.7, v3 2.27.0, read and run), the AWS developer guide, and the targets themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from harness.parity.divergence import Divergence, Holds, elsewhere, loads_alike, only_expected, only_seen, turned
from harness.parity.findings import Aspect, Finding, Kind
from harness.parity.probe import REDACTED


def explained(finding: Finding, ran_by: str) -> Finding:
    """The finding, known if the table has it; what nobody can explain says what it may mean and where to look.

    Args:
        finding: not explained yet.
        ran_by: the target whose divergences count: a stand-in for AWS has those of what runs its jobs.
    """
    for row in TABLE:
        if row.explains(finding, ran_by):
            return replace(finding, kind=Kind.KNOWN, why=row.why, breaks=row.breaks, remedy=row.remedy)
    breaks, remedy = _UNEXPLAINED.get(finding.aspect, _OF_WHAT_IS_SEEN)
    return replace(finding, breaks=breaks, remedy=remedy.format(target=finding.target))


_PROCESSES = ("local",)
_IN_CONTAINERS = ("container", "localmode")
_SDK = ("localmode",)


def _own_variables() -> tuple[Divergence, ...]:
    meaning: Mapping[str, tuple[str, str]] = {
        "HOME": ("/.*", "the user's own folder, where libraries keep caches"),
        "TMPDIR": ("/.*", "where this machine wants temporary files"),
        "USER": (".+", "the user's name, which libraries ask for"),
        "LOGNAME": (".+", "the user's name, which libraries ask for"),
    }
    return tuple(
        Divergence(
            _PROCESSES,
            Aspect.ENVIRONMENT,
            name,
            only_seen(form),
            why=f"a plain process keeps {name} of this machine: {what}",
            breaks=f"a script that reads {name}, or expands ~, finds another value on AWS, or none",
            remedy=f"do not depend on {name}; write to SM_MODEL_DIR, SM_OUTPUT_DATA_DIR or the folder of tempfile",
        )
        for name, (form, what) in meaning.items()
    )


def _no_credentials() -> tuple[Divergence, ...]:
    return tuple(
        Divergence(
            _PROCESSES,
            Aspect.ENVIRONMENT,
            name,
            only_seen(rf"/dev/null|{re.escape(REDACTED)}"),
            why=f"without a private /opt/ml, where ~/.aws can be hidden, {name} leads away from it",
            breaks="boto3 finds no credentials in files; on AWS it has those of the job's role",
            remedy="pass_environment = ['AWS_PROFILE'] lets the script have yours",
        )
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    )


_HOST, _SDK_HOST = "algo-1", r"algo-1-[a-z0-9]{5}|sagemaker-local"
_NO_GROUPS = r"\[\]|\{\}"


def _either(*ways: Holds) -> Holds:
    return lambda expected, seen: any(holds(expected, seen) for holds in ways)


def _sdk(aspect: Aspect, where: str, holds: Holds, why: str, breaks: str, remedy: str) -> Divergence:
    return Divergence(_SDK, aspect, where, holds, f"the SDK's local mode {why}", breaks, remedy)


def _of_both(where: str, holds: Holds, why: str, breaks: str, remedy: str) -> tuple[Divergence, ...]:
    """What stands in a configuration file stands in the variables that are made of it."""
    both = (Aspect.ENVIRONMENT, Aspect.CONFIG_FILES)
    return tuple(_sdk(aspect, where, holds, why, breaks, remedy) for aspect in both)


_LOCAL_MODE: tuple[Divergence, ...] = (
    *_of_both(
        "*",
        turned(_HOST, _SDK_HOST),
        "gives hosts' names a random ending",
        "what is named after the host, or looks for algo-1, is called otherwise in each run",
        "take the name from SM_CURRENT_HOST and the others from SM_HOSTS, and never write algo-1",
    ),
    _sdk(
        Aspect.ENVIRONMENT,
        "SM_TRAINING_ENV.distribution_hosts*",
        _either(only_seen(_SDK_HOST), only_expected(r"\[\]")),
        "names no instance groups, and then the toolkit takes all hosts for distributed ones",
        "nothing on a single host",
        "nothing",
    ),
    *(
        row
        for where in ("*instance_group*", "*INSTANCE_GROUP*", "*current_group_name")
        for row in _of_both(
            where,
            _either(only_expected(), only_seen(_NO_GROUPS), turned(r"[\[{].*", _NO_GROUPS)),
            "writes no instance groups into resourceconfig.json",
            "a script that goes through SM_INSTANCE_GROUPS finds none",
            "use SM_HOSTS, or test that part with --on container",
        )
    ),
    *_of_both(
        "*S3DistributionType",
        only_expected("FullyReplicated"),
        "writes the input mode of a channel into inputdataconfig.json, and nothing else",
        "a script that looks up how a channel is distributed fails with KeyError",
        "ask with .get('S3DistributionType', 'FullyReplicated')",
    ),
    *_of_both(
        "*RecordWrapperType",
        only_expected("None"),
        "writes the input mode of a channel into inputdataconfig.json, and nothing else",
        "a script that looks up how records are wrapped fails with KeyError",
        "ask with .get('RecordWrapperType', 'None')",
    ),
    *_of_both(
        "*",
        turned(r'"?(file|s3)://.*', '"?/opt/ml/code"?'),
        "mounts local code at /opt/ml/code, and names that as the place of the source",
        "SM_MODULE_DIR is a path here and an S3 URI on AWS: what reads it as a path fails there",
        "use __file__ or the working directory, never SM_MODULE_DIR",
    ),
    *_of_both(
        "*",
        turned("eth0", "ethwe"),
        "of version 3 names the network interface ethwe",
        "a library that is told to bind to it finds no such interface",
        "let the library choose its interface",
    ),
    *_of_both(
        "*TrainingInputMode",
        turned("File|FastFile", "EFS|File"),
        "of version 3 calls the mode of local folders EFS",
        "a script that decides by the mode takes another way",
        "decide by what lies in the channel",
    ),
    _sdk(
        Aspect.ENVIRONMENT,
        "TRAINING_JOB_ARN",
        only_expected("arn:.*"),
        "sets no TRAINING_JOB_ARN",
        "a script that reads it fails with KeyError",
        "read it with os.environ.get, or test that part with --on container",
    ),
    *(
        _sdk(
            Aspect.ENVIRONMENT,
            name,
            only_seen("https?://.*"),
            f"sets {name}; on AWS there is none",
            "a script that reads it finds none on AWS; boto3 finds the regional endpoint by itself there",
            "let boto3 choose its endpoint",
        )
        for name in ("AWS_ENDPOINT_URL_S3", "S3_ENDPOINT_URL")
    ),
    _sdk(
        Aspect.ENVIRONMENT,
        "TERM",
        only_seen(r"xterm.*"),
        "gives containers a terminal, and Docker then sets TERM",
        "progress bars and colours look as in a terminal, and fill the log on AWS",
        "switch them off where stdout is no terminal",
    ),
    *(
        _sdk(
            Aspect.TERMINAL,
            stream,
            turned("no terminal", "a terminal"),
            "gives containers a terminal",
            "isatty() is true, lines end in CRLF, and stderr is mixed into stdout; on AWS it is a pipe",
            "let nothing depend on isatty()",
        )
        for stream in ("stdin", "stdout", "stderr")
    ),
    _sdk(
        Aspect.OPT_ML_TREE,
        "shared*",
        only_seen("folder|yes"),
        "mounts a folder shared by all hosts at /opt/ml/shared",
        "what is written there is not on AWS, and is lost",
        "write to SM_MODEL_DIR or SM_OUTPUT_DATA_DIR",
    ),
)

_VERSION_REMEDY = "point python in [tool.harness] to an environment with the image's pins; `harness doctor` says how"

_OF_WHAT_IS_SEEN = (
    "a script that looks at it does something else there than on AWS",
    "look for what sets it, let the script not depend on it, or accept it in [tool.harness.parity]",
)
_OF_AN_ARCHIVE = (
    "whoever unpacks the archive finds something else",
    "compare what `harness train --on {target}` leaves in runs/ with another target's; let nothing that is written "
    "depend on host, time or versions; or accept it in [tool.harness.parity]",
)
_OF_THE_MODEL = (
    "the model that was measured is not the one that AWS will make",
    "train with the image's own packages (`harness doctor` says how), or accept it in [tool.harness.parity]",
)
_OF_A_SERVER = (
    "users get another answer than the one that was tested",
    "`harness deploy --on {target}`, then `harness invoke`: the server's log says what happened",
)
_UNEXPLAINED: Mapping[Aspect, tuple[str, str]] = {
    Aspect.VERSIONS: ("models may not load in the other version, or predict something else", _VERSION_REMEDY),
    Aspect.OUTCOME: (
        "a job that ends well on one target fails on another, and AWS may be like either",
        "`harness train --on {target}` shows what the script prints there; `harness lint` knows the usual reasons",
    ),
    Aspect.MODEL_ARCHIVE: _OF_AN_ARCHIVE,
    Aspect.OUTPUT_ARCHIVE: _OF_AN_ARCHIVE,
    Aspect.MODEL_PREDICTIONS: _OF_THE_MODEL,
    Aspect.METRICS: _OF_THE_MODEL,
    Aspect.ENDPOINT: _OF_A_SERVER,
    Aspect.TRANSFORM: _OF_A_SERVER,
}
"""Aspect -> what a difference that nobody has explained can break, and what to do; of others ``_OF_WHAT_IS_SEEN``."""

TABLE: tuple[Divergence, ...] = (
    *_own_variables(),
    *_no_credentials(),
    *(
        Divergence(
            _PROCESSES,
            Aspect.VERSIONS,
            library,
            loads_alike(library),
            why="a plain process uses this machine's packages; what one version pickles loads in the other",
            breaks="results may differ in their last digits, and scikit-learn warns when it loads a model",
            remedy=_VERSION_REMEDY,
        )
        for library in ("scikit-learn", "pandas", "numpy", "joblib")
    ),
    Divergence(
        _PROCESSES,
        Aspect.VERSIONS,
        "python",
        turned(r"3\.\d+", r"3\.\d+"),
        why="a plain process uses this machine's Python",
        breaks="newer syntax and modules of the standard library may be missing in the image, and the reverse",
        remedy=_VERSION_REMEDY,
    ),
    Divergence(
        _PROCESSES,
        Aspect.USER,
        "uid",
        turned("0", r"\d+"),
        why="a plain process runs as you; a container of AWS's image runs as root",
        breaks="what only root may do works on AWS and not here: apt-get, ports below 1024, writing to /usr",
        remedy="nothing, unless the script needs root; then compare with --on container",
    ),
    *(
        Divergence(
            _PROCESSES,
            aspect,
            "*",
            elsewhere,
            why="there is no private /opt/ml here, so SM_* name the run folder instead; `harness doctor` says why",
            breaks="a script with /opt/ml written into it does not find its files here, but does on AWS",
            remedy="use SM_MODEL_DIR and the like; on Linux allow user namespaces, or compare with --on container",
        )
        for aspect in (
            Aspect.ENVIRONMENT,
            Aspect.ARGUMENTS,
            Aspect.WORKING_DIRECTORY,
            Aspect.PYTHON_PATH,
            Aspect.OPT_ML_TREE,
        )
    ),
    Divergence(
        _PROCESSES,
        Aspect.SIGNALS,
        "parent",
        turned("process 1", "another process"),
        why="without namespaces of its own a plain process has this machine's process numbers",
        breaks="nothing, unless the script signals process 1",
        remedy="allow user namespaces; `harness doctor` says how",
    ),
    Divergence(
        _IN_CONTAINERS,
        Aspect.ENVIRONMENT,
        "HOSTNAME",
        only_seen(r"[\w.-]+"),
        why="Docker sets it; what AWS's container runtime sets is not documented",
        breaks="a script that names things by HOSTNAME finds another value on AWS, or none",
        remedy="use SM_CURRENT_HOST",
    ),
    Divergence(
        _IN_CONTAINERS,
        Aspect.ENVIRONMENT,
        "HOME",
        only_seen("/root|/home/.*|/"),
        why="Docker sets it; what AWS's container runtime sets is not documented",
        breaks="a script that expands ~ may find another folder on AWS",
        remedy="write to SM_MODEL_DIR, SM_OUTPUT_DATA_DIR or the folder of tempfile",
    ),
    *(
        Divergence(
            _IN_CONTAINERS,
            Aspect.ENVIRONMENT,
            name,
            only_seen(form),
            why="set by the Python image that the local image is built on; AWS's image is built on another",
            breaks=f"a script that reads {name} finds none on AWS",
            remedy="do not read it; sys.version_info tells the version",
        )
        for name, form in (
            ("PYTHON_VERSION", r"3\.\d+\.\d+"),
            ("PYTHON_SHA256", "[0-9a-f]{64}"),
            ("GPG_KEY", re.escape(REDACTED)),
        )
    ),
    *(
        Divergence(
            targets,
            Aspect.ENVIRONMENT,
            name,
            only_seen(value),
            why=f"Podman sets {name} in every container",
            breaks=f"a script that reads {name}, or a library that does, finds none on AWS",
            remedy=f"do not depend on {name}",
        )
        for name, value, targets in (("TERM", "xterm", ("container",)), ("container", "podman", _IN_CONTAINERS))
    ),
    *(
        Divergence(
            ("local", "container"),
            Aspect.OPT_ML_TREE,
            where,
            _either(only_seen("folder|file, .*|yes|no"), only_expected("folder|file, .*|yes|no"), turned("no", "yes")),
            why="without a network the source travels as the channel code: an archive where it comes out of S3, and a "
            "folder, mounted, where it never was there",
            breaks="nothing, unless the script looks into that channel",
            remedy="read the source where the script lies, and not in input/data/code",
        )
        for where in ("input/data/code/*", "input/data/code (writable)")
    ),
    *_LOCAL_MODE,
)
"""Every divergence that is known. The first row that explains a finding counts."""
