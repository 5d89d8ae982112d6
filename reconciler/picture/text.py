"""Text in pictures: how wide it is at most, and what may stand in a file of XML."""

import unicodedata
from html import escape

# Of DejaVu Sans, the widest of the fonts that are asked for, in hundredths of the size.
NARROW = dict.fromkeys("iIjl.,:;'|!", 36) | dict.fromkeys("ftr()[]-/ ·", 44)
WIDE = dict.fromkeys("mwMW@%×→…", 100) | dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ&+~=_<>−", 80)
OTHER, FULL = 65, 105
BOLD = 1.12
MONO = 0.61
# What reorders or hides what stands beside it, and what XML cannot hold: https://www.w3.org/TR/xml/#charsets
INVISIBLE = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")


def width(text: str, size: float, *, bold: bool = False) -> float:
    found = sum(advance(char) for char in text) * size / 100
    return found * BOLD if bold else found


def advance(char: str) -> int:
    if char in NARROW or char in WIDE:
        return NARROW.get(char) or WIDE[char]
    if ord(char) < 0x250:
        return OTHER
    return FULL if unicodedata.east_asian_width(char) in "WF" else 80


def mono_width(text: str, size: float) -> float:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text) * size * MONO


def clipped(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """As much of it as there is room for; what is left out is a dot three times."""
    text = visible(text)
    if width(text, size, bold=bold) <= room:
        return text
    while text and width(f"{text}…", size, bold=bold) > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


def visible(text: str) -> str:
    """In one line, of characters that show what they are."""
    return "".join("\ufffd" if unicodedata.category(char) in INVISIBLE else char for char in text)


def lines(text: str) -> str:
    """The same, in as many lines as it has."""
    return "\n".join(map(visible, text.split("\n")))


def xml(text: str) -> str:
    return escape(lines(text), quote=True)
