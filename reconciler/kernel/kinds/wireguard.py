"""WireGuard links: what they hold besides what every link has, keys and peers, goes by generic netlink."""

import socket
import struct
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator

from ...kinds.ownership import GROUP, alias, owner
from ...kinds.wireguard import Wireguard, changes
from .. import wireguard_key
from ..netlink.links import INET, ip_of, packed, raised
from ..netlink.socket import (
    Message,
    attr,
    attributes,
    dump,
    get,
    items,
    nest,
    open_socket,
    send,
    text,
    u8,
    u16,
    u32,
)
from ..transcript import doubt
from . import link
from .link import LinkKind
from .table import Readings, Requests, Resource, Seen, Step, register

GENERIC, CONTROL, GETFAMILY, FAMILY_ID, FAMILY_NAME = 16, 16, 3, 1, 2  # linux/netlink.h, linux/genetlink.h
# linux/wireguard.h: commands, then WGDEVICE_A_*, WGPEER_A_*, WGPEER_F_* and WGALLOWEDIP_A_*
GETDEVICE, SETDEVICE = 0, 1
IFNAME, PRIVATE_KEY, PUBLIC_KEY, LISTEN_PORT, PEERS = 2, 3, 4, 6, 8
KEY, PRESHARED_KEY, FLAGS, ENDPOINT, HANDSHAKE, ALLOWED = 1, 2, 3, 4, 6, 9
REMOVE, REPLACE_ALLOWED = 1, 2
FAMILY, ADDRESS, CIDR = 1, 2, 3
NO_KEY, NOWHERE = bytes(32), "nowhere"
LASTING = 180  # seconds that a session is good for after its handshake: REJECT_AFTER_TIME of messages.h


def head(command: int) -> bytes:
    return struct.pack("=BBH", command, 1, 0)


def family(channel: socket.socket) -> int:
    """The number of WireGuard's messages; there is one as soon as there is a link."""
    answer = get(channel, CONTROL, head(GETFAMILY) + text(FAMILY_NAME, "wireguard"))
    return int.from_bytes(attributes(answer, 4)[FAMILY_ID], "little")


def put(requests: Requests, step: Step, wireguard: Wireguard) -> None:
    link.make(requests, step, wireguard)
    configure(wireguard, step.before, requests.batch.key_file)
    requests.add(step, *link.settings(wireguard), raised(wireguard))


def configure(link: Wireguard, old: Resource | None, key_file: str) -> None:
    """Give the link the key in `key_file`, its port, and the peers that differ; the
    others' sessions go on."""
    with open_socket(GENERIC) as channel:
        for refusal in send(channel, list(messages(family(channel), link, old, wireguard_key.raw(key_file)))):
            raise OSError(refusal.number, refusal.words)


def messages(kind: int, link: Wireguard, old: Resource | None, private: bytes) -> Iterator[Message]:
    to = head(SETDEVICE) + text(IFNAME, link.name)
    yield Message(kind, 0, to + attr(PRIVATE_KEY, private) + u16(LISTEN_PORT, link.port))
    gone, new = changes(link, old)
    peers = [
        *(attr(KEY, b64decode(key)) + u32(FLAGS, REMOVE) for key in gone),
        *(peer(*entry) for entry in new),
    ]
    for one in peers:
        yield Message(kind, 0, to + nest(PEERS, nest(0, one)))


def peer(key: str, prefixes: str, endpoint: str, *_odd: str) -> bytes:
    """As it is read: a peer that somebody else made is put back too, but for a key that we do not know."""
    at = b"" if endpoint == NOWHERE else attr(ENDPOINT, sockaddr(endpoint))
    allowed = nest(ALLOWED, *(nest(0, prefix(text_)) for text_ in prefixes.split(",") if text_))
    known = attr(KEY, b64decode(key)) + attr(PRESHARED_KEY, NO_KEY)
    return known + u32(FLAGS, REPLACE_ALLOWED) + at + allowed


