"""What has to travel before a request can: the packed source, folders of this machine that channels name.

`plan` looks at files alone, so that it can be shown without asking anybody; `send` carries it out. Everything goes
under a name made from its content: what is there already is not sent again, and a job that runs is never given other
data than it was started with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from harness import source
from harness.config import Config
from harness.errors import ConfigurationError, HarnessError
from harness.folders import make_own
from harness.requests import Locations
from harness.requests.common import region_of, role_of
from harness.storage import S3, Progress, Storage, default_bucket, files, is_s3, local_path

if TYPE_CHECKING:
    from harness.source import SourceManifest

_SHORT = 16
"""Hexadecimal digits of a hash in a name that people read."""


class Upload(NamedTuple):
    """A folder or file of this machine and where it goes."""

    what: str
    """``source``, a channel's or an input's name, ``model``."""
    path: Path
    uri: str
    files: int
    size: int
    """Bytes; of the source, before it is packed."""


class Plan(NamedTuple):
    """What a request needs besides itself."""

    locations: Locations = Locations()
    source: SourceManifest | None = None
    uploads: tuple[Upload, ...] = ()
    bucket: str | None = None
    """The default bucket, to be made if it is not there."""
    fetched: Mapping[str, Path] = MappingProxyType({})
    """``s3://`` URI of an output -> the folder of this machine that the configuration wants it in."""
    checkpoints: Mapping[str, Path] = MappingProxyType({})
    """The same of checkpoints, which a job leaves however it ends."""


def bucket_of(config: Config) -> str:
    """The bucket for uploads and results: the configured one, else SageMaker's default one of the role's account.

    A job can only be given a role of one's own account, so that AWS need not be asked which account that is.
    """
    return config.default_bucket or default_bucket(account_of(config), region_of(config))


def account_of(config: Config) -> str:
    """The account of the configured role.

    Raises:
        ConfigurationError: there is no role, or it is not an ARN.
    """
    role = role_of(config)
    parts = role.split(":")
    if len(parts) != 6 or parts[0] != "arn" or not parts[4]:
        raise ConfigurationError(f"role '{role}' is not the ARN of a role: arn:aws:iam::<account>:role/<name>.")
    return parts[4]


def storage_of(config: Config) -> Storage:
    """What URIs of a job on AWS name; the default bucket has to be the role's account's own."""
    owners = {}
    if config.role and config.region and not config.default_bucket:
        owners = {bucket_of(config): account_of(config)}
    s3 = S3(config.region, config.profile, kms_key=config.output_kms_key, owners=owners)
    return Storage(config.cache / "s3", s3)


def plan(config: Config, kind: str, job_name: str, *, model_data: str | None = None) -> Plan:
    """What a job of the configuration needs besides its request.

    On this machine that is a packed source where dependencies are to lie beside the script, and nothing else.

    Args:
        config: the configuration.
        kind: ``TrainingJob``, ``ProcessingJob``, ``TransformJob`` or ``Endpoint``.
        job_name: stands in the URIs of results.
        model_data: URI of the model to serve.

    Raises:
        ConfigurationError: no role, no region or no script; a channel without files; a secret in the source, or
            too much of it.
    """
    is_processing = kind == "ProcessingJob"  # its code is no archive but an input: a folder
    if config.on != "remote" and (is_processing or not (config.dependencies or config.allow_secrets)):
        return Plan()
    listed = source_of(config, kind)
    digest = source.content_hash(listed)
    if config.on != "remote":
        packed = _pack(listed, config.cache / "source" / digest)
        return Plan(Locations(source=packed.absolute().as_uri()), listed)
    base = _base(config)
    code = f"{base}/source/{digest}/" + ("code/" if is_processing else "sourcedir.tar.gz")
    inputs = {**dict(_inputs(config, kind)), **({"model": model_data} if model_data else {})}
    data = [_data(kind, name, uri, base) for name, uri in inputs.items() if not is_s3(uri)]
    written = _written(config, kind, job_name)
    earlier = [each for uri, folder in written.checkpoints.items() for each in _earlier(folder, uri)]
    return Plan(
        Locations(
            source=code,
            output=base,
            uploaded={**{inputs[each.what]: each.uri for each in data}, **written.uris},
        ),
        listed,
        (Upload("source", listed.files[0].path.parent, code, len(listed.files), listed.size), *data, *earlier),
        bucket=None if config.default_bucket else bucket_of(config),
        fetched=written.fetched,
        checkpoints=written.checkpoints,
    )


