"""nftables on a real kernel: what is written reads back, and both happen whole or not at all."""

import errno
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest

from reconciler.core.plan import Step, plan
from reconciler.core.resource import Resource, State, state
from reconciler.drivers.firewall.elements import mark, skeleton
from reconciler.errors import KernelError, Unsupported
from reconciler.inventory.ownership import roots
from reconciler.kernel import nft
from reconciler.kernel.netlink import netfilter
from reconciler.kernel.nft import batch, library, wire
from reconciler.kernel.nft.write import execute
from reconciler.kinds.nft import Chain, Element, Map, Table
from tests.netns.lab import Lab
from tests.netns.namespaces import RULES

SHOP = "reconciler"
ITEMS = {
    "inet": [
        ("bridges", "br-shop-front", ""),
        ("bridges", "eth0.100", ""),
        ("same_network", "br-a . br-a", ""),
        ("routed", "br-a . ipv6", ""),
        ("unprotected", "br-a . ipv4", ""),
        ("subnets4", "10.1.0.0/24", ""),
        ("subnets4", "10.1.1.0/24", ""),
        ("subnets4", "10.1.2.1-10.1.2.6", ""),
        ("subnets4", "0.0.0.0/8", ""),
        ("subnets4", "192.0.2.7", ""),
        ("subnets4", "255.255.255.0/24", ""),
        ("subnets6", "fd00:1::/64", ""),
        ("subnets6", "fd00:2::5", ""),
        ("snat4", "10.1.0.0/24", "198.51.100.7"),
        ("snat4", "10.1.1.0/24", "198.51.100.8"),
        ("host_users6", "fd00:1::7", ""),
        ("reachable4", "10.1.0.2 . tcp . 80", ""),
        ("publish4", "tcp . 8080", "10.1.0.2 . 80"),
        ("publish4", "sctp . 65535", "10.1.0.2 . 1"),
        ("publish6", "udp . 53", "fd00:1::2 . 53"),
        ("publish_at4", "127.0.0.1 . tcp . 8081", "10.1.0.2 . 81"),
        ("publish_at6", "2001:db8::1 . tcp . 8081", "fd00:1::2 . 81"),
        ("publish4_range", "tcp . 9000-9063", "10.1.0.2"),
        ("publish4_range", "udp . 9000", "10.1.0.2"),
        ("publish_at6_range", "2001:db8::1 . udp . 9000-9010", "fd00:1::2"),
    ],
    "bridge": [
        ("ports", "rcabcdefghijklm", ""),
        ("own4", "rc1 . 02:42:0a:01:00:02 . 10.1.0.2", ""),
        ("own6", "rc1 . 02:42:0a:01:00:02 . 0xfd000001000000000000000000000002", ""),
        ("links6", "rc1 . 0x000102420a010002", ""),
        ("trunks", "rc1 . 02:42:0a:01:00:02 . 0x00140000", ""),
        ("held4", "rc1 . 10.1.0.0/24", ""),
        ("held6", "rc1 . 0xfd000001000000000000000000000000-0xfd00000100000000ffffffffffffffff", ""),
        ("held6", "rc1 . 0xfe000000000000000000000000000001", ""),
    ],
}


def element(map_: str, item: str, value: str = "", family: str = "inet", table: str = SHOP) -> Element:
    return Element(family=family, table=table, map=map_, item=item, value=value)


def project(name: str = "shop", root: str = "") -> State:
    """A project's whole firewall, with an element of every shape that a map of its can hold."""
    filled = [element(*item, family=family) for family in ITEMS for item in ITEMS[family]]
    return state(*skeleton(), *mark(name, root), *(replace(one, project=name) for one in filled))


def live(named: State | None = None) -> State:
    return state(*nft.read((named or {}).values()))


def become(wanted: State) -> None:
    execute(plan(live(wanted), wanted))


@pytest.fixture
def shop(lab: Lab) -> State:
    wanted = project()
    execute(plan({}, wanted))
    return wanted


# reading back


@pytest.mark.parametrize("root", ["", "/etc/reconciler", '/srv/a b/ü"};{', "/very/long" * 30])
def test_what_is_written_reads_back(lab: Lab, root: str) -> None:
    wanted = project(root=root)
    execute(plan({}, wanted))
    assert live(wanted) == wanted


