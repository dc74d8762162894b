"""What a ``CreateTransformJob`` request says to the part that moves the data: how, and which files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engine.batch.dataprocessing import DataProcessing
from harness.engine.batch.records import BatchStrategy, SplitType
from harness.errors import ConfigurationError

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class TransformSettings:
    """What a ``CreateTransformJob`` request says about how its data travels, with every default filled in."""

    content_type: str | None = None
    accept: str | None = None
    split_type: SplitType = "None"
    strategy: BatchStrategy = "MultiRecord"
    gzip: bool = False
    """``CompressionType`` Gzip: the files are decompressed as they are read."""
    assemble_with_line: bool = False
    max_payload: int | None = 6 * MEGABYTE
    """Bytes; None (``MaxPayloadInMB`` 0) sends without limit, in chunks."""
    concurrency: int = 1
    timeout: float = 600
    """Seconds per try."""
    max_retries: int = 3
    processing: DataProcessing | None = None

    @classmethod
    def from_request(
        cls, request: Mapping[str, Any], execution_parameters: Mapping[str, Any] | None = None
    ) -> TransformSettings:
        """Read a request; what it leaves open ``/execution-parameters`` of the model server may say.

        The strategies are spelt ``MULTI_RECORD`` and ``SINGLE_RECORD`` by the model server.

        Raises:
            ConfigurationError: ``DataProcessing`` does not go with the rest of the request, a content type cannot be a
                header, or the model server says what is no such parameter.
        """
        source, target = request["TransformInput"], request["TransformOutput"]
        client = request.get("ModelClientConfig") or {}
        offered = execution_parameters or {}
        megabytes = request.get("MaxPayloadInMB", _number(offered, "MaxPayloadInMB", 6))
        single = (request.get("BatchStrategy") or _strategy(offered)) == "SingleRecord"
        for name, text in (("ContentType", source.get("ContentType")), ("Accept", target.get("Accept"))):
            if text and not (text.isascii() and text.isprintable()):
                raise ConfigurationError(f"{name} {text!r} cannot be sent: a header is one line of ASCII text.")
        split_type: SplitType = source.get("SplitType") or "None"
        processing = DataProcessing.from_request(request)
        if processing and not megabytes and not (single and split_type == "Line"):
            raise ConfigurationError(
                "MaxPayloadInMB 0 streams whole files, which DataProcessing cannot look into. Set "
                "MaxPayloadInMB, or BatchStrategy SingleRecord with SplitType Line."
            )
        return cls(
            content_type=source.get("ContentType"),
            accept=target.get("Accept"),
            split_type=split_type,
            strategy="SingleRecord" if single else "MultiRecord",
            gzip=source.get("CompressionType") == "Gzip",
            assemble_with_line=target.get("AssembleWith") == "Line",
            max_payload=megabytes * MEGABYTE or None,
            # Zero is the request's way of leaving it open (API reference).
            concurrency=request.get("MaxConcurrentTransforms") or _number(offered, "MaxConcurrentTransforms", 1) or 1,
            timeout=client.get("InvocationsTimeoutInSeconds", 600),
            max_retries=client.get("InvocationsMaxRetries", 3),
            processing=processing,
        )

    @property
    def streams_files(self) -> bool:
        """Whether a file is one request of any size, so that it has to be sent while it is read."""
        return self.max_payload is None and (self.split_type == "None" or self.strategy == "MultiRecord")


def _number(offered: Mapping[str, Any], name: str, default: int) -> int:
    given = offered.get(name)
    if given is None:
        return default
    if not re.fullmatch(r"\d{1,2}|100", str(given)):
        raise _unreadable(name, given, "a whole number from 0 to 100")
    return int(given)


def _strategy(offered: Mapping[str, Any]) -> BatchStrategy:
    given = offered.get("BatchStrategy") or "MULTI_RECORD"
    if given not in ("MULTI_RECORD", "SINGLE_RECORD"):
        raise _unreadable("BatchStrategy", given, "MULTI_RECORD or SINGLE_RECORD")
    return "SingleRecord" if given == "SINGLE_RECORD" else "MultiRecord"


def _unreadable(name: str, given: object, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"/execution-parameters of the model server says that {name} is {given!r}; it has to be {expected}. Correct "
        f"execution_parameters_fn, or set {name} in the request."
    )


@dataclass(frozen=True)
class TransformFile:
    """One input object and where its output goes."""

    name: str
    """As messages call it: its key below the input's prefix."""
    source: Path
    output: Path
    job: Path
    """The job's folder."""

    @property
    def partial(self) -> Path:
        """Where the output is written until it is whole: no other job's, and no longer than a name may be."""
        import hashlib

        whose = hashlib.sha256(os.fsencode(self.job.absolute() / self.output.name)).hexdigest()
        return self.output.with_name(f".{self.output.name[:40]}.{whose[:16]}.partial")


def transform_files(root: Path, sources: Iterable[Path], output: Path, job: Path) -> tuple[TransformFile, ...]:
    """Name the outputs: the input's name and ``.out``, below ``output`` as the input is below ``root``.

    ``job`` is the folder of whoever writes them.
    """
    names = [(source.relative_to(root).as_posix(), source) for source in sources]
    return tuple(TransformFile(name, source, output / f"{name}.out", job) for name, source in names)
