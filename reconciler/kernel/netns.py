"""Network namespaces by their system calls; names stand in /run/netns as iproute2 has them."""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .transcript import EVERYWHERE, HERE, note

RUN = "/run/netns"
OWN = "/proc/thread-self/ns/net"
NEWNET = 0x40000000
BIND, RECURSIVE, SHARED, DETACH = 4096, 16384, 1 << 20, 2
UNMOUNTED = (errno.EINVAL, errno.ENOENT)  # an empty file that a crash left, or nothing at all
libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def path(name: str) -> str:
    if name in ("", ".", "..") or "/" in name:
        raise ValueError(f"no namespace can be called {name!r}")
    return f"{RUN}/{name}"


def current() -> int:
    return os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def kept() -> Iterator[int]:
    """The thread is back in its namespace afterwards, wherever it went meanwhile; yields
    a descriptor of it."""
    home = current()
    try:
        yield home
    finally:
        back(home)
        os.close(home)


def back(home: int) -> None:
    """Home, or nowhere: whoever went on from here would configure a sandbox as if it were the host."""
    if libc.setns(home, NEWNET) < 0 and not stands_in(home) and libc.setns(home, NEWNET) < 0:
        raise SystemExit("error: cannot return to the host's network namespace; run the same command again")
    HERE.set("")


def stands_in(namespace: int) -> bool:
    """Whether the thread is there already: who may not change namespaces has never left."""
    return os.path.samestat(os.fstat(namespace), os.stat(OWN))


def opened(name: str) -> int:
    """A descriptor of what stands under this name; a pipe would keep us waiting for whoever writes to it."""
    return os.open(path(name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def enter(name: str) -> None:
    fd = opened(name)
    try:
        checked(libc.setns(fd, NEWNET))
        HERE.set(name)
    finally:
        os.close(fd)


def make() -> None:
    """The thread moves into a new namespace, which is gone with it unless it is named."""
    checked(libc.unshare(NEWNET))


def publish(name: str, record: str) -> None:
    """Give the thread's namespace its name, in a `prepare`d directory: the commit of a sandbox.

    It is mounted over a file that holds `record`.  What a crash or `umount` left is a file, and is written
    anew; a namespace that stands there is never covered.
    """
    target = path(name)
    if exists(name):
        raise FileExistsError(errno.EEXIST, "another namespace has this name", target)
    if occupied(name):
        raise FileExistsError(errno.EEXIST, "what has this name is no namespace", target)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
    try:
        os.write(fd, record.encode())
    finally:
        os.close(fd)
    checked(libc.mount(OWN.encode(), target.encode(), b"none", BIND, None))


def prepare() -> None:
    """/run/netns as `ip netns add` makes it: a shared mount of itself, so that names
    reach every mount namespace."""
    folder(RUN)
    run = RUN.encode()
    if libc.mount(b"", run, b"none", SHARED | RECURSIVE, None) < 0:
        checked(libc.mount(run, run, b"none", BIND | RECURSIVE, None))
        checked(libc.mount(b"", run, b"none", SHARED | RECURSIVE, None))


def folder(name: str) -> None:
    """A directory that everybody may look into, whatever the umask that a service runs with."""
    try:
        os.makedirs(name)
    except FileExistsError:
        return
    os.chmod(name, 0o755)


def remove(name: str) -> None:
    """Take the name away; the namespace lives on as long as a process is in it."""
    target = path(name)
    if libc.umount2(target.encode(), DETACH) < 0 and ctypes.get_errno() not in UNMOUNTED:
        checked(-1)
    with suppress(FileNotFoundError):
        os.unlink(target)


def names() -> list[str]:
    """Those that are namespaces; an empty file is what a crash left."""
    found: list[str] = []
    with suppress(FileNotFoundError):
        kind = os.stat(OWN).st_dev
        found = sorted(name for name in os.listdir(RUN) if exists(name, kind))
    note("names", (), [os.fsencode("/".join(found))], EVERYWHERE)
    return found


def inode(name: str) -> int:
    """Its number; 0 where there is none of that name."""
    try:
        return os.stat(path(name)).st_ino
    except OSError:
        return 0


def called(inode: int) -> list[str]:
    """The names of the namespace of this number, of those that are mounts, as ours are: the kernel's list of
    these tells the number of each, and a thousand names need not be looked at for one."""
    root = b" net:[%d] " % inode
    with open("/proc/thread-self/mountinfo", "rb") as file:
        said = file.read()
    rows = [line.split(b" ") for line in said.splitlines() if root in line] if root in said else []
    kind = os.stat(OWN).st_dev
    found = (os.path.split(os.fsdecode(row[4])) for row in rows)
    return sorted({name for folder, name in found if folder == RUN and same(path(name), inode, kind)})


def same(path: str, inode: int, kind: int) -> bool:
    try:
        one = os.stat(path)
    except OSError:
        return False
    return one.st_ino == inode and one.st_dev == kind


def occupied(name: str) -> bool:
    """Whether something stands there that is no file, and so never was a name of a namespace."""
    found = False
    with suppress(OSError):
        found = not stat.S_ISREG(os.lstat(path(name)).st_mode)
    note("occupied", (name,), [b"%d" % found], EVERYWHERE)
    return found


def exists(name: str, kind: int = 0) -> bool:
    """All namespaces, and nothing else, are files of one file system (nsfs), whose
    device number is `kind`."""
    try:
        return os.stat(path(name)).st_dev == (kind or os.stat(OWN).st_dev)
    except OSError:  # a link that leads nowhere or into a circle, or what went just now
        return False