def test_keys_without_a_skeleton_to_compare_read_alike_but_for_the_rules(shop: State) -> None:
    found = live()
    rules = {key for key in shop if found.get(key) != shop[key]}
    by_offset = {key for key, r in shop.items() if isinstance(r, Map) and "@" in r.type}
    assert rules == {key for key, r in shop.items() if isinstance(r, Chain)} | by_offset


def test_foreign_tables_are_not_read(lab: Lab) -> None:
    lab.nft("add table inet filter\nadd table ip reconciler-x\nadd table inet reconcilers")
    assert live() == {}


def test_from_any_state_to_any_other(shop: State) -> None:
    other = {
        key: replace(r, value="10.9.9.9 . 9")
        if isinstance(r, Element) and key.endswith("publish4/tcp . 8080")
        else r
        for key, r in shop.items()
        if "host_open" not in key and not key.endswith(("routed/br-a . ipv6", "10.1.1.0/24"))
    }
    other = {
        key: r for key, r in other.items() if not (isinstance(r, Chain) and "@host_open" in str(r.rules))
    }
    become(other)
    assert live(other) == other
    become(shop)
    assert live(shop) == shop
    become({})
    assert live() == {}


def test_replaced_in_one_transaction(shop: State) -> None:
    retyped = dict(shop)
    for key, r in shop.items():
        if isinstance(r, Map) and r.name == "bridges":
            retyped[key] = replace(r, type="ipv4_addr")
        elif isinstance(r, Element) and r.map == "bridges":
            del retyped[key]
        elif isinstance(r, Chain) and "@bridges" in str(r.rules):
            retyped[key] = replace(r, rules=(), hook=r.hook and HOOK)
    wanted = {**retyped, **state(element("bridges", "10.0.0.1"))}
    become(wanted)
    assert live(wanted) == wanted


def test_thousands_of_elements(lab: Lab) -> None:
    """More than one message each way, and more than a user namespace lets libnftables send by default."""
    many = [element("publish4", f"tcp . {n}", f"10.1.{n >> 8}.{n & 255} . 80") for n in range(1, 12001)]
    wanted = state(*skeleton(), *many)
    execute(plan({}, wanted))
    assert live(wanted) == wanted


def test_projects_and_their_roots(shop: State) -> None:
    execute(plan(live(shop), {**shop, **state(*mark("blog", "/srv/b log"))}))
    assert roots(live()) == {"shop": "", "blog": "/srv/b log"}


WHOSE = [("", ""), ("shop", ""), ("b_2.x-y", ""), ("p" * 63, "/srv/a b/ü"), ("shop", "/etc/reconciler")]


def test_elements_bear_their_project(lab: Lab) -> None:
    """In the table of all projects; as many lengths of comments as words in one map."""
    parts = list(skeleton())
    filled = [
        replace(element(*item, family=family, table="reconciler"), project=project, root=root)
        for family in ITEMS
        for item, (project, root) in zip(ITEMS[family], cycle(WHOSE), strict=False)
    ]
    many = [
        Element(
            family="inet", table="reconciler", map="reachable4", item=f"10.1.0.2 . udp . {n}", project=project
        )
        for n, (project, _) in zip(range(1, 500), cycle(WHOSE), strict=False)
    ]
    wanted = state(*parts, *filled, *many)
    become(wanted)
    assert live(wanted) == wanted
    moved = {
        key: replace(r, project="b", root="") if isinstance(r, Element) else r for key, r in wanted.items()
    }
    become(moved)
    assert live(moved) == moved
    become({})
    assert live() == {}


def test_comments_of_others_are_read_as_they_are(lab: Lab, shop: State) -> None:
    for n, comment in enumerate(("so", "my own  note", "%41%", "é", "", "x" * 128)):
        lab.nft(f'add element inet reconciler bridges {{ "hand{n}" comment "{comment}" }}')
    found = (live()[Element.at("inet", SHOP, "bridges", f"hand{n}")] for n in range(6))
    told = [(r.project, r.root) for r in found if isinstance(r, Element)]
    assert told == [("so", ""), ("my", "own"), ("A%", ""), ("é", ""), ("", ""), ("x" * 128, "")]


# rules


def chain(name: str, *rules: str, hook: str = "") -> Chain:
    return Chain(family="inet", table=SHOP, name=name, hook=hook, rules=rules)


def differing(wanted: State) -> set[str]:
    found = live(wanted)
    return {key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)}


