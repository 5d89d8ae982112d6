"""An address that another machine of the LAN has: it is asked for before ours announces it, and told."""

import os
import socket
from contextlib import suppress
from threading import Thread

import pytest

from reconciler.kernel.apply import claims
from reconciler.kernel.netlink.socket import open_socket
from tests.netns.frames import Sniffer, ip
from tests.netns.lab import REMOTE4, Lab
from tests.netns.watching import watching

TAKEN4, TAKEN6, FREE4, FREE6 = "198.51.100.77", "2001:db8:1::77", "198.51.100.78", "2001:db8:1::78"
NETWORKS = {
    "macvlan": "{driver: macvlan, parent: uplink, %s}",
    "port": "{parent: nic, %s}",
    "unmanaged": "{driver_opts: {mode: unmanaged, bridge_name: br0}, %s}",
}
IPAM = (
    "enable_ipv6: true, ipam: {config: [{subnet: 198.51.100.0/24, gateway: 198.51.100.2},"
    " {subnet: '2001:db8:1::/64', gateway: '2001:db8:1::2'}]}"
)


def stack(kind: str, four: str = FREE4, six: str = FREE6, name: str = "a") -> str:
    end = f"{{lan: {{ipv4_address: {four}, ipv6_address: '{six}'}}}}"
    networks, containers = f"{{lan: {NETWORKS[kind] % IPAM}}}", f"{{{name}: {{networks: {end}}}}}"
    return f"{{name: t, networks: {networks}, containers: {containers}}}"


@pytest.fixture(params=NETWORKS)
def lan(request: pytest.FixtureRequest, lab: Lab) -> tuple[Lab, str]:
    """R has the taken addresses; `nic` is another link to its segment, and br0 has one for a port."""
    lab.ip("addr add 198.51.100.77/24 dev eth0\naddr add 2001:db8:1::77/64 dev eth0 nodad", "R")
    link = {"macvlan": "", "port": "nic", "unmanaged": "nic"}[request.param]
    if link:
        lab.ip("link add seg type bridge\nlink set seg up\nlink set eth0 master seg", "R")
        lab.ip("addr flush dev eth0\naddr add 198.51.100.77/24 dev seg", "R")
        lab.ip("addr add 2001:db8:1::77/64 dev seg nodad\naddr add 198.51.100.2/24 dev seg", "R")
        lab.ip(f"link add nic type veth peer name far netns /proc/{os.getpid()}/fd/{lab.outside['R']}")
        lab.ip("link set far master seg\nlink set far up", "R")
        lab.ip("link set nic up")
    if request.param == "unmanaged":
        lab.ip("link add br0 type bridge\nlink set br0 up\nlink set nic master br0")
    return lab, request.param


@pytest.mark.parametrize(("four", "six", "taken"), [(TAKEN4, FREE6, TAKEN4), (FREE4, TAKEN6, TAKEN6)])
def test_what_another_machine_has_is_refused_and_named(
    lan: tuple[Lab, str], four: str, six: str, taken: str
) -> None:
    lab, kind = lan
    mac = lab.link("eth0" if kind == "macvlan" else "seg", "R")["address"]
    with Sniffer(lab, "R", "eth0" if kind == "macvlan" else "far") as heard:
        result = lab.try_apply(stack(kind, four, six))
    assert result.rc == 3 and f"{taken} is taken: a machine with the MAC {mac} answers for it" in result.err
    assert "sandbox t-a is left as it is" in result.err and lab.namespaces() == []
    assert not [
        f for f in heard.frames if f[12:14] == b"\x08\x06" and f[28:32] == ip(TAKEN4)
    ]  # nobody claimed it
    lab.apply(stack(kind))
    assert lab.ping("t-a", REMOTE4) and lab.planned(stack(kind)) == []


def test_a_sandbox_that_stands_keeps_what_it_has(lan: tuple[Lab, str]) -> None:
    lab, kind = lan
    lab.apply(stack(kind))
    result = lab.try_apply(stack(kind, TAKEN4))
    assert result.rc == 3 and f"{TAKEN4} is taken" in result.err
    assert lab.addresses("t-a") == [f"{FREE4}/24"]


def test_only_the_sandbox_that_wants_it_is_left_out_and_the_watcher_asks_again(lab: Lab) -> None:
    lab.ip("addr add 198.51.100.77/24 dev eth0", "R")
    end = "{networks: {lan: {ipv4_address: %s}}}"
    other, more = "web: {ports: ['8080:80']}", f"b: {end % FREE4}"
    text = f"{{name: t, networks: {{lan: {NETWORKS['macvlan'] % IPAM}}}, "
    text += f"containers: {{a: {end % TAKEN4}, {more}, {other}}}}}"
    with watching(lab, lab.write(text), sync=False) as watcher:
        watcher.until(lambda: lab.namespaces() == ["t-b", "t-web"])
        watcher.until(lambda: f"{TAKEN4} is taken" in watcher.log)
        assert lab.ping("t-b", REMOTE4) and "8080" in lab.rules()
        result = lab.try_apply(text)
        assert result.rc == 3 and "sandbox t-a is left" in result.err and "+" not in result.out, result
        lab.ip("addr del 198.51.100.77/24 dev eth0", "R")
        watcher.until(lambda: lab.namespaces() == ["t-a", "t-b", "t-web"])
        watcher.synced()
    assert lab.planned(text) == [] and lab.ping("t-a", REMOTE4)


def test_our_own_containers_may_have_it_from_each_other(lan: tuple[Lab, str]) -> None:
    """One is renamed, and the new one has the address of the old, which still answers."""
    lab, kind = lan
    lab.apply(stack(kind))
    lab.apply(stack(kind, name="b"))
    assert lab.addresses("t-b") == [f"{FREE4}/24"] and lab.ping("t-b", REMOTE4)


def test_who_answers_behind_a_tag_is_heard_behind_that_tag_alone(lab: Lab) -> None:
    """Somebody in R who has the address in VLAN 50, whoever asks for it; no 802.1Q link is needed to ask."""
    here = bytes.fromhex("0200000000aa")
    with lab.inside("R"):
        other = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        other.bind(("eth0", claims.EVERYTHING))
    claim = b"\x81\x00\0\x32\x08\x06" + bytes.fromhex("0001080006040002") + here + ip("10.50.0.77")

    def answer() -> None:
        with suppress(OSError):
            while True:
                frame, sender = other.recvfrom(2048)
                if sender[2] != claims.OUTGOING and frame[12:14] == b"\x08\x06":
                    other.send(frame[6:12] + here + claim + frame[6:12] + bytes(4))

    Thread(target=answer, daemon=True).start()
    with open_socket() as host:
        asked = [("uplink", tag, "10.50.0.77") for tag in (50, 60, 0)]
        assert claims.claimed(asked, host) == {("uplink", 50, "10.50.0.77"): here.hex(":")}
        assert claims.claimed(asked[1:], host) == {}
    other.close()
