"""One plugin, run once: it has so long, may say so much, and is nobody's to choose but root's."""

import errno
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import TYPE_CHECKING, Any

from ... import disk
from ...core.ended import ended
from ...errors import LONGEST

if TYPE_CHECKING:
    from subprocess import Popen

PATIENCE = 30.0  # seconds that one may take
MOST = disk.SMALL  # bytes that one may say
SEARCH = (
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what they run themselves, as iptables
)


class PluginError(OSError):
    """What a plugin says no to, in its own words, or what it does wrong."""

    def __init__(self, name: str, words: str):
        super().__init__(errno.EIO, f"plugin {name}: {words}")


def found(name: str, folders: Sequence[str]) -> str:
    """The program; raises FileNotFoundError where it is in none of these."""
    for folder in folders:
        path = f"{folder}/{name}"
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(errno.ENOENT, f"plugin {name} is in none of {', '.join(folders)}")


def run(path: str, environment: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, Any]:
    """What it answers, {} for nothing; raises PluginError."""
    from subprocess import PIPE, Popen  # which few networks need

    name = os.path.basename(path)
    with Popen(
        [path],
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={"PATH": SEARCH, **environment},
        cwd="/",
        start_new_session=True,
    ) as child:
        try:
            out, err = exchange(name, child, json.dumps(config).encode())
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            raise
    if child.returncode:
        raise PluginError(name, complaint(child.returncode, out, err))
    return answer(name, out)


def exchange(name: str, child: "Popen[bytes]", text: bytes) -> tuple[bytes, bytes]:
    """Writes and reads beside one another, since a pipe holds less than either may be."""
    from subprocess import TimeoutExpired

    assert child.stdin and child.stdout and child.stderr
    pipes = {pipe.fileno(): pipe for pipe in (child.stdin, child.stdout, child.stderr)}
    deadline, out, err = time.monotonic() + PATIENCE, bytearray(), bytearray()
    with DefaultSelector() as selector:
        for pipe, event, work in (
            (child.stdin, EVENT_WRITE, partial(written, bytearray(text))),
            (child.stdout, EVENT_READ, partial(heard, name, out)),
            (child.stderr, EVENT_READ, partial(heard, name, err)),
        ):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, event, work)
        while selector.get_map():
            if not (ready := selector.select(max(0, deadline - time.monotonic()))):
                raise PluginError(name, f"no answer within {PATIENCE:g} s")
            for key in [key for key, _ in ready if not key.data(key.fd)]:
                selector.unregister(key.fd)
                pipes[key.fd].close()
    try:
        child.wait(max(0, deadline - time.monotonic()))
    except TimeoutExpired:
        raise PluginError(name, f"it has not ended within {PATIENCE:g} s") from None
    return bytes(out), bytes(err)


def written(text: bytearray, pipe: int) -> bool:
    """Whether there is more to write: nothing to who has ceased to read."""
    try:
        del text[: os.write(pipe, text)]
    except BrokenPipeError:
        return False
    return bool(text)


def heard(name: str, said: bytearray, pipe: int) -> bool:
    """Whether there may be more to read."""
    part = os.read(pipe, MOST)
    said += part
    if len(said) > MOST:
        raise PluginError(name, f"it says more than {MOST >> 10} KiB")
    return bool(part)


def answer(name: str, out: bytes) -> dict[str, Any]:
    try:
        said = disk.parsed(out) if out.strip() else {}
    except ValueError as error:
        raise PluginError(name, f"its answer is no JSON: {error}") from None
    if not isinstance(said, dict):
        raise PluginError(name, "its answer is no result")
    return said


def complaint(status: int, out: bytes, err: bytes) -> str:
    """The error that CNI has it say, or else how it ended."""
    with suppress(ValueError):
        said = disk.parsed(out)
        if isinstance(said, dict) and ("msg" in said or "code" in said):
            details = f" ({said['details']})" if said.get("details") else ""
            return printable(f"code {said.get('code')}: {said.get('msg')}{details}")
    how = f"it {ended(status)}"
    words = printable(err.decode(errors="replace"))
    return f"{how}: {words}" if words else how


def printable(text: str) -> str:
    """On one line, which moves no cursor."""
    return "".join(filter(str.isprintable, " ".join(text.split())))[:LONGEST]
