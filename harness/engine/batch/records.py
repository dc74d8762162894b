"""An input object of a transform job -> the bodies of its requests. Pure: a stream in, mini-batches out.

What a *record* is depends on ``SplitType``:

None
    The whole object.
Line
    Everything up to and including a newline byte; the last one may lack it. Nothing else is touched: a
    carriage return stays, quoting is not understood, bytes need not be text. An empty line is a record like
    any other, because AWS's description knows no exception.
RecordIO
    A frame of Apache MXNet: the magic word ``0xced7230a``, a word with a 3-bit part flag and a 29-bit length,
    the payload, padding to 4 bytes. A record whose payload contains the magic word arrives as several frames.
TFRecord
    A frame of TensorFlow: 64-bit length, its masked CRC-32C, the payload, its masked CRC-32C; everything
    little-endian. The length's checksum is verified, because a wrong length would be read as data; the
    payload's is left to whoever parses it.

``BatchStrategy`` MultiRecord sends as many whole records as fit into one request, with their framing;
SingleRecord sends one record and, for the two binary formats, only its payload (API reference of
``TransformInput`` and ``CreateTransformJob``, botocore 1.44). Memory holds one mini-batch, whatever the size
of the stream.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeAlias

SplitType: TypeAlias = Literal["None", "Line", "RecordIO", "TFRecord"]
BatchStrategy: TypeAlias = Literal["MultiRecord", "SingleRecord"]

RECORDIO_MAGIC = struct.pack("<I", 0xCED7230A)
_READ_SIZE = 1 << 27


@dataclass(frozen=True, slots=True)
class MiniBatch:
    """The body of one request and which records of its object it holds."""

    first: int
    """Number of the first record, counted from 1."""
    count: int
    body: bytes


class RecordError(ValueError):
    """A record cannot be read, sent, or joined; ``record`` is its number within the object, counted from
    1."""

    def __init__(self, record: int, problem: str) -> None:
        super().__init__(f"record {record}: {problem}")
        self.record = record
        self.problem = problem


def mini_batches(
    stream: BinaryIO, split_type: SplitType, strategy: BatchStrategy, max_payload: int | None
) -> Iterator[MiniBatch]:
    """Split ``stream`` into records and pack them into the bodies of requests, in order.

    An empty stream has no records, hence no mini-batches; split by None it is one empty record.

    Args:
        stream: read once, from where it stands to its end; not closed.
        split_type: see above.
        strategy: of no effect with split type None.
        max_payload: the largest body in bytes; None for no limit.

    Raises:
        RecordError: a record is larger than ``max_payload``, or a frame is damaged. Raised when the
            mini-batch is asked for; those before it are good.
    """
    limit = sys.maxsize - 1 if max_payload is None else max_payload
    if split_type == "None":
        return _whole(stream, limit)
    if split_type == "Line":
        return _lines(stream, limit) if strategy == "SingleRecord" else _blocks_of_lines(stream, limit)
    read_frame = _read_recordio if split_type == "RecordIO" else _read_tfrecord
    frames = _frames(stream, read_frame, limit)
    if strategy == "SingleRecord":
        return pack((frame.payload for frame in frames), strategy, limit)
    return pack((frame.framed for frame in frames), strategy, limit)


def pack(records: Iterable[bytes], strategy: BatchStrategy, max_payload: int) -> Iterator[MiniBatch]:
    """Pack whole records, in order, into bodies of at most ``max_payload`` bytes: one each, or as many as
    fit.

    Raises:
        RecordError: a record is larger than ``max_payload``.
    """
    batch: list[bytes] = []
    size = 0
    first = 1
    for number, record in enumerate(records, 1):
        if len(record) > max_payload:
            raise _too_large(number, max_payload)
        if batch and (strategy == "SingleRecord" or size + len(record) > max_payload):
            yield MiniBatch(first, len(batch), b"".join(batch))
            batch, size, first = [], 0, number
        batch.append(record)
        size += len(record)
    if batch:
        yield MiniBatch(first, len(batch), b"".join(batch))


def _too_large(record: int, limit: int) -> RecordError:
    return RecordError(record, f"larger than MaxPayloadInMB allows ({limit:,} bytes); raise it (at most 100)")


def _whole(stream: BinaryIO, limit: int) -> Iterator[MiniBatch]:
    body = _read(stream, limit + 1)
    if len(body) > limit:
        raise RecordError(
            1,
            "the whole object is one request with SplitType None, and it is larger than MaxPayloadInMB allows "
            f"({limit:,} bytes); split it (SplitType Line), or raise it (at most 100; 0 streams it)",
        )
    yield MiniBatch(1, 1, body)


def _blocks_of_lines(stream: BinaryIO, limit: int) -> Iterator[MiniBatch]:
    """Cut each block at its last newline, so that no work is done per line but counting them, which is
    C's."""
    first = 1
    rest = b""
    at_end = False
    while not at_end:
        # One byte more than fits is asked for, so that a shorter block is known to be the last.
        block = rest + _read(stream, limit + 1 - len(rest))
        at_end = len(block) <= limit
        end = len(block) if at_end else block.rfind(b"\n", 0, limit) + 1
        if not at_end and not end:
            raise _too_large(first, limit)
        body, rest = block[:end], block[end:]
        if body:
            count = body.count(b"\n") + (not body.endswith(b"\n"))
            yield MiniBatch(first, count, body)
            first += count


