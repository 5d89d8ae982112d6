"""Words of elements on the wire; each is taken in the one way alone in which it is read back."""

import re
from collections.abc import Callable
from socket import inet_ntop, inet_pton


def known(names: dict[str, bytes]) -> Callable[[str], bytes]:
    """Only these words."""

    def pack(word: str) -> bytes:
        if word not in names:
            raise ValueError(word)
        return names[word]

    return pack


def matching(pattern: re.Pattern[str], packed: Callable[[str], bytes]) -> Callable[[str], bytes]:
    def pack(word: str) -> bytes:
        if not pattern.fullmatch(word):
            raise ValueError(word)
        return packed(word)

    return pack


def address(family: int) -> Callable[[str], bytes]:
    """Only what inet_ntop prints as it was written."""

    def pack(word: str) -> bytes:
        try:
            raw = inet_pton(family, word)
        except OSError:
            raise ValueError(word) from None
        if inet_ntop(family, raw) != word:
            raise ValueError(word)
        return raw

    return pack


def port(word: str) -> int:
    if not 0 <= (number := int(word)) <= 0xFFFF or str(number) != word:
        raise ValueError(word)
    return number


def service(word: str) -> bytes:
    return port(word).to_bytes(2, "big")


def link_name(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode(errors="replace")
