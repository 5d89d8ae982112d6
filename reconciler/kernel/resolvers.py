"""dnsmasq: started, found by what it was told, told that names have changed, and ended.

It is nobody's child: who started it may end, and so may the service that did.
"""

import errno
import os
import select
import shlex
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from functools import cache, lru_cache
from glob import glob
from itertools import chain
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from .. import disk
from ..kinds.ownership import FILE_MARK, HOST
from ..kinds.resolver import OPTIONS, PIDS, RUN, VIEW, Resolver, StrayResolver, ZoneFile, from_there
from . import files, looking, netns
from .processes import command_of, folders, parent_of, systemd_runs
from .transcript import EVERYWHERE, HOST_PLACE, doubt

if TYPE_CHECKING:
    from subprocess import Popen

PROGRAM = "/usr/sbin/dnsmasq"
PACKAGE = "dnsmasq-base"
PATIENCE, EACH = 10.0, 0.1  # seconds until one has started, and for each of many: they start at once
PARTING = 2.0  # seconds until a process that was killed is no more
NOBODY = 65534  # both as a user and as a group
FOLDER = f"{RUN}/names"


def lack() -> str:
    return "" if looking.exists(PROGRAM) else f"apt install {PACKAGE}"


def of(ns: str) -> Iterator[Resolver]:
    """Those that answer in a sandbox, or on the host."""
    place = HOST_PLACE if ns == HOST else ns
    for entry in looking.listing_within(PIDS, ns, place):
        if (found := running(ns, entry, place)) and found.where_it_should_be:
            yield found.resolver


class Starting(NamedTuple):
    """Those that are about to answer, and what they say meanwhile."""

    popen: "Popen[bytes]"
    said: int


class Lost(NamedTuple):
    """A process of ours that no file tells of, and the one that should."""

    file: str
    pid: int


class Running(NamedTuple):
    """A process of ours, as /proc tells, and the number of the namespace that it is in."""

    resolver: Resolver
    namespace: int

    @property
    def where_it_should_be(self) -> bool:
        """A sandbox that was made anew is not the one that it is in."""
        ns = self.resolver.ns
        return self.namespace == (os.stat(netns.OWN).st_ino if ns == HOST else netns.inode(ns))


def strays(is_named: Callable[[str], bool]) -> Iterator[StrayResolver]:
    """Those of sandboxes that are no more, or were made anew, and those that no file tells of."""
    told: set[str] = set()
    for ns in looking.listing(PIDS, EVERYWHERE):
        entries = looking.listing(f"{PIDS}/{ns}", EVERYWHERE)
        told.update(entries)
        for entry in entries if ns != HOST else ():
            if (found := running(ns, entry, EVERYWHERE)) and not (is_named(ns) and found.where_it_should_be):
                yield found.resolver.turned(StrayResolver)
    if not told.issuperset(answering()):
        doubt(EVERYWHERE)
        for one in lost():
            ns, entry = one.file.split("/")[-2:]
            project, _, name = entry.partition("@")
            yield StrayResolver(ns=ns, project=project, name=name, port=0)


def answering() -> Iterator[str]:
    """The names of the files that tell of processes, as what these were told says: each has a file too."""
    for view in looking.listing(FOLDER, EVERYWHERE):
        for project in looking.listing(f"{FOLDER}/{view}", EVERYWHERE) if view.startswith(VIEW) else ():
            yield f"{project}@{view.removeprefix(VIEW)}"


def lost() -> Iterator[Lost]:
    """Somebody has removed the file."""
    for pid in (int(folder.name) for folder in folders()):
        with suppress(OSError):
            file = file_of(command_of(pid))
            # dnsmasq has a child for each connection.
            if file and told_by(file) != pid and is_here(pid) and file_of(command_of(parent_of(pid))) != file:
                yield Lost(file, pid)


def file_of(words: list[str]) -> str:
    """The file that tells of a process of this command line, if it is one of ours."""
    files = [word.removeprefix("--pid-file=") for word in words if word.startswith(f"--pid-file={PIDS}/")]
    return files[0] if files and words[0] == PROGRAM else ""


def told_by(file: str) -> int:
    """The process that it tells of; 0 where it tells of none."""
    try:
        return int(disk.read(file))
    except (OSError, ValueError):
        return 0


def is_here(pid: int) -> bool:
    """Whether its files are this host's: a container's processes show in /proc too."""
    return os.path.samestat(os.stat(f"/proc/{pid}/root/run"), os.stat("/run"))


def running(ns: str, entry: str, place: str) -> Running | None:
    """The process that this file tells of, unless it has ended, is stopped, or is another."""
    try:
        pid = int(looking.content(f"{PIDS}/{ns}/{entry}", place))
        process = looking.process(pid, place)
    except (OSError, ValueError):
        return None
    resolver = parsed(ns, entry, process.words)
    return Running(resolver, process.namespace) if resolver and not process.stopped else None


def runs(resolver: Resolver) -> bool:
    """Whether there is a process that is it, and is not stopped, whatever else it was told."""
    with suppress(OSError, ValueError):
        found = looking.process(int(disk.read(resolver.pid_file)), HOST_PLACE)
        return f"--pid-file={resolver.pid_file}" in found.words and not found.stopped
    return False