def _lines(stream: BinaryIO, limit: int) -> Iterator[MiniBatch]:
    number = 0
    while line := stream.readline(limit + 1):
        number += 1
        if len(line) > limit:
            raise _too_large(number, limit)
        yield MiniBatch(number, 1, line)


def _read(stream: BinaryIO, size: int) -> bytes:
    """Read exactly ``size`` bytes, fewer only at the end of the stream; not every stream does that by
    itself."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(min(size, _READ_SIZE))):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Frame:
    framed: bytes
    payload: bytes


_FrameReader: TypeAlias = Callable[[BinaryIO, int, int], "_Frame | None"]


def _frames(stream: BinaryIO, read_frame: _FrameReader, limit: int) -> Iterator[_Frame]:
    number = 1
    while (frame := read_frame(stream, number, limit)) is not None:
        yield frame
        number += 1


def _read_frame_part(stream: BinaryIO, size: int, number: int) -> bytes:
    part = _read(stream, size)
    if len(part) < size:
        raise RecordError(number, f"the object ends inside it ({len(part)} of {size} bytes are there)")
    return part


def _read_recordio(stream: BinaryIO, number: int, limit: int) -> _Frame | None:
    framed: list[bytes] = []
    payload: list[bytes] = []
    size = 0
    while True:
        header = _read(stream, 8)
        if not header and not framed:
            return None
        if len(header) < 8 or header[:4] != RECORDIO_MAGIC:
            raise RecordError(number, "no RecordIO frame begins here; is SplitType RecordIO right for this object?")
        (word,) = struct.unpack_from("<I", header, 4)
        part_of, length = word >> 29, word & ((1 << 29) - 1)
        # 0 is a record in one frame; 1, 2, 3 are the first, the inner, and the last frames of one in several.
        if (part_of in (2, 3)) is not bool(framed) or part_of > 3:
            raise RecordError(number, "its RecordIO frames are out of order")
        size += length
        if size > limit:
            raise _too_large(number, limit)
        body = _read_frame_part(stream, length + -length % 4, number)
        framed += [header, body]
        payload.append(body[:length])
        if part_of in (0, 3):
            # The writer cuts a payload at each magic word in it and leaves that word out.
            return _Frame(b"".join(framed), RECORDIO_MAGIC.join(payload))


def _read_tfrecord(stream: BinaryIO, number: int, limit: int) -> _Frame | None:
    header = _read(stream, 12)
    if not header:
        return None
    if len(header) < 12 or _masked_crc32c(header[:8]) != int.from_bytes(header[8:], "little"):
        raise RecordError(number, "no TFRecord frame begins here; is SplitType TFRecord right for this object?")
    length = int.from_bytes(header[:8], "little")
    if length > limit:
        raise _too_large(number, limit)
    body = _read_frame_part(stream, length + 4, number)
    return _Frame(header + body, body[:length])


def _crc32c_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


# The standard library has CRC-32 but not this one, and eight bytes per record are not worth a dependency.
_CRC32C = tuple(_crc32c_of_byte(byte) for byte in range(256))


def _masked_crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC32C[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
