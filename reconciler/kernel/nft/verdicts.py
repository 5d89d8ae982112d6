"""Elements that are verdicts: to go on in a chain.  nft says `goto names-3f`, the kernel has attributes."""

import re

from ..netlink.netfilter import word
from ..netlink.socket import attr, attributes, nest, text
from .datatypes import Datatype, Type

NUMBER = 0xFFFFFF00  # NFT_DATA_VERDICT, in the place of a type
DATA, VERDICT, CODE, CHAIN = 2, 2, 1, 2  # NFTA_SET_ELEM_DATA, NFTA_DATA_VERDICT, NFTA_VERDICT_*
CODES = {"jump": -3, "goto": -4}  # NFT_JUMP, NFT_GOTO
WORDS = {number: name for name, number in CODES.items()}
FORM = re.compile(r"(jump|goto) ([A-Za-z_][A-Za-z0-9_.-]{0,127})")
NAME = "verdict"


def packed(words: str) -> bytes:
    """The attribute; raises ValueError for what is none of these."""
    if not (found := FORM.fullmatch(words)):
        raise ValueError(words)
    code = attr(CODE, CODES[found[1]].to_bytes(4, "big", signed=True))
    return nest(DATA, nest(VERDICT, code, text(CHAIN, found[2])))


def said(data: bytes) -> str:
    """What the content of such an attribute says."""
    found = attributes(attributes(data)[VERDICT])
    code = int.from_bytes(found[CODE], "big", signed=True)
    return f"{WORDS.get(code, code)} {word(found.get(CHAIN, b''))}".strip()


def bare(words: str) -> bytes:
    return words.encode()


TYPE = Type((Datatype(NAME, 1, 16, "16s", str, bare, NAME),))
