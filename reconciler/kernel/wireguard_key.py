"""This host's private key: made here, read here, and told to nobody but WireGuard's link in the kernel."""

import os
import stat
from base64 import b64decode, b64encode
from binascii import Error
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from .. import disk
from ..errors import ReconcileError
from . import looking
from .x25519 import BASE, SIZE, clamped, x25519

NAME = "wireguard.key"  # in the state directory
ROOM = 1024  # bytes, more than a key takes
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def made(path: str) -> str:
    """The public key; the private one is made where there is none, and never over one that stands, since
    other hosts know it."""
    if not os.path.exists(path):
        fresh = f"{path}.{os.getpid()}"
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = clamped(os.urandom(SIZE)).to_bytes(SIZE, "little")
        disk.write(fresh, b64encode(private) + b"\n", durable=True)
        with suppress(FileExistsError):
            os.link(fresh, path)
        os.unlink(fresh)
    return public_key(path)


def public_key(path: str) -> str:
    """What goes with the private one; "" where there is none."""
    try:
        return b64encode(x25519(raw(path), BASE)).decode()
    except FileNotFoundError:
        return ""


def raw(path: str) -> bytes:
    looking.stamp(path)
    with disk.opened(path, os.O_RDONLY) as (fd, found):
        refuse_seen(path, found)
        with suppress(Error):
            if len(key := b64decode(os.read(fd, ROOM))) == SIZE:
                return key
    hint = "put it back from a backup, or remove it and run `reconcile --key` for another"
    raise ReconcileError(f"{path} holds no private key", hint)


def refuse_seen(path: str, found: os.stat_result) -> None:
    """A key that somebody else can read or replace is not this host's alone."""
    if not stat.S_ISREG(found.st_mode):
        raise ReconcileError(f"{path} is no file", "remove it and run `reconcile --key`")
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & OTHERS:
        raise ReconcileError(
            f"{path} is open to others than root (mode {stat.S_IMODE(found.st_mode):04o}, "
            f"owner {found.st_uid}): who has read it is this host to all the others",
            f"if nobody has: `chown root {path}; chmod 600 {path}`; else remove it and run `reconcile --key`",
        )


def shared(path: str, public: str, purpose: str) -> str:
    """What this host and the one of that public key can work out and nobody else, for one purpose alone."""
    common = x25519(raw(path), b64decode(public))
    if not any(common):  # RFC 7748, 6.1
        raise ReconcileError(f"{public} is nobody's public key", "run `reconcile --key` on that host")
    return sha256(purpose.encode() + b"\0" + common).hexdigest()
