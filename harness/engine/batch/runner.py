"""A batch transform: files in, requests to a model server, one ``.out`` per file.

As AWS has it (developer guide, «Use Batch Transform», and API reference of ``CreateTransformJob``):
mini-batches never mix files; the output has the order of the input; a file of which any record failed has
no output while the others go on, and the job is then ``Failed``. At most ``MaxConcurrentTransforms``
requests are under way, of one file or of several, and twice as many mini-batches are in memory.

This thread reads and writes; worker threads filter, send, and join.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
import threading
import time
import zlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from harness.engine.batch.invocations import InvocationError, ModelServer
from harness.engine.batch.outcome import (
    Fault,
    FileFailure,
    NoProgress,
    Progress,
    Status,
    Tally,
    TransformOutcome,
)
from harness.engine.batch.records import MiniBatch, RecordError, mini_batches
from harness.engine.batch.settings import TransformFile, TransformSettings

_POLL = 0.05
_CHUNK = 1 << 20


def run(
    url: str,
    files: Sequence[TransformFile],
    settings: TransformSettings,
    *,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
) -> TransformOutcome:
    """Transform the files; return when all are done, or soon after ``stop`` is set.

    Outputs that were complete when it was stopped stay, as on AWS; of the others nothing does.

    Args:
        url: of the model server's ``/invocations``.
        files: in the order in which they are to be read.
        settings: how.
        stop: set by somebody else to end the job; requests that are under way are cut.
        progress: told after each response, and while one is waited for.

    Raises:
        OSError: an output cannot be written.
    """
    return _Run(url, files, settings, stop or threading.Event(), progress or NoProgress()).run()


@dataclass(frozen=True)
class _Answer:
    """The output for one request, ready to be appended."""

    records: int
    bytes_in: int
    content: BinaryIO


class _Stop(Exception):
    """Somebody set ``stop``."""


class _Output:
    """The output of one file on its way, written beside where it belongs."""

    def __init__(self, file: TransformFile) -> None:
        self.file = file
        self.failure: FileFailure | None = None
        self._stream: BinaryIO | None = None

    def fail(self, reason: str, fault: Fault) -> None:
        if self.failure is None:
            self.failure = FileFailure(self.file.name, reason, fault)
            self.discard()

    def append(self, content: BinaryIO) -> int:
        stream = self._open()
        before = stream.tell()
        content.seek(0)
        shutil.copyfileobj(content, stream, _CHUNK)
        return stream.tell() - before

    def commit(self) -> None:
        self._open().close()
        self.file.partial.replace(self.file.output)

    def discard(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self.file.partial.unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        if self._stream is None:
            self.file.partial.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.file.partial.open("wb")
        return self._stream


class _Run:
    def __init__(
        self,
        url: str,
        files: Sequence[TransformFile],
        settings: TransformSettings,
        stop: threading.Event,
        progress: Progress,
    ) -> None:
        self._files = files
        self._settings = settings
        self._stop = stop
        self._progress = progress
        self._halt = threading.Event()
        headers = {"Content-Type": settings.content_type, "Accept": settings.accept}
        self._server = ModelServer(
            url,
            {name: value for name, value in headers.items() if value},
            timeout=settings.timeout,
            max_retries=settings.max_retries,
            stop=self._halt,
        )
        self._began = time.monotonic()
        self._tally = Tally(0, len(files), 0, 0, 0, 0.0)
        self._failures: list[FileFailure] = []
        self._outputs: list[_Output] = []
        """Those that are neither committed nor failed."""
        self._pending: deque[tuple[_Output, Future[_Answer] | None]] = deque()
        """Requests under way, in the order of the output; None ends a file."""

    def run(self) -> TransformOutcome:
        pool = ThreadPoolExecutor(self._settings.concurrency, "transform")
        status: Status
        try:
            for file in self._files:
                self._submit(pool, file)
            while self._pending:
                self._take()
            status = "Failed" if self._failures else "Completed"
        except _Stop:
            status = "Stopped"
        finally:
            self._end(pool)
        return TransformOutcome(status, tuple(self._failures), self._tally)

    # What this thread does: read, and write in order.

    def _submit(self, pool: ThreadPoolExecutor, file: TransformFile) -> None:
        output = _Output(file)
        self._outputs.append(output)
        with closing(self._batches(file)) as batches:
            while (batch := _next(batches, output)) is not None:
                task = pool.submit(self._answer, file, batch)
                self._pending.append((output, task))
                while len(self._pending) >= 2 * self._settings.concurrency:
                    self._take()
        self._pending.append((output, None))

    def _batches(self, file: TransformFile) -> Generator[MiniBatch]:
        settings = self._settings
        if settings.streams_files:
            yield _STREAMED
            return
        with _opened(file.source, settings.gzip) as stream:
            yield from mini_batches(stream, settings.split_type, settings.strategy, settings.max_payload)

    def _take(self) -> None:
        """Wait for the oldest request and append its answer, or finish the file that ends here."""
        output, task = self._pending[0]
        while task and not task.done() and not self._stop.is_set():
            wait((task,), _POLL)
            self._progress.update(self._tally)
        if self._stop.is_set():
            raise _Stop
        self._pending.popleft()
        if task is None:
            self._finish(output)
            return
        try:
            answer = task.result()
        except RecordError as error:
            output.fail(str(error), "ClientError")
        except InvocationError as error:
            output.fail(str(error), _fault(error))
        else:
            with answer.content as content:
                if not output.failure:
                    self._count(
                        records=self._tally.records + answer.records,
                        bytes_in=self._tally.bytes_in + answer.bytes_in,
                        bytes_out=self._tally.bytes_out + output.append(content),
                    )

    def _finish(self, output: _Output) -> None:
        if output.failure:
            self._failures.append(output.failure)
        else:
            output.commit()
        self._outputs.remove(output)
        self._count(files=self._tally.files + 1)

    def _count(self, **counts: int) -> None:
        self._tally = replace(self._tally, seconds=time.monotonic() - self._began, **counts)
        self._progress.update(self._tally)

    def _end(self, pool: ThreadPoolExecutor) -> None:
        """Leave nothing behind: no thread, connection or half an output."""
        self._halt.set()
        tasks = {task for _, task in self._pending if task}
        pool.shutdown(wait=False, cancel_futures=True)
        while running := [task for task in tasks if not task.done()]:
            self._server.abort()
            wait(running, _POLL)
        pool.shutdown()
        for task in tasks:
            if not task.cancelled() and not task.exception():
                task.result().content.close()
        for output in self._outputs:
            output.discard()

    # What the workers do: filter, send, join.

    def _answer(self, file: TransformFile, batch: MiniBatch) -> _Answer:
        if batch is _STREAMED:
            return self._answer_streamed(file)
        processing = self._settings.processing
        body = processing.request_body(batch) if processing else batch.body
        content = io.BytesIO()
        try:
            # Without a limit AWS sends in chunks, because the server cannot know what to expect.
            self._server.invoke(body if self._settings.max_payload else lambda: (body,), content)
        except InvocationError as error:
            last = batch.first + batch.count - 1
            records = f"record {last}" if batch.count == 1 else f"records {batch.first}–{last}"
            raise InvocationError(f"{records}: {error}", error.status) from None
        if processing and processing.changes_output:
            content = io.BytesIO(processing.output(batch, content.getvalue()))
        else:
            self._assemble(content)
        return _Answer(batch.count, len(batch.body), content)

    def _answer_streamed(self, file: TransformFile) -> _Answer:
        size = 0

        def chunks() -> Iterator[bytes]:
            nonlocal size
            size = 0
            try:
                with _opened(file.source, self._settings.gzip) as stream:
                    while chunk := stream.read(_CHUNK):
                        size += len(chunk)
                        yield chunk
            except _UNREADABLE as error:
                raise RecordError(1, f"cannot be read: {error}") from None

        with ExitStack() as unless_answered:
            content = cast(BinaryIO, unless_answered.enter_context(tempfile.TemporaryFile()))
            self._server.invoke(chunks, content)
            self._assemble(content)
            unless_answered.pop_all()
        return _Answer(1, size, content)

    def _assemble(self, content: BinaryIO) -> None:
        """Put a newline behind each record (``AssembleWith`` Line).

        The last record of a response may have one: AWS's scikit-learn image ends every row of CSV with a
        newline. A second would be read as a record that is empty.
        """
        if not self._settings.assemble_with_line:
            return
        if content.seek(0, io.SEEK_END):
            content.seek(-1, io.SEEK_END)
        if content.read(1) != b"\n":
            content.write(b"\n")


_UNREADABLE = (OSError, EOFError, zlib.error)
_STREAMED = MiniBatch(1, 1, b"")
"""Stands for a whole file, which is read by who sends it."""


def _next(batches: Iterator[MiniBatch], output: _Output) -> MiniBatch | None:
    """The next mini-batch; None at the end of the file, or of what is worth reading of it."""
    if output.failure:
        return None
    try:
        return next(batches, None)
    except RecordError as error:
        output.fail(str(error), "ClientError")
    except _UNREADABLE as error:
        output.fail(f"cannot be read: {error}", "ClientError")
    return None


def _opened(source: Path, compressed: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(source)) if compressed else source.open("rb")


def _fault(error: InvocationError) -> Fault:
    return "ClientError" if error.status and error.status < 500 else "AlgorithmError"
