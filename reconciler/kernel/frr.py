"""FRR by its own scripts and sockets: an instance apart from the operator's, ours by the
first line of its files.

watchfrr, which these scripts start, restarts a daemon that dies; where it dies itself, we start all anew.
"""

import errno
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from .. import disk
from ..errors import Foreign, KernelError
from ..kinds.evpn import CONFIG, FRR, SOCKETS, Router
from ..kinds.ownership import FILE_MARK
from . import files, looking, netns, wireguard_key
from .processes import systemd_runs
from .transcript import EVERYWHERE, doubt

INSTANCE = "reconciler"  # FRR's pathspace: of configuration, sockets and pid files
TEXT, OPTIONS, LOADED = f"{CONFIG}/frr.conf", f"{CONFIG}/daemons", f"{SOCKETS}/loaded"
PATIENCE = 60.0  # seconds for a script; a daemon that does not answer within ANSWER is as good as dead
ANSWER = 3.0
# Compiled where they are first used: most plans have no use for them.
HEAD = rf"{FILE_MARK}\n! project (\S+)\n(?:! key (\S+)\n)?((?:! peer \S+ \S+\n)*)"
PASSWORD = r" neighbor \S+ password \S+\n"
LISTENING = r"-l (\S+) -p (\d+)"
LIMITED = """router bgp 1
 neighbor hosts peer-group
 address-family l2vpn evpn
  neighbor hosts maximum-prefix 1
  advertise-all-vni
"""
END = b"\0\0\0"  # of an answer, before its status (lib/vty.c)


def lack() -> str:
    """The packages that the host has not."""
    needed = {"frr": f"{FRR}/frrinit.sh", "frr-pythontools": f"{FRR}/frr-reload.py"}
    absent = [package for package, file in needed.items() if not looking.exists(file)]
    return f"apt install {' '.join(absent)}" if absent else ""


def boundless() -> str:
    """Why there can be no limit on what a peer tells: FRR 8.4 has none for EVPN, 10.3 has."""
    if lack():
        return ""
    doubt(EVERYWHERE)
    try:
        run(["vtysh", "-C", "-f", "/dev/stdin"], LIMITED)
    except OSError:
        return "this FRR has no `maximum-prefix` for EVPN"
    return ""


def read() -> Iterator[Router]:
    """The instance, where it is ours; who may not look has none."""
    with suppress(PermissionError):
        text, options = files.read(TEXT) or "", files.read(OPTIONS) or ""
        if (found := parsed(text)) and (listening := re.search(LISTENING, options)):
            doubt("")  # its daemons are asked as well
            yield Router(
                **found._asdict(),
                address=listening[1],
                port=int(listening[2]),
                running=bool(running := digest()) and running == (files.read(LOADED) or ""),
            )


class Parsed(NamedTuple):
    """What a frr.conf of ours says, but for the passwords."""

    project: str
    config: str
    public_key: str
    keys: tuple[str, ...]


def parsed(text: str) -> Parsed | None:
    head = re.match(HEAD, text) if text else None
    if not head:
        return None
    keys = tuple(row.removeprefix("! peer ") for row in head[3].splitlines())
    return Parsed(head[1], re.sub(PASSWORD, "", text[head.end() :]), head[2] or "", keys)


def watch() -> int | None:
    """The process that looks after the daemons; nobody looks after it but us."""
    with suppress(OSError, ValueError):
        return int(disk.read(f"{SOCKETS}/watchfrr.pid"))
    return None


def digest() -> str:
    """Of what bgpd runs by; "" where one of the daemons does not answer."""
    try:
        for daemon in ("watchfrr", "zebra"):
            ask(daemon)
        rows = ask("bgpd", "show running-config").splitlines()
    except OSError:
        return ""
    said = "\n".join(row for row in rows if not row.startswith("hostname "))
    return sha256(said.encode()).hexdigest()


