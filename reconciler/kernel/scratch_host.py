"""A scratch host: user, network and mount namespaces of the calling process, with nothing of ours in them."""

import os
from collections.abc import Iterable, Mapping

from ..errors import Unsupported
from ..paths import ENGINES_USED
from . import netns
from .kinds.route import LINK, MAIN, RTA_DST, RTA_OIF, RTMSG, TYPES
from .netlink import links as rtnl
from .netlink.links import INET, NEWLINK, packed
from .netlink.socket import CREATE, EXCL, Message, attr, open_socket, send, text, u8, u32
from .netns import BIND, RECURSIVE, checked, libc

NEWNS, NEWUSER = 0x20000, 0x10000000  # linux/sched.h
PRIVATE = 0x40000  # linux/mount.h
STATIC = 4  # RTPROT_STATIC
HINT = (
    "see sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces and"
    " kernel.apparmor_restrict_unprivileged_userns; a root of fewer capabilities needs CAP_SETFCAP"
)
BESIDE = "/run/etc"  # where the machine's own /etc can be read


def enter() -> None:
    """Move the process, which must have one thread, onto a host of its own; it ends with the process."""
    become_root()
    mount("none", "/", "", PRIVATE | RECURSIVE)
    mount("run", "/run", "tmpfs")
    forgetful_etc()
    if os.path.isdir(ENGINES_USED):  # nobody asks podman here, which would take the empty /run for a boot
        mount("engines", ENGINES_USED, "tmpfs")
    with open_socket() as channel:
        send(channel, [Message(NEWLINK, 0, rtnl.ifinfo(1, rtnl.UP, rtnl.UP))])


def become_root() -> None:
    """Root needs no user namespace of its own where those are switched off."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        if libc.unshare(NEWUSER | NEWNS | netns.NEWNET):
            checked(libc.unshare(NEWNS | netns.NEWNET))
            return
        for file, line in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{file}", "w", encoding="ascii") as out:
                out.write(line)
    except OSError:
        raise Unsupported("a rehearsal needs user namespaces", HINT) from None


def forgetful_etc() -> None:
    """Links to the machine's files: what is written beside them goes nowhere."""
    os.makedirs(BESIDE)
    mount("/etc", BESIDE, "", BIND | RECURSIVE)
    mount("etc", "/etc", "tmpfs")
    for name in os.listdir(BESIDE):
        if name != "netns":
            os.symlink(f"{BESIDE}/{name}", f"/etc/{name}")


def mount(source: str, target: str, kind: str, flags: int = 0) -> None:
    checked(libc.mount(source.encode(), target.encode(), kind.encode(), flags, None))


def stand_in(kinds: Mapping[str, str], mtu: int) -> None:
    """Links for those of the host that others need, by name; its bridges may keep VLANs apart."""
    up, data = rtnl.ifinfo(0, rtnl.UP, rtnl.UP), {"bridge": u8(rtnl.IFLA_BR_VLAN_FILTERING, 1)}
    links = [
        Message(NEWLINK, CREATE | EXCL, up + text(rtnl.IFLA_IFNAME, name) + u32(rtnl.IFLA_MTU, mtu) + what)
        for name, kind in kinds.items()
        for what in [rtnl.info(kind, data.get(kind, b""))]
    ]
    with open_socket() as channel:
        send(channel, links)


def neighbours(pairs: Iterable[tuple[str, str]]) -> None:
    """Addresses that are reached over a link without a gateway: such as routes may go via."""
    with open_socket() as channel:
        for link, ip in sorted(pairs):
            family, raw = packed(ip)
            scope = LINK if family == INET else 0
            head = RTMSG.pack(family, len(raw) * 8, 0, 0, MAIN, STATIC, scope, TYPES["unicast"], 0)
            body = head + attr(RTA_DST, raw) + u32(RTA_OIF, rtnl.index_of(channel, link))
            send(channel, [Message(rtnl.NEWROUTE, CREATE, body)])
