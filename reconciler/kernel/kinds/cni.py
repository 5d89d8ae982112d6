"""What plugins of CNI have made of a sandbox, by kernel/cni: as they said, and as it is."""

from collections.abc import Iterator, Set

from ...errors import Unsupported
from ...kinds.cni import ATTACHED, CniAttachment
from .. import netns
from ..cni import plugin, records
from ..cni.records import UNFINISHED, AttachmentRecord
from .address import lost
from .namespace import absent_place
from .table import Kind, Readings, register


def decode(readings: Readings, ns: str) -> Iterator[CniAttachment]:
    for record in records.of(ns):
        found = record.given
        state = found.state if found.leftover else state_of(readings, record)
        yield found if state == ATTACHED else found.broken(state)


def state_of(readings: Readings, record: AttachmentRecord) -> str:
    """What of it is no longer as its plugins said."""
    ns, name, link = record.attachment.ns, record.attachment.name, record.link
    if record.result is None:
        return UNFINISHED
    if netns.inode(ns) != record.inode:  # then all else that is read of it tells so too
        return "its sandbox is another"
    if link is None:
        return ATTACHED
    mac = str(link.get("mac") or "").lower()
    return lost(readings.view(ns), name, mac, record.addresses) or ATTACHED


def shut(_: Readings, ns: str) -> Iterator[CniAttachment]:
    return (record.attachment for record in records.of(ns))


def orphans(readings: Readings, _: Set[str]) -> Iterator[CniAttachment]:
    ours = [name for name in readings.names if readings.project(name)]
    return records.orphans(ours, readings.places)


def refuse_missing(wanted: CniAttachment) -> None:
    """Raises Unsupported where a plugin is not there to be run."""
    for name in wanted.programs:
        try:
            plugin.found(name, wanted.path.split(":"))
        except FileNotFoundError as error:
            hint = (
                "install it (Debian: containernetworking-plugins), or say where: `driver_opts: {path: ...}`"
            )
            raise Unsupported(f"CNI {error.strerror}", hint, wanted.where) from None


register(
    Kind(
        of=CniAttachment,
        enters=lambda _: False,
        places=(False, True),
        decode=decode,
        shut=shut,
        asked=orphans,
        refuse=refuse_missing,
        missing=lambda attachment, held: absent_place(attachment.ns, held),
    )
)
