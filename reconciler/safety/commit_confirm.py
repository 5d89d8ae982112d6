"""An apply that undoes itself unless somebody confirms it: the way back is held by a process of its own.

It is started before anything is applied and belongs to no session, terminal or watcher.  Confirming is an
answer on its socket, so that there is no moment in which both happen; when it cannot be reached, the way
back is taken."""

import json
import os
import signal
import socket
import syslog
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from .. import disk
from ..change import Change
from ..core.plan import plan
from ..core.reconcile import asked_on_the_way_back
from ..core.resource import State
from ..errors import Locked, ReconcileError, Refused, foreseen
from ..inventory import ownership
from ..kernel.descriptors import keep_only
from ..kernel.lock import RUN, is_held, lock
from ..kinds.ownership import SHARED
from ..lasting import LastingHost
from ..manifest.parts import sayings
from ..manifest.spec import Manifest
from ..pipeline import enact

SOCKET, STATE = f"{RUN}/confirm.sock", f"{RUN}/confirm.json"
HOLDING = f"{RUN}/confirm"  # where the holder's lock is, from before the apply until after an undo
CONFIRM, RELEASE = b"confirm", b"release"
HINT = "--confirm it, or wait until it is undone"
PATIENCE = 60.0  # seconds for the host's lock: an undo that is due waits for the apply that holds it
ANSWER = 30.0  # seconds
SYSTEMD = "org.freedesktop.systemd1"
MANAGER = (SYSTEMD, "/" + SYSTEMD.replace(".", "/"), f"{SYSTEMD}.Manager")

ODD = (OSError, ValueError, TypeError, LookupError, AttributeError, OverflowError)  # a file that is not ours

Then = Callable[[], None]


