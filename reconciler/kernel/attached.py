"""Namespaces of others that sandboxes are attached to: found by what runs there, told from all others."""

import errno
import fcntl
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from urllib.parse import quote

from ..inventory.facts import ForeignNamespace
from . import netns, records
from .kinds.route import asked
from .netlink.links import ALL_LINKS, GETLINK, GETROUTE, Seen
from .netlink.socket import dump, families, open_socket
from .observe.readings import MOST
from .observe.routes import seen as seen_routes
from .transcript import HOST_PLACE, NOTED, Transcript, note, noting

PATIENCE = 10.0  # seconds for a runtime to answer
GET_NSTYPE = 0xB703  # linux/nsfs.h, NS_GET_NSTYPE
START = 19  # field 22 of proc(5)'s stat, counted behind the name


class Attached(Mapping[str, ForeignNamespace]):
    """Facts.attached: looked up when first asked for, since few manifests attach anything."""

    def __init__(self) -> None:
        self.transcript = NOTED.get() or Transcript()
        self.known: dict[str, ForeignNamespace] = {}

    def __getitem__(self, title: str) -> ForeignNamespace:
        if title not in self.known:
            with noting(self.transcript):
                self.known[title] = found(title)
        return self.known[title]

    def __iter__(self) -> Iterator[str]:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


def found(title: str) -> ForeignNamespace:
    told = look(title)
    note("attached", (title,), [repr(told).encode()], HOST_PLACE)
    return told


def look(title: str) -> ForeignNamespace:
    """What a container, process or path (as `docker web`) has, or why there is nothing to attach to."""
    kind, _, which = title.partition(" ")
    try:
        return seen(which, 0) if kind == "netns" else of_process(kind, which)
    except (OSError, ValueError) as error:  # ValueError of what a runtime says that nobody understands
        return ForeignNamespace(lack=getattr(error, "strerror", "") or str(error))


def of_process(kind: str, which: str) -> ForeignNamespace:
    """Held by its pidfd meanwhile: a number that is given to another process is noticed."""
    pid = PIDS[kind](which)
    try:
        held = os.pidfd_open(pid)
    except OSError:
        raise OSError(errno.ESRCH, f"no process {pid} runs") from None
    try:
        told = seen(f"/proc/{pid}/ns/net", pid, since(pid) if kind == "pid" else "")
        signal.pidfd_send_signal(held, 0)
    except ProcessLookupError:
        raise OSError(errno.ESRCH, f"process {pid} has ended") from None
    finally:
        os.close(held)
    return told


def since(pid: int) -> str:
    """What tells a process from one that has its number later: when it began, in ticks since boot."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return f" of {pid} since {file.read().rpartition(b')')[2].split()[START].decode()}"


def seen(path: str, pid: int, more: str = "") -> ForeignNamespace:
    """What this path leads to."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise OSError(errno.ENOENT, f"there is no {path}") from None
    try:
        if not is_netns(fd):
            return ForeignNamespace(wrong=f"{path} is no network namespace")
        inode = os.fstat(fd).st_ino
        if inode == os.stat(netns.OWN).st_ino:
            return ForeignNamespace(wrong="it has the host's own network")
        if owner := sandbox(inode):
            return ForeignNamespace(wrong=f"it is in sandbox {owner} already")
        return ForeignNamespace(path, f"netns:[{inode}]{more}", *inside(fd), pid=pid)
    finally:
        os.close(fd)


def is_netns(fd: int) -> bool:
    try:
        return fcntl.ioctl(fd, GET_NSTYPE) == netns.NEWNET
    except OSError:
        return False


def sandbox(inode: int) -> str:
    """The one of ours, made by us, that this is."""
    names = netns.called(inode)
    records_of = records.read(names) if names else {}
    return next((name for name, one in records_of.items() if one.project and not one.attached), "")


def inside(fd: int) -> tuple[frozenset[str], frozenset[int]]:
    """The names of the links in there, and the families of which others route all that is left.  Raises
    OSError where that is more than is looked through."""
    with noting(Transcript()), entered(fd), open_socket() as channel:
        links = [Seen(body) for body in dump(channel, GETLINK, ALL_LINKS, MOST)]
        routes = [body for number in families() for body in dump(channel, GETROUTE, asked(number), MOST)]
    names = frozenset(name for one in links for name in (one.name, *one.altnames))
    ways = [one.prefix for one in seen_routes(routes) if one.default and one.main]
    return names, frozenset(6 if ":" in prefix else 4 for prefix in ways)


@contextmanager
def entered(fd: int) -> Iterator[None]:
    with netns.kept():
        netns.checked(netns.libc.setns(fd, netns.NEWNET))
        yield


def join(path: str, identity: str) -> None:
    """The thread moves there; raises OSError where that is another namespace by now."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not is_netns(fd) or f"netns:[{os.fstat(fd).st_ino}]" != identity.partition(" ")[0]:
            raise OSError(errno.ESTALE, "what it is attached to has gone, or is another by now", path)
        netns.checked(netns.libc.setns(fd, netns.NEWNET))
    finally:
        os.close(fd)


def podman_pid(name: str) -> int:
    from .workloads import podman  # which few are attached to
    from .workloads.commands import said_by

    if podman.lack():
        raise OSError(errno.ENOENT, "there is no podman here")
    words = (podman.PROGRAM, "container", "inspect", "--format={{.State.Running}} {{.State.Pid}}", "--", name)
    try:
        runs, pid = said_by(words, patience=PATIENCE).split()
    except OSError:
        raise OSError(errno.ENOENT, f"podman knows no container {name}") from None
    return running(int(pid) if runs == "true" else 0, f"podman's container {name}")


def docker_pid(name: str) -> int:
    """dockerd is asked by its socket: GET /containers/{id}/json of its API, every version of it."""
    from .unix_http import DOCKER, Daemon  # and all of HTTP, which few are attached by

    try:
        with closing(Daemon(DOCKER)) as daemon:
            said = daemon.fetched(f"/containers/{quote(name, safe='')}/json")
            pid = int(said["State"]["Pid"]) * (said["State"]["Running"] is True) if said else -1
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise OSError(errno.ENOENT, f"no docker answers at {DOCKER}") from error
    if pid < 0:
        raise OSError(errno.ENOENT, f"docker knows no container {name}")
    return running(pid, f"docker's container {name}")


def running(pid: int, whose: str) -> int:
    """Who does not run yet may be about to be given links by the runtime."""
    if not pid:
        raise OSError(errno.ESRCH, f"{whose} does not run")
    return pid


PIDS: Mapping[str, Callable[[str], int]] = {"podman": podman_pid, "docker": docker_pid, "pid": int}