def results(config: Config, kind: str, description: Mapping[str, Any]) -> Plan:
    """What of a job's plan can be told when it has been sent: where its results are to go. For `fetch`.

    Args:
        config: the configuration, which may be another by now.
        kind: as for `plan`.
        description: the job's ``Describe…`` document; what it does not write is left out.
    """
    written, text = _written(config, kind, str(description[f"{kind}Name"])), str(description)
    fetched, checkpoints = (
        {uri: folder for uri, folder in each.items() if uri in text} for each in (written.fetched, written.checkpoints)
    )
    return Plan(fetched=fetched, checkpoints=checkpoints)


def send(plan: Plan, storage: Storage, progress: Callable[[str], Progress]) -> None:
    """Upload what is not there yet.

    Args:
        plan: says what and where to.
        storage: sends it.
        progress: makes what is told how far one upload is, from what that is called.

    Raises:
        HarnessError: see `Storage.upload`.
    """
    if plan.bucket:
        storage.s3.make_bucket(plan.bucket)
    for each in plan.uploads:
        if plan.source is None or each.uri != plan.locations.source:
            storage.upload(each.path, each.uri, progress(each.what))
        else:
            with _laid_out(plan.source, storage.cache, each.uri) as path:
                storage.upload(path, each.uri, progress(each.what))


def fetch(plan: Plan, storage: Storage, *, completed: bool) -> None:
    """Bring outputs to the folders that the configuration names; of a job that has not completed, checkpoints alone.

    Raises:
        HarnessError: see `Storage.copy`.
    """
    for uri, folder in {**plan.checkpoints, **(plan.fetched if completed else {})}.items():
        try:
            storage.copy(uri, folder)
        except OSError as error:
            raise HarnessError(f"{folder} cannot be written: {error.strerror}. What is for it lies at {uri}") from error


@contextmanager
def _laid_out(listed: SourceManifest, cache: Path, uri: str) -> Iterator[Path]:
    import tempfile

    make_own(cache.parent)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".source-") as scratch:
        path = Path(scratch, "sourcedir.tar.gz" if uri.endswith(".tar.gz") else "code")
        if uri.endswith(".tar.gz"):
            with path.open("wb") as file:
                source.pack(listed, file)
        else:
            source.stage(listed, path)
        yield path


def _pack(listed: SourceManifest, folder: Path) -> Path:
    """Pack a source below a folder of the cache, unless it is there: where."""
    packed = folder / "sourcedir.tar.gz"
    if not packed.exists():
        with _laid_out(listed, folder.parent, packed.name) as path:
            folder.mkdir(exist_ok=True)
            path.replace(packed)
    return packed


def source_of(config: Config, kind: str) -> SourceManifest:
    """What would travel of the configured source. Errors as for ``plan``."""
    key, entry_point, folder, dependencies = "entry_point", config.entry_point, config.source_dir, config.dependencies
    if kind == "ProcessingJob":
        key, process, dependencies = "process.entry_point", config.process, ()
        entry_point, folder = process.entry_point, process.source_dir
    elif kind != "TrainingJob":
        entry_point, folder = config.deploy.entry_point or entry_point, config.deploy.source_dir or folder
    if not entry_point:
        raise ConfigurationError(f"There is no script to run: {config.where_to_set(key)}, or give --entry-point.")
    return source.manifest(
        folder, entry_point=entry_point, dependencies=dependencies, allow_secrets=config.allow_secrets
    )


def _inputs(config: Config, kind: str) -> Iterator[tuple[str, str]]:
    """What a job reads: how to call it, and its URI."""
    if kind == "TrainingJob":
        for name, channel in config.channels.items():
            yield _uploadable(kind, name, channel.uri, channel.s3_data_type)
    elif kind == "ProcessingJob":
        for name, given in config.process.inputs.items():
            yield _uploadable(kind, name, given.source, given.s3_data_type)
    elif kind == "TransformJob" and config.transform.input:
        from harness.engine import channels

        yield _uploadable(kind, channels.TRANSFORM_INPUT, config.transform.input, config.transform.s3_data_type)