def parsed(ns: str, entry: str, words: list[str]) -> Resolver | None:
    """What a process was told, where it is one of ours."""
    project, _, name = entry.partition("@")
    said: dict[str, list[str]] = {}
    for word in words[1:]:
        key, _, value = word.partition("=")
        said.setdefault(key, []).append(value)

    addresses = [value.strip("/").rpartition("/") for value in said.get("--address", [])]
    found = Resolver(
        ns=ns,
        name=name,
        project=project,
        port=int("".join(said.get("--port", [])) or "0"),
        interfaces=tuple(said.get("--interface", [])),
        networks=tuple(value.removeprefix(f"{FOLDER}/") for value in said.get("--addn-hosts", [])),
        wildcards=tuple((domain, ip) for domain, _, ip in addresses),
        written=tuple(from_there(value) for value in said.get("--nftset", [])),
    )
    return found if tuple(words[1:]) == (*OPTIONS, *user(), *found.arguments) else None


@cache
def user() -> tuple[str, str]:
    """Nobody, where a process may become that: not where root is root of a user namespace alone."""
    with suppress(OSError, KeyError):
        if disk.read("/proc/self/setgroups").strip() == b"allow":
            import grp
            import pwd

            return f"--user={pwd.getpwuid(NOBODY).pw_name}", f"--group={grp.getgrgid(NOBODY).gr_name}"
    return "--user=", "--group="


def start(resolvers: Sequence[Resolver]) -> Starting:
    """All of them beside one another, each in its namespace; see `started`."""
    from subprocess import Popen

    for one in resolvers:
        for folder in (RUN, PIDS, os.path.dirname(one.pid_file), FOLDER):
            netns.folder(folder)
        for network in one.networks:  # one that is not there is passed over for good
            netns.folder(f"{FOLDER}/{network}")
    said = os.memfd_create("said")  # what goes on would keep a pipe open
    with open(os.memfd_create("script"), "w+") as script:
        script.writelines(f"{shlex.join(command(one))} &\n" for one in resolvers)
        script.write("wait\n")
        script.seek(0)
        return Starting(Popen([*apart(), "/bin/sh"], stdin=script, stdout=said, stderr=said), said)


def command(resolver: Resolver) -> list[str]:
    enter = [] if resolver.ns == HOST else ["nsenter", f"--net={netns.path(resolver.ns)}"]
    return [*enter, PROGRAM, *OPTIONS, *user(), *resolver.arguments]


def apart() -> list[str]:
    """Where systemd runs, they are in no cgroup of who asks, which would end with it, nor as hardened."""
    kept = ["--property=Type=oneshot", "--property=KillMode=process"]
    unit = ["--quiet", "--collect", "--wait", "--pipe", *kept, "--description=names of containers"]
    return ["systemd-run", *unit] if systemd_runs() else []


def started(process: Starting, resolvers: Sequence[Resolver]) -> Iterator[tuple[Resolver, OSError]]:
    """Wait until they answer; those that do not, and what all of them said."""
    from subprocess import TimeoutExpired

    try:
        with suppress(TimeoutExpired):
            process.popen.wait(PATIENCE + EACH * len(resolvers))
        words = " ".join(os.pread(process.said, disk.SMALL, 0).decode(errors="replace").split())
    finally:
        os.close(process.said)
    for one in resolvers:
        if not running(one.ns, os.path.basename(one.pid_file), one.place):
            yield one, OSError(errno.EIO, words or "dnsmasq did not start")


def stop(resolver: Resolver, lost: Iterable[Lost] = ()) -> None:
    """End the process that its file tells of, and those of these that it should tell of."""
    file = resolver.pid_file
    for pid in (told_by(file), *(one.pid for one in lost if one.file == file)):
        with suppress(OSError, OverflowError):
            kill(pid, file)
    remove_file(file)


def kill(pid: int, file: str) -> None:
    """And wait until it is no more; who has its number meanwhile is somebody else."""
    process = os.pidfd_open(pid)
    try:
        if file_of(command_of(pid)) == file:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], PARTING)
    finally:
        os.close(process)


def write(names: ZoneFile) -> None:
    """What it was before is read by those that answer until `hang_up`."""
    folder = os.path.dirname(names.path)
    netns.folder(RUN)
    netns.folder(FOLDER)
    netns.folder(folder)
    files.replaced(names.path, names.content)


def remove_file(path: str) -> None:
    """With the folders that it was the last in."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    with suppress(OSError):
        while (path := os.path.dirname(path)).startswith(RUN):
            os.rmdir(path)


def names_of_host(but: Set[str]) -> Iterator[ZoneFile]:
    """All but those of these projects."""
    for path, text in looking.beneath(FOLDER, HOST_PLACE, but).items():
        network, project = path.split("/")
        yield ZoneFile(network=network, project=project, lines=lines_of(text))


@lru_cache(maxsize=256)
def lines_of(text: bytes) -> tuple[str, ...]:
    """Of a file of names, which has as many as a project has containers: parsed once for each text."""
    first, *lines = map(intern, text.decode(errors="replace").splitlines() or [""])
    return (*lines,) if first == FILE_MARK else ("?",)


def hang_up(options: Set[str]) -> None:
    """Whoever was told to read one of these reads all again, and who writes into sets of one of these digests
    forgets what it knows: what it knows it does not write."""
    for pid in chain.from_iterable(processes().values()):
        with suppress(OSError):
            words = command_of(pid)
            sets = (from_there(word.partition("=")[2])[1] for word in words)
            if file_of(words) and not options.isdisjoint((*words, *sets)):
                os.kill(pid, signal.SIGHUP)


def processes() -> dict[str, list[int]]:
    """Those that answer, by their place."""
    found: dict[str, list[int]] = {}
    for file in glob(f"{PIDS}/*/*"):
        ns = os.path.basename(os.path.dirname(file))
        if pid := told_by(file):
            found.setdefault(HOST_PLACE if ns == HOST else ns, []).append(pid)
    return found
