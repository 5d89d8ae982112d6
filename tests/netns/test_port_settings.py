"""What somebody changes at the ports of bridges, and of what a bridge knows itself, is seen and put right."""

import pytest

from reconciler.core.plan import plan
from reconciler.core.reconcile import reconcile
from reconciler.core.resource import Resource, state
from reconciler.kernel.kinds.vxlan import TOLD
from reconciler.kernel.linux import Linux
from reconciler.kernel.observe.capabilities import Missing
from reconciler.kinds.bridge_port import BridgePort
from reconciler.kinds.link import Bridge, HandedVeth, Veth
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.overlay import Vxlan
from reconciler.kinds.ownership import HOST
from tests.netns.lab import HOST4, Lab
from tests.netns.samples import PAIR
from tests.netns.watching import until

BOX = Namespace(name="box", project="t")
INNER = Bridge(ns=HOST, name="br0", project="t", network="n", mac="02:00:00:00:00:01")
LAN = Bridge(ns=HOST, name="lan0", project="t", network="o", mac="02:00:00:00:00:02", outer=True)
PORTS: dict[str, Resource] = {
    "v0": Veth(ns="box", name="eth0", project="t", host_name="v0", mac="02:00:00:00:01:00", bridge="br0"),
    "v1": HandedVeth(ns="d", name="e", project="t", host_name="v1", mac="02:00:00:00:01:01", bridge="br0"),
    "vx0": Vxlan(
        ns=HOST, name="vx0", project="t", network="n", bridge="br0", vni=4097, local=HOST4, port=4789
    ),
    "uplink": BridgePort(link="uplink", bridge="lan0"),
}  # fmt: skip
SETTINGS = (
    "state 0", "state 1", "state 2", "guard on", "proxy_arp on", "mcast_flood off",
    "bcast_flood off", "neigh_suppress on", "locked on",
)  # fmt: skip
STATES = {"state 0": "state disabled", "state 1": "state listening", "state 2": "state learning"}


@pytest.mark.parametrize("link", PORTS)
def test_each_setting_of_each_kind_of_port(lab: Lab, link: str):
    """And what it is called; both are one step, and leave others alone."""
    if lack := Missing().get("vxlan" if link == "vx0" else ""):
        pytest.skip(lack)
    wanted = state(BOX, INNER, LAN, PORTS[link])
    reconcile(wanted, Linux())
    if link == "v1":
        lab.run("ip link set e up")
    until(lambda: port(lab, link)["state"] == "forwarding" and lab.link(link)["operstate"] != "DOWN")
    before = port(lab, link)
    own = TOLD if link == "vx0" else ()
    for setting in (one for one in SETTINGS if one.split()[0] not in own):
        tool = (
            "ip link set dev {} type bridge_slave {}" if "proxy" in setting else "bridge link set dev {} {}"
        )
        lab.run(tool.format(link, setting))
        [step] = plan(Linux().observe(wanted.values()), wanted)
        assert step.op == "~" and step.resource == PORTS[link], setting
        known = STATES.get(setting, setting)
        assert step.old.amiss == known
        reconcile(wanted, Linux())
        assert port(lab, link) == before, setting


def port(lab: Lab, link: str) -> dict[str, object]:
    """But for what runs down by itself."""
    found = lab.link(link)["linkinfo"]["info_slave_data"]
    return {name: value for name, value in found.items() if not name.endswith("_timer")}


def test_several_are_put_right_at_once_and_by_the_commands_that_are_told(lab: Lab):
    wanted = state(BOX, INNER, PORTS["v0"])
    reconcile(wanted, Linux())
    until(lambda: port(lab, "v0")["state"] == "forwarding")
    before = port(lab, "v0")
    lab.run("bridge link set dev v0 state 0 bcast_flood off locked on")
    [step] = plan(Linux().observe(wanted.values()), wanted)
    assert step.old.amiss == "bcast_flood off, locked on, state disabled"
    for command in step.resource.commands(step.old):
        lab.run(command, check=not command.startswith("ip -n"))
    assert port(lab, "v0") == before and not plan(Linux().observe(wanted.values()), wanted)


def test_a_port_that_carries_nothing_is_shut_by_itself(lab: Lab):
    wanted = state(BOX, INNER, PORTS["v1"])
    reconcile(wanted, Linux())
    assert port(lab, "v1")["state"] == "disabled"  # nobody has raised its other end
    assert not plan(Linux().observe(wanted.values()), wanted)


def test_on_a_bridge_of_somebody_elses_states_are_his(lab: Lab):
    """Who makes a port wait, as spanning tree does."""
    lab.ip("link add theirs type bridge stp_state 1\nlink set theirs up")
    one = Veth(ns="box", name="eth0", project="t", host_name="v0", mac="02:00:00:00:01:00", bridge="theirs")
    wanted = state(BOX, one)
    reconcile(wanted, Linux())
    assert port(lab, "v0")["state"] != "forwarding" and not plan(Linux().observe(wanted.values()), wanted)


@pytest.mark.parametrize(
    "command", ["fdb del {mac} dev {bridge} self", "fdb replace {mac} dev {port} master static"]
)
def test_a_bridge_that_forgot_its_own_mac_is_told(lab: Lab, command: str):
    lab.apply(PAIR)
    [end, _] = [link["ifname"] for link in lab.json("ip -j link") if link.get("master") == "br-t-front"]
    bridge, before = "br-t-front", lab.run("bridge fdb show br br-t-front").out
    lab.run(f"bridge {command}".format(mac=lab.link(bridge)["address"], bridge=bridge, port=end))
    assert not lab.ping("t-a", "10.91.0.1", 0.4)
    assert lab.planned(PAIR) == ["update link host/br-t-front"]
    lab.apply(PAIR)
    assert lab.planned(PAIR) == []
    assert sorted(lab.run("bridge fdb show br br-t-front").out.splitlines()) == sorted(before.splitlines())
    assert lab.ping("t-a", "10.91.0.1") and lab.ping("t-a", "fd91::1")