def hold(change: Change, seconds: float, host: LastingHost, then: tuple[Then, Then]) -> None:
    """Fork the holder of the way back; it calls the first of `then` when confirmed, the
    second before an undo."""
    deadline = time.monotonic() + seconds
    with alone(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as door:
        try:
            Path(RUN).mkdir(mode=0o700, exist_ok=True)
            Path(SOCKET).unlink(missing_ok=True)
            door.bind(SOCKET)
        except OSError as error:
            words = f"{SOCKET} cannot be made: {error.strerror}"
            raise ReconcileError(words, "nothing was applied") from None
        door.listen()
        if os.fork() == 0:
            detach(door)
            wait(door, deadline, lambda: undo(change, host), then)
    if ask(b"") is None:
        raise ReconcileError("nobody holds the way back", "the system's log may say why; nothing was applied")
    said, projects = sayings(change.manifest), sorted(change.projects)
    record("waiting", seconds=seconds, digest=change.manifest.digest, projects=projects, said=said)


@contextmanager
def alone() -> Iterator[None]:
    """One way back a host: two would cross."""
    try:
        with lock(0, HOLDING):
            yield
    except Locked:
        raise Refused("an apply waits for confirmation already", HINT) from None


def refuse_meanwhile(change: Change) -> None:
    """Raise Refused where the undo that is held, or waits for our lock, would take this
    change back as well."""
    if change.todo and (held := change.projects & unconfirmed(change.projects).keys()):
        which = f"project {', '.join(sorted(held))}"
        raise Refused(
            f"an apply of {which} waits for confirmation, and undoing it would take this along", HINT
        )


def unconfirmed(projects: Collection[str]) -> dict[str, str]:
    """What an apply that waits for confirmation, or whose undo has not ended, says of its projects, by their
    names; of these projects where nothing tells."""
    if not (os.path.exists(SOCKET) and is_held(HOLDING)):
        return {}
    with suppress(*ODD):
        told = disk.parsed(disk.read(STATE))
        return {str(name): str(told["said"].get(name)) for name in told["projects"]}
    return dict.fromkeys(projects, "")


def waiting_meanwhile(manifest: Manifest) -> dict[str, ReconcileError]:
    """The projects of which the manifest says otherwise than an apply that waits for confirmation, and why
    they wait for that: its undo would take along what is done to them."""
    if not (held := unconfirmed([project.name for project in manifest.projects])):
        return {}
    said = sayings(manifest)
    names = [name for name in said if held.get(name, said[name]) != said[name]]
    return dict.fromkeys(names, Refused("an apply of it, which says otherwise, waits for confirmation", HINT))


def detach(door: socket.socket) -> None:
    """The grandchild goes on: without a terminal, a session, or any descriptor but those of its door and its
    own lock; the host's is one."""
    os.setsid()
    if os.fork():
        os._exit(0)
    enter_scope()
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    void = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(void, fd)
    keep_only({0, 1, 2, door.fileno()}, f"{HOLDING}/lock")


def enter_scope() -> None:
    """A scope of its own where systemd runs, which else kills what a unit or a session leaves behind."""
    if not os.path.isdir("/run/systemd/system"):
        return
    import subprocess  # which nobody else need pay for

    unit = f"reconcile-confirm-{os.getpid()}.scope"
    words = ["ssa(sv)a(sa(sv))", unit, "fail", "1", "PIDs", "au", "1", str(os.getpid()), "0"]
    deadline = time.monotonic() + 1.0
    with suppress(OSError, subprocess.SubprocessError):
        call = ["busctl", "--quiet", "call", *MANAGER, "StartTransientUnit", *words]
        subprocess.run(call, timeout=ANSWER, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while unit not in Path("/proc/self/cgroup").read_text() and time.monotonic() < deadline:
            time.sleep(0.01)  # systemd moves us after it has answered


def wait(door: socket.socket, deadline: float, undone: Then, then: tuple[Then, Then]) -> None:
    """The holder's whole life."""
    code = 1
    try:
        answer = answer_before(door, deadline)
        door.close()
        if answer == CONFIRM:
            then[0]()
            record("confirmed")
        elif answer is None:
            trouble = trouble_with(then[1])
            undone()
            record("undone", error=f"nobody confirmed it in time{trouble}")
        code = 0
    except BaseException as error:
        record("failed", error=f"the undo failed: {foreseen(error)}")
    finally:
        with suppress(OSError):
            os.unlink(SOCKET)
        os._exit(code)


def trouble_with(first: Then) -> str:
    """What kept `first` from being done, in words: no reason to leave out what follows."""
    try:
        first()
    except Exception as error:
        return f"; {foreseen(error).message}"
    return ""


def answer_before(door: socket.socket, deadline: float) -> bytes | None:
    """What somebody said before the deadline."""
    while (left := deadline - time.monotonic()) > 0:
        door.settimeout(left)
        with suppress(OSError):
            if (word := next_word(door)) in (CONFIRM, RELEASE):
                return word
    return None


def next_word(door: socket.socket) -> bytes:
    caller, _ = door.accept()
    with caller:
        caller.settimeout(1.0)
        word = caller.recv(64)
        caller.sendall(b"yes")
        return word


def undo(change: Change, host: LastingHost) -> None:
    """Back to what stood, in the projects that the apply was about; what others did meanwhile stays."""
    with lock(PATIENCE):
        host.forget()
        now = host.observe(asked_on_the_way_back(change.live, change.desired))
        past = goal(change, now)
        enact(replace(change, live=now, desired=past, todo=plan(now, past)), host)


def goal(change: Change, now: State) -> State:
    """What stood of these projects, and what stands of others now, with what they share."""
    names = change.projects
    # What no mark told the owner of may have been put right by the change.
    owner, owned = ownership.owners({**change.live, **change.desired}), ownership.owners(now)
    past = {key: r for key, r in change.live.items() if owner(r) in names | {SHARED} and not r.leftover}
    others = dict(ownership.of_others(now, names))
    if others:
        made = {key for key, r in change.desired.items() if r.noun == "route" and key not in change.live}
        past |= {key: r for key, r in now.items() if owned(r) == SHARED and key not in made}
    return {**others, **past}


def ask(word: bytes) -> bytes | None:
    """Say something to the holder; None where there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as door:
        door.settimeout(ANSWER)
        try:
            door.connect(SOCKET)
            door.sendall(word or b"?")
            return door.recv(64)
        except OSError:
            return None


def confirm() -> None:
    """Keep what was applied."""
    if ask(CONFIRM) is None:
        raise Refused("nothing waits for confirmation", last_ending())


def release() -> None:
    """The apply has failed and is rolled back already."""
    ask(RELEASE)


def record(state: str, **more: object) -> None:
    """In a file, and in the system's log."""
    with suppress(OSError):
        disk.write(STATE, json.dumps({"state": state, "at": time.time(), **more}).encode() + b"\n", 0o644)
    syslog.openlog("reconcile", syslog.LOG_PID)
    syslog.syslog(syslog.LOG_WARNING, f"apply --confirm-within: {state} {more.get('error', '')}".strip())


def last_ending() -> str:
    """How the last one ended, in words."""
    with suppress(*ODD):
        told = disk.parsed(disk.read(STATE))
        at = time.strftime("%H:%M:%S", time.localtime(told["at"]))
        return f"the last apply was {told['state']} at {at}" + f": {told['error']}" * ("error" in told)
    return ""


def state_in_words() -> str:
    """A line for --status."""
    with suppress(*ODD):
        told = disk.parsed(disk.read(STATE))
        left = told["at"] + told.get("seconds", 0) - time.time()
        if told["state"] == "waiting" and os.path.exists(SOCKET):
            return f"NOT CONFIRMED: undone in {max(left, 0):.0f} s unless --confirm comes"
        if told["state"] == "failed":
            return str(told["error"])
    return ""