@pytest.mark.parametrize(
    "edit",
    [
        "add rule inet reconciler forward accept",
        "insert rule inet reconciler forward accept",
        'add rule inet reconciler forward iifname "x" drop comment "mine"',
        "flush chain inet reconciler forward",
        "add chain inet reconciler forward { policy drop; }",
    ],
)
def test_a_chain_edited_by_hand_differs_and_heals(lab: Lab, shop: State, edit: str) -> None:
    lab.nft(edit)
    assert differing(shop) == {"chain inet/reconciler/forward"}
    become(shop)
    assert live(shop) == shop


def test_a_deleted_rule_differs(lab: Lab, shop: State) -> None:
    listing = lab.run("nft -a list chain inet reconciler to_host").out
    handle = next(line.split()[-1] for line in listing.splitlines() if line.strip().startswith("drop"))
    lab.nft(f"delete rule inet reconciler to_host handle {handle}")
    assert differing(shop) == {"chain inet/reconciler/to_host"}


def test_what_was_added_by_hand_goes(lab: Lab, shop: State) -> None:
    lab.nft(
        "add set inet reconciler odd { type mark; elements = { 7 } }\n"
        "add set inet reconciler odder { type ct_state; elements = { new } }\n"
        "add map inet reconciler jumps { type ipv4_addr : verdict; elements = { 1.1.1.1 : drop } }\n"
        "add chain inet reconciler mine\n"
        "add rule inet reconciler mine ip saddr vmap @jumps\n"
        'add element inet reconciler bridges { "by-hand" comment "so" }\n'
    )
    names = {"map inet/reconciler/odd", "element inet/reconciler/bridges/by-hand"}
    assert names < differing(shop)
    become(shop)
    assert live(shop) == shop


def test_a_flush_leaves_nothing(lab: Lab, shop: State) -> None:
    lab.nft("flush ruleset")
    assert live(shop) == {}
    become(shop)
    assert live(shop) == shop


def test_counters_and_anonymous_sets_do_not_make_a_difference(lab: Lab) -> None:
    hook = "type filter hook output priority 0; policy accept;"
    rules = ("tcp dport { 22, 80, 443 } counter accept", "ip daddr { 10.0.0.0/8, 1.2.3.4 } counter drop")
    wanted = state(
        Table(family="inet", name=SHOP),
        chain("a", *rules, "counter", hook=hook),
        chain("b", "jump c"),
        chain("c"),
    )
    lab.nft("table inet reconciler { chain z { udp dport { 1, 2 } drop; }\n }")
    lab.nft("add table inet reconciler { }")
    become(wanted)
    assert lab.ping("", "127.0.0.1")
    assert live(wanted) == wanted
    lab.nft("flush chain inet reconciler a")
    lab.nft(f"add rule inet reconciler a {rules[0].replace('443', '444')}")
    lab.nft(f"add rule inet reconciler a {rules[1]}\nadd rule inet reconciler a counter")
    assert differing(wanted) == {"chain inet/reconciler/a"}


def test_others_rules_in_a_table_of_ours_do_not_make_ours_differ(lab: Lab, shop: State) -> None:
    lab.nft("add chain inet reconciler mine\nadd rule inet reconciler mine tcp dport { 1, 2 } accept")
    assert differing(shop) == {"chain inet/reconciler/mine"}


def test_a_past_of_somebody_else_s_making_can_be_named(lab: Lab, shop: State) -> None:
    lab.nft(
        "add set inet reconciler odder { type ct_state; }\n"
        "add chain inet reconciler entry { type filter hook ingress device lo priority 0; }\n"
        "add rule inet reconciler publish accept\n"
        "flush chain inet reconciler local"
    )
    past = live(shop)
    assert past["chain inet/reconciler/inbound"] == shop["chain inet/reconciler/inbound"]
    assert live({**shop, **past}) == past


def test_rules_that_cannot_be_loaded_stand_nowhere(shop: State) -> None:
    whole = shop["chain inet/reconciler/local"]
    assert isinstance(whole, Chain)
    broken = replace(whole, rules=("no such words",))
    stands = live({**shop, broken.key: broken})[broken.key]
    assert isinstance(stands, Chain) and stands.rules != broken.rules


