"""Names of the outside in `egress:`: api.example.com, or *.example.com for all that is below it."""

import re

from ..model.fields import wrong

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)
LONGEST, LONGEST_LABEL = 253, 63  # RFC 1035, 2.3.4, without the root's dot
STAR = "*"
EXAMPLE = "as api.example.com, or *.example.com for all that is below it"


def checked(text: str) -> str:
    """As it is written; raises PydanticCustomError for what no server of names would know."""
    name = text.removesuffix(".")
    starred = name.startswith(f"{STAR}.")
    labels = name.removeprefix(f"{STAR}.").split(".")
    shown = f"{text[:60]!r}"
    if not text.isascii():
        raise wrong(f"{shown} is not as name servers write it", in_ascii(text))
    if STAR in "".join(labels):
        raise wrong(f"a star stands alone, at the front: {shown}", f"{EXAMPLE}; `outside` is everything")
    if not all(labels):
        raise wrong(f"{shown} has a label that is empty", EXAMPLE)
    if long := next((label for label in labels if len(label) > LONGEST_LABEL), ""):
        hint = f"a label has {LONGEST_LABEL} characters at most"
        raise wrong(f"{long[:20]!r}... is too long for a label of a name", hint)
    if len(name) > LONGEST:
        raise wrong(f"{shown} is too long for a name", f"a name has {LONGEST} characters at most")
    if bad := next((label for label in labels if not LABEL.fullmatch(label)), ""):
        raise wrong(f"{bad[:60]!r} is no label of a name", "letters, digits, `-` and `_`, a dash at no end")
    if starred and len(labels) < 2:
        hint = "`outside:443` is everything outside; *.example.com is what is below a domain"
        raise wrong(f"{shown} is half the world", hint)
    return text


def in_ascii(text: str) -> str:
    try:
        return f"write {text.encode('idna').decode()}"
    except UnicodeError:
        return "write it in ASCII, as xn--mnchen-3ya.example"
