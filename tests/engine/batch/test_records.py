"""Splitting an object into records, and packing these into the bodies of requests."""

from __future__ import annotations

import io
import struct
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.batch.records import RECORDIO_MAGIC, RecordError, mini_batches, pack

STRATEGIES = ("MultiRecord", "SingleRecord")


def bodies(data, split_type="Line", strategy="MultiRecord", max_payload=None):
    return [batch.body for batch in mini_batches(io.BytesIO(data), split_type, strategy, max_payload)]


def crc32c(data):
    """Bit by bit from the definition: reflected polynomial 0x1EDC6F41, as in RFC 3720."""
    crc = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if (crc ^ (byte >> bit)) & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def tfrecord(payload):
    length = struct.pack("<Q", len(payload))
    return length + masked(length) + payload + masked(payload)


def recordio(payload):
    """As MXNet's writer does it: cut at each magic word that stands at a multiple of four."""
    parts, begin = [], 0
    for at in range(0, len(payload) - 3, 4):
        if payload[at : at + 4] == RECORDIO_MAGIC:
            parts.append(payload[begin:at])
            begin = at + 4
    parts.append(payload[begin:])
    flags = [0] if len(parts) == 1 else [1, *[2] * (len(parts) - 2), 3]
    return b"".join(
        RECORDIO_MAGIC + struct.pack("<I", flag << 29 | len(part)) + part + bytes(-len(part) % 4)
        for flag, part in zip(flags, parts, strict=True)
    )


FRAMES = {"RecordIO": recordio, "TFRecord": tfrecord}


def test_the_checksum_of_these_tests_is_crc_32c():
    assert crc32c(b"123456789") == 0xE3069283


@given(
    lines=st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b""))),
    ended=st.booleans(),
    max_payload=st.integers(21, 100),
    strategy=st.sampled_from(STRATEGIES),
)
def test_lines_are_sent_whole_in_order_and_within_the_payload(lines, ended, max_payload, strategy):
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    batches = list(mini_batches(io.BytesIO(data), "Line", strategy, max_payload))
    sent = [batch.body for batch in batches]
    assert b"".join(sent) == data
    assert all(0 < len(body) <= max_payload for body in sent)
    assert all(body.endswith(b"\n") for body in sent[:-1])
    assert [batch.count for batch in batches] == [len(io.BytesIO(body).readlines()) for body in sent]
    assert [batch.first for batch in batches] == [1 + sum(b.count for b in batches[:i]) for i in range(len(batches))]


@given(st.binary(max_size=200), st.integers(1, 60))
def test_many_lines_per_request_are_as_many_as_fit(data, max_payload):
    lines = io.BytesIO(data).readlines()
    if max(map(len, lines), default=0) > max_payload:
        with pytest.raises(RecordError, match="larger than MaxPayloadInMB"):
            bodies(data, max_payload=max_payload)
    else:
        assert bodies(data, max_payload=max_payload) == [
            batch.body for batch in pack(lines, "MultiRecord", max_payload)
        ]


@given(
    st.lists(st.one_of(st.binary(max_size=20), st.just(b"abcd" + RECORDIO_MAGIC + b"\0"), st.just(RECORDIO_MAGIC * 2))),
    st.sampled_from(sorted(FRAMES)),
    st.integers(64, 200),
)
def test_binary_records_keep_their_frames_together_and_lose_them_alone(payloads, split_type, max_payload):
    framed = [FRAMES[split_type](payload) for payload in payloads]
    together = bodies(b"".join(framed), split_type, "MultiRecord", max_payload)
    assert b"".join(together) == b"".join(framed)
    assert together == [batch.body for batch in pack(framed, "MultiRecord", max_payload)]
    assert bodies(b"".join(framed), split_type, "SingleRecord", max_payload) == payloads


@given(st.lists(st.binary(min_size=1, max_size=10)), st.integers(10, 40))
def test_packing_leaves_no_room_for_the_next_record(records, max_payload):
    batches = list(pack(records, "MultiRecord", max_payload))
    assert b"".join(batch.body for batch in batches) == b"".join(records)
    assert sum(batch.count for batch in batches) == len(records)
    for batch, following in pairwise(batches):
        assert len(batch.body) <= max_payload < len(batch.body) + len(records[following.first - 1])


