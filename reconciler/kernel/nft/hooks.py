"""Where a chain is hooked in: as nft says it, and on the wire."""

import re
import struct
from typing import NamedTuple

from ..netlink.socket import attr, nest, text

HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")  # NF_INET_*, and NF_BR_* alike
POLICIES = ("drop", "accept")
FORM = (
    r"type (filter|nat|route) hook (prerouting|input|forward|output|postrouting)"
    r" priority (-?[0-9]{1,10}); policy (accept|drop);"
)  # compiled when something is first written
HOOK, POLICY, TYPE, NUMBER, PRIORITY = 4, 5, 7, 1, 2  # NFTA_CHAIN_*, and NFTA_HOOK_*


class Hook(NamedTuple):
    kind: str
    number: int
    priority: int
    policy: int


def said(found: Hook | None) -> str:
    if found is None:
        return ""
    name, policy = HOOKS[found.number], POLICIES[found.policy]
    return f"type {found.kind} hook {name} priority {found.priority}; policy {policy};"


def packed(hook: str) -> bytes:
    """The attributes of a chain; raises ValueError."""
    if not hook:
        return b""
    if not (words := re.fullmatch(FORM, hook)):
        raise ValueError(repr(hook))
    kind, name, priority, policy = words.groups()
    where = attr(NUMBER, big(HOOKS.index(name))), attr(PRIORITY, big(int(priority)))
    return nest(HOOK, *where) + attr(POLICY, big(POLICIES.index(policy))) + text(TYPE, kind)


def big(number: int) -> bytes:
    try:
        return struct.pack("!i", number)
    except struct.error:
        raise ValueError(number) from None
