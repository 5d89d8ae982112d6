"""A table's comment tells the directory it was applied from, so that a whole directory can be pruned."""

import hashlib
import os
import re

LONGEST = 128  # bytes of a comment; NFTNL_UDATA_COMMENT_MAXLEN
PLAIN = re.compile(rb"[^A-Za-z0-9/._~-]")
ESCAPED = re.compile(rb"%([0-9A-F]{2})")


def encoded(root: str) -> str:
    """Percent-encoded; a path too long for a comment is kept as its digest."""
    raw = os.fsencode(root)
    text = PLAIN.sub(lambda m: b"%%%02X" % m[0][0], raw)
    if len(text) > LONGEST:
        return f"sha256.{hashlib.sha256(raw).hexdigest()}"
    return text.decode()


def decoded(comment: str) -> str:
    return os.fsdecode(ESCAPED.sub(lambda m: bytes([int(m[1], 16)]), comment.encode()))