@pytest.mark.parametrize(
    ("data", "strategy", "expected"),
    [
        (b"", "MultiRecord", []),
        (b"", "SingleRecord", []),
        (b"a\r\nb\r\n", "SingleRecord", [b"a\r\n", b"b\r\n"]),
        (b"a\rb\n", "SingleRecord", [b"a\rb\n"]),
        (b"a\n\nb", "SingleRecord", [b"a\n", b"\n", b"b"]),
        (b"\n", "MultiRecord", [b"\n"]),
        (b'"x\ny"\n', "SingleRecord", [b'"x\n', b'y"\n']),
        (b"\xff\x00\n\xfe", "SingleRecord", [b"\xff\x00\n", b"\xfe"]),
        (b"aaa\nbbb\nccc", "MultiRecord", [b"aaa\nbbb\n", b"ccc"]),
        (b"aaa\nbbbb", "MultiRecord", [b"aaa\nbbbb"]),
        (b"aaaaaaaa", "MultiRecord", [b"aaaaaaaa"]),
    ],
)
def test_a_line_ends_at_a_newline_and_is_not_touched(data, strategy, expected):
    assert bodies(data, strategy=strategy, max_payload=8) == expected


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("data", [b"", b"a\nb\n"])
def test_an_object_that_is_not_split_is_one_record(data, strategy):
    assert bodies(data, "None", strategy, 4) == [data]


def test_an_object_that_is_not_split_has_to_fit():
    with pytest.raises(RecordError, match=r"whole object .* SplitType None, .* \(3 bytes\)"):
        bodies(b"abcd", "None", "MultiRecord", 3)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("split_type", ["Line", *FRAMES])
def test_a_record_that_does_not_fit_is_named_by_its_number(split_type, strategy):
    frame = FRAMES.get(split_type, lambda payload: payload + b"\n")
    data = frame(b"a") + frame(b"b") + frame(b"c" * 100) + frame(b"d")
    with pytest.raises(RecordError, match="larger than MaxPayloadInMB") as raised:
        bodies(data, split_type, strategy, 50)
    assert raised.value.record == 3


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("split_type", sorted(FRAMES))
def test_a_record_cut_short_is_named_by_its_number(split_type, strategy):
    data = FRAMES[split_type](b"whole") + FRAMES[split_type](b"this one is cut")[:-3]
    with pytest.raises(RecordError, match="record 2: the object ends inside it"):
        bodies(data, split_type, strategy, 1000)


@pytest.mark.parametrize("split_type", sorted(FRAMES))
@pytest.mark.parametrize("data", [b"1,2,3\n4,5,6\n7,8,9\n", b"short", bytes(64)])
def test_text_is_not_taken_for_binary_records(split_type, data):
    with pytest.raises(RecordError, match=f"record 1: no {split_type} frame begins here"):
        bodies(data, split_type, "MultiRecord", 1000)


@pytest.mark.parametrize("flags", [(1, 0), (2,), (3,), (0, 3), (1, 1), (5,)])
def test_parts_of_a_recordio_record_in_the_wrong_order_are_refused(flags):
    data = b"".join(RECORDIO_MAGIC + struct.pack("<II", flag << 29 | 4, 0) for flag in flags)
    with pytest.raises(RecordError, match="out of order"):
        bodies(data, "RecordIO", "SingleRecord", 1000)


def test_a_tfrecord_that_claims_to_be_huge_is_not_read():
    length = struct.pack("<Q", 1 << 60)
    with pytest.raises(RecordError, match="larger than MaxPayloadInMB"):
        bodies(length + masked(length), "TFRecord", "SingleRecord", 1000)


def test_mini_batches_before_a_bad_record_are_good():
    batches = mini_batches(io.BytesIO(b"a\n" + b"b" * 9), "Line", "SingleRecord", 4)
    assert next(batches).body == b"a\n"
    with pytest.raises(RecordError):
        next(batches)


class Dribble(io.RawIOBase):
    """A stream that gives fewer bytes than asked for, as a socket's may."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def read(self, size=-1):
        return self._data.read(min(size, 3))


def test_a_stream_may_give_less_than_it_is_asked_for():
    batches = mini_batches(Dribble(b"aaaa\nbbbb\ncccc\n"), "Line", "MultiRecord", 10)
    assert [batch.body for batch in batches] == [b"aaaa\nbbbb\n", b"cccc\n"]


class Lines(io.RawIOBase):
    """A long object that is nowhere."""

    def __init__(self, size):
        self._left = size

    def read(self, size=-1):
        given = min(size, self._left)
        self._left -= given
        return (b"5.1,3.5,1.4,0.2\n" * (given // 16 + 1))[:given]


def test_memory_does_not_grow_with_the_object():
    tracemalloc.start()
    try:
        batches = mini_batches(Lines(1 << 28), "Line", "MultiRecord", 1 << 20)
        assert sum(len(batch.body) for batch in batches) == 1 << 28
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
