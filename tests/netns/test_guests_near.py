"""Guests whose line reads the host and themselves alone: what it keeps of their neighbours is what stands,
and what others change between two of them is seen."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from reconciler.change import Change
from reconciler.core.resource import Resource
from reconciler.drivers.firewall.elements import skeleton
from reconciler.errors import NotConverged, ReconcileError
from reconciler.guests import attending, folder
from reconciler.guests import keeper as keeping
from reconciler.guests.attending import Given, KeptHost
from reconciler.guests.guest import Guest, GuestEnd, GuestPort
from reconciler.guests.keeper import Keeper
from reconciler.guests.nearby import GuestsHost
from reconciler.inventory.facts import OtherSandboxes
from reconciler.inventory.others import others_of
from reconciler.kernel.linux import Linux
from reconciler.pipeline import compare, load
from reconciler.remembered import Dirty, look_again
from tests.netns.lab import Lab
from tests.netns.watching import until

pytestmark = pytest.mark.long

SHOP = """
name: shop
networks: {front: {enable_ipv6: true}, back: {internal: true}}
services:
  web: {networks: [front], ports: ["8080:80"], deploy: {replicas: 1}}
  db: {networks: [front, back]}
"""


@pytest.fixture
def shop(lab: Lab) -> Lab:
    lab.apply(SHOP)
    return lab


@pytest.fixture
def reader() -> KeptHost:
    return KeptHost()


def guest(lab: Lab, number: int) -> Guest:
    path = f"/run/netns/g{number}"
    if not os.path.exists(path):
        lab.run(f"ip netns add g{number}")
    return Guest(
        runtime="cni", id=f"id-{number}", netns=path, inode=os.stat(path).st_ino, name=f"pod-{number}"
    )


def add(lab: Lab, number: int, reader: KeptHost, network: str = "shop_front", ifname: str = "eth0") -> Given:
    ports = (GuestPort(target=80, published=9000 + number),) if ifname == "eth0" else ()
    end = GuestEnd(network=network, ifname=ifname, ports=ports)
    return attending.join(guest(lab, number), end, reader)


def remove(lab: Lab, number: int, reader: KeptHost) -> None:
    attending.part(guest(lab, number), "eth0", reader)


@contextmanager
def near(reader: KeptHost) -> Iterator[None]:
    """All that is asked of it here is asked of it near one sandbox."""
    looked_at = reader.host.look_at
    seen: list[str] = []
    reader.host.look_at = lambda sandbox: (seen.append(sandbox), looked_at(sandbox))
    yield
    reader.host.look_at = looked_at
    assert seen and "" not in seen


def nothing_to_do(lab: Lab) -> None:
    """A full look at manifests and guests."""
    assert "Nothing to do." in lab.reconcile("--plan", lab.write(SHOP)).out
    found = compare(load([folder.FOLDER]), GuestsHost())
    assert [str(step) for step in found.todo] == [] and not found.waiting


def alike(kept: OtherSandboxes) -> dict[str, object]:
    """What matters of it, in whichever order it was learned."""
    held = {at: sorted(ips) for at, ips in kept.leases.items() if ips}
    return {**vars(kept), "leases": held, "claims": sorted(kept.claims), "macs": sorted(kept.macs)}


def known(reader: KeptHost) -> None:
    assert alike(reader.host.others) == alike(others_of(GuestsHost().observe(skeleton())))


def test_what_is_kept_is_what_stands_after_many(shop, reader):
    before = shop.run("nft list ruleset").out
    add(shop, 0, reader)
    with near(reader):
        for number in range(1, 101):
            add(shop, number, reader)
        add(shop, 7, reader, "shop_back", "eth1")
        known(reader)
        for number in range(0, 100, 2):
            remove(shop, number, reader)
        known(reader)
    nothing_to_do(shop)
    with near(reader):
        for number in (0, 100, *range(1, 100, 2)):  # one of them has gone already
            remove(shop, number, reader)
        attending.part(guest(shop, 7), "eth1", reader)
    assert not [*folder.guests()] and shop.run("nft list ruleset").out == before
    assert not [name for name in reader.host.kept_links.known if name.startswith("cni-")]
    assert sum(map(len, reader.host.transcript.answers.values())) < 150  # of the last one, not of a hundred
    nothing_to_do_at_all(shop)


def nothing_to_do_at_all(lab: Lab) -> None:
    assert "Nothing to do." in lab.reconcile("--plan", lab.write(SHOP)).out
    assert not [name for name in lab.namespaces() if name.startswith("cni-")]


def test_what_others_change_between_two_is_seen(shop, reader):
    given = add(shop, 1, reader)
    add(shop, 2, reader)
    taken = (
        ("nft delete element inet reconciler publish4 { tcp . 9001 }", "publish4/tcp . 9001"),
        (f"nft delete element bridge reconciler ports {{ {given.end.host_link} }}", given.end.host_link),
        ("ip -n g1 -4 addr flush dev eth0", given.end.addresses[0][0]),
        (f"ip link set {given.end.host_link} nomaster", "link "),
        (f"ip link set {given.end.host_link} down", "link "),
        (f"ip link del {given.end.host_link}", "link "),
    )
    for command, key in taken:
        shop.run(command)
        with near(reader):
            with pytest.raises(NotConverged):
                attending.check(guest(shop, 1), "eth0", "", reader)
            assert any(key in one.key for one in compared(shop, reader)), command
            assert add(shop, 1, reader) == given
    nothing_to_do(shop)


def compared(lab: Lab, reader: KeptHost) -> list[Resource]:
    one = guest(lab, 1)
    with reader.locked(one) as host:
        found = attending.compared(one, folder.wish(folder.known(one) or one), host)
        host.keep(found.live)
    return [step.resource for step in found.todo]


def test_a_network_that_is_gone(shop, reader):
    add(shop, 1, reader)
    shop.run("ip link del br-shop-front")
    with pytest.raises(ReconcileError, match="shop_front"):
        add(shop, 2, reader)
    assert [one.id for one in folder.guests()] == ["id-1"]
    assert "eth0" not in shop.run("ip -n g2 link").out
    shop.apply(SHOP)
    add(shop, 2, reader)
    add(shop, 1, reader)
    nothing_to_do(shop)


def test_a_failing_one_leaves_nothing(shop, reader):
    add(shop, 1, reader)
    before = shop.run("nft list ruleset").out, sorted(shop.links())
    guest(shop, 2)
    shop.run("ip -n g2 link add eth0 type bridge")
    with pytest.raises(ReconcileError):
        add(shop, 2, reader)
    assert (shop.run("nft list ruleset").out, sorted(shop.links())) == before
    assert "bridge" in shop.run("ip -n g2 -d link show eth0").out
    assert [one.id for one in folder.guests()] == ["id-1"]
    with pytest.raises(ReconcileError, match="9001/tcp is taken"):
        attending.join(
            guest(shop, 3),
            GuestEnd(network="shop_front", ifname="eth0", ports=(GuestPort(target=80, published=9001),)),
            reader,
        )
    add(shop, 4, reader)
    known(reader)
    nothing_to_do(shop)


def test_who_takes_any_port_of_a_range_knows_who_has_one(shop, reader):
    add(shop, 0, reader)
    port = GuestPort(target=80, published=9100, last=9103)
    end = GuestEnd(network="shop_front", ifname="eth0", ports=(port,))
    with near(reader):
        for number in (1, 2, 3, 4):
            attending.join(guest(shop, number), end, reader)
    known(reader)
    assert {one.first for one in reader.host.others.claims} >= {9100, 9101, 9102, 9103}
    with pytest.raises(ReconcileError, match="no host port is free"):
        attending.join(guest(shop, 5), end, reader)
    nothing_to_do(shop)


def test_what_a_watcher_has_looked_at_again_is_what_it_sweeps(shop, reader):
    host = Linux()
    host.transcribe()
    seen: Change | None = compare(load([shop.write(SHOP)]), host)
    for happens in (add, remove, add, remove):
        happens(shop, 1, reader)
        dirty = Dirty(frozenset({"", guest(shop, 1).sandbox}))

        def at_rest(dirty: Dirty = dirty) -> bool:
            """Linux tells of a link's carrier up to a second late."""
            nonlocal seen
            seen = look_again(seen, dirty, seen.manifest, host)
            return bool(seen) and not seen.todo and host.moved(host.places_read()) == frozenset()

        until(at_rest, 5.0)


