"""Files of the cache: a stamp that tells what their body was made from, and a seal that it is whole."""

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ... import disk
from ...errors import ManifestError

UNUSABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, ManifestError)  # a file may be


def read(file: str | os.PathLike[str]) -> tuple[dict[str, Any], bytes]:
    """The stamp and the body; raises ValueError where that is not as it was written."""
    head, _, body = disk.read(file, disk.LARGE).partition(b"\n")
    stamp = dict(disk.parsed(head))
    if stamp.pop("seal") != sha256(body).hexdigest():
        raise ValueError("half a file")
    return stamp, body


def write(file: str | os.PathLike[str], stamp: Mapping[str, object], body: bytes) -> None:
    """Make the folder too, where only we may look; raises OSError."""
    os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
    head = json.dumps({**stamp, "seal": sha256(body).hexdigest()})
    disk.write(file, head.encode() + b"\n" + body)