def ask(daemon: str, *commands: str) -> str:
    """The answer to the last command, as vtysh gets it."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(ANSWER)
        channel.connect(f"{SOCKETS}/{daemon}.vty")
        return [answer(channel, command) for command in ("enable", *commands)][-1]


def answer(channel: socket.socket, command: str) -> str:
    channel.sendall(command.encode() + b"\0")
    data = b""
    while data[-4:-1] != END:
        if not (more := channel.recv(1 << 16)):
            raise ConnectionResetError(errno.ECONNRESET, "the daemon hung up")
        data += more
    return data[:-4].decode(errors="replace")


def refuse_broken(router: Router) -> None:
    """Before anything is touched: what stands there and is not ours, and what FRR cannot read."""
    with suppress(PermissionError):
        if not re.match(HEAD, files.read(TEXT) or f"{FILE_MARK}\n! project -\n"):
            raise Foreign(f"{TEXT} exists and is not ours", "move it away", router.where)
    doubt(EVERYWHERE)
    try:
        run(["vtysh", "-N", INSTANCE, "-C", "-f", "/dev/stdin"], router.config)
    except OSError as error:
        words = f"refused by FRR: {error.strerror}"
        raise KernelError(router.key, errno.EINVAL, words, router.where) from error


def write(new: Router, key_file: str, *, running: bool) -> None:
    """Load what changed into what runs; start what does not."""
    netns.folder(CONFIG)
    files.replaced(OPTIONS, options(new))
    files.replaced(f"{CONFIG}/vtysh.conf", f"{FILE_MARK}\nservice integrated-vtysh-config\n")
    files.replaced(TEXT, whole(new, key_file), 0o600)
    if not running:
        control("restart")
    try:
        load()
    except OSError:  # what the start has begun to load keeps others out meanwhile
        time.sleep(1)
        load()
    files.replaced(LOADED, digest())


def whole(router: Router, key_file: str) -> str:
    """frr.conf: comments that tell whose keys it is about, and the passwords that follow from them."""
    keys = [f"! key {router.public_key}"] if router.public_key else []
    keys += [f"! peer {entry}" for entry in router.keys]
    body = router.config
    for peer, key in (entry.split(" ") for entry in router.keys):
        known = f" neighbor {peer} port {router.port}\n"
        password = wireguard_key.shared(key_file, key, f"bgp {router.project}")
        body = body.replace(known, f"{known} neighbor {peer} password {password}\n")
    return "".join(f"{line}\n" for line in (FILE_MARK, f"! project {router.project}", *keys)) + body


def load() -> None:
    """Of bgpd alone: for zebra, it would undo `no ip forwarding`, which only tells what the host does."""
    reload = [f"{FRR}/frr-reload.py", "--reload", "--stdout", "--daemon", "bgpd"]
    run([*reload, "-N", INSTANCE, "--rundir", SOCKETS, TEXT])


def options(router: Router) -> str:
    """For FRR's scripts.  With `-P 0` nothing but BGP listens on TCP: the operator's instance may."""
    names = ("mgmtd", "zebra", "staticd")
    silent = "".join(f'{name}_options="-P 0"\n' for name in names)
    bgpd = f'bgpd=yes\nbgpd_options="-P 0 -l {router.address} -p {router.port}"\n'
    return f"{FILE_MARK}\nfrr_profile=datacenter\n{silent}{bgpd}"


def remove() -> None:
    import shutil

    crash_log = f"/var/tmp/frr/watchfrr.{(files.read(f'{SOCKETS}/watchfrr.pid') or '').strip()}"
    with suppress(FileNotFoundError):  # FRR itself is gone
        control("stop")
    for folder in (CONFIG, SOCKETS, crash_log):
        shutil.rmtree(folder, ignore_errors=True)


def control(verb: str) -> None:
    """By systemd where it runs, so that the daemons are not in the cgroup of whoever asks, and outlive it."""
    if systemd_runs():
        run(["systemctl", verb, f"frr@{INSTANCE}.service"])
    else:
        run([f"{FRR}/frrinit.sh", verb, INSTANCE])


def run(words: list[str], given: str = "") -> None:
    """What it says goes to a file, since the daemons that it starts would keep a pipe open."""
    import subprocess  # 5 ms that a plan without EVPN need not pay

    with open(os.memfd_create("in"), "w+") as in_, open(os.memfd_create("out"), "w+") as out:
        in_.write(given)
        in_.seek(0)
        try:
            done = subprocess.run(words, stdin=in_, stdout=out, stderr=out, timeout=PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise OSError(errno.ETIMEDOUT, str(error)) from None
        out.seek(0)
        if done.returncode:
            said = " ".join(re.sub(r"password \S+", "password ...", out.read()).split())[-300:]
            raise OSError(errno.EIO, f"{Path(words[0]).name}: {said or f'status {done.returncode}'}")
