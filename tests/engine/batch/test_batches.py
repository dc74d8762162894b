"""A batch transform against a real HTTP server on loopback that answers as each test wants."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest

from harness.engine.batch.invocations import InvocationError, ModelServer
from harness.engine.batch.outcome import FileFailure, Tally, TransformOutcome
from harness.engine.batch.runner import run
from harness.engine.batch.settings import TransformSettings, transform_files
from harness.server import cause

LINE = TransformSettings(content_type="text/csv", split_type="Line", max_retries=0)


class Model(ThreadingHTTPServer):
    """A model server. ``answer(handler, body)`` returns a body, a status with a body, or None if it has answered."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.requests: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.busy = 0
        self.most_busy = 0
        self.over = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/invocations"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Model

    def do_POST(self):
        body = self.body()
        with self.server.lock:
            self.server.requests.append(body)
            self.server.headers.append(dict(self.headers))
            self.server.busy += 1
            self.server.most_busy = max(self.server.most_busy, self.server.busy)
        answer = self.server.answer(self, body)
        with self.server.lock:
            self.server.busy -= 1
        if answer is None:
            self.close_connection = True
            return
        status, content, *why = answer if isinstance(answer, tuple) else (200, answer)
        self.send_response(status)
        if why:
            self.send_header("X-Harness-Cause", *why)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def body(self):
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *_):
        pass