BY_HAND = """
add set inet reconciler mine { type ipv4_addr; flags interval; }
add set inet reconciler sent4 { type ipv4_addr . inet_proto . inet_service; size 65535; flags dynamic; }
add chain inet reconciler own { type filter hook input priority 7; policy accept; }
add chain inet reconciler beyond
add rule inet reconciler beyond tcp dport { 22, 80-90 } counter accept comment "so"
add rule inet reconciler own ip saddr @mine meta l4proto vmap { tcp : jump beyond, udp : drop }
add rule inet reconciler own limit rate 3/second burst 5 packets log prefix "x" counter
add rule inet reconciler own ip daddr . tcp dport { 127.0.0.1 . 1-3, 10.0.0.0/8 . 9 } goto beyond
add rule inet reconciler beyond update @sent4 { ip saddr . meta l4proto . th sport counter }
add rule inet reconciler forward meta mark set ip saddr map { 10.0.0.1 : 7, 10.0.0.2 : 9 }
flush chain inet reconciler local
"""


def listed(lab: Lab) -> str:
    """The ruleset as nft prints it, less what was counted."""
    return re.sub(r"packets \d+ bytes \d+", "packets 0 bytes 0", lab.run("nft list ruleset").out)


def test_a_chain_whose_text_nobody_knows_is_written_back(lab: Lab, shop: State) -> None:
    """Word for word, with the sets and the chains that it asks: the kernel's own bytes are sent again."""
    lab.nft(BY_HAND)
    assert lab.ping("", "127.0.0.1")
    past, said = live(shop), listed(lab)
    own = past["chain inet/reconciler/own"]
    assert isinstance(own, Chain)
    assert (own.looks_up, own.jumps_to) == (["mine"], ["beyond"])
    become(shop)
    assert live(shop) == shop
    execute(plan(live({**shop, **past}), past))
    assert live({**shop, **past}) == past
    assert sorted(listed(lab).splitlines()) == sorted(said.splitlines())


def test_a_chain_of_which_nothing_is_known_is_left_alone(lab: Lab, shop: State) -> None:
    """As one of a saved state is; the reading afterwards names it."""
    lab.nft("add rule inet reconciler forward accept")
    past = {key: replace(r, code=None) if isinstance(r, Chain) else r for key, r in live(shop).items()}
    become(shop)
    execute(plan(live(shop), past))
    assert live(shop) == shop


def test_a_skeleton_is_compiled_once(shop: State, monkeypatch: pytest.MonkeyPatch) -> None:
    live(shop)
    assert RULES.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(library, "in_child", lambda work: pytest.fail("loaded again"))
    assert live(shop) == shop


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"forward": 7}', b"\xff\0"])
def test_the_cache_may_be_lost_or_broken(shop: State, content: bytes | None) -> None:
    live(shop)
    RULES.unlink() if content is None else RULES.write_bytes(content)
    assert live(shop) == shop
    assert live(shop) == shop


# writing


@pytest.mark.parametrize(
    ("bad", "number"),
    [
        (element("publish4", "tcp . 8080", "10.1.0.3 . 80"), errno.EEXIST),
        (element("nowhere", "tcp . 8080"), errno.EINVAL),
        (element("subnets4", "10.1.0.0/25"), errno.EEXIST),
        (chain("extra", "jump nowhere"), errno.ENOENT),
        (chain("extra", "ip saddr @nowhere drop"), errno.ENOENT),
        (chain("extra", "no such words"), 0),
    ],
)
def test_one_bad_step_applies_nothing(shop: State, bad: Resource, number: int) -> None:
    before = live(shop)
    good, also = (
        [Step("+", element("publish4", f"tcp . {n}{end}", "10.1.0.2 . 80")) for n in range(1, 50)]
        for end in ("", "1")
    )
    with pytest.raises(KernelError) as caught:
        execute([*good, Step("+", bad), *also])
    assert caught.value.number in (number, 0)
    assert bad.key in caught.value.step, caught.value
    assert "\n" not in str(caught.value)
    assert live(shop) == before


def test_a_deletion_of_what_is_gone_names_its_step(lab: Lab, shop: State) -> None:
    lab.nft("delete element inet reconciler publish4 { tcp . 8080 }")
    gone = [Step("-", r) for r in shop.values() if isinstance(r, Element) and r.map == "publish4"]
    with pytest.raises(KernelError, match="No such file or directory") as caught:
        execute(gone)
    assert "tcp . 8080" in caught.value.step and caught.value.number == errno.ENOENT


EVIL = [
    "x; flush ruleset",
    "x } ; flush ruleset ; {",
    'x"',
    "x\nflush ruleset",
    "x\\",
    "x # y",
    "$x",
    "x'",
    "x\0",
    "é",
    "",
]
HOOK = "type filter hook input priority 0; policy accept;"


