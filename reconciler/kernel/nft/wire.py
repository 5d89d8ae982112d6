"""Readings of nftables that are whole: all dumps are of one generation of the ruleset, or all is read again.

The kernel stamps each message with the low half of the generation id (`res_id`), which GETGEN tells in full.
"""

import errno
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ...errors import KernelError, NotPermitted, Unsupported
from ..netlink.netfilter import NFGEN, Channel, Torn
from ..netlink.socket import ACK, attributes
from ..transcript import RULESET, note_generation, note_instead

T = TypeVar("T")

NFTABLES = 10  # NFNL_SUBSYS_NFTABLES
GETTABLE, GETCHAIN, GETRULE, GETSET, GETSETELEM, GETGEN = 1, 4, 7, 10, 13, 16
NEWTABLE, NEWCHAIN, NEWRULE, NEWSET, NEWSETELEM = 0, 3, 6, 9, 12
DELTABLE, DELCHAIN, DELRULE, DELSET, DELSETELEM = 2, 5, 8, 11, 14
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
NUMBERS = {name: number for number, name in FAMILIES.items()}
ATTEMPTS = 8  # the pauses between them grow from 2 to 256 ms, half a second in all
# Worth another attempt; ENOENT is a set that went between two dumps.
PASSING = (errno.ENOENT, errno.ENOBUFS, errno.EAGAIN, errno.EBUSY, errno.EINTR)


class NftMessage(NamedTuple):
    family: str
    attributes: dict[int, bytes]


class RulesetReading(Channel):
    """One attempt, on a socket of its own."""

    attempts = ATTEMPTS

    def __init__(self) -> None:
        super().__init__(NFTABLES)
        self.generation: int | None = None
        self.generation = self.current()

    def current(self) -> int:
        [message] = self.ask(GETGEN, flags=0)
        return int.from_bytes(message.attributes[1], "big")

    def note_whole(self) -> None:
        """That this generation is all that is known: what it says was noted of another."""
        about = NFTABLES << 8 | GETGEN, 0, b"", 0
        note_instead("nft", about, self.bodies(*about), RULESET)
        note_generation(self.generation or 0)

    def bodies(self, kind: Any, *about: Any) -> list[bytes]:
        """What is answered, as it is said; `kind` is that of a whole message."""
        self.ask(kind & 0xFF, *about)
        return self.said

    def get(self, kind: int, family: int, body: bytes) -> list[NftMessage]:
        """What the body names, and nothing else of its kind: not noted, as it tells nothing of a whole."""
        return self.ask_unnoted(kind, family, body, ACK)

    def message(self, body: bytes) -> NftMessage:
        family, _, stamp = NFGEN.unpack_from(body)
        if self.generation is not None and stamp != self.generation & 0xFFFF:
            raise Torn
        return NftMessage(FAMILIES.get(family, str(family)), attributes(body, NFGEN.size))


class TooMuch(Exception):
    """More is said than is listened to."""


class BoundedReading(RulesetReading):
    """One that hears no more than `most` bytes of objects, and not for long: who is root in a sandbox may
    make as many as he likes.  Raises TooMuch."""

    attempts = 4  # 30 ms
    most, heard = 4 << 20, 0  # some 40,000 elements

    def message(self, body: bytes) -> NftMessage:
        self.heard += len(body)
        if self.heard > self.most:
            raise TooMuch
        return super().message(body)


def once(read: Callable[[RulesetReading], T], reading_of: type[RulesetReading]) -> T:
    with reading_of() as reading:
        result = read(reading)
        if reading.current() != reading.generation:
            raise Torn
        note_generation(reading.generation)
        return result


def snapshot(read: Callable[[RulesetReading], T], reading_of: type[RulesetReading] = RulesetReading) -> T:
    """What `read` makes of one generation of the ruleset; raises rather than return less than there is."""
    for attempt in range(reading_of.attempts):
        try:
            return once(read, reading_of)
        except Torn:
            pass
        except OSError as error:
            if error.errno not in PASSING:
                raise mapped(error) from None
        time.sleep(0.002 * 2**attempt)
    raise KernelError("read nftables", errno.EAGAIN, f"no whole reading in {reading_of.attempts} attempts")


def mapped(error: OSError) -> Exception:
    match error.errno:
        case errno.EPERM | errno.EACCES:
            return NotPermitted("cannot read nftables", "run as root")
        case errno.EINVAL | errno.EOPNOTSUPP | errno.EPROTONOSUPPORT:
            return Unsupported("this kernel has no nf_tables", "load the module nf_tables")
    return KernelError("read nftables", error.errno or 0, os.strerror(error.errno or 0))


def generation() -> int:
    return snapshot(lambda reading: reading.current())
