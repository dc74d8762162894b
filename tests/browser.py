"""Headless Chromium for tests, spoken to over two pipes: no driver to install, and no port that anybody could reach."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_HALF = 12
"""Pixels: half of a sample's side."""


def browser_or_skip() -> str:
    """The path of a browser."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"There is no browser to look with: none of {', '.join(NAMES)} is on PATH")
    return found


class Page:
    """One tab, and all that it has asked for and complained of."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer, self._last, self._session = b"", 0, None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        made = self.call("Target.createTarget", url="about:blank")
        attached = self.call("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Carry out a command of the DevTools protocol; what comes meanwhile is noted."""
        self._last += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._last, "method": method, "params": parameters, **session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._last:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def show(self, path: Path, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Load a file as a screen of this width shows it; returns when it is loaded."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript is in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """The whole page as a PNG."""
        content = self.call("Page.getLayoutMetrics")["cssContentSize"]
        size = {"x": 0, "y": 0, "width": content["width"], "height": content["height"], "scale": 1}
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=size)
        path.write_bytes(base64.b64decode(answer["data"]))

    def colours(self, selector: str) -> Counter[tuple[int, int, int]]:
        """The colours that are really painted in the middle of an element, with the number of their pixels."""
        box = self.value(
            f"(({{left, top, width, height}}) => [left + scrollX + width / 2, top + scrollY + height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        clip = {"x": box[0] - _HALF, "y": box[1] - _HALF, "width": 2 * _HALF, "height": 2 * _HALF, "scale": 1}
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return Counter(pixels(base64.b64decode(answer["data"])))

    def _next(self) -> Any:
        while b"\0" not in self._buffer:
            data = os.read(self._answers, 1 << 20)
            assert data, "the browser has ended"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(line)
        told = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told))
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])
        return message


@contextmanager
def page(executable: str, profile: Path) -> Iterator[Page]:
    """A browser of its own while the block runs."""
    (read_commands, commands), (answers, write_answers) = os.pipe(), os.pipe()
    # Root, as in CI, has no sandbox to offer; what is shown here is our own page, and it has no script.
    # The browser reads its descriptor 3 and writes to 4, whatever ours are called.
    wired = f'exec 3<&{read_commands} 4>&{write_answers}; exec "$@"'
    options = ("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    quiet = (
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",
    )
    process = subprocess.Popen(
        ["/bin/bash", "-c", wired, "bash", executable, *options, *quiet, f"--user-data-dir={profile}"],
        pass_fds=(read_commands, write_answers),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile), "TMPDIR": str(profile.parent)},
    )
    os.close(read_commands)
    os.close(write_answers)
    try:
        yield Page(commands, answers)
    finally:
        os.close(commands)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(answers)


def pixels(png: bytes) -> Iterator[tuple[int, int, int]]:
    """The pixels of a PNG of eight bits per channel, row by row (W3C, Portable Network Graphics)."""
    at, header, data = 8, b"", b""
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        header, data = (content, data) if kind == b"IHDR" else (header, data + content if kind == b"IDAT" else data)
        at += length + 12
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    step = {2: 3, 6: 4}[header[9]]
    lines, before = zlib.decompress(data), bytes(width * step)
    for row in range(height):
        start = row * (width * step + 1)
        before = _unfiltered(lines[start], lines[start + 1 : start + 1 + width * step], before, step)
        for column in range(0, len(before), step):
            yield before[column], before[column + 1], before[column + 2]


def _unfiltered(how: int, line: bytes, above: bytes, step: int) -> bytes:
    done = bytearray(line)
    for index in range(len(done)):
        left = done[index - step] if index >= step else 0
        corner = above[index - step] if index >= step else 0
        up = above[index]
        done[index] = (done[index] + (0, left, up, (left + up) // 2, _paeth(left, up, corner))[how]) & 255
    return bytes(done)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))
