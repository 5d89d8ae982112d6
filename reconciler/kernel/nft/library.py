"""libnftables, in a child that may die: some of its versions assert, exit or crash where a call fails.

Measured with 1.0.6 under 140 injected faults: 16 aborts, 4 calls of exit().  The library is loaded here and
called only there; the child speaks through one pipe, and its exit status says whether it came to an end.
"""

import ctypes
import errno
import importlib.util
import os
import re
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import NamedTuple

from ...core.ended import ended
from ...errors import Unsupported
from .. import looking
from ..descriptors import keep_only

# Debian's module, which a virtual environment hides.
DISTRIBUTION = "/usr/lib/python3/dist-packages/nftables/nftables.py"
LIBRARY = "libnftables.so.1"
LOCATED = re.compile(r"[^:\s]*:(\d+):\d+-\d+: Error: (.*)")
NUMBERS = {os.strerror(number): number for number in errno.errorcode}
REFUSED = 100  # of the child; the library's own exits are 1 to 3


class Answer(NamedTuple):
    """`words` is what the child said, `died` how it ended where it did not come to an end."""

    accepted: bool
    words: str
    died: str = ""

    @property
    def complaint(self) -> str:
        said = " ".join(self.words.split())
        return f"libnftables {self.died}" + f": {said}" * bool(said) if self.died else said


@cache
def binding() -> ModuleType:
    """The distribution's module, else PyPI's pip-nftables."""
    try:
        ctypes.CDLL(LIBRARY)
        return loaded(DISTRIBUTION) if os.path.exists(DISTRIBUTION) else importlib.import_module("nftables")
    except (OSError, ImportError) as error:
        raise Unsupported(
            f"cannot write nftables: {error}", "install the packages libnftables1 and python3-nftables"
        ) from None


def lack() -> str:
    """What has to be installed before a firewall can be written."""
    try:
        binding()
    except Unsupported:
        return "apt install libnftables1 python3-nftables"
    return ""


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("reconciler_nftables", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def version() -> str:
    """What tells one build of the library from another: it has no call that says."""
    binding()
    with open("/proc/self/maps") as maps:
        path = next(line.split()[-1] for line in maps if "/libnftables.so" in line)
    return f"{path} {build(path)}"


def build(path: str) -> str:
    looking.stamp(path)
    found = os.stat(path)
    return f"{found.st_size} {found.st_mtime_ns}"


def is_unchanged(told: str) -> bool:
    """Whether the library that `version` told of is still what it was; it need not be loaded for that."""
    path, size, changed = told.rsplit(" ", 2)
    return build(path) == f"{size} {changed}"


def run(text: str) -> tuple[bool, str]:
    """Run commands in this process, which may end here: whether they were accepted, and what was said.

    They come as a file, since it names lines of files alone.
    """
    os.close(lowest := os.dup(2))
    nft = binding().Nftables()  # whose socket is the lowest descriptor that was free
    widen(lowest)
    with open(os.memfd_create("nft"), "w") as file:
        file.write(text + "\n")
        file.flush()
        number, _, words = nft.cmd(f'include "/proc/self/fd/{file.fileno()}"')
    return number == 0, words


def widen(fd: int) -> None:
    """In a user namespace the library may not force its send buffer (SO_SNDBUFFORCE) and asks for no other.

    Some 5,000 elements would then be too long a message, where net.core.wmem_max may allow more.
    """
    with suppress(OSError), socket.socket(fileno=os.dup(fd)) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)


def located(answer: Answer) -> tuple[int, int, str]:
    """The line that was refused, from 0, or -1; the errno where one is told; and the words."""
    found = LOCATED.search(answer.words)
    words = found[2] if found else answer.complaint
    return int(found[1]) - 1 if found else -1, NUMBERS.get(words.rpartition(": ")[2], 0), words


def in_child(work: Callable[[], tuple[bool, str]]) -> Answer:
    """`work` in a fork: what becomes of it, and of what it holds, is nothing to the parent."""
    binding()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        enact(work, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        words = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return Answer(status == 0, words, death(status))


def enact(work: Callable[[], tuple[bool, str]], writer: int) -> None:
    """The child's whole life.  What the library prints before it dies goes to the pipe too."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.dup2(writer, 2)
        keep_only({0, 1, 2})  # the library waits in select(), which ends at descriptor 1024
        accepted, words = work()
        with os.fdopen(2, "wb") as pipe:
            pipe.write(words.encode())
        code = 0 if accepted else REFUSED
    except Exception as error:
        os.write(2, repr(error).encode())
    finally:
        os._exit(code)


def death(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return "" if code in (0, REFUSED) else ended(code)
