"""Guests when something of theirs has gone, is illegible, or could not be done the first time."""

import pytest

from tests.netns.lab import Lab
from tests.netns.test_guests import GUESTS, SHOP, Answer, addresses, cni, guests, shop
from tests.netns.watching import until, watching

pytestmark = pytest.mark.long

__all__ = ["shop"]
WITHOUT_BACK = SHOP.replace(", back: {internal: true}", "")


def test_who_leaves_one_network_while_another_has_gone(shop: Lab) -> None:
    assert cni("ADD").rc == 0 and cni("ADD", ifname="eth1", network="shop_back").rc == 0
    assert cni("ADD", "two", ifname="eth1", network="shop_back").rc == 0
    gone = shop.write(WITHOUT_BACK)
    assert shop.reconcile("--apply", gone).rc == 0
    assert cni("DEL") == Answer(0, None) and "eth0" not in shop.links("one")
    with watching(shop, gone) as watcher:
        watcher.settled()
        shop.write(SHOP)
        until(lambda: "eth1" in shop.links("one") and addresses(shop, "one", "eth1"))
    for ns in ("one", "two"):
        assert cni("DEL", ns, ifname="eth1", network="shop_back") == Answer(0, None)
    assert guests(shop) == set() and shop.links("one") == ["lo"]


def test_who_leaves_one_network_after_another_when_his_namespace_has_gone(shop: Lab) -> None:
    back = {"network": "shop_back", "ifname": "eth1"}
    for ns in ("one", "two"):
        assert cni("ADD", ns).rc == 0 and cni("ADD", ns, **back).rc == 0
    shop.run("ip netns del one")
    assert cni("DEL", "", ident="id-of-one") == Answer(0, None) == cni("DEL", "", ident="id-of-one", **back)
    with watching(shop, shop.write(SHOP)) as watcher:
        watcher.settled()
        shop.run("ip netns del two")
        assert (
            cni("DEL", "", ident="id-of-two") == Answer(0, None) == cni("DEL", "", ident="id-of-two", **back)
        )
    assert guests(shop) == set() and not [*GUESTS.iterdir()]
    assert shop.planned(SHOP) == []


def test_who_has_no_file_any_more_leaves_all_the_same(shop: Lab) -> None:
    """As where it was lost after the first half of a DEL."""
    assert cni("ADD").rc == 0
    for file in GUESTS.iterdir():
        file.unlink()
    assert cni("DEL") == Answer(0, None) == cni("DEL")
    assert guests(shop) == set() and shop.links("one") == ["lo"]
    with watching(shop, shop.write(SHOP)) as watcher:
        watcher.settled()
        assert cni("ADD").rc == 0 and cni("ADD", "two").rc == 0
        for file in GUESTS.iterdir():
            file.write_text("{")
        assert cni("DEL") == Answer(0, None) and shop.links("one") == ["lo"]
        assert cni("DEL", "two") == Answer(0, None) and guests(shop) == set()


def test_whose_file_is_illegible_stands_and_holds_up_nobody(shop: Lab) -> None:
    for ns in ("one", "two"):
        assert cni("ADD", ns).rc == 0
    [bad, _] = sorted(GUESTS.iterdir())
    text = bad.read_text()
    ns, other = ("one", "two") if "netns/one" in text else ("two", "one")
    bad.write_text("{")
    (GUESTS / "nobody.yaml").write_text('{"name": "nobody", "containers": {"a": {"networks": ["none"]}}}')
    with watching(shop, shop.write(SHOP)) as watcher:
        watcher.until(lambda: f"project {bad.stem} waits" in watcher.log)
        shop.run(f"ip -n {other} link set eth0 down")
        shop.run(f"ip -n {ns} addr flush dev eth0 scope global")
        shop.run(f"ip netns del {other}")
        until(lambda: len(guests(shop)) == 1)
        assert "eth0" in shop.links(ns) and not addresses(shop, ns)
        bad.write_text(text)
        (GUESTS / "nobody.yaml").unlink()
        until(lambda: addresses(shop, ns))
    assert cni("DEL", ns) == Answer(0, None) and guests(shop) == set()


def test_two_who_want_one_port_hold_up_nobody_else(shop: Lab) -> None:
    """The second came while the first was without its network, say."""
    shop.run("ip netns add three")
    for ns, number in (("one", 8080), ("two", 8081), ("three", 8082)):
        assert (
            cni("ADD", ns, runtimeConfig={"portMappings": [{"hostPort": number, "containerPort": 80}]}).rc
            == 0
        )
    for file in GUESTS.iterdir():
        file.write_text(file.read_text().replace("8081", "8080"))
    with watching(shop, shop.write(SHOP)) as watcher:
        watcher.until(lambda: "8080/tcp" in watcher.log and "waits" in watcher.log)
        shop.run("ip netns del three")
        until(lambda: len(guests(shop)) == 2)
        assert addresses(shop, "one") and addresses(shop, "two")
    assert cni("DEL") == Answer(0, None) == cni("DEL", "two") and guests(shop) == set()


def test_nothing_is_done_while_the_watcher_is_suspended(shop: Lab) -> None:
    with watching(shop, shop.write(SHOP)) as watcher:
        watcher.settled()
        assert cni("ADD").rc == 0 and cni("ADD", "two").rc == 0
        watcher.synced()
        shop.succeed(shop.reconcile("--suspend"))
        shop.run("ip -n one addr flush dev eth0 scope global")
        shop.run("ip netns del two")
        assert cni("DEL", "", ident="id-of-none") == Answer(0, None)
        watcher.quiet(22)
        assert not addresses(shop, "one") and len([*GUESTS.iterdir()]) == 2
        shop.succeed(shop.reconcile("--resume"))
        until(lambda: addresses(shop, "one") and len(guests(shop)) == 1)
