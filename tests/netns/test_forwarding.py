"""IPv4 is forwarded if the link that it comes in by says so: of our links that is ours, of the host's it is
told."""

import pytest

from tests.netns.lab import HOST4, REMOTE4, Lab
from tests.netns.samples import WEB
from tests.netns.watching import EVENT, watching

ALL = "net/ipv4/conf/{}/forwarding"
LAN = "driver: macvlan, parent: uplink, host_access: 198.51.100.250"
SHIM = f"""
name: t
networks: {{n: {{{LAN}, ipam: {{config: [{{subnet: 198.51.100.0/24}}]}}}}, m: {{}}}}
containers: {{a: {{networks: {{n: {{ipv4_address: 198.51.100.10}}}}}}, b: {{networks: [m]}}}}
"""


@pytest.fixture
def hardened(lab: Lab) -> Lab:
    """A router whose new links are none."""
    lab.sysctl("net/ipv4/ip_forward", value=1)
    lab.sysctl(ALL.format("default"), value=0)
    return lab


def test_a_new_link_forwards_though_the_hosts_default_is_not_to(hardened):
    hardened.apply(WEB)
    assert hardened.planned(WEB) == []
    hardened.serve("t-web", 80)
    assert hardened.ask("R", HOST4, 8080)
    assert hardened.ping("t-web", REMOTE4)
    assert hardened.sysctl(ALL.format("default")) == "0"


def test_the_hosts_own_link_on_a_lan_forwards_what_is_answered_there(hardened):
    hardened.apply(SHIM)
    assert hardened.planned(SHIM) == []
    assert hardened.ping("t-b", "198.51.100.10")


def test_no_link_forwards_where_nothing_is_to_be_forwarded(lab):
    lab.apply("{name: t, networks: {n: {internal: true}}, containers: {a: {networks: [n]}}}")
    assert lab.sysctl(ALL.format("br-t-n")) == "0"


def test_an_uplink_that_does_not_forward_is_told(lab):
    lab.apply(WEB)
    lab.sysctl(ALL.format("uplink"), value=0)
    assert "net.ipv4.conf.uplink.forwarding is 0" in lab.plan(WEB).err
    assert lab.planned(WEB) == []
    lab.sysctl(ALL.format("uplink"), value=1)
    assert "forwarding is 0" not in lab.plan(WEB).err


@pytest.mark.parametrize("name", [ALL.format("br-t-n"), ALL.format("all"), "net/ipv4/ip_forward"])
def test_a_watcher_puts_it_right_at_once(lab, name):
    """As `sysctl --system` does it, link by link or for all of them."""
    lab.serve("R", 81)
    with watching(lab, lab.write(WEB)) as watcher:
        healed = watcher.status["drift"]["healed"]
        lab.sysctl(name, value=0)
        watcher.until(lambda: watcher.status["drift"]["healed"] > healed, EVENT)
        assert lab.sysctl(ALL.format("br-t-n")) == "1"
        watcher.synced()
    assert lab.ask("t-web", REMOTE4, 81)
