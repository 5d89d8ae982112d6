"""Namespaces by their system calls: the calling thread walks in and out, no command needs a wrapper."""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from reconciler import disk
from reconciler.kernel.nft import compiler

# linux/sched.h
FS, NEWNS, NEWCGROUP, NEWUSER, NEWPID = 0x00000200, 0x00020000, 0x02000000, 0x10000000, 0x20000000
NEWNET = 0x40000000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000  # linux/mount.h
ETC = "/mnt"  # where the machine's own /etc can be read
RULES, known = Path(compiler.FILE), list[bytes]()

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    call("unshare", flags)


def setns(fd: int, flags: int) -> None:
    call("setns", fd, flags)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    call("mount", source.encode(), target.encode(), kind.encode(), flags, options.encode())


def become_root() -> None:
    """A user namespace in which this user is root; for good, and only while the process has one thread."""
    uid, gid = os.getuid(), os.getgid()
    try:
        unshare(NEWUSER | NEWNS | NEWNET | NEWCGROUP)
    except OSError:  # not everywhere may control groups be one's own
        unshare(NEWUSER | NEWNS | NEWNET)
    for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{file}", "w") as out:
            out.write(text)


def current(kind: str) -> int:
    return os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)


def fresh() -> int:
    """A network namespace without a name, that lives as long as the returned descriptor."""
    made: list[int] = []

    def make() -> None:
        unshare(NEWNET)
        made.append(current("net"))

    thread = Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


@contextmanager
def entered(fd: int) -> Iterator[None]:
    """This thread, and every process it starts, stands in the network namespace `fd` meanwhile."""
    home = current("net")
    setns(fd, NEWNET)
    try:
        yield
    finally:
        setns(home, NEWNET)
        os.close(home)


@contextmanager
def throwaway_host() -> Iterator[None]:
    """A network of its own, a fresh /run and /var/lib, and an /etc that forgets."""
    home = current("mnt"), current("net")
    folder = os.getcwd()
    unshare(NEWNS | NEWNET)
    try:
        mount("none", "/", flags=PRIVATE | RECURSIVE)
        mount("run", "/run", "tmpfs")
        mount("lib", "/var/lib", "tmpfs")
        forgetful_etc()
        with known_rules():
            yield
    finally:
        for pid in resolvers_here():
            os.kill(pid, signal.SIGKILL)
        unshare(
            FS
        )  # a thread that has not quite ended shares our root, and setns refuses to change a shared one
        setns(home[0], NEWNS)
        setns(home[1], NEWNET)
        os.chdir(folder)
        for fd in home:
            os.close(fd)


@contextmanager
def known_rules() -> Iterator[None]:
    """What the kernel made of our rules on the last host it makes of them on this one, in a quarter of the
    time that most tests take.  A host without that deletes it."""
    if known:
        RULES.parent.mkdir(0o700)
        disk.write(RULES, known[-1])
    yield
    with suppress(OSError):
        known[:] = [RULES.read_bytes()]


def resolvers_here() -> set[int]:
    """Every dnsmasq of this host, which is nobody's child and would outlive it."""
    here, found = os.stat("/proc/thread-self/ns/mnt"), set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "comm").read_bytes() == b"dnsmasq\n" and os.path.samestat(
                os.stat(folder / "ns/mnt"), here
            ):
                found.add(int(folder.name))
    return found


def forgetful_etc() -> None:
    """Links to the machine's files, since overlays stack only two high and a container's root may be one."""
    if not os.path.islink("/etc/passwd"):
        mount("/etc", ETC, flags=BIND | RECURSIVE)
        mount("/etc", ETC, flags=BIND | REMOUNT | READ_ONLY)
    mount("etc", "/etc", "tmpfs")
    for name in os.listdir(ETC):
        if name != "netns":  # where what is written is not the machine's
            os.symlink(f"{ETC}/{name}", f"/etc/{name}")
