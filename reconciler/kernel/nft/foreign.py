"""Other people's firewalls: where they drop what ours lets through, their drop is final, our accept is not.

Rules are read as the kernel's expressions, and `accepts_dnat` is true only of what is recognised.
"""

import struct
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...inventory.facts import Blocker
from ..netlink.netfilter import word
from ..netlink.socket import attributes
from . import raw
from .code import parts
from .wire import GETCHAIN, RulesetReading, snapshot

FAMILIES = ("inet", "ip", "ip6")
HOOKS = {1: "input", 2: "forward"}  # NF_INET_LOCAL_IN, NF_INET_FORWARD
DROP, ACCEPT, JUMP, GOTO, RETURN = 0, 1, -3, -4, -5  # NF_DROP, NF_ACCEPT, NFT_JUMP, NFT_GOTO, NFT_RETURN
SILENT = ("counter", "log")  # expressions that match everything
STATUS, EQUAL, NOT_EQUAL = 2, 0, 1  # NFT_CT_STATUS, NFT_CMP_EQ, NFT_CMP_NEQ
IIFNAME, BRIDGES = 6, b"br-"  # NFT_META_IIFNAME, and how names of our bridges begin
DNAT = 0x20  # IPS_DST_NAT of a connection's status
XT_CONNTRACK = struct.Struct("=146xHHH")  # match_flags, invert_flags, state_mask
XT_STATE, XT_DNAT = 0x1, 0x80  # XT_CONNTRACK_STATE, XT_CONNTRACK_STATE_DNAT


Names = frozenset[str]
Match = tuple[tuple[str, bytes], ...]


class Verdict(NamedTuple):
    """What a rule does with every packet that `match` takes in; a target of iptables (REJECT) has no code."""

    code: int | None
    chain: str
    match: Match


Chains = dict[str, list[Verdict]]


def blockers() -> tuple[Blocker, ...]:
    """Base chains of others that drop what no rule of theirs accepts, on the way in or through."""
    return snapshot(lambda reading: tuple(found(reading)))


def found(reading: RulesetReading) -> Iterator[Blocker]:
    tables: dict[tuple[str, str], Chains] = {}
    for family, chain in reading.ask(GETCHAIN):
        place = family, word(chain[1])
        where = raw.hook(chain)
        mine = family == "inet" and raw.is_ours(place[1])
        if mine or family not in FAMILIES or not where or where.kind != "filter" or where.number not in HOOKS:
            continue
        if place not in tables:
            tables[place] = {c.name: list(map(verdict, c.rules)) for c in raw.chains(reading, *place)}
        name, chains = word(chain[3]), tables[place]
        end = fate(chains, name)
        if (where.policy if end is None else end) == DROP:
            dnat, bridges = (accepts(chains, name, kind) for kind in (dnated, from_bridges))
            yield Blocker(*place, name, HOOKS[where.number], dnat, bridges)


def verdict(rule: raw.RawRule) -> Verdict:
    expressions = [(name, data) for name, data in parts(rule.expressions) if name not in SILENT]
    match expressions:
        case [*match, ("immediate", data)]:
            return Verdict(*decided(data), tuple(match))
        case [*match, ("reject", _)]:
            return Verdict(DROP, "", tuple(match))
        case [*match, ("target", data)] if word(attributes(data)[1]) == "REJECT":
            return Verdict(DROP, "", tuple(match))
    return Verdict(None, "", tuple(expressions))


def decided(data: bytes) -> tuple[int | None, str]:
    """The verdict of an immediate expression; none where it loads a register."""
    value = attributes(attributes(data).get(2, b""))
    if 2 not in value:
        return None, ""
    found = attributes(value[2])
    return int.from_bytes(found[1], "big", signed=True), word(found.get(2, b""))


def fate(chains: Chains, name: str, seen: frozenset[str] = frozenset()) -> int | None:
    """What becomes of a packet that no rule with a condition takes; None where it gets to the end."""
    for rule in chains.get(name, ()):
        if rule.match:
            continue
        if rule.code in (DROP, ACCEPT):
            return rule.code
        if rule.code in (JUMP, GOTO) and rule.chain not in seen:
            end = fate(chains, rule.chain, seen | {name})
            if end is not None or rule.code == GOTO:
                return end
        if rule.code == RETURN:
            return None
    return None


def accepts(chains: Chains, name: str, kind: Callable[[Match], bool], seen: Names = frozenset()) -> bool:
    """Whether a rule, here or where every packet is sent, accepts what is of a kind."""
    for rule in () if name in seen else chains.get(name, ()):
        if rule.code == ACCEPT and kind(rule.match):
            return True
        if rule.code in (JUMP, GOTO) and not rule.match and accepts(chains, rule.chain, kind, seen | {name}):
            return True
    return False


def from_bridges(match: Match) -> bool:
    """`iifname "br-*"` and nothing else, which iptables writes as `-i br-+`."""
    if [name for name, _ in match] != ["meta", "cmp"]:
        return False
    loads, equals = (attributes(data) for _, data in match)
    links = int.from_bytes(loads[2], "big") == IIFNAME and int.from_bytes(equals[2], "big") == EQUAL
    return links and attributes(equals[3])[1] == BRIDGES


def dnated(match: Match) -> bool:
    """`ct status dnat` and nothing else, or iptables' `-m conntrack --ctstate DNAT`."""
    data = [attributes(data) for _, data in match]
    match [name for name, _ in match]:
        case ["ct", "bitwise", "cmp"]:
            loads, mask, equals = data
            status = int.from_bytes(loads[2], "big") == STATUS and native(mask[4]) & DNAT
            return bool(status) and int.from_bytes(equals[2], "big") == NOT_EQUAL and not native(equals[3])
        case ["match"]:
            return word(data[0][1]) == "conntrack" and xt_state(data[0][3])
    return False


def native(data: bytes) -> int:
    return int.from_bytes(attributes(data)[1], sys.byteorder)


def xt_state(info: bytes) -> bool:
    """struct xt_conntrack_mtinfo3 up to its state_mask: DNAT is asked for, and nothing but the state."""
    if len(info) < XT_CONNTRACK.size:
        return False
    asked, inverted, states = XT_CONNTRACK.unpack_from(info)
    return asked == XT_STATE and not inverted and bool(states & XT_DNAT)
