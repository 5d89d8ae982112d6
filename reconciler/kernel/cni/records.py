"""What plugins were asked for, in files of root alone below /run: without it nobody could take it back."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_interface
from threading import Lock
from typing import Any

from ... import disk
from ...kinds.cni import ASTRAY, CniAttachment
from ...paths import ATTACHMENTS
from ...values import record
from .. import looking
from ..transcript import EVERYWHERE

FORMAT = 1
FOLDERS = Lock()  # of threads, some of which make them while others remove them
WRITTEN = ("project", "network", "config", "runtime", "args", "path")
UNFINISHED, ILLEGIBLE = "unfinished", "its record cannot be read"


@record
class AttachmentRecord:
    """An attachment as it was asked for, with the namespace that it was made in, and what came of it."""

    attachment: CniAttachment
    inode: int = 0
    result: Mapping[str, Any] | None = None  # of the last plugin; None until all have answered
    wish: str = ""  # an address that its IPAM is asked for, and may refuse

    @property
    def interfaces(self) -> list[Mapping[str, Any]]:
        listed = (self.result or {}).get("interfaces")
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []

    @property
    def link(self) -> Mapping[str, Any] | None:
        """That in the sandbox, as far as plugins tell of it."""
        return next((one for one in self.interfaces if self.is_own(one)), None)

    @property
    def given(self) -> CniAttachment:
        return replace(self.attachment, addresses=self.addresses)

    def is_own(self, link: Mapping[str, Any]) -> bool:
        return bool(link.get("sandbox")) and link.get("name") == self.attachment.name

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those of the link, as 10.1.0.5/24."""
        listed = (self.result or {}).get("ips")
        entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        interfaces = dict(enumerate(self.interfaces))
        own = (one for one in entries if self.is_own(interfaces.get(index_of(one), {})))
        return tuple(normal(str(one.get("address", ""))) for one in own)


def normal(address: str) -> str:
    """As the kernel writes it."""
    try:
        return str(ip_interface(address))
    except ValueError:
        return address


def index_of(entry: Mapping[str, Any]) -> int:
    return index if isinstance(index := entry.get("interface"), int) else -1


def file(ns: str, name: str) -> str:
    return f"{ATTACHMENTS}/{ns}/{name}"


def of(ns: str) -> Iterator[AttachmentRecord]:
    """Of one sandbox; one without any has no folder."""
    for name in looking.listing_within(ATTACHMENTS, ns, ns):
        if not name.startswith("."):  # which is being written
            yield read(ns, name)


def orphans(sandboxes: Iterable[str], places: Set[str] | None) -> Iterator[CniAttachment]:
    """Of sandboxes that are no more, of all or of these."""
    for ns in sorted({*looking.listing(ATTACHMENTS, EVERYWHERE)}.difference(sandboxes)):
        if places is None or ns in places:
            yield from (record.given.broken(ASTRAY) for record in of(ns))


def read(ns: str, name: str) -> AttachmentRecord:
    try:
        said = disk.parsed(looking.content(file(ns, name), ns, follow=False))
        told: dict[str, Any] = {key: str(said[key]) for key in WRITTEN}
        if said["format"] != FORMAT:
            raise ValueError
        return AttachmentRecord(CniAttachment(ns=ns, name=name, **told), int(said["inode"]), said["result"])
    except (OSError, ValueError, TypeError, LookupError):
        nothing = json.dumps({"cniVersion": "1.0.0", "name": "unknown", "plugins": []})
        found = CniAttachment(ns=ns, name=name, project="", network="", config=nothing)
        return AttachmentRecord(found.broken(ILLEGIBLE))


def write(record: AttachmentRecord) -> None:
    ns, name = record.attachment.ns, record.attachment.name
    told = {key: getattr(record.attachment, key) for key in WRITTEN}
    text = json.dumps({"format": FORMAT, **told, "inode": record.inode, "result": record.result})
    with FOLDERS:
        os.makedirs(f"{ATTACHMENTS}/{ns}", mode=0o700, exist_ok=True)
        disk.write(file(ns, name), text.encode(), 0o600)


def remove(ns: str, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(file(ns, name))
    with FOLDERS, suppress(OSError):  # others are there
        os.rmdir(f"{ATTACHMENTS}/{ns}")
        os.rmdir(ATTACHMENTS)