def prefix(text_: str) -> bytes:
    ip, _, length = text_.partition("/")
    number, raw = packed(ip)
    return u16(FAMILY, number) + attr(ADDRESS, raw) + u8(CIDR, int(length or len(raw) * 8))


def sockaddr(endpoint: str) -> bytes:
    """struct sockaddr_in or sockaddr_in6."""
    host, _, port = endpoint.rpartition(":")
    number, raw = packed(host.strip("[]"))
    head_ = struct.pack("=H", number) + struct.pack("!H", int(port))
    return head_ + (raw + bytes(8) if number == INET else bytes(4) + raw + bytes(4))


def endpoint_of(raw: bytes) -> str:
    number, port = int.from_bytes(raw[:2], "little"), int.from_bytes(raw[2:4], "big")
    if number == INET:
        return f"{ip_of(raw[4:8])}:{port}"
    return f"[{ip_of(raw[8:24])}]:{port}"


def decode(readings: Readings, ns: str, seen: Seen) -> Iterator[Wireguard]:
    if seen.group != GROUP:
        return
    with open_socket(GENERIC) as channel:
        found = dump(channel, family(channel), head(GETDEVICE) + text(IFNAME, seen.name))
    parts = [attributes(body, 4) for body in found]
    wanted = (r for r in readings.wanted(Wireguard) if r.name == seen.name)
    known = {entry.split(" ")[0]: entry for r in wanted for entry in r.peers}
    peers = (entry(one, known) for part in parts for one in elements(part.get(PEERS, b"")))
    project = owner(seen.alias)
    yield Wireguard(
        **link.plain_link(ns, seen),
        project=project if seen.alias == alias(project, "wireguard") else "",
        port=int.from_bytes(parts[0][LISTEN_PORT], "little"),
        public_key=b64encode(parts[0].get(PUBLIC_KEY, b"")).decode(),
        peers=tuple(sorted(peers)),
    )


def heard(name: str) -> Iterator[tuple[str, int]]:
    """Where each peer of a link is, and when it last shook hands, in seconds; 0 is never."""
    with open_socket(GENERIC) as channel:
        found = dump(channel, family(channel), head(GETDEVICE) + text(IFNAME, name))
    for one in (one for body in found for one in elements(attributes(body, 4).get(PEERS, b""))):
        if HANDSHAKE in one:
            yield endpoint_of(one[ENDPOINT]) if ENDPOINT in one else NOWHERE, handshake(one)


def elements(data: bytes) -> Iterator[dict[int, bytes]]:
    """The members of an array, whose attributes are of one number all."""
    return (attributes(raw) for _, raw in items(data))


def entry(found: dict[int, bytes], known: dict[str, str]) -> str:
    """A peer as it stands.  One that was heard of late is where it was heard, since a host with several
    addresses need not send from that which is declared."""
    key = b64encode(found[KEY]).decode()
    end = endpoint_of(found[ENDPOINT]) if ENDPOINT in found else NOWHERE
    said = known.get(key, "").rpartition(" ")[2]
    if said and said != end:
        doubt()  # the clock decides
        end = said if time.time() - handshake(found) < LASTING else end
    odd = " preshared" * (found.get(PRESHARED_KEY, NO_KEY) != NO_KEY)
    allowed = ",".join(sorted(map(allowed_of, elements(found.get(ALLOWED, b"")))))
    return f"{key} {allowed} {end}{odd}"


def handshake(found: dict[int, bytes]) -> int:
    """When the last one was, in seconds; 0 is never."""
    return int.from_bytes(found.get(HANDSHAKE, b"")[:8], "little", signed=True)


def allowed_of(found: dict[int, bytes]) -> str:
    ip, length = found[ADDRESS], found[CIDR][0]
    prefix = "" if length == len(ip) * 8 else f"/{length}"
    return ip_of(ip) + prefix


register(LinkKind(of=Wireguard, put=put, link_kind="wireguard", decode_link=decode))
