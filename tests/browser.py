"""A browser without a window, told through a pipe what a person does, and asked for what is seen.

https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
NEEDED = pytest.mark.skipif(not PROGRAM, reason="no browser here: Debian's package chromium has one")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # which root may not have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Page:
    """The only one of its browser."""

    def __init__(self, commands: int, answers: int):
        self.commands, self.answers, self.buffer, self.number = commands, answers, b"", 0
        self.session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.number += 1
        told = {"id": self.number, "method": method, "params": parameters}
        os.write(
            self.commands,
            json.dumps(told | ({"sessionId": self.session} if self.session else {})).encode() + b"\0",
        )
        while (said := self.hear()).get("id") != self.number:
            self.note(said)
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    def hear(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            more = os.read(self.answers, 1 << 16)
            assert more, "the browser has gone"
            self.buffer += more
        message, _, self.buffer = self.buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        return said

    def note(self, said: dict[str, Any]) -> None:
        about = said.get("params", {})
        match said.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(about["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(about["exceptionDetails"]["text"])
            case "Log.entryAdded":
                self.complaints.append(about["entry"]["text"])

    def open(self, file: Path, wide: int, high: int, *, dark: bool = False) -> None:
        how = "dark" if dark else "light"
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": how}])
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=wide, height=high, deviceScaleFactor=1, mobile=False
        )
        self.ask("Page.navigate", url=file.as_uri())
        while self.value("`${document.URL} ${document.readyState}`") != f"{file.as_uri()} complete":
            self.note(self.hear())  # what it opened with tells that it is loaded as well

    def value(self, expression: str) -> Any:
        """Of an expression of JavaScript."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def point(self, x: float, y: float) -> None:
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def press(self, key: str) -> None:
        text = key if len(key) == 1 else ""
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, words: str) -> None:
        self.ask("Input.insertText", text=words)

    def photograph(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))


@contextmanager
def browser() -> Iterator[Page]:
    """One that is gone afterwards, with all that it wrote."""
    theirs, commands = os.pipe()
    answers, ours = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        # It hears on descriptor 3 and answers on 4.
        script = f'exec 3<&{theirs} 4>&{ours}; exec "$0" "$@"'
        words = ["bash", "-c", script, PROGRAM, *OPTIONS, f"--user-data-dir={home}"]
        environ = {**os.environ, "HOME": home, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        process = subprocess.Popen(
            words,
            pass_fds=(theirs, ours),
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs)
        os.close(ours)
        try:
            yield Page(commands, answers)
        finally:
            os.close(commands)  # at which it ends
            os.close(answers)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
