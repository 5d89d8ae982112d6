"""Comments in nftables: a table's tells the directory it was applied from, an element's its project."""

import hashlib
import re

LONGEST = 128  # bytes of a comment; NFTNL_UDATA_COMMENT_MAXLEN
PLAIN = re.compile(rb"[^A-Za-z0-9/._~-]")
ESCAPED = re.compile(rb"%([0-9A-F]{2})")


def encoded(*words: str) -> str:
    """Percent-encoded, a blank between them; what is too long for what is left is kept as its digest."""
    said = ""
    for text in filter(None, words):
        blank = " " * bool(said)
        said += blank + encoded_word(text, LONGEST - len(said + blank))
    return said


def encoded_word(text: str, longest: int) -> str:
    raw = text.encode(errors="surrogateescape")
    found = PLAIN.sub(lambda m: b"%%%02X" % m[0][0], raw).decode()
    return found if len(found) <= longest else f"sha256.{hashlib.sha256(raw).hexdigest()}"[:longest]


def decoded(comment: str) -> list[str]:
    """The words of a comment; a digest stays one, and what somebody else wrote is as he wrote it."""
    words = comment.encode().split(b" ")
    plain = (ESCAPED.sub(lambda m: bytes([int(m[1], 16)]), word) for word in words)
    return [word.decode(errors="surrogateescape") for word in plain]


def kept(project: str, root: str) -> str:
    """A directory as the comment of a project's element keeps it: where it is too long, its digest."""
    return "".join(decoded(encoded(project, root))[1:])
