"""Links of ours whose group somebody has changed, and links of somebody else's that look like them."""

import socket
from pathlib import Path

import pytest

from reconciler.core.plan import plan
from reconciler.core.reconcile import reconcile
from reconciler.core.resource import Resource, state
from reconciler.kernel.linux import Linux
from reconciler.kernel.observe.capabilities import Missing
from reconciler.kinds import names
from reconciler.kinds.link import Bridge, HandedVeth, Link, Veth
from reconciler.kinds.namespace import Namespace
from reconciler.kinds.overlay import Vxlan
from reconciler.kinds.ownership import GROUP, HOST, OUTER
from reconciler.kinds.shaping import Ifb
from reconciler.kinds.stacked_link import Dummy, Ipvlan, Macvlan, Vlan
from tests.netns.lab import HOST4, Lab
from tests.netns.samples import WEB, network
from tests.netns.watching import EVENT, watching

MACHINE = Path("/etc/machine-id").read_text().strip() if Path("/etc/machine-id").exists() else ""
IDENT = names.network_id("t_n", MACHINE)
NETWORK = {"ns": HOST, "project": "t", "network": "t_n"}
BOX = Namespace(name="t-a", project="t")
BRIDGE = Bridge(name="br-t-n", mac="02:00:00:00:01:01", **NETWORK)
PAIR = Veth(
    ns="t-a", name="eth0", project="t", host_name=names.host_end("t-a", "eth0"), mac="02:00:00:00:01:02"
)
HANDED = HandedVeth(
    ns="d-1", name="vd1", project="t", host_name=names.host_end("d-1", "vd1"), mac="02:00:00:00:01:03"
)
EACH = {
    "bridge": BRIDGE,
    "bridge with a name that is written": Bridge(name="br0", mac=names.mac(IDENT, "bridge"), **NETWORK),
    "bridge on a LAN": Bridge(
        name="br0", mac=names.mac_on_lan(IDENT, "bridge", ""), outer=True, **NETWORK
    ),
    "pair": PAIR,
    "port": Veth(**{**PAIR.values(), "bridge": BRIDGE.name, "mtus_differ": False}),
    "pair without a bridge": Veth(
        **{**PAIR.values(), "host_name": names.host_end("t-a", "eth0", bridged=False)}
    ),
    "handed": HANDED,
    "ifb": Ifb(
        ns=HOST, name=names.beside(PAIR.host_name), project="t", sandbox="t-a", end="eth0"
    ),
    "vxlan": Vxlan(
        name=names.network_link("vxlan", names.network_id("t_n")), bridge=BRIDGE.name, vni=4097,
        local=HOST4, port=4789, **NETWORK,
    ),
    "macvlan": Macvlan(
        name=names.network_link("macvlan", IDENT), parent="uplink", mode="bridge", mac="02:00:00:00:01:04",
        **NETWORK,
    ),
    "ipvlan": Ipvlan(name=names.network_link("ipvlan", IDENT), parent="uplink", mode="l2", **NETWORK),
    "dummy": Dummy(name=names.network_link("dummy", IDENT), **NETWORK),
    "vlan": Vlan(ns=HOST, name="uplink.7", parent="uplink", tag=7),
}  # fmt: skip


@pytest.mark.parametrize("group", [0, 7, OUTER])
@pytest.mark.parametrize("what", EACH)
def test_each_kind_of_link_is_known_again(lab: Lab, what: str, group: int):
    """And its group is all that a plan changes."""
    if lack := Missing().get(what):
        pytest.skip(lack)
    link = EACH[what]
    if group == OUTER and (link.group == OUTER or isinstance(link, Bridge)):
        pytest.skip("it may be of that group")
    wanted = state(BOX, BRIDGE, link)
    reconcile(wanted, Linux())
    lab.run(f"ip link set {link.host_end} group {group}")
    [step] = plan(Linux().observe(wanted.values()), wanted)
    assert (step.op, step.old.ungrouped, step.old.key) == ("~", True, link.key)
    assert changed(step.old, step.resource) == {"ungrouped"}
    reconcile(wanted, Linux())
    assert lab.json(f"ip -j -N -d link show {link.host_end}")[0]["group"] == str(link.group)
    assert not plan(Linux().observe(wanted.values()), wanted)


def changed(old: Resource, new: Resource) -> set[str]:
    return {name for name, value in old.values().items() if value != new.values().get(name)}


