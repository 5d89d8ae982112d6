"""What elements do beside being there: the expression that lets packets be found there, or not, as words and
as the kernel has it.

Normal form: `limit rate over 10/second burst 5 packets`, `ct count over 50`.
"""

import re
from functools import lru_cache

from ..netlink.netfilter import word
from ..netlink.socket import attr, attributes, nest, text

NAME, DATA = 1, 2  # NFTA_EXPR_*
LIMIT, COUNT = "limit", "connlimit"
RATE, UNIT, BURST, TYPE, FLAGS = 1, 2, 3, 4, 5  # NFTA_LIMIT_*; 1 and 2 are NFTA_CONNLIMIT_COUNT and _FLAGS
OVER = 1  # NFT_LIMIT_F_INV, NFT_CONNLIMIT_F_INV
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
SECONDS = {seconds: unit for unit, seconds in UNITS.items()}
PACED = re.compile(r"limit rate over (\d{1,9})/(second|minute|hour|day) burst (\d{1,9}) packets")
COUNTED = re.compile(r"ct count over (\d{1,9})")


@lru_cache
def packed(words: str) -> bytes:
    """The expression, without what says where it stands; raises ValueError on all but the normal form."""
    if found := PACED.fullmatch(words):
        rate = big(RATE, int(found[1]), 8), big(UNIT, UNITS[found[2]], 8), big(BURST, int(found[3]))
        return text(NAME, LIMIT) + nest(DATA, *rate, big(TYPE, 0), big(FLAGS, OVER))
    if found := COUNTED.fullmatch(words):
        return text(NAME, COUNT) + nest(DATA, big(1, int(found[1])), big(2, OVER))
    raise ValueError(words)


def big(kind: int, value: int, size: int = 4) -> bytes:
    return attr(kind, value.to_bytes(size, "big"))


@lru_cache
def said(expression: bytes) -> str:
    """In words, of what is none of ours only its name."""
    found = attributes(expression)
    name, numbers = word(found[NAME]), {k: number(v) for k, v in attributes(found.get(DATA, b"")).items()}
    unit = SECONDS.get(numbers.get(UNIT, 0), "")
    if name == LIMIT and numbers.get(FLAGS) == OVER and not numbers.get(TYPE) and unit:
        return f"limit rate over {numbers[RATE]}/{unit} burst {numbers[BURST]} packets"
    if name == COUNT and numbers.get(2) == OVER:
        return f"ct count over {numbers[1]}"
    return name


def number(data: bytes) -> int:
    return int.from_bytes(data, "big")
