"""The host's links as they are kept from one look to the next: what is kept is what a dump shows, whatever
became of the reading before."""

from collections.abc import Iterable

import pytest

from reconciler.kernel.netlink.links import ALL_LINKS, GETLINK, IFLA_MASTER, Seen
from reconciler.kernel.netlink.socket import dump, open_socket
from reconciler.kernel.observe import host_links
from reconciler.kernel.observe.host_links import HostLinks
from tests.netns.samples import WEB

Links = dict[int, tuple[object, ...]]


def told(found: Iterable[Seen]) -> Links:
    """What events tell of each, by index."""
    return {
        one.index: (one.name, one.alias, one.group, one.up, one.mtu, one.mac, one.number(IFLA_MASTER))
        for one in found
    }


def kept(links: HostLinks) -> Links:
    with open_socket() as channel:
        return told(links.now(channel).values())


def dumped() -> Links:
    with open_socket() as channel:
        return told(map(Seen, dump(channel, GETLINK, ALL_LINKS)))


def test_what_is_kept_is_what_stands(lab):
    links = HostLinks()
    assert kept(links) == dumped()
    lab.apply(WEB)
    assert kept(links) == dumped()
    end = next(name for name in lab.links() if name.startswith("ve"))
    for command in (f"link set {end} mtu 1400", f"link set {end} nomaster", f"link set {end} name else0"):
        lab.run(f"ip {command}")
        assert kept(links) == dumped()
    lab.run("ip link del else0")
    assert kept(links) == dumped()
    lab.apply("name: t\n")
    assert kept(links) == dumped() and [*links.known] == [""]


def test_after_a_reading_that_failed_all_is_read(lab, monkeypatch):
    monkeypatch.setattr(host_links, "ROOM", 1)
    links, closed = HostLinks(), open_socket()
    closed.close()
    kept(links)
    for number in range(20):  # more than is listened to
        lab.run(f"ip link add d{number} type bridge")
    with pytest.raises(OSError):
        links.now(closed)
    assert kept(links) == dumped()