def _called(kind: str, what: str) -> str:
    """What an error calls something that a job reads."""
    from harness.engine import channels

    if kind == "ProcessingJob":
        return f"Input '{what}'"
    return "The model" if kind != "TrainingJob" and what == "model" else channels.called(what)


def _uploadable(kind: str, what: str, uri: str, data_type: str) -> tuple[str, str]:
    if data_type != "S3Prefix" and not is_s3(uri):
        raise ConfigurationError(
            f"{_called(kind, what)}: the files that {uri} names ({data_type}) are not uploaded with it. "
            "Give its s3:// URI."
        )
    return what, uri


class _Written(NamedTuple):
    """Where a job on AWS writes what the configuration wants in folders of this machine."""

    uris: Mapping[str, str]
    """The folder's URI -> the one that stands in the request instead."""
    fetched: Mapping[str, Path]
    checkpoints: Mapping[str, Path]
    """As in `Plan`."""


def _written(config: Config, kind: str, job_name: str) -> _Written:
    of_training = kind == "TrainingJob"
    artifacts, kept = (
        uri if of_training and uri and not is_s3(uri) else None
        for uri in (config.output_path, config.checkpoint_s3_uri)
    )
    named = [*_outputs(config, kind)]
    if not (artifacts or kept or named):
        return _Written({}, {}, {})  # without asking for a role, which tells the bucket
    job = f"{_base(config)}/{job_name}"
    uris = {uri: f"{job}/output/{name}".rstrip("/") for name, uri in named}
    fetched, checkpoints = {uris[uri]: local_path(uri) for uri in uris}, {}
    if artifacts:
        uris[artifacts] = _base(config)  # below which a job writes to its own name
        fetched[f"{job}/output"] = local_path(artifacts) / job_name / "output"
    if kept:
        uris[kept] = f"{job}/checkpoints"
        checkpoints[uris[kept]] = local_path(kept)
    return _Written(uris, fetched, checkpoints)


def _base(config: Config) -> str:
    """URI below which everything goes that the configuration has no other place for."""
    prefix = (config.default_bucket_prefix or "").strip("/")
    return f"s3://{bucket_of(config)}/{prefix}".rstrip("/")


def _outputs(config: Config, kind: str) -> Iterator[tuple[str, str]]:
    """Folders of this machine that a job's outputs are wanted in: name and URI."""
    if kind == "ProcessingJob":
        for name, given in config.process.outputs.items():
            if given.destination and not is_s3(given.destination):
                yield name, given.destination
    elif kind == "TransformJob" and config.transform.output and not is_s3(config.transform.output):
        yield "", config.transform.output


def youngest(folder: Path) -> float:
    """When a file below a folder was last written, in seconds since the epoch; 0 without any."""
    return max((each.stat().st_mtime for each in files(folder)), default=0.0) if folder.is_dir() else 0.0


def _earlier(folder: Path, uri: str) -> list[Upload]:
    """The checkpoints that are there already, for the job to go on from."""
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"checkpoint_s3_uri: {folder} is a file; name a folder.")
    found = sorted(files(folder)) if folder.is_dir() else []
    size = sum(each.stat().st_size for each in found)
    return [Upload("checkpoints", folder, uri, len(found), size)] if found else []


def _data(kind: str, what: str, uri: str, base: str) -> Upload:
    """A folder or file under a name made of its content.

    Raises:
        ConfigurationError: it is not there, has no files, or cannot be read.
    """
    import hashlib

    from harness.engine import channels

    data_source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    for problem in channels.problems(
        {"ChannelName": what, "DataSource": {"S3DataSource": data_source}}, _called(kind, what)
    ):
        raise ConfigurationError(problem)
    path = local_path(uri)
    total, size, count = hashlib.sha256(), 0, 0
    for each in sorted(files(path)):
        with each.open("rb") as content:
            name = each.relative_to(path).as_posix() if path.is_dir() else path.name
            total.update(f"{len(name)} {name} ".encode("utf-8", "surrogateescape"))
            total.update(hashlib.file_digest(content, "sha256").digest())
        size, count = size + each.stat().st_size, count + 1
    folder = f"{base}/data/{path.name}-{total.hexdigest()[:_SHORT]}/"
    return Upload(what, path, folder if path.is_dir() else folder + path.name, count, size)