@pytest.mark.parametrize("what", EACH)
def test_and_goes_when_nobody_wants_it(lab: Lab, what: str):
    if lack := Missing().get(what):
        pytest.skip(lack)
    link: Link = EACH[what]
    reconcile(state(BOX, BRIDGE, link), Linux())
    lab.run(f"ip link set {link.host_end} group 0")
    reconcile({}, Linux())
    assert not {link.host_end, BRIDGE.name} & set(lab.links())


NAMED = network("driver_opts: {bridge_name: lan0}")
LAN = network("parent: uplink, ipam: {config: [{subnet: 10.9.0.0/24}]}, host_access: 10.9.0.250")
HOME = socket.gethostname()
OVERLAY = f"""
name: t
hosts: {{{HOME}: {{address: {HOST4}}}}}
networks: {{n: {{driver: overlay}}}}
containers: {{a: {{networks: [n], host: {HOME}}}}}
"""
LIMITED = network("", "a: {networks: {n: {bandwidth: {egress: 8mbit}}}}")


@pytest.mark.parametrize(
    ("manifest", "link"),
    [
        (WEB, "br-t-n"),
        (WEB, names.host_end("t-web", "eth0")),
        (NAMED, "lan0"),
        (OVERLAY, "br-t-n"),
        (OVERLAY, names.network_link("vxlan", names.network_id("t_n"))),
        (LIMITED, names.beside(names.host_end("t-a", "eth0"))),
    ],
)
def test_a_project_does_not_wait_for_its_own(lab: Lab, manifest: str, link: str):
    if manifest == OVERLAY:
        lab.succeed(lab.reconcile("--lock", lab.write(manifest)))
    lab.apply(manifest)
    before = lab.snapshot()
    lab.run(f"ip link set {link} group 0")
    [line] = lab.succeed(lab.plan(manifest)).out.splitlines()[1:2]
    assert "ungrouped True -> False" in line
    lab.apply(manifest)
    assert lab.planned(manifest) == [] and lab.snapshot() == before
    lab.run(f"ip link set {link} group 0")
    lab.destroy()
    assert link not in lab.links()


def test_a_watcher_puts_the_group_back_at_once(lab: Lab):
    port = names.host_end("t-web", "eth0")
    with watching(lab, lab.write(WEB)) as watcher:
        for link in ("br-t-n", port):
            lab.run(f"ip link set {link} group 0")
            watcher.until(
                lambda link=link: f'"group":"{GROUP}"' in lab.run(f"ip -j -N link show {link}").out, EVENT
            )
        watcher.synced()


# what is somebody else's


LOOK_ALIKES = {
    "another bridge": "link add copy type bridge\nlink set copy alias reconciler/t/t_n",
    "another kind": "link add br-t-x type ifb\nlink set br-t-x alias reconciler/t/t_x",
    "a pair": "link add copy type veth peer name other\nlink set copy alias reconciler/t/t-web/eth0",
    "more words": "link add br-t-x type bridge\nlink set br-t-x alias reconciler/t/t_x/notes",
    "fewer words": "link add br-t-x type bridge\nlink set br-t-x alias reconciler/t",
    "another project's": "link add br-t-x type bridge\nlink set br-t-x alias reconciler/u/u_x",
    "hardware": "link set uplink alias reconciler/t/t_n",
}  # fmt: skip


@pytest.mark.parametrize("what", LOOK_ALIKES)
def test_an_alias_alone_makes_nothing_ours(lab: Lab, what: str):
    lab.ip(LOOK_ALIKES[what])
    before = lab.links()
    lab.apply(WEB)
    assert lab.planned(WEB) == []
    lab.destroy()
    assert lab.links() == before


def test_a_bridge_with_our_alias_and_another_name_is_not_taken_over(lab: Lab):
    lab.ip("link add lan0 type bridge\nlink set lan0 alias reconciler/t/t_n")
    lab.refused(NAMED, "the host has a link lan0 that is not ours")


def test_who_is_put_into_our_group_is_ours(lab: Lab):
    """By that number, which nobody gives by hand."""
    lab.ip(f"link add theirs type bridge\nlink set theirs group {GROUP}")
    assert "delete link host/theirs" in lab.planned(WEB)
    lab.apply(WEB)
    assert "theirs" not in lab.links()