def test_few_guests_are_kept_without_a_look_at_all_others(shop, reader, monkeypatch):
    monkeypatch.setattr(keeping, "EACH", 0)  # however few there are
    keeper = Keeper(pytest.fail, lambda: True, reader)  # by itself it rests
    for number in (1, 2, 3):
        add(shop, number, reader)
    keeper.known = [*folder.guests()]
    monkeypatch.setattr(attending, "decided_all", pytest.fail)
    shop.run("ip -n g1 -4 addr flush dev eth0")
    shop.run("nft delete element inet reconciler publish4 { tcp . 9003 }")
    shop.run("ip netns del g2")
    with near(reader):
        keeper.round()
        assert {one.id for one in folder.guests()} == {"id-1", "id-3"}
        keeper.round()
    known(reader)
    nothing_to_do(shop)


def test_who_cannot_be_kept_by_himself_is_told_of(shop, reader, monkeypatch):
    monkeypatch.setattr(keeping, "EACH", 0)
    keeper = Keeper(pytest.fail, lambda: True, reader)
    add(shop, 1, reader)
    keeper.known = [*folder.guests()]
    shop.run("ip link del br-shop-front")
    with pytest.raises(ReconcileError, match="shop_front"):
        keeper.round()
    shop.apply(SHOP)
    keeper.round()
    assert keeper.known == [*folder.guests()]
    nothing_to_do(shop)


def test_two_at_once(shop, reader):
    add(shop, 0, reader)
    for number in (1, 2, 3, 4):
        guest(shop, number)
    with ThreadPoolExecutor(4) as pool:
        given = [*pool.map(lambda number: add(shop, number, reader), (1, 2, 3, 4))]
    assert len({ip for one in given for ip, _ in one.end.addresses}) == 8
    known(reader)
    nothing_to_do(shop)
