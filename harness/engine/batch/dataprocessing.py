"""``DataProcessing`` of a transform job: what of a record the model sees, and what of both is put out.

    records --InputFilter--> request … response --JoinSource--> joined records --OutputFilter--> output

Pure: bytes in, bytes out. A CSV row is taken as an array of its cells, a JSON text as what it says. Where
nothing is to be changed the bytes are passed on as they are; where something is, CSV and JSON are written
anew (CSV with as few quotes as possible and ``\\n``, JSON without blanks).

Facts: AWS developer guide, «Associate Prediction Results with Input Records», and API reference of
``DataProcessing``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.batch.json_path import JsonPath, PathError, parse_json_path
from harness.engine.batch.records import MiniBatch, RecordError
from harness.errors import ConfigurationError

CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"


@dataclass(frozen=True)
class DataProcessing:
    """The filters and the join of one job. Its methods may be called from several threads."""

    input_filter: JsonPath
    output_filter: JsonPath
    join: bool
    """``JoinSource`` Input."""
    content_type: str
    accept: str
    end_of_record: bytes
    """What follows each record in the output."""

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> DataProcessing | None:
        """What a ``CreateTransformJob`` request asks for; None if that changes nothing.

        Raises:
            ConfigurationError: AWS would not process the data of this request: an expression outside its
                subset of JSONPath, a content type that is not CSV, JSON or JSON Lines, an ``Accept`` of
                another family, CSV not split and assembled by line, a name in a path for CSV, or a binary
                ``SplitType``.
        """
        wanted = request.get("DataProcessing") or {}
        source, target = request["TransformInput"], request["TransformOutput"]
        accept = target.get("Accept") or ""
        lines = target.get("AssembleWith") == "Line" or accept == JSON_LINES
        processing = cls(
            parse_json_path(wanted.get("InputFilter") or "$"),
            parse_json_path(wanted.get("OutputFilter") or "$"),
            wanted.get("JoinSource") == "Input",
            source.get("ContentType") or "",
            accept,
            b"\n" if lines else b"",
        )
        if not (processing.filters_input or processing.changes_output):
            return None
        processing._check(source.get("SplitType") or "None", target.get("AssembleWith") or "None")
        return processing

    def _check(self, split_type: str, assemble_with: str) -> None:
        types = (self.content_type, self.accept)
        if any(kind not in (CSV, JSON, JSON_LINES) for kind in types) or len({kind == CSV for kind in types}) > 1:
            raise ConfigurationError(
                f"DataProcessing needs ContentType and Accept to be both {CSV}, or each {JSON} or "
                f"{JSON_LINES}; they are {self.content_type or 'not set'} and {self.accept or 'not set'}."
            )
        if split_type not in ("None", "Line"):
            raise ConfigurationError(f"DataProcessing cannot read records of SplitType {split_type}.")
        if self.content_type != CSV:
            return
        if (split_type, assemble_with) != ("Line", "Line"):
            raise ConfigurationError(
                "DataProcessing of CSV needs SplitType Line and AssembleWith Line; they are "
                f"{split_type} and {assemble_with}."
            )
        for name, path in (("InputFilter", self.input_filter), ("OutputFilter", self.output_filter)):
            if not path.selects_from_row:
                raise ConfigurationError(
                    f"{name} {path.expression!r}: the columns of CSV are selected by index, "
                    "as in $[0], $[1:] or $[0,-1]."
                )

    @property
    def filters_input(self) -> bool:
        """Whether the model sees anything but the records as they are."""
        return not self.input_filter.selects_all

    @property
    def changes_output(self) -> bool:
        """Whether the output is anything but the responses as they are."""
        return self.join or not self.output_filter.selects_all

    def request_body(self, batch: MiniBatch) -> bytes:
        """The mini-batch as the model sees it: each of its records filtered.

        Raises:
            RecordError: a record cannot be read as its content type, or lacks what the filter selects.
        """
        if not self.filters_input:
            return batch.body
        records = _read(batch.body, self.content_type, batch.first, batch.count)
        filtered = self._apply(self.input_filter, "InputFilter", records, batch.first)
        body = _write(filtered, self.content_type, b"\n")
        return body if batch.body.endswith(b"\n") else body.removesuffix(b"\n")

    def output(self, batch: MiniBatch, response: bytes) -> bytes:
        """What the output holds for a mini-batch: its responses, joined with its records and filtered.

        A row of a CSV response is appended to the row it is for. A JSON object gains the attribute
        ``SageMakerOutput``, in place of one that it may have; any other JSON value becomes
        ``SageMakerInput`` of a new object beside it.

        Raises:
            RecordError: the response has not as many records as the mini-batch, or a record cannot be read,
                or lacks what the filter selects.
        """
        if not self.changes_output:
            return response
        records = _read(batch.body, self.content_type, batch.first, batch.count)
        try:
            results = _read(response, self.accept, batch.first, len(records))
        except RecordError as error:
            raise RecordError(error.record, f"the model's response {error.problem}") from None
        if len(results) != len(records):
            raise RecordError(
                batch.first,
                f"from here on the request has {len(records)} records and its response {len(results)}, so "
                "they cannot be associated; let the model answer one line per record, or set BatchStrategy "
                "SingleRecord",
            )
        if self.join:
            join = _join_rows if self.content_type == CSV else _join_json
            results = [join(*pair) for pair in zip(records, results, strict=True)]
        kept = self._apply(self.output_filter, "OutputFilter", results, batch.first)
        return _write(kept, self.accept, self.end_of_record)

    def _apply(self, path: JsonPath, name: str, records: list[Any], first: int) -> list[Any]:
        if path.selects_all:
            return records
        selected = []
        for number, record in enumerate(records, first):
            try:
                selected.append(path.select(record))
            except PathError as error:
                raise RecordError(number, f"{name} {path.expression}: {error}") from None
        return selected


def _join_rows(row: list[str], result: list[str]) -> list[str]:
    return row + result


def _join_json(record: Any, result: Any) -> dict[str, Any]:
    if isinstance(record, dict):
        return {**record, "SageMakerOutput": result}
    return {"SageMakerInput": record, "SageMakerOutput": result}


def _read(body: bytes, media_type: str, first: int, count: int) -> list[Any]:
    """The records of a request or a response; ``count`` is how many there should be."""
    if media_type == CSV:
        return _read_csv(body, first)
    # One JSON document may be spread over lines; several, and JSON Lines always, have one each.
    lines = [body] if media_type == JSON and count == 1 else body.removesuffix(b"\n").split(b"\n")
    records = []
    for number, line in enumerate(lines if body else (), first):
        try:
            records.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise RecordError(number, f"is not JSON: {error}") from None
    return records


def _read_csv(body: bytes, first: int) -> list[Any]:
    rows = csv.reader(io.StringIO(body.decode("utf-8", "surrogateescape"), newline=""), strict=True)
    records: list[Any] = []
    try:
        for row in rows:
            if rows.line_num > len(records) + 1:
                raise csv.Error("a quoted cell goes on after the end of the line")
            records.append(row)
    except csv.Error as error:
        raise RecordError(first + len(records), f"is not CSV: {error}") from None
    return records


def _write(records: Sequence[Any], media_type: str, end_of_record: bytes) -> bytes:
    if media_type == CSV:
        text = io.StringIO()
        rows = (record if isinstance(record, list) else [record] for record in records)
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode("utf-8", "surrogateescape")
    texts = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
    return b"".join(text.encode("utf-8", "surrogatepass") + end_of_record for text in texts)
