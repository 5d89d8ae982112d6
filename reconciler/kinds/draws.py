"""The numbers by which one of several is chosen, as rules and maps say them."""

from .ownership import SEED, WHOLE


def drawn_and_told(ip: str) -> tuple[str, str]:
    """How a rule says the number by which one of several is chosen: drawn for a connection or, behind these,
    told by its client's address; `ip` is ip or ip6."""
    return f"numgen random mod {WHOLE}", f"jhash {ip} saddr mod {WHOLE} seed {SEED} offset {WHOLE}"


def interval(first: int, last: int) -> str:
    """Of such numbers, in a map."""
    return f"{first:#010x}-{last:#010x}" if first < last else f"{first:#010x}"


def ends_of(text: str) -> tuple[int, int]:
    """The first and the last of such an interval; raises ValueError for what is none."""
    first, _, last = text.partition("-")
    return int(first, 16), int(last or first, 16)