def injections() -> Iterator[Resource]:
    for evil in EVIL:
        yield Table(family="inet", name=f"reconciler-{evil}" if evil else "")
        yield Table(family=f"inet {evil}", name=SHOP)
        yield Map(family="inet", table=SHOP, name=evil, type="ipv4_addr")
        yield Map(family="inet", table=SHOP, name="m", type=f"ipv4_addr{evil}" if evil else "")
        yield chain(evil)
        yield chain("c", hook=f"{HOOK}{evil}" if evil else " ")
        yield chain("c", f"accept {evil}" if evil else "")
        for map_ in ("bridges", "publish4", "subnets4", "own4"):
            yield element(map_, evil, "10.1.0.2 . 80" if map_ == "publish4" else "")
        yield element("publish4", "tcp . 80", evil)
        yield element("publish4", f"tcp . {evil}", "10.1.0.2 . 80")
        yield element(evil, "tcp . 80")
        yield element("bridges", "br", table=evil)


def test_nothing_unexpected_enters_the_text(shop: State) -> None:
    for evil in injections():
        with pytest.raises(KernelError, match="not in normal form"):
            execute([Step("+", evil)])
            pytest.fail(f"accepted: {evil}")
        if not isinstance(evil, Map | Chain | Element):
            with pytest.raises(KernelError, match="not in normal form"):
                execute([Step("-", evil)])
    assert live(shop) == shop


# what may go wrong on the way


