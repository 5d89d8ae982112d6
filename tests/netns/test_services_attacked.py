"""Services, and who is root in a client or beside it: whatever he does is his own trouble."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.kernel.kinds import balancer
from reconciler.kernel.netlink.conntrack import Behind
from reconciler.kernel.nft import batch, sandbox
from reconciler.kinds.balancer import TABLE, Balancer, Server, contents, in_intervals, skeleton
from reconciler.kinds.ownership import WHOLE
from tests.netns.lab import Lab
from tests.netns.test_services import answer, connected, serve, shop, vip
from tests.netns.watching import until

OTHERS = "{name: o, networks: {m: }, services: {w: {networks: [m], scale: 2}, q: {networks: [m]}}}"
MAPS = {  # by what is odd about them, of our names
    "type": ("backends4", "map", "ipv4_addr . ifname : ipv4_addr;", "10.0.0.1 . eth0 : 10.0.0.2"),
    "intervals": (
        "backends4",
        "map",
        "ipv4_addr . ipv4_addr : ipv4_addr; flags interval;",
        "10.0.0.1 . 10.0.0.0/8 : 10.0.0.2",
    ),
    "verdicts": ("quiesced4", "map", "ipv4_addr . ipv4_addr : verdict;", "10.0.0.1 . 1.1.1.1 : accept"),
    "comment": ("servers4", "set", "ipv4_addr;", '1.2.3.4 comment "x y"'),
}
OTHER_TABLES = "; ".join(f"add table {family} reconciler" for family in ("ip", "bridge", "netdev"))
CHURN = "nft add table inet x; yes 'add chain inet x y; delete chain inet x y' | nft -i >/dev/null 2>&1"


def stand(lab: Lab, count: int = 2) -> None:
    lab.write(shop(), "both/t.yaml")
    lab.write(OTHERS.replace("scale: 2", f"scale: {count}"), "both/o.yaml")


def both(lab: Lab, mode: str, *more: str):
    return lab.reconcile(mode, *more, lab.files / "both")


@pytest.fixture
def stood(lab: Lab) -> Lab:
    stand(lab)
    lab.succeed(both(lab, "--apply"))
    return lab


@pytest.mark.parametrize("odd", MAPS)
def test_maps_of_our_names_that_hold_anything_are_put_right(stood, odd):
    name, kind, types, item = MAPS[odd]
    made = f"add table inet reconciler; add {kind} inet reconciler {name} {{ type {types} }}; "
    stood.run(["nft", f"flush ruleset; {made}add element inet reconciler {name} {{ {item} }}"], "t-k-1")
    stood.run("nft delete table inet reconciler", "o-q-1")
    wanted = {"update balancer t-k-1", "create balancer o-q-1"}
    assert {*stood.succeed(both(stood, "--plan", "-o", "json")).steps} == wanted
    stood.succeed(both(stood, "--apply"))
    assert both(stood, "--plan").out == "Nothing to do.\n"


def test_open_connections_outlive_a_table_that_is_made_anew(stood):
    serve(stood, 1, 2, 3)
    held = [connected(stood, address) for address in (vip(), vip(family=6)) for _ in range(4)]
    stood.run("nft add chain inet reconciler another", "t-k-1")
    assert stood.succeed(both(stood, "--plan", "-o", "json")).steps == ["update balancer t-k-1"]
    stood.succeed(both(stood, "--apply"))
    assert all(one.goes_on() for one in held)


def test_of_intervals_nobody_works_out_the_many_numbers_that_they_would_be(stood, monkeypatch):
    """Of a few thousand, which one command writes, there were millions."""
    third = WHOLE // 3
    one = ("10.0.0.1", False, (("10.0.0.2", third), ("10.0.0.3", WHOLE - third)))
    sticky = ("10.0.0.9", True, one[2])
    with stood.inside("t-k-1"):
        sandbox.commit(sandbox.replacement(TABLE, [*skeleton([sticky]), *in_intervals(one)]))
        found = sandbox.look()
        monkeypatch.delattr(balancer, "contents")
        assert balancer.said_by(found) is None


def test_what_stands_for_any_address_is_put_right(stood):
    stood.run(["nft", "add element inet reconciler servers4 { * }"], "t-k-1")
    assert stood.succeed(both(stood, "--plan", "-o", "json")).steps == ["update balancer t-k-1"]
    stood.succeed(both(stood, "--apply"))
    assert both(stood, "--plan").out == "Nothing to do.\n"


def test_a_table_is_read_again_where_something_has_changed_alone(stood):
    with stood.inside("t-k-1"):
        first = sandbox.look()
        assert sandbox.look() is first
    stood.run("nft flush chain inet reconciler connect", "t-k-1")
    with stood.inside("t-k-1"):
        assert sandbox.look().said != first.said


def test_other_tables_of_our_name_are_his_own(stood):
    stood.run(["nft", OTHER_TABLES], "t-k-1")
    assert both(stood, "--plan").out == "Nothing to do.\n"


def test_who_keeps_the_table_to_himself_is_told_alone(stood):
    table = "delete table inet reconciler\nadd table inet reconciler { flags owner; }\n"
    with stood.inside("t-k-1"):
        owner = subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, text=True)
    assert owner.stdin
    print(table, file=owner.stdin, flush=True)
    until(lambda: "owner" in stood.run("nft list ruleset", "t-k-1").out)
    stand(stood, count=3)
    result = both(stood, "--apply")
    assert result.rc == 3 and "sandbox t-k-1 is left as it is" in result.err and "flags owner" in result.err
    assert {*stood.succeed(both(stood, "--plan", "-o", "json")).steps} == {"update balancer t-k-1"}
    owner.kill()
    owner.wait()
    stood.succeed(both(stood, "--apply"))


def test_what_never_stands_still_holds_up_nobody(stood):
    with churning(stood, "t-k-1"):
        stood.run("nft delete table inet reconciler", "o-q-1")
        stand(stood, count=3)
        both(stood, "--apply")
        assert stood.reconcile("--plan", "--project", "o", stood.files / "both").out == "Nothing to do.\n"
    stood.succeed(both(stood, "--apply"))


@contextmanager
def churning(lab: Lab, ns: str) -> Iterator[None]:
    with lab.inside(ns):
        made = subprocess.Popen(["sh", "-c", CHURN], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(made.pid, signal.SIGKILL)
        made.wait()


def test_who_holds_more_connections_than_anybody_reads_is_left_some(stood, monkeypatch):
    monkeypatch.setattr(Behind, "most", 20)
    serve(stood, 1, 2, 3)
    with stood.inside("t-k-1"):
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(300)]
    before = len([sock for sock in socks if answer(sock, vip()).startswith("t-web-3 ")])
    stood.write(shop(2), "both/t.yaml")
    stood.succeed(both(stood, "--apply"))
    kept = stood.run(f"conntrack -L -p udp --orig-dst {vip()}", "t-k-1").out.count("udp")
    assert before > 40 and kept == len(socks) - 20
    for sock in socks:
        sock.close()


def test_what_is_longer_than_one_transaction_is_several(stood, monkeypatch):
    """In a user namespace, where nobody may force more room."""
    monkeypatch.setattr(batch, "ROOM", 40_000)
    few, many = (serving(count) for count in (3, 1800))
    with stood.inside("t-k-1"):
        for old, new in ((many, few), (few, many), (many, few)):
            likely = sandbox.change(contents(old), contents(new))
            balancer.carry_out(Balancer(ns="t-k-1", servers=old), likely, balancer.anew(new))
            assert balancer.meaning(sandbox.look()) == new
    assert len(balancer.anew(many).data) > 2 * 40_000


def serving(count: int) -> tuple[Server, ...]:
    backends = sorted((f"10.1.{n >> 8}.{n & 255}", 10) for n in range(count))
    return (("10.0.0.1", False, tuple(backends)),)