@contextmanager
def model(answer):
    with Model(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def upper(_, body):
    return body.upper()


class Job:
    """Files in a temporary folder, and what became of them."""

    def __init__(self, folder):
        self.path, self.input, self.output = folder / "job", folder / "in", folder / "out"
        self.input.mkdir()

    def add(self, name, content):
        path = self.input / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def run(self, url, settings=LINE, **more):
        sources = sorted(path for path in self.input.rglob("*") if path.is_file())
        return run(url, transform_files(self.input, sources, self.output, self.path), settings, **more)

    @property
    def outputs(self):
        """Every file below the output, hidden ones too."""
        found = (path for path in self.output.rglob("*") if path.is_file())
        return {path.relative_to(self.output).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


def settings(**changes):
    return TransformSettings(**{**vars(LINE), **changes})


# What is sent, and what is put out


def test_every_file_has_an_output_of_its_name_in_its_folder(job):
    job.add("a.csv", b"a\nb\n")
    job.add("deep/er/b.csv", b"c\n")
    with model(upper) as server:
        outcome = job.run(server.url)
    assert (outcome.status, outcome.failures, outcome.failure_reason) == ("Completed", (), None)
    assert job.outputs == {"a.csv.out": b"A\nB\n", "deep/er/b.csv.out": b"C\n"}


def test_another_job_that_writes_the_same_outputs_meanwhile_disturbs_nobody(job, tmp_path):
    (tmp_path / "other").mkdir()
    other = Job(tmp_path / "other")
    job.add("a", b"1\n2\n")
    other.add("a", b"other\n")
    other.output = job.output
    between = []

    def answer(handler, body):
        if body == b"2\n":  # when the first line is written already
            between.extend([other.run(server.url).status, job.outputs["a.out"]])
        return body.upper()

    with model(answer) as server:
        outcome = job.run(server.url, settings(strategy="SingleRecord"))
    assert between == ["Completed", b"OTHER\n"]
    assert (outcome.status, job.outputs) == ("Completed", {"a.out": b"1\n2\n"})


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [1, 5])
@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
def test_outputs_have_the_order_of_the_input_and_requests_never_mix_files(job, strategy, concurrency):
    for name in "abc":
        job.add(name, b"".join(b"%s%03d\n" % (name.encode(), number) for number in range(100)))
    with model(upper) as server:
        job.run(server.url, settings(strategy=strategy, max_payload=64, concurrency=concurrency))
    assert job.outputs == {f"{name}.out": (job.input / name).read_bytes().upper() for name in "abc"}
    assert all(len(body) <= 64 and len({line[:1] for line in body.splitlines()}) == 1 for body in server.requests)
    assert len(server.requests) == (300 if strategy == "SingleRecord" else 3 * 9)


def test_a_file_that_is_not_split_is_one_request(job):
    job.add("image", b"\x89PNG\r\n\0\n")
    with model(lambda _, body: body[::-1]) as server:
        job.run(server.url, TransformSettings())
    assert server.requests == [b"\x89PNG\r\n\0\n"]
    assert job.outputs == {"image.out": b"\x89PNG\r\n\0\n"[::-1]}


def test_content_type_and_accept_are_sent_verbatim(job):
    job.add("a", b"1\n")
    with model(upper) as server:
        job.run(server.url, settings(content_type="Text/CSV ; x=1", accept="application/x-npy"))
    assert {name: server.headers[0].get(name) for name in ("Content-Type", "Accept")} == {
        "Content-Type": "Text/CSV ; x=1",
        "Accept": "application/x-npy",
    }


def test_headers_that_the_request_leaves_open_are_not_sent(job):
    job.add("a", b"1\n")
    with model(upper) as server:
        job.run(server.url, TransformSettings())
    assert not {"Content-Type", "Accept"} & set(server.headers[0])


@pytest.mark.parametrize(
    ("assemble", "responses", "expected"),
    [
        (False, [b"1", b"2"], b"12"),
        (True, [b"1", b"2"], b"1\n2\n"),
        (True, [b"1\n", b"2\n"], b"1\n2\n"),
        (True, [b"", b"2"], b"\n2\n"),
        (False, [b"\xff\0", b"\n"], b"\xff\0\n"),
    ],
)
def test_responses_are_assembled(job, assemble, responses, expected):
    job.add("a", b"0\n1\n")
    with model(lambda _, body: responses[int(body)]) as server:
        job.run(server.url, settings(strategy="SingleRecord", assemble_with_line=assemble))
    assert job.outputs == {"a.out": expected}


@pytest.mark.parametrize(("split_type", "requests"), [("Line", []), ("None", [b""])])
def test_an_empty_file_has_no_lines_but_is_an_object(job, split_type, requests):
    job.add("empty", b"")
    with model(upper) as server:
        outcome = job.run(server.url, settings(split_type=split_type))
    assert (outcome.status, server.requests, job.outputs) == ("Completed", requests, {"empty.out": b""})


def test_gzip_is_decompressed_and_keeps_its_name(job):
    job.add("a.csv.gz", gzip.compress(b"x\ny\n") + gzip.compress(b"z\n"))
    with model(upper) as server:
        job.run(server.url, settings(gzip=True))
    assert job.outputs == {"a.csv.gz.out": b"X\nY\nZ\n"}


def test_without_a_limit_a_file_is_sent_in_chunks_as_it_is_read(job):
    content = b"0123456789abcdef" * 200_000
    job.add("a.gz", gzip.compress(content, 1))
    with model(upper) as server:
        outcome = job.run(server.url, TransformSettings(gzip=True, max_payload=None, assemble_with_line=True))
    assert job.outputs == {"a.gz.out": content.upper() + b"\n"}
    assert server.headers[0]["Transfer-Encoding"] == "chunked"
    assert outcome.tally.bytes_in == len(content)


def test_without_a_limit_single_records_are_sent_in_chunks(job):
    job.add("a", b"x\ny\n")
    with model(upper) as server:
        job.run(server.url, settings(strategy="SingleRecord", max_payload=None))
    assert [headers["Transfer-Encoding"] for headers in server.headers] == ["chunked"] * 2
    assert job.outputs == {"a.out": b"X\nY\n"}


def test_records_are_filtered_joined_and_filtered_again(job):
    job.add("a.csv", b"id1,1,2\nid2,3,4\nid3,5,6\n")
    request = {
        "MaxConcurrentTransforms": 2,
        "DataProcessing": {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
        "TransformInput": {"ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"Accept": "text/csv", "AssembleWith": "Line"},
    }

    def total(_, body):
        return b"".join(b"%d\n" % sum(map(int, line.split(b","))) for line in body.splitlines())

    with model(total) as server:
        job.run(server.url, TransformSettings.from_request(request))
    assert server.requests == [b"1,2\n3,4\n5,6\n"]
    assert job.outputs == {"a.csv.out": b"id1,3\nid2,7\nid3,11\n"}


# How many at a time


@pytest.mark.parametrize("files", [1, 12])
def test_as_many_requests_as_allowed_are_under_way_and_never_more(job, files):
    for number in range(files):
        job.add(f"{number:02}", b"x\n" * (12 // files))
    together = threading.Barrier(3)

    def meet(_, body):
        together.wait(60)
        return body

    with model(meet) as server:
        outcome = job.run(server.url, settings(strategy="SingleRecord", concurrency=3))
    assert (outcome.status, server.most_busy, len(server.requests)) == ("Completed", 3, 12)


def test_no_connection_is_kept_with_a_worker_while_others_are_idle(job):
    job.add("a", b"x\n" * 50)
    ports = set()

    def note(handler, body):
        ports.add(handler.client_address[1])
        return body

    with model(note) as server:
        job.run(server.url, settings(strategy="SingleRecord"))
    assert (len(server.requests), len(ports)) == (50, 50)


# What fails


def fail_on(bad, status=500, message=b"<h1>Internal Server Error</h1>"):
    return lambda _, body: (status, message) if bad in body else body


def test_what_the_server_tells_of_a_failure_stands_in_the_place_of_its_page(job):
    job.add("bad.csv", b"1\n")
    with model(lambda _, body: (500, b"<h1>Internal Server Error</h1>", "predict_fn failed: no 100%25")) as server:
        outcome = job.run(server.url, settings())
    assert outcome.failure_reason.endswith(" bad.csv: record 1: HTTP 500: predict_fn failed: no 100%")


def test_a_bad_record_fails_its_file_only(job):
    job.add("bad.csv", b"".join(b"%03d\n" % number for number in range(100)))
    job.add("good.csv", b"1\n")
    job.add("later.csv", b"2\n")
    with model(fail_on(b"042")) as server:
        outcome = job.run(server.url, settings(max_payload=40, concurrency=2))
    assert outcome.status == "Failed"
    assert outcome.failures == (
        FileFailure("bad.csv", "records 41–50: HTTP 500: Internal Server Error", "AlgorithmError"),
    )
    assert outcome.failure_reason == (
        "AlgorithmError: 1 of 3 files failed and have no output. "
        "bad.csv: records 41–50: HTTP 500: Internal Server Error"
    )
    assert job.outputs == {"good.csv.out": b"1\n", "later.csv.out": b"2\n"}
    assert outcome.tally.files == 3


def test_a_bad_request_is_the_clients_error_and_names_its_record(job):
    job.add("a", b"1\n2\n3\n")
    with model(fail_on(b"2", 400, b"not a number")) as server:
        outcome = job.run(server.url, settings(strategy="SingleRecord"))
    assert outcome.failure_reason == (
        "ClientError: 1 of 1 files failed and have no output. a: record 2: HTTP 400: not a number"
    )
    assert job.outputs == {}


def test_a_failure_reason_has_the_length_that_aws_allows():
    failures = tuple(FileFailure(f"{number:03}.csv", "x" * 50, "ClientError") for number in range(100))
    outcome = TransformOutcome("Failed", failures, Tally(100, 100, 0, 0, 0, 1.0))
    assert len(outcome.failure_reason) == 1024
    assert outcome.failure_reason.startswith("ClientError: 100 of 100 files failed")


@pytest.mark.parametrize(
    ("name", "content", "changes", "problem"),
    [
        ("a", b"x\n" + b"y" * 99, {"max_payload": 50}, "record 2: larger than MaxPayloadInMB"),
        ("a", b"y" * 99, {"max_payload": 50, "split_type": "None"}, "the whole object is one request"),
        ("a", b"x\n", {"split_type": "RecordIO"}, "record 1: no RecordIO frame"),
        ("a.gz", b"plain", {"gzip": True}, "cannot be read: Not a gzipped file"),
        ("a.gz", gzip.compress(b"x\n" * 999, mtime=0)[:-9], {"gzip": True}, "cannot be read: Compressed file ended"),
        ("a.gz", b"plain", {"gzip": True, "max_payload": None}, "cannot be read: Not a gzipped file"),
    ],
)
def test_a_file_that_cannot_be_sent_fails_alone(job, name, content, changes, problem):
    job.add(name, content)
    job.add("z", gzip.compress(b"fine\n") if changes.get("gzip") else b"fine\n")
    if changes.get("split_type") == "RecordIO":
        job.add("z", b"")
    with model(upper) as server:
        outcome = job.run(server.url, settings(**changes))
    (failure,) = outcome.failures
    assert (failure.name, failure.fault) == (name, "ClientError")
    assert problem in failure.reason
    assert list(job.outputs) == ["z.out"]


@pytest.mark.parametrize(("status", "tries"), [(500, 3), (503, 3), (429, 3), (408, 3), (400, 1), (415, 1), (302, 1)])
def test_what_may_pass_is_tried_again_and_what_is_at_fault_is_not(job, status, tries):
    job.add("a", b"x\n")
    with model(lambda *_: (status, b"")) as server:
        outcome = job.run(server.url, settings(max_retries=2))
    assert len(server.requests) == tries
    times = " (tried 3 times)" if tries == 3 else ""
    assert outcome.failures[0].reason == f"record 1: HTTP {status}{times}"


@pytest.mark.parametrize("max_payload", [100, None])
def test_a_retry_sends_the_same_and_its_response_is_the_output(job, max_payload):
    job.add("a", b"x\ny\n")

    def second_time(handler, body):
        return body.upper() if len(handler.server.requests) == 2 else (500, b"a long message of an error")

    with model(second_time) as server:
        outcome = job.run(server.url, settings(max_retries=1, max_payload=max_payload))
    assert (outcome.status, server.requests, job.outputs) == ("Completed", [b"x\ny\n"] * 2, {"a.out": b"X\nY\n"})


def hang(handler, _):
    handler.server.over.wait(30)


def trickle(handler, _):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


@pytest.mark.parametrize("answer", [hang, trickle])
def test_a_response_that_is_not_complete_in_time_is_a_failure(job, answer):
    def quietly(handler, body):
        try:
            return answer(handler, body)
        except ConnectionError:  # the client has hung up, as it should
            return None

    job.add("a", b"x\n")
    with model(quietly) as server:
        outcome = job.run(server.url, settings(timeout=0.3))
    assert "record 1: no complete response" in outcome.failures[0].reason
    assert "within 0.3 s (InvocationsTimeoutInSeconds)" in outcome.failures[0].reason
    assert job.outputs == {}


def cut_short(handler, _):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")


def cut_short_in_a_chunk(handler, _):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf")


def no_http(handler, _):
    handler.wfile.write(b"hello\r\n")


@pytest.mark.parametrize("answer", [lambda *_: None, cut_short, cut_short_in_a_chunk, no_http])
def test_a_response_that_breaks_off_is_a_failure(job, answer):
    job.add("a", b"x\n")
    with model(answer) as server:
        outcome = job.run(server.url)
    assert "record 1: no complete response from 127.0.0.1" in outcome.failures[0].reason
    assert job.outputs == {}


def test_a_server_that_is_not_there_is_said_to_be_so(job):
    job.add("a", b"x\n")
    with model(upper) as server:
        url = server.url
    assert "accepts no connections" in job.run(url).failures[0].reason


def test_an_attempt_tells_which_it_is_and_how_the_one_before_has_failed(job):
    """So that the server's log has one traceback for them all."""
    why = "predict_fn failed: KeyError: 'ä'"
    job.add("a", b"x\n")
    with model(lambda *_: (500, b"", cause.encoded(why))) as server:
        job.run(server.url, settings(max_retries=2))
        sent = [headers.get(cause.AGAIN) for headers in server.headers]
    assert [each and cause.attempt(each, why) for each in sent] == [None, "2 of 3", "3 of 3"]


def test_after_a_failure_the_next_request_gets_its_own_answer():
    with model(lambda _, body: cut_short(_, body) if body == b"bad" else body) as server:
        client = ModelServer(server.url, {}, timeout=10, max_retries=0, stop=threading.Event())
        with pytest.raises(InvocationError):
            client.invoke(b"bad", BytesIO())
        response = BytesIO()
        client.invoke(b"good", response)
    assert response.getvalue() == b"good"


def test_a_response_with_too_few_records_cannot_be_joined(job):
    job.add("a.csv", b"1\n2\n")
    job.add("b.csv", b"3\n")
    request = {
        "DataProcessing": {"JoinSource": "Input"},
        "TransformInput": {"ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"Accept": "text/csv", "AssembleWith": "Line"},
    }
    with model(lambda *_: b"0\n") as server:
        outcome = job.run(server.url, TransformSettings.from_request(request))
    assert "the request has 2 records and its response 1" in outcome.failure_reason
    assert job.outputs == {"b.csv.out": b"3,0\n"}


# How it is stopped, and what it tells


def test_a_job_that_is_stopped_leaves_whole_outputs_only(job):
    job.add("a", b"x\n")
    job.add("b", b"y\nhang\nz\n")
    job.add("c", b"z\n")
    stop = threading.Event()

    def answer(handler, body):
        if body != b"hang\n":
            return body
        stop.set()
        handler.server.over.wait(30)
        return None

    with model(answer) as server:
        outcome = job.run(server.url, settings(strategy="SingleRecord", timeout=60, max_retries=3), stop=stop)
    assert (outcome.status, outcome.failure_reason) == ("Stopped", None)
    assert outcome.tally.seconds < 10
    assert job.outputs == {"a.out": b"x\n"}


def test_an_error_of_this_side_leaves_nothing_behind(job):
    job.add("a", b"x\n" * 20)
    job.output.mkdir()

    class Broken:
        def update(self, tally):
            raise KeyboardInterrupt

    with model(upper) as server, pytest.raises(KeyboardInterrupt):
        job.run(server.url, settings(strategy="SingleRecord", concurrency=2), progress=Broken())
    assert job.outputs == {}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("transform")]


def test_progress_counts_files_records_and_bytes(job):
    job.add("a", b"1\n2\n3\n")
    job.add("b", b"4\n5\n")
    told: list[Tally] = []

    class Notes:
        def update(self, tally):
            told.append(tally)

    with model(upper) as server:
        outcome = job.run(server.url, settings(max_payload=4), progress=Notes())
    assert [*dict.fromkeys((tally.files, tally.records, tally.bytes_in) for tally in told if tally.records)] == [
        (0, 2, 4),
        (0, 3, 6),
        (1, 3, 6),
        (1, 5, 10),
        (2, 5, 10),
    ]
    assert told[-1] == outcome.tally
    assert outcome.tally.records_per_second == 5 / outcome.tally.seconds


def test_progress_is_told_while_a_response_is_waited_for(job):
    job.add("a", b"1\n")
    told = threading.Event()

    class Notes:
        def update(self, tally):
            told.set()

    with model(lambda *_: b"told" if told.wait(60) else b"not told") as server:
        job.run(server.url, settings(), progress=Notes())
    assert job.outputs == {"a.out": b"told"}


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(job):
    line = b"5.1,3.5,1.4,0.2\n" * 65536
    with gzip.open(job.input / "big.gz", "wb", 1) as stream:
        for _ in range(256):
            stream.write(line)
    with model(lambda *_: b"") as server:
        server.requests = Forgetful()
        tracemalloc.start()
        try:
            outcome = job.run(server.url, settings(gzip=True, max_payload=1 << 20, concurrency=2))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (outcome.status, outcome.tally.records) == ("Completed", 256 * 65536)
    assert peak < 32 << 20


class Forgetful(list):
    def append(self, _):
        pass