def killed(number: int) -> Callable[[str], Any]:
    return lambda text: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (killed(signal.SIGKILL), "died of SIGKILL"),
        (killed(signal.SIGSEGV), "died of SIGSEGV"),
        (lambda text: os.abort(), "died of SIGABRT"),
        (lambda text: os._exit(3), "ended with status 3"),
        (lambda text: 1 / 0, "ended with status 1: ZeroDivisionError"),
        (lambda text: (True, ""), "ended with status 1: KeyError"),
    ],
)
def test_a_library_that_dies_is_an_error(
    shop: State, monkeypatch: pytest.MonkeyPatch, run: Callable[[str], Any], words: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(library, "run", run)
        with pytest.raises(KernelError, match=words):
            execute([Step("+", chain("extra", "counter"))])
    assert live(shop) == shop


def test_what_the_kernel_does_not_confirm_is_an_error(shop: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "complaints", lambda channel: iter(()))
    with pytest.raises(KernelError, match="does not say"):
        execute([Step("+", chain("extra"))])


def test_either_binding_does(shop: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "DISTRIBUTION", "/nowhere")
    library.binding.cache_clear()
    try:
        assert library.binding().__name__ == "nftables"
        with pytest.raises(KernelError, match="syntax error"):
            execute([Step("+", chain("extra", "no such words"))])
        extra = chain("extra", "counter")
        become({**shop, extra.key: extra})
        assert live({**shop, extra.key: extra})[extra.key] == extra
    finally:
        library.binding.cache_clear()


def test_without_the_library(shop: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for nothing but what was never compiled."""
    monkeypatch.setattr(library, "LIBRARY", "libnowhere.so.1")
    library.binding.cache_clear()
    try:
        with pytest.raises(Unsupported, match="libnftables1 and python3-nftables"):
            execute([Step("+", chain("extra", "meta mark 77 counter"))])
        become({})
        become(shop)
        assert live(shop) == shop
    finally:
        library.binding.cache_clear()


def overrun(data: bytes) -> tuple[bytes, int]:
    raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))


class Faulty(socket.socket):
    """A socket whose datagram number `at`, and every one after it with `sticky`, does not arrive whole."""

    at, sticky, count = 0, False, 0
    fault = staticmethod(overrun)

    def recvmsg(self, *arguments: Any) -> Any:
        data, ancillary, flags, address = super().recvmsg(*arguments)
        Faulty.count += 1
        if Faulty.count == Faulty.at or (Faulty.sticky and Faulty.count >= Faulty.at):
            data, flags = Faulty.fault(data)
        return data, ancillary, flags, address


def interrupted(data: bytes) -> tuple[bytes, int]:
    return data[:6] + (int.from_bytes(data[6:8], "little") | 0x10).to_bytes(2, "little") + data[8:], 0


FAULTS: dict[str, Callable[[bytes], tuple[bytes, int]]] = {
    "ENOBUFS": overrun,
    "MSG_TRUNC": lambda data: (data[: len(data) // 8 * 4], socket.MSG_TRUNC),
    "DUMP_INTR": interrupted,
}


def test_a_reading_is_whole_or_an_error(shop: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever datagram is hurt, once and from there on; the faults take turns."""
    monkeypatch.setattr(netfilter.socket, "socket", Faulty)
    monkeypatch.setattr(wire.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(Faulty, "at", 0)
    monkeypatch.setattr(Faulty, "count", 0)
    assert live(shop) == shop
    datagrams = Faulty.count
    assert datagrams > 40
    for at, fault in zip(range(1, datagrams + 1), cycle(FAULTS.values()), strict=False):
        monkeypatch.setattr(Faulty, "fault", staticmethod(fault))
        for sticky in (False, True):
            Faulty.at, Faulty.sticky, Faulty.count = at, sticky, 0
            if sticky:
                with pytest.raises(KernelError):
                    live(shop)
            else:
                assert live(shop) == shop
    Faulty.sticky = False


@pytest.mark.parametrize("changes", [1, 3, 1000])
def test_a_ruleset_that_moves_is_read_again(
    lab: Lab, shop: State, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    """Somebody changes a foreign table between two dumps of one reading."""
    left, asked = [changes], []
    true = wire.RulesetReading.ask

    def ask(self: wire.RulesetReading, kind: int, *arguments: Any, **options: Any) -> list[Any]:
        asked.append(kind)
        if kind == wire.GETSETELEM and left[0]:
            left[0] -= 1
            lab.nft(f"add table ip foreign{left[0]}")
        return true(self, kind, *arguments, **options)

    live(shop)
    monkeypatch.setattr(wire.RulesetReading, "ask", ask)
    if changes < 1000:
        assert live(shop) == shop
        assert asked.count(wire.GETTABLE) == changes + 1
    else:
        with pytest.raises(KernelError, match="no whole reading"):
            live(shop)


# other people's firewalls


def blockers(lab: Lab, text: str) -> set[tuple[str, ...]]:
    lab.nft("flush ruleset\n" + text)
    return {tuple(blocker)[:5] for blocker in nft.blockers()}


UFW = """
table ip filter {
  chain ufw-before-forward { %s
    ct state related,established accept
  }
  chain FORWARD { type filter hook forward priority filter; policy drop;
    counter jump ufw-before-forward
    iifname "x" jump other
  }
  chain INPUT { type filter hook input priority filter; policy drop;
    ct state related,established accept
  }
  chain OUTPUT { type filter hook output priority filter; policy drop;
  }
  chain other { ct status dnat accept
  }
}
"""
FIREWALLD = """
table inet firewalld {
  chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    jump filter_FORWARD_POLICIES
    ct state invalid drop
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD_POLICIES { iifname "eth0" accept
  }
}
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", set()),
        (
            UFW % "",
            {("ip", "filter", "FORWARD", "forward", False), ("ip", "filter", "INPUT", "input", False)},
        ),
        (
            UFW % "ct status dnat counter accept",
            {("ip", "filter", "FORWARD", "forward", True), ("ip", "filter", "INPUT", "input", False)},
        ),
        (FIREWALLD, {("inet", "firewalld", "filter_FORWARD", "forward", True)}),
        (FIREWALLD.replace("ct status dnat accept", 'ct status dnat oifname "x" accept'),
         {("inet", "firewalld", "filter_FORWARD", "forward", False)}),
        (FIREWALLD.replace("ct status dnat accept", "ct status snat accept"),
         {("inet", "firewalld", "filter_FORWARD", "forward", False)}),
        (FIREWALLD.replace("ct status dnat accept", "accept"), set()),
        (FIREWALLD.replace("reject with icmpx admin-prohibited", "tcp dport 1 drop"), set()),
        ("table bridge t {\n chain f { type filter hook forward priority 0; policy drop;\n }\n}", set()),
        (FIREWALLD.replace("firewalld", "reconciler"), set()),
    ],
)  # fmt: skip
def test_blockers(lab: Lab, text: str, found: set[tuple[str, ...]]) -> None:
    assert blockers(lab, text) == found


def test_blockers_through_jumps(lab: Lab) -> None:
    text = """
    table ip6 t {
      chain reject_all { counter log prefix "x" drop
      }
      chain loop { jump loop2
      }
      chain loop2 { ip6 daddr ::1 accept
      }
      chain base { type filter hook forward priority 5; policy accept;
        jump loop
        goto reject_all
        accept
      }
      chain nat { type nat hook input priority 5; policy drop;
      }
    }"""
    assert blockers(lab, text) == {("ip6", "t", "base", "forward", False)}
