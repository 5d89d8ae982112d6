"""Kill a program, or make one system call of it fail, at every system call that matters (seccomp_unotify(2)).

The program runs in a child under a filter that asks us about each such call, whichever library makes it and
whichever process of the program; we let it pass, answer with an errno, or kill the program before it happens.
"""

import ctypes
import fcntl
import mmap
import os
import platform
import select
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

KILL = -1  # an action: SIGKILL to every process of the program, before the call happens
# name: (x86_64, aarch64); -1 where the architecture has none
CALLS = {
    "sendto": (44, 206), "sendmsg": (46, 211), "recvfrom": (45, 207), "recvmsg": (47, 212),
    "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97), "setns": (308, 268),
    "openat": (257, 56), "rename": (82, -1), "renameat": (264, 38), "renameat2": (316, 276),
    "unlink": (87, -1), "unlinkat": (263, 35), "fsync": (74, 82),
}  # fmt: skip
COLUMN = 1 if platform.machine() == "aarch64" else 0
NUMBERS = {numbers[COLUMN]: name for name, numbers in CALLS.items() if numbers[COLUMN] >= 0}

SECCOMP, PIDFD_GETFD = (317, 277)[COLUMN], 438
FILTER_MODE, NEW_LISTENER, NO_NEW_PRIVS = 1, 1 << 3, 38  # linux/seccomp.h, linux/prctl.h
ALLOW, ASK = 0x7FFF0000, 0x7FC00000  # SECCOMP_RET_ALLOW, SECCOMP_RET_USER_NOTIF
RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1  # SECCOMP_IOCTL_NOTIF_*
QUESTION, ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
LOAD, AND, EQUALS, RETURN = 0x20, 0x54, 0x15, 0x06  # BPF opcodes
FLAGS_OFFSET = 32  # of the third argument in struct seccomp_data

libc = ctypes.CDLL(None, use_errno=True)
Program = Callable[[], object] | Sequence[str]


class Fault(NamedTuple):
    """The `nth` call (from 0) gets `action`, KILL or an errno; if `sticky`, later calls of its name too."""

    nth: int
    action: int
    sticky: bool = False

    def hits(self, calls: Sequence[str]) -> bool:
        now = len(calls) - 1
        return now == self.nth or self.sticky and now > self.nth and calls[now] == calls[self.nth]


@dataclass
class Trial:
    """What a run of a program came to: `code` is its exit code, or minus the signal that ended it."""

    calls: list[str] = field(default_factory=list)
    injected: list[str] = field(default_factory=list)
    code: int = 0
    said: str = ""


class Missed(AssertionError):
    """The program ended before the call that was to fail."""


def count(program: Program) -> Trial:
    """Run it undisturbed: `calls` are the names of its calls in order."""
    return run(program, None)


def trial(program: Program, nth: int, action: int, *, sticky: bool = False) -> Trial:
    """Run it with a fault; raises Missed if the fault did not happen."""
    done = run(program, Fault(nth, action, sticky))
    if not done.injected:
        raise Missed(f"{len(done.calls)} calls, none of them number {nth}")
    return done


def run(program: Program, fault: Fault | None, seconds: float = 120) -> Trial:
    shared, done = mmap.mmap(-1, 8), Trial()
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            child(program, shared, said.fileno())
        try:
            supervise(pid, shared, fault, done, time.monotonic() + seconds)
        finally:
            kill(pid)
            done.code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            said.seek(0)
            done.said = said.read().decode(errors="replace")
    return done


def supervise(pid: int, shared: mmap.mmap, fault: Fault | None, done: Trial, deadline: float) -> None:
    """Answer questions until the program ends.  Whoever waits for an answer hangs: every way out kills it."""
    with opened(os.pidfd_open(pid)) as process, opened(listener_of(process, shared)) as listener:
        watched = select.poll()
        watched.register(process, select.POLLIN)
        watched.register(listener, select.POLLIN)
        while time.monotonic() < deadline:
            ready = dict(watched.poll(1000))
            if ready.get(listener, 0) & select.POLLIN:
                answer(pid, listener, fault, done)
            elif process in ready:
                return
    raise TimeoutError(f"still running after {len(done.calls)} calls, {len(done.injected)} of them disturbed")


@contextmanager
def opened(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def listener_of(process: int, shared: mmap.mmap) -> int:
    """Our copy of the child's listener: it could not send it, since sending is what we ask about."""
    while not (number := struct.unpack("i", shared[:4])[0]):
        if select.select([process], [], [], 0.001)[0]:
            raise RuntimeError("the child ended before it was under the filter")
    fd = libc.syscall(PIDFD_GETFD, process, number, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    shared[4] = 1
    return fd


def answer(pid: int, listener: int, fault: Fault | None, done: Trial) -> None:
    question = bytearray(QUESTION.size)
    try:
        fcntl.ioctl(listener, RECEIVE, question)
    except OSError:  # ENOENT: the caller was killed meanwhile
        return
    cookie, _, _, number, *_ = QUESTION.unpack(question)
    done.calls.append(NUMBERS[number])
    if not fault or not fault.hits(done.calls):
        reply(listener, ANSWER.pack(cookie, 0, 0, CONTINUE))
        return
    done.injected.append(done.calls[-1])
    if fault.action == KILL:
        kill(pid)
    else:
        reply(listener, ANSWER.pack(cookie, 0, -fault.action, 0))


def reply(listener: int, text: bytes) -> None:
    with suppress(OSError):  # the caller was killed meanwhile
        fcntl.ioctl(listener, SEND, text)


def kill(pid: int) -> None:
    for send in (os.killpg, os.kill):
        with suppress(ProcessLookupError):
            send(pid, signal.SIGKILL)


def child(program: Program, shared: mmap.mmap, output: int) -> None:
    """Never returns."""
    code = 70
    try:
        os.setpgid(0, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        shared[:4] = struct.pack("i", listen())
        while not shared[4]:  # exec would close the listener before it is copied
            time.sleep(0.0005)
        if callable(program):
            sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, closefd=False)
            code = int(program() or 0)
        else:
            os.execvp(program[0], list(program))
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def listen() -> int:
    """Put this process under the filter; the descriptor by which a supervisor is asked."""
    code = b"".join(instructions())
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    fd = libc.syscall(SECCOMP, FILTER_MODE, NEW_LISTENER, program)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return fd


def instructions() -> Iterator[bytes]:
    """Ask about every call of CALLS, but about openat only where it is to write."""

    def bpf(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    yield bpf(LOAD, 0)
    for number, name in NUMBERS.items():
        if name == "openat":
            yield bpf(EQUALS, number, no=5)
            yield bpf(LOAD, FLAGS_OFFSET)
            yield bpf(AND, os.O_ACCMODE | os.O_CREAT)
            yield bpf(EQUALS, os.O_RDONLY, yes=0, no=1)
            yield bpf(RETURN, ALLOW)
        else:
            yield bpf(EQUALS, number, no=1)
        yield bpf(RETURN, ASK)
    yield bpf(RETURN, ALLOW)
