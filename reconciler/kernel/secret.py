"""This host's private key of WireGuard: made here, read here, and told to nobody but the kernel.

What has to be computed with it `wg` computes.
"""

import os
import subprocess
from base64 import b64decode
from contextlib import suppress
from pathlib import Path

from ..errors import ReconcileError, Unsupported

NAME = "wireguard.key"  # in the state directory


def made(path: str) -> str:
    """The public key; the private one is made where there is none, and never over one that stands, since
    other hosts know it."""
    if not os.path.exists(path):
        key, fresh = wg("genkey"), f"{path}.{os.getpid()}"
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)
        os.unlink(fresh)
    return public_key(path)


def public_key(path: str) -> str:
    """What goes with the private one; "" where there is none."""
    try:
        private = Path(path).read_bytes()
    except FileNotFoundError:
        return ""
    try:
        return wg("pubkey", private)
    except subprocess.CalledProcessError:
        hint = "put it back from a backup, or remove it and run `reconcile --key` for another"
        raise ReconcileError(f"{path} holds no private key", hint) from None


def wg(verb: str, given: bytes = b"") -> str:
    try:
        done = subprocess.run(["wg", verb], input=given, capture_output=True, check=True)
    except FileNotFoundError:
        raise Unsupported("this host has no `wg`", "apt install wireguard-tools") from None
    return done.stdout.decode().strip()


def raw(path: str) -> bytes:
    return b64decode(Path(path).read_bytes())
