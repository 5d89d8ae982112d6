"""What containers may reach by name: how the sets are called in which resolvers write the addresses that they
tell, the chain that asks them, and what a rule of that says."""

import re
from hashlib import sha256
from typing import NamedTuple

NAMES_OF = "names_of"  # the map from who may reach anything by name to the chain that tells what
CAUGHT = "caught"  # and to who answers whatever name server is asked
CHAIN, SET, SEEN = "names-", "named-", "seen-"  # how the names of these begin; a digest follows
# Of an address that nobody has a new connection to: who is asked again does not renew it, so that what comes
# once a day must not come when it ends.
LIFE = "25h"
CACHED = 60  # seconds that a resolver keeps an answer: of what it keeps it writes nothing
VOLATILE = "timeout, dynamic"
SERVICE = "meta l4proto . th dport"
WORDS = {4: "ip", 6: "ip6"}
RULE = re.compile(
    r"meta l4proto (?P<protocol>\d+) (?:th dport (?:\{ (?P<ports>[^}]+) \}|(?P<port>\S+)) )?"
    rf"ip6? daddr @(?P<set>{SET}\w+-[46]) .*"
)


class ByName(NamedTuple):
    """Addresses in a set may be reached by a protocol at these ports, both ends inclusive."""

    set: str
    protocol: int
    ports: tuple[tuple[int, int], ...]  # none is all, of what has no ports


def digest(project: str, name: str, *, itself: bool, below: bool) -> str:
    """Of a name, of what is below it, or of both: those of one project that list the same share a set.  It is
    so long that nobody finds a project and a name with the digest of somebody else's."""
    words = "named", project, name, *["itself"] * itself, *["below"] * below
    return sha256("\0".join(words).encode()).hexdigest()[:32]


def covers(project: str, name: str, known: str, asked: str) -> bool:
    """Whether what has this digest has the name that is asked for."""
    itself, below = asked == name, asked.endswith(f".{name}")
    both = digest(project, name, itself=True, below=True)
    return (itself or below) and known in (both, digest(project, name, itself=itself, below=below))


def set_of(known: str, family: int) -> str:
    return f"{SET}{known}-{family}"


def seen_of(known: str, family: int) -> str:
    """Of what was reached so before, at which port: this one is asked first, and is one."""
    return f"{SEEN}{known}-{family}"


def remembering(known: str) -> str:
    """The chain that remembers what is reached, in which a set that is full keeps nobody out."""
    return f"{SEEN}{known}"


def said(one: ByName, known: str) -> str:
    """The rule.  It renews what it finds, which resolvers never do; what has ports is remembered."""
    word = WORDS[int(one.set[-1])]
    ports = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in one.ports)
    at = f"th dport {f'{{ {ports} }}' if not ports.isdecimal() else ports} " * bool(ports)
    renew = f"update @{one.set} {{ {word} daddr }}"
    on = f"goto {remembering(known)}" if ports else "return"
    return f"meta l4proto {one.protocol} {at}{word} daddr @{one.set} {renew} {on}"


def heard(rule: str) -> ByName | None:
    """What a rule says; None for one that is none of these."""
    if not (found := RULE.fullmatch(rule)):
        return None
    pairs = (one.partition("-") for one in (found["ports"] or found["port"] or "").split(", ") if one)
    ports = tuple((int(first), int(last or first)) for first, _, last in pairs)
    return ByName(found["set"], int(found["protocol"]), ports)
